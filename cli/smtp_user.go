package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"pabal/eml"
	"pabal/smtpd"
)

// maxPasswordLine is bytes read for a password; the limit itself is smtpd's.
const maxPasswordLine = 4 << 10

func (a *app) smtpUserCommands() *cobra.Command {
	return a.group("smtp-user", "Who may log in to the SMTP server", a.smtpUserAdd(), a.smtpUserList(), a.smtpUserRemove())
}

// smtpUser is one user, as data.
type smtpUser struct {
	Name     string `json:"user"`
	Password string `json:"password,omitempty"` // when it was made by us
}

func (a *app) smtpUserAdd() *cobra.Command {
	var generate bool
	cmd := a.command("add NAME", "Let an application log in, or give it a new password, which is read from stdin",
		"pabal smtp-user add shop --generate\npabal smtp-user add shop < password.txt", func(_ context.Context, args []string) error {
			users, err := a.smtpUsers()
			if err != nil {
				return err
			}
			u := smtpUser{Name: args[0]}
			password := ""
			if generate {
				password = rand.Text()
				u.Password = password
			} else if password, err = a.askPassword(); err != nil {
				return err
			}
			if err := a.auditingUsers("smtp-user add", u.Name, func() error { return users.Set(u.Name, password) }); err != nil {
				return usersProblem(err)
			}
			return one(a, u, func(r *report) {
				r.line("%s can log in", u.Name)
				if generate {
					r.pair("password", password)
				}
			})
		})
	cmd.Flags().BoolVar(&generate, "generate", false, "make a password and show it")
	return cmd
}

func (a *app) smtpUserList() *cobra.Command {
	return a.command("list", "List who may log in", "pabal smtp-user list --json", func(context.Context, []string) error {
		users, err := a.smtpUsers()
		if err != nil {
			return err
		}
		names, err := users.List()
		if err != nil {
			return err
		}
		all := func(yield func(smtpUser, error) bool) {
			for _, name := range names {
				if !yield(smtpUser{Name: name}, nil) {
					return
				}
			}
		}
		return show(a, all, func() *table { return newTable("USER") }, func(u smtpUser) []string { return []string{u.Name} })
	})
}

func (a *app) smtpUserRemove() *cobra.Command {
	return a.command("remove NAME", "Let an application log in no more", "pabal smtp-user remove shop", func(_ context.Context, args []string) error {
		users, err := a.smtpUsers()
		if err != nil {
			return err
		}
		err = a.auditingUsers("smtp-user remove", args[0], func() error { return users.Remove(args[0]) })
		if errors.Is(err, smtpd.ErrNoUser) {
			return &eml.Problem{What: "there is no user " + eml.Visible(args[0]), Hint: "see: pabal smtp-user list", Err: err}
		}
		if err != nil {
			return usersProblem(err)
		}
		return one(a, smtpUser{Name: args[0]}, func(r *report) { r.line("%s can log in no more", args[0]) })
	})
}

// auditingUsers is auditing of a change to the file of users.
func (a *app) auditingUsers(act, name string, do func() error) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	return a.auditing(cfg.DataDir, act, name, do)
}

// smtpUsers is the file of users; the daemon sees what changes in it by itself.
func (a *app) smtpUsers() (*smtpd.Users, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	if cfg.SMTP.UsersFile == "" { // else its folder is somebody else's to make
		if err := errors.Join(os.MkdirAll(cfg.DataDir, 0o700), becomeOwner(cfg.DataDir)); err != nil {
			return nil, usersProblem(err)
		}
	}
	return smtpd.OpenUsers(cfg.smtpUsers()), nil
}

func usersProblem(err error) error {
	var problem *eml.Problem
	if errors.As(err, &problem) {
		return err
	}
	return &eml.Problem{What: "the file of SMTP users cannot be written: " + err.Error(), Hint: "run this as root or as the user pabal runs as", Err: err}
}

// askPassword reads one line, from a terminal twice and without showing it. A
// password on the command line could be read by everybody on this host.
func (a *app) askPassword() (string, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return a.typedPassword(f)
	}
	line, err := bufio.NewReader(io.LimitReader(a.stdin, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", usage("there is no password on stdin", "for example: pabal smtp-user add shop < password.txt, or --generate")
	}
	return line, nil
}

func (a *app) typedPassword(terminal *os.File) (string, error) {
	var typed [2]string
	for i, prompt := range []string{"password: ", "once more: "} {
		fmt.Fprint(a.stderr, prompt)
		text, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", &eml.Problem{What: "the passwords differ", Hint: "type them again"}
	}
	return typed[0], nil
}
