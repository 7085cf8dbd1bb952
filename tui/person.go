package tui

import (
	"context"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/spool"
)

// receivedRows bounds how many mails of one person are kept.
const receivedRows = 200

// person is one subscriber: record, consent and history, preferences, and what
// became of the mail they got.
type person struct {
	shown[personMsg]

	erasing screen // the question before they are erased
	email   string
	scroll  scroll
	lines   int
}

type personMsg struct {
	Person
	topics []audience.Topic
	mails  []spool.Message // the newest first
	names  map[uint64]string
	more   bool
}

func newPerson(email string) *person { return &person{email: email} }

func (s *person) title(a *app) string { return a.t.Person.Title }

func (s *person) start(a *app) tea.Cmd {
	email := s.email
	return askTurn(a, &s.turn, callTimeout, func(ctx context.Context) (m personMsg, err error) {
		if m.Person, err = a.back.Person(ctx, email); err != nil {
			return m, err
		}
		if m.topics, err = a.back.Topics(ctx); err != nil {
			return m, err
		}
		return m, m.received(ctx, a.back)
	})
}

// received adds the mails of this person and the names of their campaigns.
func (m *personMsg) received(ctx context.Context, back Backend) error {
	for mail, err := range back.Trace(ctx, m.Email) {
		if err != nil {
			return err
		}
		if m.more = len(m.mails) == receivedRows; m.more {
			break
		}
		m.mails = append(m.mails, mail)
	}
	slices.SortStableFunc(m.mails, newestFirst)
	names, err := campaignNames(ctx, back)
	m.names = names
	return err
}

func (s *person) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.lost() {
			return s.start(a)
		}
	case doneMsg:
		if msg.from == s.erasing && msg.err == nil {
			return pop(a)
		}
		return s.start(a)
	case answer[personMsg]:
		s.take(a, msg)
	case tea.KeyPressMsg:
		s.scroll.move(keyName(msg), s.lines)
	}
	return nil
}

func (s *person) keys(a *app) []binding {
	t := &a.t.Person
	p := &s.now
	blocked := binding{keys: []string{"b"}, help: a.t.Suppress.Add, do: func() tea.Cmd { return s.block(a) }}
	if p.Suppression != nil {
		blocked = binding{keys: []string{"b"}, help: a.t.Suppress.Remove, do: func() tea.Cmd { return push(a, newUnsuppress(a, *p.Suppression)) }}
	}
	keys := []binding{
		{keys: []string{"e"}, help: t.Edit, do: func() tea.Cmd { return push(a, newChoices(a, s.now)) }},
		{keys: []string{"u"}, help: t.Unsubscribe, do: func() tea.Cmd { return s.unsubscribe(a) }},
		{keys: []string{"c"}, help: t.Confirm, do: func() tea.Cmd { return s.confirm(a) }},
		blocked,
		{keys: []string{"x"}, help: t.Erase, do: func() tea.Cmd { return s.erase(a) }},
		a.traceKey(s.email, ""),
		{keys: []string{"r"}, help: a.t.Reload, do: func() tea.Cmd { return s.start(a) }},
		{show: "↑↓", help: a.t.Scroll},
	}
	switch {
	case !s.have:
		for i := range keys[:5] {
			keys[i].off = a.t.Loading
		}
	case !p.Consent.Subscribed:
		keys[1].off = t.IsOut
	case p.Consent.Source == audience.Person:
		keys[2].off = t.IsIn
	}
	if s.have && p.Suppression != nil {
		keys[2].off = a.t.Reasons[spool.SkipSuppressed]
	}
	return keys
}

// ask is one more question before something is done to this person.
func (s *person) ask(a *app, head string, lines []string, done string, do func(context.Context, string) error) *confirm {
	email := s.now.Email
	first := safe(email)
	if s.now.Name != "" {
		first = safe(s.now.Name) + " <" + first + ">"
	}
	return newConfirm(head, append([]string{first}, lines...), 1, done, func(ctx context.Context) error { return do(ctx, email) })
}

func (s *person) unsubscribe(a *app) tea.Cmd {
	t := &a.t.Person
	return push(a, s.ask(a, t.Unsubscribe, []string{t.UnsubscribeWarn}, t.Unsubscribed, a.back.Unsubscribe))
}

func (s *person) confirm(a *app) tea.Cmd {
	t := &a.t.Person
	return push(a, s.ask(a, t.Confirm, []string{t.ConfirmWarn}, t.Confirmed, a.back.AskConfirm))
}

func (s *person) block(a *app) tea.Cmd {
	t := &a.t.Suppress
	return push(a, s.ask(a, t.Add, []string{t.AddWarn}, t.Added, func(ctx context.Context, email string) error { return a.back.Suppress(ctx, email, "") }))
}

// erase asks for the address itself: it cannot be undone.
func (s *person) erase(a *app) tea.Cmd {
	t := &a.t.Person
	c := s.ask(a, t.Erase, []string{t.EraseWarn}, t.Erased, func(ctx context.Context, email string) error {
		return a.back.Erase(ctx, email)
	})
	c.ask.word, s.erasing = s.now.Email, c
	return push(a, c)
}

func (s *person) view(a *app, w, h int) page {
	if lines := a.instead(s.why, s.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	lines := slices.Concat(s.record(a, w), s.consent(a, w), s.choices(a, w), s.received(a, w), s.history(a, w))
	s.lines = len(lines)
	return page{lines: s.scroll.window(lines, h)}
}

func (s *person) record(a *app, w int) []string {
	p, t := &s.now, &a.t.Person
	name := orWord(safe(p.Name), "-")
	if p.Gender != "" {
		name += " (" + a.gender(p.Gender) + ")"
	}
	fields := [][2]string{{a.t.Name, name}, {t.Created, a.moment(p.CreatedAt)}}
	if p.ExternalID != "" {
		fields = append(fields, [2]string{t.External, safe(p.ExternalID)})
	}
	if len(p.Tags) > 0 {
		fields = append(fields, [2]string{a.t.Tags, safe(strings.Join(p.Tags, ", "))})
	}
	for _, k := range sortedKeys(p.Attributes) {
		fields = append(fields, [2]string{safe(k), safe(p.Attributes[k])})
	}
	head := " " + sides(a.look.bold.Render(cut(safe(p.Email), w-22)), a.consentMark(p), w-2)
	return append([]string{head}, a.block(fields, w)...)
}

// consentMark is whether they get mail, in two words.
func (a *app) consentMark(p *personMsg) string {
	switch {
	case p.Suppression != nil:
		return a.look.bad.Render("× " + a.t.Reasons[spool.SkipSuppressed])
	case p.Consent.Subscribed:
		return a.look.good.Render("✓ " + a.t.ConsentYes)
	case p.Consent.Source != "" && p.Consent.Unsaid():
		return a.consent(p.Consent)
	}
	return a.look.bad.Render("× " + a.t.ConsentNo)
}

func (s *person) consent(a *app, w int) []string {
	p, t := &s.now, &a.t.Person
	who := orWord(a.t.Sources[p.Consent.Source], safe(string(p.Consent.Source)))
	text := a.consent(p.Consent) + " (" + who + ", " + a.moment(p.Consent.At) + ")"
	if p.Consent.Assumed && p.Consent.Subscribed {
		text += " " + t.Assumed
	}
	lines := []string{"", a.look.rule(a.t.Consent, w), a.labelled(t.Now, text, w)}
	if p.Suppression != nil {
		lines = append(lines, a.labelled(a.t.Reasons[spool.SkipSuppressed], a.blockedBy(*p.Suppression)+", "+a.moment(p.Suppression.At)+"  "+a.detail(audience.Source(p.Suppression.Reason), p.Suppression.Detail), w))
	}
	return lines
}

// choices are what they want to get.
func (s *person) choices(a *app, w int) []string {
	p, t := &s.now, &a.t.Person
	var fields [][2]string
	for _, topic := range p.topics {
		word := t.On
		if !topic.Wants(&p.Subscriber) {
			word = "× " + t.Off
		}
		fields = append(fields, [2]string{safe(a.topicTitle(topic)), word})
	}
	for _, id := range p.TopicsOff { // one that is not defined any more
		if !slices.ContainsFunc(p.topics, func(t audience.Topic) bool { return t.ID == id }) {
			fields = append(fields, [2]string{safe(id), "× " + t.Off})
		}
	}
	fields = append(fields, [2]string{t.Frequency, a.frequency(p.Frequency)}, [2]string{t.Language, a.language(p.Language)})
	return append([]string{"", a.look.rule(t.Preferences, w)}, a.block(fields, w)...)
}

func (a *app) topicTitle(t audience.Topic) string { return orWord(t.Title(a.lang), t.ID) }
func (a *app) frequency(f string) string {
	return orWord(a.t.Person.Frequencies[orWord(f, "all")], safe(f))
}
func (a *app) language(l string) string { return orWord(a.t.Person.Languages[l], safe(l)) }

// received are the campaigns and other mails they got, with what became of them.
func (s *person) received(a *app, w int) []string {
	t := &a.t.Person
	lines := []string{"", a.look.rule(t.Received, w)}
	if len(s.now.mails) == 0 {
		return append(lines, "  "+a.look.dim.Render(t.NoMails))
	}
	name := (w - 34) / 2
	rest := w - 2 - 11 - name - 10 - 3
	for _, m := range s.now.mails {
		lines = append(lines, "  "+row(column{a.moment(m.At), 11}, column{a.mailName(m, s.now.names), name}, column{a.t.Outcomes[m.Outcome], 10},
			column{strings.TrimSpace(a.marks(m) + "  " + a.why(m.Reason)), rest}))
	}
	if s.now.more {
		lines = append(lines, "  "+a.look.dim.Render(a.t.FirstRows(comma(receivedRows))))
	}
	return lines
}

// history is who said what about consent and preferences, the newest first.
func (s *person) history(a *app, w int) []string {
	t := &a.t.Person
	lines := []string{"", a.look.rule(t.History, w)}
	who := 10
	for _, c := range slices.Backward(s.now.History) {
		text := a.consent(audience.Consent{Subscribed: c.Subscribed})
		if len(c.Changed) > 0 {
			text = a.changes(c.Changed)
		}
		if !c.Applied {
			text += " (" + t.NotApplied + ")"
		}
		lines = append(lines, "  "+row(column{a.moment(c.At), 16}, column{orWord(a.t.Sources[c.Source], safe(string(c.Source))), who},
			column{strings.TrimSpace(text + "  " + a.detail(c.Source, c.Detail)), w - 2 - 16 - who - 3}))
	}
	if len(s.now.History) == 0 {
		lines = append(lines, "  "+a.look.dim.Render(a.t.NothingHere))
	}
	return lines
}

// changes are history's words about preferences ("topic sale off", "frequency
// weekly", "language en") in the person's language.
func (a *app) changes(list []string) string {
	t := &a.t.Person
	words := make([]string, len(list))
	for i, text := range list {
		kind, value, _ := strings.Cut(text, " ")
		switch kind {
		case "topic":
			if name, ok := strings.CutSuffix(value, " off"); ok {
				value = a.t.Topic + " " + safe(name) + " " + t.Off
			} else {
				value = a.t.Topic + " " + safe(strings.TrimSuffix(value, " on")) + " " + t.On
			}
		case "frequency":
			value = t.Frequency + " " + a.frequency(value)
		case "language":
			value = t.Language + " " + a.language(value)
		default:
			value = safe(text)
		}
		words[i] = value
	}
	return strings.Join(words, ", ")
}
