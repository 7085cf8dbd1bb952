package tui

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// oldAlert is when the oldest waiting mail breaks the five-minute promise.
const oldAlert = 300 * time.Second

// rateSamples is how many seconds of the rate the sparkline remembers.
const rateSamples = 60

// home shows how the daemon does: rate, quota, spool, holds, last events.
type home struct {
	now   homeMsg
	have  bool
	busy  bool
	rates []float64
	holds list
}

// homeMsg is one look at the daemon.
type homeMsg struct {
	spool  spool.Status
	ses    sesclient.Status
	sync   *syncer.Status
	heard  *sesclient.FeedbackStatus
	events []spool.Event
	err    error
}

func (s *home) title(a *app) string { return a.t.Tabs[tabHome] }

func (s *home) start(a *app) tea.Cmd { return s.load(a) }

func (s *home) load(a *app) tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy = true
	return call(a, callTimeout, func(ctx context.Context) (m homeMsg, err error) {
		if m.spool, err = a.back.SpoolStatus(ctx); err != nil {
			return m, err
		}
		if m.ses, err = a.back.SESStatus(ctx); err != nil {
			return m, err
		}
		if m.sync, err = a.back.SyncStatus(ctx); err != nil {
			return m, err
		}
		if m.heard, err = a.back.FeedbackStatus(ctx); err != nil {
			return m, err
		}
		m.events, err = a.back.Events(ctx)
		return m, err
	}, func(m homeMsg, err error) tea.Msg {
		m.err = err
		return m
	})
}

func (s *home) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		return s.load(a)
	case homeMsg:
		s.busy = false
		if msg.err != nil {
			return nil
		}
		slices.SortStableFunc(msg.events, func(x, y spool.Event) int { return y.At.Compare(x.At) })
		s.now, s.have = msg, true
		s.rates = append(s.rates, msg.spool.PerSecond)
		s.rates = s.rates[max(0, len(s.rates)-rateSamples):]
	case tea.KeyPressMsg:
		s.holds.move(keyName(msg), len(s.now.spool.Held))
	}
	return nil
}

func (s *home) keys(a *app) []binding {
	release := binding{keys: []string{"r"}, help: a.t.Release, do: func() tea.Cmd { return s.release(a) }}
	if len(s.now.spool.Held) == 0 {
		release.off = a.t.NoHolds
	}
	return []binding{
		{keys: []string{"n"}, help: a.t.NewCampaign, do: func() tea.Cmd { return push(a, newWizard()) }},
		{keys: []string{"c"}, help: a.t.Tabs[tabCampaigns], do: func() tea.Cmd {
			return show(a, "", tabCampaigns)
		}},
		release,
	}
}

// release asks before mail goes again.
func (s *home) release(a *app) tea.Cmd {
	return push(a, newRelease(a, s.now.spool, s.now.spool.Held[min(s.holds.at, len(s.now.spool.Held)-1)]))
}

func (s *home) view(a *app, w, h int) page {
	if !s.have {
		return page{lines: []string{"", "  " + a.t.Loading}}
	}
	var lines []string
	if w >= 76 {
		half := w / 2
		lines = beside(a.look.panel(a.t.Sending, s.sending(a, half-4), half),
			a.look.panel(a.t.Spool, s.lanes(a, w-half-4), w-half))
	} else {
		lines = append(a.look.panel(a.t.Sending, s.sending(a, w-4), w), a.look.panel(a.t.Spool, s.lanes(a, w-4), w)...)
	}
	lines = append(lines, s.diskLines(a, w)...)
	lines = append(lines, s.syncLines(a, w)...)
	lines = append(lines, a.feedbackLines(s.now.heard, w)...)
	lines = append(lines, s.holdLines(a, w, max(2, (h-len(lines))/2))...)
	return page{lines: append(lines, s.eventLines(a, w, h-len(lines))...)}
}

// sending is four lines: rate, its last minute, quota, pace.
func (s *home) sending(a *app, w int) []string {
	sp, ses := s.now.spool, s.now.ses
	used, quota := int64(ses.Sent24h), int64(ses.Quota24h)
	gauge := a.t.Unlimited(comma(used))
	switch {
	case ses.CheckedAt.IsZero():
		gauge = "-"
	case quota >= 0:
		text := " " + comma(used) + "/" + comma(quota)
		gauge = a.look.bar(share(used, quota), max(4, w-10-cells(text))) + text
	}
	account := a.t.Aim(rate(ses.Aim), rate(ses.Rate))
	switch {
	case ses.Error != "":
		account = a.look.warn.Render("! " + cut(safe(ses.Error), w-12))
	case !ses.SendingEnabled:
		account = a.look.bad.Render("! " + a.t.SendingOff)
	case ses.Sandbox:
		account = a.look.warn.Render("! "+a.t.Sandbox) + ", " + a.t.AimOnly(rate(ses.Aim))
	}
	return []string{
		pad(a.t.RateNow, 9) + " " + a.look.bold.Render(rate(sp.PerSecond)+a.t.PerSecond),
		pad(a.t.LastMinute, 9) + " " + a.look.spark(s.rates, min(rateSamples, w-10)),
		pad(a.t.Quota, 9) + " " + gauge,
		pad("SES", 9) + " " + account,
	}
}

// lanes is four lines: the spool by lane, and the oldest waiting mail.
func (s *home) lanes(a *app, w int) []string {
	sp := s.now.spool
	head := row(column{"", w - 18}, column{a.t.Outcomes[spool.Pending], -8}, column{a.t.Outcomes[spool.Sending], -8})
	lines := []string{a.look.dim.Render(head)}
	for _, lane := range []spool.Lane{spool.Transactional, spool.Bulk} {
		c := sp.Lanes[lane.String()]
		lines = append(lines, row(column{a.t.Lanes[lane], w - 18}, column{comma(c.Pending), -8}, column{comma(c.Sending), -8}))
	}
	age := time.Duration(sp.OldestSeconds) * time.Second
	oldest := a.t.Oldest + " " + a.t.Duration(age)
	if age > oldAlert {
		oldest = a.look.bad.Render("! " + oldest + " (" + a.t.TooOld + ")")
	}
	return append(lines, oldest)
}

// diskLines are two lines while the disk is nearly full: what, and what to do.
func (s *home) diskLines(a *app, w int) []string {
	d := s.now.spool.Store
	what, hint := a.t.DiskFull(size(d.FreeBytes), size(d.ReserveBytes)), a.t.DiskHint
	switch {
	case d.NearlyFull:
	case d.NoCampaigns:
		what, hint = a.t.DiskUnused, a.t.CompactHint
	default:
		return nil
	}
	return []string{"  " + a.look.bad.Render("! "+cut(what, w-4)), "    " + cut(hint, w-4)}
}

// syncLines is one line on the table of customers, two where it fails.
func (s *home) syncLines(a *app, w int) []string {
	st := s.now.sync
	if st == nil {
		return nil
	}
	text := a.t.InStep(a.moment(st.LastGood))
	if st.LastGood.IsZero() {
		text = a.t.NeverInStep
	}
	if st.State == "reading" && st.Total > 0 {
		text = a.look.bar(share(st.Done, st.Total), 16) + " " + comma(st.Done) + "/" + comma(st.Total)
	}
	line := "  " + a.t.Sources[audience.MySQL] + ": " + text
	if st.Error == "" {
		return []string{cut(line, w)}
	}
	what, how, _ := a.trouble(st)
	return append([]string{cut(line, w)}, a.alert(what, how, w)...)
}

// feedbackLines is one line on what SES says of mails it took; two more where
// nothing comes, with what to do.
func (a *app) feedbackLines(f *sesclient.FeedbackStatus, w int) []string {
	if f == nil {
		return nil
	}
	lines := []string{cut("  "+a.t.Heard.Label+": "+a.heardFrom(f), w)}
	switch {
	case f.Error != "":
		lines = append(lines, a.alert(f.Error, f.Hint, w)...)
	case f.Source == sesclient.SourceNone:
		lines = append(lines, "    → "+cut(a.t.Heard.NoneHint, w-6))
	}
	return lines
}

// alert is what is wrong and what to do, two lines each at most.
func (a *app) alert(what, hint string, w int) []string {
	var lines []string
	for i, l := range wrap(safe(what), w-6) {
		if i < 2 {
			lines = append(lines, "    "+a.look.bad.Render([]string{"! ", "  "}[i]+l))
		}
	}
	for i, l := range wrap(safe(hint), w-6) {
		if i < 2 && hint != "" {
			lines = append(lines, "    "+[]string{"→ ", "  "}[i]+l)
		}
	}
	return lines
}

// heardFrom is where word of mails comes from, and what therefore is not known.
func (a *app) heardFrom(f *sesclient.FeedbackStatus) string {
	switch {
	case f.Source == sesclient.SourceNone:
		return a.look.warn.Render(a.t.Heard.None)
	case f.BadNewsOnly:
		return a.t.Heard.BadNews
	case f.LastEvent.IsZero():
		return a.t.Heard.Waiting
	}
	return a.t.Heard.Last(a.moment(f.LastEvent))
}

// holdLines are the holds, two lines each: what and why, then what to do.
func (s *home) holdLines(a *app, w, h int) []string {
	held := s.now.spool.Held
	if len(held) == 0 {
		return nil
	}
	lines := []string{a.look.rule(a.t.Holds(len(held)), w)}
	from, to := s.holds.window(len(held), max(1, (h-1)/2))
	for i := from; i < to; i++ {
		what, hint := a.hold(held[i])
		lines = append(lines, a.look.pickLine(a.look.bad.Render("‖")+" "+what, len(held) > 1 && i == s.holds.at, w), "    "+cut(hint, w-4))
	}
	return lines
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
	hint = a.t.Since(a.moment(h.Since)) + " " + safe(hint)
	if !h.Until.IsZero() {
		hint = a.t.Until(a.moment(h.Until)) + " " + hint
	}
	return what, hint
}

// scope is a hold's scope in words.
func (a *app) scope(s spool.Scope) string {
	switch s {
	case spool.ScopeAll:
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

// eventLines are the last events, the newest first.
func (s *home) eventLines(a *app, w, h int) []string {
	if h < 2 {
		return nil
	}
	lines := []string{a.look.rule(a.t.LastEvents, w)}
	if len(s.now.events) == 0 {
		return append(lines, "  "+a.look.dim.Render(a.t.NoEvents))
	}
	for _, e := range s.now.events[:min(len(s.now.events), max(0, h-1))] {
		kind := a.t.Events[e.Kind]
		if kind == "" {
			kind = safe(e.Kind)
		}
		lines = append(lines, "  "+row(column{a.clock(e.At), 8}, column{kind, 10}, column{a.scope(spool.Scope(e.ID)), 12}, column{a.reason(e.Text), w - 35}))
	}
	return lines
}
