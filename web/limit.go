package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// ratePerSecond and burst are for one source. Mail providers post the
	// one-click requests of many people from few addresses, so it is wide: it
	// stops floods, and the token's 128 bits stop guessing.
	ratePerSecond = 20
	burst         = 200
	maxSources    = 10_000
)

// limiter is a token bucket for each source. Its zero value is ready; its
// methods may be called at the same time.
type limiter struct {
	mu      sync.Mutex
	sources map[netip.Prefix]bucket
	swept   time.Time // when forget last looked through them
}

type bucket struct {
	left float64
	at   time.Time
}

// allow takes one from the source's bucket. When too many sources are known,
// the full buckets, which say nothing, are forgotten; while none is, unknown
// sources share one bucket.
func (l *limiter) allow(source netip.Prefix, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sources == nil {
		l.sources = map[netip.Prefix]bucket{}
	}
	b, known := l.sources[source]
	if !known && len(l.sources) >= maxSources && !l.forget(now) {
		source = netip.Prefix{}
		b, known = l.sources[source]
	}
	if !known {
		b = bucket{burst, now}
	}
	b = b.filled(now)
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	l.sources[source] = b
	return allowed
}

func (b bucket) filled(now time.Time) bucket {
	gained := max(0, now.Sub(b.at).Seconds()) * ratePerSecond
	return bucket{min(burst, b.left+gained), now}
}

// forget drops full buckets, once a second at most, and reports whether there
// was one.
func (l *limiter) forget(now time.Time) bool {
	if now.Sub(l.swept) < time.Second {
		return false
	}
	l.swept = now
	before := len(l.sources)
	for source, b := range l.sources {
		if b.filled(now).left >= burst {
			delete(l.sources, source)
		}
	}
	return len(l.sources) < before
}

// source is whom a request counts against: the peer, or behind a proxy on this
// machine or one of Proxies the address the proxy saw; an IPv6 customer has a /64.
func (s *Server) source(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() || slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		ip = forwarded(r, ip).Unmap().WithZone("")
	}
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	prefix, _ := ip.Prefix(bits) // fails for bits out of range only
	return prefix
}

// forwarded is the last address in X-Forwarded-For: the one our own proxy
// wrote; what stands before it anybody can make up.
func forwarded(r *http.Request, peer netip.Addr) netip.Addr {
	values := r.Header.Values("X-Forwarded-For")
	if len(values) == 0 {
		return peer
	}
	all := strings.Split(values[len(values)-1], ",")
	ip, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1]))
	if err != nil {
		return peer
	}
	return ip
}
