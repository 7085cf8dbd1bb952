package smtpd

import (
	"strings"
	"testing"

	"pabal/eml"
)

// A header may have 1 MB. Nothing done to it may take time that grows with the
// square of that: a client would stop the whole server with one mail. These took
// minutes each.
func TestAHeaderOfAMegabyteIsReadInOnePass(t *testing.T) {
	const size = 1<<20 - 1<<10
	fill := func(text string) string { return strings.Repeat(text, size/len(text)) }
	for name, value := range map[string]string{
		"comments never closed": "To: a@example.com " + fill("("),
		"quotes never closed":   "To: a@example.com " + `"` + fill(`\"`),
		"8-bit words":           "Subject: " + fill("é "),
		"8-bit parameters":      "Content-Disposition: attachment" + fill("; a=é"),
		"one 8-bit parameter":   `Content-Disposition: attachment; filename="` + fill("é") + `"`,
		"semicolons":            "To: " + fill(";"),
		"commas":                "To: " + fill(","),
		"colons":                "To: " + strings.Repeat("a", size/2) + "@" + strings.Repeat(":", size/2),
		"groups":                "To: " + fill("a:b@example.com;"),
		"half words":            "Subject: é " + fill("=?a?b"),
		"names of this host":    "To: " + fill("a,"),
	} {
		t.Run(name, func(t *testing.T) {
			header, _, err := eml.Split([]byte("From: a@example.com\r\n" + value + "\r\n\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			s := &session{server: &Server{}, ctx: t.Context()}
			s.sendable(&header, nil) // refused or not
		})
	}
}

// One mail may not keep the server decoding: what is decoded in all has a limit.
func TestMessagesCodedOverAndOverAreRefused(t *testing.T) {
	const head = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	nested := func(depth, size int) string {
		return "From: a@b.c\r\n" + strings.Repeat(head, depth) + "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72)
	}
	if err := inspect(t, nested(5, 2<<20)); err != nil {
		t.Errorf("five times: %v", err)
	}
	if err := inspect(t, nested(90, 2<<20)); err == nil || !strings.Contains(err.Error(), "over and over") {
		t.Errorf("ninety times: %v", err)
	}
}
