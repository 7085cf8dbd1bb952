package sesclient

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

const (
	verifiedFor   = 5 * time.Minute // an identity found verified counts so long
	unverifiedFor = time.Minute     // one not found is looked for again after
	failedRest    = 30 * time.Second
	never         = time.Duration(1 << 62) // the age of no list
	identityPage  = 1000                   // the most a ListEmailIdentities call gives
	identityPages = 20                     // 10,000 identities is SES's limit; the rest is slack
)

// Identity is one verified or pending sender.
type Identity struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // domain, address
	Verified bool   `json:"verified"`
	Status   string `json:"status"` // SUCCESS, PENDING, FAILED, TEMPORARY_FAILURE, NOT_STARTED; "" where SES did not say
}

// identities keeps the last list. One listing is under way at a time.
type identities struct {
	fetch func(context.Context) ([]Identity, error)
	busy  chan struct{} // held while listing

	mu    sync.Mutex
	list  []Identity
	at    time.Time // of list; zero: none yet
	began time.Time // of the last try
	err   error     // of the last try
}

func newIdentities(fetch func(context.Context) ([]Identity, error)) identities {
	return identities{fetch: fetch, busy: make(chan struct{}, 1)}
}

// Verified reports whether SES may send from an address (or a domain): the
// address itself, its domain or a domain above it is a verified identity. A
// yes is kept for 5 minutes, a no for one; SES is asked by one caller at a
// time. Errors are *spool.SendError.
func (c *Client) Verified(ctx context.Context, address string) (bool, error) {
	if list, age := c.identities.known(); age <= verifiedFor {
		yes := covers(list, address)
		if yes || age <= unverifiedFor {
			return yes, nil
		}
	}
	list, err := c.identities.refresh(ctx, unverifiedFor)
	if err != nil {
		return false, Classify(err)
	}
	return covers(list, address), nil
}

// MaySend is Verified for mail that is being handed in and cannot wait: while
// SES cannot be asked, the last list counts however old it is, and for failedRest
// after a try that failed SES is not asked again. An error means that there has
// been no list yet.
func (c *Client) MaySend(ctx context.Context, address string) (bool, error) {
	var err error
	if !c.identities.resting() {
		var yes bool
		if yes, err = c.Verified(ctx, address); err == nil {
			return yes, nil
		}
	}
	if list, age := c.identities.known(); age < never {
		return covers(list, address), nil
	}
	if err == nil {
		err = c.identities.failure()
	}
	return false, err
}

// Identities lists all identities of the region, fresh from SES. Errors are
// *spool.SendError.
func (c *Client) Identities(ctx context.Context) ([]Identity, error) {
	list, err := c.identities.refresh(ctx, apiPause)
	if err != nil {
		return nil, Classify(err)
	}
	return slices.Clone(list), nil
}

func (i *identities) known() (list []Identity, age time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.at.IsZero() {
		return nil, never
	}
	return i.list, time.Since(i.at)
}

// resting reports whether the last try failed a moment ago.
func (i *identities) resting() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err != nil && time.Since(i.began) < failedRest
}

// failure is why the last try failed.
func (i *identities) failure() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err == nil { // another has come since
		return errors.New("the identities are not known yet")
	}
	return Classify(i.err)
}

// refresh lists again unless the list is younger than maxAge or was asked for
// after this caller came.
func (i *identities) refresh(ctx context.Context, maxAge time.Duration) ([]Identity, error) {
	came := time.Now()
	select {
	case i.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, &callError{err: ctx.Err(), got: GotUnsent}
	}
	defer func() { <-i.busy }()
	if list, age := i.known(); age <= maxAge {
		return list, nil
	}
	i.mu.Lock()
	began, err := i.began, i.err
	i.mu.Unlock()
	if err != nil && !began.Before(came) {
		return nil, err
	}
	if err := pause(ctx, began.Add(apiPause)); err != nil {
		return nil, &callError{err: err, got: GotUnsent}
	}
	return i.ask(ctx)
}

// forget makes the next question go to SES.
func (i *identities) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.at = time.Time{}
}

func (i *identities) ask(ctx context.Context) ([]Identity, error) {
	began := time.Now()
	list, err := i.fetch(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.began, i.err = began, err
	if err == nil {
		i.list, i.at = list, time.Now()
	}
	return list, err
}

// fetchIdentities reads all pages, one a second (the most SES allows).
func (c *Client) fetchIdentities(ctx context.Context) ([]Identity, error) {
	var list []Identity
	in := &sesv2.ListEmailIdentitiesInput{PageSize: aws.Int32(identityPage)}
	for page := range identityPages {
		began := time.Now()
		var out *sesv2.ListEmailIdentitiesOutput
		err := c.call(ctx, apiLimit, func(ctx context.Context) (err error) {
			out, err = c.api.ListEmailIdentities(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, info := range out.EmailIdentities {
			list = append(list, identity(info))
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" || page == identityPages-1 {
			break
		}
		if err := pause(ctx, began.Add(apiPause)); err != nil {
			return nil, &callError{err: err, got: GotUnsent}
		}
	}
	return list, nil
}

func identity(info types.IdentityInfo) Identity {
	i := Identity{Name: aws.ToString(info.IdentityName), Type: "domain", Verified: info.SendingEnabled, Status: string(info.VerificationStatus)}
	if info.IdentityType == types.IdentityTypeEmailAddress {
		i.Type = "address"
	}
	return i
}

// covers reports whether a verified identity is the address, its domain or a
// domain above it: SES lets subdomains and addresses inherit the verification
// of a domain (developer guide, creating identities).
func covers(list []Identity, address string) bool {
	domain := strings.ToLower(domainOf(address))
	for _, i := range list {
		if !i.Verified {
			continue
		}
		if sameAddress(i.Name, address) {
			return true
		}
		name := strings.ToLower(i.Name)
		if !strings.Contains(name, "@") && name != "" && (domain == name || strings.HasSuffix(domain, "."+name)) {
			return true
		}
	}
	return false
}

// sameAddress compares as SES does: the part before the @ letter by letter,
// the domain in any case.
func sameAddress(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return i >= 0 && j >= 0 && a[:i] == b[:j] && strings.EqualFold(a[i:], b[j:])
}
