package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// subscriberRows bounds how many subscribers the list keeps.
const subscriberRows = 200

// subscribers is the audience, found by the beginning of an address or name.
type subscribers struct {
	people []audience.Subscriber
	have   bool
	asked  int
	why    string
	list   list
	filter filter
}

type subscribersMsg struct {
	of     *subscribers
	asked  int
	people []audience.Subscriber
	err    error
}

func (s *subscribers) title(a *app) string { return a.t.Tabs[tabSubscribers] }
func (s *subscribers) typing() bool        { return s.filter.on }

func (s *subscribers) start(a *app) tea.Cmd {
	s.asked++
	prefix, asked := s.filter.field.value(), s.asked
	return call(a, callTimeout, func(ctx context.Context) ([]audience.Subscriber, error) {
		return a.back.Subscribers(ctx, prefix, "", subscriberRows)
	}, func(people []audience.Subscriber, err error) tea.Msg { return subscribersMsg{s, asked, people, err} })
}

func (s *subscribers) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.have {
			return s.start(a)
		}
	case subscribersMsg:
		if msg.of != s || msg.asked != s.asked {
			return nil
		}
		if s.why = ""; msg.err != nil {
			s.why = problem(msg.err)
			return nil
		}
		s.people, s.have = msg.people, true
	case tea.PasteMsg:
		return s.typed(a, msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			return s.typed(a, msg)
		}
		s.list.move(keyName(msg), len(s.people))
	}
	return nil
}

// typed searches with every letter; the daemon stops at the first 200.
func (s *subscribers) typed(a *app, msg tea.Msg) tea.Cmd {
	if s.filter.update(msg) {
		s.list = list{}
		return s.start(a)
	}
	return nil
}

func (s *subscribers) keys(a *app) []binding {
	keys := s.filter.keys(a, func() tea.Cmd { return s.start(a) })
	if s.filter.on {
		return keys
	}
	keys[0].help = a.t.Search
	open := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Open, do: func() tea.Cmd {
		return push(a, newPerson(s.people[min(s.list.at, len(s.people)-1)].Email))
	}}
	if len(s.people) == 0 {
		open.off = a.t.NothingHere
	}
	return append([]binding{open}, keys...)
}

func (s *subscribers) view(a *app, w, h int) page {
	p := page{}
	if line, x := s.filter.line(a, w); line != "" {
		if p.lines = append(p.lines, line); x >= 0 {
			p.cursor = &tea.Position{X: x}
		}
	}
	switch {
	case s.why != "":
		p.lines = append(p.lines, "", "  "+a.look.bad.Render(cut("! "+s.why, w-4)))
		return p
	case !s.have:
		p.lines = append(p.lines, "", "  "+a.t.Loading)
		return p
	case len(s.people) == 0:
		p.lines = append(p.lines, "", "  "+a.t.NobodyFound)
		return p
	}
	email := (w - 28) / 2
	tags := w - 2 - email - 14 - 6 - 10 - 4
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Email, email}, column{a.t.Name, 14}, column{a.t.Gender, 6}, column{a.t.Consent, 10}, column{a.t.Tags, tags})))
	const below = 4
	from, to := s.list.window(len(s.people), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		sub := s.people[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{safe(sub.Email), email}, column{safe(sub.Name), 14}, column{a.gender(sub.Gender), 6},
			column{a.consent(sub.Consent), 10}, column{safe(strings.Join(sub.Tags, " ")), tags}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.one(a, w)...)
	return p
}

// one is the selected subscriber in full.
func (s *subscribers) one(a *app, w int) []string {
	sub := s.people[min(s.list.at, len(s.people)-1)]
	attributes := ""
	for _, k := range sortedKeys(sub.Attributes) {
		attributes += safe(k) + "=" + safe(sub.Attributes[k]) + "  "
	}
	count := a.t.Rows(comma(int64(len(s.people))))
	if len(s.people) == subscriberRows {
		count = a.t.FirstRows(comma(subscriberRows))
	}
	return []string{
		a.look.rule(safe(sub.Email), w),
		"  " + cut(a.consent(sub.Consent)+" ("+orWord(a.t.Sources[sub.Consent.Source], safe(string(sub.Consent.Source)))+", "+a.moment(sub.Consent.At)+")  "+
			a.t.Made+" "+a.moment(sub.CreatedAt), w-4),
		"  " + cut(attributes, w-4),
		"  " + a.look.dim.Render(count),
	}
}

func (a *app) consent(c audience.Consent) string {
	if c.Subscribed {
		return a.t.ConsentYes
	}
	return "× " + a.t.ConsentNo
}

func (a *app) gender(g string) string { return orWord(a.t.Genders[g], safe(g)) }
