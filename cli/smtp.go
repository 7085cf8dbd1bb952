package cli

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"pabal/smtpd"
)

const (
	usersFile        = "smtp-users" // in data_dir
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
		{"smtp.max_connections", s.MaxConnections >= 1 && s.MaxConnections <= maxSMTPConns, fmt.Sprintf("is %d", s.MaxConnections), "from 1 to 10000"},
		{"smtp.max_per_source", s.MaxPerSource >= 1 && s.MaxPerSource <= maxSMTPConns, fmt.Sprintf("is %d", s.MaxPerSource), "from 1 to 10000"},
		{"smtp.max_connection_rate", s.MaxRate >= 1 && s.MaxRate <= maxSMTPConnsRate, fmt.Sprintf("is %d", s.MaxRate), "from 1 to 1000000 a minute"},
	}
	rules = append(rules, keyRules("smtp", s.TLSCertificate, s.TLSKey)...)
	for key, addresses := range map[string][]string{"smtp.listen": s.Listen, "smtp.tls_listen": s.TLSListen} {
		for _, address := range addresses {
			rules = append(rules,
				rule{key, isListen(address), fmt.Sprintf("%q is not host:port", address), `for example listen = ["127.0.0.1:2525"]`},
				rule{key, isLoopback(address) || guarded, fmt.Sprintf("%q is not on this host alone: whoever reaches it could send mail in your name", address),
					`listen on 127.0.0.1 or [::1]; or let clients log in over TLS (tls_certificate, pabal smtp-user add), or list who may submit: networks = ["10.1.0.0/16"]`})
		}
	}
	return append(rules, networkRules("smtp.networks", s.Networks)...)
}

// networkRules are for a list of networks.
func networkRules(key string, list []string) (rules []rule) {
	name := key[strings.LastIndex(key, ".")+1:]
	for _, text := range list {
		n, err := netip.ParsePrefix(text)
		rules = append(rules, // clients are never seen with such an address, and the width is not what it seems
			rule{key, err == nil && !n.Addr().Is4In6(), fmt.Sprintf("%q is not a network", text), "for example " + name + ` = ["10.1.0.0/16", "192.0.2.7/32"]`})
	}
	return rules
}

// prefixes are the networks of a list; validate has seen that they are some.
func prefixes(list []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
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
	s.Networks = prefixes(c.Networks)
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
	if d.cert, err = d.certificate("smtp", c.TLSCertificate, c.TLSKey); d.cert != nil {
		s.TLS = d.cert.Config()
	}
	return err
}

func hostname() string {
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}
