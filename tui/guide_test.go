package tui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheGuideQuotesTheScreens looks for what the marketer's guide says stands
// on the screen, in the table of its last section, among the screens' texts.
func TestTheGuideQuotesTheScreens(t *testing.T) {
	for name, lang := range map[string]string{"marketer.md": "en", "marketer.ko.md": "ko"} {
		guide, err := os.ReadFile("../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, section, found := strings.Cut(string(guide), "\n## 13. ")
		if !found {
			t.Fatalf("docs/%s has no section 13", name)
		}
		texts, quotes := sourceOf(t, lang), 0
		for row := range strings.SplitSeq(section, "\n| ") {
			cell, _, _ := strings.Cut(row, " |")
			if strings.Contains(cell, "\n") || strings.Contains(row, "|---") { // the head, and what is around the table
				continue
			}
			for quote := range strings.SplitSeq(cell, "; ") {
				quotes++
				if !strings.Contains(texts, quote) {
					t.Errorf("docs/%s quotes %q, which no screen says", name, quote)
				}
			}
		}
		if quotes < 10 {
			t.Errorf("docs/%s: %d quotes, want 10 or more", name, quotes)
		}
	}
}

// sourceOf is the source of a language's texts.
func sourceOf(t *testing.T, lang string) string {
	t.Helper()
	files, err := filepath.Glob("texts_" + lang + "*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("texts of %s: %v, %v", lang, files, err)
	}
	files = append(files, "../alarm/words.go") // what is wrong, on the first screen
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
