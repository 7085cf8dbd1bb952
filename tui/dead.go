package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// outcomeDead is the list of dead letters: failed or unknown, their text kept.
const outcomeDead = "dead"

// editKey sends one mail of the queue to another address.
func (a *app) editKey(m spool.Message, have bool) binding {
	b := binding{keys: []string{"e"}, help: a.t.Mail.EditKey, do: func() tea.Cmd {
		return push(a, &readdress{m: m, to: newInput(m.To)})
	}}
	b.off = a.endedOff(m, have)
	return b
}

// endedOff is why a mail cannot be given up or sent elsewhere, "" if it can.
func (a *app) endedOff(m spool.Message, have bool) string {
	ends := []spool.Outcome{spool.Pending, spool.Failed, spool.Unknown}
	switch {
	case !have:
		return a.t.NothingHere
	case m.Campaign != 0:
		return a.t.Mail.OfCampaign
	case !slices.Contains(ends, m.Outcome):
		return a.t.Outcomes[m.Outcome]
	case strings.HasPrefix(m.Reason, discarded):
		return a.t.Mail.Gone
	}
	return ""
}

// discardAll gives all up that the list shows and that can be.
func (s *queue) discardAll(a *app) binding {
	var ids []string
	for i := range s.now.rows {
		if m := &s.now.rows[i]; m.Dead() || m.Outcome == spool.Pending {
			ids = append(ids, m.ID)
		}
	}
	t, n := &a.t.Mail, int64(len(ids))
	b := binding{keys: []string{"D"}, help: t.DiscardAll, do: func() tea.Cmd {
		return push(a, newConfirm(t.DiscardAll, []string{t.DiscardAllAsk(comma(n))}, n, t.Discarded, func(ctx context.Context) error {
			for _, id := range ids { // those that are asked about, whatever comes
				if _, err := a.back.Discard(ctx, id); err != nil {
					return err
				}
			}
			return nil
		}))
	}}
	if n == 0 {
		b.off = t.NothingToDiscard
	}
	return b
}

// readdress asks for the address that a mail is sent to in place of its own.
type readdress struct {
	m     spool.Message
	to    input
	asked screen
}

func (s *readdress) title(a *app) string { return a.t.Mail.Edit }
func (s *readdress) start(*app) tea.Cmd  { return nil }
func (s *readdress) typing() bool        { return true }

func (s *readdress) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		if msg.from == s.asked && msg.err == nil {
			return pop(a)
		}
	case tea.PasteMsg:
		s.to.insert(msg.Content)
	case tea.KeyPressMsg:
		s.to.key(msg)
	}
	return nil
}

func (s *readdress) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Mail.Edit, do: func() tea.Cmd { return s.ask(a) }}
	to := strings.TrimSpace(s.to.value())
	if !strings.Contains(to, "@") || strings.EqualFold(to, s.m.To) {
		next.off = a.t.Mail.OtherAddress
	}
	return []binding{next}
}

func (s *readdress) ask(a *app) tea.Cmd {
	t, to := &a.t.Mail, strings.TrimSpace(s.to.value())
	lines := []string{recipient(s.m) + " → " + safe(to), a.mailName(s.m, nil), t.EditWarn}
	if s.m.Outcome == spool.Unknown {
		lines = append(lines, t.EditUnknown)
	}
	c := newConfirm(t.Edit, lines, 1, t.Edited, func(ctx context.Context) error {
		_, err := a.back.Edit(ctx, s.m.ID, to)
		return err
	})
	s.asked = c
	return push(a, c)
}

func (s *readdress) view(a *app, w, h int) page {
	label := " " + a.t.To + " "
	shown, x := s.to.view(w - cells(label) - 2)
	lines := []string{"", " " + a.look.bold.Render(cut(recipient(s.m)+"  "+a.mailName(s.m, nil), w-2)), "", a.look.key.Render(label) + shown, ""}
	for _, l := range wrap(a.t.Mail.EditWarn, w-4) {
		lines = append(lines, "  "+a.look.dim.Render(l))
	}
	return page{lines: lines, cursor: &tea.Position{X: cells(label) + x, Y: 3}}
}

// acts are what people did to a mail, a line each.
func (a *app) acts(m spool.Message) []string {
	var out []string
	for _, act := range m.Acts {
		what := act.What
		if word := a.t.Mail.Acts[what]; word != "" {
			what = word
		}
		if id, ok := strings.CutPrefix(act.Reason, "sent as "); ok {
			what += " (" + a.t.Mail.SentAs(safe(id)) + ")"
		} else if id, ok := strings.CutPrefix(act.Reason, "in place of "); ok {
			what += " (" + a.t.Mail.InPlaceOf(safe(id)) + ")"
		}
		out = append(out, strings.TrimSpace(a.moment(act.At)+"  "+what+"  "+safe(act.By)))
	}
	return out
}

// discardedReason is why a mail was given up, and what it had failed of.
func (a *app) discardedReason(rest string) string {
	if after, ok := strings.CutPrefix(rest, "sent to another address as "); ok {
		if id, of, ok := strings.Cut(after, ": "); ok {
			return a.t.Mail.GivenUpFor(safe(id), safe(of))
		}
	}
	return a.t.Mail.GivenUp(safe(rest))
}
