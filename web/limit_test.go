package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestFloodFromOneSourceIsSlowed(t *testing.T) {
	var l limiter
	now := time.Unix(0, 0)
	one, other := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for i := range burst {
		if !l.allow(one, now) {
			t.Fatalf("request %d refused", i)
		}
	}
	if l.allow(one, now) || !l.allow(other, now) {
		t.Error("the flood goes on, or stops others")
	}
	if now = now.Add(time.Second / ratePerSecond); !l.allow(one, now) || l.allow(one, now) {
		t.Error("want exactly one request more after its share of a second")
	}
}

func TestSourcesAreBounded(t *testing.T) {
	var l limiter
	now := time.Unix(0, 0)
	for i := range 2 * maxSources {
		l.allow(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32), now)
	}
	if n := len(l.sources); n > maxSources+1 {
		t.Errorf("%d sources kept, want %d at most", n, maxSources+1)
	}
	l.allow(netip.MustParsePrefix("192.0.2.1/32"), now.Add(time.Minute))
	if n := len(l.sources); n > 2 {
		t.Errorf("%d sources kept after a minute", n)
	}
}

func TestSource(t *testing.T) {
	s := &Server{Proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.5/32")}}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:5000", "", "192.0.2.1/32"},
		{"192.0.2.1:5000", "198.51.100.1", "192.0.2.1/32"},
		{"127.0.0.1:5000", "", "127.0.0.1/32"},
		{"127.0.0.1:5000", "203.0.113.9, 198.51.100.1", "198.51.100.1/32"},
		{"[::1]:5000", "2001:db8::1", "2001:db8::/64"},
		{"127.0.0.1:5000", "made up", "127.0.0.1/32"},
		{"10.1.0.5:5000", "203.0.113.9, 198.51.100.1", "198.51.100.1/32"}, // one of Proxies
		{"[::ffff:10.1.0.5]:5000", "198.51.100.1", "198.51.100.1/32"},
		{"10.1.0.6:5000", "198.51.100.1", "10.1.0.6/32"},
		{"@", "", "invalid Prefix"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := s.source(r).String(); got != c.want {
			t.Errorf("%s for %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

// Only a page that came over our own TLS says that there is always one: behind a
// proxy the proxy knows.
func TestOnlyOwnTLSIsPromised(t *testing.T) {
	s := testPages(&list{})
	for _, target := range []string{"http://mail.test/healthz", "https://mail.test/healthz"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != strings.HasPrefix(target, "https") {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
}

func TestFloodGets429(t *testing.T) {
	s := testPages(&list{})
	s.now = func() time.Time { return time.Unix(0, 0) }
	var w *httptest.ResponseRecorder
	for range burst + 1 {
		w = httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/u/good", nil))
	}
	if w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v, want 429 with Retry-After", w.Code, w.Header())
	}
}
