package emulator

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// reopenTries × reopenPause is how long a gate waits for its own port.
const (
	reopenTries = 50
	reopenPause = 20 * time.Millisecond
)

// gate is a listener that can be shut, so that connecting is refused by the
// system, and opened again on the same address.
type gate struct {
	srv    *http.Server
	struck func() bool // whether the next connection is reset at once
	addr   net.Addr

	mu     sync.Mutex
	change *sync.Cond
	inner  net.Listener // nil while shut
	closed bool
	err    error // the port was lost
}

func newGate(l net.Listener, srv *http.Server, struck func() bool) *gate {
	g := &gate{srv: srv, struck: struck, addr: l.Addr(), inner: l}
	g.change = sync.NewCond(&g.mu)
	return g
}

// Accept waits while the gate is shut.
func (g *gate) Accept() (net.Conn, error) {
	for {
		l, err := g.open()
		if err != nil {
			return nil, err
		}
		c, err := l.Accept()
		if err != nil {
			if g.current() != l {
				continue // shut or closed meanwhile
			}
			return nil, err
		}
		if g.struck() {
			reset(c)
			continue
		}
		return c, nil
	}
}

// open is the inner listener, waited for.
func (g *gate) open() (net.Listener, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.inner == nil && !g.closed && g.err == nil {
		g.change.Wait()
	}
	if g.closed {
		return nil, net.ErrClosed
	}
	return g.inner, g.err
}

func (g *gate) current() net.Listener {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inner
}

// shut closes the port and the idle connections; net/http does so when
// keep-alives are switched off. Those with a call on them end with it.
func (g *gate) shut() {
	g.mu.Lock()
	if g.inner != nil {
		g.inner.Close()
		g.inner = nil
	}
	g.mu.Unlock()
	g.srv.SetKeepAlivesEnabled(false)
}

// dropIdle closes connections no call is on.
func (g *gate) dropIdle() {
	g.srv.SetKeepAlivesEnabled(false)
	g.srv.SetKeepAlivesEnabled(true)
}

// reopen listens again.
func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.change.Broadcast()
	if g.inner != nil || g.closed {
		return
	}
	g.srv.SetKeepAlivesEnabled(true)
	var err error
	for range reopenTries {
		if g.inner, err = net.Listen(g.addr.Network(), g.addr.String()); err == nil {
			return
		}
		g.inner = nil // not a typed nil
		<-time.After(reopenPause)
	}
	g.err = fmt.Errorf("listen again after a refuse fault: %w", err)
}

// Close ends Accept for good.
func (g *gate) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.change.Broadcast()
	g.closed = true
	if g.inner == nil {
		return nil
	}
	err := g.inner.Close()
	g.inner = nil
	return err
}

// Addr is the address it was made with, also while shut.
func (g *gate) Addr() net.Addr { return g.addr }

// listeners are the gates now served.
type listeners struct {
	mu     sync.Mutex
	gates  map[*gate]bool
	closed bool
}

func (l *listeners) add(g *gate) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if l.gates == nil {
		l.gates = map[*gate]bool{}
	}
	l.gates[g] = true
	return true
}

func (l *listeners) remove(g *gate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.gates, g)
}

// refuse closes idle connections, and with shut the ports too.
func (l *listeners) refuse(shut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g := range l.gates {
		if shut {
			g.shut()
		} else {
			g.dropIdle()
		}
	}
}

func (l *listeners) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g := range l.gates {
		g.reopen()
	}
}

func (l *listeners) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for g := range l.gates {
		g.Close()
	}
}
