package eml

import (
	"errors"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

func TestParseAddressTakesWhatSESCanSendTo(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct{ in, want string }{
		{"user@example.com", "user@example.com"},
		{" \tuser@example.com\r\n", "user@example.com"},
		{"\u3000user@example.com\u00a0", "user@example.com"},
		{"First.Last+tag@Example.COM", "First.Last+tag@example.com"},
		{"!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"},
		{long + "@example.com", long + "@example.com"},
		{"a@1.2.3.kr", "a@1.2.3.kr"},
		{"a@3m.com", "a@3m.com"},
		{"a@x-y.example", "a@x-y.example"},
		{"user@한국.kr", "user@xn--3e0b707e.kr"},
		{"user@\u1112\u1161\u11ab\u1100\u116e\u11a8.kr", "user@xn--3e0b707e.kr"}, // NFD
		{"user@XN--3E0B707E.kr", "user@xn--3e0b707e.kr"},
		{"user@ｅｘａｍｐｌｅ．ｃｏｍ", "user@example.com"},
		{"user@bücher.example", "user@xn--bcher-kva.example"},
	} {
		got, err := ParseAddress(c.in)
		if err != nil || got != c.want {
			t.Errorf("ParseAddress(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
		if again, err := ParseAddress(got); again != got || err != nil {
			t.Errorf("ParseAddress(%q) is not stable: %q, %v", got, again, err)
		}
	}
}

func TestParseAddressSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ in, reason string }{
		{"", "empty"},
		{" \u3000", "empty"},
		{"user", "no @"},
		{"@example.com", "nothing stands before the @"},
		{"user@", "nothing stands after the @"},
		{"user@example", "the domain has no dot"},
		{"user@한국", "the domain has no dot"},
		{"user@example.com.", "the domain ends in a dot"},
		{"user@.example.com", "dot at its start or two in a row"},
		{"user@example..com", "two in a row"},
		{"user@-bad.com", "hyphen"},
		{"user@bad-.com", "hyphen"},
		{"user@a.bad-", "hyphen"},
		{"user@under_score.com", "“_”, which is not allowed"},
		{"user@UNDER_score.com", "“_”, which is not allowed"},
		{"user@xn--a.com", "internationalised"},
		{"user@ab--cd.com", "internationalised"},
		{"user@한_국.kr", "internationalised"},
		{"user@192.168.0.1", "IP address"},
		{"user@[192.168.0.1]", "literal"},
		{"user@" + strings.Repeat("a", 64) + ".com", "64 octets"},
		{"user@" + strings.Repeat("a", 64), "64 octets"},
		{strings.Repeat("a", 65) + "@example.com", "65 octets"},
		{"a@" + strings.Repeat("abcdefghi.", 25) + "com", "255 octets"},
		{"a@" + strings.Repeat("가.", 31) + "com", "octets"},
		{"a@" + strings.Repeat("가.", 300) + "kr", "limit of 254"},
		{strings.Repeat("＠", 400), "limit of 254"},
		{".user@example.com", "dot at its start"},
		{"us..er@example.com", "two in a row"},
		{"user.@example.com", "ends in a dot"},
		{"a@b@example.com", "more than one @"},
		{`"quoted local"@example.com`, "quotation marks"},
		{"홍길동@example.com", "only ASCII"},
		{"us(er)@example.com", "“(”, which is not allowed"},
		{"us er@example.com", "a space inside"},
		{"us\u3000er@example.com", "a space inside"},
		{"user＠example.com", "full-width ＠"},
		{"＜user@example.com＞", "angle brackets"},
		{"홍길동 <user@example.com>", "angle brackets"},
		{"a@example.com, b@example.com", "only one address"},
		{"a@example.com;b@example.com", "only one address"},
		{"us\x00er@example.com", "U+0000"},
		{"us\rer@example.com", "U+000D"},
		{"us\u0085er@example.com", "U+0085"},
		{"\u200buser@example.com", "invisible character (U+200B)"},
		{"\ufeffuser@example.com", "invisible character (U+FEFF)"},
		{"user@exam\u202eple.com", "U+202E"},
		{"us\xffer@example.com", "UTF-8"},
		{"us\\er@example.com", `“\”`},
	} {
		got, err := ParseAddress(c.in)
		var fault *AddressError
		if !errors.As(err, &fault) || !strings.Contains(fault.Reason, c.reason) || got != "" {
			t.Errorf("ParseAddress(%q) = %q, %v; want a reason with %q", c.in, got, err, c.reason)
			continue
		}
		if fault.Input != c.in {
			t.Errorf("Input of %q is %q", c.in, fault.Input)
		}
		if !slices.Contains(AddressCodes(), fault.Code) {
			t.Errorf("ParseAddress(%q): the code %q is not listed", c.in, fault.Code)
		}
	}
}

func TestAddressErrorIsSafeAndShort(t *testing.T) {
	_, err := ParseAddress("\x1b]52;c;evil\a" + strings.Repeat("가", 1000))
	if got := err.Error(); len(got) > 300 || Visible(got) != got || !strings.HasPrefix(got, `address "\x1b]52`) {
		t.Errorf("Error() = %q", got)
	}
}

func TestAddressKeyAndDomain(t *testing.T) {
	if got := Key("First.Last@example.com"); got != "first.last@example.com" {
		t.Errorf("Key = %q", got)
	}
	for in, want := range map[string]string{"a@example.com": "example.com", "none": "", "": "", "a@": ""} {
		if got := Domain(in); got != want {
			t.Errorf("Domain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseAddressAllocatesNothingForPlainOnes(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { ParseAddress("customer.number-1234567@mail.example.co.kr") }); n != 0 {
		t.Errorf("%v allocations for a plain address, want none", n)
	}
}

// FuzzParseAddress: what we take is stable, is in bounds, and the standard
// library, which is laxer, takes it as the same address.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"user@example.com", "a.b+c@한국.kr", "x@xn--3e0b707e.kr", `"q"@e.com`, "a@[1.2.3.4]", "＠", "a@b.c\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseAddress(s)
		if err != nil {
			if e, ok := err.(*AddressError); !ok || e.Reason == "" || !slices.Contains(AddressCodes(), e.Code) {
				t.Fatalf("ParseAddress(%q): %#v", s, err)
			}
			return
		}
		if again, err := ParseAddress(got); again != got || err != nil {
			t.Fatalf("ParseAddress(%q) = %q, and that gives %q, %v", s, got, again, err)
		}
		std, err := mail.ParseAddress(got)
		if err != nil || std.Address != got || len(got) > maxAddress || !isASCII(got) {
			t.Fatalf("ParseAddress(%q) = %q; net/mail: %v, %v", s, got, std, err)
		}
	})
}

func BenchmarkParseAddress(b *testing.B) {
	for _, c := range []struct{ name, in string }{
		{"plain", "customer.number-1234567@mail.example.co.kr"},
		{"upper", "Customer@Example.COM"},
		{"korean", "customer@한국.kr"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseAddress(c.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
