package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"pabal/syncer"
)

// TestConfigInitBreaksItsTextsBetweenWords: a terminal that breaks a line by
// itself tears Korean words in the middle.
func TestConfigInitBreaksItsTextsBetweenWords(t *testing.T) {
	for _, lang := range []string{"en", "ko"} {
		for _, wide := range []int{0, 40, 200} { // 0: not known
			var out bytes.Buffer
			k := &asker{initialization: &initialization{path: "/home/operator/.config/pabal/pabal.toml"}, typist: typist{out: &out}, lang: lang, width: wide}
			k.greet()
			for _, q := range questions() {
				k.head(q)
			}
			k.refuse(usage("web.public_url "+strings.Repeat("긴 주소 ", 20), "for example https://mail.example.com "+strings.Repeat("that people reach ", 5)))
			limit := wide
			if wide == 0 {
				limit = 80
			}
			for _, line := range strings.Split(out.String(), "\n") {
				if cells(line) > limit && len(strings.Fields(line)) > 1 {
					t.Errorf("%s, %d columns: a line has %d: %q", lang, wide, cells(line), line)
				}
			}
			for _, q := range questions() {
				if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, strings.Join(strings.Fields(q.text[lang][1]), " ")) {
					t.Errorf("%s, %d columns: %q lost words", lang, wide, q.text[lang][1])
				}
			}
		}
	}
}

// TestTheDSNThatIsAskedForIsOneThatIsTaken: elsewhere than on this host MySQL is
// read over TLS only, and nobody who answers questions can know how to say so.
func TestTheDSNThatIsAskedForIsOneThatIsTaken(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, c := range []struct{ host, base, want string }{
		{"db.example.com", "shop", "u:p/@:w@tcp(db.example.com:3306)/shop?tls=true"},
		{"10.1.0.5:3307", "shop", "u:p/@:w@tcp(10.1.0.5:3307)/shop?tls=true"},
		{"2001:db8::1", "shop", "u:p/@:w@tcp([2001:db8::1]:3306)/shop?tls=true"},
		{"localhost", "shop", "u:p/@:w@tcp(localhost:3306)/shop"},
		{"127.0.0.1:3307", "상점?", "u:p/@:w@tcp(127.0.0.1:3307)/%EC%83%81%EC%A0%90%3F"},
		{"[::1]", "shop", "u:p/@:w@tcp([::1]:3306)/shop"},
		{"/run/mysqld/mysqld.sock", "shop", "u:p/@:w@unix(/run/mysqld/mysqld.sock)/shop"},
	} {
		got := dsnOf(c.host, c.base, "u", "p/@:w")
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.host, got, c.want)
		}
		source := syncer.Config{DSN: got, Table: "users", Columns: syncer.Columns{ID: "id", Email: "email", Subscribed: "subscribed"}, SubscribedYes: []string{"1"}}
		if _, err := source.Try(ended); !errors.Is(err, context.Canceled) { // as far as the network
			t.Errorf("%s is not taken: %v", got, err)
		}
	}
}
