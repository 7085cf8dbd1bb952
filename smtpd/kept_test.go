package smtpd

import (
	"fmt"
	"strings"
	"testing"
)

// A field may be folded with a tab, in the midst of a name too (RFC 5322 2.2.3).
func TestNamesFoldedWithATabStay(t *testing.T) {
	for _, raw := range []string{
		"From: Hong Gil\r\n\tDong <a@shop.example>\r\nSender: Hong\r\n\tGil <a@shop.example>\r\n\r\nx\r\n",
		"From: \"Hong\r\n\tGil\" <a@shop.example>\r\n\r\nx\r\n",
		"From: =?utf-8?B?6rmACeuvvA==?= <a@shop.example>\r\n\r\nx\r\n",
	} {
		if sent := sendableOf(t, raw); sent != raw {
			t.Errorf("%q became %q", raw, sent)
		}
	}
}

// PHP programs join addresses with a comma alone: that has no blank to fold at.
func TestLongListsWithoutBlanksAreFolded(t *testing.T) {
	addresses, ids := make([]string, 200), make([]string, 200)
	for i := range addresses {
		addresses[i], ids[i] = fmt.Sprintf("kim%d@example.com", i), fmt.Sprintf("<%d@example.com>", i)
	}
	raw := "From: a@shop.example\r\nTo: " + strings.Join(addresses, ",") + "\r\nCc: " + strings.Join(addresses, ";") +
		"\r\nReferences: " + strings.Join(ids, "") + "\r\n\r\nx\r\n"
	sent := sendableOf(t, raw)
	want := "From: a@shop.example\r\nTo: " + strings.Join(addresses, ", ") + "\r\nCc: " + strings.Join(addresses, ", ") +
		"\r\nReferences: " + strings.Join(ids, " ") + "\r\n\r\nx\r\n"
	if got := strings.ReplaceAll(sent, "\r\n ", " "); got != want || !clean([]byte(sent)) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Text that is not coded as its header says is shown raw by no standard, but it
// is all that there is.
func TestTextWronglyCalledBase64Stays(t *testing.T) {
	for name, raw := range map[string]string{
		"single":                     "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n안녕하세요\r\n",
		"multipart that has no part": "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n안녕하세요\r\n",
		"multipart in QP":            "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n안녕하세요\r\n",
	} {
		sent, err := recode(t, "From: a@shop.example\r\n"+raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := read(t, sent); len(r.texts) != 1 || r.texts[0] != "안녕하세요" {
			t.Errorf("%s: %q is read as %q", name, sent, r.texts)
		}
	}
	// but what is base64, with octets that do not belong there, stays so
	sent, err := recode(t, "From: a@shop.example\r\nContent-Transfer-Encoding: base64\r\n\r\n7JWI64WV\r\n\r\n-- \r\n바닥글\r\n")
	if err != nil || !strings.HasSuffix(sent, "\r\n\r\n7JWI64WV\r\n") && !strings.Contains(sent, "7JWI64WV") {
		t.Errorf("%q, %v", sent, err)
	}
}
