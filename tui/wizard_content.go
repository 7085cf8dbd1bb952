package tui

import (
	"context"
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

// wizardContent is step 3: the campaign's name, sender, topic, and the values
// its template asks for. Leaving keeps what was filled in.
type wizardContent struct {
	d      *draft
	fields []field
	at     int
	known  bool // the template's fields are here
	busy   bool
	leaves bool              // it is left when what is being kept is kept
	kept   campaign.Campaign // as the fields were when they came, or were kept
	why    string
}

// The fields that every campaign has; those of its template follow.
const (
	fieldName = iota
	fieldFrom
	fieldReplyTo
	fieldTopic
	ownFields
)

// field is one line of the form.
type field struct {
	label string
	hint  string // shown dim while the field is empty
	value string // merge field it fills; "" for the campaign's own
	in    input

	choices []option // the values there are; nil: any text
}

// at is which of the choices the field has.
func (f *field) at() int {
	return max(0, slices.IndexFunc(f.choices, func(o option) bool { return o.value == f.in.value() }))
}

// turn takes the next of the choices, or the one before.
func (f *field) turn(by int) {
	n := len(f.choices)
	f.in.set(f.choices[(f.at()+by+n)%n].value)
}

type (
	fieldsMsg struct {
		of       *wizardContent
		template campaign.Template
		people   []audience.Subscriber
		topics   []audience.Topic
		err      error
	}
	savedMsg struct {
		of  *wizardContent
		c   campaign.Campaign
		err error
	}
)

// builtIn are the merge fields no value is asked for: the subscriber's own and
// those pabal makes.
var builtIn = []string{"email", "name", "gender", "createdat", "unsubscribeurl", "preferencesurl", "viewurl", "company", "address", "phone"}

func newWizardContent(d *draft) *wizardContent { return &wizardContent{d: d} }

func (s *wizardContent) title(a *app) string { return a.t.NewCampaign }
func (s *wizardContent) step() int           { return 3 }
func (s *wizardContent) typing() bool        { return !s.busy }

// start asks for the template's fields, and for a few subscribers to know
// which of them are attributes.
func (s *wizardContent) start(a *app) tea.Cmd {
	s.fields = []field{
		{label: a.t.Name, hint: a.t.NameHint, in: newInput(s.d.c.Name)},
		{label: a.t.From, hint: a.t.FromHint, in: newInput(s.d.c.From)},
		{label: a.t.ReplyTo, hint: a.t.ReplyToHint, in: newInput(s.d.c.ReplyTo)},
		{label: a.t.Topic, hint: a.t.TopicHint, in: newInput(s.d.c.Topic)},
	}
	s.at = 0
	return s.ask(a)
}

func (s *wizardContent) ask(a *app) tea.Cmd {
	name, version, segment := s.d.c.Template, s.d.c.TemplateVersion, s.d.c.Segment
	return call(a, callTimeout, func(ctx context.Context) (fieldsMsg, error) {
		m := fieldsMsg{of: s}
		var err error
		if m.template, err = a.back.Template(ctx, name, version); err != nil {
			return m, err
		}
		if m.topics, err = a.back.Topics(ctx); err != nil {
			return m, err
		}
		m.people, err = a.back.Subscribers(ctx, "", segment, 20)
		return m, err
	}, func(m fieldsMsg, err error) tea.Msg {
		m.err = err
		return m
	})
}

func (s *wizardContent) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if !s.known && s.why == "" {
			return s.ask(a)
		}
	case fieldsMsg:
		if msg.of == s && !s.known {
			s.take(a, msg)
		}
	case savedMsg:
		if msg.of == s {
			return s.saved(a, msg)
		}
	case tea.PasteMsg:
		if f := &s.fields[s.at]; f.choices == nil {
			f.in.insert(msg.Content)
		}
	case tea.KeyPressMsg:
		s.key(msg)
	}
	return nil
}

func (s *wizardContent) key(k tea.KeyPressMsg) {
	switch k.String() {
	case "up", "shift+tab":
		s.at = max(0, s.at-1)
	case "down", "tab":
		s.at = min(len(s.fields)-1, s.at+1)
	default:
		s.why = ""
		if f := &s.fields[s.at]; f.choices == nil {
			f.in.key(k)
		} else if by := map[string]int{"right": 1, "space": 1, "left": -1}[k.String()]; by != 0 {
			f.turn(by)
		}
	}
}

// topicChoices are the topics that are defined, and none; nil where none is
// defined: then a campaign may name any.
func (a *app) topicChoices(topics []audience.Topic, now string) []option {
	if len(topics) == 0 {
		return nil
	}
	out := []option{{value: "", label: a.t.NoTopic}}
	for _, t := range topics {
		out = append(out, option{value: t.ID, label: safe(a.topicTitle(t))})
	}
	if !slices.ContainsFunc(out, func(o option) bool { return o.value == now }) { // preflight says what is wrong with it
		out = append(out, option{value: now, label: safe(now)})
	}
	return out
}

// take adds a line for every merge field that needs a value.
func (s *wizardContent) take(a *app, m fieldsMsg) {
	if m.err != nil {
		if !offline(m.err) {
			s.why = a.problem(m.err)
		}
		return
	}
	s.known, s.d.template = true, m.template
	s.fields[fieldTopic].choices = a.topicChoices(m.topics, s.d.c.Topic)
	attribute := func(name string) bool {
		return slices.ContainsFunc(m.people, func(p audience.Subscriber) bool {
			for k := range p.Attributes {
				if strings.EqualFold(k, name) {
					return true
				}
			}
			return false
		})
	}
	for _, name := range m.template.Fields {
		if slices.Contains(builtIn, strings.ToLower(name)) {
			continue
		}
		f := field{label: safe(name), hint: a.t.ValueHint, value: name, in: newInput(s.d.c.Values[name])}
		f.in.lines = true
		if attribute(name) {
			f.hint = a.t.AttributeHint
		}
		s.fields = append(s.fields, f)
	}
	s.kept = s.written()
	s.kept.Attachments = s.d.c.Attachments
}

func (s *wizardContent) keys(a *app) []binding {
	next := binding{keys: []string{"enter"}, show: "Enter", help: a.t.NextField, do: func() tea.Cmd {
		if s.at < len(s.fields)-1 {
			s.at++
			return nil
		}
		return s.save(a, false)
	}}
	if s.at == len(s.fields)-1 {
		next.help, next.keys = a.t.Next, []string{"enter", "ctrl+s"}
	}
	save := binding{keys: []string{"ctrl+s"}, show: "Ctrl+S", help: a.t.Next, do: func() tea.Cmd { return s.save(a, false) }}
	move := binding{keys: []string{"tab", "down"}, show: "Tab ↑↓", help: a.t.Fields, do: func() tea.Cmd {
		s.at = (s.at + 1) % len(s.fields)
		return nil
	}}
	switch {
	case s.busy:
		next.off, save.off = a.t.Working, a.t.Working
	case !s.known:
		next.off, save.off = a.t.Loading, a.t.Loading
	}
	keys := []binding{next}
	if s.fields[s.at].choices != nil {
		keys = append(keys, binding{show: "← →", help: a.t.Pick.Choose})
	}
	if keys = append(keys, move); s.at < len(s.fields)-1 {
		keys = append(keys, save)
	}
	keys = append(keys, binding{keys: []string{"f2"}, show: "F2", help: a.t.Letter.Files, do: func() tea.Cmd { return push(a, &attachments{d: s.d}) }})
	if s.known && !s.busy && s.changed() {
		keys = append(keys, binding{keys: []string{"esc"}, show: "Esc", help: a.t.Back, do: func() tea.Cmd { return s.back(a) }})
	}
	return keys
}

// written is the campaign with what stands in the fields.
func (s *wizardContent) written() campaign.Campaign {
	c := s.d.c
	of := func(i int) string { return strings.TrimSpace(s.fields[i].in.value()) }
	c.Name, c.From, c.ReplyTo, c.Topic = of(fieldName), of(fieldFrom), of(fieldReplyTo), of(fieldTopic)
	c.Values = map[string]string{}
	for _, f := range s.fields[ownFields:] {
		if v := f.in.value(); v != "" {
			c.Values[f.value] = v
		}
	}
	return c
}

// changed reports whether something is filled in that is not kept yet.
func (s *wizardContent) changed() bool {
	now, kept := s.written(), &s.kept
	same := now.Name == kept.Name && now.From == kept.From && now.ReplyTo == kept.ReplyTo && now.Topic == kept.Topic
	return !same || !maps.Equal(now.Values, kept.Values) || !slices.Equal(now.Attachments, kept.Attachments)
}

// back keeps the draft and leaves. Where that cannot be, or would take a schedule
// off that somebody confirmed, it asks whether to leave without.
func (s *wizardContent) back(a *app) tea.Cmd {
	if s.why == "" && s.d.c.Schedule == nil {
		return s.save(a, true)
	}
	c := newConfirm(a.t.Template.Leave, []string{safe(s.written().Name), a.t.Template.LeaveAsk}, 1, "", nil)
	c.yes = func(a *app) tea.Cmd {
		pop(a)
		return pop(a)
	}
	return push(a, c)
}

// save keeps the draft at the daemon and goes on, or back, when it is kept.
func (s *wizardContent) save(a *app, leaves bool) tea.Cmd {
	c := s.written()
	if c.Name == "" {
		c.Name = s.d.template.Name + " " + a.now().In(a.zone).Format("2006-01-02")
	}
	s.busy, s.leaves, s.why = true, leaves, ""
	keep := a.back.CreateCampaign
	if c.ID != 0 {
		keep = a.back.EditCampaign
	}
	return call(a, callTimeout, func(ctx context.Context) (campaign.Campaign, error) { return keep(ctx, c) },
		func(c campaign.Campaign, err error) tea.Msg { return savedMsg{s, c, err} })
}

func (s *wizardContent) saved(a *app, m savedMsg) tea.Cmd {
	s.busy = false
	if m.err != nil {
		s.why = a.problem(m.err)
		return nil
	}
	said := ""
	if s.d.c.Schedule != nil {
		said = a.t.Plan.ScheduleOff
	}
	s.d.c = m.c
	s.fields[fieldName].in.set(m.c.Name)
	s.kept = s.written()
	if s.leaves {
		said = a.t.KeptDraft
		pop(a)
	} else {
		push(a, newWizardPreview(s.d))
	}
	if said == "" {
		return nil
	}
	return func() tea.Msg { return flashMsg{text: said} }
}

func (s *wizardContent) view(a *app, w, h int) page {
	const label = 16
	p := page{lines: []string{" " + a.look.bold.Render(a.t.ChooseContent), ""}}
	rows := h - 6
	from := max(0, s.at-rows+1)
	for i := from; i < min(len(s.fields), from+rows); i++ {
		f := &s.fields[i]
		shown, x := f.in.view(w - label - 6)
		switch {
		case f.choices != nil:
			shown = "‹ " + cut(f.choices[f.at()].label, w-label-20) + " ›  " + a.look.dim.Render(comma(int64(f.at()+1))+"/"+comma(int64(len(f.choices))))
			x = 0
		case f.in.value() == "":
			shown = a.look.dim.Render(pad(f.hint, w-label-6))
		}
		mark := "  "
		if i == s.at {
			mark = a.look.key.Render("› ")
			p.cursor = &tea.Position{X: 2 + label + 2 + x, Y: len(p.lines)}
		}
		p.lines = append(p.lines, mark+pad(f.label, label)+a.look.line.Render("│")+" "+shown)
	}
	if files := attached(s.d.c.Attachments); files != "" {
		p.lines = append(p.lines, "  "+pad(a.t.Letter.Files, label)+a.look.line.Render("│")+" "+cut(files, w-label-6))
	}
	switch {
	case s.why != "":
		p.lines = append(p.lines, "")
		p.lines = append(p.lines, a.alarm(s.why, w)...)
	case !s.known:
		p.lines = append(p.lines, "", "  "+a.t.Loading)
	case len(s.fields) > ownFields:
		p.lines = append(p.lines, "", "  "+a.look.dim.Render(a.t.NewlineHint))
	}
	if s.d.c.State == spool.Scheduled && s.why == "" {
		for _, l := range wrap("! "+a.t.Plan.ScheduleGoes, w-4) {
			p.lines = append(p.lines, "  "+a.look.warn.Render(l))
		}
	}
	if s.busy {
		p.cursor = nil
	}
	return p
}
