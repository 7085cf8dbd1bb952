package tui

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

const (
	// subscriberRows bounds how many subscribers the list keeps without a search.
	subscriberRows = 200
	// firstHits is how many of a search come at once: those that begin so.
	firstHits = 20
	// searchRows bounds the hits of a search, those in the middle of a word too.
	searchRows = 1000
	// streamDelay is how long typing rests before all of the audience is looked
	// through.
	streamDelay = 300 * time.Millisecond
)

// subscribers is the audience, found by letters of an address or name: those
// that begin so at once, the others as they are found.
type subscribers struct {
	shown[[]audience.Subscriber]

	typed  int                   // letters so far
	flow   *flow[audience.Found] // looks through all of the audience; nil: does not
	done   int64                 // how far it is
	total  int64
	more   bool // there are more hits than the list keeps
	list   list
	filter filter
}

func (s *subscribers) title(a *app) string { return a.t.Tabs[tabSubscribers] }
func (s *subscribers) typing() bool        { return s.filter.on }

func (s *subscribers) leave() {
	s.shown.leave()
	s.flow.stop()
}

// text is what is searched for.
func (s *subscribers) text() string { return strings.TrimSpace(s.filter.field.value()) }

// start asks for those that begin so.
func (s *subscribers) start(a *app) tea.Cmd {
	s.flow.stop()
	s.flow = nil
	text, limit := s.text(), firstHits
	if text == "" {
		limit = subscriberRows
	}
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) ([]audience.Subscriber, error) {
		return a.back.Subscribers(ctx, text, "", limit+1) // one more says that there are more
	})
}

func (s *subscribers) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() {
			return s.start(a)
		}
	case doneMsg, uncoveredMsg: // somebody was changed, is gone, or was imported
		return s.start(a)
	case answer[[]audience.Subscriber]:
		if s.take(a, msg) {
			return s.first(a, msg.err)
		}
	case searchRest:
		if msg.of == s && msg.n == s.typed && s.text() != "" {
			return s.stream(a)
		}
	case flowMsg[audience.Found]:
		if msg.of == s.flow {
			return s.found(msg)
		}
	case tea.PasteMsg:
		return s.letters(a, msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			return s.letters(a, msg)
		}
		s.list.move(keyName(msg), len(s.now))
	}
	return nil
}

// first follows the first hits: the rest of the audience is looked through
// when typing rests.
func (s *subscribers) first(a *app, err error) tea.Cmd {
	if err != nil {
		return nil
	}
	if s.more = s.text() == "" && len(s.now) > subscriberRows; s.more {
		s.now = s.now[:subscriberRows]
	}
	if s.text() == "" {
		return nil
	}
	return a.after(streamDelay, searchRest{s, s.typed})
}

func (s *subscribers) stream(a *app) tea.Cmd {
	text := s.text()
	s.flow.stop()
	s.done, s.total = 0, 0
	s.flow = openFlow(a, func(ctx context.Context) iter.Seq2[audience.Found, error] { return a.back.SearchAll(ctx, text) })
	return s.flow.next()
}

// found adds a hit that is not there yet.
func (s *subscribers) found(m flowMsg[audience.Found]) tea.Cmd {
	if m.end || m.err != nil {
		s.flow = nil
		return nil
	}
	s.done, s.total = m.piece.Done, m.piece.Total
	hit := m.piece.Subscriber
	known := func(p audience.Subscriber) bool { return p.ID == hit.ID }
	switch {
	case hit == nil:
	case len(s.now) >= searchRows:
		s.more = true
		s.flow.stop()
		s.flow = nil
		return nil
	case !slices.ContainsFunc(s.now[:min(len(s.now), firstHits)], known): // only the first came otherwise
		s.now = append(s.now, *hit)
	}
	return s.flow.next()
}

// letters searches with every letter.
func (s *subscribers) letters(a *app, msg tea.Msg) tea.Cmd {
	if !s.filter.update(msg) {
		return nil
	}
	s.typed++
	s.list = list{}
	return s.start(a)
}

func (s *subscribers) keys(a *app) []binding {
	keys := s.filter.keys(a, func() tea.Cmd {
		if s.text() != "" {
			return nil // searched already
		}
		return s.start(a)
	})
	if s.filter.on {
		return keys
	}
	keys[0].help = a.t.Search
	open, traced := binding{keys: []string{"enter"}, show: "Enter", help: a.t.Open, do: func() tea.Cmd {
		return push(a, newPerson(s.now[min(s.list.at, len(s.now)-1)].Email))
	}}, ""
	if len(s.now) == 0 {
		open.off = a.t.NothingHere
	} else {
		traced = s.now[min(s.list.at, len(s.now)-1)].Email
	}
	keys = append([]binding{open}, keys...)
	return append(keys,
		binding{keys: []string{"i"}, help: a.t.Import.Key, do: func() tea.Cmd { return push(a, newInbox(forSubscribers)) }},
		binding{keys: []string{"s"}, help: a.t.Segment, do: func() tea.Cmd { return push(a, newBuilder(a, &draft{}, false)) }},
		a.traceKey(traced, a.t.NothingHere))
}

func (s *subscribers) view(a *app, w, h int) page {
	p := page{}
	if line, x := s.filter.line(a, w); line != "" {
		if p.lines = append(p.lines, line); x >= 0 {
			p.cursor = &tea.Position{X: x}
		}
	}
	none := a.t.NobodyFound
	switch {
	case s.text() == "":
		none = a.t.NobodyYet
	case s.flow != nil:
		none = a.t.Searching(percent(s.done, s.total))
	}
	if lines := a.instead(s.why, s.have, len(s.now) == 0, none, w); lines != nil {
		p.lines = append(p.lines, lines...)
		return p
	}
	email := max(24, (w-28)/2)
	tags := max(0, w-2-email-14-6-10-4) // none in a narrow window
	p.lines = append(p.lines, a.look.dim.Render("  "+row(column{a.t.Email, email}, column{a.t.Name, 14}, column{a.t.Gender, 6}, column{a.t.Consent, 10}, column{a.t.Tags, tags})))
	const below = 4
	from, to := s.list.window(len(s.now), h-len(p.lines)-below)
	for i := from; i < to; i++ {
		sub := s.now[i]
		p.lines = append(p.lines, a.look.pickLine(row(column{safe(sub.Email), email}, column{safe(sub.Name), 14}, column{a.gender(sub.Gender), 6},
			column{a.consent(sub.Consent), 10}, column{safe(strings.Join(sub.Tags, " ")), tags}), i == s.list.at, w))
	}
	p.lines = append(fill(p.lines, h-below), s.one(a, w)...)
	return p
}

// one is the selected subscriber in full.
func (s *subscribers) one(a *app, w int) []string {
	sub := s.now[min(s.list.at, len(s.now)-1)]
	attributes := ""
	for _, k := range sortedKeys(sub.Attributes) {
		attributes += safe(k) + "=" + safe(sub.Attributes[k]) + "  "
	}
	count := a.t.Rows(comma(int64(len(s.now))))
	switch {
	case s.more:
		count = a.t.FirstRows(comma(int64(len(s.now))))
	case s.flow != nil:
		count += ", " + a.t.Searching(percent(s.done, s.total))
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
	switch {
	case c.Subscribed:
		return a.t.ConsentYes
	case c.Source != "" && c.Unsaid():
		return "– " + a.t.ConsentNone
	}
	return "× " + a.t.ConsentNo
}

func (a *app) gender(g string) string { return orWord(a.t.Genders[g], safe(g)) }
