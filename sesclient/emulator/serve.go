package emulator

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	stopGrace         = 200 * time.Millisecond // for answers being written when Serve ends
)

// Listen serves on addr until ctx ends or Close, and returns the base URL at
// once. An address without a host is on 127.0.0.1: the mails are nobody else's
// business. wait blocks until the server has stopped.
func (s *Server) Listen(ctx context.Context, addr string) (url string, wait func() error, err error) {
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", nil, err
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	wait = sync.OnceValue(func() error { return <-done })
	return "http://" + l.Addr().String(), wait, nil
}

// Serve answers plain HTTP on l until ctx ends or Close; then it returns nil.
// Calls that wait (latency, hang) are cut.
func (s *Server) Serve(ctx context.Context, l net.Listener) error { return s.serveOn(ctx, l, nil) }

// ServeTLS is Serve over TLS with the certificate of CertificatePEM, HTTP/1.1
// only, as SES's endpoints.
func (s *Server) ServeTLS(ctx context.Context, l net.Listener) error {
	cert, err := s.cert.get()
	if err != nil {
		return err
	}
	return s.serveOn(ctx, l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
}

// CertificatePEM is the self-signed certificate of ServeTLS, for localhost and
// the loopback addresses, made on first use; nil if there is no randomness.
func (s *Server) CertificatePEM() []byte {
	cert, err := s.cert.get()
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
}

func (s *Server) serveOn(ctx context.Context, l net.Listener, secure *tls.Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: readHeaderTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g := newGate(l, srv, s.strikeAccept)
	if !s.ends.add(g) {
		return l.Close() // Close came first
	}
	defer s.ends.remove(g)
	done := make(chan error, 1)
	go func() {
		var front net.Listener = g
		if secure != nil {
			front = tls.NewListener(g, secure)
		}
		done <- srv.Serve(front)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	case <-s.closed:
	}
	cancel()
	g.Close()
	grace, stop := context.WithTimeout(context.Background(), stopGrace)
	defer stop()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// refuses reports whether a refuse fault without a count is set.
func (s *Server) refuses() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Kind == "refuse" && f.Count == 0 {
			return true
		}
	}
	return false
}

// strikeAccept reports whether a counted refuse fault hits a new connection.
func (s *Server) strikeAccept() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Kind != "refuse" || f.Count == 0 || !f.strikes() {
			continue
		}
		if f.spent() {
			s.faults = append(s.faults[:i], s.faults[i+1:]...)
		}
		return true
	}
	return false
}

// certificate is made once, when somebody asks.
type certificate struct {
	once sync.Once
	cert tls.Certificate
	err  error
}

func (c *certificate) get() (tls.Certificate, error) {
	c.once.Do(func() { c.cert, c.err = selfSigned() })
	return c.cert, c.err
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	now := time.Now()
	form := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "pabal ses-emulator"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
