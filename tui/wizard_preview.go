package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/campaign"
)

// previewPeople is how many subscribers one can step through at a time; the
// search brings others.
const previewPeople = 50

// wizardPreview is step 4: the letter as a chosen subscriber would get it.
type wizardPreview struct {
	d      *draft
	people []audience.Subscriber
	found  bool // people is the answer to the search
	at     int
	letter campaign.Letter
	shown  string // whose letter it is, "" for nobody's yet
	why    string
	asked  int
	filter filter
	scroll scroll
	lines  int
}

type (
	peopleMsg struct {
		of     *wizardPreview
		asked  int
		people []audience.Subscriber
		err    error
	}
	letterMsg struct {
		of     *wizardPreview
		email  string
		letter campaign.Letter
		err    error
	}
)

func newWizardPreview(d *draft) *wizardPreview { return &wizardPreview{d: d} }

func (s *wizardPreview) title(a *app) string  { return a.t.NewCampaign }
func (s *wizardPreview) step() int            { return 4 }
func (s *wizardPreview) typing() bool         { return s.filter.on }
func (s *wizardPreview) start(a *app) tea.Cmd { return s.search(a) }

// search asks for subscribers of the audience whose address or name begins so.
func (s *wizardPreview) search(a *app) tea.Cmd {
	s.asked++
	s.found = false
	prefix, segment, asked := s.filter.field.value(), s.d.c.Segment, s.asked
	return call(a, callTimeout, func(ctx context.Context) ([]audience.Subscriber, error) {
		return a.back.Subscribers(ctx, prefix, segment, previewPeople)
	}, func(people []audience.Subscriber, err error) tea.Msg { return peopleMsg{s, asked, people, err} })
}

// read asks for the letter of the one chosen.
func (s *wizardPreview) read(a *app) tea.Cmd {
	if len(s.people) == 0 {
		s.shown, s.why = "", ""
		return nil
	}
	id, email := s.d.c.ID, s.people[s.at].Email
	return call(a, callTimeout, func(ctx context.Context) (campaign.Letter, error) {
		return a.back.Preview(ctx, id, email)
	}, func(l campaign.Letter, err error) tea.Msg { return letterMsg{s, email, l, err} })
}

func (s *wizardPreview) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.found {
			return s.search(a)
		}
	case peopleMsg:
		return s.takePeople(a, msg)
	case letterMsg:
		s.takeLetter(a, msg)
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

func (s *wizardPreview) takePeople(a *app, m peopleMsg) tea.Cmd {
	if m.of != s || m.asked != s.asked {
		return nil
	}
	if m.err != nil {
		if !offline(m.err) {
			s.found, s.why = true, a.problem(m.err)
		}
		return nil
	}
	s.people, s.at, s.found = m.people, 0, true
	return s.read(a)
}

func (s *wizardPreview) takeLetter(a *app, m letterMsg) {
	if m.of != s || len(s.people) == 0 || m.email != s.people[s.at].Email {
		return
	}
	s.scroll = scroll{}
	s.letter, s.shown, s.why = m.letter, m.email, ""
	if m.err != nil {
		s.shown, s.why = "", a.problem(m.err)
	}
}

func (s *wizardPreview) keys(a *app) []binding {
	filter := s.filter.keys(a, func() tea.Cmd { return s.search(a) })
	if s.filter.on {
		return filter
	}
	filter[0].help = a.t.Search
	turn := func(by int) func() tea.Cmd {
		return func() tea.Cmd {
			s.at = (s.at + by + len(s.people)) % len(s.people)
			return s.read(a)
		}
	}
	off := ""
	if len(s.people) < 2 {
		off = a.t.NobodyElse
	}
	test := binding{keys: []string{"t"}, help: a.t.TestSend, do: func() tea.Cmd {
		return push(a, &testSend{d: s.d, as: s.people[s.at].Email})
	}}
	if s.shown == "" {
		test.off = a.t.NothingHere
	}
	return append([]binding{
		{keys: []string{"enter"}, show: "Enter", help: a.t.Next, do: func() tea.Cmd { return push(a, newWizardCheck(s.d)) }},
		{keys: []string{"n"}, help: a.t.NextPerson, off: off, do: turn(1)},
		{keys: []string{"p"}, help: a.t.PrevPerson, off: off, do: turn(-1)},
		test,
	}, filter...)
}

func (s *wizardPreview) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChoosePreview)}}
	if line, x := s.filter.line(a, w); line != "" {
		if x >= 0 {
			p.cursor = &tea.Position{X: x, Y: 1}
		}
		p.lines = append(p.lines, line)
	}
	switch {
	case s.why != "":
		p.lines = append(p.lines, a.alarm(s.why, w)...)
		return p
	case s.found && len(s.people) == 0:
		p.lines = append(p.lines, "", "  "+a.t.NobodyFound)
		return p
	case s.shown == "":
		p.lines = append(p.lines, "", "  "+a.t.Loading)
		return p
	}
	p.lines = append(p.lines, s.envelope(a, w)...)
	text := wrapText(s.letter.Text, w-4)
	s.lines = len(text)
	for _, l := range s.scroll.window(text, h-len(p.lines)) {
		p.lines = append(p.lines, "  "+l)
	}
	return p
}

// envelope is the letter's head and what is missing in it.
func (s *wizardPreview) envelope(a *app, w int) []string {
	l := s.letter
	who := orWord(safe(s.people[s.at].Name), "-") + "  " + comma(int64(s.at+1)) + "/" + comma(int64(len(s.people)))
	lines := []string{
		"  " + sides(pad(a.t.From, 8)+" "+safe(l.From), size(l.Bytes), w-4),
		"  " + sides(pad(a.t.To, 8)+" "+safe(l.To), who, w-4),
		"  " + cut(pad(a.t.Subject, 8)+" "+a.look.bold.Render(safe(l.Subject)), w-4),
	}
	if len(l.Missing) > 0 {
		missing := ""
		for _, m := range l.Missing {
			missing += " " + safe(m)
		}
		lines = append(lines, "  "+a.look.bad.Render(cut("! "+a.t.Missing+missing, w-4)))
	}
	return append(lines, a.look.line.Render(line(w)))
}
