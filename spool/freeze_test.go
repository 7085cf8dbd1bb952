package spool

import (
	"errors"
	"strings"
	"testing"
)

func TestFreezeMayBeRepeatedFromAnyBatch(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, FromDomain: "x", Expect: -1}); err != nil {
		t.Fatal(err)
	}
	rows := func(from, to uint64) (out []Row) {
		for i := from; i <= to; i++ {
			r := Row{Subscriber: i}
			if i%5 == 0 {
				r.Skip = SkipUnsubscribed
			}
			out = append(out, r)
		}
		return out
	}
	for _, b := range [][2]uint64{{1, 40}, {1, 40}, {21, 60}, {61, 100}} {
		if err := s.PutBatch(ctx, 1, rows(b[0], b[1]), Mark{Subscriber: b[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Begin(ctx, Ledger{Campaign: 1}); err != nil {
		t.Fatal(err)
	}
	l, _ := s.Ledger(1)
	if l.State != Freezing || l.Audience != 100 || l.Pending != 80 || l.Skips[SkipUnsubscribed] != 20 || l.Frozen != 100 {
		t.Errorf("got %+v", l)
	}
	if err := s.PutBatch(ctx, 1, nil, Mark{Subscriber: 100, Done: true}); err != nil {
		t.Fatal(err)
	}
	if l, _ = s.Ledger(1); l.State != Running {
		t.Errorf("state %s, want running", l.State)
	}
	if err := s.PutBatch(ctx, 1, rows(101, 102), Mark{Subscriber: 102}); !errors.Is(err, ErrState) {
		t.Errorf("batch after the end: %v, want ErrState", err)
	}
	if f := checked(t, s); len(f) > 0 {
		t.Error(f)
	}
}

func TestCampaignIsHeldWhenTheCountIsNotTheConfirmedOne(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, Expect: 3}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 1}, {Subscriber: 2}}, Mark{Subscriber: 2, Done: true}); err != nil {
		t.Fatal(err)
	}
	l, _ := s.Ledger(1)
	if l.State != Held || !strings.Contains(l.Reason, "3") || !strings.Contains(l.Reason, "2") {
		t.Errorf("got %s, %q; want held with both numbers", l.State, l.Reason)
	}
}

func TestCampaignOfNobodyIsDone(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 1, Skip: SkipSuppressed}}, Mark{Subscriber: 1, Done: true}); err != nil {
		t.Fatal(err)
	}
	if l, _ := s.Ledger(1); l.State != Done || l.Skipped != 1 {
		t.Errorf("got %+v, want done", l)
	}
}

func TestCancelDuringTheFreeze(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	if err := s.Begin(ctx, Ledger{Campaign: 1, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 1}, {Subscriber: 2}}, Mark{Subscriber: 2}); err != nil {
		t.Fatal(err)
	}
	if err := s.Cancel(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if l, _ := s.Ledger(1); l.State != Cancelled || l.Skips[SkipCancelled] != 2 {
		t.Errorf("got %+v, want cancelled with 2 skipped", l)
	}
	if err := s.PutBatch(ctx, 1, []Row{{Subscriber: 3}}, Mark{Subscriber: 3}); !errors.Is(err, ErrState) {
		t.Errorf("batch after the cancel: %v, want ErrState", err)
	}
}
