//go:build host

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// overSMTP are the clients that speak SMTP to this host, with a mail in a
// charset.
func (r *clientRig) overSMTP(charset string) []client {
	r.t.Helper()
	file, to := charset+".crlf.eml", koreanOrder.To
	r.write("msmtprc", r.setting(thisHost, "msmtp (msmtprc)"))
	all := []client{
		{"Python, " + charset, "", []string{"python3", script("smtp.py"), charset, r.setting(thisHost, "Python")}},
		{"PHPMailer, " + charset, "", []string{"php", script("phpmailer.php"), charset, r.setting(thisHost, "PHPMailer")}},
		{"Perl, " + charset, "", []string{"perl", script("smtp.pl"), charset + ".eml", r.setting(thisHost, "Perl")}},
		{"swaks, " + charset, "", r.words(thisHost, "swaks", "--to", to, "--data", "@"+file)},
		{"curl, " + charset, "", r.words(thisHost, "curl", "-sS", "--mail-rcpt", to, "-T", file)},
		{"msmtp, " + charset, charset + ".eml", []string{"msmtp", "-C", "msmtprc", "-t"}},
	}
	if charset != "utf-8" {
		return all
	}
	return append(all,
		client{"Symfony", "", []string{"php", script("symfony.php"), strings.TrimSpace(r.setting(thisHost, "Symfony, Laravel"))}},
		client{"nodemailer", "", []string{"node", script("nodemailer.js"), r.setting(thisHost, "nodemailer")}},
		client{"swaks, its own parts", "", r.words(thisHost, "swaks", r.swaksParts()...)},
		client{"curl, its own parts", "", r.words(thisHost, "curl", r.curlParts()...)})
}

// ofSendmail are programs that run /usr/sbin/sendmail, and the command lines of
// cron: Debian's (3.0pl1) and cronie's (1.6 and 1.7).
func (r *clientRig) ofSendmail(charset string) []client {
	r.t.Helper()
	o, mail := koreanOrder, charset+".eml"
	cron := func(words ...string) []string {
		return append([]string{"/usr/sbin/sendmail", "-FCronDaemon", "-i"}, words...)
	}
	all := []client{
		{"PHP mail(), " + charset, "", []string{"php", script("mail.php"), charset, "no"}},
		{"PHP mail(), raw header, " + charset, "", []string{"php", script("mail.php"), charset, "yes"}},
		{"PHPMailer, " + charset, "", []string{"php", script("phpmailer.php"), charset, r.setting(thisHost, "PHPMailer, by sendmail")}},
		{"PHPMailer by mail(), " + charset, "", []string{"php", script("phpmailer.php"), charset, "$mail->isMail();"}},
		{"Debian's cron, " + charset, mail, cron("-B8BITMIME", "-oem", o.To)},
		{"cronie, " + charset, mail, cron("-odi", "-oem", "-oi", "-t", "-f", o.From)},
		{"cronie from 1.7, " + charset, mail, cron("-odi", "-oem", "-oi", "-t", "-f", "<>")},
	}
	if charset != "utf-8" {
		return all
	}
	text, err := os.ReadFile(filepath.Join(r.mails, mail))
	if err != nil {
		r.t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n\n")
	r.write("body", body)
	return append(all,
		client{"Symfony", "", []string{"php", script("symfony.php"), strings.TrimSpace(r.setting(thisHost, "Symfony, Laravel, by sendmail"))}},
		client{"Symfony with -t -i", "", []string{"php", script("symfony.php"), "MAILER_DSN=sendmail://default?command=/usr/sbin/sendmail%20-t%20-i"}},
		client{"nodemailer", "", []string{"node", script("nodemailer.js"), r.setting(thisHost, "nodemailer, by sendmail")}},
		client{"mailx", "body", []string{"bsd-mailx", "-s", o.Subject, "-a", `From: "` + o.FromName + `" <` + o.From + ">", "-a", "MIME-Version: 1.0",
			"-a", `Content-Type: multipart/mixed; boundary="outer"`, "-a", "Content-Transfer-Encoding: 8bit", o.ToName + " <" + o.To + ">"}})
}

// TestClientsOverSMTP has programs of this host submit a Korean mail, in UTF-8
// and in the EUC-KR of old applications.
func TestClientsOverSMTP(t *testing.T) {
	r := newClientRig(t)
	r.delivers(r.overSMTP("utf-8")...)
	r.delivers(r.overSMTP("euc-kr")...)
	r.stop(r.p)
}

func TestClientsOfSendmail(t *testing.T) {
	r := newClientRig(t)
	r.delivers(r.ofSendmail("utf-8")...)
	r.delivers(r.ofSendmail("euc-kr")...)
	r.stop(r.p)
}

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
	for _, name := range []string{"Python", "Python, TLS from the start"} {
		r.delivers(client{name, "", []string{"python3", script("smtp.py"), "utf-8", r.setting(elsewhere, name)}})
	}
	r.delivers(client{"PHPMailer", "", []string{"php", script("phpmailer.php"), "utf-8", r.setting(elsewhere, "PHPMailer")}})
	r.delivers(client{"Symfony", "", []string{"php", script("symfony.php"), strings.TrimSpace(r.setting(elsewhere, "Symfony, Laravel"))}})
	r.delivers(client{"nodemailer", "", []string{"node", script("nodemailer.js"), r.setting(elsewhere, "nodemailer")}})
	r.delivers(client{"Perl", "", []string{"perl", script("smtp.pl"), "euc-kr.eml", r.setting(elsewhere, "Perl")}})
	r.write("msmtprc", "tls_trust_file "+ca+"\n"+r.setting(elsewhere, "msmtp (msmtprc)"))
	if err := os.Chmod(filepath.Join(r.mails, "msmtprc"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.delivers(client{"msmtp", "utf-8.eml", []string{"msmtp", "-C", "msmtprc", "-t"}})
	r.delivers(client{"curl", "", r.words(elsewhere, "curl", "-sS", "--mail-rcpt", to, "-T", file)})
	for _, method := range []string{"PLAIN", "LOGIN"} {
		r.delivers(client{"swaks, " + method, "", r.words(elsewhere, "swaks", "--auth", method, "--to", to, "--data", "@"+file)})
	}
	r.delivers(client{"swaks, TLS from the start", "", []string{"swaks", "--server", r.p.where.SMTP[1], "--tls-on-connect", "--auth", "PLAIN",
		"--auth-user", "shop", "--auth-password", koreanOrder.Password, "--from", koreanOrder.From, "--to", to, "--data", "@" + file}})
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

// cronMail is what Debian's cron (3.0pl1) writes of a job of root.
const cronMail = `From: root (Cron Daemon)
To: root
Subject: Cron <root@web1> /usr/local/bin/backup
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>
X-Cron-Env: <LOGNAME=root>

백업을 마쳤습니다.
`

// TestCronsOwnMail goes to who the aliases say, from an address SES may send for.
func TestCronsOwnMail(t *testing.T) {
	aliases := filepath.Join(t.TempDir(), "aliases")
	if err := os.WriteFile(aliases, []byte("root: "+koreanOrder.To+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newClientRig(t, "PABAL_SMTP_QUALIFY_DOMAIN=example.com", "PABAL_SMTP_ALIASES="+aliases)
	r.write("cron", cronMail)
	if err := r.uses(t, client{"cron", "cron", []string{"/usr/sbin/sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"}}); err != nil {
		t.Fatal(err)
	}
	r.want.Subject, r.want.Text, r.want.HTML, r.want.Files = "Cron <root@web1> /usr/local/bin/backup", "백업을 마쳤습니다.", "", [][2]string{}
	r.want.From, r.want.To = [][2]string{{"Cron Daemon", "root@example.com"}}, [][2]string{{"", "root@example.com"}}
	r.arrived(t, 1)
	r.stop(r.p)
}
