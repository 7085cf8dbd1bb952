// Package tui is pabal's terminal UI: a home screen, campaigns with their live
// progress and ledger, the wizard that makes and starts one, subscribers and
// templates, in Korean and English.
//
// It sees the rest of the program only through Backend and record types, so it
// runs against the control socket, an embedded daemon or a test's fake alike.
// There is one root model with a stack of screens; a screen is a struct with
// update, view and keys. Neither Update nor View does I/O: they return
// commands, whose answers come back as messages. A daemon that goes away is
// shown, what was on the screen stays, and every tick asks anew.
//
// It promises: nobody is mailed without one more question that shows the
// number of recipients; text that people outside wrote passes one sanitiser
// (safe) before it reaches the terminal; every width is counted in cells, as
// Korean is two wide; the terminal's real cursor stands where the next letter
// goes, as Hangul composition needs. It keeps nothing on disk.
package tui

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Options for Run.
type Options struct {
	Lang    string         // ko or en; anything else means en
	Zone    *time.Location // of all times shown; nil means the machine's
	ASCII   bool           // no box drawing; also by itself on TERM=linux, dumb, or a locale that is not UTF-8
	NoColor bool           // no colours; also by itself when NO_COLOR is set
	Folder  string         // where files are written that the person asks for; "" means their home folder
	Editor  string         // the person's own editor with its arguments; by itself $EDITOR; "" for none
	Plain   bool           // nothing is drawn, screens are read out line by line; also by itself on TERM=dumb
	Input   io.Reader      // nil: stdin
	Output  io.Writer      // nil: stdout
}

// Run shows the UI until the person leaves or ctx ends; both return nil. It
// waits for its own goroutines before it returns.
func Run(ctx context.Context, b Backend, o Options) error {
	if o.Plain || os.Getenv("TERM") == "dumb" {
		return runLinear(ctx, b, o)
	}
	return run(ctx, b, o)
}

func run(ctx context.Context, b Backend, o Options, options ...tea.ProgramOption) error {
	ctx, cancel := context.WithCancel(ctx)
	a := newApp(ctx, b, o.fromEnviron(os.Getenv))
	defer a.wait.Wait()
	defer cancel()
	options = append(options, tea.WithContext(ctx))
	if o.Input != nil {
		options = append(options, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		options = append(options, tea.WithOutput(o.Output))
	}
	_, err := tea.NewProgram(newModel(a), options...).Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// fromEnviron adds what the terminal's environment says.
func (o Options) fromEnviron(getenv func(string) string) Options {
	switch getenv("TERM") {
	case "linux", "dumb", "":
		o.ASCII = true
	}
	locale := getenv("LC_ALL")
	for _, name := range []string{"LC_CTYPE", "LANG"} {
		if locale == "" {
			locale = getenv(name)
		}
	}
	charset := strings.ToLower(strings.ReplaceAll(locale, "-", ""))
	o.ASCII = o.ASCII || !strings.Contains(charset, "utf8")
	o.NoColor = o.NoColor || getenv("NO_COLOR") != ""
	o.Editor = cmp.Or(o.Editor, strings.TrimSpace(getenv("EDITOR")))
	return o
}
