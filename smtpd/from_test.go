package smtpd

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"context"

	"pabal/eml"
)

// rewriting is a server that sends unverified mail from its own address.
func rewriting(q *memory) *Server {
	s := testServer(q)
	s.UnverifiedFrom = RewriteFrom
	s.DefaultFrom = eml.Mailbox{Name: "쇼핑몰", Address: "noreply@shop.example"}
	s.SenderAllowed = func(_ context.Context, address string) (bool, error) {
		return strings.HasSuffix(address, "@shop.example"), nil
	}
	return s
}

// headerOf is the header of the last mail stored.
func headerOf(t *testing.T, q *memory) mail.Header {
	t.Helper()
	puts := q.all()
	if len(puts) == 0 {
		t.Fatal("no mail was stored")
	}
	return parsed(t, puts[len(puts)-1].body).Header
}

func TestUnverifiedFromIsRewritten(t *testing.T) {
	for header, want := range map[string]struct{ from, reply, original string }{
		"From: 홍길동 <root@web1>\r\n":                               {"홍길동 <noreply@shop.example>", "", "홍길동 <root@web1>"},
		"From: \xc8\xab\xb1\xe6\xb5\xbf <hong@gmail.example>\r\n": {"홍길동 <noreply@shop.example>", "홍길동 <hong@gmail.example>", "홍길동 <hong@gmail.example>"},
		"From: root\r\n": {"쇼핑몰 <noreply@shop.example>", "", "root"},
		"From: www-data@localhost (Cron Daemon)\r\n":                       {"Cron Daemon <noreply@shop.example>", "", "www-data@localhost (Cron Daemon)"},
		"From: =?gb2312?B?1tA=?= <a@other.example>\r\n":                    {"=?gb2312?B?1tA=?= <noreply@shop.example>", "=?gb2312?B?1tA=?= <a@other.example>", "=?gb2312?B?1tA=?= <a@other.example>"},
		"From: \"Kim, Minji\" <kim@other.example>\r\nReply-To: r@x.kr\r\n": {`"Kim, Minji" <noreply@shop.example>`, "r@x.kr", `"Kim, Minji" <kim@other.example>`},
		"From: Nobody at all <>\r\n":                                       {"Nobody at all <noreply@shop.example>", "", "Nobody at all <>"},
		"From: a@other.example, Lee <b@other.example>\r\n":                 {"쇼핑몰 <noreply@shop.example>", "a@other.example", "a@other.example, Lee <b@other.example>"},
		"Sender: root@web1\r\nFrom: ok@shop.example\r\n":                   {"ok@shop.example", "", ""},
		"From: \r\n": {"bounce@shop.example", "", ""},
	} {
		q := &memory{}
		if got := deliver(t, start(t, rewriting(q)), header+"To: kim@example.com\r\n\r\nx\r\n", "kim@example.com"); !strings.HasPrefix(got, "250") {
			t.Errorf("%q: %s", header, got)
			continue
		}
		h := headerOf(t, q)
		decode := func(name string) string {
			if strings.Contains(h.Get(name), "gb2312") {
				return h.Get(name)
			}
			return eml.DecodeHeader(h.Get(name))
		}
		if decode("From") != want.from || decode("Reply-To") != want.reply || decode(originalFrom) != want.original {
			t.Errorf("%q: From %q, Reply-To %q, original %q, want %q", header, decode("From"), decode("Reply-To"), decode(originalFrom), want)
		}
		if h.Get("Sender") != "" || strings.Contains(header, "Sender") != (h.Get(originalSender) == "root@web1") {
			t.Errorf("%q: Sender %q, original %q", header, h.Get("Sender"), h.Get(originalSender))
		}
		if env := q.all()[0].env; env.FromDomain != "shop.example" {
			t.Errorf("%q: From domain %q", header, env.FromDomain)
		}
	}
}

// Where it is plain who it is, a slip beside the address is no reason to refuse.
func TestSlipsBesideTheAddressArePutRight(t *testing.T) {
	for from, want := range map[string]string{
		`"Shop <ok@shop.example>`:                `"Shop" <ok@shop.example>`,
		`Shop <ok@shop.example>,`:                `Shop <ok@shop.example>`,
		"\"상점 <ok@shop.example>;":                "상점 <ok@shop.example>",
		"S\x01hop\x7f <ok@shop.example>":         "Shop <ok@shop.example>",
		"=?utf-8?B?AVNob3A=?= <ok@shop.example>": "Shop <ok@shop.example>",
	} {
		q := &memory{}
		s := rewriting(q)
		s.UnverifiedFrom = RefuseFrom
		if got := deliver(t, start(t, s), "From: "+from+"\r\n\r\nx\r\n", "kim@example.com"); !strings.HasPrefix(got, "250") {
			t.Errorf("%q: %s", from, got)
			continue
		}
		if got := eml.DecodeHeader(headerOf(t, q).Get("From")); got != want {
			t.Errorf("%q became %q, want %q", from, got, want)
		}
	}
}

func TestVerifiedFromIsNotTouched(t *testing.T) {
	q := &memory{}
	text := "From: \"Shop\"  <ok@Shop.Example>\r\nSender: ok@shop.example\r\n\r\nx\r\n"
	deliver(t, start(t, rewriting(q)), "Date: x\r\nMessage-ID: <1@x>\r\n"+text, "kim@example.com")
	if body := q.all()[0].body; !strings.HasSuffix(body, text) {
		t.Errorf("changed to %q", body)
	}
}

func TestNamesOfThisHostGetTheConfiguredDomain(t *testing.T) {
	q := &memory{}
	s := rewriting(q)
	s.QualifyDomain = "shop.example"
	deliver(t, start(t, s), "From: Cron <root@web1>\r\n\r\nx\r\n", "kim@example.com")
	h := headerOf(t, q)
	if h.Get("From") != "Cron <root@shop.example>" || h.Get("Reply-To") != "" || h.Get(originalFrom) != "" {
		t.Errorf("got %v", h)
	}
}

func TestWrongFromIsRefusedWithoutTheRule(t *testing.T) {
	s := rewriting(&memory{})
	s.UnverifiedFrom = RefuseFrom
	address := start(t, s)
	for from, want := range map[string]string{
		"root":             "550 5.6.0 ",
		"kim@other.kr":     "550 5.7.1 SES may not send for kim@other.kr; set a From address of a verified domain, or verify other.kr in SES",
		"a@b.kr, c@d.kr":   "550 5.6.0 ",
		"\"x\" <y z@a.kr>": "550 5.6.0 ",
	} {
		if got := deliver(t, address, "From: "+from+"\r\n\r\nx\r\n", "kim@example.com"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", from, got, want)
		}
	}
}

// The operator's mistake is not the client's: it keeps the mail.
func TestUnverifiedDefaultFromIsTemporary(t *testing.T) {
	s := rewriting(&memory{})
	s.DefaultFrom.Address = "noreply@forgotten.example"
	if got := deliver(t, start(t, s), "From: root\r\n\r\nx\r\n", "kim@example.com"); !strings.HasPrefix(got, "451 4.7.1 SES may not send for noreply@forgotten.example, which is smtp.default_from") {
		t.Errorf("got %q", got)
	}
}

// While SES cannot be asked, what could be sent for goes on as it is: a refusal
// of SES holds it. What never could is rewritten.
func TestUnknownIdentitiesRewriteOnlyWhatIsNoAddress(t *testing.T) {
	q := &memory{}
	s := rewriting(q)
	s.SenderAllowed = func(context.Context, string) (bool, error) { return false, errors.New("SES is away") }
	address := start(t, s)
	for from, want := range map[string]string{"kim@other.kr": "kim@other.kr", "Root <root@web1>": "Root <noreply@shop.example>"} {
		deliver(t, address, "From: "+from+"\r\nSender: boss@other.kr\r\n\r\nx\r\n", "kim@example.com")
		if h := headerOf(t, q); h.Get("From") != want || h.Get("Sender") != "" {
			t.Errorf("%s: From %q, Sender %q, want %q and none", from, h.Get("From"), h.Get("Sender"), want)
		}
	}
}

func TestRecipientsWithoutADomainGetTheConfiguredOne(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.Aliases = writeAliases(t, "root: ops@example.com\n")
	s.Aliases.Domain = "shop.example"
	deliver(t, start(t, s), "From: a@shop.example\r\n\r\nx\r\n", "kim", "root", "lee@localhost")
	if got := strings.Join(q.all()[0].env.To, " "); got != "kim@shop.example ops@example.com lee@shop.example" {
		t.Errorf("to %s", got)
	}
}

func TestListedCommandsToSESGoOn(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.AllowHeaders = []string{"x-ses-configuration-SET"}
	deliver(t, start(t, s), "From: a@shop.example\r\nX-SES-CONFIGURATION-SET: own\r\nX-SES-SOURCE-ARN: arn\r\nX-SES-configuration-set-2: x\r\n\r\nx\r\n", "kim@example.com")
	h := headerOf(t, q)
	if h.Get("X-Ses-Configuration-Set") != "own" || h.Get("X-Ses-Source-Arn") != "" || h.Get("X-Ses-Configuration-Set-2") != "" {
		t.Errorf("got %v", h)
	}
}
