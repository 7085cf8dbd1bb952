package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// bookkeeping compares the two books after a fault: the store's, as the daemon tells
// it, and SES's log. It collects what does not hold instead of failing a test:
// where syncs were switched off on purpose, faults are what is wanted.
type bookkeeping struct {
	faults []string
	lost   int // recipients with a 250, or frozen, that nobody accounts for
	twice  int // copies at SES beyond the first
	listed int // recipients named as in doubt: unknown or maybe twice
	open   int // recipients that still wait
	failed int // recipients given up, with a reason

	ids    map[string]string // SES id -> address, as SES has it now
	copies map[sentKey][]emulator.Accepted
}

// sentKey is a message as its id in SES's log names it.
type sentKey struct{ campaign, key uint64 }

// newAudit reads SES's log as it was before the store was looked at and as it
// is after: a copy of before has to be in the store, and what the store calls
// accepted in the one of after.
func newAudit(before, after []emulator.Accepted) *bookkeeping {
	a := &bookkeeping{ids: map[string]string{}, copies: map[sentKey][]emulator.Accepted{}}
	for _, one := range after {
		a.ids[one.ID] = one.To[0]
	}
	for _, one := range before {
		k, ok := sentAs(one)
		if !ok {
			a.fault("SES has a mail with the id %q, which is none of ours", one.XPabalID)
			continue
		}
		a.copies[k] = append(a.copies[k], one)
	}
	return a
}

// sentAs reads STORE-CAMPAIGN-KEY-ATTEMPT.
func sentAs(one emulator.Accepted) (k sentKey, ok bool) {
	parts := strings.Split(one.XPabalID, "-")
	if len(parts) != 4 {
		return k, false
	}
	var err1, err2 error
	k.campaign, err1 = strconv.ParseUint(parts[1], 10, 64)
	k.key, err2 = strconv.ParseUint(parts[2], 10, 64)
	return k, err1 == nil && err2 == nil
}

func (a *bookkeeping) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// sums is what `pabal check` proves.
func (a *bookkeeping) sums(ctx context.Context, c *control.Client) error {
	report, err := c.Check(ctx)
	for _, fault := range report.All() {
		a.fault("check: %s", fault)
	}
	return err
}

// campaign accounts for every recipient of one.
func (a *bookkeeping) campaign(ctx context.Context, c *control.Client, now campaign.Campaign) error {
	if sum := now.Pending + now.Sending + now.Accepted + now.Failed + now.Skipped + now.Unknown; sum != now.Audience {
		a.fault("campaign %d: the outcomes sum up to %d, the audience is %d", now.ID, sum, now.Audience)
	}
	seen := int64(0)
	for m, err := range c.Recipients(ctx, now.ID, "") {
		if err != nil {
			return err
		}
		seen++
		a.message(&m, sentKey{m.Campaign, m.Subscriber})
	}
	if seen != now.Audience && now.State == spool.Done {
		a.lost += int(now.Audience - seen)
		a.fault("campaign %d: the ledger has %d recipients, want %d", now.ID, seen, now.Audience)
	}
	return nil
}

// message compares one message with its copies at SES.
func (a *bookkeeping) message(m *spool.Message, k sentKey) {
	copies := a.copies[k]
	doubtful := m.Outcome == spool.Unknown || m.MaybeTwice
	if doubtful {
		a.listed++
	}
	if n := len(copies); n > 1 {
		a.twice += n - 1
		if !doubtful {
			a.fault("%s got %d copies and is not listed", m.ID, n)
		}
	}
	if len(copies) > m.Attempts {
		a.fault("%s got %d copies in %d attempts", m.ID, len(copies), m.Attempts)
	}
	for _, one := range copies {
		if one.To[0] != m.To {
			a.fault("%s is to %s and SES has a copy to %s", m.ID, m.To, one.To[0])
		}
	}
	a.outcome(m, len(copies))
}

func (a *bookkeeping) outcome(m *spool.Message, copies int) {
	switch m.Outcome {
	case spool.Accepted:
		if to, ok := a.ids[m.SESID]; !ok || to != m.To {
			a.lost++
			a.fault("%s to %s is accepted as %q, which SES's log has for %q", m.ID, m.To, m.SESID, to)
		}
	case spool.Pending, spool.Sending:
		a.open++
		if m.Outcome == spool.Pending && copies > 0 && !m.MaybeTwice {
			a.fault("%s is pending, and SES has %d copies", m.ID, copies)
		}
	case spool.Unknown:
	case spool.Failed, spool.Skipped:
		a.failed++
		if copies > 0 && !m.MaybeTwice {
			a.fault("%s is %s (%s), and SES has %d copies", m.ID, m.Outcome, m.Reason, copies)
		}
	}
	if m.Reason == "" && (m.Outcome == spool.Failed || m.Outcome == spool.Skipped || m.Outcome == spool.Unknown) {
		a.fault("%s is %s without a reason", m.ID, m.Outcome)
	}
}
