package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/smithy-go"
)

func TestFaultsThatRefuse(t *testing.T) {
	s, c := pair(t, Options{Rate: -1})
	for _, x := range []struct {
		kind   string
		status int
		code   string
		text   string
	}{
		{"throttle", 429, "TooManyRequestsException", "Maximum sending rate exceeded."},
		{"throttling", 400, "Throttling", "Maximum sending rate exceeded."},
		{"api_throttle", 429, "TooManyRequestsException", "Rate exceeded"},
		{"quota", 400, "LimitExceededException", "Daily message quota exceeded."},
		{"error500", 500, "InternalServiceErrorException", ""},
		{"unavailable", 503, "ServiceUnavailable", ""},
		{"paused", 400, "SendingPausedException", "paused"},
		{"suspended", 400, "AccountSuspendedException", ""},
		{"unverified", 400, "MailFromDomainNotVerifiedException", ""},
		{"unverified_identity", 400, "MessageRejected", "Email address is not verified. The following identities failed"},
		{"bad_request", 400, "BadRequestException", ""},
		{"rejected", 400, "MessageRejected", ""},
		{"too_large", 413, "RequestEntityTooLargeException", ""},
		{"access_denied", 403, "AccessDeniedException", "not authorized"},
		{"expired_token", 403, "ExpiredTokenException", "expired"},
		{"clock_skew", 403, "SignatureDoesNotMatch", "Signature expired"},
		{"not_found", 404, "NotFoundException", ""},
	} {
		t.Run(x.kind, func(t *testing.T) {
			s.SetFault(Fault{Kind: x.kind, Count: 1})
			_, err := send(t, c, raw(mailText, "a@example.net"))
			wantCode(t, err, x.code, x.text)
			wantStatus(t, err, x.status)
		})
	}
	s.SetFault(Fault{Kind: "custom", Status: 418, Code: "Teapot", Text: "short", Count: 1})
	_, err := send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "Teapot", "short")
	if s.Count() != 0 {
		t.Errorf("%d accepted, want none", s.Count())
	}
	mustSend(t, c, raw(mailText, "a@example.net"))
}

func TestGatewayFaultsCarryNoCode(t *testing.T) {
	s, c := pair(t, Options{})
	for kind, status := range map[string]int{"bare502": 502, "html503": 503} {
		s.SetFault(Fault{Kind: kind, Count: 1})
		_, err := send(t, c, raw(mailText, "a@example.net"))
		wantStatus(t, err, status)
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() != "UnknownError" {
			t.Errorf("%s has the code %s", kind, api.ErrorCode())
		}
	}
}

func TestResetIsNotAccepted(t *testing.T) {
	s, c := pair(t, Options{})
	s.SetFault(Fault{Kind: "reset", Count: 1})
	_, err := send(t, c, raw(mailText, "a@example.net"))
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	if s.Count() != 0 || s.Calls("SendEmail") != 1 {
		t.Errorf("%d accepted in %d calls", s.Count(), s.Calls("SendEmail"))
	}
}

func TestLostAnswerIsAccepted(t *testing.T) {
	s, c := pair(t, Options{Rate: -1})
	mustSend(t, c, raw(mailText, "a@example.net")) // so that the connection is an old one
	s.SetFault(Fault{Kind: "lost", Count: 2})
	for range 2 {
		if _, err := send(t, c, raw(mailText, "a@example.net")); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want EOF", err)
		}
	}
	if s.Count() != 3 || s.Calls("SendEmail") != 3 {
		t.Errorf("%d accepted in %d calls, want 3 and 3", s.Count(), s.Calls("SendEmail"))
	}
}

func TestHangingAnswerIsAcceptedAndEndsWithTheClient(t *testing.T) {
	s, c := pair(t, Options{})
	s.SetFault(Fault{Kind: "hang", Count: 1})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.SendEmail(ctx, raw(mailText, "a@example.net"))
		done <- err
	}()
	if err := s.WaitAccepted(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCloseEndsAHangingCall(t *testing.T) {
	s, c := pair(t, Options{})
	s.SetFault(Fault{Kind: "hang"})
	done := make(chan error, 1)
	go func() {
		_, err := c.SendEmail(context.Background(), raw(mailText, "a@example.net"))
		done <- err
	}()
	if err := s.WaitAccepted(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("the call was answered")
	}
}

func TestGarbageIsAcceptedWithAnUnreadableAnswer(t *testing.T) {
	s, c := pair(t, Options{})
	s.SetFault(Fault{Kind: "garbage", Count: 1})
	_, err := send(t, c, raw(mailText, "a@example.net"))
	var api smithy.APIError
	if err == nil || errors.As(err, &api) || s.Count() != 1 {
		t.Errorf("got %v, %d accepted", err, s.Count())
	}
}

func TestSlowAndLatencyDelayTheAnswerOnly(t *testing.T) {
	s, c := pair(t, Options{Latency: 30 * time.Millisecond})
	s.SetFault(Fault{Kind: "slow", Delay: 60 * time.Millisecond, Count: 1})
	begin := time.Now()
	mustSend(t, c, raw(mailText, "a@example.net"))
	slow := time.Since(begin)
	if at := s.Accepted()[0].At.Sub(begin); slow < 90*time.Millisecond || at > slow-90*time.Millisecond {
		t.Errorf("answered after %v, accepted after %v", slow, at)
	}
	begin = time.Now()
	mustSend(t, c, raw(mailText, "a@example.net"))
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("answered after %v in spite of latency", took)
	}
}

func TestRefusedConnectionsUntilCleared(t *testing.T) {
	s, url := start(t, Options{Rate: -1})
	var dials atomic.Int32
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	c := sdk(t, url, client.Transport)
	mustSend(t, c, raw(mailText, "a@example.net"))
	s.SetFault(Fault{Kind: "refuse"})
	for range 3 {
		// An old connection may notice only now that it was closed.
		_, err := send(t, c, raw(mailText, "a@example.net"))
		if err == nil {
			t.Fatal("a call was answered")
		}
	}
	_, err := send(t, c, raw(mailText, "a@example.net"))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("got %v, want a refused dial", err)
	}
	if s.Calls("SendEmail") != 1 {
		t.Errorf("%d calls came, want the first alone", s.Calls("SendEmail"))
	}
	s.ClearFaults()
	before := dials.Load()
	for range 3 {
		resp, err := client.Do(call(url, sendBody(100))) // the SDK drops a connection now and then by itself
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if n := dials.Load() - before; n != 1 {
		t.Errorf("%d connections for three calls after the fault, want 1", n)
	}
}

func TestCountedRefuseResetsConnections(t *testing.T) {
	s, c := pair(t, Options{})
	s.SetFault(Fault{Kind: "refuse", Count: 2})
	for i := range 2 {
		if _, err := send(t, c, raw(mailText, "a@example.net")); err == nil {
			t.Errorf("call %d was answered", i)
		}
	}
	mustSend(t, c, raw(mailText, "a@example.net"))
	if s.Calls("SendEmail") != 1 {
		t.Errorf("%d calls came, want 1", s.Calls("SendEmail"))
	}
}

func TestFaultsHonourCountEveryMatchAndOp(t *testing.T) {
	s, c := pair(t, Options{Rate: -1})
	failed := func(to string) bool {
		_, err := send(t, c, raw(mailText, to))
		return err != nil
	}
	s.SetFault(Fault{Kind: "error500", Every: 3, Count: 2})
	var got []int
	for i := 1; i <= 10; i++ {
		if failed("a@example.net") {
			got = append(got, i)
		}
	}
	if len(got) != 2 || got[0] != 3 || got[1] != 6 {
		t.Errorf("every third, twice, struck calls %v", got)
	}
	s.SetFault(Fault{Kind: "error500", Match: "B@Example"})
	if failed("a@example.net") || !failed("b@example.net") {
		t.Error("match b@ struck the wrong mail")
	}
	s.ClearFaults()
	ctx := context.Background()
	s.SetFault(Fault{Kind: "access_denied", Op: "GetAccount", Count: 1})
	if failed("a@example.net") {
		t.Error("a fault of GetAccount struck a send")
	}
	_, err := c.GetAccount(ctx, &sesv2.GetAccountInput{})
	wantCode(t, err, "AccessDeniedException", "")
	s.SetFault(Fault{Kind: "error500"})
	if _, err := c.GetAccount(ctx, &sesv2.GetAccountInput{}); err != nil {
		t.Errorf("a fault of sends struck GetAccount: %v", err)
	}
	s.ClearFaults()
	s.SetFault(Fault{Kind: "lost", Op: "*"})
	if _, err := c.GetAccount(ctx, &sesv2.GetAccountInput{}); err == nil || !failed("a@example.net") {
		t.Error("a fault of every call spared one")
	}
}

func TestTransportShowsFaultsAsASocketWould(t *testing.T) {
	s, c := local(t, Options{Rate: -1})
	for kind, want := range map[string]error{
		"refuse": syscall.ECONNREFUSED, "reset": syscall.ECONNRESET, "lost": io.ErrUnexpectedEOF,
	} {
		s.SetFault(Fault{Kind: kind, Count: 1})
		if _, err := send(t, c, raw(mailText, "a@example.net")); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", kind, err, want)
		}
	}
	s.SetFault(Fault{Kind: "refuse"})
	if _, err := send(t, c, raw(mailText, "a@example.net")); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want refused", err)
	}
	s.ClearFaults()
	s.SetFault(Fault{Kind: "hang"})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.SendEmail(ctx, raw(mailText, "a@example.net")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: got %v", err)
	}
	if s.Count() != 2 {
		t.Errorf("%d accepted, want lost and hang", s.Count())
	}
}

func TestUnknownFaultPanics(t *testing.T) {
	s, _ := local(t, Options{})
	defer func() {
		if recover() == nil {
			t.Error("SetFault took a kind it does not know")
		}
	}()
	s.SetFault(Fault{Kind: "explode"})
}

// tlsClient serves s over TLS and trusts its certificate.
func tlsClient(t testing.TB, s *Server) *sesv2.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.ServeTLS(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ServeTLS: %v", err)
		}
	})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertificatePEM()) {
		t.Fatal("the certificate is not PEM")
	}
	return sdk(t, "https://"+l.Addr().String(), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true})
}

func TestTLSWithFaults(t *testing.T) {
	s, err := New(Options{Rate: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := tlsClient(t, s)
	mustSend(t, c, raw(mailText, "a@example.net"))
	s.SetFault(Fault{Kind: "reset", Count: 1})
	if _, err := send(t, c, raw(mailText, "a@example.net")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
	s.SetFault(Fault{Kind: "lost", Count: 1})
	if _, err := send(t, c, raw(mailText, "a@example.net")); err == nil {
		t.Error("a lost answer came")
	}
	mustSend(t, c, raw(mailText, "a@example.net"))
	if s.Count() != 3 {
		t.Errorf("%d accepted, want 3", s.Count())
	}
}
