package cli

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/smtpd"
	"pabal/spool"
)

// sendmailUsage is what sendmail --help says.
//
//go:embed sendmail.txt
var sendmailUsage string

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// personality is the name of another program that pabal was called by.
func personality(args []string) string {
	if len(args) == 0 {
		return ""
	}
	switch name := filepath.Base(args[0]); name {
	case "sendmail", "mailq", "newaliases":
		return name
	}
	return ""
}

// sendmailCommand is sendmail(1) by another name. Its options are sendmail's,
// not ours.
func (a *app) sendmailCommand() *cobra.Command {
	return &cobra.Command{Use: "sendmail [OPTION]... [RECIPIENT]...", Short: "Hand a mail in, as /usr/sbin/sendmail does",
		Example:            "  pabal sendmail -t -i < mail.eml\n  pabal sendmail -f shop@example.com minji@example.net < mail.eml",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, words []string) error {
			return a.sendmail(cmd.Context(), "sendmail", words)
		}}
}

// sendmail runs one call of sendmail, mailq or newaliases.
func (a *app) sendmail(ctx context.Context, name string, words []string) error {
	o, err := smtpd.ParseOptions(name, words)
	a.json = a.json || o.JSON
	a.configPath = cmp.Or(o.Config, a.configPath)
	if err != nil {
		return &exitError{smtpd.ExitUsage, err}
	}
	cfg, whole := a.sendmailConfig()
	m := &smtpd.Sendmail{Options: o, Socket: cfg.submitSocket(), Folder: cfg.dropFolder(),
		MaxSize: int64(cfg.SMTP.MaxMessageSize), MaxTo: cfg.SMTP.MaxRecipients, Host: hostname(), Aliases: cfg.aliases()}
	m.User, m.Gecos = whoAmI()
	if !whole && o.Mode != smtpd.ModeAliases {
		m.Aliases = nil // the daemon knows better
	}
	switch o.Mode {
	case smtpd.ModeHelp:
		_, err = io.WriteString(a.stdout, sendmailUsage)
	case smtpd.ModeQueue:
		err = a.mailq(ctx, cfg)
	case smtpd.ModeAliases:
		err = a.newaliases(m.Aliases)
	case smtpd.ModeFlush: // the daemon sends by itself
	case smtpd.ModeSMTP:
		err = m.Talk(ctx, a.stdin, a.stdout)
	default:
		err = a.deliver(ctx, m)
	}
	if exit, ok := errors.AsType[*smtpd.ExitError](err); ok {
		return &exitError{exit.Code, err}
	}
	return err
}

// deliver says nothing when all went well, as programs expect of sendmail.
func (a *app) deliver(ctx context.Context, m *smtpd.Sendmail) error {
	receipt, err := m.Deliver(ctx, a.stdin)
	if err != nil || !a.json {
		return err
	}
	return writeJSON(a.stdout, receipt)
}

// sendmailConfig is the configuration as far as the caller may read it: any
// user of the host hands mail in, and a mistake in the file must not lose it.
// whole is false when it is not what the daemon has.
func (a *app) sendmailConfig() (cfg *Config, whole bool) {
	cfg, err := parse(a.configPath, a.environ)
	if err == nil {
		return cfg, true
	}
	if !errors.Is(err, os.ErrPermission) {
		a.complain(err)
	}
	cfg = defaults()
	cfg.Control.Socket = systemSocket
	return cfg, false
}

func whoAmI() (name, full string) {
	uid := strconv.Itoa(os.Getuid())
	u, err := user.LookupId(uid)
	if err != nil || u.Username == "" {
		return "uid" + uid, ""
	}
	full, _, _ = strings.Cut(u.Name, ",")
	if eml.CheckHeader(full) != nil {
		full = ""
	}
	return u.Username, full
}

// mailq lists what waits, as far as the caller may ask the daemon.
func (a *app) mailq(ctx context.Context, cfg *Config) error {
	c := control.NewClient(cmp.Or(a.socket, cfg.Control.Socket), version())
	defer c.Close()
	waiting := func(yield func(spool.Message, error) bool) {
		for _, outcome := range []spool.Outcome{spool.Pending, spool.Sending} {
			for m, err := range c.Messages(ctx, outcome.String()) {
				if !yield(m, err) || err != nil {
					return
				}
			}
		}
	}
	if err := show(a, waiting, newMessageTable, a.messageRow); err != nil {
		return &exitError{smtpd.ExitUnavailable, err}
	}
	return nil
}

// newaliases looks at the aliases file. There is nothing to build from it, and
// packages that call this after an upgrade expect it to end well.
func (a *app) newaliases(aliases *smtpd.Aliases) error {
	if aliases == nil {
		return one(a, aliasReport{}, func(r *report) { r.line("no aliases file is set (smtp.aliases)") })
	}
	n, err := aliases.Check()
	out := aliasReport{File: aliases.Path, Names: n}
	if err != nil {
		out.Faults = strings.Split(err.Error(), "\n")
	}
	return one(a, out, func(r *report) {
		r.line("%s: %d names", out.File, n)
		for _, fault := range out.Faults {
			fmt.Fprintln(a.stderr, "pabal: "+eml.Visible(fault))
		}
	})
}

// aliasReport is newaliases --json.
type aliasReport struct {
	File   string   `json:"file"`
	Names  int      `json:"names"`
	Faults []string `json:"faults,omitempty"`
}
