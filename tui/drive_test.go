package tui

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"pabal/campaign"
)

var update = flag.Bool("update", false, "write the golden files anew")

// driver runs the model without a terminal: commands run at once, in order, and
// the clock stands still.
type driver struct {
	t     testing.TB
	m     *model
	back  *fakeBackend
	quit  bool
	later []tea.Msg // what waits for the clock
	hold  bool      // an import or a count stands still at its first piece
}

var testNow = time.Date(2026, 11, 22, 14, 0, 0, 0, time.FixedZone("KST", 9*3600))

func newDriver(t testing.TB, lang string, set ...func(*fakeBackend)) *driver {
	t.Helper()
	back := newFake(testNow)
	for _, f := range set {
		f(back)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := newApp(ctx, back, Options{Lang: lang})
	a.now = func() time.Time { return testNow }
	a.zone = testNow.Location()
	t.Cleanup(func() { cancel(); a.wait.Wait() })
	d := &driver{t: t, m: newModel(a), back: back}
	a.after = func(_ time.Duration, msg tea.Msg) tea.Cmd {
		d.later = append(d.later, msg)
		return nil
	}
	d.size(80, 24)
	d.run(d.m.Init())
	return d
}

func (d *driver) size(w, h int) { d.send(tea.WindowSizeMsg{Width: w, Height: h}) }

func (d *driver) send(msg tea.Msg) {
	_, cmd := d.m.Update(msg)
	if r, ok := msg.(reply); ok && d.hold {
		switch r.msg.(type) {
		case flowMsg[imported], flowMsg[counted], flowMsg[told[campaign.Preflight]]:
			return
		}
	}
	d.run(cmd)
}

// run does a command and what follows from it.
func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.QuitMsg:
		d.quit = true
	case tea.BatchMsg:
		for _, c := range msg {
			d.run(c)
		}
	default:
		d.send(msg)
	}
}

// rest lets the time pass that a screen waits for; ticks come by tick.
func (d *driver) rest() {
	later := d.later
	d.later = nil
	for _, msg := range later {
		if _, ok := msg.(tickMsg); !ok {
			d.send(msg)
		}
	}
}

// tick lets a second pass.
func (d *driver) tick() { d.send(tickMsg{}) }

// press types keys by name: "enter", "down", or letters.
func (d *driver) press(keys ...string) {
	for _, k := range keys {
		d.send(keyOf(k))
	}
}

func (d *driver) typeText(s string) {
	for _, r := range s {
		d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

func keyOf(name string) tea.KeyPressMsg {
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"tab": tea.KeyTab, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd, "delete": tea.KeyDelete, "pgup": tea.KeyPgUp, "f1": tea.KeyF1, "f2": tea.KeyF2}
	if code, ok := special[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	if name == "shift+tab" {
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	}
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: []rune(rest)[0], Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// screenText is the screen without styles.
func (d *driver) screenText() string { return ansi.Strip(d.m.View().Content) }

func (d *driver) want(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if !strings.Contains(d.screenText(), text) {
			d.t.Fatalf("the screen does not show %q:\n%s", text, d.screenText())
		}
	}
}

func (d *driver) wantNot(text string) {
	d.t.Helper()
	if strings.Contains(d.screenText(), text) {
		d.t.Fatalf("the screen shows %q:\n%s", text, d.screenText())
	}
}

func (d *driver) wantCalls(word string, want ...string) {
	d.t.Helper()
	got := d.back.asked(word)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Fatalf("calls of %s: got %q, want %q", word, got, want)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("%s differs (go test -update writes it anew)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// screenWriter keeps what a program draws.
type screenWriter struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (w *screenWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	select {
	case w.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

// wait returns when text was drawn since the last wait.
func (w *screenWriter) wait(t *testing.T, ctx context.Context, text string) {
	t.Helper()
	for {
		w.mu.Lock()
		got := w.text.String()
		found := strings.Contains(got, text)
		if found {
			w.text.Reset()
		}
		w.mu.Unlock()
		if found {
			return
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			t.Fatalf("%q was not drawn: %q", text, got)
		}
	}
}
