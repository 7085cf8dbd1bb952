//go:build host

package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pabal/sesclient/emulator"
)

// realMail is what a careful application sends: ASCII, CRLF, its own dates and
// ids, dots at the beginning of lines, blanks at the end of one, a long line.
var realMail = "Return-Path: <bounce@example.com>\r\n" +
	"Bcc: hidden@example.net\r\n" +
	"X-SES-CONFIGURATION-SET: other\r\n" +
	"From: =?utf-8?B?7IOB7KCQ?= <app@example.com>\r\n" +
	"To: kim@example.net,\r\n\tlee@example.net\r\n" +
	"Subject: =?utf-8?B?7KO866y4?= 4711\r\n" +
	"x-custom:no blank after the colon\r\n" +
	"Message-ID: <order-4711@app.example.com>\r\n" +
	"Date: Sun, 22 Nov 2026 14:00:00 +0900\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: text/plain; charset=us-ascii\r\n" +
	"\r\n" +
	".one\r\n..two\r\n.\r\nblanks at the end   \r\n" +
	strings.Repeat("long ", 180) + "\r\n" +
	"From the beginning of a line\r\n\r\nlast\r\n"

// traces are the header fields that docs/flow.md lists: those pabal adds and
// takes out, and those SES puts in the place of its own.
var traces = regexp.MustCompile(`(?im)^(Received|X-Pabal-Id|Return-Path|Bcc|X-SES-[A-Z-]+|Message-ID|Date): .*\r\n(?:[ \t].*\r\n)*`)

// TestRealClientsBytesReachSES submits one mail to two people with programs of
// Debian through the real daemon; each copy at SES is the mail but for the
// documented trace fields.
func TestRealClientsBytesReachSES(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 100, Keep: 10})
	p := h.serve()
	server := p.where.SMTP[0]
	file := filepath.Join(t.TempDir(), "mail.eml")
	if err := os.WriteFile(file, []byte(realMail), 0o600); err != nil {
		t.Fatal(err)
	}
	const python = `import smtplib, sys
host, port = sys.argv[1].rsplit(":", 1)
with smtplib.SMTP(host, int(port)) as s:
    s.sendmail("app@example.com", ["kim@example.net", "lee@example.net"], open(sys.argv[2], "rb").read())`
	clients := [][]string{
		{"python3", "-c", python, server, file},
		{"swaks", "--server", server, "--from", "app@example.com", "--to", "kim@example.net,lee@example.net", "--data", "@" + file},
		{"curl", "-sS", "smtp://" + server, "--mail-from", "app@example.com", "--mail-rcpt", "kim@example.net", "--mail-rcpt", "lee@example.net", "-T", file},
	}
	for i, words := range clients {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", words[0], err, out)
		}
		if err := h.ses.WaitAccepted(t.Context(), 2*(i+1)); err != nil {
			t.Fatal(err)
		}
		sent := realMail
		if words[0] == "swaks" {
			sent += "\r\n" // of its own: it ends what it sends with a newline more
		}
		compareAtSES(t, h.ses, words[0], sent, h.ses.Accepted()[2*i:])
	}
	h.stop(p)
}

// rawAtSES is a mail that SES has logged, and keeps a moment later.
func rawAtSES(t *testing.T, ses *emulator.Server, id string) (raw []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	if err := eventually(ctx, func() (found bool) {
		raw, found = ses.Raw(id)
		return found
	}); err != nil {
		t.Fatalf("SES does not have %s: %v", id, err)
	}
	return raw
}

func compareAtSES(t *testing.T, ses *emulator.Server, client, sent string, copies []emulator.Accepted) {
	t.Helper()
	want := traces.ReplaceAllString(sent, "")
	to := map[string]bool{}
	for _, accepted := range copies {
		raw := rawAtSES(t, ses, accepted.ID)
		if len(accepted.To) != 1 {
			t.Fatalf("%s: SES has %+v", client, accepted)
		}
		to[accepted.To[0]] = true
		if got := traces.ReplaceAllString(string(raw), ""); got != want {
			t.Errorf("%s: SES has\n%q\nwant\n%q", client, got, want)
		}
		for _, field := range []string{"Received: from ", "X-Pabal-Id: "} {
			if bytes.Count(raw, []byte(field)) != 1 {
				t.Errorf("%s: not one %q in %q", client, field, raw)
			}
		}
		if bytes.Contains(raw, []byte("hidden@")) || bytes.Contains(raw, []byte("CONFIGURATION-SET: other")) {
			t.Errorf("%s: a field that must not go on: %q", client, raw)
		}
	}
	if len(to) != 2 || !to["kim@example.net"] || !to["lee@example.net"] {
		t.Errorf("%s: SES has it for %v", client, to)
	}
}
