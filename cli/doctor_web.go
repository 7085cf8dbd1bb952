package cli

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"pabal/smtpd"
)

// checkCertificates looks at the files of [smtp] and [web] before clients refuse
// what they hold.
func (e *examination) checkCertificates(context.Context) {
	named := 0
	for _, c := range []struct{ section, file, key, host string }{{"smtp", e.cfg.SMTP.TLSCertificate, e.cfg.SMTP.TLSKey, ""},
		{"web", e.cfg.Web.TLSCertificate, e.cfg.Web.TLSKey, hostOf(e.cfg.Web.PublicURL)}} {
		switch c.file {
		case "":
			continue
		case selfSigned:
			e.say("certificate", checkPass, "["+c.section+"] has a self-signed one, which the daemon makes anew in time", "")
		default:
			result, what, how := judgeCertificate(c.section, c.file, c.key, c.host)
			e.say("certificate", result, "["+c.section+"] "+what, how)
		}
		named++
	}
	if named == 0 {
		e.say("certificate", checkSkip, "neither [smtp] nor [web] has one", "")
	}
}

// judgeCertificate says what is wrong with a pair of files; host is whom it must
// be for, "" for anybody.
func judgeCertificate(section, file, key, host string) (result, what, how string) {
	cert, err := smtpd.LoadCertificate(section, file, key)
	if err != nil {
		what, how = parts(err)
		return checkFail, what, how
	}
	result, end := ending(cert.Leaf(), time.Now())
	info, err := os.Stat(key)
	switch {
	case result != checkPass:
		return result, file + " " + end, "renew it; the daemon reads new files within a minute, or at once: systemctl reload pabal"
	case host != "" && cert.Leaf().VerifyHostname(host) != nil:
		return checkWarn, file + " is not for " + host + " of web.public_url", "right behind a proxy that has a certificate for it; else get one with that name"
	case err == nil && info.Mode().Perm()&0o007 != 0:
		return checkWarn, fmt.Sprintf("%s is open to others (mode %04o)", key, info.Mode().Perm()), "chmod o= " + key
	}
	return checkPass, file + " " + end, ""
}

// hostOf is the name in a URL, "" if there is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// checkPublicURL asks our own pages by the address that letters carry.
func (e *examination) checkPublicURL(ctx context.Context) {
	base := e.cfg.Web.PublicURL
	switch {
	case base == "":
		e.say("public_url", checkWarn, "web.public_url is empty: letters would have no link to unsubscribe, so no campaign starts", `set it: [web] public_url = "https://mail.example.com"`)
		return
	case e.daemon == nil:
		e.say("public_url", checkSkip, "no daemon runs that could answer there", "")
		return
	}
	leaf, err := reach(ctx, strings.TrimSuffix(base, "/")+"/healthz")
	result, end := ending(leaf, time.Now())
	switch {
	case err != nil:
		e.say("public_url", checkWarn, base+" does not answer from here: "+err.Error(), "see that it leads to "+e.cfg.Web.Listen+" (DNS, firewall, proxy); a host behind NAT may be unable to see itself: try it from outside")
	case !strings.HasPrefix(base, "https://"):
		e.say("public_url", checkWarn, base+" is not https: mailboxes offer one-click unsubscribe by https only", "put a proxy with a certificate before it, or give [web] one of its own: docs/web.md")
	case result != checkPass:
		e.say("public_url", result, base+" answers; its certificate "+end, "see why it was not renewed: the proxy's log, certbot renew --dry-run")
	default:
		e.say("public_url", checkPass, base+" answers", "")
	}
}

// reach wants the answer of our own pages; the certificate is what was shown, nil
// without TLS.
func reach(ctx context.Context, address string) (*x509.Certificate, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() // read as far as needed
	var body [16]byte
	n, _ := resp.Body.Read(body[:]) // nothing read is not ok
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(body[:n]), "ok") {
		return nil, fmt.Errorf("something else answers there (%s)", resp.Status)
	}
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	return resp.TLS.PeerCertificates[0], nil
}
