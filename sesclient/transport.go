package sesclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	keepAlive        = 30 * time.Second

	// idleTimeout is shorter than the 60 s after which load balancers drop an
	// idle connection, so that it is we who close it: a request that meets a
	// closing server would be an ambiguous one.
	idleTimeout = 20 * time.Second
)

// httpClient builds the client for calls to SES on top of the SDK's transport
// (which knows AWS_CA_BUNDLE and the proxy variables). HTTP/1.1 only: a
// connection then carries one call at a time, and what was written to it
// belongs to that call. Redirects are answers, not followed.
func httpClient(base *awshttp.BuildableClient, rootPEM []byte, dial Dial) (*http.Client, error) {
	t := base.GetTransport()
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn}, nil
	}
	t.TLSHandshakeTimeout = handshakeTimeout
	t.MaxIdleConns = maxConcurrency
	t.MaxIdleConnsPerHost = maxConcurrency
	t.MaxConnsPerHost = 0
	t.IdleConnTimeout = idleTimeout
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	if len(rootPEM) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(rootPEM) {
			return nil, errors.New("the root certificate for ses.endpoint is not PEM: give a file that begins with -----BEGIN CERTIFICATE-----")
		}
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// countedConn counts the bytes handed to the kernel. They are counted before
// the write, so that a write still under way counts too.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	n, err := c.Conn.Write(p)
	if n < len(p) {
		c.written.Add(int64(n - len(p)))
	}
	return n, err
}

// wire watches one call: which connection it got and whether anything was
// written to it since. Connections that are not ours (the credential chain
// uses the same context) are not looked at.
type wire struct {
	conn   *countedConn
	before int64
	wrote  bool // on an earlier connection of the same call
}

func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: w.gotConn})
}

func (w *wire) gotConn(info httptrace.GotConnInfo) {
	conn := info.Conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if c, ok := conn.(*countedConn); ok {
		w.wrote = w.written()
		w.conn, w.before = c, c.written.Load()
	}
}

// written reports whether any byte of the call left. A TLS alert written while
// the connection closes counts as one: the safe side.
func (w *wire) written() bool {
	return w.wrote || w.conn != nil && w.conn.written.Load() > w.before
}
