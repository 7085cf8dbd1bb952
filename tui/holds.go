package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// holds is what is paused: of what, why, since when, what to do. One is
// released here, and what is to wait is held here.
type holds struct {
	shown[spool.Status]

	list list
}

func (s *holds) title(a *app) string { return a.t.Mail.Holds }

func (s *holds) start(a *app) tea.Cmd { return askTurn(a, &s.turn, callTimeout, a.back.SpoolStatus) }

func (s *holds) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.turn.busy {
			return s.start(a)
		}
	case doneMsg:
		return s.start(a)
	case answer[spool.Status]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.list.move(keyName(msg), len(s.now.Held))
	}
	return nil
}

func (s *holds) keys(a *app) []binding {
	release := binding{keys: []string{"r"}, help: a.t.Release, do: func() tea.Cmd {
		return push(a, newRelease(a, s.now, s.now.Held[min(s.list.at, len(s.now.Held)-1)]))
	}}
	if len(s.now.Held) == 0 {
		release.off = a.t.NoHolds
	}
	return []binding{release, {keys: []string{"n"}, help: a.t.Mail.Hold, do: func() tea.Cmd { return push(a, s.pick(a)) }}}
}

// newRelease asks before mail goes again, with how many wait.
func newRelease(a *app, st spool.Status, hold spool.Hold) *confirm {
	waiting := st.Pending
	if lane, ok := strings.CutPrefix(string(hold.Scope), "lane:"); ok {
		waiting = st.Lanes[lane].Pending
	}
	what, _ := a.hold(hold)
	return newConfirm(a.t.ReleaseAsk, []string{what, a.t.ReleaseWarn(comma(waiting))}, waiting, a.t.Released,
		func(ctx context.Context) error { return a.back.Release(ctx, hold.Scope) })
}

// pick chooses what is to wait; one can also write a domain or a scope.
func (s *holds) pick(a *app) *picker {
	t := &a.t.Mail
	return &picker{head: t.Hold, hint: t.HoldWhat, free: true, options: []option{
		{value: string(spool.ScopeAll), label: a.t.Everything, note: t.HoldAll},
		{value: string(spool.LaneScope(spool.Bulk)), label: a.t.Lanes[spool.Bulk], note: t.HoldBulk},
		{value: string(spool.LaneScope(spool.Transactional)), label: a.t.Lanes[spool.Transactional], note: t.HoldApps},
	}, then: func(a *app, chosen []string) tea.Cmd {
		scope := spool.Scope(chosen[0])
		if !strings.Contains(chosen[0], ":") && strings.Contains(chosen[0], ".") {
			scope = spool.FromScope(strings.ToLower(chosen[0])) // a domain
		}
		return push(a, &holdReason{scope: scope})
	}}
}

func (s *holds) view(a *app, w, h int) page {
	t := &a.t.Mail
	if lines := a.instead(s.why, s.have, len(s.now.Held) == 0, t.NothingHeld, w); lines != nil {
		return page{lines: lines}
	}
	lines := []string{""}
	const each = 4
	from, to := s.list.window(len(s.now.Held), max(1, (h-1)/each))
	for i := from; i < to; i++ {
		lines = append(lines, s.one(a, s.now.Held[i], i == s.list.at, w)...)
	}
	return page{lines: lines}
}

// one is a hold in four lines: what and since when, what to do, the daemon's
// own words, and nothing.
func (s *holds) one(a *app, hold spool.Hold, selected bool, w int) []string {
	words, known := a.t.Classes[hold.Class]
	if !known {
		words = holdText{What: safe(string(hold.Class)), How: safe(hold.Hint)}
	}
	if !hold.Until.IsZero() {
		words.How = a.t.Until(a.moment(hold.Until)) + " " + words.How
	}
	who := a.t.Mail.ByItself
	if hold.Manual {
		who = a.t.Mail.ByHand
	}
	head := sides("‖ "+a.scope(hold.Scope)+": "+words.What, a.moment(hold.Since)+" ", w-2)
	return []string{a.look.pickLine(head, selected, w), "    → " + cut(words.How, w-6),
		"    " + a.look.dim.Render(cut(safe(hold.Reason)+"  ("+who+")", w-4)), ""}
}

// hold is a hold in words: by its class in the person's language, with the
// daemon's own reason behind.
func (a *app) hold(h spool.Hold) (what, hint string) {
	words, ok := a.t.Classes[h.Class]
	what, hint = words.What, words.How
	if !ok {
		what, hint = string(h.Class), h.Hint
	}
	what = a.scope(h.Scope) + ": " + safe(what) + " (" + safe(h.Reason) + ")"
	when := a.t.Since(a.moment(h.Since))
	if !h.Until.IsZero() {
		when = a.t.Until(a.moment(h.Until))
	}
	return what, safe(hint) + " " + when
}

// scope is a hold's scope in words.
func (a *app) scope(s spool.Scope) string {
	switch s {
	case spool.ScopeAll, spool.ScopeRestored:
		return a.t.Everything
	case spool.LaneScope(spool.Bulk):
		return a.t.Lanes[spool.Bulk]
	case spool.LaneScope(spool.Transactional):
		return a.t.Lanes[spool.Transactional]
	}
	if domain, ok := strings.CutPrefix(string(s), "from:"); ok {
		return a.t.FromDomain + " " + safe(domain)
	}
	if id, ok := strings.CutPrefix(string(s), "campaign:"); ok {
		return a.t.Campaign + " " + safe(id)
	}
	return safe(string(s))
}

// holdReason asks why, then holds.
type holdReason struct {
	scope spool.Scope
	why   input
	asked screen
}

func (s *holdReason) title(a *app) string { return a.t.Mail.Hold }
func (s *holdReason) start(*app) tea.Cmd  { return nil }
func (s *holdReason) typing() bool        { return true }

func (s *holdReason) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s.asked && msg.err == nil {
			return pop(a)
		}
	case tea.PasteMsg:
		s.why.insert(msg.Content)
	case tea.KeyPressMsg:
		s.why.key(msg)
	}
	return nil
}

func (s *holdReason) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Mail.Hold, do: func() tea.Cmd { return s.ask(a) }}
	if strings.TrimSpace(s.why.value()) == "" {
		next.off = a.t.Mail.WhyHint
	}
	return []binding{next}
}

func (s *holdReason) ask(a *app) tea.Cmd {
	t, why := &a.t.Mail, strings.TrimSpace(s.why.value())
	c := newConfirm(t.Hold, []string{a.scope(s.scope), safe(why), t.HoldWarn}, 1, t.Held, func(ctx context.Context) error {
		_, err := a.back.Hold(ctx, s.scope, why)
		return err
	})
	s.asked = c
	return push(a, c)
}

func (s *holdReason) view(a *app, w, h int) page {
	label := " " + a.t.Reason + " "
	shown, x := s.why.view(w - cells(label) - 2)
	return page{lines: []string{"", " " + a.look.bold.Render(a.scope(s.scope)), "", a.look.key.Render(label) + shown, "", "  " + a.look.dim.Render(cut(a.t.Mail.WhyHint, w-4))},
		cursor: &tea.Position{X: cells(label) + x, Y: 3}}
}
