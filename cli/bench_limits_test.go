//go:build bench

package cli

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"golang.org/x/sys/unix"
)

// What no program of any kind gets below on this machine: the limits beside the
// peers.

// TestChildSocket makes the calls of TestChildBareSDK without the SDK: one
// request, signed once, written again and again.
func TestChildSocket(t *testing.T) {
	var j bareJob
	if !job(t, &j) {
		return
	}
	request := signedRequest(t, j)
	at, err := url.Parse(j.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(j.RootPEM)
	conns := make([]*tls.Conn, j.Workers)
	for i := range conns {
		if conns[i], err = tls.Dial("tcp", at.Host, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	cpu, begun := cpuOf(t, os.Getpid()), time.Now()
	if err := socketCalls(conns, request, int64(j.Calls)); err != nil {
		t.Fatal(err)
	}
	say(t, bareResult{cpuOf(t, os.Getpid()) - cpu, time.Since(begun)})
}

// tap keeps the first request that goes through it, as it is on the wire.
type tap struct {
	http.RoundTripper
	request []byte
}

func (r *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := httputil.DumpRequestOut(req, true)
	if err != nil {
		return nil, err
	}
	r.request = text
	return r.RoundTripper.RoundTrip(req)
}

// signedRequest is what the SDK writes for one call.
func signedRequest(t *testing.T, j bareJob) []byte {
	t.Helper()
	client, caught := bareClient(j), &tap{}
	options := client.Options()
	caught.RoundTripper = options.HTTPClient.(interface{ GetTransport() *http.Transport }).GetTransport()
	options.HTTPClient = &http.Client{Transport: caught}
	if err := bareCalls(t.Context(), sesv2.New(options), j, 1); err != nil {
		t.Fatal(err)
	}
	return caught.request
}

func socketCalls(conns []*tls.Conn, request []byte, calls int64) error {
	var (
		wait sync.WaitGroup
		made atomic.Int64
		errs = make([]error, len(conns))
	)
	for i, conn := range conns {
		wait.Go(func() {
			in := bufio.NewReader(conn)
			for made.Add(1) <= calls && errs[i] == nil {
				errs[i] = socketCall(conn, in, request)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func socketCall(conn io.Writer, in *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("a signed request was answered %s", resp.Status)
	}
	return nil
}

// appendLog is how many entries a second a log takes that does nothing but
// append what its writers have and sync: they wait for the sync after theirs.
func appendLog(t *testing.T, writers, size int, long time.Duration) float64 {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entry := bytes.Repeat([]byte("x"), size)
	begun, entries := time.Now(), 0
	for time.Since(begun) < long {
		for range writers {
			if _, err := f.Write(entry); err != nil {
				t.Fatal(err)
			}
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			t.Fatal(err)
		}
		entries += writers
	}
	return float64(entries) / time.Since(begun).Seconds()
}
