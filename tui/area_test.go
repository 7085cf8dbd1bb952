package tui

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestAreaEditsAsOneTypes(t *testing.T) {
	for _, c := range []struct {
		start string
		keys  []string
		want  string
	}{
		{"", []string{"가", "나", "enter", "다"}, "가나\n다"},
		{"가나다", []string{"end", "backspace"}, "가나"},
		{"한 줄\n두 줄", []string{"down", "home", "backspace"}, "한 줄두 줄"},
		{"한 줄\n두 줄", []string{"end", "delete"}, "한 줄두 줄"},
		{"abc", []string{"right", "ctrl+k"}, "a"},
		{"abc", []string{"right", "ctrl+u"}, "bc"},
		{"abc", []string{"x", "y", "ctrl+z"}, "abc"},
		{"abc", []string{"x", "enter", "y", "ctrl+z", "ctrl+z"}, "xabc"},
		{"e\u0301a", []string{"end", "backspace", "backspace"}, ""},
		{"ㄱ", []string{"end", "ㅏ"}, "ㄱㅏ"},
		{"a\tb", []string{"right", "delete"}, "ab"},
		{"a\n", []string{"ctrl+z", "up", "up", "down", "down", "z"}, "a\nz"},
	} {
		f := newArea(c.start)
		for _, k := range c.keys {
			if !f.key(keyOf(k)) {
				t.Fatalf("%q: the key %s was not taken", c.start, k)
			}
			f.view(20, 5)
		}
		if got := f.value(); got != c.want {
			t.Errorf("%q after %q: %q, want %q", c.start, c.keys, got, c.want)
		}
	}
}

// TestAreaCursorStandsWhereTheNextLetterGoes types, moves and erases at random
// and compares with a plain text, at every width.
func TestAreaCursorStandsWhereTheNextLetterGoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	keys := []string{"left", "right", "up", "down", "home", "end", "enter", "backspace", "delete", "pgup", "pgdown", "a", "한", "글", " ", "b", "ctrl+z", "ctrl+k"}
	for range 300 {
		f := newArea(strings.Repeat("안녕하세요 여러분, hello world\n\n<p style=\"x\">"+strings.Repeat("가", r.IntN(60))+"\n", r.IntN(4)))
		w, h := 2+r.IntN(40), 1+r.IntN(8)
		for range 40 {
			f.key(keyOf(keys[r.IntN(len(keys))]))
			lines, x, y := f.view(w, h)
			if len(lines) > h || y >= len(lines) || x >= w {
				t.Fatalf("%d lines, cursor %d,%d in %d×%d", len(lines), x, y, w, h)
			}
			for _, l := range lines {
				if cells(l) > w {
					t.Fatalf("a line of %d cells in %d: %q", cells(l), w, l)
				}
			}
			folds := fold(f.lines[f.row], w)
			begin := folds[foldOf(folds, f.col)]
			if got := cells(shownText(f.lines[f.row][begin:f.col])); min(got, w-1) != x {
				t.Fatalf("the cursor is at %d, the text before it takes %d", x, got)
			}
			if !strings.HasPrefix(lines[y], cut(shownText(f.lines[f.row][begin:f.col]), w)) {
				t.Fatalf("line %d is %q, the cursor is behind %q", y, lines[y], f.lines[f.row][begin:f.col])
			}
			if text := f.value(); f.bytes != len(text) || !norm.NFC.IsNormalString(text) {
				t.Fatalf("%d bytes counted, %d there, in NFC: %v", f.bytes, len(text), norm.NFC.IsNormalString(text))
			}
		}
	}
}

func TestAreaKeepsItsLimit(t *testing.T) {
	f := newArea(strings.Repeat("가", maxArea/3))
	f.insert("나")
	f.insert("a")
	if got := len(f.value()); got > maxArea {
		t.Fatalf("%d bytes, more than %d", got, maxArea)
	}
}

func TestTemplateIsEditedAndSavedAsANewVersion(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("4", "enter", "e")
	d.press("ctrl+s")
	d.want("바뀐 것 없음")
	d.typeText("반갑습니다. ")
	d.press("shift+tab")
	d.typeText("!")
	d.press("ctrl+s")
	d.wantCalls("PutTemplate", "PutTemplate welcome|{{Name}}님, 가입을 환영합니다!|반갑습니다. {{Name}}님 안녕하세요.\n\n{{Body}}\n\n수신 거부: {{UnsubscribeURL}}|")
	d.want("새 판으로 저장했습니다.", "판            3")
}

func TestUnsavedTemplateIsNotLeftWithoutAQuestion(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("4", "enter", "e")
	d.typeText("x")
	d.press("esc")
	d.want("저장하지 않고 나갑니다")
	d.press("n")
	d.want("x{{Name}}님 안녕하세요")
	d.press("esc", "y")
	d.want("판            2")
	d.wantCalls("PutTemplate")
}

func TestEditorRunsOnlyWhereItIsSet(t *testing.T) {
	d := newDriver(t, "en")
	d.press("4", "enter", "e")
	d.wantNot("Ctrl+O")
	e := &editing{words: []string{"sed", "-i", "s/Body/Text/"}, text: "{{Body}}", suffix: ".txt"}
	if err := e.Run(); err != nil || e.text != "{{Text}}" {
		t.Fatalf("edited: %q, %v", e.text, err)
	}
	d.m.editor = "sed"
	d.want("Ctrl+O editor")
	s := d.m.top().(*templateEdit)
	d.send(editedMsg{of: s, text: "{{Text}}\nnew"})
	d.want("{{Text}}", "new")
}

func BenchmarkAreaOfALongLine(b *testing.B) {
	f := newArea(strings.Repeat("<td>한글 text</td>", 4000))
	for range b.N {
		f.key(keyOf("end"))
		f.key(keyOf("x"))
		f.view(78, 18)
	}
}
