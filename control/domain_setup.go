package control

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// setupTimeout ends a set-up that nobody answers: a few calls and a few look-ups.
const setupTimeout = time.Minute

// SenderSetup is what setting a domain up did, and how the domain is now.
type SenderSetup struct {
	SenderDomain
	Created     bool   `json:"created"`       // the identity was not there
	MailFromSet bool   `json:"mail_from_set"` // the MAIL FROM domain was set
	Zone        string `json:"zone"`          // that the records most likely belong to
}

// AddressOrder asks SES to verify an address.
type AddressOrder struct {
	Address string `json:"address"`
}

// setUpDomain is POST /v0/domains.
func (s *Server) setUpDomain(r *http.Request) (any, error) {
	lang, err := language(r)
	if err != nil {
		return nil, err
	}
	o, err := read[sesclient.SetUpOrder](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), setupTimeout)
	defer cancel()
	did, err := s.SES.SetUp(ctx, o)
	if err != nil {
		return nil, sesProblem(err)
	}
	s.Logger.Info("domain set up", "domain", did.Name, "identity_created", did.Created, "mail_from_set", did.MailFromSet)
	out := SenderSetup{SenderDomain: SenderDomain{Domain: did.Domain, Findings: []campaign.Finding{}}, Created: did.Created, MailFromSet: did.MailFromSet, Zone: did.Zone()}
	out.Configured = eml.Domain(s.ownSender()) == did.Name
	for _, f := range DomainFindings(did.Domain) {
		out.Findings = append(out.Findings, f.In(lang))
	}
	return out, nil
}

// verifyAddress is POST /v0/identities.
func (s *Server) verifyAddress(r *http.Request) (any, error) {
	o, err := read[AddressOrder](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), setupTimeout)
	defer cancel()
	i, err := s.SES.VerifyAddress(ctx, o.Address)
	if err != nil {
		return nil, sesProblem(err)
	}
	return i, nil
}

// identities is GET /v0/identities.
func (s *Server) identities(l *lines, r *http.Request) error {
	list, err := s.SES.Identities(r.Context())
	if err != nil {
		return sesProblem(err)
	}
	for _, i := range list {
		if err := l.write(i); err != nil {
			return err
		}
	}
	return nil
}

// sesProblem is a refusal of SES with what to do about it.
func sesProblem(err error) error {
	var refused *spool.SendError
	if !errors.As(err, &refused) {
		return err
	}
	hint := map[spool.Class]string{
		spool.Credentials: "check the credentials, and that they allow what docs/domain.md lists: ses:CreateEmailIdentity and the others",
		spool.Network:     "check the network and ses.endpoint, then do it again",
		spool.Rate:        "SES allows one such call a second: do it again in a moment",
	}[refused.Class]
	return &eml.Problem{What: "SES: " + refused.Error(), Hint: cmp.Or(refused.Hint, hint, "do it again in a moment: what was done already is not done twice"), Err: err}
}

// SetUpDomain creates or reads the identity of a domain, sets its MAIL FROM
// domain where there is none, and says how all is, in the words of a language.
// The eml.Problem it returns has Code mail_from_set where another MAIL FROM
// domain is in the way.
func (c *Client) SetUpDomain(ctx context.Context, o sesclient.SetUpOrder, lang string) (SenderSetup, error) {
	return call[SenderSetup](ctx, c, http.MethodPost, "/v0/domains", url.Values{"lang": {lang}}, o)
}

// VerifyAddress has SES mail a link that verifies an address, unless it is
// verified or waits already.
func (c *Client) VerifyAddress(ctx context.Context, address string) (sesclient.Identity, error) {
	return call[sesclient.Identity](ctx, c, http.MethodPost, "/v0/identities", nil, AddressOrder{address})
}

// Identities are all identities of the SES account in its region, fresh.
func (c *Client) Identities(ctx context.Context) ([]sesclient.Identity, error) {
	return collect(list[sesclient.Identity](ctx, c, http.MethodGet, "/v0/identities", nil, nil))
}
