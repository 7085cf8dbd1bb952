package campaign

import (
	"slices"

	"pabal/audience"
	"pabal/spool"
)

// PastCampaigns implements audience.Past: all campaigns, in the order they
// were made. Those that mailed nobody have not started in a segment's sense:
// drafts, a freeze under way, and what was cancelled before its first mail.
func (s *Store) PastCampaigns() ([]audience.PastCampaign, error) {
	all, err := s.Campaigns()
	if err != nil {
		return nil, err
	}
	past := make([]audience.PastCampaign, 0, len(all))
	for _, c := range all {
		p := audience.PastCampaign{ID: c.ID, Name: c.Name}
		if l, err := s.spool.Ledger(c.ID); err == nil && mailed(&l) {
			p.Started, p.Ended = l.FrozenAt, l.Ended
			if l.Removed != nil {
				p.Gone = l.Removed.Before
			}
		}
		past = append(past, p)
	}
	slices.Reverse(past)
	return past, nil
}

func mailed(l *spool.Ledger) bool {
	switch l.State {
	case spool.Freezing:
		return false
	case spool.Cancelling, spool.Cancelled:
		return l.Accepted+l.Failed+l.Unknown > 0 && !l.FrozenAt.IsZero()
	}
	return true
}

// PastRows implements audience.Past over the ledger. A campaign that is sending
// meanwhile is read as it is at each call.
func (s *Store) PastRows(campaign, after uint64, dst []audience.PastRow) ([]audience.PastRow, error) {
	err := s.spool.Facts(campaign, after, cap(dst)-len(dst), func(f spool.Fact) {
		dst = append(dst, audience.PastRow{Subscriber: f.Subscriber, Deeds: deeds(&f), At: f.At})
	})
	return dst, err
}

// deeds is what a row says in the words of segments.
func deeds(f *spool.Fact) audience.Deed {
	d := audience.Selected
	switch f.Outcome {
	case spool.Accepted:
		d |= audience.Accepted
	case spool.Failed:
		d |= audience.Failed
	case spool.Skipped:
		d |= audience.Skipped
	case spool.Unknown:
		d |= audience.Unknown
	}
	for kind, deed := range [...]audience.Deed{spool.Delivered: audience.Delivered, spool.Delayed: audience.Delayed,
		spool.Bounced: audience.Bounced, spool.Complained: audience.Complained, spool.Rejected: audience.Rejected,
		spool.Opened: audience.Opened, spool.Clicked: audience.Clicked} {
		if f.Heard(spool.FeedbackKind(kind)) {
			d |= deed
		}
	}
	if d&audience.Accepted != 0 && d&(audience.Bounced|audience.Rejected) == 0 {
		d |= audience.Received
	}
	return d
}
