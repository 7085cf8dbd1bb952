//go:build host

package smtpd

import (
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pythonMail sends a Korean mail with an attachment, in 8-bit form.
const pythonMail = `
import smtplib, sys
from email.message import EmailMessage
from email.policy import SMTP
m = EmailMessage(policy=SMTP.clone(cte_type="8bit"))
m["From"] = "무신사 <shop@shop.example>"
m["To"] = "김철수 <kim@example.com>"
m["Bcc"] = "hidden@example.com"
m["Subject"] = "주문이 접수되었습니다"
m.set_content("안녕하세요, 김철수님.\n.\n..점\n", cte="8bit")
m.add_alternative("<p>안녕하세요</p>", subtype="html", cte="8bit")
m.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="영수증.bin")
host, port = sys.argv[1].rsplit(":", 1)
with smtplib.SMTP(host, int(port)) as s:
    s.send_message(m, to_addrs=["kim@example.com", "hidden@example.com"])
`

// tool runs a real client; one that is missing fails the test.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func TestPythonSmtplib(t *testing.T) {
	q := &memory{}
	tool(t, "python3", "-c", pythonMail, start(t, testServer(q)))
	puts := q.all()
	if len(puts) != 1 {
		t.Fatalf("%d messages", len(puts))
	}
	p := puts[0]
	if want := []string{"kim@example.com", "hidden@example.com"}; !slices.Equal(p.env.To, want) || p.env.Subject != "주문이 접수되었습니다" {
		t.Errorf("to %v, subject %q", p.env.To, p.env.Subject)
	}
	if strings.Contains(p.body, "hidden") || !clean([]byte(p.body)) {
		t.Errorf("the hidden recipient or 8-bit text in %q", p.body)
	}
	m := parsed(t, p.body)
	if from, err := mail.ParseAddress(m.Header.Get("From")); err != nil || from.Name != "무신사" {
		t.Errorf("From %v, %v", from, err)
	}
	var all string
	for i := range 256 {
		all += string([]byte{byte(i)})
	}
	got := leaves(t, m.Header, m.Body)
	want := []string{"안녕하세요, 김철수님.\r\n.\r\n..점\r\n", "<p>안녕하세요</p>\r\n", all}
	if !slices.EqualFunc(got, want, func(a, b string) bool { return strings.TrimSuffix(a, "\r\n") == strings.TrimSuffix(b, "\r\n") }) {
		t.Errorf("parts %q, want %q", got, want)
	}
}

func TestSwaks(t *testing.T) {
	q := &memory{}
	address := start(t, testServer(q))
	for _, extra := range [][]string{nil, {"--pipeline"}, {"--protocol", "SMTP"}} {
		file := filepath.Join(t.TempDir(), "mail.eml")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(plain, "\r\n", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"--server", address, "--from", "app@shop.example", "--to", "kim@example.com,lee@example.com",
			"--data", "@" + file}, extra...)
		tool(t, "swaks", args...)
		puts := q.all()
		last := puts[len(puts)-1]
		if len(last.env.To) != 2 || !strings.Contains(last.body, strings.TrimSuffix(plain, "\r\n")) {
			t.Errorf("%v: to %v, body %q, want %q in it", extra, last.env.To, last.body, plain)
		}
	}
}

func TestCurl(t *testing.T) {
	q := &memory{}
	address := start(t, testServer(q))
	file := filepath.Join(t.TempDir(), "mail.eml")
	if err := os.WriteFile(file, []byte(plain), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "curl", "-sS", "smtp://"+address+"/app.test", "--mail-from", "app@shop.example", "--mail-rcpt", "kim@example.com", "-T", file)
	if puts := q.all(); len(puts) != 1 || !strings.HasSuffix(puts[0].body, plain) {
		t.Errorf("stored %q, want %q", puts, plain)
	}
}

// pythonLogin logs in over TLS, begun or from the start.
const pythonLogin = `
import smtplib, ssl, sys
how, host, port = sys.argv[1], *sys.argv[2].rsplit(":", 1)
context = ssl.create_default_context(cafile=sys.argv[3])
if how == "tls":
    s = smtplib.SMTP_SSL(host, int(port), context=context)
else:
    s = smtplib.SMTP(host, int(port))
    s.starttls(context=context)
with s:
    s.login("app", "correct-horse")
    s.sendmail("app@shop.example", ["kim@example.com"], open(sys.argv[4], "rb").read())
`

// TestClientsLogInOverTLS is what applications elsewhere do, to a listener that
// takes nothing else; they check the certificate.
func TestClientsLogInOverTLS(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.Users, s.TLSListen = users(t), []string{"127.0.0.1:0"}
	dir := t.TempDir()
	ca, file := filepath.Join(dir, "tls.pem"), filepath.Join(dir, "mail.eml")
	cert, err := SelfSigned("smtp", ca, "mail.test")
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = cert.Config()
	if err := os.WriteFile(file, []byte(plain), 0o600); err != nil {
		t.Fatal(err)
	}
	address := startAs(t, s, func(l *listener) { l.remote = true })
	implicit := s.listeners[1].Addr().String()
	swaks := []string{"swaks", "--from", "app@shop.example", "--to", "kim@example.com", "--data", "@" + file, "--auth-user", "app", "--auth-password", "correct-horse"}
	curl := []string{"curl", "-sS", "--cacert", ca, "--user", "app:correct-horse", "--mail-from", "app@shop.example", "--mail-rcpt", "kim@example.com", "-T", file}
	for name, command := range map[string][]string{
		"swaks, STARTTLS, PLAIN": append(slices.Clone(swaks), "--server", address, "--tls", "--auth", "PLAIN"),
		"swaks, STARTTLS, LOGIN": append(slices.Clone(swaks), "--server", address, "--tls", "--auth", "LOGIN"),
		"swaks, TLS":             append(slices.Clone(swaks), "--server", implicit, "--tls-on-connect", "--auth", "PLAIN"),
		"curl, STARTTLS":         append(slices.Clone(curl), "--ssl-reqd", "smtp://"+address),
		"curl, TLS":              append(slices.Clone(curl), "smtps://"+implicit),
		"python, STARTTLS":       {"python3", "-c", pythonLogin, "starttls", address, ca, file},
		"python, TLS":            {"python3", "-c", pythonLogin, "tls", implicit, ca, file},
	} {
		before := len(q.all())
		tool(t, command[0], command[1:]...)
		puts := q.all()
		if len(puts) != before+1 || !strings.Contains(strings.ReplaceAll(puts[before].body, "\r\n ", " "), "with ESMTPSA id") {
			t.Errorf("%s: %d mails more, want one that came with a login over TLS", name, len(puts)-before)
		}
	}
}
