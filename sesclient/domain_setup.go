package sesclient

// Setting a domain up: the identity is created or read, and gets a MAIL FROM
// domain. Each step may be repeated, and nothing that is set is overwritten
// unless it is said, so a run that breaks off is finished by the next.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"golang.org/x/net/dns/dnsmessage"

	"pabal/eml"
	"pabal/spool"
)

const (
	mailFromLabel = "bounce" // the MAIL FROM domain is bounce.example.com unless another is named
	setupTries    = 4        // of a call that SES says comes too fast
)

// SetUpOrder is what to set up.
type SetUpOrder struct {
	Domain     string `json:"domain"`
	MailFrom   string `json:"mail_from,omitempty"`    // "" is what is set, else bounce.DOMAIN
	NoMailFrom bool   `json:"no_mail_from,omitempty"` // leave the MAIL FROM domain as it is, also when there is none
	Replace    bool   `json:"replace,omitempty"`      // put MailFrom in the place of another that is set
	Own        bool   `json:"own,omitempty"`          // an identity of its own, although one above covers the domain
}

// SetUpResult is what setting up did, and how the domain is now.
type SetUpResult struct {
	Domain
	Created     bool `json:"created"`       // the identity was not there
	MailFromSet bool `json:"mail_from_set"` // the MAIL FROM domain was set
}

// SetUp creates the identity of a domain where there is none, sets its MAIL
// FROM domain where there is none or SES has given it up, and says how all is.
// Doing it again changes nothing. Errors are *eml.Problem (what was asked for cannot be, nothing was
// changed) and *spool.SendError (SES).
func (c *Client) SetUp(ctx context.Context, o SetUpOrder) (r SetUpResult, err error) {
	if err := o.check(); err != nil {
		return r, err
	}
	before, err := c.beforeSetUp(ctx, &o)
	if err != nil {
		return r, err
	}
	defer c.forgetIdentities()
	if before == nil {
		if r.Created, err = c.createIdentity(ctx, o.Domain); err != nil {
			return r, err
		}
	}
	if want := o.mailFrom(before); want != "" {
		if err := c.setMailFrom(ctx, o.Domain, want, before); err != nil {
			return r, err
		}
		r.MailFromSet = true
	}
	r.Domain, err = c.lookAs(ctx, o.Domain, o.Domain)
	return r, err
}

// check puts the names in the form SES wants.
func (o *SetUpOrder) check() (err error) {
	if o.Domain, err = domainName(o.Domain); err != nil {
		return err
	}
	if o.MailFrom == "" {
		return nil
	}
	if o.MailFrom, err = domainName(o.MailFrom); err != nil {
		return err
	}
	if !strings.HasSuffix(o.MailFrom, "."+o.Domain) {
		return &eml.Problem{What: o.MailFrom + " is not below " + o.Domain, Hint: "SES wants the MAIL FROM domain below the sender's: --mail-from " + mailFromLabel + "." + o.Domain}
	}
	return nil
}

// domainName is a domain as SES takes it.
func domainName(name string) (string, error) {
	address, err := eml.ParseAddress("postmaster@" + strings.TrimSuffix(strings.TrimSpace(name), "."))
	if err != nil || strings.Contains(name, "@") {
		return "", &eml.Problem{What: eml.Visible(name) + " is no domain", Hint: "write it as example.com", Err: err}
	}
	return eml.Domain(address), nil
}

// beforeSetUp is the identity as it is, nil for none, once nothing speaks
// against what is asked for.
func (c *Client) beforeSetUp(ctx context.Context, o *SetUpOrder) (*sesv2.GetEmailIdentityOutput, error) {
	out, err := c.getIdentity(ctx, o.Domain)
	if err != nil {
		return nil, Classify(err)
	}
	if out == nil && !o.Own {
		list, err := c.identities.refresh(ctx, apiPause)
		if err != nil {
			return nil, Classify(err)
		}
		if above := covering(list, o.Domain); above != o.Domain {
			return nil, &eml.Problem{What: "SES sends for " + o.Domain + " already: " + above + " is verified and covers it",
				Hint: "see how it is: pabal domain check " + o.Domain + "; to set up the one that covers it: pabal domain setup " + above +
					"; for an identity and a reputation of its own: pabal domain setup " + o.Domain + " --own"}
		}
	}
	set := mailFromOf(out)
	if o.MailFrom != "" && set != "" && set != o.MailFrom && !o.Replace {
		return nil, &eml.Problem{What: "the MAIL FROM domain of " + o.Domain + " is " + set + " already",
			Hint: "keep it: leave --mail-from out; or put " + o.MailFrom + " in its place: --replace (until its records are published SES sends with amazonses.com)", Code: "mail_from_set", Args: []string{set}}
	}
	return out, c.mailFromFree(ctx, o, out)
}

// mailFromFree refuses a MAIL FROM domain that takes mail already: SES wants to
// be its only MX, and publishing SES's would take that mail away.
func (c *Client) mailFromFree(ctx context.Context, o *SetUpOrder, out *sesv2.GetEmailIdentityOutput) error {
	name := o.mailFrom(out)
	if name == "" || name == mailFromOf(out) || c.resolver == nil {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, c.dnsLimit)
	defer cancel()
	a, err := c.resolver.ask(short, name, dnsmessage.TypeMX)
	if err != nil || len(a.hosts) == 0 || slices.ContainsFunc(a.hosts, func(h string) bool { return strings.HasSuffix(h, ".amazonses.com") }) {
		return ctx.Err() // a DNS that does not answer says so below
	}
	return &eml.Problem{What: name + " takes mail already: its MX is " + foreign(strings.Join(a.hosts, ", ")),
		Hint: "name another that is not in use: --mail-from ses." + o.Domain}
}

func mailFromOf(out *sesv2.GetEmailIdentityOutput) string {
	if out == nil || out.MailFromAttributes == nil {
		return ""
	}
	return strings.ToLower(aws.ToString(out.MailFromAttributes.MailFromDomain))
}

// mailFrom is the MAIL FROM domain to set, "" for none. One whose records SES
// has not found within 72 hours is set again, which has SES look anew.
func (o *SetUpOrder) mailFrom(before *sesv2.GetEmailIdentityOutput) string {
	set := mailFromOf(before)
	switch {
	case o.NoMailFrom:
		return ""
	case set != "" && (o.MailFrom == "" || o.MailFrom == set):
		if before.MailFromAttributes.MailFromDomainStatus == types.MailFromDomainStatusFailed {
			return set
		}
		return ""
	case o.MailFrom != "":
		return o.MailFrom
	}
	return mailFromLabel + "." + o.Domain
}

// createIdentity is false for one that was made meanwhile.
func (c *Client) createIdentity(ctx context.Context, name string) (created bool, err error) {
	err = c.patiently(ctx, func(ctx context.Context) error {
		_, err := c.api.CreateEmailIdentity(ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String(name)})
		return err
	})
	var exists *types.AlreadyExistsException
	if errors.As(err, &exists) {
		return false, nil
	}
	if err != nil {
		return false, Classify(err)
	}
	return true, nil
}

// setMailFrom keeps what SES does while the MAIL FROM domain does not work.
func (c *Client) setMailFrom(ctx context.Context, identity, name string, before *sesv2.GetEmailIdentityOutput) error {
	in := &sesv2.PutEmailIdentityMailFromAttributesInput{EmailIdentity: aws.String(identity), MailFromDomain: aws.String(name), BehaviorOnMxFailure: types.BehaviorOnMxFailureUseDefaultValue}
	if before != nil && before.MailFromAttributes != nil && before.MailFromAttributes.BehaviorOnMxFailure != "" {
		in.BehaviorOnMxFailure = before.MailFromAttributes.BehaviorOnMxFailure
	}
	err := c.patiently(ctx, func(ctx context.Context) error {
		_, err := c.api.PutEmailIdentityMailFromAttributes(ctx, in)
		return err
	})
	if err != nil {
		return Classify(err)
	}
	return nil
}

// patiently repeats a call that SES says came too fast, one a second: such a
// call did nothing.
func (c *Client) patiently(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		began := time.Now()
		err := c.call(ctx, apiLimit, do)
		if err == nil || try == setupTries || Classify(err).Class != spool.Rate {
			return err
		}
		if err := pause(ctx, began.Add(apiPause)); err != nil {
			return &callError{err: err, got: GotUnsent}
		}
	}
}

// forgetIdentities makes the next look at identities and domains a new one.
func (c *Client) forgetIdentities() {
	c.identities.forget()
	c.domains.forget()
}

// VerifyAddress asks SES to verify one address, which the sandbox wants of
// every recipient: SES mails it a link, good for 24 hours. An address that is
// verified, alone or by its domain, or that waits, is left as it is: another
// link takes deleting it, and pabal holds no right to delete identities. Errors
// are *eml.AddressError and *spool.SendError.
func (c *Client) VerifyAddress(ctx context.Context, address string) (Identity, error) {
	address, err := eml.ParseAddress(address)
	if err != nil {
		return Identity{}, err
	}
	list, err := c.identities.refresh(ctx, apiPause)
	if err != nil {
		return Identity{}, Classify(err)
	}
	is := Identity{Name: address, Type: "address", Status: string(types.VerificationStatusPending)}
	if covers(list, address) {
		is.Verified, is.Status = true, string(types.VerificationStatusSuccess)
		return is, nil
	}
	if at := slices.IndexFunc(list, func(i Identity) bool { return sameAddress(i.Name, address) }); at >= 0 {
		return list[at], nil
	}
	defer c.forgetIdentities()
	_, err = c.createIdentity(ctx, address)
	return is, err
}
