package tui

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
)

// callTimeout bounds one question to the daemon; only Start, which returns
// when the audience is frozen, may take longer.
const (
	callTimeout  = 20 * time.Second
	startTimeout = time.Hour
)

// app is what all screens share.
type app struct {
	ctx   context.Context // the program's; commands outlive no Run
	back  Backend
	lang  string // ko or en
	t     *texts
	look  look
	now   func() time.Time
	zone  *time.Location
	wait  sync.WaitGroup // feeds
	moves []move         // asked for in this Update
	rates rates          // of the last minutes, whatever screen is shown

	editor string // the person's own; "" for none
	folder string // for files they ask for

	after func(time.Duration, tea.Msg) tea.Cmd // a message later; the tests' clock stands still
}

func newApp(ctx context.Context, b Backend, o Options) *app {
	if o.Lang != "ko" {
		o.Lang = "en"
	}
	return &app{ctx: ctx, back: b, lang: o.Lang, t: textsOf(o.Lang), look: newLook(o.ASCII, !o.NoColor), now: time.Now, zone: cmp.Or(o.Zone, time.Local), editor: o.Editor, folder: cmp.Or(o.Folder, ownFolder()), after: after}
}

// ownFolder is the person's own folder, or that for temporary files where they have
// none, as in a container.
func ownFolder() string {
	if dir, err := os.UserHomeDir(); err == nil && dir != "/" {
		return dir
	}
	return os.TempDir()
}

// reply is an answer of the daemon on its way to the screens; the root looks
// at err to know whether the connection stands.
type reply struct {
	msg tea.Msg
	err error
}

// call asks the daemon in a command: ask runs outside Update, then makes the
// message of what came back.
func call[T any](a *app, limit time.Duration, ask func(context.Context) (T, error), then func(T, error) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, limit)
		defer cancel()
		v, err := ask(ctx)
		return reply{then(v, err), err}
	}
}

// offline reports whether an error means that the daemon was not reached, as
// against an answer that says no.
func offline(err error) bool {
	var op *net.OpError
	var web *url.Error
	return errors.As(err, &op) || errors.As(err, &web) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, context.DeadlineExceeded)
}

type (
	tickMsg      struct{} // a second has passed
	uncoveredMsg struct{} // the screen over this one was closed: what it shows may be old
	doneMsg      struct { // an action ended
		from screen
		text string
		err  error
	}
	flashMsg flash
)

// flash is one line for the person, until the next key.
type flash struct {
	text string
	bad  bool
}

// move is a step between screens. Screens only ask for one; the root makes it
// before it looks at the next key, so that keys typed fast reach the screen
// they were meant for.
type move func(*model) tea.Cmd

func push(a *app, s screen) tea.Cmd {
	a.moves = append(a.moves, func(m *model) tea.Cmd { return m.push(s) })
	return nil
}

func pop(a *app) tea.Cmd {
	a.moves = append(a.moves, (*model).pop)
	return nil
}

// show opens a tab with screens over it and says text.
func show(a *app, text string, tab int, over ...screen) tea.Cmd {
	a.moves = append(a.moves, func(m *model) tea.Cmd {
		m.flash = flash{text: text}
		return m.show(tab, over...)
	})
	return nil
}

func after(d time.Duration, msg tea.Msg) tea.Cmd {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// problem is an error in the words a person reads: what happened, what to do.
func (a *app) problem(err error) string {
	if a.lang == "ko" && offline(err) {
		return a.t.NoAnswer
	}
	var p *eml.Problem
	if !errors.As(err, &p) {
		return safe(err.Error())
	}
	own := err.Error()
	if p.Hint != "" {
		own += ": " + p.Hint
	}
	code := p.Code
	switch { // where only what kind of error it is is known
	case code != "":
	case errors.Is(err, campaign.ErrBlocked):
		code = "blocked"
	case errors.Is(err, campaign.ErrState):
		code = "state"
	}
	return a.said(code, p.Args, own)
}

// said is a text of the daemon in the person's language if its code is known,
// else in its own words.
func (a *app) said(code string, args []string, own string) string {
	if wrong := audience.AddressInKorean(code); wrong != "" && a.lang == "ko" {
		return safe(strings.Join(append(slices.Clone(args), wrong), ": ")) + ". " + a.t.AddressHow
	}
	words, known := a.t.Problems[code]
	if what, how, fault := campaign.KoreanFault(code, args); fault && a.lang == "ko" {
		return safe(what + ". " + how)
	}
	if !known {
		return safe(own)
	}
	pairs := []string{"{own}", safe(own)}
	for i := range 3 {
		arg := ""
		if i < len(args) {
			arg = safe(args[i])
		}
		pairs = append(pairs, "{"+comma(int64(i+1))+"}", arg)
	}
	return strings.NewReplacer(pairs...).Replace(words)
}
