package smtpd

import (
	"context"
	"slices"
	"time"

	"pabal/spool"
)

// sort sends reports to senders and leaves the rest to the digest. It returns
// when what has to wait for its mail's other recipients is ripe.
func (f *Failures) sort(ctx context.Context) (ripe time.Time, err error) {
	for {
		all, err := f.seen()
		if err != nil {
			return ripe, err
		}
		ripe = time.Time{}
		waiting, looked := 0, 0
		var over, left []spool.Failure
		for _, group := range wholeMails(byMail(all), all) {
			looked += len(group)
			if group[0].Over {
				over = append(over, group...)
			} else if at := f.ripeAt(group); at.After(time.Now()) {
				ripe, waiting = sooner(ripe, at), waiting+len(group)
			} else if rest, err := f.tell(ctx, group); err != nil {
				return ripe, err
			} else {
				left = append(left, rest...)
			}
		}
		if err := f.leave(over, left); err != nil || len(all) < mostSeen || waiting == looked {
			return ripe, err
		}
	}
}

// seen are the first failures of which nobody was told yet, at most mostSeen.
func (f *Failures) seen() (all []spool.Failure, err error) {
	for len(all) < mostSeen {
		after := uint64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Number
		}
		batch, err := f.spool.Failures(after, spool.MaxBatch)
		if all = append(all, batch...); err != nil || len(batch) < spool.MaxBatch {
			return all, err
		}
	}
	return all, nil
}

// byMail puts those of one mail together, in the order of the first of each.
func byMail(all []spool.Failure) (groups [][]spool.Failure) {
	at := map[uint64]int{}
	for _, one := range all {
		i, ok := at[one.Mail]
		if !ok || one.Mail == 0 || one.Over {
			i = len(groups)
			groups = append(groups, nil)
			if !one.Over {
				at[one.Mail] = i
			}
		}
		groups[i] = append(groups[i], one)
	}
	return groups
}

// wholeMails leaves out the mails of which more may lie behind a full look, unless
// it is full of them: the next look has all of them, for one report.
func wholeMails(groups [][]spool.Failure, all []spool.Failure) [][]spool.Failure {
	if len(all) < mostSeen {
		return groups
	}
	last := map[uint64]bool{}
	for _, one := range all[len(all)-atOnce:] {
		last[one.Mail] = !one.Over
	}
	sure := slices.DeleteFunc(slices.Clone(groups), func(g []spool.Failure) bool { return last[g[0].Mail] })
	if len(sure) == 0 {
		return groups
	}
	return sure
}

// ripeAt is when a group is told of. The digest waits by itself.
func (f *Failures) ripeAt(group []spool.Failure) time.Time {
	if group[0].Over || f.Report != FailuresSender {
		return time.Time{}
	}
	first, last := group[0].Message.At, group[len(group)-1].Message.At
	at := last.Add(collect)
	if most := first.Add(longest); most.Before(at) {
		at = most
	}
	if last.After(time.Now()) { // the clock was set back
		return time.Time{}
	}
	return at
}
