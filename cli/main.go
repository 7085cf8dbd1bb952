// Package cli is what a person types: the commands, the configuration, and the
// wiring that makes a daemon out of the other packages.
//
// Every command but serve, demo, ses-emulator, config, version and completion
// is a conversation with the running daemon over its control socket. With
// --json a command writes nothing but data with stable names on stdout: one
// object, or for a list one object a line. Errors have two parts, what happened
// and what to do, on stderr. The exit code is 0 done, 1 failed, 2 usage; of sendmail it is one of sysexits.h.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// app is one command line: its streams, its environment and the flags that
// every command has.
type app struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string

	configPath string
	socket     string
	lang       string
	json       bool

	uid, gid int // who typed it: a command of root's may go on as somebody else

	daemon     *control.Client // the one being asked, nil before
	configured *Config         // the configuration as last read, nil before
}

// Main runs one command line, args[0] being the program's name, and returns
// the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), uid: os.Getuid(), gid: os.Getgid()}
	ctx, stop := interruptible()
	defer stop()
	root := a.root()
	root.SetArgs(args[min(1, len(args)):])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	var err error
	if name := personality(args); name != "" {
		err = a.sendmail(ctx, name, args[1:])
	} else {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return exitDone
	}
	a.json = a.json || slices.Contains(args, "--json") // also when the flags could not be read
	a.complain(err)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	var own *exitError
	if errors.As(err, &own) {
		return own.code
	}
	return exitFailed
}

// interruptible is a context that INT, TERM and a closed terminal end; a second one ends the
// process at once.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	switch {
	case os.Getenv(notifySocket) != "":
		signal.Ignore(syscall.SIGHUP) // a service has no terminal that could be closed: HUP means reload
	case !signal.Ignored(syscall.SIGHUP): // nohup ignores it
		ends = append(ends, syscall.SIGHUP)
	}
	signal.Notify(signals, ends...)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
			return
		}
		if second, ok := <-signals; ok {
			os.Exit(128 + int(second.(syscall.Signal)))
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "pabal",
		Short:         "Send a company's mail through Amazon SES, and know what became of every single one",
		Long:          "pabal (파발) sends a company's mail through Amazon SES and can say, for every single\nrecipient, what became of it. Without a command it opens the terminal UI.",
		Example:       "  pabal demo                # all of it with 200 sample customers, no AWS needed\n  pabal serve               # the daemon\n  pabal status",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	a.rootFlags(root)
	a.addUI(root)
	root.Args = func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) }
	root.AddCommand(a.serveCommand(), a.demoCommand(), a.statusCommand(), a.alarmCommands(), a.auditCommand(), a.feedbackCommands(), a.syncCommand(), a.traceCommand(), a.checkCommand(), a.doctorCommand(), a.healthcheckCommand(),
		a.compactCommand(), a.backupCommand(), a.restoreCommand(), a.retentionCommands(), a.walkCommand(),
		a.subscriberCommands(), a.segmentCommands(), a.templateCommands(), a.campaignCommands(),
		a.suppressionCommands(), a.spoolCommands(), a.routeCommands(), a.sendmailCommand(), a.smtpUserCommands(), a.domainCommands(), a.configCommands(), a.emulatorCommand(), a.versionCommand(), a.manualCommand(root), a.referenceCommand())
	return root
}

func (a *app) rootFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration `FILE` (default "+systemConfig+", PABAL_CONFIG)")
	flags.StringVar(&a.socket, "socket", "", "the daemon's control `SOCKET` (default: from the configuration)")
	flags.StringVar(&a.lang, "lang", "", "language of screens: ko or en")
	flags.BoolVar(&a.json, "json", false, "write JSON: one object, or one a line for a list")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err.Error(), "see: "+cmd.CommandPath()+" --help")
	})
}

// usageError is a command line that cannot be understood.
type usageError struct{ problem *eml.Problem }

func (e *usageError) Error() string { return e.problem.Error() }
func (e *usageError) Unwrap() error { return e.problem }

func usage(what, hint string) error {
	return &usageError{&eml.Problem{What: what, Hint: hint}}
}

// unknownCommand refuses words after a command that only has subcommands.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see: " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + cmd.CommandPath() + " " + near[0] + "?"
	}
	return usage("there is no command "+cmd.CommandPath()+" "+eml.Visible(args[0]), hint)
}

// maxComplaint is bytes of what happened; what was read from a damaged file may
// be of any length.
const maxComplaint = 4 << 10

// complain writes an error in two parts.
func (a *app) complain(err error) {
	what, hint := parts(err)
	what = eml.Cut(eml.Visible(what), maxComplaint)
	if a.json {
		_ = writeJSON(a.stderr, struct {
			Error string `json:"error"`
			Hint  string `json:"hint"`
		}{what, hint})
		return
	}
	fmt.Fprintln(a.stderr, "pabal: "+what)
	for line := range strings.SplitSeq(hint, "\n") {
		if line != "" {
			fmt.Fprintln(a.stderr, "  "+eml.Visible(line))
		}
	}
}

// parts splits an error into what happened and what to do.
func parts(err error) (what, hint string) {
	var problem *eml.Problem
	if !errors.As(err, &problem) {
		return err.Error(), ""
	}
	return err.Error(), problem.Hint
}

// group is a command that only has subcommands.
func (a *app) group(name, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: unknownCommand}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var names []string
		for _, sub := range subcommands {
			names = append(names, sub.Name())
		}
		return usage("say what to do with pabal "+name, "one of: "+strings.Join(names, ", ")+"; see: pabal "+name+" --help")
	}
	cmd.AddCommand(subcommands...)
	return cmd
}

// action runs one command; it is given the words after the command's name.
type action func(ctx context.Context, args []string) error

// command makes one from its usage line, whose upper-case words are the
// arguments it needs ("show ID"); one in [brackets] may be left out and one
// with … repeated.
func (a *app) command(use, short, example string, run action) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: "  " + strings.ReplaceAll(example, "\n", "\n  ")}
	need, most := 0, 0
	for _, word := range strings.Fields(use)[1:] {
		if !strings.HasPrefix(word, "[") {
			need++
		}
		if most++; strings.HasSuffix(word, "...") {
			most = 1 << 20
		}
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < need || len(args) > most {
			return usage(fmt.Sprintf("%s takes %s", cmd.CommandPath(), argumentsOf(use)), "for example: "+strings.SplitN(example, "\n", 2)[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }
	return cmd
}

func argumentsOf(use string) string {
	_, arguments, _ := strings.Cut(use, " ")
	return cmp.Or(arguments, "no arguments")
}

// config is the configuration that the flags and the environment point at.
func (a *app) config() (*Config, error) {
	cfg, err := load(a.configPath, a.environ)
	if err != nil {
		return nil, err
	}
	if a.socket != "" {
		if cfg.Control.Socket, err = filepath.Abs(a.socket); err != nil {
			return nil, err
		}
	}
	a.configured = cfg
	return cfg, nil
}

// client is the running daemon. It does not connect yet.
func (a *app) client() (*control.Client, error) {
	if a.socket != "" {
		return control.NewClient(a.socket, version()), nil
	}
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	return control.NewClient(cfg.Control.Socket, version()), nil
}

// asking is a command that needs the daemon.
func (a *app) asking(use, short, example string, run func(ctx context.Context, c *control.Client, args []string) error) *cobra.Command {
	return a.command(use, short, example, func(ctx context.Context, args []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		defer c.Close()
		a.daemon = c
		return run(ctx, c, args)
	})
}
