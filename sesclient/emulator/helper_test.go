package emulator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
)

const mailText = "From: =?UTF-8?B?66y07Iug7IKs?= <shop@example.com>\r\nTo: a@example.net\r\nBcc: secret@example.net\r\n" +
	"Subject: =?UTF-8?B?7JWI64WV?=\r\nMessage-ID: <ours@pabal>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0900\r\n" +
	"X-Pabal-Id: 1-2-3-1\r\nDKIM-Signature: v=1\r\nMIME-Version: 1.0\r\n\r\nhello\r\n"

// start serves an emulator on loopback.
func start(t testing.TB, o Options) (*Server, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	url, wait, err := s.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := wait(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, url
}

// sdk is the real client, without retries.
func sdk(t testing.TB, url string, transport http.RoundTripper) *sesv2.Client {
	t.Helper()
	o := sesv2.Options{
		Region: "ap-northeast-2", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}
	if transport != nil {
		o.HTTPClient = &http.Client{Transport: transport}
	}
	return sesv2.New(o)
}

func pair(t testing.TB, o Options) (*Server, *sesv2.Client) {
	t.Helper()
	s, url := start(t, o)
	return s, sdk(t, url, nil)
}

// local is a client with no socket under it.
func local(t testing.TB, o Options) (*Server, *sesv2.Client) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, sdk(t, "http://emulator.invalid", s.Transport())
}

func raw(text string, to ...string) *sesv2.SendEmailInput {
	in := &sesv2.SendEmailInput{Content: &types.EmailContent{Raw: &types.RawMessage{Data: []byte(text)}}}
	if len(to) > 0 {
		in.Destination = &types.Destination{ToAddresses: to}
	}
	return in
}

func send(t testing.TB, c *sesv2.Client, in *sesv2.SendEmailInput) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := c.SendEmail(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.MessageId), nil
}

func mustSend(t testing.TB, c *sesv2.Client, in *sesv2.SendEmailInput) string {
	t.Helper()
	id, err := send(t, c, in)
	if err != nil {
		t.Fatalf("send to %v: %v", in.Destination, err)
	}
	return id
}

// wantCode checks the code and a part of the message of an SES error.
func wantCode(t testing.TB, err error, code, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want an API error %s", err, code)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), text) {
		t.Fatalf("got %s %q, want %s with %q", api.ErrorCode(), api.ErrorMessage(), code, text)
	}
}

func wantStatus(t testing.TB, err error, status int) {
	t.Helper()
	var re interface{ HTTPStatusCode() int }
	if !errors.As(err, &re) || re.HTTPStatusCode() != status {
		t.Fatalf("got %v, want HTTP status %d", err, status)
	}
}

func ptr[T any](v T) *T { return &v }
