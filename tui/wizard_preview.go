package tui

import (
	"context"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/campaign"
)

// previewPeople is how many of those a search found one can step through.
const previewPeople = 50

// wizardPreview is step 4: the letter as somebody of the audience would get it.
// One steps through the whole audience, or through those a search found.
type wizardPreview struct {
	d      *draft
	letter shown[campaign.Letter]
	place  int64                 // of whose letter is shown among all who are mailed, from 1; 0: not known
	next   int64                 // place of the one asked for
	people []audience.Subscriber // found by the search; nil: the whole audience is stepped through
	at     int
	found  turn
	none   bool // the search found nobody
	filter filter
	scroll scroll
	lines  int
}

func newWizardPreview(d *draft) *wizardPreview { return &wizardPreview{d: d} }

func (s *wizardPreview) title(a *app) string { return a.t.NewCampaign }
func (s *wizardPreview) step() int           { return 4 }
func (s *wizardPreview) typing() bool        { return s.filter.on }

func (s *wizardPreview) start(a *app) tea.Cmd { return s.read(a, campaign.Whom{}, 1) }

func (s *wizardPreview) leave() {
	s.letter.leave()
	s.found.stop()
}

// read asks for the letter of one person.
func (s *wizardPreview) read(a *app, whom campaign.Whom, place int64) tea.Cmd {
	id := s.d.c.ID
	s.next = place
	return askTurn(a, &s.letter.turn, callTimeout, func(ctx context.Context) (campaign.Letter, error) {
		return a.back.PreviewAs(ctx, id, whom)
	})
}

// search asks for those of the audience whose address or name begins so; digits
// alone are somebody's place.
func (s *wizardPreview) search(a *app) tea.Cmd {
	typed := strings.TrimSpace(s.filter.field.value())
	s.found.stop()
	s.people, s.at, s.none = nil, 0, false
	if typed == "" {
		return s.start(a)
	}
	if n, err := strconv.ParseInt(typed, 10, 64); err == nil && n > 0 {
		return s.read(a, campaign.Whom{Nth: n}, n)
	}
	segment := s.d.c.Segment
	return askTurn(a, &s.found, callTimeout, func(ctx context.Context) ([]audience.Subscriber, error) {
		return a.back.Subscribers(ctx, typed, segment, previewPeople)
	})
}

func (s *wizardPreview) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.letter.lost() && s.letter.why == "" && !s.found.busy && !s.none {
			return s.search(a)
		}
	case answer[[]audience.Subscriber]:
		return s.takePeople(a, msg)
	case answer[campaign.Letter]:
		return s.takeLetter(a, msg)
	case tea.PasteMsg:
		s.filter.update(msg)
	case tea.KeyPressMsg:
		if s.filter.on {
			s.filter.update(msg)
			return nil
		}
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *wizardPreview) takePeople(a *app, m answer[[]audience.Subscriber]) tea.Cmd {
	if !m.mine(&s.found) || m.err != nil {
		return nil
	}
	s.people = m.v
	if s.none = len(m.v) == 0; s.none {
		s.people = nil
		return nil
	}
	return s.read(a, campaign.Whom{Email: s.people[0].Email}, 0)
}

// takeLetter shows a letter; past the last of the audience the one before stays.
func (s *wizardPreview) takeLetter(a *app, m answer[campaign.Letter]) tea.Cmd {
	had := s.letter.have
	if !s.letter.take(a, m) {
		return nil
	}
	if m.err == nil {
		s.scroll, s.place = scroll{}, s.next
		return nil
	}
	if why := s.letter.why; had && why != "" {
		s.letter.why = ""
		return func() tea.Msg { return flashMsg{why, true} }
	}
	return nil
}

// turn goes to another person.
func (s *wizardPreview) turn(a *app, by int) tea.Cmd {
	if n := len(s.people); n > 0 {
		s.at = (s.at + by + n) % n
		return s.read(a, campaign.Whom{Email: s.people[s.at].Email}, 0)
	}
	place := s.place
	if place > 0 {
		place += int64(by)
	}
	if by < 0 {
		return s.read(a, campaign.Whom{Before: s.letter.now.Subscriber}, place)
	}
	return s.read(a, campaign.Whom{After: s.letter.now.Subscriber}, place)
}

func (s *wizardPreview) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return s.search(a) })
	if s.filter.on {
		return filter
	}
	filter[0].help = a.t.Search
	only := func(b binding) binding {
		switch {
		case !s.letter.have, s.none:
			b.off = a.t.NothingHere
		case s.letter.turn.busy:
			b.off = a.t.Working
		}
		return b
	}
	prev := only(binding{keys: []string{"p"}, help: a.t.PrevPerson, do: func() tea.Cmd { return s.turn(a, -1) }})
	if s.letter.have && (s.place == 1 || len(s.people) == 1) {
		prev.off = a.t.NobodyElse
	}
	next := only(binding{keys: []string{"n"}, help: a.t.NextPerson, do: func() tea.Cmd { return s.turn(a, 1) }})
	if len(s.people) == 1 {
		next.off = a.t.NobodyElse
	}
	keys := append([]binding{
		{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return push(a, newWizardCheck(s.d)) }},
		next,
		only(binding{keys: []string{"t"}, help: a.t.TestSend, do: func() tea.Cmd { return push(a, &testSend{d: s.d, as: s.letter.now.Email}) }}),
		only(binding{keys: []string{"l"}, help: a.t.Letter.Link, do: func() tea.Cmd { return push(a, s.link(a)) }}),
	}, filter...)
	return append(keys, prev)
}

// link is the screen with an address that shows this letter in a browser.
func (s *wizardPreview) link(a *app) screen {
	id, email := s.d.c.ID, s.letter.now.Email
	return &linkShown{head: a.t.Letter.LinkHead, text: a.t.Letter.LinkText(safe(email)), ask: func(ctx context.Context) (campaign.Link, error) {
		return a.back.PreviewLink(ctx, id, campaign.Whom{Email: email})
	}}
}

func (s *wizardPreview) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChoosePreview)}}
	if line, x := s.filter.line(a, w); line != "" {
		if x >= 0 {
			p.cursor = &tea.Position{X: x, Y: 1}
		}
		p.lines = append(p.lines, line)
		if s.filter.on {
			p.lines = append(p.lines, "   "+a.look.dim.Render(a.t.Letter.SearchHint))
		}
	}
	if s.none {
		p.lines = append(p.lines, "", "  "+a.t.NobodyFound)
		return p
	}
	if lines := a.instead(s.letter.why, s.letter.have, false, "", w); lines != nil {
		p.lines = append(p.lines, lines...)
		return p
	}
	p.lines = append(p.lines, s.envelope(a, w)...)
	text := wrapText(s.letter.now.Text, w-4)
	s.lines = len(text)
	for _, l := range s.scroll.window(text, h-len(p.lines)) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}

// envelope is the letter's head and what is wrong with it.
func (s *wizardPreview) envelope(a *app, w int) []string {
	l := &s.letter.now
	label := max(cells(a.t.From), cells(a.t.To), cells(a.t.Subject), cells(a.t.Letter.Files)) + 2
	line := func(name, text, right string) string { return "  " + sides(pad(name, label)+text, right, w-4) }
	lines := []string{
		line(a.t.From, safe(l.From), "  "+size(l.Bytes)),
		line(a.t.To, safe(l.To), "  "+s.where(a)),
		line(a.t.Subject, a.look.bold.Render(cut(safe(l.Subject), w-4-label)), ""),
	}
	if files := attached(s.d.c.Attachments); files != "" {
		lines = append(lines, line(a.t.Letter.Files, files, ""))
	}
	if len(l.Missing) > 0 {
		missing := ""
		for _, m := range l.Missing {
			missing += " " + safe(m)
		}
		lines = append(lines, "  "+a.look.bad.Render(cut("! "+a.t.Missing+missing, w-4)))
	}
	if l.Skip != "" {
		lines = append(lines, "  "+a.look.warn.Render(cut("! "+a.t.Letter.NotMailed(a.reason(l.Skip)), w-4)))
	}
	return append(lines, a.look.line.Render(strings.Repeat("─", w)))
}

// where is whose letter this is among the others.
func (s *wizardPreview) where(a *app) string {
	of := s.d.count.Mailable
	place := s.place
	if len(s.people) > 0 {
		place, of = int64(s.at+1), int64(len(s.people))
	}
	switch {
	case place == 0:
		return ""
	case of == 0:
		return comma(place)
	}
	return comma(place) + "/" + comma(of)
}

// attached names files and their sizes.
func attached(files []campaign.Attachment) string {
	var names []string
	for _, f := range files {
		names = append(names, safe(f.Name)+" ("+size(f.Bytes)+")")
	}
	return strings.Join(names, ", ")
}
