package smtpd

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// sesSays stands for SES: it refuses recipients by how their names begin, and
// remembers what it took.
type sesSays struct {
	mu   sync.Mutex
	sent []sentMail
}

type sentMail struct {
	to, from, report string
	at               time.Time
	raw              []byte
}

func (s *sesSays) Send(_ context.Context, m *spool.Message) (string, error) {
	if strings.HasPrefix(m.To, "bad-late") {
		time.Sleep(2 * time.Second) // of the bubble
	}
	switch {
	case strings.HasPrefix(m.To, "bad"):
		return "", &spool.SendError{Class: spool.Permanent, Code: "MessageRejected", Text: "Email address is not verified: " + m.To}
	case strings.HasPrefix(m.To, "slow"):
		return "", &spool.SendError{Class: spool.Temporary, Code: "InternalServiceError", Text: "later"}
	case strings.HasPrefix(m.To, "lost"):
		return "", &spool.SendError{Class: spool.Ambiguous, Text: "the answer was lost"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sentMail{m.To, m.From, m.Report, time.Now(), bytes.Clone(m.Data)})
	return fmt.Sprintf("0100019a3b2c%04x-1f2e3d4c-5b6a-7988-a0b1-%012x-000000", len(s.sent), time.Now().UnixMilli()), nil
}

// reports are what it took of our own.
func (s *sesSays) reports() (out []sentMail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.sent {
		if m.report != "" {
			out = append(out, m)
		}
	}
	return out
}

// always is a Pace that lets everything pass.
type always struct{}

func (always) Take(ctx context.Context, _ spool.Lane, n int) (int, error) { return n, ctx.Err() }
func (always) Return(spool.Lane, int)                                     {}
func (always) Report(spool.Lane, error)                                   {}
func (always) Concurrency() int                                           { return 4 }
func (always) Probe(context.Context) error                                { return nil }
func (always) QuotaFrees(spool.Lane) (time.Time, bool)                    { return time.Time{}, false }

// desk is a spool with its drain and those who tell of failures, in a bubble.
type desk struct {
	t     *testing.T
	spool *spool.Spool
	ses   *sesSays
	tells *Failures
	log   bytes.Buffer
	stop  context.CancelFunc
	ended sync.WaitGroup
}

func inDesk(t *testing.T, f Failures, fn func(t *testing.T, d *desk)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := openDesk(t, dir, f)
		defer d.close()
		d.run()
		fn(t, d)
	})
}

func openDesk(t *testing.T, dir string, f Failures) *desk {
	t.Helper()
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, spool: sp, ses: &sesSays{}, tells: &f}
	f.spool = sp
	f.From, f.Hostname, f.SES = eml.Mailbox{Name: "파발", Address: "noreply@example.com"}, "web1", "email.ap-northeast-2.amazonaws.com"
	f.Logger = slog.New(slog.NewTextHandler(&d.log, nil))
	sp.Logger = f.Logger
	sp.Sender, sp.Pace, sp.TellFailures, sp.TransactionalLeave = d.ses, always{}, f.Tells(), true
	return d
}

func (d *desk) run() {
	ctx, stop := context.WithCancel(d.t.Context())
	d.stop = stop
	d.ended.Go(func() {
		if err := d.spool.Run(ctx); err != nil {
			d.t.Errorf("spool: %v", err)
		}
	})
	d.ended.Go(func() {
		if err := d.tells.Run(ctx); err != nil {
			d.t.Errorf("failures: %v", err)
		}
	})
}

func (d *desk) halt() { d.stop(); d.ended.Wait() }

func (d *desk) close() {
	d.halt()
	report, err := d.spool.Check(context.Background())
	if err != nil || len(report.Faults) > 0 {
		d.t.Errorf("check: %v %q", err, report.Faults)
	}
	if err := d.spool.Close(); err != nil {
		d.t.Error(err)
	}
}

func (d *desk) put(from, text string, to ...string) []string {
	d.t.Helper()
	ids, err := d.spool.Put(d.t.Context(), spool.Envelope{From: from, FromDomain: "example.com", To: to, Subject: "주문 확인", MessageID: "7@app.example"}, []byte(text))
	if err != nil {
		d.t.Fatal(err)
	}
	return ids
}

func pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

const order = "From: shop@example.com\r\nTo: kim@example.net\r\nSubject: =?utf-8?b?7KO866y4?=\r\nAuto-Submitted: auto-generated\r\n\r\nhi\r\n"

// partsOf are the parts of a mail, base64 undone.
func partsOf(t *testing.T, raw []byte) (h mail.Header, parts []string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	undo := func(coding string, r io.Reader) string {
		if coding == "base64" {
			r = base64.NewDecoder(base64.StdEncoding, r)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return m.Header, []string{undo(m.Header.Get("Content-Transfer-Encoding"), m.Body)}
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, undo(p.Header.Get("Content-Transfer-Encoding"), p))
	}
}
