package cli

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pabal/control"
	"pabal/spool"
)

// looks is a drain that counts who looks at it.
type looks struct {
	n     int
	alive bool
}

func (l *looks) Alive() bool                   { l.n++; return l.alive }
func (l *looks) Status() (spool.Status, error) { return spool.Status{}, nil }

func TestWhoAsksForThePulseSoonAfterAnotherGetsItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &looks{alive: true}
		p := &pulse{drain: d}
		if !p.Alive() || d.n != 1 {
			t.Fatalf("the first look: %d", d.n)
		}
		d.alive = false
		time.Sleep(betweenLooks - time.Nanosecond) // of synctest's clock
		if !p.Alive() || d.n != 1 {
			t.Errorf("looked again after %v", betweenLooks-time.Nanosecond)
		}
		time.Sleep(time.Nanosecond)
		if p.Alive() || d.n != 2 {
			t.Errorf("did not look after %v, or did not tell", betweenLooks)
		}
	})
}

// answering runs a control server that says whether its loops go round.
func answering(t *testing.T, alive func() bool) (socket string) {
	t.Helper()
	s := &control.Server{Socket: filepath.Join(t.TempDir(), "c"), Version: version(), Alive: alive}
	if err := s.Bind(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s.Socket
}

func TestHealthcheckTellsTheLivingFromTheDead(t *testing.T) {
	var alive, unready atomic.Bool
	alive.Store(true)
	socket := answering(t, alive.Load)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || unready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("held: \x1b[31mquota\n")) // the client looks at the status first
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	}))
	defer site.Close()
	t.Setenv("PABAL_WEB_METRICS_LISTEN", strings.TrimPrefix(site.URL, "http://"))
	ask := func(args ...string) (int, string, string) {
		var out, errs strings.Builder
		code := Main(append([]string{"pabal", "healthcheck", "--socket", socket}, args...), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
	if code, out, errs := ask(); code != exitDone || !strings.HasPrefix(out, "alive: ") || errs != "" {
		t.Errorf("alive: %d, %q, %q", code, out, errs)
	}
	if code, out, _ := ask("--ready", "--json"); code != exitDone || !strings.Contains(out, `"alive":true,"ready":true,"answer":"ready"`) {
		t.Errorf("ready: %d, %q", code, out)
	}
	unready.Store(true)
	if code, out, _ := ask(); code != exitDone || !strings.HasPrefix(out, "alive: ") {
		t.Errorf("a daemon that is held does not live: %d, %q", code, out)
	}
	if code, _, errs := ask("--ready"); code != exitFailed || !strings.Contains(errs, "not ready: held: ") || !strings.Contains(errs, "pabal status") || strings.Contains(errs, "\x1b") {
		t.Errorf("held: %d, %q", code, errs)
	}
	alive.Store(false)
	if code, _, errs := ask("--json"); code != exitFailed || !strings.Contains(errs, `"error":"the loops that send do not go round`) {
		t.Errorf("hanging: %d, %q", code, errs)
	}
	if code, _, errs := ask("--timeout", "0s"); code != exitUsage {
		t.Errorf("no time: %d, %q", code, errs)
	}
	socket += "x"
	if code, _, errs := ask(); code != exitFailed || !strings.Contains(errs, "no pabal daemon answers") {
		t.Errorf("no daemon: %d, %q", code, errs)
	}
}

func TestHealthcheckGivesUpOnADaemonThatHangs(t *testing.T) {
	hold := make(chan struct{})
	socket := answering(t, func() bool { <-hold; return true })
	defer close(hold)
	var out, errs strings.Builder
	if code := Main([]string{"pabal", "healthcheck", "--socket", socket, "--timeout", "50ms"}, strings.NewReader(""), &out, &errs); code != exitFailed ||
		!strings.Contains(errs.String(), "the daemon did not answer in time") {
		t.Errorf("%d, %q", code, errs.String())
	}
}

func TestReadinessIsAskedWhereTheDaemonListens(t *testing.T) {
	for _, c := range []struct{ metrics, web, want string }{
		{"127.0.0.1:9252", "0.0.0.0:8080", "http://127.0.0.1:9252"},
		{"0.0.0.0:9252", "", "http://127.0.0.1:9252"},
		{"[::]:9252", "", "http://[::1]:9252"},
		{":9252", "", "http://127.0.0.1:9252"},
		{"", "10.1.0.5:8080", "http://10.1.0.5:8080"},
		{"", "", ""},
	} {
		if got := readyAddress(&Config{Web: WebConfig{MetricsListen: c.metrics, Listen: c.web}}); got != c.want {
			t.Errorf("%q and %q: asked at %q, want %q", c.metrics, c.web, got, c.want)
		}
	}
}
