package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/tui"
)

// screens is the daemon as the screens see it: the client's own methods, and
// those that say something in other words.
type screens struct{ *control.Client }

var _ tui.Backend = screens{}

// Person is one subscriber with suppression and history.
func (s screens) Person(ctx context.Context, email string) (tui.Person, error) {
	p, err := s.Subscriber(ctx, email)
	return tui.Person{Subscriber: p.Subscriber, Suppression: p.Suppression, History: p.History}, err
}

// Inbox is what lies in the inbox.
func (s screens) Inbox(ctx context.Context) (tui.Inbox, error) {
	list, err := s.Client.Inbox(ctx)
	in := tui.Inbox{SCP: list.SCP}
	for _, f := range list.Files {
		in.Files = append(in.Files, tui.InboxFile(f))
	}
	return in, err
}

// DiscardImport gives up an import.
func (s screens) DiscardImport(ctx context.Context, id uint32) error {
	_, err := s.Client.DiscardImport(ctx, id)
	return err
}

// Domains are the domains of senders.
func (s screens) Domains(ctx context.Context, name, lang string) ([]tui.SenderDomain, error) {
	list, err := s.Client.Domains(ctx, name, lang)
	var out []tui.SenderDomain
	for _, d := range list {
		out = append(out, tui.SenderDomain(d))
	}
	return out, err
}

// Unsubscribe ends their consent by the operator's word.
func (s screens) Unsubscribe(ctx context.Context, email string) error {
	no := false
	_, err := s.SetSubscriber(ctx, audience.Edit{Email: email, Subscribed: &no})
	return err
}

// AskConfirm asks them by mail whether they want mail.
func (s screens) AskConfirm(ctx context.Context, email string) error {
	_, err := s.Ask(ctx, email)
	return err
}

// Erase takes them out of all stores.
func (s screens) Erase(ctx context.Context, email string) error {
	_, err := s.Client.Erase(ctx, email)
	return err
}

// Prefer changes what they get.
func (s screens) Prefer(ctx context.Context, email string, p audience.Preferences) error {
	_, err := s.SetPreferences(ctx, email, p)
	return err
}

// Suppress puts an address on the list.
func (s screens) Suppress(ctx context.Context, email, detail string) error {
	_, err := s.Client.Suppress(ctx, email, detail)
	return err
}

// addUI makes the root command open the terminal UI.
func (a *app) addUI(root *cobra.Command) {
	var (
		standalone bool
		o          tui.Options
	)
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if !o.Plain && (!isTerminal(a.stdin) || !isTerminal(a.stdout)) {
			return usage("the terminal UI needs a terminal", "see the commands with: pabal --help; or have the screens read out line by line: pabal --plain")
		}
		if o.Plain {
			o.Input, o.Output = a.stdin, a.stdout
		}
		cfg, err := a.config()
		if err != nil {
			return err
		}
		o.Lang = a.language(cfg)
		o.NoColor = variable(a.environ, "NO_COLOR") != ""
		if standalone {
			return a.standalone(cmd.Context(), cfg, o)
		}
		return openUI(cmd.Context(), cfg.Control.Socket, o)
	}
	root.Flags().BoolVar(&standalone, "standalone", false, "run the daemon inside, for a try on your own machine")
	root.Flags().BoolVar(&o.Plain, "plain", false, "read the screens out line by line, for screen readers")
	root.Flags().BoolVar(&o.ASCII, "ascii", false, "draw without box characters")
}

// openUI checks that somebody answers before it takes the screen.
func openUI(ctx context.Context, socket string, o tui.Options) error {
	c := control.NewClient(socket, version())
	defer c.Close()
	if _, err := c.SpoolStatus(ctx); err != nil {
		return orStandalone(err)
	}
	o.Zone = c.Zone()
	return tui.Run(ctx, screens{c}, o)
}

// orStandalone adds the way without a daemon, where it is open.
func orStandalone(err error) error {
	var problem *eml.Problem
	if !errors.Is(err, control.ErrNoDaemon) || !errors.As(err, &problem) || installed() {
		return err
	}
	return &eml.Problem{What: problem.What, Hint: problem.Hint + "\nor, for a try on your own machine: pabal --standalone", Err: err}
}

// installed reports whether the daemon belongs to the service manager here.
func installed() bool {
	_, err := os.Stat(systemConfig)
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// language is ko or en: the flag, the configuration, then the environment.
func (a *app) language(cfg *Config) string {
	for _, wish := range []string{a.lang, cfg.Language} {
		if wish == "ko" || wish == "en" {
			return wish
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := variable(a.environ, name); value != "" {
			if strings.HasPrefix(value, "ko") {
				return "ko"
			}
			return "en"
		}
	}
	return "en"
}

// standalone runs daemon and UI in one process. Never where pabal is
// installed: there the daemon belongs to the service manager.
func (a *app) standalone(ctx context.Context, cfg *Config, o tui.Options) error {
	if installed() {
		return &eml.Problem{What: "pabal is installed here (" + systemConfig + ")", Hint: "start the service: systemctl start pabal; then: pabal"}
	}
	logFile, err := openLog(cfg.DataDir)
	if err != nil {
		return err
	}
	defer logFile.Close() // only logs
	logger := newLogger(logFile, cfg.Log.level())
	return inside(ctx, cfg, logger, sesclient.Credentials{}, func(ctx context.Context, _ addresses) error {
		return openUI(ctx, cfg.Control.Socket, o)
	})
}

func openLog(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "pabal.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// inside runs a daemon for as long as fn runs, and stops it cleanly after.
func inside(ctx context.Context, cfg *Config, logger *slog.Logger, keys sesclient.Credentials, fn func(context.Context, addresses) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan addresses, 1)
	group.Go(func() error {
		return serve(ctx, cfg, logger, keys, nil, func(where addresses) { ready <- where })
	})
	group.Go(func() error {
		defer stop()
		select {
		case where := <-ready:
			return fn(ctx, where)
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}
