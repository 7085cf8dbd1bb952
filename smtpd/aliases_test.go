package smtpd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeAliases(t testing.TB, text string) *Aliases {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aliases")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Aliases{Path: path, Host: "web1.example.com"}
}

const aliasFile = `# who gets what
root: ops@Example.COM
  # a comment inside
www-data: root,
	"Kim, Minji" <minji@example.com>
"cron": \www-data (nightly), night: hana@example.com;
Postmaster : root@localhost
loop: pool
pool: loop
self: self
mailman: "|/usr/lib/mailman post"
file: /var/mail/x
list: :include:/etc/list
empty:
twice: a@example.com
twice: b@example.com
dangling: nobody-here
this is no alias
good: good@example.com`

func TestAliasesStandForAddresses(t *testing.T) {
	a := writeAliases(t, aliasFile)
	for recipient, want := range map[string][]string{
		"root":                       {"ops@example.com"},
		"ROOT@localhost":             {"ops@example.com"},
		"root@WEB1.example.com":      {"ops@example.com"},
		"kim@web1.example.com":       {"kim@web1.example.com"},
		"root@example.net":           {"root@example.net"},
		"www-data":                   {"ops@example.com", "minji@example.com"},
		"cron":                       {"ops@example.com", "minji@example.com", "hana@example.com"},
		"postmaster":                 {"ops@example.com"},
		"good@localhost.localdomain": {"good@example.com"},
	} {
		if got, err := a.Resolve(recipient); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", recipient, got, err, want)
		}
	}
	for recipient, want := range map[string]string{
		"loop": "loop -> pool -> loop", "self": "self -> self", "mailman": "no programs", "file": "no programs", "list": "no programs",
		"empty": "nobody", "twice": "second time", "dangling": "nobody-here is a name on this host", "nobody": "no mailbox",
	} {
		if got, err := a.Resolve(recipient); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v, want %q", recipient, got, err, want)
		}
	}
	n, err := a.Check()
	if err == nil || !strings.Contains(err.Error(), "line 18: it is not NAME") || n != 9 {
		t.Errorf("Check: %d, %v", n, err)
	}
}

func TestAChangedAliasesFileIsReadAgain(t *testing.T) {
	a := writeAliases(t, "root: old@example.com\n")
	if got, err := a.Resolve("root"); err != nil || got[0] != "old@example.com" {
		t.Fatal(got, err)
	}
	if err := os.WriteFile(a.Path, []byte("root: new@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(a.Path, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Resolve("root"); err != nil || got[0] != "new@example.com" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.Remove(a.Path); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Resolve("root"); err == nil {
		t.Errorf("without a file: %v", got)
	}
}

// A file that cannot be read is our trouble: the client keeps the mail.
func TestAliasesThatCannotBeReadAreATemporaryRefusal(t *testing.T) {
	s := testServer(&memory{})
	s.Aliases = &Aliases{Path: t.TempDir()}
	c := dial(t, start(t, s))
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@shop.example>\n< 250\n> RCPT TO:<root@localhost>\n< 451 4.3.5\n> RCPT TO:<kim@example.com>\n< 250")
}

// A client sends the rest of its recipients in another mail: of an alias that
// did not fit, nobody may have had the first.
func TestAnAliasThatDoesNotFitAddsNobody(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.Aliases = writeAliases(t, "staff: a@example.com, b@example.com, c@example.com\n")
	c := dial(t, start(t, s))
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@shop.example>\n< 250")
	for i := range defaultRecipients - 2 {
		c.play(fmt.Sprintf("> RCPT TO:<u%d@example.net>\n< 250", i))
	}
	c.play("> RCPT TO:<staff@localhost>\n< 452 4.5.3\n> RCPT TO:<b@example.com>\n< 250\n> DATA\n< 354")
	c.send("From: a@shop.example\r\n\r\nhi\r\n.\r\n")
	c.play("< 250")
	to := q.all()[0].env.To
	if len(to) != defaultRecipients-1 || to[len(to)-1] != "b@example.com" {
		t.Errorf("%d recipients, at last %q", len(to), to[len(to)-2:])
	}
}

func FuzzAliases(f *testing.F) {
	f.Add([]byte(aliasFile))
	f.Add([]byte("a:b\n c\n"))
	f.Add([]byte("a: b,a\nb: a,b,c@example.com\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		list := parseAliases(text)
		a := &Aliases{Path: "aliases"}
		for name := range list.members {
			w := walk{aliases: a, list: list}
			if err := w.name(name, nil); err == nil {
				for _, m := range w.found {
					if !strings.Contains(m, "@") || !printable(m) {
						t.Fatalf("%q stands for %q", name, m)
					}
				}
			}
		}
	})
}
