package cli

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"pabal/eml"
	"pabal/smtpd"
)

// selfSigned stands in smtp.tls_certificate for one that pabal makes.
const selfSigned = "self-signed"

const (
	selfSignedFile   = "smtp-tls.pem" // in data_dir: certificate and key
	usersFile        = "smtp-users"   // in data_dir
	certificateSoon  = 14 * 24 * time.Hour
	maxSMTPConns     = 10_000
	maxSMTPConnsRate = 1_000_000
)

// smtpRules are what [smtp] must hold to. Whether somebody can log in is seen
// at the start: users come and go without the configuration.
func (c *Config) smtpRules() []rule {
	s := &c.SMTP
	guarded := len(s.Networks) > 0 || s.TLSCertificate != ""
	rules := []rule{
		{"smtp.tls_listen", len(s.TLSListen) == 0 || s.TLSCertificate != "", "needs a certificate", `set tls_certificate and tls_key, or tls_certificate = "self-signed"`},
		{"smtp.tls_key", s.TLSKey != "" || s.TLSCertificate == "" || s.TLSCertificate == selfSigned, "is empty", "the PEM file with the key of tls_certificate"},
		{"smtp.tls_key", s.TLSKey == "" || s.TLSCertificate != "" && s.TLSCertificate != selfSigned, "has no certificate", "set tls_certificate too"},
		{"smtp.max_connections", s.MaxConnections >= 1 && s.MaxConnections <= maxSMTPConns, fmt.Sprintf("is %d", s.MaxConnections), "from 1 to 10000"},
		{"smtp.max_per_source", s.MaxPerSource >= 1 && s.MaxPerSource <= maxSMTPConns, fmt.Sprintf("is %d", s.MaxPerSource), "from 1 to 10000"},
		{"smtp.max_connection_rate", s.MaxRate >= 1 && s.MaxRate <= maxSMTPConnsRate, fmt.Sprintf("is %d", s.MaxRate), "from 1 to 1000000 a minute"},
	}
	for key, addresses := range map[string][]string{"smtp.listen": s.Listen, "smtp.tls_listen": s.TLSListen} {
		for _, address := range addresses {
			rules = append(rules,
				rule{key, isListen(address), fmt.Sprintf("%q is not host:port", address), `for example listen = ["127.0.0.1:2525"]`},
				rule{key, isLoopback(address) || guarded, fmt.Sprintf("%q is not on this host alone: whoever reaches it could send mail in your name", address),
					`listen on 127.0.0.1 or [::1]; or let clients log in over TLS (tls_certificate, pabal smtp-user add), or list who may submit: networks = ["10.1.0.0/16"]`})
		}
	}
	for _, text := range s.Networks {
		n, err := netip.ParsePrefix(text)
		rules = append(rules, // clients are never seen with such an address, and the width is not what it seems
			rule{"smtp.networks", err == nil && !n.Addr().Is4In6(), fmt.Sprintf("%q is not a network", text), `for example networks = ["10.1.0.0/16", "192.0.2.7/32"]`})
	}
	return rules
}

// networks are smtp.networks; validate has seen that they are some.
func (s SMTPConfig) networks() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range s.Networks {
		if n, err := netip.ParsePrefix(text); err == nil {
			all = append(all, n.Masked())
		}
	}
	return all
}

// smtpUsers is where the users of the SMTP server are.
func (c *Config) smtpUsers() string {
	if c.SMTP.UsersFile == "" {
		return filepath.Join(c.DataDir, usersFile)
	}
	return c.SMTP.UsersFile
}

func (d *daemon) newSMTP() (err error) {
	s := smtpd.New(d.spool)
	c := &d.cfg.SMTP
	s.Listen, s.TLSListen = d.cfg.smtpListen(), c.TLSListen
	s.Hostname = hostname()
	s.MaxMessageSize = int64(c.MaxMessageSize)
	s.MaxRecipients = c.MaxRecipients
	s.MaxConnections, s.MaxPerSource, s.MaxRate = c.MaxConnections, c.MaxPerSource, c.MaxRate
	s.Networks = c.networks()
	s.Users = smtpd.OpenUsers(d.cfg.smtpUsers())
	s.SenderAllowed = d.ses.MaySend
	s.UnverifiedFrom, s.DefaultFrom = smtpd.UnverifiedFrom(c.UnverifiedFrom), c.defaultFrom()
	s.QualifyDomain, s.AllowHeaders = c.QualifyDomain, c.AllowHeaders
	s.Suppressed = d.suppressed
	s.Aliases, s.UserRate = d.cfg.aliases(), c.SubmitRate
	s.Logger = d.logger
	if s.Routes, err = d.cfg.routes(); err != nil {
		return err
	}
	for _, warning := range s.Routes.Warnings() {
		d.logger.Warn("routing rule is probably not meant so", "rule", warning)
	}
	d.smtp = s
	switch c.TLSCertificate {
	case "":
		return nil
	case selfSigned:
		d.cert, err = smtpd.SelfSigned(filepath.Join(d.cfg.DataDir, selfSignedFile), hostname())
	default:
		d.cert, err = smtpd.LoadCertificate(c.TLSCertificate, c.TLSKey)
	}
	if err != nil {
		return err
	}
	d.warnCertificate()
	s.TLS = d.cert.Config()
	return nil
}

func (d *daemon) warnCertificate() {
	if ends := d.cert.Ends(); time.Until(ends) < certificateSoon {
		d.logger.Warn("smtp certificate ends soon", "ends", ends.UTC().Format(time.RFC3339))
	}
}

func hostname() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// hangups has every HUP from now on mean reload: nil where it keeps its other
// meaning, that the terminal was closed, without a certificate or on a terminal.
// Under nohup it is not heard, and under a service manager it means reload
// whether or not there is something to read.
func (d *daemon) hangups() chan os.Signal {
	if !d.manager.supervised() && (d.cert == nil || signal.Ignored(syscall.SIGHUP) || onTerminal()) {
		return nil
	}
	signal.Ignore(syscall.SIGHUP) // takes it from whoever ends the process
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	return heard
}

// reloads reads the certificate anew at every HUP, until ctx ends.
func (d *daemon) reloads(ctx context.Context, hangups chan os.Signal) error {
	if hangups != nil {
		defer signal.Stop(hangups)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			d.reload()
		}
	}
}

func (d *daemon) reload() {
	if d.cert == nil {
		d.logger.Info("nothing to reload", "hint", "settings are read at the start: systemctl restart pabal")
		return
	}
	if err := d.cert.Reload(); err != nil {
		what, hint := parts(err)
		d.logger.Error("smtp certificate not reloaded", "err", eml.Visible(what), "hint", hint)
		return
	}
	d.logger.Info("smtp certificate reloaded", "ends", d.cert.Ends().UTC().Format(time.RFC3339))
	d.warnCertificate()
}

// onTerminal reports whether the process has a terminal that could be closed.
func onTerminal() bool {
	f, err := os.Open("/dev/tty")
	return err == nil && f.Close() == nil
}
