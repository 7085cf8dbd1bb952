package sesclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// sinkMode makes this test binary a TLS endpoint that accepts every call, in a
// process of its own, so that the CPU measured is the sender's alone.
const sinkMode = "PABAL_BENCH_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(sinkMode) != "" {
		serveSink()
		return
	}
	os.Exit(m.Run())
}

// serveSink prints its address and certificate and serves until stdin ends.
func serveSink() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"MessageId":"0100018f-accepted"}`)
	}))
	fmt.Println(server.URL)
	_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	_ = os.Stdout.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Close()
}

func startSink(b *testing.B) (url string, root []byte) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sink := exec.Command(self)
	sink.Env = append(os.Environ(), sinkMode+"=1")
	in, err := sink.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := sink.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = sink.Wait() })
	lines := bufio.NewReader(out)
	url, err = lines.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	if root, err = io.ReadAll(lines); err != nil {
		b.Fatal(err)
	}
	return url[:len(url)-1], root
}

func BenchmarkSend1K(b *testing.B)   { benchmarkSend(b, 1<<10) }
func BenchmarkSend10K(b *testing.B)  { benchmarkSend(b, 10<<10) }
func BenchmarkSend100K(b *testing.B) { benchmarkSend(b, 100<<10) }

// benchmarkSend compares Send with the SDK's own call, 16 at a time over TLS,
// by CPU per mail.
func benchmarkSend(b *testing.B, size int) {
	url, root := startSink(b)
	ours := newClient(b, Options{Region: "eu-west-1", Endpoint: url, RootPEM: root, Credentials: Credentials{"AKID", "secret"}})
	bare := bareSDK(url, root)
	m := testMail(size)
	tags := []types.MessageTag{{Name: aws.String("pabal"), Value: aws.String(m.Tag)}}
	calls := map[string]func(context.Context) error{
		"ours": func(ctx context.Context) error { _, err := ours.Send(ctx, m); return err },
		"bare": func(ctx context.Context) error {
			_, err := bare.SendEmail(ctx, &sesv2.SendEmailInput{
				Content:     &types.EmailContent{Raw: &types.RawMessage{Data: m.Data}},
				Destination: &types.Destination{ToAddresses: []string{m.To}},
				EmailTags:   tags,
			})
			return err
		},
	}
	for _, name := range []string{"bare", "ours"} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(8) // times GOMAXPROCS: 16 on two cores
			before := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := calls[name](b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/mail")
		})
	}
}

func bareSDK(url string, root []byte) *sesv2.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	return sesv2.New(sesv2.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
			t.MaxIdleConnsPerHost = maxConcurrency
		}),
	})
}

// cpu is the user and system time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
