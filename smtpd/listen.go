package smtpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
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
// system chose where 0 was asked for. It returns a *ListenError; then nothing
// is left open. A machine without IPv6 loses [::1] with a warning only, if
// another listener is open.
func (s *Server) Bind() ([]string, error) {
	var addresses []string
	var without *ListenError
	for _, a := range s.Listen {
		l, err := s.listen(a)
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
		s.log().Warn("IPv6 address left out", "address", without.Address, "err", without.Err)
	}
	return addresses, nil
}

func (s *Server) listen(address string) (*listener, *ListenError) {
	if host, _, _ := net.SplitHostPort(address); host != "localhost" && !loopback(address) {
		return nil, openRelay(address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &ListenError{Address: address, Message: cause(err), Hint: advice(err), Err: err}
	}
	if !loopback(l.Addr().String()) { // the resolver knows another localhost
		l.Close()
		return nil, openRelay(address)
	}
	return &listener{Listener: l, server: s}, nil
}

func openRelay(address string) *ListenError {
	return &ListenError{
		Address: address,
		Message: "it is not a loopback address, so that anybody who reaches it could send mail in your name",
		Hint:    "use 127.0.0.1:PORT or [::1]:PORT in smtp.listen",
	}
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
// the cap. A cap per source would be one for everybody: all come from loopback.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if w := l.server.admit(conn); w != nil {
			return w, nil
		}
		l.server.refused.Add(1)
		turnAway(conn)
	}
}

// admit makes a wire of a socket; nil when there are too many.
func (s *Server) admit(conn net.Conn) *wire {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wires) >= or(s.MaxConnections, defaultConnections) {
		return nil
	}
	w := newWire(s, conn)
	s.wires[w] = struct{}{}
	return w
}

func (s *Server) forget(w *wire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.wires, w)
}

// turnAway answers before the greeting. The reply fits an empty socket buffer,
// so that it does not hold up the next client.
func turnAway(conn net.Conn) {
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write([]byte("421 4.7.0 too many connections, try again later\r\n"))
	conn.Close()
}
