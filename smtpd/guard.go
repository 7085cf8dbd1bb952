package smtpd

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	defaultPerSource = 50
	defaultRate      = 600 // new connections a minute of one source

	rateWindow    = time.Minute
	barredAfter   = 100 // wrong passwords of a source, whoever they are for
	userAfter     = 10  // wrong passwords of a source for one user: one broken script does not lock an office out
	barredFor     = 10 * time.Minute
	maxSources    = 10_000 // remembered; about 100 bytes each
	sourceBits    = 64     // of an IPv6 address: one customer has that many
	minRelayBits4 = 8      // the widest network that may submit without a login
	minRelayBits6 = 16
)

// guard counts what each source does. Loopback has no source: all applications
// of this host share its address, and a cap would be one for everybody.
type guard struct {
	mu      sync.Mutex
	sources map[sourceKey]*source
}

// sourceKey is a source, or a source and the user it says it is.
type sourceKey struct {
	from netip.Addr
	user string
}

type source struct {
	open    int       // connections
	came    int       // connections since window
	window  time.Time // when counting of came began
	fails   int       // wrong passwords since the first one
	firstly time.Time // of them
}

// sourceOf is the address a client counts as; zero for this host and for what
// is no address.
func sourceOf(conn net.Conn) netip.Addr {
	ip := remoteIP(conn)
	switch {
	case !ip.IsValid() || ip.IsLoopback():
		return netip.Addr{}
	case ip.Is6():
		network, err := ip.Prefix(sourceBits)
		if err != nil {
			return ip
		}
		return network.Addr()
	}
	return ip
}

// remoteIP is the other end's address, the zero Addr if there is none.
func remoteIP(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// enter counts a connection in and reports whether it is within the caps.
func (g *guard) enter(from netip.Addr, now time.Time, most, rate int) bool {
	if !from.IsValid() {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.of(sourceKey{from: from}, now)
	if now.Sub(s.window) >= rateWindow {
		s.window, s.came = now, 0
	}
	s.came++
	if s.open >= most || s.came > rate {
		return false
	}
	s.open++
	return true
}

// leave counts a connection out.
func (g *guard) leave(from netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.sources[sourceKey{from: from}]; s != nil {
		s.open--
	}
}

// failed counts a wrong password.
func (g *guard) failed(from netip.Addr, user string) {
	if !from.IsValid() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, key := range []sourceKey{{from, ""}, {from, user}} {
		s := g.of(key, now)
		if now.Sub(s.firstly) >= barredFor {
			s.firstly, s.fails = now, 0
		}
		s.fails++
	}
}

// barred reports whether a source has guessed too often of late, for this user
// or for all of them.
func (g *guard) barred(from netip.Addr, user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	over := func(key sourceKey, most int) bool {
		s := g.sources[key]
		return s != nil && s.fails >= most && time.Since(s.firstly) < barredFor
	}
	return over(sourceKey{from: from}, barredAfter) || user != "" && over(sourceKey{from, user}, userAfter)
}

// of is the record of a source. Records with nothing to remember make room
// first; a table full of live ones gives up any that has no connection open.
func (g *guard) of(key sourceKey, now time.Time) *source {
	if s := g.sources[key]; s != nil {
		return s
	}
	if len(g.sources) >= maxSources {
		g.forget(now)
	}
	s := &source{window: now}
	g.sources[key] = s
	return s
}

func (g *guard) forget(now time.Time) {
	for key, s := range g.sources {
		if s.open == 0 && now.Sub(s.window) >= rateWindow && (s.fails == 0 || now.Sub(s.firstly) >= barredFor) {
			delete(g.sources, key)
		}
	}
	for key, s := range g.sources {
		if len(g.sources) < maxSources {
			return
		}
		if s.open == 0 {
			delete(g.sources, key)
		}
	}
}

// wideNetwork is the first network that is as good as everybody, the zero
// Prefix if there is none.
func wideNetwork(networks []netip.Prefix) netip.Prefix {
	for _, n := range networks {
		if n.Addr().Is4() && n.Bits() < minRelayBits4 || n.Addr().Is6() && n.Bits() < minRelayBits6 {
			return n
		}
	}
	return netip.Prefix{}
}

// within reports whether an address is in one of the networks.
func within(ip netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}
