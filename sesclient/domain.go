package sesclient

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"golang.org/x/net/publicsuffix"
)

const (
	domainKept   = 5 * time.Minute // an answer about a domain counts so long
	domainSilent = time.Minute     // one where the DNS did not answer
	domainsKept  = 100             // domains remembered
)

// Domain is how the domain of a sender is set up: what SES says of it and what
// the DNS has.
type Domain struct {
	Name     string    `json:"name"`     // of From
	Identity string    `json:"identity"` // the verified identity that covers it; "" for none
	Records  []Record  `json:"records"`  // for the DNS: DKIM, MX and SPF of the MAIL FROM domain, DMARC
	DKIM     DKIM      `json:"dkim"`
	MailFrom MailFrom  `json:"mail_from"`
	DMARC    DMARC     `json:"dmarc"`
	Faults   []Fault   `json:"faults"` // what is amiss
	At       time.Time `json:"at"`
}

// DKIM is how SES signs.
type DKIM struct {
	Signing bool   `json:"signing"`
	Status  string `json:"status"` // SUCCESS, PENDING, FAILED, TEMPORARY_FAILURE, NOT_STARTED
	Domain  string `json:"domain"` // d= of the signature; "" when nothing is signed
	Aligned bool   `json:"aligned"`
}

// MailFrom is the domain of the envelope sender.
type MailFrom struct {
	Domain  string `json:"domain"` // "" is amazonses.com
	Status  string `json:"status,omitempty"`
	Refuses bool   `json:"refuses"` // SES refuses mail while it does not work
	SPF     string `json:"spf,omitempty"`
	Aligned bool   `json:"aligned"`
}

// DMARC is the policy of the domain, or of the one it belongs to.
type DMARC struct {
	Record                string `json:"record,omitempty"`
	Policy                string `json:"policy,omitempty"` // none, quarantine, reject
	strictDKIM, strictSPF bool
}

// Fault is one thing amiss. Part and Case are stable names.
type Fault struct {
	Part  string            `json:"part"`  // dkim, mail_from, spf, dmarc, dns_silent
	Case  string            `json:"case"`  // which of the part's faults
	Level string            `json:"level"` // block, warn, note
	Count int64             `json:"count,omitempty"`
	Data  map[string]string `json:"data,omitempty"`
}

func (d *Domain) fault(part, which, level string, count int, data ...string) {
	f := Fault{Part: part, Case: which, Level: level, Count: int64(count), Data: map[string]string{"domain": d.Name}}
	for i := 0; i+1 < len(data); i += 2 {
		f.Data[data[i]] = data[i+1]
	}
	d.Faults = append(d.Faults, f)
}

// domains keeps the last answers.
type domains struct {
	seen func(Domain) // told every new one; nil: nobody watches

	mu   sync.Mutex
	kept map[string]Domain
}

func (k *domains) get(name string) (Domain, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	d, ok := k.kept[name]
	return d, ok && time.Since(d.At) < d.lasts()
}

func (k *domains) put(name string, d Domain) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil || len(k.kept) >= domainsKept {
		k.kept = map[string]Domain{}
	}
	k.kept[name] = d
}

func (k *domains) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = nil
}

// lasts is how long an answer counts.
func (d *Domain) lasts() time.Duration {
	for _, f := range d.Faults {
		if f.Part == "dns_silent" {
			return domainSilent
		}
	}
	return domainKept
}

// Domain says how the domain of an address (or a domain) is set up at SES and in
// the DNS. Answers are kept five minutes, one when the DNS was silent; a DNS
// that does not answer is a fault among the others, not an error. Errors are
// *spool.SendError: SES could not be asked.
func (c *Client) Domain(ctx context.Context, from string) (Domain, error) {
	if d, ok := c.domains.get(strings.ToLower(from)); ok {
		return d, nil
	}
	return c.lookAnew(ctx, from, verifiedFor)
}

// DomainNow is Domain looked up anew, for whoever has just mended something.
// Identities that SES listed within a second are not listed again.
func (c *Client) DomainNow(ctx context.Context, from string) (Domain, error) {
	return c.lookAnew(ctx, from, apiPause)
}

// lookAnew looks with a list of identities no older than listed.
func (c *Client) lookAnew(ctx context.Context, from string, listed time.Duration) (Domain, error) {
	d, err := c.look(ctx, from, listed)
	if err == nil {
		c.domains.put(strings.ToLower(from), d)
		if c.domains.seen != nil {
			c.domains.seen(d)
		}
	}
	return d, err
}

// look is one look: by the identity that covers an address, its domain, one
// above it, or the address alone.
func (c *Client) look(ctx context.Context, from string, listed time.Duration) (Domain, error) {
	list, err := c.identities.refresh(ctx, listed)
	if err != nil {
		return newDomain(from), Classify(err)
	}
	return c.lookAs(ctx, from, covering(list, from))
}

func newDomain(from string) Domain {
	return Domain{Name: strings.ToLower(domainOf(from)), Records: []Record{}, Faults: []Fault{}, At: time.Now()}
}

// lookAs is look by one identity, which need not be there.
func (c *Client) lookAs(ctx context.Context, from, identity string) (Domain, error) {
	d := newDomain(from)
	out, err := c.getIdentity(ctx, identity)
	switch {
	case err != nil:
		return d, Classify(err)
	case out == nil:
		return d, nil
	}
	d.Identity = strings.ToLower(identity)
	if strings.Contains(identity, "@") {
		d.Identity = identity
	}
	d.readDKIM(out, from)
	d.readMailFrom(out, c.region)
	if c.resolver == nil {
		d.wantDMARC()
		return d, nil
	}
	c.askDNS(ctx, &d)
	return d, ctx.Err()
}

// covering is the identity that SES signs and sends an address by: the nearest
// domain that is verified, before the address alone; the domain itself when
// none is listed.
func covering(list []Identity, from string) string {
	best, alone := "", ""
	domain := strings.ToLower(domainOf(from))
	for _, i := range list {
		name := strings.ToLower(i.Name)
		switch {
		case !i.Verified:
		case sameAddress(i.Name, from):
			alone = i.Name
		case (domain == name || strings.HasSuffix(domain, "."+name)) && len(name) > len(best):
			best = name
		}
	}
	switch {
	case best != "":
		return best
	case alone != "":
		return alone
	}
	return domain
}

// getIdentity is nil for one that there is not.
func (c *Client) getIdentity(ctx context.Context, name string) (*sesv2.GetEmailIdentityOutput, error) {
	var out *sesv2.GetEmailIdentityOutput
	err := c.patiently(ctx, func(ctx context.Context) (err error) {
		out, err = c.api.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(name)})
		return err
	})
	var absent *types.NotFoundException
	if errors.As(err, &absent) {
		return nil, nil
	}
	return out, err
}

func (d *Domain) readDKIM(out *sesv2.GetEmailIdentityOutput, from string) {
	if out.IdentityType == types.IdentityTypeEmailAddress {
		d.DKIM.Status = string(types.DkimStatusNotStarted)
		d.fault("dkim", "address", "warn", 0, "address", from)
		return
	}
	if k := out.DkimAttributes; k != nil {
		d.DKIM.Signing, d.DKIM.Status = k.SigningEnabled, string(k.Status)
		zone := aws.ToString(k.SigningHostedZone)
		for _, token := range k.Tokens {
			if zone != "" && k.SigningAttributesOrigin != types.DkimSigningAttributesOriginExternal {
				d.Records = append(d.Records, wanted(token+"._domainkey."+d.Identity, "CNAME", token+"."+zone))
			}
		}
	}
	works := d.DKIM.Status == string(types.DkimStatusSuccess) || d.DKIM.Status == string(types.DkimStatusTemporaryFailure)
	if d.DKIM.Signing && works {
		d.DKIM.Domain = d.Identity
		d.DKIM.Aligned = registered(d.Identity) == registered(d.Name)
		return
	}
	status, which := d.DKIM.Status, "off"
	switch {
	case works:
		status = "off"
	case status == string(types.DkimStatusFailed): // publishing the records is not enough any more
		which = "failed"
	}
	d.fault("dkim", which, "block", 0, "status", status)
}

func (d *Domain) readMailFrom(out *sesv2.GetEmailIdentityOutput, region string) {
	m := out.MailFromAttributes
	if m == nil || aws.ToString(m.MailFromDomain) == "" {
		d.fault("mail_from", "none", "note", 0)
		return
	}
	d.MailFrom.Domain, d.MailFrom.Status = strings.ToLower(aws.ToString(m.MailFromDomain)), string(m.MailFromDomainStatus)
	d.MailFrom.Refuses = m.BehaviorOnMxFailure == types.BehaviorOnMxFailureRejectMessage
	d.Records = append(d.Records, wanted(d.MailFrom.Domain, "MX", "10 feedback-smtp."+region+".amazonses.com"),
		wanted(d.MailFrom.Domain, "TXT", spfWanted))
	switch {
	case m.MailFromDomainStatus == types.MailFromDomainStatusSuccess:
		d.MailFrom.Aligned = registered(d.MailFrom.Domain) == registered(d.Name)
	case d.MailFrom.Refuses:
		d.fault("mail_from", "reject", "block", 0, "mail_from", d.MailFrom.Domain, "status", d.MailFrom.Status)
	default:
		d.fault("mail_from", "failed", "warn", 0, "mail_from", d.MailFrom.Domain, "status", d.MailFrom.Status)
	}
}

// registered is the domain that somebody registered: the organizational domain
// of RFC 7489 3.2.
func registered(name string) string {
	if r, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return r
	}
	return name
}
