package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// rig is a server on real stores and a client of it.
type rig struct {
	*Client
	server *Server
	log    *safeBuffer
	stop   func()
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pabal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func newRig(t *testing.T, change ...func(*Server)) *rig {
	t.Helper()
	dir := shortDir(t)
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	campaigns, err := campaign.Open(dir, people, sp)
	if err != nil {
		t.Fatal(err)
	}
	ses, err := sesclient.New(t.Context(), sesclient.Options{Region: "ap-northeast-2", Endpoint: "http://127.0.0.1:9", Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	people.Past = campaigns
	log := &safeBuffer{}
	s := &Server{Socket: filepath.Join(dir, "run", "c.sock"), Version: "v-server", People: people, Campaigns: campaigns, Spool: sp, SES: ses,
		Inbox: Inbox{Folder: filepath.Join(dir, "inbox"), Target: "shop@example.com"}, SMTP: func() any { return map[string]int{"accepted": 3} }, Logger: slog.New(slog.NewJSONHandler(log, nil))}
	for _, do := range change {
		do(s)
	}
	if err := s.Bind(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r := &rig{Client: NewClient(s.Socket, "v-client"), server: s, log: log}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(func() {
		r.Client.Close()
		r.stop()
		if err := errors.Join(campaigns.Close(), sp.Close(), people.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func wantProblem(t *testing.T, err error, what, hint string, target error) {
	t.Helper()
	var p *eml.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a problem", err)
	}
	if !strings.Contains(p.What, what) || p.Hint == "" || !strings.Contains(p.Hint, hint) {
		t.Errorf("got %q and %q, want %q and %q", p.What, p.Hint, what, hint)
	}
	if target != nil && !errors.Is(err, target) {
		t.Errorf("%v is not %v", err, target)
	}
}

func TestSocketIsForItsGroupOnly(t *testing.T) {
	r := newRig(t)
	socket, err := os.Stat(r.Socket)
	if err != nil || socket.Mode().Perm() != 0o660 {
		t.Errorf("socket %v, %v", socket.Mode(), err)
	}
	dir, err := os.Stat(filepath.Dir(r.Socket))
	if err != nil || dir.Mode().Perm() != 0o750 {
		t.Errorf("folder %v, %v", dir.Mode(), err)
	}
}

func TestSocketThatIsInUseIsLeftAlone(t *testing.T) {
	r := newRig(t)
	second := &Server{Socket: r.Socket}
	wantProblem(t, second.Bind(), "another daemon answers", "stop it", nil)
	if _, err := r.Subscribers(t.Context(), "", "", 1); err != nil {
		t.Errorf("the first one no longer answers: %v", err)
	}
}

func TestStaleSocketIsTakenOverAndOtherFilesAreNot(t *testing.T) {
	socket := filepath.Join(shortDir(t), "c.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &Server{Socket: socket}
	if err := s.Bind(); err != nil {
		t.Fatalf("a socket nobody answers on: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(socket, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.Bind(), "is not a socket", "move it away", nil)
	if text, err := os.ReadFile(socket); err != nil || string(text) != "precious" {
		t.Errorf("got %q, %v", text, err)
	}
	s.Socket = "/" + strings.Repeat("x", 200)
	wantProblem(t, s.Bind(), "takes 107", "shorter", nil)
}

func TestNoDaemonSaysHowToStartOne(t *testing.T) {
	c := NewClient(filepath.Join(shortDir(t), "none.sock"), "")
	_, err := c.Status(t.Context())
	wantProblem(t, err, "no pabal daemon answers on "+c.Socket, "pabal serve", ErrNoDaemon)
	r := newRig(t)
	r.stop()
	_, err = r.SpoolStatus(t.Context())
	wantProblem(t, err, "no pabal daemon answers", "pabal serve", ErrNoDaemon)
}

func TestChangesAreLoggedWithTheCallersUID(t *testing.T) {
	r := newRig(t)
	if _, err := r.Suppress(t.Context(), "a@example.com", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.stop()
	var line struct {
		Msg, Path string
		UID, PID  int
	}
	if err := json.Unmarshal([]byte(strings.SplitN(r.log.String(), "\n", 2)[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line.Msg != "change asked for" || line.UID != os.Getuid() || line.PID != os.Getpid() || line.Path != "/v0/suppressions" {
		t.Errorf("got %+v", line)
	}
	if strings.Contains(r.log.String(), "example.com") || strings.Contains(r.log.String(), "/v0/status") {
		t.Errorf("an address or a question was logged: %s", r.log)
	}
}

func TestVersionsAreExchanged(t *testing.T) {
	r := newRig(t)
	st, err := r.Status(t.Context())
	if err != nil || st.Version != "v-server" || r.DaemonVersion() != "v-server" || st.PID != os.Getpid() || string(st.SMTP) != `{"accepted":3}` {
		t.Errorf("got %+v, %q, %v", st, r.DaemonVersion(), err)
	}
}

// raw is a request no client of ours would make.
func (r *rig) raw(t *testing.T, method, path string, body io.Reader) (int, Failure) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://pabal"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.transport().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() // read below
	var f Failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, f
}

func TestBadRequestsGetFittingAnswers(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/", "", 400, "invalid"},
		{"GET", "/v0/nothing", "", 400, "invalid"},
		{"DELETE", "/v0/status", "", 400, "invalid"},
		{"GET", "/v0/campaigns/x", "", 400, "invalid"},
		{"GET", "/v0/campaigns/7", "", 404, "not_found"},
		{"GET", "/v0/campaigns/7/watch", "", 404, "not_found"},
		{"GET", "/v0/campaigns/7/recipients?outcome=lost", "", 400, "invalid"},
		{"POST", "/v0/campaigns/7/pause", "", 404, "not_found"},
		{"GET", "/v0/subscriber?email=nobody@example.com", "", 404, "not_found"},
		{"GET", "/v0/subscribers?limit=-1", "", 400, "invalid"},
		{"GET", "/v0/subscribers?segment=gender+%3D%3D", "", 400, "invalid"},
		{"GET", "/v0/templates/none", "", 404, "not_found"},
		{"GET", "/v0/templates/none?version=x", "", 400, "invalid"},
		{"GET", "/v0/messages/q99", "", 404, "not_found"},
		{"POST", "/v0/messages/q99/retry", "", 404, "not_found"},
		{"GET", "/v0/messages/q99/body", "", 404, "not_found"},
		{"GET", "/v0/trace", "", 400, "invalid"},
		{"POST", "/v0/holds", `{"scope":"lane:none"}`, 400, "invalid"},
		{"DELETE", "/v0/holds?scope=all", "", 404, "not_found"},
		{"POST", "/v0/subscriber", `{"email":"a@example.com","nmae":"x"}`, 400, "invalid"},
		{"POST", "/v0/subscriber", `{"email":"a@example.com"} {}`, 400, "invalid"},
		{"POST", "/v0/subscriber", `not json`, 400, "invalid"},
		{"POST", "/v0/suppressions", `{"email":"not an address"}`, 400, "invalid"},
		{"POST", "/v0/subscriber", `{"email":"` + strings.Repeat("x", MaxRequestBytes) + `"}`, 413, "too_large"},
		{"POST", "/v0/templates", `{"html":"` + strings.Repeat("x", MaxTemplateBytes) + `"}`, 413, "too_large"},
	} {
		status, f := r.raw(t, c.method, c.path, strings.NewReader(c.body))
		if status != c.status || f.Code != c.code || f.Error == "" || f.Hint == "" {
			t.Errorf("%s %s: got %d %+v, want %d %s", c.method, c.path, status, f, c.status, c.code)
		}
	}
}

func TestErrorsKeepTheirMeaningAcrossTheSocket(t *testing.T) {
	r := newRig(t)
	_, err := r.Campaign(t.Context(), 7)
	wantProblem(t, err, "there is no campaign 7", "pabal campaign list", campaign.ErrNotFound)
	_, err = r.Message(t.Context(), "q7")
	wantProblem(t, err, "there is no message q7", "pabal spool list", spool.ErrNotFound)
	_, err = r.Subscriber(t.Context(), "a@example.com")
	wantProblem(t, err, "no subscriber has the address", "--prefix", audience.ErrNotFound)
	if errors.Is(err, campaign.ErrBlocked) {
		t.Error("not found is taken for blocked")
	}
	_, err = r.Count(t.Context(), `gender == `, "")
	wantProblem(t, err, "", "", nil)
}
