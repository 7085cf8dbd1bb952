package tui

import (
	"context"
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// discarded begins the reason of a mail that was given up: its text is gone.
const discarded = "discarded: "

// mail is one message in full: who, what became of it, how often it was tried,
// what SES said, and what a person can still do.
type mail struct {
	shown[spool.Message]

	id     string
	scroll scroll
	lines  int
}

// newMail shows what is known already, then asks for more.
func newMail(m spool.Message) *mail {
	return &mail{id: m.ID, shown: shown[spool.Message]{now: m, have: true}}
}

func (s *mail) title(a *app) string { return a.t.Mail.Title }

func (s *mail) start(a *app) tea.Cmd {
	id := s.id
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) (spool.Message, error) { return a.back.Message(ctx, id) })
}

func (s *mail) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.turn.busy && s.now.Outcome < spool.Accepted {
			return s.start(a)
		}
	case doneMsg:
		return s.start(a)
	case answer[spool.Message]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *mail) keys(a *app) []binding {
	return []binding{
		a.retryKey(s.now, true),
		a.discardKey(s.now, true),
		a.traceKey(s.now.To, a.t.Mail.NoAddress),
		a.editKey(s.now, true),
		{show: "↑↓", help: a.t.Scroll},
	}
}

// retryKey sends one mail of the queue again; have is whether there is one.
func (a *app) retryKey(m spool.Message, have bool) binding {
	t := &a.t.Mail
	b := binding{keys: []string{"r"}, help: t.Retry, do: func() tea.Cmd {
		lines := []string{recipient(m), a.mailName(m, nil), t.RetryWarn}
		if m.Outcome == spool.Unknown {
			lines = append(lines, a.t.ResendTwice)
		}
		return push(a, newConfirm(t.Retry, lines, 1, t.Retried, func(ctx context.Context) error {
			_, err := a.back.Retry(ctx, m.ID)
			return err
		}))
	}}
	switch {
	case !have:
		b.off = a.t.NothingHere
	case m.Campaign != 0:
		b.off = t.OfCampaign
	case m.Outcome != spool.Failed && m.Outcome != spool.Unknown:
		b.off = a.t.Outcomes[m.Outcome]
	case strings.HasPrefix(m.Reason, discarded):
		b.off = t.Gone
	}
	return b
}

// discardKey gives one mail of the queue up.
func (a *app) discardKey(m spool.Message, have bool) binding {
	t := &a.t.Mail
	b := binding{keys: []string{"d"}, help: t.Discard, do: func() tea.Cmd {
		lines := []string{recipient(m), a.mailName(m, nil), t.DiscardWarn}
		return push(a, newConfirm(t.Discard, lines, 1, t.Discarded, func(ctx context.Context) error {
			_, err := a.back.Discard(ctx, m.ID)
			return err
		}))
	}}
	b.off = a.endedOff(m, have)
	return b
}

func (s *mail) view(a *app, w, h int) page {
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	m := s.now
	lines := []string{"", " " + sides(a.look.bold.Render(cut(recipient(m), w-22)), a.outcome(m)+" ", w-1)}
	for _, l := range s.fields(a) {
		if l[1] != "" {
			lines = append(lines, a.textBlock(l[0], l[1], w)...)
		}
	}
	for i, act := range a.acts(m) {
		label := a.t.Mail.Done
		if i > 0 {
			label = ""
		}
		lines = append(lines, a.textBlock(label, act, w)...)
	}
	if hint := s.hint(a); hint != "" {
		lines = append(lines, "")
		for i, l := range wrap(hint, w-6) {
			lines = append(lines, "  "+[]string{"→ ", "  "}[min(i, 1)]+l)
		}
	}
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

// fields are what is known of the mail, in the order people ask.
func (s *mail) fields(a *app) [][2]string {
	m, t := s.now, &a.t.Mail
	tries := t.TriesOf(comma(int64(m.Attempts)), comma(int64(m.Tries)))
	switch {
	case m.Attempts == 0:
		tries = t.NotTried
	case m.Tries == 0: // none that is limited
		tries = comma(int64(m.Attempts))
	}
	kind := a.t.Lanes[m.Lane]
	if m.Campaign != 0 {
		kind += " " + comma(int64(m.Campaign))
	}
	bytes := ""
	if m.Size > 0 {
		bytes = size(int64(m.Size))
	}
	fields := [][2]string{
		{t.Kind, kind}, {a.t.From, safe(m.From)}, {a.t.Subject, safe(m.Subject)}, {"", ""},
		{a.t.Outcome, a.t.Outcomes[m.Outcome]}, {t.Answer, a.why(m.Reason)}, {a.t.Tries, tries},
		{t.Heard, a.marks(m)}, {t.Received, a.ago(m.Received, "")}, {t.Changed, a.ago(m.At, "")},
	}
	for _, f := range [][2]string{{t.Route, m.Route}, {a.t.Topic, m.Topic}, {t.Set, m.ConfigurationSet}, {t.Tags, tagList(m.Tags)}} {
		fields = append(fields, [2]string{f[0], safe(f[1])})
	}
	if !m.NextTry.IsZero() && m.Outcome == spool.Pending {
		fields = append(fields, [2]string{t.NextTry, a.moment(m.NextTry)})
	}
	return append(fields, [2]string{"SES ID", safe(strings.Join(append([]string{m.SESID}, m.Also...), " "))},
		[2]string{"Message-ID", safe(m.MessageID)}, [2]string{t.Size, bytes}, [2]string{t.Number, safe(m.ID)})
}

// tagList is tags in one line, in the order of their names.
func tagList(tags map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		words = append(words, name+"="+tags[name])
	}
	return strings.Join(words, ", ")
}

// hint is what there is to do about a mail that is not well.
func (s *mail) hint(a *app) string {
	t := &a.t.Mail
	switch {
	case s.now.Campaign != 0:
		return ""
	case strings.HasPrefix(s.now.Reason, discarded):
		return t.Gone
	case s.now.Outcome == spool.Failed:
		return t.FailedHint
	case s.now.Outcome == spool.Unknown:
		return t.UnknownHint
	case s.now.Outcome == spool.Pending && s.now.Attempts > 0:
		return t.PendingHint
	}
	return ""
}

// textBlock is a label and a text that may take several lines.
func (a *app) textBlock(label, text string, w int) []string {
	var out []string
	for _, l := range wrap(text, w-labelCells-4) {
		out = append(out, "  "+a.look.dim.Render(pad(label, labelCells))+l)
		label = ""
	}
	return out
}
