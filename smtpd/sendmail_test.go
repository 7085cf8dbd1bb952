package smtpd

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mailer is a caller of sendmail without a daemon.
func mailer(t testing.TB, o Options) *Sendmail {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "drop")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return &Sendmail{Options: o, Folder: folder, Host: "web1.example.com", User: "kim", Gecos: "Kim Minji"}
}

// dropped are the letters in a folder.
func dropped(t testing.TB, folder string) []Letter {
	t.Helper()
	root, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []Letter
	for _, e := range entries {
		if e.Name() == badFolder {
			continue
		}
		if !dropName.MatchString(e.Name()) {
			t.Errorf("%s was left", e.Name())
			continue
		}
		l, _, err := readDrop(root, e.Name(), maxTextBytes, nil)
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
		out = append(out, l)
	}
	return out
}

func TestRecipientsOfTheHeader(t *testing.T) {
	for _, c := range []struct {
		name, text string
		arguments  []string
		to         []string
		left       string // of the header, if given
	}{
		{"folded", "To: Kim\n <a@example.net>,\n\tb@example.net\nSubject: x\n\nhi\n", nil, []string{"a@example.net", "b@example.net"}, ""},
		{"all three", "To: a@example.net\nCC: b@example.net\nBcc: c@example.net\n\nhi\n", nil, []string{"a@example.net", "b@example.net", "c@example.net"}, "To: a@example.net\r\nCC: b@example.net\r\n\r\n"},
		{"bcc alone", "From: s@example.com\nbCC: c@example.net,\n d@example.net\n\nhi\n", nil, []string{"c@example.net", "d@example.net"}, "From: s@example.com\r\n\r\n"},
		{"union", "To: a@example.net\n\nhi\n", []string{"b@example.net", "A@example.NET"}, []string{"b@example.net", "A@example.net", "a@example.net"}, ""},
		{"group", "To: \"Team, A\": a@example.net, Hana <b@example.net>;, undisclosed-recipients:;\nCc: c@example.net\n\nhi\n", nil, []string{"a@example.net", "b@example.net", "c@example.net"}, ""},
		{"resent", "To: a@example.net\nResent-To: b@example.net\nResent-Bcc: c@example.net\n\nhi\n", nil, []string{"b@example.net", "c@example.net"}, "To: a@example.net\r\nResent-To: b@example.net\r\n\r\n"},
		{"comments", "To: a@example.net (Kim (a, b) \\), c), \"x, y <z@z>\" <b@example.net>\n\nhi\n", nil, []string{"a@example.net", "b@example.net"}, ""},
		{"encoded", "To: =?UTF-8?B?6rmA66+87KeA?= <a@example.net>, 김민지 <b@example.net>\n\nhi\n", nil, []string{"a@example.net", "b@example.net"}, ""},
		{"local", "To: root, Cron <www-data@localhost>\n\nhi\n", nil, []string{"root@localhost", "www-data@localhost"}, ""},
		{"crlf", "To: a@example.net\r\nBcc: b@example.net\r\n\r\nhi\r\n", nil, []string{"a@example.net", "b@example.net"}, "To: a@example.net\r\n\r\n"},
		{"mbox line", "From kim Sun Nov 22\nTo: a@example.net\n\nhi\n", nil, []string{"a@example.net"}, ""},
		{"no empty line", "To: a@example.net\nhi there\n", nil, []string{"a@example.net"}, "To: a@example.net\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mailer(t, Options{FromHeader: true, KeepDots: true, Recipients: c.arguments})
			if _, err := m.Deliver(t.Context(), strings.NewReader(c.text)); err != nil {
				t.Fatal(err)
			}
			l := dropped(t, m.Folder)[0]
			slices.Sort(c.to)
			slices.Sort(l.To)
			want := slices.CompactFunc(c.to, strings.EqualFold)
			got := slices.CompactFunc(l.To, strings.EqualFold)
			if !slices.EqualFunc(got, want, strings.EqualFold) {
				t.Errorf("to %q, want %q", l.To, c.to)
			}
			if !strings.Contains(string(l.Text), c.left) || strings.Contains(strings.ToLower(string(l.Text)), "bcc:") {
				t.Errorf("text %q, want %q in it and no Bcc", l.Text, c.left)
			}
		})
	}
}

func TestTextEndsAtADotUnlessTold(t *testing.T) {
	const text = "Subject: x\n\none\n.\ntwo\n"
	for keep, want := range map[bool]string{false: "one\r\n", true: "one\r\n.\r\ntwo\r\n"} {
		m := mailer(t, Options{KeepDots: keep, Recipients: []string{"a@example.net"}})
		if _, err := m.Deliver(t.Context(), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if _, body, _ := strings.Cut(string(dropped(t, m.Folder)[0].Text), "\r\n\r\n"); body != want {
			t.Errorf("keep dots %v: %q, want %q", keep, body, want)
		}
	}
}

func TestSenderAndFromHeader(t *testing.T) {
	for _, c := range []struct {
		o            Options
		text         string
		sender, from string
	}{
		{Options{}, "Subject: x\n\nhi\n", "kim@web1.example.com", "From: Kim Minji <kim@web1.example.com>\r\n"},
		{Options{From: "shop@example.com", FromSet: true, Name: "파발 상점"}, "Subject: x\n\nhi\n", "shop@example.com", "<shop@example.com>\r\n"},
		{Options{From: "<>", FromSet: true, Name: "Cron"}, "Subject: x\n\nhi\n", "", "From: Cron <kim@web1.example.com>\r\n"},
		{Options{From: "", FromSet: true}, "From: a@example.com\n\nhi\n", "", "From: a@example.com\r\n"},
		{Options{From: "www-data", FromSet: true}, "From: a@example.com\n\nhi\n", "www-data@web1.example.com", "From: a@example.com\r\n"},
		{Options{From: "Shop <shop@example.com>", FromSet: true}, "hello\n", "shop@example.com", "From: Kim Minji <shop@example.com>\r\n\r\nhello\r\n"},
	} {
		c.o.Recipients = []string{"a@example.net"}
		m := mailer(t, c.o)
		if _, err := m.Deliver(t.Context(), strings.NewReader(c.text)); err != nil {
			t.Fatal(err)
		}
		l := dropped(t, m.Folder)[0]
		if l.From != c.sender || !strings.Contains(string(l.Text), c.from) {
			t.Errorf("%+v: sender %q, text %q, want %q and %q", c.o, l.From, l.Text, c.sender, c.from)
		}
	}
}

func TestWhatCannotBeSentHasItsExitCodeAndKeepsNothing(t *testing.T) {
	for _, c := range []struct {
		o    Options
		text string
		code int
	}{
		{Options{}, "Subject: x\n\nhi\n", ExitUsage},
		{Options{FromHeader: true}, "To: undisclosed-recipients:;\n\nhi\n", ExitUsage},
		{Options{Recipients: []string{"a@example.net", "not an address"}}, "hi\n", ExitNoUser},
		{Options{Recipients: []string{"a@b@example.net"}}, "hi\n", ExitNoUser},
		{Options{Recipients: []string{"nobody"}}, "hi\n", ExitNoUser},
		{Options{FromSet: true, From: "x y z", Recipients: []string{"a@example.net"}}, "hi\n", ExitData},
		{Options{Recipients: []string{"a@example.net"}}, strings.Repeat("x", 2000), ExitUnavailable},
		{Options{Recipients: []string{"a@example.net", "b@example.net", "c@example.net", "d@example.net"}}, "hi\n", ExitUnavailable},
		{Options{Recipients: []string{"a@example.net"}}, "Subject: x\n\na\x00b\n", ExitData},
		{Options{Recipients: []string{"a@example.net"}}, "Subject: x\n\na\rb\n", ExitData},
		{Options{Recipients: []string{"a@example.net"}}, strings.Repeat("X-A: b\n", 1001) + "Bcc: hidden@example.net\n\nhi\n", ExitData},
	} {
		m := mailer(t, c.o)
		m.MaxSize, m.MaxTo = 1000, 3
		m.Aliases = writeAliases(t, "root: ops@example.com\n")
		_, err := m.Deliver(t.Context(), strings.NewReader(c.text))
		exit, ok := errors.AsType[*ExitError](err)
		if !ok || exit.Code != c.code || exit.Problem.Hint == "" {
			t.Errorf("%+v: %v, want exit code %d with a hint", c.o, err, c.code)
		}
		if left := dropped(t, m.Folder); len(left) > 0 {
			t.Errorf("%+v: %d drops", c.o, len(left))
		}
	}
	m := mailer(t, Options{Recipients: []string{"a@example.net"}})
	m.Folder += "/none"
	_, err := m.Deliver(t.Context(), strings.NewReader("hi\n"))
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != ExitTempFail {
		t.Errorf("no folder: %v, want %d", err, ExitTempFail)
	}
}

func TestNamesOfThisHost(t *testing.T) {
	for host, c := range map[string]struct{ given, want string }{
		"web1":             {"root@WEB1", "root@localhost"},
		"web1.example.com": {"root@web1.example.com", "root@web1.example.com"},
		"web2.example.com": {"root@localhost.localdomain", "root@localhost"},
	} {
		m := mailer(t, Options{Recipients: []string{c.given}})
		m.Host = host
		if _, err := m.Deliver(t.Context(), strings.NewReader("hi\n")); err != nil {
			t.Errorf("%s at %s: %v", c.given, host, err)
			continue
		}
		if got := dropped(t, m.Folder)[0].To; !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s at %s became %q, want %s", c.given, host, got, c.want)
		}
	}
}

// An aliases file that only the daemon may read is no reason to lose cron's mail.
func TestAliasesTheCallerCannotReadAreLeftToTheDaemon(t *testing.T) {
	m := mailer(t, Options{Recipients: []string{"root"}})
	m.Aliases = &Aliases{Path: t.TempDir()}
	if _, err := m.Deliver(t.Context(), strings.NewReader("hi\n")); err != nil {
		t.Fatal(err)
	}
	if got := dropped(t, m.Folder); len(got) != 1 || got[0].To[0] != "root@localhost" {
		t.Errorf("dropped %+v", got)
	}
}

// What is kept without a daemon is for the daemon to judge and to change.
func TestSMTPOnStdinWithoutADaemonKeepsMailAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		text, reply string
		drops       int
	}{
		"ASCII":      {"From: root (Cron Daemon)\nX-Pabal-Topic: sale\nBcc: b@example.com\n\nhi", "250 2.0.0 queued as", 1},
		"Hangul":     {"\n" + strings.Repeat("안녕하세요\n", 100) + "끝", "250 2.0.0 queued as", 1},
		"a loop":     {strings.Repeat("Received: by x\n", maxReceived) + "\nhi", "554 5.4.6", 0},
		"no header":  {"this is\n\nno header", "550 5.6.0", 0},
		"too large":  {strings.Repeat("hello all\n", 300), "552 5.3.4", 0},
		"broken off": {"hi\n.", "", 0},
		"lone CR":    {"a\rb", "550 5.6.0", 0},
	} {
		m := mailer(t, Options{Mode: ModeSMTP})
		m.MaxSize = 2000
		end := "\n.\nQUIT\n"
		if c.reply == "" {
			end = ""
		}
		var out strings.Builder
		err := m.Talk(t.Context(), strings.NewReader("EHLO c\nMAIL FROM:<a@shop.example>\nRCPT TO:<kim@example.com>\nRCPT TO:<root>\nDATA\n"+c.text+end), &out)
		if err != nil || c.reply != "" && !strings.Contains(out.String(), "\r\n"+c.reply) || c.reply == "" && strings.Contains(out.String(), "queued") {
			t.Errorf("%s: %v, said %q, want %q", name, err, out.String(), c.reply)
		}
		got := dropped(t, m.Folder)
		if len(got) != c.drops {
			t.Errorf("%s: %d drops, want %d", name, len(got), c.drops)
		}
		for _, l := range got {
			want := strings.ReplaceAll(c.text, "\n", "\r\n") + "\r\n"
			if string(l.Text) != want || l.From != "a@shop.example" || !slices.Equal(l.To, []string{"kim@example.com", "root@localhost"}) {
				t.Errorf("%s: kept %q for %q from %s", name, l.Text, l.To, l.From)
			}
		}
	}
}
