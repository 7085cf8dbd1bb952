package spool

import (
	"strings"
	"testing"
)

// braked makes campaign 1 of n with a brake; the last one never gets through, so
// that the campaign runs.
func (b *bench) braked(n int, brake Brake) {
	b.t.Helper()
	if err := b.Begin(b.t.Context(), Ledger{Campaign: 1, FromDomain: "example.com", MaxID: uint64(n), Expect: -1, Brake: &brake}); err != nil {
		b.t.Fatal(err)
	}
	b.freeze(1, n)
}

// sent marks rows first..last of campaign 1 as accepted, as the drain does.
func (b *bench) sent(n int) {
	b.t.Helper()
	for done := 0; done < n; {
		due, _, err := b.ledgerCandidates(min(n-done, maxLeases))
		if err != nil || len(due) == 0 {
			b.t.Fatalf("%d of %d sent: %v", done, n, err)
		}
		leased, err := b.lease(Bulk, due, maxLeases)
		if err != nil || len(leased) == 0 {
			b.t.Fatalf("%d of %d sent: %v", done, n, err)
		}
		var last <-chan error
		for _, m := range leased {
			if last, err = b.submitOutcome(m, sesID(int(m.Subscriber)), verdict{outcome: Accepted}); err != nil {
				b.t.Fatal(err)
			}
		}
		if err := <-last; err != nil { // written in order
			b.t.Fatal(err)
		}
		done += len(leased)
	}
}

// news feeds what SES says of rows.
func (b *bench) news(kind FeedbackKind, hard bool, rows ...int) {
	b.t.Helper()
	var events []Feedback
	for _, row := range rows {
		events = append(events, Feedback{Kind: kind, Hard: hard, SESID: sesID(row)})
	}
	b.feed(events...)
}

func steps(first, step, n int) (rows []int) {
	for i := range n {
		rows = append(rows, first+i*step)
	}
	return rows
}

var usual = Brake{BouncePercent: 5, ComplaintPercent: 0.1, First: 200, Window: 1000, Minimum: 5}

func TestBrakeStopsACampaignWhoseMailsBounce(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(3000, usual)
	b.sent(400)
	b.news(Bounced, true, steps(1, 10, 10)...) // 10 of 200: 5 %
	if l := b.state(1); l.State != Running || l.HardBounced != 10 {
		t.Fatalf("at the limit: %s, %+v", l.State, l.Counts)
	}
	b.news(Bounced, true, 150)
	l := b.state(1)
	if l.State != Paused || l.Braked == nil || l.Braked.Kind != Bounced || l.Braked.Count != 11 || l.Braked.Of != 200 || !l.Braked.First || l.Braked.Limit != 5 {
		t.Fatalf("past the limit: %s, %+v", l.State, l.Braked)
	}
	if want := "11 of 200 first mails bounced for good (5.5 %, the limit is 5 %)"; !strings.Contains(l.Reason, want) {
		t.Errorf("reason %q, want %q in it", l.Reason, want)
	}
	if last := l.Acts[len(l.Acts)-1]; last.What != "brake" || last.By != "" || last.Count != 11 {
		t.Errorf("act %+v", last)
	}
	if due, _, err := b.ledgerCandidates(10); len(due) > 0 || err != nil {
		t.Errorf("%d may still go, %v", len(due), err)
	}
	b.proved()
}

func TestBrakeCountsNoSoftBounces(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(1000, usual)
	b.sent(300)
	b.news(Bounced, false, steps(1, 2, 100)...)
	if l := b.state(1); l.State != Running || l.Bounced != 100 || l.HardBounced != 0 {
		t.Errorf("%s, %+v", l.State, l.Counts)
	}
	b.proved()
}

func TestBrakeIsNotTrippedBySmallNumbers(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(1000, usual)
	b.sent(10)
	b.news(Bounced, true, 1, 2, 3, 4) // 40 %
	b.news(Complained, false, 5, 6, 7, 8)
	if l := b.state(1); l.State != Running {
		t.Errorf("%s: %s", l.State, l.Reason)
	}
	b.news(Bounced, true, 9)
	if l := b.state(1); l.State != Paused || l.Braked.Count != 5 || l.Braked.Of != 10 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
}

// A bad part in the middle of a large campaign is found although the whole looks
// well, and although much was sent before SES's word came.
func TestBrakeFindsABadRunLaterOn(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(9000, Brake{BouncePercent: 5, First: 200, Window: 500, Minimum: 5})
	b.sent(8000)
	b.news(Bounced, true, steps(10, 100, 40)...) // one in a hundred
	if l := b.state(1); l.State != Running {
		t.Fatalf("%s: %s", l.State, l.Reason)
	}
	b.news(Bounced, true, steps(5001, 20, 24)...) // 24 of 480, and one of those before
	l := b.state(1)
	if l.State != Running {
		t.Fatalf("at the limit: %s: %s", l.State, l.Reason)
	}
	b.news(Bounced, true, 5250, 5251)
	if l = b.state(1); l.State != Paused || l.Braked.First || l.Braked.Of != 500 || l.Braked.Count != 26 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
}

func TestBrakeCountsComplaints(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(9000, usual)
	b.sent(6000)
	b.news(Complained, false, steps(1, 1200, 4)...)
	if l := b.state(1); l.State != Running {
		t.Fatalf("four in 6,000: %s", l.Reason)
	}
	b.news(Complained, false, 4700, 4800, 4900, 5000)
	if l := b.state(1); l.State != Running {
		t.Fatalf("four in a row of 1,000: %s", l.Reason)
	}
	b.news(Complained, false, 5100)
	if l := b.state(1); l.State != Paused || l.Braked.Kind != Complained || l.Braked.Count != 5 || l.Braked.Of != 1000 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
}

// What a person has seen and let go on does not count again; what comes new does.
func TestBrakeCountsAnewAfterAPersonResumes(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, dir)
	b.braked(3000, usual)
	b.sent(300)
	b.news(Bounced, true, steps(1, 2, 30)...)
	if l := b.state(1); l.State != Paused {
		t.Fatalf("%s", l.State)
	}
	if err := b.Resume(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if l := b.state(1); l.Braked != nil || l.BrakeAfter != 300 || l.Reason != "" {
		t.Errorf("after resume: %+v", l)
	}
	b.news(Bounced, true, steps(101, 2, 30)...) // news of what went before
	b.sent(200)
	b.news(Bounced, true, steps(301, 10, 10)...)
	if l := b.state(1); l.State != Running {
		t.Fatalf("counted again: %s", l.Reason)
	}
	b.halt()
	if err := b.Close(); err != nil { // the state is on disk
		t.Fatal(err)
	}
	b.Spool = reopen(t, dir)
	b.news(Bounced, true, 302)
	if l := b.state(1); l.State != Paused || l.Braked.Count != 11 || l.Braked.Of != 200 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
	b.proved()
}

func reopen(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Feedback that overtakes the answer of its call counts when the answer is
// written.
func TestBrakeHearsFeedbackThatCameBeforeTheAnswer(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(100, usual)
	b.news(Bounced, true, 1, 2, 3, 4, 5)
	b.sent(4)
	if l := b.state(1); l.State != Running {
		t.Fatalf("%s: %s", l.State, l.Reason)
	}
	b.sent(1)
	if l := b.state(1); l.State != Paused || l.Braked.Count != 5 || l.HardBounced != 5 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
}

func TestBrakeCanBeChangedAndTakenOff(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.braked(1000, usual)
	b.sent(100)
	if err := b.SetBrake(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	b.news(Bounced, true, steps(1, 1, 50)...)
	if l := b.state(1); l.State != Running {
		t.Errorf("%s: %s", l.State, l.Reason)
	}
	if err := b.SetBrake(t.Context(), 1, &Brake{BouncePercent: 50, Window: 1000, Minimum: 1}); err != nil {
		t.Fatal(err)
	}
	b.news(Bounced, true, 60)
	if l := b.state(1); l.State != Paused || l.Braked.Count != 51 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
}

// People who are not mailed stand between those who are.
func TestBrakeStepsOverPeopleWhoWereSkipped(t *testing.T) {
	b := newBench(t, t.TempDir())
	err := b.Begin(t.Context(), Ledger{Campaign: 1, FromDomain: "example.com", Expect: -1, Brake: &usual})
	var rows []Row
	for i := 1; i <= 900 && err == nil; i++ {
		row := Row{Subscriber: uint64(i)}
		if i%3 > 0 {
			row.Skip = SkipUnsubscribed
		}
		rows = append(rows, row)
	}
	if err == nil {
		err = b.PutBatch(t.Context(), 1, rows, Mark{Subscriber: 900, Done: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	b.sent(250)
	b.news(Bounced, true, steps(3, 3, 11)...)
	if l := b.state(1); l.State != Paused || l.Braked.Of != 200 || l.Braked.Count != 11 {
		t.Errorf("%s, %+v", l.State, l.Braked)
	}
	b.proved()
}

func TestStartHoldsPastWhatWasAgreedTo(t *testing.T) {
	b := newBench(t, t.TempDir())
	for id, most := range map[uint64]int64{1: 10, 2: 9} {
		if err := b.Begin(t.Context(), Ledger{Campaign: id, FromDomain: "example.com", MaxID: 10, Expect: -1, Most: most}); err != nil {
			t.Fatal(err)
		}
		b.freeze(id, 10)
	}
	if l := b.state(1); l.State != Running {
		t.Errorf("as many as agreed to: %s, %s", l.State, l.Reason)
	}
	if l := b.state(2); l.State != Held || !strings.Contains(l.Reason, "at most 9") {
		t.Errorf("more: %s, %s", l.State, l.Reason)
	}
}
