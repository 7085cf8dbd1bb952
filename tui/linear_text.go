package tui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// reading is what was read out last.
type reading struct {
	top   screen
	lines []string
	flash string
}

// gap is where two columns meet.
var gap = regexp.MustCompile(`[ ]{2,}`)

// spoken are the lines of a screen as they are read out: no styles, no drawn
// characters, columns parted by commas, the selected line with > in front.
func spoken(lines []string) []string {
	var out []string
	signs := strings.NewReplacer("▶", "", "✓", "", "‖", "!", "×", "x", "→", "-", "·", "", "●", "", "○", "", "…", "...", "’", "'", "“", "\"", "”", "\"", "—", "-",
		"│", "", "─", "", "━", "", "‹", "", "›", "", "↑", "up ", "↓", "down ", "←", "left ", "↵", " ")
	for _, l := range lines {
		l = strings.TrimRight(ansi.Strip(l), " ")
		selected := strings.HasPrefix(l, "› ")
		l = strings.TrimSpace(signs.Replace(strings.TrimPrefix(l, "› ")))
		l = gap.ReplaceAllString(l, ", ")
		switch {
		case l == "":
		case selected:
			out = append(out, "> "+l)
		default:
			out = append(out, l)
		}
	}
	return out
}

// tell prints the screen on top: all of it when it is a new one, else what
// changed on it.
func (l *linear) tell() {
	m := l.m
	body := spoken(m.top().view(m.app, m.width, m.height).lines)
	old := l.read
	l.read = reading{top: m.top(), lines: body, flash: m.flash.text}
	if old.top != m.top() {
		l.say("", l.heading())
		l.say(body...)
		l.say(l.keyLine())
	} else {
		l.say(changed(old.lines, body)...)
	}
	if m.flash.text != "" && (m.flash.text != old.flash || old.top != m.top()) {
		l.say("! " + m.flash.text)
	}
	if !m.lost.IsZero() {
		l.say("! " + m.t.LostSince(m.clock(m.lost)))
	}
	prompt := m.t.Plain.Key
	if typing(m.top()) {
		prompt = m.t.Plain.Text
	}
	fmt.Fprint(l.out, prompt+" > ")
}

// heading says where one is.
func (l *linear) heading() string {
	m := l.m
	text := "== " + m.t.Product + ", " + m.top().title(m.app)
	if w := m.walks(); w != nil {
		steps := m.t.Steps[:]
		if own, ok := w.(stepper); ok {
			steps = own.steps(m.app)
		}
		text += fmt.Sprintf(", %d/%d %s", w.step(), len(steps), steps[w.step()-1])
	}
	return text
}

// keyLine names the keys that do something now.
func (l *linear) keyLine() string {
	var parts []string
	for _, b := range slices.Concat(l.m.top().keys(l.m.app), l.m.general()) {
		if b.off == "" && b.do != nil {
			parts = append(parts, b.name()+" "+b.help)
		}
	}
	return l.m.t.Plain.Keys + " " + strings.Join(parts, ", ")
}

// changed are the lines that were not there before. A line that is not
// selected any more is the same line.
func changed(old, now []string) []string {
	had := map[string]bool{}
	for _, l := range old {
		had[l] = true
		had[strings.TrimPrefix(l, "> ")] = true
	}
	return slices.DeleteFunc(slices.Clone(now), func(l string) bool { return had[l] })
}

// say prints lines.
func (l *linear) say(lines ...string) {
	for _, text := range lines {
		fmt.Fprintln(l.out, text) // an error is met by Flush
	}
}
