package emulator

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"syscall"
)

// Transport is a round tripper that calls the emulator in this process, with
// no socket: for tests on a fake clock (testing/synctest stops at sockets). It
// shows faults as a socket would: refuse as a dial error, reset as
// ECONNRESET, a lost answer as io.ErrUnexpectedEOF, a hanging call until its
// context ends.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

// tripWriter collects an answer for RoundTrip.
type tripWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
	drop   int
}

func (w *tripWriter) Header() http.Header         { return w.header }
func (w *tripWriter) WriteHeader(status int)      { w.status = status }
func (w *tripWriter) Write(p []byte) (int, error) { return w.body.Write(p) }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if t.s.refuses() || t.s.strikeAccept() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &tripWriter{header: http.Header{}, status: http.StatusOK}
	t.s.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	switch w.drop {
	case dropReset:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case dropClose, dropHang:
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}
