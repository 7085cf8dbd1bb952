package eml

import (
	"strings"
	"testing"
	"time"
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
		{"=?CP949?B?lO7BZA==?=", "뷁햏"}, // outside EUC-KR proper
		{"=?ks_c_5601-1987?B?jGO55rCix88=?=", "똠방각하"},
		{"=?*?B?67SE?=", "=?*?B?67SE?="},
		{"=?=?UTF-8?B?67SE?=", "=?봄"},
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

// TestHostileTextStaysCheap feeds what makes a careless reader quadratic: ten
// seconds and more then, a tenth of one now.
func TestHostileTextStaysCheap(t *testing.T) {
	const n = 2 * maxHeader
	const limit = 5 * time.Second
	for _, s := range []string{
		strings.Repeat("=?", n/2),
		strings.Repeat("=?a?B?", n/6),
		strings.Repeat("=?a?B?", n/6) + "?=",
		strings.Repeat("=?a?B? ", n/7),
		strings.Repeat("=?a?x? ", n/7) + "?=",
		strings.Repeat("=?a?x?", n/6) + "?=",
		strings.Repeat("=?a ", n/4) + "?=",
		strings.Repeat("=?a?B?YQ==?= ", n/13),
		strings.Repeat("=?a?B?YQ==?= =?b?B?YQ==?= ", n/26),
		strings.Repeat(",", n),
		strings.Repeat("\"", n),
		strings.Repeat("<", n),
		strings.Repeat("a", n),
		"a@" + strings.Repeat("가", n/3),
		"a@" + strings.Repeat("가.", n/4),
		"a@" + strings.Repeat("A.", n/2),
		strings.Repeat("@", n),
	} {
		start := time.Now()
		DecodeHeader(s)
		ParseAddress(s)
		if box, err := ParseMailbox(s); err == nil {
			t.Errorf("%.20q… was taken as %v", s, box)
		} else if len(err.Error()) > 400 {
			t.Errorf("%.20q…: error of %d bytes", s, len(err.Error()))
		}
		if !strings.Contains(s, "=?a?B?Y") { // decoded it is all letters, and fine
			AppendHeader(nil, "X", Visible(s))
		}
		if took := time.Since(start); took > limit {
			t.Errorf("%.20q… took %v, limit %v", s, took, limit)
		}
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
