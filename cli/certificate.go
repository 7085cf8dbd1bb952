package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pabal/eml"
	"pabal/smtpd"
)

// selfSigned stands in tls_certificate of [smtp] and [web] for one that pabal makes.
const selfSigned = "self-signed"

const (
	selfSignedFile = "-tls.pem" // in data_dir, behind the section's name: certificate and key
	// certificateEvery is between two looks at the files: who renews a certificate
	// (certbot, acme.sh) need not know whom to tell.
	certificateEvery = time.Minute
)

// keyRules are what tls_certificate and tls_key of a section must hold to.
func keyRules(section, certificate, key string) []rule {
	return []rule{
		{section + ".tls_key", key != "" || certificate == "" || certificate == selfSigned, "is empty", "the PEM file with the key of tls_certificate"},
		{section + ".tls_key", key == "" || certificate != "" && certificate != selfSigned, "has no certificate", "set tls_certificate too"},
	}
}

// webWarnings are about pages that others than this host reach in the clear. A
// container has to listen so, and a proxy on another host is reached so.
func (c *Config) webWarnings() (all []string) {
	w := &c.Web
	if w.Listen != "" && !isLoopback(w.Listen) && w.TLSCertificate == "" {
		all = append(all, "web.listen "+w.Listen+" can be reached from other hosts, without TLS: the links in letters are secrets; set tls_certificate, or let only your HTTPS proxy reach it and name it in proxies")
	}
	if w.MetricsListen != "" && !isLoopback(w.MetricsListen) {
		all = append(all, "web.metrics_listen "+w.MetricsListen+" can be reached from other hosts: it says how much you mail; let only your monitoring reach it")
	}
	if strings.HasPrefix(w.PublicURL, "http://") && !c.sesOnLoopback() {
		all = append(all, "web.public_url is not https: mailboxes offer their own unsubscribe button by https only")
	}
	return all
}

// certificate is that of a section, nil for none. That it ends soon is an alarm.
func (d *daemon) certificate(section, file, key string) (*smtpd.Certificate, error) {
	switch file {
	case "":
		return nil, nil
	case selfSigned:
		return smtpd.SelfSigned(section, filepath.Join(d.cfg.DataDir, section+selfSignedFile), hostname())
	}
	return smtpd.LoadCertificate(section, file, key)
}

// certificates are those the daemon shows, by their section.
func (d *daemon) certificates() map[string]*smtpd.Certificate {
	all := map[string]*smtpd.Certificate{}
	for section, cert := range map[string]*smtpd.Certificate{"smtp": d.cert, "web": d.webCert} {
		if cert != nil {
			all[section] = cert
		}
	}
	return all
}

// webTLS is how web.listen is served over TLS; nil is in the clear.
func (d *daemon) webTLS() *tls.Config {
	if d.webCert == nil {
		return nil
	}
	config := d.webCert.Config()
	config.NextProtos = []string{"h2", "http/1.1"}
	return config
}

// hangups has every HUP from now on mean reload: nil where it keeps its other
// meaning, that the terminal was closed, without a certificate or on a terminal.
// Under nohup it is not heard, and under a service manager it means reload
// whether or not there is something to read.
func (d *daemon) hangups() chan os.Signal {
	if !d.manager.supervised() && (len(d.certificates()) == 0 || signal.Ignored(syscall.SIGHUP) || onTerminal()) {
		return nil
	}
	signal.Ignore(syscall.SIGHUP) // takes it from whoever ends the process
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	return heard
}

// reloads reads the certificates anew at every HUP and when their files change,
// until ctx ends.
func (d *daemon) reloads(ctx context.Context, hangups chan os.Signal) error {
	if hangups != nil {
		defer signal.Stop(hangups)
	}
	look := time.NewTicker(certificateEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			d.reload()
		case <-look.C:
			d.renew()
		}
	}
}

// reload reads all certificates anew.
func (d *daemon) reload() {
	changed, err := d.reloadLevel()
	d.auditReload(err)
	if err != nil {
		what, hint := parts(err)
		d.logger.Error("log level not reloaded", "err", eml.Visible(what), "hint", hint)
	}
	all := d.certificates()
	if len(all) == 0 && !changed {
		d.logger.Info("nothing to reload", "hint", "settings are read at the start: systemctl restart pabal")
	}
	for section, cert := range all {
		d.reloadOne(section, cert)
	}
}

// renew reads those anew whose files are others than before. A pair that cannot
// be used is tried again when one of its files changes once more: certificate
// and key are seldom written in the same instant.
func (d *daemon) renew() {
	for section, cert := range d.certificates() {
		if cert.Changed() {
			d.reloadOne(section, cert)
		}
	}
}

func (d *daemon) reloadOne(section string, cert *smtpd.Certificate) {
	if err := cert.Reload(); err != nil {
		what, hint := parts(err)
		d.logger.Error("certificate not reloaded", "setting", section+".tls_certificate", "err", eml.Visible(what), "hint", hint)
		return
	}
	d.logger.Info("certificate reloaded", "setting", section+".tls_certificate", "ends", cert.Ends().UTC())
}

// onTerminal reports whether the process has a terminal that could be closed.
func onTerminal() bool {
	f, err := os.Open("/dev/tty")
	return err == nil && f.Close() == nil
}

// ending is the verdict on a certificate's end, for doctor. Short-lived ones (6 days, an hour)
// are renewed late by design: they have a share of their life instead of 30 and
// 7 days.
func ending(leaf *x509.Certificate, now time.Time) (result, what string) {
	if leaf == nil {
		return checkPass, ""
	}
	life, left := leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	at := leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case left <= 0:
		return checkFail, "ended at " + at
	case now.Before(leaf.NotBefore):
		return checkFail, "is valid from " + leaf.NotBefore.UTC().Format("2006-01-02 15:04 MST") + " only"
	case left < min(7*24*time.Hour, life/10):
		return checkFail, "ends at " + at
	case left < min(30*24*time.Hour, life/3):
		return checkWarn, "ends at " + at
	}
	return checkPass, "is good until " + at
}
