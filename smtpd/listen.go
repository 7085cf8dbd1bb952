package smtpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ListenError is an address the server cannot or will not listen on: what
// happened, and what to do.
type ListenError struct {
	Address       string
	Message, Hint string
	Err           error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listen on %s: %s: %s", e.Address, e.Message, e.Hint)
}

func (e *ListenError) Unwrap() error { return e.Err }

// Bind opens the listeners and returns their addresses, with the ports the
// system chose where 0 was asked for, those with TLS from the start behind the
// others. It returns a *ListenError; then nothing is left open. A machine
// without IPv6 loses [::1] with a warning only, if another listener is open.
func (s *Server) Bind() ([]string, error) {
	var addresses []string
	var without *ListenError
	for i, a := range slices.Concat(s.Listen, s.TLSListen) {
		l, err := s.listen(a, i >= len(s.Listen))
		if err != nil && noIPv6(err) {
			without = err
			continue
		}
		if err != nil {
			return nil, errors.Join(err, s.closeListeners())
		}
		addresses = append(addresses, l.Addr().String())
		s.mu.Lock()
		s.listeners = append(s.listeners, l)
		s.mu.Unlock()
	}
	if without != nil && len(addresses) == 0 {
		return nil, without
	}
	if without != nil {
		s.log().Warn("IPv6 address left out", "listen", []string{without.Address}, "err", without.Err)
	}
	return addresses, nil
}

func (s *Server) listen(address string, implicit bool) (*listener, *ListenError) {
	if implicit && s.TLS == nil {
		return nil, withoutCertificate(address)
	}
	if host, _, _ := net.SplitHostPort(address); host != "localhost" && !loopback(address) {
		if err := s.openRelay(address); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &ListenError{Address: address, Message: cause(err), Hint: advice(err), Err: err}
	}
	remote := !loopback(l.Addr().String())
	if remote { // the resolver may know another localhost
		if err := s.openRelay(address); err != nil {
			l.Close()
			return nil, err
		}
	}
	return &listener{Listener: l, server: s, implicit: implicit, remote: remote}, nil
}

// Adopt has the server listen on what somebody else opened, such as systemd on
// a port below 1024; implicit is with TLS from the start. The rules of Bind
// hold. Call it before Run, which closes the listener; when it returns a
// *ListenError the listener is still the caller's.
func (s *Server) Adopt(l net.Listener, implicit bool) error {
	address := l.Addr().String()
	if implicit && s.TLS == nil {
		return withoutCertificate(address)
	}
	remote := !loopback(address)
	if remote {
		if err := s.openRelay(address); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, &listener{Listener: l, server: s, implicit: implicit, remote: remote})
	return nil
}

func withoutCertificate(address string) *ListenError {
	return &ListenError{Address: address, Message: "there is no certificate for TLS", Hint: `set smtp.tls_certificate and smtp.tls_key, or tls_certificate = "self-signed"`}
}

// openRelay says why an address others than this host can reach may not be
// listened on; nil when who may submit there is known: by a login that nobody
// reads on the way, or by a list of networks.
func (s *Server) openRelay(address string) *ListenError {
	if wide := wideNetwork(s.Networks); wide.IsValid() {
		return &ListenError{Address: address,
			Message: "smtp.networks has " + wide.String() + ", so that nearly anybody could send mail in your name",
			Hint:    "list the networks of your own machines only, at most a /8 of IPv4 or a /16 of IPv6"}
	}
	if len(s.Networks) > 0 {
		return nil
	}
	some, err := false, error(nil)
	if s.Users != nil {
		some, err = s.Users.Any()
	}
	switch {
	case err != nil:
		return &ListenError{Address: address, Message: err.Error(), Hint: "mend the file, or make it anew with: pabal smtp-user add NAME", Err: err}
	case s.TLS != nil && some:
		return nil
	}
	missing := "set smtp.tls_certificate and add a user with: pabal smtp-user add NAME"
	if s.TLS != nil {
		missing = "add a user with: pabal smtp-user add NAME"
	}
	return &ListenError{Address: address,
		Message: "it is not a loopback address, so that anybody who reaches it could send mail in your name",
		Hint: "use 127.0.0.1:PORT or [::1]:PORT in smtp.listen; or have clients log in over TLS: " + missing +
			`; or list who may submit, in a container the network of its bridge: smtp.networks = ["172.17.0.0/16"]`}
}

// loopback reports whether an address can be reached from this machine only.
func loopback(address string) bool {
	ip, err := netip.ParseAddrPort(address)
	return err == nil && ip.Addr().IsLoopback()
}

func cause(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return err.Error()
}

func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another mail server or a second pabal has the port; stop it, or choose another port in smtp.listen"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one in smtp.listen, such as 2525"
	}
	return "check smtp.listen"
}

func noIPv6(err *ListenError) bool {
	ip, parse := netip.ParseAddrPort(err.Address)
	return parse == nil && ip.Addr().Is6() &&
		(errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT))
}

func (s *Server) closeListeners() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// listener hands go-smtp wires instead of sockets, and turns away what is past
// a cap and who may not submit.
type listener struct {
	net.Listener
	server   *Server
	implicit bool // TLS comes first
	remote   bool // others than this host reach it
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.server.counts.connected.Add(1)
		w, refusal := l.admit(conn)
		if w != nil {
			return w, nil
		}
		l.server.counts.refused.Add(1)
		l.turnAway(conn, refusal)
	}
}

const (
	crowded  = "421 4.7.0 too many connections, try again later"
	stranger = "554 5.7.1 this address may not submit mail; see smtp.networks of pabal"
)

// admit makes a wire of a socket, or says why not. A client that reaches a
// remote address from a network that is listed needs no login; being on this
// host does not help there, since a proxy in front of us is on it too.
func (l *listener) admit(conn net.Conn) (*wire, string) {
	s := l.server
	w := newWire(s, conn)
	w.implicit, w.remote = l.implicit, l.remote
	w.mustLogin = l.remote && !within(remoteIP(conn), s.Networks)
	if w.mustLogin && (s.TLS == nil || !s.anyUser()) {
		return nil, stranger
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := peerOf(conn)
	ourselves := p.once != "" // who takes up drops, one at a time
	if !ourselves && len(s.wires) >= or(s.MaxConnections, defaultConnections) ||
		!s.guard.enter(w.source, time.Now(), or(s.MaxPerSource, defaultPerSource), or(s.MaxRate, defaultRate)) {
		return nil, crowded
	}
	s.wires[w] = struct{}{}
	return w, ""
}

func (s *Server) forget(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, open := s.wires[w]; open {
		delete(s.wires, w)
		s.guard.leave(w.source)
	}
}

// turnAway answers before the greeting. The reply fits an empty socket buffer,
// so that it does not hold up the next client. One that expects TLS would not
// understand it.
func (l *listener) turnAway(conn net.Conn, reply string) {
	if !l.implicit {
		l.server.counts.said([]byte(reply))
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		conn.Write([]byte(reply + "\r\n"))
	}
	conn.Close()
}
