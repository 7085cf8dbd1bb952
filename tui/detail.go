package tui

import (
	"context"
	"iter"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
)

// detail is one campaign, live.
type detail struct {
	c    campaign.Campaign
	feed *flow[campaign.Campaign] // nil while none is open
	ends bool                     // the stream ended in a final state
	at   int                      // selected outcome

	heard *sesclient.FeedbackStatus // where word of mails comes from; nil: not known
	asked turn

	plan    shown[campaign.Plan] // of those still to go
	planned int                  // ticks since it was asked for
}

// waitLines is how many lines the hold of a campaign may take.
const waitLines = 4

// outcomes in the order they are shown.
var outcomes = [...]spool.Outcome{spool.Accepted, spool.Failed, spool.Skipped, spool.Unknown, spool.Sending, spool.Pending}

func newDetail(c campaign.Campaign) *detail { return &detail{c: c} }

func (s *detail) title(a *app) string { return a.t.Campaign + " " + comma(int64(s.c.ID)) }

func (s *detail) start(a *app) tea.Cmd {
	id := s.c.ID
	s.feed = openFlow(a, func(ctx context.Context) iter.Seq2[campaign.Campaign, error] { return a.back.Watch(ctx, id) })
	cmds := []tea.Cmd{s.feed.next(), askTurn(a, &s.asked, callTimeout, a.back.FeedbackStatus)}
	if s.underWay() && !s.plan.have {
		cmds = append(cmds, s.flight(a))
	}
	return tea.Batch(cmds...)
}

func (s *detail) leave() {
	s.plan.leave()
	s.asked.stop()
	s.feed.stop()
}

func (s *detail) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		var cmds []tea.Cmd
		if s.feed == nil && !s.ends {
			cmds = append(cmds, s.start(a))
		}
		if s.planned++; s.planned >= planEvery && s.underWay() && !s.plan.turn.busy {
			cmds = append(cmds, s.flight(a))
		}
		return tea.Batch(cmds...)
	case answer[campaign.Plan]:
		s.plan.take(a, msg)
	case copiedMsg:
		if msg.of == s {
			return s.takeCopy(a, msg)
		}
	case flowMsg[campaign.Campaign]:
		if msg.of == s.feed {
			return s.take(a, msg)
		}
	case answer[*sesclient.FeedbackStatus]:
		if msg.mine(&s.asked) && msg.err == nil {
			s.heard = msg.v
		}
	case tea.KeyPressMsg:
		l := list{at: s.at, rows: len(outcomes)}
		l.move(keyName(msg), len(outcomes))
		s.at = l.at
	}
	return nil
}

func (s *detail) take(a *app, m flowMsg[campaign.Campaign]) tea.Cmd {
	switch {
	case m.end:
		s.feed = nil
		s.ends = s.c.State == spool.Done || s.c.State == spool.Cancelled
		return nil
	case m.err == nil:
		another := m.piece.State != s.c.State
		if s.c = m.piece; another && s.underWay() {
			return tea.Batch(s.feed.next(), s.flight(a))
		}
	}
	return s.feed.next()
}

func (s *detail) keys(a *app) []binding {
	state := a.t.States[s.c.State]
	only := func(b binding, ok bool) binding {
		if !ok {
			b.off = state
		}
		return b
	}
	st, sealed := s.c.State, !unsealed(s.c)
	keys := []binding{
		{keys: []string{"enter", "l"}, show: "Enter", help: a.t.Ledger, do: func() tea.Cmd { return push(a, newLedger(s.c, outcomes[s.at])) }},
		only(binding{keys: []string{"p"}, help: a.t.Pause, do: func() tea.Cmd { return s.change(a, a.t.Pause, a.t.PauseAsk, a.back.Pause) }},
			st == spool.Running || st == spool.Held && sealed),
		only(binding{keys: []string{"r"}, help: a.t.Resume, do: func() tea.Cmd { return s.change(a, a.t.Resume, a.t.ResumeAsk, a.back.Resume) }},
			st == spool.Paused || st == spool.Held && sealed),
		only(binding{keys: []string{"x"}, help: a.t.Cancel, do: func() tea.Cmd { return s.change(a, a.t.Cancel, a.t.CancelAsk, a.back.Cancel) }},
			st == spool.Running || st == spool.Held || st == spool.Paused || st == spool.Freezing),
		only(binding{keys: []string{"o"}, help: a.t.Report.Title, do: func() tea.Cmd { return push(a, newReport(s.c)) }},
			!s.c.Started.IsZero()),
		{keys: []string{"c"}, help: a.t.Plan.Copy, do: func() tea.Cmd { return s.copied(a) }},
		only(binding{keys: []string{"w"}, help: a.t.Plan.WindowKey, do: func() tea.Cmd {
			return push(a, a.window(s.c, func(a *app, _ campaign.Campaign) tea.Cmd { return s.flight(a) }))
		}}, s.underWay()),
		only(binding{keys: []string{"b"}, help: a.t.Brake.Key, do: func() tea.Cmd {
			return push(a, a.brake(s.c, func(a *app, _ campaign.Campaign) tea.Cmd { return s.flight(a) }))
		}}, s.underWay()),
	}
	if sealed {
		return keys
	}
	return append([]binding{
		{keys: []string{"s"}, help: a.t.Plan.Again, do: func() tea.Cmd { return push(a, newWizardCheck(&draft{c: s.c})) }},
		{keys: []string{"e"}, help: a.t.Template.Edit, do: func() tea.Cmd { return takeUp(a, &draft{c: s.c}) }},
		only(binding{keys: []string{"u"}, help: a.t.Plan.Unschedule, do: func() tea.Cmd { return push(a, s.unschedule(a)) }}, s.c.Schedule != nil),
	}, keys...)
}

// change asks once more, with the number of those it touches.
func (s *detail) change(a *app, head string, question func(string) string, do func(context.Context, uint64) (campaign.Campaign, error)) tea.Cmd {
	n := left(s.c.Counts)
	if s.c.Audience == 0 && s.c.Expect > 0 {
		n = s.c.Expect
	}
	id := s.c.ID
	return push(a, newConfirm(head, []string{safe(s.c.Name), question(comma(n))}, n, a.t.Done, func(ctx context.Context) error {
		_, err := do(ctx, id)
		return err
	}))
}

func (s *detail) count(o spool.Outcome) int64 {
	return [...]int64{
		spool.Pending: s.c.Pending, spool.Sending: s.c.Sending, spool.Accepted: s.c.Accepted,
		spool.Failed: s.c.Failed, spool.Skipped: s.c.Skipped, spool.Unknown: s.c.Unknown,
	}[o]
}

func (s *detail) view(a *app, w, h int) page {
	c := s.c
	lines := []string{
		"",
		" " + sides(a.look.bold.Render(safe(c.Name)), a.state(c), w-2),
		" " + a.look.dim.Render(cut(safe(a.t.MadeOf(c.Template, c.TemplateVersion, orWord(c.Segment, a.t.Everyone))), w-2)),
	}
	lines = append(lines, s.waits(a, w)...)
	count := " " + comma(done(c.Counts)) + "/" + comma(c.Audience) + " " + padLeft(percent(done(c.Counts), c.Audience), 6)
	lines = append(lines, " "+a.look.bar(share(done(c.Counts), c.Audience), w-2-cells(count))+count, "")
	lines = append(lines, s.outcomeLines(a, w)...)
	lines = append(lines, "", " "+s.times(a))
	if skips := s.skips(a); skips != "" {
		lines = append(lines, " "+cut(skips, w-2))
	}
	lines = append(lines, s.feedback(a, w)...)
	return page{lines: append(lines, s.flightLines(a, w, h-len(lines))...)}
}

// feedback is what became of the mails SES took, as far as SES tells: two
// lines, and one on what cannot be known.
func (s *detail) feedback(a *app, w int) []string {
	c, t := s.c, &a.t.Heard
	count := func(word string, n int64) string { return word + " " + comma(n) }
	bad := count(a.t.Bounced, c.Bounced) + "  " + count(a.t.Complained, c.Complained)
	if c.Rejected > 0 {
		bad += "  " + count(a.t.Rejected, c.Rejected)
	}
	good := count(a.t.Delivered, c.Delivered) + " (" + percent(c.Delivered, c.Accepted) + ")  "
	if c.SentTwice > 0 {
		bad += "  " + count(a.t.SentTwice, c.SentTwice)
	}
	if c.Delayed > 0 {
		bad += "  " + count(a.t.Delayed, c.Delayed)
	}
	opens := count(a.t.Opened, c.Opened) + " (" + percent(c.Opened, c.Delivered) + ")  " + count(a.t.Clicked, c.Clicked) + " (" + percent(c.Clicked, c.Delivered) + ")"
	if c.MachineOpened > 0 {
		opens += "  " + count(a.t.MachineOpened, c.MachineOpened)
	}
	none := c.Opened == 0 && c.Clicked == 0 && c.MachineOpened == 0
	switch {
	case s.heard != nil && s.heard.Source == sesclient.SourceNone:
		return []string{" " + a.look.warn.Render(cut(t.None, w-2)), " → " + cut(t.NoneHint, w-4)}
	case s.heard != nil && s.heard.BadNewsOnly && c.Delivered == 0:
		return []string{" " + bad, " " + a.look.dim.Render(cut(t.BadNews, w-2))}
	case none:
		opens = t.NoTracking
	}
	return []string{" " + cut(good+bad, w-2), " " + cut(opens, w-2)}
}

// waits says why it does not send, and what to do.
func (s *detail) waits(a *app, w int) []string {
	what, how := a.stopped(&s.c)
	switch {
	case what != "" && s.c.State == spool.Scheduled:
		return []string{" " + a.look.bold.Render(cut(what, w-2))}
	case what != "":
		lines := []string{}
		for _, l := range wrap(what, w-4) {
			lines = append(lines, "   "+a.look.bad.Render(l))
		}
		lines[0] = " " + a.look.bad.Render("! ") + strings.TrimLeft(lines[0], " ")
		for _, line := range wrap(how, w-4) {
			lines = append(lines, "   "+line)
		}
		return lines[:min(len(lines), waitLines)]
	case s.c.Hold != nil:
		what, hint := a.hold(*s.c.Hold)
		lines := []string{" " + a.look.bad.Render("‖ "+cut(what, w-4))}
		for _, line := range wrap(hint, w-4) {
			lines = append(lines, "   "+line)
		}
		return lines[:min(len(lines), waitLines)]
	case s.c.Reason != "":
		lines := []string{" " + a.look.bad.Render("! "+cut(a.why(s.c.Reason), w-4))}
		if s.c.State == spool.Held {
			lines = append(lines, "   "+cut(a.t.Plan.HeldHow, w-4))
		}
		return lines
	}
	return []string{""}
}

func (s *detail) outcomeLines(a *app, w int) []string {
	var lines []string
	for i, o := range outcomes {
		n := s.count(o)
		word := a.t.Outcomes[o]
		if n > 0 && (o == spool.Failed || o == spool.Unknown) {
			word = "! " + word
		}
		text := row(column{word, 14}, column{comma(n), -10}, column{percent(n, s.c.Audience), -7})
		lines = append(lines, a.look.pickLine(text, i == s.at, 36)+" "+a.look.bar(share(n, s.c.Audience), w-38))
	}
	return lines
}

// times are rate, start and what is left to wait, or when it ended.
func (s *detail) times(a *app) string {
	c := s.c
	switch {
	case c.Started.IsZero():
		return a.t.NotStarted
	case !c.Ended.IsZero():
		return a.t.Ran(a.moment(c.Started), a.moment(c.Ended), a.t.Duration(c.Ended.Sub(c.Started)))
	case c.ETA.IsZero():
		return a.t.RunsSince(rate(c.PerSecond), a.moment(c.Started))
	}
	rest := max(0, c.ETA.Sub(a.now()).Round(time.Second))
	return a.t.RunsSince(rate(c.PerSecond), a.moment(c.Started)) + ", " + a.t.RunsTill(a.moment(c.ETA), a.t.Duration(rest))
}

// skips names why people were skipped, by count.
func (s *detail) skips(a *app) string {
	if text := a.skipped(s.c.Skips); text != "" {
		return a.t.SkippedBy + " " + text
	}
	return ""
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}
