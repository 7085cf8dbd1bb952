package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"pabal/eml"
	"pabal/smtpd"
)

const (
	// automatic is the value of a setting that pabal chooses.
	automatic = "auto"

	systemSubmitSocket = "/run/pabal-submit/smtp.sock"
	systemDropFolder   = "/var/spool/pabal-drop"

	maxSubmitRate = 1_000_000
)

// submitSocket is where any user of this host may submit: the system's place
// for a daemon on the system's control socket, else beside the control socket,
// "" for none.
func (c *Config) submitSocket() string {
	switch {
	case c.SMTP.SubmitSocket != automatic:
		return c.SMTP.SubmitSocket
	case c.Control.Socket == systemSocket:
		return systemSubmitSocket
	}
	return filepath.Join(filepath.Dir(c.Control.Socket), "submit.sock")
}

// dropFolder is where sendmail leaves mails while there is no daemon, "" for
// nowhere.
func (c *Config) dropFolder() string {
	switch {
	case c.SMTP.Drop != automatic:
		return c.SMTP.Drop
	case c.Control.Socket == systemSocket:
		return systemDropFolder
	}
	return filepath.Join(c.DataDir, "drop")
}

// aliases are the names of this host, nil without a file and a domain for them.
func (c *Config) aliases() *smtpd.Aliases {
	if c.SMTP.Aliases == "" && c.SMTP.QualifyDomain == "" {
		return nil
	}
	return &smtpd.Aliases{Path: c.SMTP.Aliases, Host: hostname(), Domain: c.SMTP.QualifyDomain}
}

func (c *Config) submitRules() []rule {
	return []rule{
		{"smtp.submit_rate", c.SMTP.SubmitRate >= 0 && c.SMTP.SubmitRate <= maxSubmitRate, fmt.Sprintf("is %d", c.SMTP.SubmitRate), "mails a minute, for example submit_rate = 600; 0 for any number"},
	}
}

// bindLocal opens the submit socket and the drop folder. A place that pabal
// chose itself and cannot have is left out, with an error in the log: mail over
// SMTP goes on.
func (d *daemon) bindLocal() error {
	for _, part := range []struct {
		key, value, place string
		open              func(string) error
	}{
		{"smtp.submit_socket", d.cfg.SMTP.SubmitSocket, d.cfg.submitSocket(), d.smtp.BindSubmit},
		{"smtp.drop", d.cfg.SMTP.Drop, d.cfg.dropFolder(), d.smtp.OpenDrop},
	} {
		if part.place == "" {
			continue
		}
		err := part.open(part.place)
		if err == nil {
			continue
		}
		if part.value == automatic {
			d.logger.Error("sendmail cannot use this place", "setting", part.key, "err", err)
			continue
		}
		return listenProblem(part.key, err)
	}
	return nil
}

// listenProblem says which setting an address that cannot be had belongs to.
func listenProblem(key string, err error) error {
	if taken, ok := errors.AsType[*smtpd.ListenError](err); ok {
		return &eml.Problem{What: key + ": " + taken.Address + ": " + taken.Message, Hint: taken.Hint, Err: err}
	}
	return err
}
