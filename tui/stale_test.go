package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/text/unicode/norm"
)

// late presses a key but keeps its command back, as a slow daemon does.
func (d *driver) late(key string) tea.Cmd {
	_, cmd := d.m.Update(keyOf(key))
	return cmd
}

func TestCountOfAnOlderExpressionIsDropped(t *testing.T) {
	d := newDriver(t, "en")
	toText(d)
	d.press("down")
	_, slow := d.m.Update(d.later[len(d.later)-1]) // counting the first example
	d.press("down")                                // another one
	d.run(slow)
	d.want("Counting")
	d.press("enter")
	d.want("Who gets it?")
	d.rest()
	d.want("Selected", "183")
}

func TestPreviewOfSomebodyElseIsDropped(t *testing.T) {
	d := newDriver(t, "en")
	toPreview(d)
	slow := d.late("n")
	d.press("/")
	d.typeText("3")
	d.press("enter")
	d.want("customer003@example.com")
	d.run(slow)
	d.want("customer003@example.com")
}

func TestLedgerOfAnotherOutcomeIsDropped(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "enter")
	slow := d.late("tab") // failed
	d.press("tab")        // skipped
	d.run(slow)
	d.want("unsubscribed")
	d.wantNot("550 Address blacklisted")
}

func TestYesIsTakenOnce(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "p")
	first := d.late("y")
	d.want("Working")
	second := d.late("y")
	d.run(first)
	d.run(second)
	d.wantCalls("Pause", "Pause 3")
}

func TestLeavingAConfirmationKeepsWhatComesAfter(t *testing.T) {
	d := newDriver(t, "en")
	d.press("2", "down", "down", "enter", "p")
	slow := d.late("y")
	d.press("esc", "enter") // back, and into the ledger
	d.run(slow)
	d.want("42 rows", "Done.")
}

func TestFieldShowsComposedLetters(t *testing.T) {
	f := input{}
	f.insert(norm.NFD.String("한글"))
	if shown, _ := f.view(10); strings.TrimRight(shown, " ") != "한글" {
		t.Errorf("decomposed letters reach the terminal: %q", shown)
	}
}
