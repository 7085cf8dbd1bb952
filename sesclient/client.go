// Package sesclient holds every fact about SES and AWS: the call that sends a
// mail, what its errors mean, the pace the account allows, and the identities
// that may send.
//
// A Client makes exactly one HTTP request per attempt: the SDK's own retries
// are off, whatever the environment says, because SES has no idempotency token
// and a lost answer would become three copies. Raw mail only, one recipient a
// call, with the Destination as the envelope. FromEmailAddress stays empty,
// since SES would put it in the place of the visible From header and drop the
// display name. FeedbackForwardingEmailAddress stays empty too: SES demands
// that it be verified and refuses the mail otherwise, and the envelope sender
// of a legacy application often is not. Bounces come as events.
//
// Every error is a *spool.SendError by the table in answers.go. "Nothing was
// sent" is said only when the connection proves it: bytes are counted below
// TLS, an error's type is not trusted.
//
// Pace keeps to what GetAccount says: it hands out reservations at an even
// rate (token bucket that starts empty), divides them between the two lanes,
// keeps the rolling 24-hour quota, and holds a last gate over the instants of
// the calls. It keeps nothing on disk; Snapshot and Restore carry the
// per-minute counts over a restart.
//
// Feedback reads what SES says afterwards: events from an SQS queue, and the
// account's suppression list.
package sesclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go/logging"

	"pabal/spool"
)

const (
	// callBase and callBytesPerSecond make a call's deadline: never short,
	// because a deadline that cuts off an answer manufactures duplicates.
	callBase           = 15 * time.Second
	callBytesPerSecond = 256 << 10

	// tagName is the SES message tag that carries our id; idHeader the header.
	tagName  = "pabal"
	idHeader = "X-Pabal-Id: "
)

// Options for New.
type Options struct {
	Region                    string  // "" takes it from the AWS configuration of the environment
	Endpoint                  string  // "" is AWS; else a base URL (the emulator, or another SES-compatible server)
	ConfigurationSet          string  // named in every call; "" is the identity's default set
	RateShare                 float64 // share of MaxSendRate aimed at; zero means 0.9
	Concurrency               int     // calls open at once; zero: from rate x measured call time
	TransactionalRateShare    float64 // share of the rate kept for the transactional lane; zero means 0.1
	TransactionalQuotaReserve float64 // share of the 24-hour quota bulk leaves alone; zero means 0.05
	StoreID                   string  // the store's name in our ids, for readers of logs; "" is left out
	Logger                    *slog.Logger
	Zone                      *time.Location // of times in reasons for people; nil means UTC
	Credentials               Credentials    // zero means AWS's default chain
	RootPEM                   []byte         // further root certificates, for an endpoint with a private CA; nil: none
	Dial                      Dial           // how to reach the endpoint; nil: TCP
	Resolver                  string         // host:port of the DNS server asked about senders' domains; "" is the system's
	NoDNS                     bool           // the DNS is not asked
}

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Credentials are fixed AWS keys, as the demo and tests use them.
type Credentials struct {
	AccessKey, SecretKey string
}

// Client calls SES v2; it implements spool.Sender and never retries by itself.
// Its methods may be called at the same time.
type Client struct {
	Pace *Pace

	api         *sesv2.Client
	config      aws.Config // for the clients of other services
	rootPEM     []byte
	dial        Dial
	credentials aws.CredentialsProvider
	region      string
	endpoint    string
	set         string
	log         *slog.Logger
	account     account
	identities  identities
	domains     domains
	resolver    *dnsClient    // nil: the DNS is not asked
	dnsLimit    time.Duration // for all look-ups about a domain
	tracked     tracked
	inFlight    atomic.Int64
	calls       callSums
}

// New loads AWS's default credential chain. It makes no call. It returns an
// error, with what to do, when the region or the endpoint cannot be used.
func New(ctx context.Context, o Options) (*Client, error) {
	if err := checkEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	log := logger(o)
	cfg, err := loadConfig(ctx, o, log)
	if err != nil {
		return nil, err
	}
	base, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		base = awshttp.NewBuildableClient()
	}
	web, err := httpClient(base, o.RootPEM, o.Dial)
	if err != nil {
		return nil, err
	}
	c := &Client{
		config:      cfg,
		rootPEM:     o.RootPEM,
		dial:        o.Dial,
		credentials: cfg.Credentials,
		region:      cfg.Region,
		endpoint:    o.Endpoint,
		set:         o.ConfigurationSet,
		dnsLimit:    dnsLimit,
		log:         log,
	}
	c.api = sesv2.NewFromConfig(cfg, func(s *sesv2.Options) {
		s.HTTPClient = web
		s.Retryer, s.RetryMaxAttempts, s.RetryMode = aws.NopRetryer{}, 0, ""
		if o.Endpoint != "" {
			s.BaseEndpoint = aws.String(o.Endpoint)
		}
		s.EndpointResolverV2 = &knownEndpoint{EndpointResolverV2: sesv2.NewDefaultEndpointResolverV2()}
	})
	if !o.NoDNS {
		c.resolver = resolver(o.Resolver)
	}
	c.calls.begin()
	c.account = newAccount(c.fetchFacts)
	c.identities = newIdentities(c.fetchIdentities)
	c.Pace = newPace(o)
	c.Pace.probe = c.probe
	c.account.changed = c.Pace.setFacts
	c.account.starts = c.Pace.factsMark
	return c, nil
}

func logger(o Options) *slog.Logger {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("part", "sesclient")
	if o.StoreID != "" {
		log = log.With("store", o.StoreID)
	}
	return log
}

func loadConfig(ctx context.Context, o Options, log *slog.Logger) (aws.Config, error) {
	with := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient()),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.LoggerFunc(func(kind logging.Classification, format string, v ...any) {
			log.Debug("sdk message", "kind", kind, "text", fmt.Sprintf(format, v...))
		})),
	}
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Credentials != (Credentials{}) {
		with = append(with, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(o.Credentials.AccessKey, o.Credentials.SecretKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, with...)
	if err != nil {
		return cfg, fmt.Errorf("read the AWS configuration: %w (check ~/.aws/config and the AWS_ variables)", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("no AWS region is set: set ses.region, for example \"ap-northeast-2\", or AWS_REGION")
	}
	return cfg, nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("ses.endpoint %q is not a base URL: write it like http://127.0.0.1:4579, or leave it empty for AWS", endpoint)
	}
	return nil
}

// Send makes one attempt to hand m.Data to SES for m.To and returns the SES
// message id. Any error is a *spool.SendError. The header X-Pabal-Id with m.Tag
// and m.Head are put in front of the mail; m.Data is not changed and not kept.
func (c *Client) Send(ctx context.Context, m *spool.Message) (string, error) {
	c.inFlight.Add(1)
	defer c.inFlight.Add(-1)
	var out *sesv2.SendEmailOutput
	began := time.Now()
	err := c.call(ctx, callLimit(len(m.Data)), func(ctx context.Context) (err error) {
		out, err = c.api.SendEmail(ctx, c.input(m), carrying(m))
		return err
	})
	took := time.Since(began)
	if err != nil {
		return "", c.refused(err, m, took)
	}
	c.Pace.observe(took)
	if aws.ToString(out.MessageId) == "" {
		lost := refusal(spool.Ambiguous, "", "HTTP 200 without a message id")
		c.calls.ended(m.Lane, lost, took)
		return "", lost
	}
	c.calls.ended(m.Lane, nil, took)
	return *out.MessageId, nil
}

// refused classifies a failed attempt. The time to an answer counts for the
// call time even if the answer is no; the time to none does not.
func (c *Client) refused(err error, m *spool.Message, took time.Duration) *spool.SendError {
	refused := classify(err, m, c.setOf(m))
	if refused.Code != "" {
		c.Pace.observe(took)
	}
	c.calls.ended(m.Lane, refused, took)
	c.log.Debug("attempt refused", "message", m.ID, "class", refused.Class, "err", refused)
	return refused
}

// input is the call without the mail, which carrying adds.
func (c *Client) input(m *spool.Message) *sesv2.SendEmailInput {
	in := &sesv2.SendEmailInput{
		Content:     &types.EmailContent{Raw: &types.RawMessage{Data: []byte{}}},
		Destination: &types.Destination{ToAddresses: []string{m.To}},
	}
	if m.Tag != "" {
		in.EmailTags = []types.MessageTag{{Name: aws.String(tagName), Value: aws.String(m.Tag)}}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Tags)) {
		in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(name), Value: aws.String(m.Tags[name])})
	}
	if set := c.setOf(m); set != "" {
		in.ConfigurationSetName = aws.String(set)
	}
	return in
}

// setOf is the configuration set a message goes with.
func (c *Client) setOf(m *spool.Message) string { return cmp.Or(m.ConfigurationSet, c.set) }

func callLimit(bytes int) time.Duration {
	return callBase + time.Duration(bytes)*time.Second/callBytesPerSecond
}

// call runs one API call within limit and says, if it fails, whether any byte
// of it was written. Credentials are fetched first, so that their failure is
// told apart from SES's.
func (c *Client) call(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	if _, err := c.credentials.Retrieve(ctx); err != nil {
		got := GotCredentials
		if ctx.Err() != nil {
			got = GotUnsent
		}
		return &callError{err: err, got: got, after: time.Since(began)}
	}
	var w wire
	err := do(w.watch(ctx))
	if err == nil {
		return nil
	}
	failed := &callError{err: err, got: GotUnsent, after: time.Since(began)}
	if w.written() {
		failed.got = GotNothing
	}
	return failed
}

// Run refreshes account facts (every minute; at once after a rate, quota or
// account answer) until ctx ends, and returns nil then.
func (c *Client) Run(ctx context.Context) error {
	wait := time.Duration(0)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-c.Pace.kick:
			timer.Stop()
		}
		wait = c.refreshed(ctx, wait)
	}
}

// refreshed asks once and says when to ask again: soon, then less and less
// often, while SES does not answer.
func (c *Client) refreshed(ctx context.Context, last time.Duration) time.Duration {
	_, err := c.account.get(ctx, 0)
	if err == nil {
		return factsEvery
	}
	if ctx.Err() == nil {
		c.log.Warn("account facts not refreshed", "err", strings.TrimSpace(err.Error()))
	}
	return min(max(2*last, factsRetry), factsEvery)
}
