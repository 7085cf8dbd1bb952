package eml

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestDecodeHeader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain text", "plain text"},
		{"folded\r\n text", "folded text"},
		{"한글 그대로", "한글 그대로"},
		{"=?UTF-8?B?67SEIOyLoOyDgQ==?=", "봄 신상"},
		{"=?utf-8?b?67SEIOyLoOyDgQ?=", "봄 신상"}, // no padding
		{"=?utf-8?q?=EB=B4=84_sale=3f?=", "봄 sale?"},
		{"=?UTF-8*ko?B?67SE?=", "봄"},
		{"Re: =?UTF-8?B?67SE?= sale", "Re: 봄 sale"},
		{"=?UTF-8?B?67SE?= =?UTF-8?B?67SE?=", "봄봄"},
		{"=?UTF-8?B?67SE?=\r\n =?UTF-8?B?67SE?=", "봄봄"},
		{"=?UTF-8?B?67SE?==?UTF-8?B?67SE?=", "봄봄"},
		{"=?UTF-8?B?67SE?= a =?UTF-8?B?67SE?=", "봄 a 봄"},
		{"=?UTF-8?B?6w==?= =?UTF-8?B?tIQ=?=", "봄"}, // cut inside a character
		{"=?EUC-KR?B?uau9xbvn?=", "무신사"},
		{"=?euc-kr?Q?=B9=AB=BD=C5=BB=E7?=", "무신사"},
		{"=?EUC-KR?B?uas=?= =?UTF-8?B?67SE?=", "무봄"},
		{"=?CP949?B?lG4=?=", "\uB4F8\uFFFD"[:0] + cp949(0x94, 0x6e)},
		{"=?ISO-2022-KR?B?GyQpQw45Kz1FO2cP?=", "무신사"},
		{"=?iso-8859-1?Q?caf=E9?=", "café"},
		{"=?us-ascii?Q?a=FFb?=", "a\ufffdb"},
		{"=?x-unknown?Q?a=FFb?=", "a\ufffdb"},
		{"=?UTF-8?Q?a=FFb?=", "a\ufffdb"},
		{"=?UTF-8?B?67SE!!!?=", "봄\ufffd"},
		{"\xb9\xab\xbd\xc5\xbb\xe7 sale", "무신사 sale"}, // raw CP949
		{"a\xffb", "a\ufffdb"},
		{"=?", "=?"},
		{"=?UTF-8?", "=?UTF-8?"},
		{"=?UTF-8?B?67SE", "=?UTF-8?B?67SE"},
		{"=?UTF-8?X?67SE?=", "=?UTF-8?X?67SE?="},
		{"a =?b c =?UTF-8?B?67SE?=", "a =?b c 봄"},
		{"=?UTF-8?Q?=4?=", "=4"},
		{"=?UTF-8?Q?=41?=", "A"},
		{"\u1112\u1161\u11ab", "한"},
	} {
		if got := DecodeHeader(c.in); got != c.want {
			t.Errorf("DecodeHeader(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func cp949(b ...byte) string { return decodeEUCKR(string(b)) }

func TestCP949ReachesBeyondEUCKR(t *testing.T) {
	if got := DecodeHeader("=?ks_c_5601-1987?B?lG7BZQ==?="); strings.ContainsRune(got, utf8.RuneError) || utf8.RuneCountInString(got) != 2 {
		t.Errorf("got %q, want two syllables", got)
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{"=?UTF-8?B?67SE?= =?EUC-KR?Q?=B9=AB?=", "=?ISO-2022-KR?B?GyQpQw45Kz1FO2cP?=", "a\xb9\xab", "=?utf-8?q?=?=", "=?*?B??="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeHeader(s)
		if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) {
			t.Fatalf("DecodeHeader(%q) = %q", s, got)
		}
		if CheckHeader(got) == nil {
			if again := DecodeHeader(unfolded(AppendHeader(nil, "Subject", got))); again != got {
				t.Fatalf("%q was decoded as %q and that comes back as %q", s, got, again)
			}
		}
	})
}
