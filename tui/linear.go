package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// The plain mode: the same screens read out line by line, for screen readers,
// braille displays and terminals that cannot move a cursor. Nothing is drawn
// and nothing printed is changed afterwards. The person writes a key's name and
// Enter; what changed on the screen is printed below.

const (
	// linearWidth is so wide that hardly any text is cut.
	linearWidth = 200
	// linearHeight bounds how much of a list is read at once.
	linearHeight = 30
	// linearRest is how long answers are waited for before a screen is read.
	linearRest = 200 * time.Millisecond
	// linearRests is how many rests a screen that is still loading is given.
	linearRests = 50
	// linearLine bounds one line that is typed or pasted, in bytes.
	linearLine = 64 << 10
)

// linear runs a model over lines of text.
type linear struct {
	m    *model
	ctx  context.Context
	out  *bufio.Writer
	msgs chan tea.Msg
	read reading
}

// runLinear is Run in plain mode.
func runLinear(ctx context.Context, b Backend, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	o.Editor = "" // it would take the screen
	a := newApp(ctx, b, o)
	defer a.wait.Wait()
	defer cancel()
	a.look = newLook(true, false)
	a.look.linear = true
	a.after = func(d time.Duration, msg tea.Msg) tea.Cmd { return later(ctx, d, msg) }
	in, out := o.Input, o.Output
	if in == nil {
		in = os.Stdin
	}
	if out == nil {
		out = os.Stdout
	}
	l := &linear{m: newModel(a), ctx: ctx, out: bufio.NewWriter(out), msgs: make(chan tea.Msg)}
	l.m.width, l.m.height = linearWidth, linearHeight
	return errors.Join(l.loop(lines(ctx, in)), l.out.Flush())
}

// later is a message after a time, given up when ctx ends.
func later(ctx context.Context, d time.Duration, msg tea.Msg) tea.Cmd {
	return func() tea.Msg {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return msg
		case <-ctx.Done():
			return nil
		}
	}
}

// lines are the lines of in until it ends. Its goroutine waits for no more than
// the line that is being typed, and ends with the program's input.
func lines(ctx context.Context, in io.Reader) <-chan string {
	typed := make(chan string)
	go func() {
		defer close(typed)
		scan := bufio.NewScanner(in)
		scan.Buffer(nil, linearLine)
		for scan.Scan() {
			select {
			case typed <- scan.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return typed
}

// loop handles lines and answers until the person leaves or the input ends.
func (l *linear) loop(typed <-chan string) error {
	l.say(l.m.t.Plain.Intro...)
	l.do(l.m.Init())
	rest, rests := time.NewTimer(linearRest), 0
	defer rest.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return nil
		case line, ok := <-typed:
			if !ok || l.line(line) {
				return nil
			}
			rest.Reset(linearRest)
			rests = 0
		case msg := <-l.msgs:
			if _, quit := msg.(tea.QuitMsg); quit {
				return nil
			}
			flash, top := l.m.flash, l.m.top()
			l.update(msg)
			if l.m.flash != flash || l.m.top() != top {
				rest.Reset(linearRest)
			}
		case <-rest.C:
			if rests++; rests < linearRests && l.m.waits() {
				rest.Reset(linearRest)
				continue
			}
			l.tell()
			if err := l.out.Flush(); err != nil {
				return fmt.Errorf("write the screen: %w", err)
			}
		}
	}
}

// waits reports whether the screen on top says that something is on its way.
func (m *model) waits() bool {
	body := strings.Join(m.top().view(m.app, m.width, m.height).lines, "\n")
	return m.lost.IsZero() && slices.ContainsFunc([]string{m.t.Loading, m.t.Working, m.t.Counting, m.t.Checking}, func(word string) bool {
		return strings.Contains(body, word)
	})
}

// update is one message through the model, and what follows from it.
func (l *linear) update(msg tea.Msg) {
	_, cmd := l.m.Update(msg)
	l.do(cmd)
}

// do runs a command beside the loop, which its message comes back to.
func (l *linear) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	l.m.wait.Go(func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				l.do(c)
			}
		default:
			select {
			case l.msgs <- msg:
			case <-l.ctx.Done():
			}
		}
	})
}

// line is one line that was typed: keys, or text for the field that is open.
// It reports whether the person leaves.
func (l *linear) line(text string) (leaves bool) {
	text = strings.TrimSpace(strings.TrimRight(text, "\r\n"))
	if typing(l.m.top()) && !strings.HasPrefix(text, ":") {
		if text == "" {
			return l.press("enter", 1)
		}
		l.press("ctrl+u", 1)
		l.press("ctrl+k", 1)
		l.update(tea.PasteMsg{Content: text})
		return false
	}
	words := strings.Fields(strings.TrimPrefix(text, ":"))
	if len(words) == 0 { // read it out again
		l.read = reading{}
		return false
	}
	times := 1
	if n, err := strconv.Atoi(words[len(words)-1]); err == nil && len(words) == 2 {
		times = max(1, min(n, 1000))
	}
	if !l.known(words[0]) || len(words) > 2 {
		l.say(l.m.t.Plain.Unknown(safe(text)))
		return false
	}
	return l.press(words[0], times)
}

// known reports whether a word is a key's name.
func (l *linear) known(word string) bool {
	if len([]rune(word)) == 1 {
		return true
	}
	_, special := linearKeys()[strings.ToLower(word)]
	rest, control := strings.CutPrefix(strings.ToLower(word), "ctrl+")
	return special || control && len(rest) == 1
}

// linearKeys are the keys that are no letters, by the names that are written.
func linearKeys() map[string]tea.KeyPressMsg {
	return map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
		"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
		"pgup": {Code: tea.KeyPgUp}, "pgdn": {Code: tea.KeyPgDown}, "pgdown": {Code: tea.KeyPgDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
		"space": {Code: tea.KeySpace, Text: " "}, "delete": {Code: tea.KeyDelete}, "backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1}, "f2": {Code: tea.KeyF2},
	}
}

// press presses a key so many times, and reports whether it was to leave.
func (l *linear) press(name string, times int) (leaves bool) {
	key, special := linearKeys()[strings.ToLower(name)]
	rest, control := strings.CutPrefix(strings.ToLower(name), "ctrl+")
	switch {
	case control && rest != "":
		key = tea.KeyPressMsg{Code: []rune(rest)[0], Mod: tea.ModCtrl}
	case !special:
		key = tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
	}
	for range times {
		if l.leaving(key) {
			return true
		}
		l.update(key)
	}
	if l.m.help { // read out at once, not scrolled
		l.m.help = false
		l.say(spoken(l.m.helpLines(linearWidth))...)
	}
	return false
}

// leaving reports whether a key ends the program.
func (l *linear) leaving(key tea.KeyPressMsg) bool {
	if key.String() == "ctrl+c" {
		return true
	}
	if len(l.m.stack) > 1 || typing(l.m.top()) {
		return false
	}
	b, ok := find(slices.Concat(l.m.top().keys(l.m.app), l.m.general()), keyName(key))
	return ok && b.help == l.m.t.Quit
}
