package tui

import (
	"strings"
	"testing"

	"pabal/spool"
)

// TestScreensShowTheHoldOfRestoredData in both languages, with what ends it.
func TestScreensShowTheHoldOfRestoredData(t *testing.T) {
	for lang, want := range map[string]string{"en": "restored from a backup", "ko": "백업에서 복원한 데이터"} {
		d := newDriver(t, lang, func(f *fakeBackend) {
			f.status.Held = []spool.Hold{{Scope: spool.ScopeRestored, Class: spool.FromBackup, Reason: "a backup of yesterday", Since: testNow, Manual: true}}
		})
		if text := d.screenText(); !strings.Contains(text, want) {
			t.Errorf("%s: the first screen says\n%s", lang, text)
		}
	}
}
