//go:build host

package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

// order is the mail that every client sends. The scripts of testdata/clients
// read it from order.json.
type order struct {
	From     string `json:"from"`
	FromName string `json:"from_name"`
	To       string `json:"to"`
	ToName   string `json:"to_name"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
	File     string `json:"file"`
	Password string `json:"password"`
}

// koreanOrder has what breaks on the way: a subject that takes two encoded
// words, lines that are or begin with a dot, a file name with a blank.
var koreanOrder = order{
	From: "app@example.com", FromName: "파발 상점",
	To: "minji@example.net", ToName: "김민지",
	Subject:  "주문 4711이 접수되었습니다: 영수증과 배송 안내를 첨부하오니 확인하여 주시기 바랍니다",
	Text:     "안녕하세요, 김민지님.\n.점으로 시작하는 줄\n.\n\n고맙습니다.\n",
	HTML:     "<p>안녕하세요, <b>김민지</b>님</p>",
	File:     "영수증 11월.pdf",
	Password: "correct-horse",
}

// clientPatience is for one client to hand one mail in.
const clientPatience = 30 * time.Second

// shown is a mail as read.py sees it.
type shown struct {
	Subject string      `json:"subject"`
	From    [][2]string `json:"from"`
	To      [][2]string `json:"to"`
	Text    string      `json:"text"`
	HTML    string      `json:"html"`
	Files   [][2]string `json:"files"` // name and SHA-256
	Defects []string    `json:"defects"`
	Clean   bool        `json:"clean"` // ASCII only
}

// clientRig is a folder with the mail in it, a daemon, and the settings that
// docs/smtp.md tells an operator to make.
type clientRig struct {
	*host
	t       *testing.T
	p       *process
	mails   string // the folder that clients run in
	want    shown
	address *strings.Replacer // of the documentation, to the daemon's
	env     []string
	after   int // mails that SES has
}

func newClientRig(t *testing.T, settings ...string) *clientRig {
	t.Helper()
	h := newHost(t, emulator.Options{Rate: 100, Keep: 100}, settings...)
	r := &clientRig{host: h, t: t, mails: t.TempDir()}
	o := koreanOrder
	data := bytes.Repeat([]byte("\x00\r\n\xff.\r\n영수증"), 1000)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	r.write("order.json", string(text))
	r.write(o.File, string(data))
	r.write("page.html", o.HTML)
	r.want = shown{Subject: o.Subject, From: [][2]string{{o.FromName, o.From}}, To: [][2]string{{o.ToName, o.To}},
		Text: strings.TrimRight(o.Text, "\n"), HTML: o.HTML, Defects: []string{}, Clean: true,
		Files: [][2]string{{o.File, fmt.Sprintf("%x", sha256.Sum256(data))}}}
	r.env = append(slices.Clone(h.env), "NODE_PATH=/usr/share/nodejs", "USER=app", "LOGNAME=app")
	r.tool("python3", script("write.py"))
	r.p = h.serve()
	host, port, err := net.SplitHostPort(r.p.where.SMTP[0])
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"127.0.0.1", host, "mail.example.com", host, "2525", port, "PASSWORD", o.Password}
	if len(r.p.where.SMTP) > 1 {
		_, implicit, _ := net.SplitHostPort(r.p.where.SMTP[1])
		pairs = append(pairs, "4650", implicit)
	}
	r.address = strings.NewReplacer(pairs...)
	return r
}

// script is the path of a client's script.
func script(name string) string {
	path, err := filepath.Abs("../testdata/clients/" + name)
	if err != nil {
		panic(err) // the working directory is gone
	}
	return path
}

func (r *clientRig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.mails, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// tool runs a program in the folder of the mail.
func (r *clientRig) tool(words ...string) {
	r.t.Helper()
	if out, err := r.command(r.t.Context(), "", words...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", words[0], err, out)
	}
}

// command is a program with a file as its stdin, where pabal is
// /usr/sbin/sendmail.
func (r *clientRig) command(ctx context.Context, stdin string, words ...string) *exec.Cmd {
	r.t.Helper()
	sendmail, err := exec.LookPath("sendmail")
	if err != nil {
		r.t.Fatal(err)
	}
	const asSendmail = `mount --bind "$0" /usr/sbin/sendmail && exec "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", asSendmail, sendmail}, words...)...)
	cmd.Dir, cmd.Env = r.mails, r.env
	if stdin != "" {
		text, err := os.ReadFile(filepath.Join(r.mails, stdin))
		if err != nil {
			r.t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(text)
	}
	return cmd
}

// delivers runs a client, which hands in the mail once, and has a parser that
// is not ours read what SES got.
func (r *clientRig) delivers(name, stdin string, words ...string) {
	r.t.Run(name, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
		defer cancel()
		if out, err := r.command(ctx, stdin, words...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", words, err, out)
		}
		r.arrived(t)
	})
}

// arrived waits for one more mail at SES and compares it.
func (r *clientRig) arrived(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	if err := r.ses.WaitAccepted(ctx, r.after+1); err != nil {
		t.Fatalf("no mail came: %v\n%s", err, r.log())
	}
	all := r.ses.Accepted()
	last := all[len(all)-1]
	if r.after++; len(all) != r.after || !slices.Equal(last.To, []string{koreanOrder.To}) {
		t.Fatalf("SES has %d mails, the last %+v", len(all), last)
	}
	raw := rawAtSES(t, r.ses, last.ID)
	reader := exec.CommandContext(t.Context(), "python3", script("read.py"))
	reader.Stdin = bytes.NewReader(raw)
	out, err := reader.Output()
	if err != nil {
		t.Fatalf("read.py: %v\n%s", err, raw)
	}
	var got shown
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !reflect.DeepEqual(got, r.want) {
		t.Errorf("SES got\n%+v\nwant\n%+v\nof\n%s", got, r.want, raw[:min(len(raw), 3000)])
	}
}

// row is one line of the tables of docs/smtp.md.
var clientRow = regexp.MustCompile("(?m)^\\| ([^|`]+) \\| (`[^|]+`) \\|$")

// setting is what a table of the documentation says about a client, with the
// daemon's address: the first table for this host, the second for elsewhere.
func (r *clientRig) setting(table int, client string) string {
	r.t.Helper()
	text, err := os.ReadFile("../docs/smtp.md")
	if err != nil {
		r.t.Fatal(err)
	}
	tables := strings.Split(string(text), "| program | what to set |")
	if len(tables) != 3 {
		r.t.Fatalf("docs/smtp.md has %d tables of clients, want 2", len(tables)-1)
	}
	for _, m := range clientRow.FindAllStringSubmatch(tables[table], -1) {
		if m[1] == client {
			lines := strings.ReplaceAll(strings.Trim(m[2], "`"), "` `", "\n")
			return r.address.Replace(lines) + "\n"
		}
	}
	r.t.Fatalf("docs/smtp.md says nothing about %q in table %d", client, table)
	return ""
}

// words are a setting that is a command line.
func (r *clientRig) words(table int, client string, more ...string) []string {
	r.t.Helper()
	return append(strings.Fields(r.setting(table, client)), more...)
}

const (
	thisHost  = 1
	elsewhere = 2
)

// swaksParts has swaks and curl make the mail themselves.
func (r *clientRig) swaksParts() []string {
	o := koreanOrder
	return []string{"--to", o.To, "--h-From", `"` + o.FromName + `" <` + o.From + ">", "--h-To", `"` + o.ToName + `" <` + o.To + ">",
		"--h-Subject", o.Subject, "--attach-type", "text/plain; charset=utf-8", "--attach-body", o.Text,
		"--attach-type", "text/html; charset=utf-8", "--attach-body", o.HTML,
		"--attach-type", "application/pdf", "--attach-name", o.File, "--attach", "@" + o.File}
}

func (r *clientRig) curlParts() []string {
	o := koreanOrder
	return []string{"-sS", "--mail-rcpt", o.To, "-H", `From: "` + o.FromName + `" <` + o.From + ">", "-H", `To: "` + o.ToName + `" <` + o.To + ">",
		"-H", "Subject: " + o.Subject, "-F", "=(;type=multipart/alternative", "-F", "=" + o.Text + ";type=text/plain; charset=utf-8",
		"-F", "=<page.html;type=text/html; charset=utf-8", "-F", "=)", "-F", "=@" + o.File + ";encoder=base64;type=application/pdf"}
}

// TestClientsOverSMTP has programs of this host submit a Korean mail, in UTF-8
// and in the EUC-KR of old applications.
func TestClientsOverSMTP(t *testing.T) {
	r := newClientRig(t)
	to := koreanOrder.To
	for _, charset := range []string{"utf-8", "euc-kr"} {
		file := charset + ".crlf.eml"
		r.delivers("Python, "+charset, "", "python3", script("smtp.py"), charset, r.setting(thisHost, "Python"))
		r.delivers("PHPMailer, "+charset, "", "php", script("phpmailer.php"), charset, r.setting(thisHost, "PHPMailer"))
		r.delivers("Perl, "+charset, "", "perl", script("smtp.pl"), charset+".eml", r.setting(thisHost, "Perl"))
		r.delivers("swaks, "+charset, "", r.words(thisHost, "swaks", "--to", to, "--data", "@"+file)...)
		r.delivers("curl, "+charset, "", r.words(thisHost, "curl", "-sS", "--mail-rcpt", to, "-T", file)...)
		r.write("msmtprc", r.setting(thisHost, "msmtp (msmtprc)"))
		r.delivers("msmtp, "+charset, charset+".eml", "msmtp", "-C", "msmtprc", "-t")
	}
	r.delivers("Symfony", "", "php", script("symfony.php"), strings.TrimSpace(r.setting(thisHost, "Symfony, Laravel")))
	r.delivers("nodemailer", "", "node", script("nodemailer.js"), r.setting(thisHost, "nodemailer"))
	r.delivers("swaks, its own parts", "", r.words(thisHost, "swaks", r.swaksParts()...)...)
	r.delivers("curl, its own parts", "", r.words(thisHost, "curl", r.curlParts()...)...)
	r.stop(r.p)
}

// TestClientsOverTLSWithALogin has them submit from elsewhere: they check the
// certificate and log in.
func TestClientsOverTLSWithALogin(t *testing.T) {
	r := newClientRig(t, "PABAL_SMTP_TLS_CERTIFICATE=self-signed", "PABAL_SMTP_TLS_LISTEN=127.0.0.1:0")
	add := r.command(r.t.Context(), "", "pabal", "smtp-user", "add", "shop")
	add.Stdin = strings.NewReader(koreanOrder.Password)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("smtp-user: %v\n%s", err, out)
	}
	ca := filepath.Join(r.dir, "data", "smtp-tls.pem")
	r.env = append(r.env, "SSL_CERT_FILE="+ca, "NODE_EXTRA_CA_CERTS="+ca)
	file, to := "utf-8.crlf.eml", koreanOrder.To
	for _, client := range []string{"Python", "Python, TLS from the start"} {
		r.delivers(client, "", "python3", script("smtp.py"), "utf-8", r.setting(elsewhere, client))
	}
	r.delivers("PHPMailer", "", "php", script("phpmailer.php"), "utf-8", r.setting(elsewhere, "PHPMailer"))
	r.delivers("Symfony", "", "php", script("symfony.php"), strings.TrimSpace(r.setting(elsewhere, "Symfony, Laravel")))
	r.delivers("nodemailer", "", "node", script("nodemailer.js"), r.setting(elsewhere, "nodemailer"))
	r.delivers("Perl", "", "perl", script("smtp.pl"), "euc-kr.eml", r.setting(elsewhere, "Perl"))
	r.write("msmtprc", "tls_trust_file "+ca+"\n"+r.setting(elsewhere, "msmtp (msmtprc)"))
	if err := os.Chmod(filepath.Join(r.mails, "msmtprc"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.delivers("msmtp", "utf-8.eml", "msmtp", "-C", "msmtprc", "-t")
	r.delivers("curl", "", r.words(elsewhere, "curl", "-sS", "--mail-rcpt", to, "-T", file)...)
	for _, method := range []string{"PLAIN", "LOGIN"} {
		r.delivers("swaks, "+method, "", r.words(elsewhere, "swaks", "--auth", method, "--to", to, "--data", "@"+file)...)
	}
	r.delivers("swaks, TLS from the start", "", "swaks", "--server", r.p.where.SMTP[1], "--tls-on-connect", "--auth", "PLAIN",
		"--auth-user", "shop", "--auth-password", koreanOrder.Password, "--from", koreanOrder.From, "--to", to, "--data", "@"+file)
	if got := r.withLogin(); got != r.after {
		t.Errorf("%d of %d mails came over TLS with a login", got, r.after)
	}
	r.stop(r.p)
}

// withLogin counts the mails that came over TLS with a login (RFC 3848).
func (r *clientRig) withLogin() (n int) {
	for _, one := range r.ses.Accepted() {
		if raw, _ := r.ses.Raw(one.ID); regexp.MustCompile(`(?m)^Received: (.*\r\n[ \t])*.*\swith\s+ESMTPSA\s`).Match(raw) {
			n++
		}
	}
	return n
}

// TestClientsOfSendmail has programs that run /usr/sbin/sendmail do so, and the
// command lines of cron: Debian's (3.0pl1) and cronie's (1.6).
func TestClientsOfSendmail(t *testing.T) {
	r := newClientRig(t)
	o := koreanOrder
	for _, charset := range []string{"utf-8", "euc-kr"} {
		for _, raw := range []string{"no", "yes"} {
			r.delivers("PHP mail(), "+charset+", raw header "+raw, "", "php", script("mail.php"), charset, raw)
		}
		r.delivers("PHPMailer, "+charset, "", "php", script("phpmailer.php"), charset, r.setting(thisHost, "PHPMailer, by sendmail"))
		r.delivers("PHPMailer by mail(), "+charset, "", "php", script("phpmailer.php"), charset, "$mail->isMail();")
		eml := charset + ".eml"
		r.delivers("Debian's cron, "+charset, eml, "/usr/sbin/sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", o.To)
		r.delivers("cronie, "+charset, eml, "/usr/sbin/sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", o.From)
		r.delivers("cronie from 1.7, "+charset, eml, "/usr/sbin/sendmail", "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "<>")
	}
	r.delivers("Symfony", "", "php", script("symfony.php"), strings.TrimSpace(r.setting(thisHost, "Symfony, Laravel, by sendmail")))
	r.delivers("Symfony with -t -i", "", "php", script("symfony.php"), "MAILER_DSN=sendmail://default?command="+"/usr/sbin/sendmail%20-t%20-i")
	r.delivers("nodemailer", "", "node", script("nodemailer.js"), r.setting(thisHost, "nodemailer, by sendmail"))
	text, err := os.ReadFile(filepath.Join(r.mails, "utf-8.eml"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n\n")
	r.write("body", body)
	r.delivers("mailx", "body", "bsd-mailx", "-s", o.Subject, "-a", `From: "`+o.FromName+`" <`+o.From+">", "-a", "MIME-Version: 1.0",
		"-a", `Content-Type: multipart/mixed; boundary="outer"`, "-a", "Content-Transfer-Encoding: 8bit", o.ToName+" <"+o.To+">")
	r.stop(r.p)
}
