package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// The smallest window the screens are made for; below it a notice stands.
const (
	minWidth  = 60
	minHeight = 20
)

// screen is one screen. Messages but the keys reach every screen on the stack,
// so an answer finds the one that asked; keys reach only the top one.
type screen interface {
	title(a *app) string
	start(a *app) tea.Cmd               // when it is put on the stack
	update(a *app, msg tea.Msg) tea.Cmd // no I/O
	view(a *app, w, h int) page         // no I/O
	keys(a *app) []binding
}

// page is a screen's body: at most h lines of at most w cells, and where the
// cursor is if something is being typed.
type page struct {
	lines  []string
	cursor *tea.Position
}

// What some screens have besides.
type (
	typist  interface{ typing() bool }          // letters go into a field now
	leaver  interface{ leave() }                // stops what it began
	walker  interface{ step() int }             // a step of the wizard, from 1; 0 is none
	stepper interface{ steps(a *app) []string } // a walker of other steps than the campaign's
)

// The tabs.
const (
	tabHome = iota
	tabCampaigns
	tabSubscribers
	tabTemplates
	tabSuppressions
	tabSync
	tabQueue
	tabDomains
)

// model is the root: the stack of screens and what surrounds them.
type model struct {
	*app
	width, height int
	tab           int
	stack         []screen
	flash         flash
	lost          time.Time // since when the daemon does not answer
	lostWhy       string
	help          bool
	helpAt        scroll
}

func newModel(a *app) *model {
	return &model{app: a, width: 80, height: 24, stack: []screen{&home{}}}
}

func (m *model) Init() tea.Cmd { return tea.Batch(m.tick(), m.top().start(m.app)) }

func (m *model) tick() tea.Cmd { return m.after(time.Second, tickMsg{}) }

func (m *model) top() screen { return m.stack[len(m.stack)-1] }

// Update handles one message, then makes the moves it asked for.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmds := []tea.Cmd{m.handle(msg)}
	for len(m.moves) > 0 {
		next := m.moves[0]
		m.moves = m.moves[1:]
		cmds = append(cmds, next(m))
	}
	return m, tea.Batch(cmds...)
}

func (m *model) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		return m.top().update(m.app, msg)
	case tickMsg:
		return tea.Batch(m.tick(), m.top().update(m.app, msg))
	case flashMsg:
		m.flash = flash(msg)
	case reply:
		m.note(msg.err)
		return m.tell(msg.msg)
	default:
		return m.tell(msg)
	}
	return nil
}

// tell hands a message to all screens.
func (m *model) tell(msg tea.Msg) tea.Cmd {
	if done, ok := msg.(doneMsg); ok {
		m.flash = flash{text: done.text}
		if done.err != nil {
			m.flash = flash{text: m.problem(done.err), bad: true}
		}
	}
	var cmds []tea.Cmd
	for _, s := range m.stack {
		cmds = append(cmds, s.update(m.app, msg))
	}
	return tea.Batch(cmds...)
}

// note keeps whether the daemon answers.
func (m *model) note(err error) {
	switch {
	case err == nil || !offline(err):
		m.lost, m.lostWhy = time.Time{}, ""
	case m.lost.IsZero():
		m.lost, m.lostWhy = m.now(), safe(err.Error())
	}
}

func (m *model) push(s screen) tea.Cmd {
	m.flash = flash{}
	m.stack = append(m.stack, s)
	return s.start(m.app)
}

func (m *model) pop() tea.Cmd {
	if len(m.stack) == 1 {
		return nil
	}
	if l, ok := m.top().(leaver); ok {
		l.leave()
	}
	m.stack = m.stack[:len(m.stack)-1]
	return tea.Batch(m.top().update(m.app, tickMsg{}), m.top().update(m.app, uncoveredMsg{}))
}

// show leaves everything and opens a tab, with screens over it.
func (m *model) show(tab int, over ...screen) tea.Cmd {
	for _, s := range m.stack {
		if l, ok := s.(leaver); ok {
			l.leave()
		}
	}
	roots := []screen{tabHome: &home{}, tabCampaigns: &campaigns{}, tabSubscribers: &subscribers{}, tabTemplates: &templates{},
		tabSuppressions: &suppressions{}, tabSync: &syncing{}, tabQueue: &queue{}, tabDomains: &domains{}}
	m.tab = tab
	m.stack = append([]screen{roots[tab]}, over...)
	var cmds []tea.Cmd
	for _, s := range m.stack {
		cmds = append(cmds, s.start(m.app))
	}
	return tea.Batch(cmds...)
}

// key finds what a key does: the screen's keys, then the general ones, then
// whatever has the focus in the screen.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	m.flash = flash{}
	name := keyName(k)
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.help {
		m.help = m.helpAt.move(name, len(m.helpLines(m.width)))
		return nil
	}
	b, ok := find(slices.Concat(m.top().keys(m.app), m.general(), m.tabs()), name)
	switch {
	case !ok:
		return m.top().update(m.app, k)
	case b.off != "":
		m.flash = flash{text: b.name() + " " + b.help + ": " + b.off}
		return nil
	}
	return b.do()
}

func typing(s screen) bool {
	t, ok := s.(typist)
	return ok && t.typing()
}

// general are the keys that work everywhere; while letters are typed only
// those that are no letters.
func (m *model) general() []binding {
	help := binding{keys: []string{"?", "f1"}, show: "?", help: m.t.Help, do: m.openHelp}
	back := binding{keys: []string{"esc", "q", "left"}, show: "Esc", help: m.t.Back, do: func() tea.Cmd { return pop(m.app) }}
	if len(m.stack) == 1 {
		back = binding{keys: []string{"q"}, help: m.t.Quit, do: func() tea.Cmd { return tea.Quit }}
	}
	if typing(m.top()) {
		help.keys, help.show = []string{"f1"}, "F1"
		back.keys = []string{"esc"}
		if len(m.stack) == 1 {
			return []binding{help}
		}
	}
	return []binding{back, help}
}

// tabs are the keys of the tabs: wherever they stand on the screen, that is
// outside of the wizards. Tab and the arrows are a list's own further in.
func (m *model) tabs() []binding {
	if m.walks() != nil || typing(m.top()) {
		return nil
	}
	n := len(m.t.Tabs)
	to := func(tab int) func() tea.Cmd {
		return func() tea.Cmd { return m.show(tab) }
	}
	var out []binding
	if len(m.stack) == 1 {
		out = []binding{
			{keys: []string{"tab", "right"}, show: "Tab", help: m.t.NextTab, do: to((m.tab + 1) % n)},
			{keys: []string{"shift+tab", "left"}, show: "Shift+Tab", help: m.t.PrevTab, do: to((m.tab + n - 1) % n)},
		}
	}
	for i := range n {
		name := string(rune('1' + i))
		out = append(out, binding{keys: []string{name}, help: m.t.Tabs[i], do: to(i)})
	}
	return out
}

func (m *model) openHelp() tea.Cmd {
	m.help, m.helpAt = true, scroll{}
	return nil
}

// View draws header, tabs or steps, body, message line and footer.
func (m *model) View() tea.View {
	content, cursor := m.draw()
	if m.look.ascii {
		content = plain(content)
	}
	v := tea.NewView(content)
	v.AltScreen = true
	v.WindowTitle = "pabal"
	if cursor != nil {
		v.Cursor = tea.NewCursor(cursor.X, cursor.Y)
	}
	return v
}

func (m *model) draw() (string, *tea.Position) {
	if m.width < minWidth || m.height < minHeight {
		return m.tooSmall(), nil
	}
	const above = 2
	message := m.message()
	h := m.height - above - len(message) - 1
	body := page{}
	general := m.general()
	own := m.top().keys(m.app)
	if m.help {
		body.lines = m.helpAt.window(m.helpLines(m.width), h)
		own, general = []binding{{show: "↑↓", help: m.t.Scroll}}, []binding{{show: "Esc", help: m.t.Close}}
	} else {
		body = m.top().view(m.app, m.width, h)
	}
	lines := append([]string{m.header(), m.trail()}, fill(body.lines, h)...)
	lines = append(append(lines, message...), m.look.footer(own, general, m.width))
	for i := range lines {
		lines[i] = strings.TrimRight(cut(lines[i], m.width), " ")
	}
	if body.cursor != nil {
		body.cursor.Y += above
	}
	return strings.Join(lines, "\n"), body.cursor
}

func (m *model) tooSmall() string {
	lines := wrap(m.t.TooSmall(m.width, m.height, minWidth, minHeight), max(1, m.width))
	return strings.Join(lines[:min(len(lines), max(1, m.height))], "\n")
}

func (m *model) header() string {
	state := "● " + m.t.Connected
	if !m.lost.IsZero() {
		state = "○ " + m.t.Lost
	}
	clock := m.now().In(m.zone).Format("15:04 MST") // all times are of this zone
	return m.look.head.Render(sides(" "+m.t.Product+" › "+m.top().title(m.app), " "+clock+"  "+state+" ", m.width))
}

// trail is the line under the header: the tabs, or the steps of the wizard.
func (m *model) trail() (line string) {
	names, short, at, sep := m.t.Tabs[:], m.t.ShortTabs[:], m.tab, "  "
	if w := m.walks(); w != nil {
		names, at, sep = m.t.Steps[:], w.step()-1, m.look.dim.Render(" › ")
		if own, ok := w.(stepper); ok {
			names = own.steps(m.app)
		}
		short = names
	}
	for _, form := range []struct {
		names []string
		bare  bool // only the one at has its name
	}{{names, false}, {short, false}, {names, true}} {
		if line = " " + m.steps(form.names, at, sep, form.bare); cells(line) <= m.width {
			break
		}
	}
	return line
}

// walks is the step one is in, under a list or question that belongs to it;
// nil outside of the wizards.
func (m *model) walks() walker {
	for _, s := range slices.Backward(m.stack) {
		if w, ok := s.(walker); ok && w.step() > 0 {
			return w
		}
	}
	return nil
}

// steps are the names in a row; bare has only the one at by name.
func (m *model) steps(names []string, at int, sep string, bare bool) string {
	parts := make([]string, len(names))
	for i, name := range names {
		number := string(rune('1' + i))
		switch {
		case i == at:
			parts[i] = m.look.tab.Render(number + " " + name)
		case bare:
			parts[i] = m.look.dim.Render(number)
		default:
			parts[i] = m.look.dim.Render(number + " " + name)
		}
	}
	return strings.Join(parts, sep)
}

// messageLines is how many lines a message may take from the body.
const messageLines = 4

// message stands above the footer: one line, more only for a long one.
func (m *model) message() []string {
	text, sign, style := m.flash.text, "› ", m.look.bold
	switch {
	case text != "" && m.flash.bad:
		sign, style = "! ", m.look.bad
	case text == "" && !m.lost.IsZero():
		text, sign, style = m.t.LostSince(m.clock(m.lost)), "! ", m.look.warn
		if len(wrap(text, m.width-2)) == 1 {
			text = cut(text+" "+m.lostWhy, m.width-2)
		}
	}
	if text == "" {
		return []string{""}
	}
	lines := wrap(text, m.width-2)
	lines = lines[:min(len(lines), messageLines)]
	for i := range lines {
		lines[i] = style.Render(sign + lines[i])
		sign = "  "
	}
	return lines
}
