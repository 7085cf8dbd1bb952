package cli

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// play presses keys and returns the line, what was shown, and how it ended.
func play(secret bool, keys string) (text, shown string, done bool, err error) {
	l := typed{secret: secret}
	for _, r := range keys {
		var echo string
		echo, done, err = l.press(r)
		if shown += echo; done || err != nil {
			break
		}
	}
	return string(l.text), shown, done, err
}

func TestLineIsEditedBySyllables(t *testing.T) {
	for _, tt := range []struct {
		secret            bool
		keys, text, shown string
	}{
		{false, "ab\x7fc\r", "ac", "ab\b \bc\r\n"},
		{false, "파발\x7f\r", "파", "파발\b \b\b \b\r\n"}, // a syllable has two columns
		{false, "가a\x15b\r", "b", "가a\b \b\b \b\b \bb\r\n"},
		{false, "a\x1b[D\x1b[3~\x1bOPb\r", "ab", "ab\r\n"}, // keys that move mean nothing
		{false, "\x7f\x15a\r", "a", "a\r\n"},
		{false, "a\x00\u202eb\r", "ab", "a\a\ab\r\n"},
		{true, "비밀x\x7f\r", "비밀", "\r\n"},
	} {
		text, shown, done, err := play(tt.secret, tt.keys)
		if text != tt.text || shown != tt.shown || !done || err != nil {
			t.Errorf("%q: got %q, shown %q, %t, %v; want %q, shown %q", tt.keys, text, shown, done, err, tt.text, tt.shown)
		}
	}
}

func TestQuestionIsLeftWithoutAnAnswer(t *testing.T) {
	for keys, left := range map[string]bool{"abc\x03": true, "\x04": true, "a\x04": false} {
		if _, _, _, err := play(false, keys); errors.Is(err, errNoAnswer) != left {
			t.Errorf("%q: %v", keys, err)
		}
	}
}

// Whatever is typed or pasted, the line is text without controls, and nothing is
// shown that a terminal obeys but what erases.
func FuzzTyping(f *testing.F) {
	for _, keys := range []string{"파발 상점\r", "\x1b[200~paste\x1b[201~\r", "a\x7f\x7f\x03", "\x1b]0;title\a\r"} {
		f.Add(keys, false)
	}
	f.Fuzz(func(t *testing.T, keys string, secret bool) {
		text, shown, _, _ := play(secret, keys)
		if len(text) > maxTyped || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 127 }) {
			t.Errorf("%q became %q", keys, text)
		}
		if strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\a\b\r\n", r) }) {
			t.Errorf("%q was shown as %q", keys, shown)
		}
		if secret && strings.Trim(shown, "\a\r\n") != "" {
			t.Errorf("a secret was shown: %q", shown)
		}
	})
}
