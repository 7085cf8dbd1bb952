package sesclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"pabal/spool"
)

const notVerified = "Email address is not verified. The following identities failed the check in region AP-NORTHEAST-2: "

// answerCase is what SES (or something before it) does, and what it means.
type answerCase struct {
	name   string
	answer http.HandlerFunc
	class  spool.Class
	scope  spool.Scope
	text   string // part of the text
}

// codes makes a case of each code with the same meaning.
func codes(status int, message string, class spool.Class, scope spool.Scope, codes ...string) []answerCase {
	var cases []answerCase
	for _, code := range codes {
		cases = append(cases, answerCase{code + ": " + message, apiError(status, code, message), class, scope, message})
	}
	return cases
}

func answerCases() []answerCase {
	cases := []answerCase{
		{"bare 500", plain(500, "oops"), spool.Ambiguous, "", "HTTP 500 Internal Server Error without an SES error"},
		{"bare 502", plain(502, ""), spool.Ambiguous, "", "HTTP 502"},
		{"bare 504", plain(504, "<html>"), spool.Ambiguous, "", "HTTP 504"},
		{"JSON 502 without a code", plain(502, `{"message":"upstream"}`), spool.Ambiguous, "", "upstream"},
		{"html 503", plain(503, "<html>busy</html>"), spool.Temporary, "", "HTTP 503"},
		{"bare 408", plain(408, ""), spool.Temporary, "", "HTTP 408"},
		{"bare 400", plain(400, "nonsense"), spool.Temporary, "", "HTTP 400"},
		{"bare 413", plain(413, "<html>"), spool.Permanent, "", "HTTP 413"},
		{"bare 429", plain(429, ""), spool.Rate, "all", "HTTP 429"},
		{"proxy's 403", plain(403, "<html>blocked"), spool.Credentials, "all", "HTTP 403"},
		{"redirect", plain(307, ""), spool.Configuration, "all", "HTTP 307"},
		{"something else's 404", plain(404, "<html>"), spool.Configuration, "all", "HTTP 404"},
		{"success that is no JSON", plain(200, "<html>welcome</html>"), spool.Ambiguous, "", "unreadable"},
		{"success cut in the body", hangUp(false, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Mess"), spool.Ambiguous, "", "unreadable"},
		{"success without an id", plain(200, "{}"), spool.Ambiguous, "", "without a message id"},
		{"hung up after the request", hangUp(false, ""), spool.Ambiguous, "", "no answer after"},
		{"reset after the request", hangUp(true, ""), spool.Ambiguous, "", "no answer after"},
		{"half a status line", hangUp(false, "HTTP/1.1 2"), spool.Ambiguous, "", "no answer after"},
		{"sandbox recipient", apiError(400, "MessageRejected", notVerified+"customer@example.net"), spool.Permanent, "", "sandbox"},
		{"sender", apiError(400, "MessageRejected", notVerified+"shop@example.com"), spool.Identity, "from:example.com", "not verified"},
		{"sender with a name, and recipient", apiError(400, "MessageRejected", notVerified+"customer@example.net, Shop <SHOP@example.com>"), spool.Identity, "from:example.com", "not verified"},
		{"sender's domain", apiError(400, "MessageRejected", notVerified+"example.com"), spool.Identity, "from:example.com", "not verified"},
		{"nobody named", apiError(400, "MessageRejected", "Email address is not verified."), spool.Identity, "from:example.com", "not verified"},
	}
	for _, more := range [][]answerCase{
		codes(429, "Maximum sending rate exceeded.", spool.Rate, "all", "TooManyRequestsException", "SomethingNew"),
		codes(400, "Rate exceeded", spool.Rate, "all", "Throttling", "ThrottlingException", "RequestThrottledException", "SlowDown"),
		codes(400, "Daily message quota exceeded.", spool.Quota, "all", "LimitExceededException", "Throttling", "TooManyRequestsException", "MessageRejected"),
		codes(400, "Too many instances of the resource.", spool.Quota, "all", "LimitExceededException"),
		codes(400, "The account was suspended.", spool.Account, "all", "AccountSuspendedException"),
		codes(400, "Account is paused", spool.Account, "all", "SendingPausedException", "AccountSendingPausedException", "BadRequestException"),
		codes(400, "Sending suspended for this account.", spool.Account, "all", "MessageRejected"),
		codes(400, "Sending is paused for configuration set <main>", spool.Configuration, "configuration_set:main", "SendingPausedException", "ConfigurationSetSendingPausedException"),
		codes(400, "The MAIL FROM domain is not verified", spool.Identity, "from:example.com", "MailFromDomainNotVerifiedException"),
		codes(400, "Duplicate header 'Subject'.", spool.Permanent, "", "MessageRejected", "BadRequestException", "ValidationError", "ValidationException"),
		codes(400, "Illegal configuration set name", spool.Configuration, "configuration_set:main", "BadRequestException"),
		codes(413, "Too big", spool.Permanent, "", "RequestEntityTooLargeException"),
		codes(404, "Configuration set <main> does not exist.", spool.Configuration, "configuration_set:main", "NotFoundException", "ConfigurationSetDoesNotExistException"),
		codes(403, "User is not authorized to perform ses:SendRawEmail", spool.Credentials, "all", "AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"),
		codes(403, "The security token is not valid.", spool.Credentials, "all", "UnrecognizedClientException", "IncompleteSignature", "ExpiredTokenException", "InvalidClientTokenId"),
		codes(403, "Signature not right.", spool.Credentials, "all", "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired"),
		codes(500, "Internal error", spool.Temporary, "", "InternalServiceErrorException", "InternalFailure"),
		codes(503, "Service unavailable", spool.Temporary, "", "ServiceUnavailable", "ServiceUnavailableException"),
		codes(408, "Too slow", spool.Temporary, "", "RequestTimeout"),
		codes(400, "Never heard of", spool.Temporary, "", "SomethingNewException"),
		codes(500, "Never heard of", spool.Temporary, "", "SomethingNewException"),
	} {
		cases = append(cases, more...)
	}
	return cases
}

// Every answer through the real SDK and a real connection: its class, its
// scope, one request only; and every row of the table is met by some answer.
func TestAnswersOfSES(t *testing.T) {
	fake := newFakeSES(t, false)
	c := fake.client(t, "main")
	met := map[int]bool{}
	for _, tc := range answerCases() {
		t.Run(tc.name, func(t *testing.T) {
			fake.answers(tc.answer)
			id, err := c.Send(t.Context(), testMail(1000))
			refusal := wantRefusal(t, err, tc.class, tc.scope)
			if id != "" {
				t.Errorf("got the id %q with an error", id)
			}
			if !strings.Contains(refusal.Text, tc.text) {
				t.Errorf("text %q, want one with %q", refusal.Text, tc.text)
			}
			if n := len(fake.got()); n != 1 {
				t.Errorf("%d requests, want 1: nothing may retry by itself", n)
			}
			if refusal.Hint == "" {
				t.Errorf("no hint for %s", refusal.Class)
			}
			if suspended := strings.Contains(tc.text, "uspended"); refusal.Manual != suspended {
				t.Errorf("manual %t: only a suspended account waits for a person", refusal.Manual)
			}
			if refusal.Err != nil {
				met[rowOf(examine(refusal.Err, testMail(1)))] = true
			}
		})
	}
	met[rowOf(ending{got: GotUnsent})], met[rowOf(ending{got: GotCredentials})] = true, true // tests of their own below
	for i, row := range Answers() {
		if !met[i] {
			t.Errorf("row %d (%s %v %v %q) is met by no answer here", i, row.Got, row.Codes, row.Status, row.Example)
		}
	}
}

func rowOf(e ending) int {
	for i, a := range Answers() {
		if a.fits(e) {
			return i
		}
	}
	return -1
}

// Each row's own codes and example lead to that row: no earlier row hides it.
func TestNoRowHidesAnother(t *testing.T) {
	for i, row := range Answers() {
		if row.Got != GotError || row.Codes == nil && row.Pattern == nil {
			continue
		}
		for _, code := range append(row.Codes, "Whatever")[:max(1, len(row.Codes))] {
			e := ending{got: GotError, code: code + "Exception", message: row.Example, recipient: row.Recipient}
			if got := rowOf(e); got != i {
				t.Errorf("row %d: %s %q is answered by row %d", i, code, row.Example, got)
			}
		}
	}
}

func TestNothingWrittenIsNetwork(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + closed.Addr().String()
	_ = closed.Close()
	tlsFake := newFakeSES(t, true)
	mute, _ := silentListener(t)
	for name, endpoint := range map[string]string{
		"connection refused":        refusing,
		"no such host":              "http://no-such-host.invalid",
		"unknown certificate":       tlsFake.URL,
		"TLS handshake never ended": "https://" + mute,
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{Region: "eu-west-1", Endpoint: endpoint, Credentials: Credentials{"a", "b"}})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := c.Send(ctx, testMail(100))
			refusal := wantRefusal(t, err, spool.Network, "all")
			if !strings.HasPrefix(refusal.Text, "nothing was sent: ") {
				t.Errorf("text %q", refusal.Text)
			}
			if err := c.Pace.Probe(ctx); Classify(err).Class != spool.Network {
				t.Errorf("probe: %v", err)
			}
		})
	}
	if n := len(tlsFake.got()); n != 0 {
		t.Errorf("%d requests reached a server that was not trusted", n)
	}
}

// silentListener accepts, reads a first piece of what comes, tells begun, and
// never says a word.
func silentListener(t *testing.T) (address string, begun <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pieces, over := make(chan struct{}, 16), make(chan struct{})
	t.Cleanup(func() { close(over); _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 16)); err == nil {
					pieces <- struct{}{}
				}
				<-over
			}()
		}
	}()
	return l.Addr().String(), pieces
}

func TestCutOffInTheMiddleIsAmbiguous(t *testing.T) {
	mute, begun := silentListener(t)
	for _, size := range []int{100, 8 << 20} { // written whole; and stuck half-way
		c := newClient(t, Options{Region: "eu-west-1", Endpoint: "http://" + mute, Credentials: Credentials{"a", "b"}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-begun; cancel() }()
		_, err := c.Send(ctx, testMail(size))
		refusal := wantRefusal(t, err, spool.Ambiguous, "")
		if !strings.Contains(refusal.Text, "no answer after") || !strings.Contains(refusal.Text, "the call was cut off") {
			t.Errorf("%d bytes: text %q", size, refusal.Text)
		}
	}
}

func TestCallThatWasOverBeforeItBegan(t *testing.T) {
	mute, _ := silentListener(t)
	c := newClient(t, Options{Region: "eu-west-1", Endpoint: "http://" + mute, Credentials: Credentials{"a", "b"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Send(ctx, testMail(100))
	wantRefusal(t, err, spool.Network, "all")
}

// A kept connection that SES closes over the second request: one request, and
// nobody knows.
func TestClosedKeptConnectionIsAmbiguous(t *testing.T) {
	for _, tls := range []bool{false, true} {
		fake := newFakeSES(t, tls)
		c := fake.client(t, "")
		if _, err := c.Send(t.Context(), testMail(100)); err != nil {
			t.Fatal(err)
		}
		fake.answers(hangUp(false, ""))
		_, err := c.Send(t.Context(), testMail(100))
		wantRefusal(t, err, spool.Ambiguous, "")
		if n := len(fake.got()); n != 1 {
			t.Errorf("tls %t: %d requests, want 1", tls, n)
		}
	}
}

func TestMissingCredentials(t *testing.T) {
	fake := newFakeSES(t, false)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	c := newClient(t, Options{Region: "eu-west-1", Endpoint: fake.URL})
	_, err := c.Send(t.Context(), testMail(100))
	refusal := wantRefusal(t, err, spool.Credentials, "all")
	if !strings.Contains(refusal.Text, "no AWS credentials") || len(fake.got()) != 0 {
		t.Errorf("text %q, %d requests", refusal.Text, len(fake.got()))
	}
}

func TestWrongClockIsNamed(t *testing.T) {
	fake := newFakeSES(t, false)
	fake.answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(42*time.Minute).UTC().Format(http.TimeFormat))
		apiError(403, "InvalidSignatureException", "Signature expired: now later")(w, r)
	})
	_, err := fake.client(t, "").Send(t.Context(), testMail(100))
	refusal := wantRefusal(t, err, spool.Credentials, "all")
	if !strings.Contains(refusal.Text, "this computer's clock is 4") || !strings.Contains(refusal.Text, "slow") {
		t.Errorf("text %q does not say how wrong the clock is", refusal.Text)
	}
}

func TestClassifyOfOtherErrors(t *testing.T) {
	if Classify(nil) != nil {
		t.Error("nil became an error")
	}
	for _, err := range []error{errors.New("strange"), context.Canceled, &net.OpError{Op: "dial", Err: errors.New("refused")}} {
		if got := Classify(err); got.Class != spool.Ambiguous {
			t.Errorf("%v: %s, want ambiguous: its type proves nothing", err, got.Class)
		}
	}
	known := &spool.SendError{Class: spool.Quota}
	if got := Classify(errors.Join(errors.New("outer"), known)); got != known {
		t.Errorf("a SendError became %v", got)
	}
}

func TestScopesWithoutAMail(t *testing.T) {
	domain := ending{failing: []string{"shop@Example.org"}}
	if got := domain.scope(ScopeFrom, nil, ""); got != "from:example.org" {
		t.Errorf("from the failing identity: %s", got)
	}
	if got := (ending{}).scope(ScopeFrom, nil, ""); got != spool.ScopeAll {
		t.Errorf("nothing known: %s", got)
	}
	set := ending{message: "Configuration set <big> does not exist."}
	if got := set.scope(ScopeSet, nil, ""); got != "configuration_set:big" {
		t.Errorf("from the message: %s", got)
	}
}

func FuzzFailingIdentities(f *testing.F) {
	f.Add(notVerified + "a@b.c, D <e@f.g>")
	f.Add("identities failed the check in region x: <,>,@,<<@")
	f.Fuzz(func(t *testing.T, message string) {
		for _, name := range failingIdentities(message) {
			if name == "" || strings.TrimSpace(name) != name {
				t.Fatalf("%q from %q", name, message)
			}
			_ = domainOf(name)
		}
		_ = namedSet(message)
		_ = onlyRecipientFails(failingIdentities(message), testMail(1))
	})
}
