package sesclient

// The account's suppression list: hard bounces and complaints, with nothing to
// set up. It is read from a mark on, SES's own time of the newest entry, and a
// little before it, since entries may appear late. Where no queue says more,
// an entry's mail is asked for too, so that the ledger hears of it.

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"pabal/eml"
	"pabal/spool"
)

const (
	listOverlap = 10 * time.Minute // an entry may appear so late
	listPage    = 1000
	listMax     = 10_000_000 // entries of one look; more are a server that repeats itself
	mailsAsked  = 100        // mails looked up in one look, a second each
)

// entry names a suppression, to know it again.
type listEntry struct {
	address string
	at      int64 // unix ms
}

// poll looks at the list now and again until ctx ends.
func (f *Feedback) poll(ctx context.Context) {
	var b backoff
	seen := map[listEntry]bool{} // of the overlap
	for ctx.Err() == nil {
		err := f.look(ctx, seen)
		if ctx.Err() != nil {
			return
		}
		f.answered(ofList, err)
		if err != nil {
			b.wait(ctx)
			continue
		}
		b.reset()
		if pause(ctx, time.Now().Add(f.o.SuppressionPoll)) != nil {
			return
		}
	}
}

// look reads what is new, page by page, and then moves the mark.
func (f *Feedback) look(ctx context.Context, seen map[listEntry]bool) error {
	mark, err := f.loadMark()
	if err != nil {
		return err
	}
	in := &sesv2.ListSuppressedDestinationsInput{PageSize: aws.Int32(listPage)}
	if !mark.Newest.IsZero() {
		in.StartDate = aws.Time(mark.Newest.Add(-listOverlap))
	}
	l := listing{f: f, seen: seen, newest: mark.Newest, mails: mailsAsked}
	if f.queue != nil || mark.Newest.IsZero() { // a queue says more; and the first look finds what is long past
		l.mails = 0
	}
	for n := 0; ; {
		page, err := f.listed(ctx, in)
		if err != nil {
			return err
		}
		if n += len(page.SuppressedDestinationSummaries); n > listMax {
			return &eml.Problem{What: "SES's suppression list does not end", Hint: "see whether ses.endpoint is what you mean"}
		}
		if err := l.page(ctx, page.SuppressedDestinationSummaries); err != nil {
			clear(seen) // it is all taken again
			return err
		}
		if in.NextToken = page.NextToken; aws.ToString(page.NextToken) == "" {
			break
		}
	}
	if l.newest.Equal(mark.Newest) {
		return nil
	}
	return f.saveMark(listMark{l.newest.UTC()})
}

// listing is one look under way.
type listing struct {
	f      *Feedback
	seen   map[listEntry]bool // of the overlap only: the list may be long
	newest time.Time
	mails  int // that may still be looked up
}

// page takes what is new of a page.
func (l *listing) page(ctx context.Context, entries []types.SuppressedDestinationSummary) error {
	var fresh []Event
	for _, s := range entries {
		e, at := entryEvent(s), aws.ToTime(s.LastUpdateTime)
		if at.After(l.newest) {
			l.newest = at
		}
		k := listEntry{aws.ToString(s.EmailAddress), at.UnixMilli()}
		if at.IsZero() || l.seen[k] {
			continue
		}
		if l.mails > 0 {
			l.mails--
			e.SESID = l.f.mailOf(ctx, k.address)
		}
		fresh, l.seen[k] = append(fresh, e), true
	}
	for k := range l.seen {
		if l.newest.Add(-listOverlap).UnixMilli() > k.at {
			delete(l.seen, k)
		}
	}
	return l.f.takeListed(ctx, fresh)
}

func (f *Feedback) takeListed(ctx context.Context, events []Event) error {
	for len(events) > 0 {
		n := min(len(events), spool.MaxBatch)
		r, err := f.taker.TakeEvents(context.WithoutCancel(ctx), events[:n])
		if err != nil {
			return err
		}
		f.took(ofList, events[:n], r)
		events = events[n:]
	}
	return nil
}

// entryEvent is an entry as an event. Its mail was accepted long ago.
func entryEvent(s types.SuppressedDestinationSummary) Event {
	e := Event{Feedback: spool.Feedback{Kind: spool.Bounced, News: "bounced: on SES's suppression list", Hard: true, Known: true},
		At: aws.ToTime(s.LastUpdateTime).UTC(), To: []string{aws.ToString(s.EmailAddress)}}
	if s.Reason == types.SuppressionListReasonComplaint {
		e.Kind, e.News, e.Hard = spool.Complained, "complained: on SES's suppression list", false
	}
	e.ID = e.Kind.String() + " " + aws.ToTime(s.LastUpdateTime).UTC().Format(time.RFC3339Nano)
	return e
}

func (f *Feedback) listed(ctx context.Context, in *sesv2.ListSuppressedDestinationsInput) (out *sesv2.ListSuppressedDestinationsOutput, err error) {
	if err := f.calls.wait(ctx); err != nil {
		return nil, err
	}
	err = f.client.call(ctx, apiLimit, func(ctx context.Context) (err error) {
		out, err = f.client.api.ListSuppressedDestinations(ctx, in)
		return err
	})
	if err != nil {
		problem := sourceProblem("SES's suppression list cannot be read", err)
		var answer *awshttp.ResponseError
		if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
			problem.Hint = `this server has no such list: set feedback.suppression_poll = "0s"`
		}
		return nil, problem
	}
	return out, nil
}

// mailOf is the SES id of the mail that brought an address on the list, "" when
// SES does not say.
func (f *Feedback) mailOf(ctx context.Context, address string) (id string) {
	if f.calls.wait(ctx) != nil {
		return ""
	}
	err := f.client.call(ctx, apiLimit, func(ctx context.Context) error {
		out, err := f.client.api.GetSuppressedDestination(ctx, &sesv2.GetSuppressedDestinationInput{EmailAddress: &address})
		if err == nil && out.SuppressedDestination != nil && out.SuppressedDestination.Attributes != nil {
			id = aws.ToString(out.SuppressedDestination.Attributes.MessageId)
		}
		return err
	})
	if err != nil {
		f.log.Debug("suppressed address not looked up", "err", err)
	}
	return id
}
