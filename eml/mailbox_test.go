package eml

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMailboxReadsNamesInAllSpellings(t *testing.T) {
	for _, c := range []struct{ in, name, address string }{
		{"shop@example.com", "", "shop@example.com"},
		{" <shop@Example.com> ", "", "shop@example.com"},
		{"무신사 <shop@example.com>", "무신사", "shop@example.com"},
		{"무신사<shop@example.com>", "무신사", "shop@example.com"},
		{`"무신사" <shop@example.com>`, "무신사", "shop@example.com"},
		{`"Kim, \"Min\" \\ Su" <kim@example.com>`, `Kim, "Min" \ Su`, "kim@example.com"},
		{`"a <b@c.de>" <kim@example.com>`, "a <b@c.de>", "kim@example.com"},
		{"(주)무신사 <shop@example.com>", "(주)무신사", "shop@example.com"},
		{"Dr. Kim <kim@example.com>", "Dr. Kim", "kim@example.com"},
		{"kim@example.com <kim@example.com>", "kim@example.com", "kim@example.com"},
		{"kim@example.com (Kim Min)", "Kim Min", "kim@example.com"},
		{"kim@example.com (=?EUC-KR?B?uau9xbvn?=) ", "무신사", "kim@example.com"},
		{"Kim <kim@example.com> (work)", "Kim", "kim@example.com"},
		{"=?UTF-8?B?66y07Iug7IKs?= <shop@example.com>", "무신사", "shop@example.com"},
		{`"=?utf-8?b?66y07Iug7IKs?=" <shop@example.com>`, "무신사", "shop@example.com"},
		{"=?EUC-KR?B?uau9xbvn?= <shop@example.com>", "무신사", "shop@example.com"},
		{"=?ks_c_5601-1987?B?uau9xbvn?= <shop@example.com>", "무신사", "shop@example.com"},
		{"=?ISO-2022-KR?B?GyQpQw45Kz1FO2cP?= <shop@example.com>", "무신사", "shop@example.com"},
		{"\xb9\xab\xbd\xc5\xbb\xe7 <shop@example.com>", "무신사", "shop@example.com"},
	} {
		got, err := ParseMailbox(c.in)
		if err != nil || got.Name != c.name || got.Address != c.address {
			t.Errorf("ParseMailbox(%q) = %+v, %v; want %q %q", c.in, got, err, c.name, c.address)
		}
	}
}

func TestParseMailboxRefuses(t *testing.T) {
	for _, c := range []struct{ in, reason string }{
		{"", "empty"},
		{"무신사", "no @"},
		{"무신사 <shop@example>", "no dot"},
		{"무신사 <shop@example.com", "> after the address is missing"},
		{"무신사 shop@example.com>", "angle brackets"},
		{"a <a@example.com> b", "something follows"},
		{"a <a@example.com>, b <b@example.com>", "something follows"},
		{"Kim, Min <kim@example.com>", "comma"},
		{"a@example.com, b <b@example.com>", "comma"},
		{"a@example.com, b@example.com", "only one address"},
		{`"open <a@example.com>`, "closing quotation mark"},
		{"a <a@example.com> (b", "something follows"},
		{"a@example.com (b), c@example.com (d)", "comma"},
		{"a <a@example.com> (b), c <c@example.com> (d)", "something follows"},
		{"(a@example.com)", "“(”"},
		{"a@example.com (b", "space inside"},
		{"a <<a@example.com>>", "something follows"},
		{"=?UTF-8?Q?a=0D=0ABcc:_x?= <a@example.com>", "control character"},
		{"a\x1b[2J <a@example.com>", "control character"},
	} {
		_, err := ParseMailbox(c.in)
		var fault *AddressError
		if !errors.As(err, &fault) || !strings.Contains(fault.Reason, c.reason) || fault.Input != c.in {
			t.Errorf("ParseMailbox(%q): %v; want %q", c.in, err, c.reason)
		}
	}
}

func TestMailboxIsWrittenForPeopleAndForHeaders(t *testing.T) {
	const a = "shop@example.com"
	for _, c := range []struct{ name, text, header string }{
		{"", a, a},
		{"무신사", "무신사 <" + a + ">", "=?UTF-8?B?66y07Iug7IKs?= <" + a + ">"},
		{"Kim Min", "Kim Min <" + a + ">", "Kim Min <" + a + ">"},
		{"Kim, Min", `"Kim, Min" <` + a + ">", `"Kim, Min" <` + a + ">"},
		{"Dr. Kim", "Dr. Kim <" + a + ">", `"Dr. Kim" <` + a + ">"},
		{`a"b\c`, `"a\"b\\c" <` + a + ">", `"a\"b\\c" <` + a + ">"},
		{"evil\r\nBcc: x@example.com", `evilBcc: x@example.com <` + a + ">", `"evilBcc: x@example.com" <` + a + ">"},
		{"\u1112\u1161\u11ab", "한 <" + a + ">", "=?UTF-8?B?7ZWc?= <" + a + ">"},
	} {
		m := Mailbox{Name: c.name, Address: a}
		if got := m.String(); got != c.text {
			t.Errorf("%q: String = %s, want %s", c.name, got, c.text)
		}
		if got := m.Header(); got != c.header {
			t.Errorf("%q: Header = %s, want %s", c.name, got, c.header)
		}
	}
}

func TestMailboxHeaderIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Mailbox{Name: strings.TrimSpace(headerText().Draw(t, "name")), Address: "shop@example.com"}
		got, err := ParseMailbox(m.Header())
		if err != nil || got != m {
			t.Fatalf("%q became %q and that %+v, %v", m.Name, m.Header(), got, err)
		}
		for _, word := range encodedWord.FindAllString(m.Header(), -1) {
			if len("Reply-To: "+word) > foldAt {
				t.Fatalf("%q has a word of %d octets", m.Header(), len(word))
			}
		}
		std, err := (&mail.AddressParser{}).Parse(m.Header())
		if err != nil || std.Name != m.Name {
			t.Fatalf("net/mail reads %q as %+v, %v", m.Header(), std, err)
		}
		if strings.Contains(m.Name, "=?") {
			return
		}
		if got, err := ParseMailbox(m.String()); err != nil || got != m {
			t.Fatalf("%q became %q and that %+v, %v", m.Name, m.String(), got, err)
		}
	})
}

func TestLongNamesKeepTheLineLimit(t *testing.T) {
	for _, name := range []string{strings.Repeat(`\`, 799), strings.Repeat("a", 5000), strings.Repeat("a b", 1000), strings.Repeat("가", 1000)} {
		raw := AppendRawHeader(nil, "Reply-To", Mailbox{Name: name, Address: "shop@example.com"}.Header())
		for _, line := range strings.Split(string(raw), "\r\n") {
			if len(line) > foldAt {
				t.Errorf("name %.10q…: line of %d octets", name, len(line))
			}
		}
	}
}

func FuzzParseMailbox(f *testing.F) {
	for _, s := range []string{"무신사 <shop@example.com>", `"a\"b" <a@b.kr>`, "=?EUC-KR?B?uau9xbvn?= <a@b.kr>", "<a@b.kr", `"`, "a,b <c@d.kr>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMailbox(s)
		if err != nil {
			if _, ok := err.(*AddressError); !ok {
				t.Fatalf("ParseMailbox(%q): %#v", s, err)
			}
			return
		}
		if CheckHeader(m.Header()) != nil || !isASCII(m.Header()) {
			t.Fatalf("ParseMailbox(%q) makes the header %q", s, m.Header())
		}
		if again, err := ParseMailbox(m.Header()); err != nil || again != m {
			t.Fatalf("ParseMailbox(%q) = %+v, and its header gives %+v, %v", s, m, again, err)
		}
	})
}
