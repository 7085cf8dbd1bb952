package eml

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisibleShowsWhatATerminalWouldObey(t *testing.T) {
	for _, c := range []struct{ what, in, want string }{
		{"clean", "홍길동 🎉 ❤️ naïve", "홍길동 🎉 ❤️ naïve"},
		{"wide space", "홍\u3000길동", "홍\u3000길동"},
		{"CSI", "\x1b[2Jx", `\x1b[2Jx`},
		{"OSC 0 title", "\x1b]0;root\a", `\x1b]0;root\x07`},
		{"OSC 52 clipboard", "\x1b]52;c;ZXZpbA==\x1b\\", `\x1b]52;c;ZXZpbA==\x1b\`},
		{"C1 CSI as a rune", "\u009b31m", `\u009b31m`},
		{"C1 CSI as a byte", "\x9b31m", `\x9b31m`},
		{"C1 OSC as a byte", "a\x9d0;t\x9c", `a\x9d0;t\x9c`},
		{"NEL", "a\u0085b", `a\u0085b`},
		{"ends of C1", "\u0080\u009f\u00a0", `\u0080\u009f` + "\u00a0"},
		{"carriage return", "safe\revil", `safe\x0devil`},
		{"backspace", "a\bb", `a\x08b`},
		{"NUL", "a\x00b", `a\x00b`},
		{"DEL", "a\x7fb", `a\x7fb`},
		{"newline", "a\nb", "a b"},
		{"CRLF", "a\r\nb", "a b"},
		{"CR at the end", "a\r", `a\x0d`},
		{"tab", "a\tb", "a b"},
		{"right-to-left override", "gpj\u202eexe", `gpj\u202eexe`},
		{"bidi marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"bidi embeddings", "\u202a\u202b\u202c\u202d\u202e", `\u202a\u202b\u202c\u202d\u202e`},
		{"bidi isolates", "\u2066\u2067\u2068\u2069", `\u2066\u2067\u2068\u2069`},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060e\ufefff", `a\u200bb\u200cc\u200dd\u2060e\ufefff`},
		{"soft hyphen", "a\u00adb", `a\u00adb`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"Hangul fillers", "\u115f\u1160\u3164\uffa0", `\u115f\u1160\u3164\uffa0`},
		{"tags", "a\U000e0041", `a\U000e0041`},
		{"variation selectors", "a\ufe00\U000e0100", `a\ufe00\U000e0100`},
		{"marks that show nothing", "a\u034f\u2800\u17b4\u180b", `a\u034f\u2800\u17b4\u180b`},
		{"private use", "a\ue000", `a\ue000`},
		{"noncharacter", "a\uffff", `a\uffff`},
		{"invalid UTF-8", "a\xff\xc3", `a\xff\xc3`},
		{"surrogate bytes", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"replacement character", "a\ufffdb", "a\ufffdb"},
	} {
		if got := Visible(c.in); got != c.want {
			t.Errorf("%s: Visible(%q) = %q, want %q", c.what, c.in, got, c.want)
		}
	}
}

func TestVisibleReturnsCleanTextAsItIs(t *testing.T) {
	s := strings.Repeat("봄 신상 50% sale ", 20)
	if n := testing.AllocsPerRun(50, func() { Visible(s) }); n != 0 {
		t.Errorf("%v allocations for clean text", n)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"\x1b]52;c;x\a", "\u009b", "\x9b", "\u202e", "가\r\n", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if !utf8.ValidString(got) || Visible(got) != got {
			t.Fatalf("Visible(%q) = %q, and that gives %q", s, got, Visible(got))
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("Visible(%q) = %q holds %U", s, got, r)
			}
		}
	})
}

func TestCutSplitsNoLetter(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"가나다", 4, "가"}, {"가나다", 2, ""}, {"가나다", 9, "가나다"}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"a\xff\xfeb", 2, "a\xff"}} {
		if got := Cut(c.in, c.n); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
