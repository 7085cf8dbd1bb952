package sesclient

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pabal/spool"
)

// fakeSES is an HTTP server at the network's edge that remembers what it got.
type fakeSES struct {
	*httptest.Server
	mu       sync.Mutex
	answer   http.HandlerFunc // for the call just read; nil accepts
	requests []fakeRequest
}

type fakeRequest struct {
	path string
	body []byte
}

func newFakeSES(t testing.TB, tls bool) *fakeSES {
	t.Helper()
	f := &fakeSES{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

func (f *fakeSES) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	f.mu.Lock()
	f.requests = append(f.requests, fakeRequest{r.URL.Path, body})
	answer := f.answer
	f.mu.Unlock()
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case answer != nil:
		answer(w, r)
	default:
		writeJSON(w, map[string]any{"MessageId": "0100-accepted"})
	}
}

func (f *fakeSES) answers(h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.requests = h, nil
}

func (f *fakeSES) got() []fakeRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// apiError answers as SES does: the code in a header, the message in the body.
func apiError(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", code+":http://internal.amazon.com/coral/com.amazonaws.sesv2/")
		w.WriteHeader(status)
		writeJSON(w, map[string]string{"message": message})
	}
}

func plain(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp ends the connection without an answer; reset sends RST instead of FIN.
func hangUp(reset bool, first string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, first)
		if tcp, ok := conn.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// client for the fake; no environment of the machine reaches it.
func (f *fakeSES) client(t testing.TB, set string) *Client {
	t.Helper()
	o := Options{
		Region: "ap-northeast-2", Endpoint: f.URL, ConfigurationSet: set, Concurrency: 16,
		Credentials: Credentials{AccessKey: "AKIDTEST", SecretKey: "secret"},
	}
	if f.TLS != nil {
		o.RootPEM = fakePEM(f)
	}
	return newClient(t, o)
}

func fakePEM(f *fakeSES) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "5") // must change nothing
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	c, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testMail(size int) *spool.Message {
	data := "From: =?utf-8?q?shop?= <shop@Example.com>\r\nTo: customer@example.net\r\nSubject: test\r\n\r\n"
	data += strings.Repeat("0123456789abcdef\r\n", size/18+1)
	return &spool.Message{
		ID: "c3-7", Lane: spool.Bulk, FromDomain: "example.com", To: "customer@example.net",
		Tag: "st0re-3-7-1", Data: bytes.Clone([]byte(data)),
	}
}
