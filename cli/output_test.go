package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pabal/eml"
)

func TestTableAlignsKoreanByCells(t *testing.T) {
	tab := newTable("NAME", "N", "LAST").numbers(1)
	tab.add("김민지", "5", "a")
	tab.add("Kim", "12,345", "나")
	tab.add("한글 이름\x1b[31m", "1", "b\nc")
	var out bytes.Buffer
	if err := tab.writeTo(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := -1
	for _, line := range lines {
		at := strings.LastIndex(line, "  ")
		if want < 0 {
			want = cells(line[:at])
		}
		if got := cells(line[:at]); got != want {
			t.Errorf("last column begins at cell %d, want %d: %q", got, want, line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("an escape reached the terminal: %q", out.String())
	}
}

func TestCellsAndClip(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "한글": 4, "e\u0301": 1, "ｆ": 2, "각": 2, "👍": 2} {
		if got := cells(text); got != want {
			t.Errorf("%q: got %d cells, want %d", text, got, want)
		}
	}
	if got := clip("한글이름", 6); got != "한글…" {
		t.Errorf("got %q", got)
	}
	if got := clip("abc", 3); got != "abc" {
		t.Errorf("got %q", got)
	}
}

// TestJSONObeysNothing: JSON lets C1 controls and text direction stand, a
// terminal that shows it would obey them.
func TestJSONObeysNothing(t *testing.T) {
	in := "김\u009b31m\u202e\x1b[0m\u200b👍\U000e0041"
	var out bytes.Buffer
	if err := writeJSON(&out, in); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if text != `"김\u009b31m\u202e\u001b[0m\u200b👍\udb40\udc41"` || eml.Visible(text) != text {
		t.Errorf("got %s", text)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != in {
		t.Errorf("read back %q, want %q: %v", back, in, err)
	}
}

func TestForeignTextIsVisibleOnATerminal(t *testing.T) {
	var out bytes.Buffer
	v := &visible{w: &out}
	for _, part := range []string{"Subject: \x1b[31", "mred\r\n", "<p>\u009b", "x</p>\nend"} {
		if n, err := v.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "Subject: \\x1b[31mred\n<p>\\u009bx</p>\nend\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCommas(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := commas(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
