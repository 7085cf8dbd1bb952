//go:build bench

package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"pabal/sesclient/emulator"
)

// What is measured by its CPU runs in a process of its own: this test binary
// again, told by childJob to be one of the Child tests.
const childJob = "PABAL_BENCH_CHILD"

// child starts a Child test with its job as JSON. It ends when its stdin does.
func child(t testing.TB, test string, job any) (cmd *exec.Cmd, out *bufio.Reader) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self, "-test.run", "^"+test+"$")
	cmd.Env, cmd.Stderr = append(os.Environ(), childJob+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // what it said is judged where it was read
	})
	return cmd, bufio.NewReader(stdout)
}

// job reads what this process was started for; ok is false in a plain run.
func job(t *testing.T, into any) (ok bool) {
	text := os.Getenv(childJob)
	if text == "" {
		return false
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
	return true
}

// answer reads one line of JSON from a child.
func answer(t testing.TB, out *bufio.Reader, into any) {
	t.Helper()
	line, err := out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("a child process ended early: %v", err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		t.Fatalf("a child said %q: %v", line, err)
	}
}

// say writes a line to the parent.
func say(t *testing.T, v any) {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		t.Fatal(err)
	}
}

// farSES is the emulator in another process, over TLS and not.
type farSES struct {
	URL, Plain string
	RootPEM    []byte
	rootFile   string
}

// startFarSES starts one without limits that keeps no mail.
func startFarSES(t testing.TB) *farSES {
	t.Helper()
	_, out := child(t, "TestChildEmulator", struct{}{})
	ses := &farSES{rootFile: filepath.Join(t.TempDir(), "root.pem")}
	answer(t, out, ses)
	if err := os.WriteFile(ses.rootFile, ses.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return ses
}

// state is the emulator's own view of what it took.
func (s *farSES) state(t testing.TB) (st emulator.State) {
	t.Helper()
	resp, err := http.Get(s.Plain + "/_emulator/state")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		t.Fatal(err)
	}
	return st
}

// TestChildEmulator is that other process.
func TestChildEmulator(t *testing.T) {
	if !job(t, &struct{}{}) {
		return
	}
	ses, err := emulator.New(emulator.Options{Rate: -1, Quota: -1, Keep: -1, NoHash: true, Verified: []string{"example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := ses.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- ses.ServeTLS(t.Context(), l) }()
	say(t, farSES{URL: "https://" + l.Addr().String(), Plain: plain, RootPEM: ses.CertificatePEM()})
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has what it wants
	if err := errors.Join(ses.Close(), <-ended); err != nil {
		t.Fatal(err)
	}
}

// bareJob is a number of calls by the SDK alone: no spool, no pace, one body
// for all.
type bareJob struct {
	URL     string
	RootPEM []byte
	Size    int
	Workers int
	Calls   int
}

type bareResult struct{ CPU, Took time.Duration }

// TestChildBareSDK makes the calls and says what they cost.
func TestChildBareSDK(t *testing.T) {
	var j bareJob
	if !job(t, &j) {
		return
	}
	client := bareClient(j)
	if err := bareCalls(t.Context(), client, j, j.Calls/10); err != nil { // connections are open
		t.Fatal(err)
	}
	cpu, begun := cpuOf(t, os.Getpid()), time.Now()
	if err := bareCalls(t.Context(), client, j, j.Calls); err != nil {
		t.Fatal(err)
	}
	say(t, bareResult{cpuOf(t, os.Getpid()) - cpu, time.Since(begun)})
}

func bareClient(j bareJob) *sesv2.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(j.RootPEM)
	return sesv2.New(sesv2.Options{
		Region: "ap-northeast-2", BaseEndpoint: aws.String(j.URL), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
			t.MaxIdleConnsPerHost = j.Workers // with the default of 10 it would dial all the time
		}),
	})
}

func bareCalls(ctx context.Context, client *sesv2.Client, j bareJob, calls int) error {
	var (
		wait sync.WaitGroup
		made atomic.Int64
		body = benchMail(j.Size)
		errs = make([]error, j.Workers)
	)
	for i := range j.Workers {
		wait.Go(func() {
			for n := made.Add(1); n <= int64(calls) && errs[i] == nil; n = made.Add(1) {
				_, errs[i] = client.SendEmail(ctx, &sesv2.SendEmailInput{
					Content:     &types.EmailContent{Raw: &types.RawMessage{Data: body}},
					Destination: &types.Destination{ToAddresses: []string{"minji@example.net"}},
					EmailTags:   []types.MessageTag{{Name: aws.String("pabal"), Value: aws.String(fmt.Sprintf("abcdefgh-0-%d-1", n))}},
				})
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
