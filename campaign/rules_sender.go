package campaign

import (
	"context"

	"pabal/eml"
)

// Domains knows how the domain of a sender is set up with SES and in the DNS;
// wired by cli.
type Domains interface {
	// Sender is what is amiss with the domain of a From address: findings of the
	// rules dkim, mail_from, spf, dmarc and dns_silent. An error says that SES
	// could not be asked.
	Sender(ctx context.Context, from string) ([]Finding, error)
}

func (in *inspection) judgeSender(ctx context.Context) error {
	from := in.def.from.Address
	if from == "" {
		in.found(RuleFromMissing, Block)
		return nil
	}
	if in.facts == nil {
		return nil
	}
	ok, err := in.store.Accounts.Verified(ctx, from)
	switch {
	case ended(ctx, err):
		return err
	case err != nil:
		in.found(RuleAccountUnknown, Warn, in.store.saidBy(err)...).Case = "sender"
		return nil
	case !ok:
		in.found(RuleFromUnverified, Block, "address", from, "domain", eml.Domain(from))
		return nil
	}
	return in.judgeDomain(ctx, from)
}

func (in *inspection) judgeDomain(ctx context.Context, from string) error {
	if in.store.Domains == nil {
		return nil
	}
	all, err := in.store.Domains.Sender(ctx, from)
	switch {
	case ended(ctx, err):
		return err
	case err != nil:
		in.found(RuleAccountUnknown, Warn, in.store.saidBy(err)...).Case = "domain"
		return nil
	}
	for _, f := range all {
		f.Final = f.Level == Block && ruleOf(f.Rule).Final
		in.findings = append(in.findings, f)
	}
	return nil
}
