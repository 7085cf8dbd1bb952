package cli

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/eml"
	"pabal/sesclient/emulator"
)

// TestOneAddressIsOneAddressInEveryWayIn: SMTP, a file, an edit and a question
// take the same spellings as the same address, and refuse the same ones.
// Quotes of an SMTP path are its own syntax: "u.v" is u.v there before eml reads it.
// (MySQL and the suppression list: audience's test of the same name.)
func TestOneAddressIsOneAddressInEveryWayIn(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 10, Quota: -1})
	p := h.serve()
	conn, err := net.Dial("tcp", p.where.SMTP[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(format string, words ...any) string {
		t.Helper()
		if format != "" {
			if _, err := fmt.Fprintf(conn, format+"\r\n", words...); err != nil {
				t.Fatal(err)
			}
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if len(line) > 3 && line[3] == ' ' {
				return line
			}
		}
	}
	say("")
	say("EHLO localhost")
	c := h.client()
	name := "x"
	for _, text := range []string{"User@EXAMPLE.com", "user@example.com", "a.b+c@Example.Com", "u@한국.kr", "u@XN--3E0B707E.kr", `"u v"@example.com`, "u@[127.0.0.1]",
		"김@example.com", "a..b@example.com", ".a@example.com", "a@example", "a@-example.com", "a@1.2.3.4", "a@example.com.", "a@b@example.com", strings.Repeat("x", 65) + "@example.com"} {
		want, wantErr := eml.ParseAddress(text)
		say("MAIL FROM:<shop@example.com>")
		answer := say("RCPT TO:<%s>", text)
		say("RSET")
		if strings.HasPrefix(answer, "250") != (wantErr == nil) {
			t.Errorf("SMTP answers %q to %s, eml says %v", answer, text, wantErr)
		}
		var file strings.Builder
		w := csv.NewWriter(&file)
		if err := w.WriteAll([][]string{{"email", "name"}, {text, "x"}}); err != nil {
			t.Fatal(err)
		}
		result, err := c.Import(t.Context(), strings.NewReader(file.String()), audience.ImportOptions{Name: "one.csv"})
		if err != nil || (result.Accepted == 1) != (wantErr == nil) {
			t.Errorf("a file with %s: %+v %v, eml says %v", text, result, err, wantErr)
		}
		sub, err := c.SetSubscriber(t.Context(), audience.Edit{Email: text, Name: &name, Create: true})
		if (err == nil) != (wantErr == nil) || err == nil && eml.Key(sub.Email) != eml.Key(want) {
			t.Errorf("an edit of %s: %+v %v, eml says %s %v", text, sub, err, want, wantErr)
		}
		if who, err := c.Subscriber(t.Context(), text); (err == nil) != (wantErr == nil) || err == nil && who.ID != sub.ID {
			t.Errorf("a question for %s: %+v %v, eml says %v", text, who, err, wantErr)
		}
	}
	h.stop(p)
}
