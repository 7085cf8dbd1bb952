package tui

import (
	"slices"
	"strings"
	"testing"

	"pabal/syncer"
)

// TestEveryTroubleOfTheSyncIsSaidInKorean: what the syncer has a code for has
// words of the reader's language, and nothing else has.
func TestEveryTroubleOfTheSyncIsSaidInKorean(t *testing.T) {
	said := koreanTroubles()
	for _, code := range syncer.Codes() {
		warning := code == syncer.CodeWrites || code == syncer.CodeNoIndex
		if text := said[code]; text.What == "" || text.How == "" && !warning {
			t.Errorf("%s: got %+v", code, text)
		}
		delete(said, code)
	}
	for code := range said {
		t.Errorf("%s is no code of the syncer", code)
	}
}

// TestATroubleOfTheSyncIsReadInTheLanguageOfTheScreen: in Korean with what the
// daemon said below, for the operator; a code of a later daemon in its words.
func TestATroubleOfTheSyncIsReadInTheLanguageOfTheScreen(t *testing.T) {
	fail := func(code string) func(*fakeBackend) {
		return func(f *fakeBackend) {
			withTable(f)
			f.sync.State, f.sync.Error, f.sync.Hint, f.sync.Code = "failing", "the table User is not there (MySQL error 1146)", "mend mysql.table", code
		}
	}
	for _, c := range []struct {
		lang, code string
		want, not  []string
	}{
		{"ko", syncer.CodeTable, []string{"고객 표가 없음", "되살리세요", "MySQL error 1146"}, []string{"mend mysql.table"}},
		{"ko", "of tomorrow", []string{"is not there", "mend mysql.table"}, []string{"고객 표가 없음"}},
		{"en", syncer.CodeTable, []string{"is not there", "mend mysql.table"}, []string{"고객"}},
	} {
		for _, keys := range [][]string{nil, {"6"}} { // the first screen, and its own
			d := newDriver(t, c.lang, fail(c.code))
			d.press(keys...)
			screen := d.screenText()
			for _, word := range c.want {
				if !strings.Contains(screen, word) && !(keys == nil && strings.Contains(word, "1146")) {
					t.Errorf("%s %s %v: %q is missing:\n%s", c.lang, c.code, keys, word, screen)
				}
			}
			if i := slices.IndexFunc(c.not, func(word string) bool { return strings.Contains(screen, word) }); i >= 0 {
				t.Errorf("%s %s %v: %q is there:\n%s", c.lang, c.code, keys, c.not[i], screen)
			}
		}
	}
}
