package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/text/unicode/norm"
)

func typeInto(f *input, keys ...string) {
	for _, k := range keys {
		f.key(keyOf(k))
	}
}

func TestCursorStandsAfterHangul(t *testing.T) {
	for _, c := range []struct {
		text string
		w, x int
	}{{"", 20, 0}, {"한글", 20, 4}, {"a한b글", 20, 6}, {norm.NFD.String("한글"), 20, 4}, {"가나다라마바사아자차", 10, 8}, {"👍🏽한", 20, 4}, {"a\u0301b", 20, 2}} {
		f := input{}
		f.insert(c.text)
		shown, x := f.view(c.w)
		if x != c.x {
			t.Errorf("cursor after %q in %d cells: column %d, want %d", c.text, c.w, x, c.x)
		}
		if cells(shown) != c.w {
			t.Errorf("%q is shown %d cells wide, want %d", shown, cells(shown), c.w)
		}
	}
}

// TestScreenCursorIsRealAndRight: composing happens where the terminal's own
// cursor is.
func TestScreenCursorIsRealAndRight(t *testing.T) {
	d := newDriver(t, "ko")
	toText(d)
	d.typeText("이름 == 한글")
	cursor := d.m.View().Cursor
	if cursor == nil {
		t.Fatal("no cursor on a screen with a field")
	}
	line := strings.Split(d.screenText(), "\n")[cursor.Y]
	before := line[:strings.Index(line, "한글")+len("한글")]
	if cursor.X != cells(before) {
		t.Errorf("cursor at column %d, the text ends at %d: %q", cursor.X, cells(before), line)
	}
	d.press("left", "left")
	if got := d.m.View().Cursor.X; got != cursor.X-4 {
		t.Errorf("two letters back the cursor is at %d, want %d", got, cursor.X-4)
	}
}

func TestEditingGoesByLetters(t *testing.T) {
	for _, c := range []struct {
		start string
		keys  []string
		want  string
	}{
		{"각", []string{"backspace"}, ""},
		{norm.NFD.String("한각"), []string{"backspace"}, "한"},
		{"👨‍👩‍👧", []string{"backspace"}, ""},
		{"한글", []string{"left", "backspace"}, "글"},
		{"한글", []string{"home", "delete"}, "글"},
		{"한글 편지", []string{"ctrl+w"}, "한글 "},
		{"한글", []string{"left", "ctrl+u"}, "글"},
		{"한글", []string{"left", "ctrl+k"}, "한"},
		{"한", []string{"home", "a", "end", "b"}, "a한b"},
		{"", []string{"backspace", "delete", "left", "right"}, ""},
	} {
		f := input{}
		f.insert(c.start)
		typeInto(&f, c.keys...)
		if f.value() != c.want {
			t.Errorf("%q after %v: %q, want %q", c.start, c.keys, f.value(), c.want)
		}
	}
}

// TestTypedJamoBecomeLetters: a terminal that sends conjoining jamo one by one.
func TestTypedJamoBecomeLetters(t *testing.T) {
	f := input{}
	for _, r := range norm.NFD.String("한글") {
		f.key(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	if f.value() != "한글" {
		t.Errorf("got %q, want 한글 in NFC", f.value())
	}
}

func TestFieldIsBounded(t *testing.T) {
	f := input{}
	f.insert("가")
	f.insert(strings.Repeat("나", maxInput))
	if f.value() != "가" {
		t.Errorf("a paste past the bound got in: %d bytes", len(f.value()))
	}
}

func FuzzInput(f *testing.F) {
	f.Add("한글", "각", 5)
	f.Add("\x1b]52;c;aGk=\x07", "👨‍👩‍👧", 3)
	f.Add("a\u0301\xff\u202e", "\n\r\t", 1)
	f.Fuzz(func(t *testing.T, first, second string, w int) {
		w = 2 + (w&0x7fffffff)%80
		in := input{lines: true}
		in.insert(first)
		typeInto(&in, "left", "left")
		in.insert(second)
		typeInto(&in, "backspace", "right", "delete")
		shown, x := in.view(w)
		if x < 0 || x >= w || cells(shown) > w {
			t.Errorf("view(%d) of %q: %d cells, cursor %d", w, in.value(), cells(shown), x)
		}
		if strings.ContainsAny(shown, "\x1b\x07\r\n\u009b") || !utf8.ValidString(shown) {
			t.Errorf("control characters are shown: %q", shown)
		}
	})
}
