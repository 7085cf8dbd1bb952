package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// binding is one key as data: what it is called, what it does, and why not,
// when it cannot be used now.
type binding struct {
	keys []string // as tea names them; the first is shown unless show is set
	show string
	help string
	off  string         // why it does nothing now; "" when it works
	do   func() tea.Cmd // nil: the screen's update takes the key, this only tells of it
}

func (b binding) name() string {
	if b.show != "" {
		return b.show
	}
	return b.keys[0]
}

// dubeolsik is the Korean keyboard: somebody whose input method is on types ㅂ
// where they mean q.
var dubeolsik = strings.NewReplacer(
	"ㅂ", "q", "ㅈ", "w", "ㄷ", "e", "ㄱ", "r", "ㅅ", "t", "ㅛ", "y", "ㅕ", "u", "ㅑ", "i", "ㅐ", "o", "ㅔ", "p",
	"ㅁ", "a", "ㄴ", "s", "ㅇ", "d", "ㄹ", "f", "ㅎ", "g", "ㅗ", "h", "ㅓ", "j", "ㅏ", "k", "ㅣ", "l",
	"ㅋ", "z", "ㅌ", "x", "ㅊ", "c", "ㅍ", "v", "ㅠ", "b", "ㅜ", "n", "ㅡ", "m")

func keyName(k tea.KeyPressMsg) string { return dubeolsik.Replace(k.String()) }

// find is the binding that does something for a key.
func find(bindings []binding, key string) (binding, bool) {
	i := slices.IndexFunc(bindings, func(b binding) bool { return b.do != nil && slices.Contains(b.keys, key) })
	if i < 0 {
		return binding{}, false
	}
	return bindings[i], true
}

// footer lays the keys in one line of w cells; the general ones stand at the
// right and are never cut. A key that does nothing now is in brackets, with
// the reason where there is room; where there is too little, such keys go first.
func (l look) footer(own, general []binding, w int) string {
	general = slices.DeleteFunc(slices.Clone(general), func(b binding) bool {
		return slices.ContainsFunc(own, func(o binding) bool { return o.name() == b.name() })
	})
	right := l.hints(general, true)
	room := w - cells(right) - 2
	left := l.hints(own, true)
	if cells(left) > room {
		left = l.hints(own, false)
	}
	own = slices.Clone(own)
	for len(own) > 1 && cells(left) > room { // help has them all
		own = slices.Delete(own, leastUseful(own), leastUseful(own)+1)
		left = l.hints(own, false)
	}
	return sides(cut(left, room), right, w)
}

// leastUseful is the binding a footer can do without: the last that does nothing
// now, else the last.
func leastUseful(own []binding) int {
	for i, b := range slices.Backward(own) {
		if b.off != "" && i > 0 {
			return i
		}
	}
	return len(own) - 1
}

func (l look) hints(bindings []binding, reasons bool) string {
	var parts []string
	for _, b := range bindings {
		switch {
		case b.off == "":
			parts = append(parts, l.key.Render(b.name())+" "+b.help)
		case reasons:
			parts = append(parts, l.dim.Render("("+b.name()+" "+b.help+": "+b.off+")"))
		default:
			parts = append(parts, l.dim.Render("("+b.name()+" "+b.help+")"))
		}
	}
	return strings.Join(parts, "  ")
}
