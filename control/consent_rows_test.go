package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// sentTo leases rows of a campaign to addresses by number, all of them to SES.
type sentTo map[uint64]string

func (b sentTo) Address(id uint64) (string, time.Time, error) {
	if to, ok := b[id]; ok {
		return to, time.Time{}, nil
	}
	return "", time.Time{}, &spool.SkipError{Reason: spool.SkipErased}
}

func (b sentTo) Send(_ context.Context, m *spool.Message) (string, error) {
	return fmt.Sprintf("0100018b%08x-11111111-2222-3333-4444-%012x-000000", m.Campaign, m.Subscriber), nil
}

func (b sentTo) Take(_ context.Context, _ spool.Lane, max int) (int, error) { return max, nil }
func (b sentTo) Return(spool.Lane, int)                                     {}
func (b sentTo) Report(spool.Lane, error)                                   {}
func (b sentTo) Concurrency() int                                           { return 4 }
func (b sentTo) Probe(context.Context) error                                { return nil }
func (b sentTo) QuotaFrees(spool.Lane) (at time.Time, ok bool)              { return at, false }

// mail sends a campaign to the numbers of a book.
func (b sentTo) mail(t *testing.T, sp *spool.Spool, campaign uint64) {
	t.Helper()
	var rows []spool.Row
	for _, id := range slices.Sorted(maps.Keys(b)) {
		rows = append(rows, spool.Row{Subscriber: id})
	}
	if err := sp.Begin(t.Context(), spool.Ledger{Campaign: campaign, FromDomain: "example.com", MaxID: 99, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := sp.PutBatch(t.Context(), campaign, rows, spool.Mark{Subscriber: 99, Done: true}); err != nil {
		t.Fatal(err)
	}
	sp.Addresses, sp.Sender, sp.Pace = b, b, b
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sp.Run(ctx) }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		l, err := sp.Ledger(campaign)
		if err != nil {
			t.Fatal(err)
		}
		if l.State == spool.Done {
			break
		}
		<-look.C
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// A person was deleted at the shop and inserted again, moved from another
// address before, and another person had their address once.
func TestRowsUnderEarlierNumbersAreShownAndErased(t *testing.T) {
	r := newRig(t)
	sp := r.server.Spool
	enrol(t, r, "email\nbefore@example.com\nother@example.com\nminji@example.com\n")
	if _, err := r.server.People.Erase(t.Context(), "before@example.com", ""); err != nil { // number 1 is nobody's any more
		t.Fatal(err)
	}
	if err := r.server.People.EraseDone(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	sentTo{1: "old@example.com", 2: "minji@example.com"}.mail(t, sp, 1)
	sentTo{1: "minji@example.com", 2: "other@example.com"}.mail(t, sp, 2)
	sentTo{2: "other@example.com", 3: "Minji@example.com"}.mail(t, sp, 3)

	found, err := collect(r.Trace(t.Context(), "minji@example.com"))
	if err != nil || len(found) != 3 {
		t.Errorf("trace: %+v %v", found, err)
	}
	var out bytes.Buffer
	if err := r.ExportPerson(t.Context(), &out, "minji@example.com"); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Campaigns []Received }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Campaigns) != 4 || strings.Contains(out.String(), "other@") {
		t.Errorf("export: %s %v", out.String(), err)
	}
	before := make([]spool.Counts, 4)
	for id := range before[1:] {
		l, _ := sp.Ledger(uint64(id) + 1)
		before[id+1] = l.Counts
	}
	e, err := r.Erase(t.Context(), "minji@example.com")
	if err != nil || !e.Done || e.Rows != 4 || e.Hash != "" {
		t.Errorf("erased: %+v %v", e, err)
	}
	for campaign := uint64(1); campaign <= 3; campaign++ {
		for m, err := range sp.Recipients(campaign, nil, 0) {
			if err != nil || m.To != "" && m.To != "other@example.com" || m.Outcome != spool.Accepted {
				t.Errorf("campaign %d: %+v %v", campaign, m, err)
			}
		}
		if l, err := sp.Ledger(campaign); err != nil || l.Accepted != before[campaign].Accepted || l.Audience != before[campaign].Audience {
			t.Errorf("sums %+v, before %+v, %v", l.Counts, before[campaign], err)
		}
	}
	if found, err := collect(r.Trace(t.Context(), "minji@example.com")); err != nil || len(found) != 0 {
		t.Errorf("trace afterwards: %+v %v", found, err)
	}
	clean(t, r)
}

// Two erasures were cut short, one of them behind the rows it is about.
func TestARestartFinishesTheLookThroughTheLedgers(t *testing.T) {
	r := newRig(t)
	sp, people := r.server.Spool, r.server.People
	enrol(t, r, "email\na@example.com\nb@example.com\n")
	sentTo{8: "b@example.com", 9: "a@example.com"}.mail(t, sp, 1)
	sentTo{8: "a@example.com", 9: "b@example.com"}.mail(t, sp, 2)
	var list []audience.Erasure
	for _, email := range []string{"a@example.com", "b@example.com"} {
		e, err := people.Erase(t.Context(), email, "")
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	if err := people.EraseMark(t.Context(), list[:1], 1, 9); err != nil { // a@'s row of campaign 1 is behind it
		t.Fatal(err)
	}
	if left, err := people.Erasing(); err != nil || len(left) != 2 || left[0].Campaign != 1 || left[0].Row != 9 || left[1].Campaign != 0 {
		t.Errorf("%+v %v", left, err)
	}
	if err := r.server.FinishErasures(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, campaign := range []uint64{1, 2} {
		for m, err := range sp.Recipients(campaign, nil, 0) {
			if err != nil || m.To != "" || !m.Erased {
				t.Errorf("%+v %v", m, err)
			}
		}
	}
	if left, err := people.Erasing(); err != nil || len(left) != 0 {
		t.Errorf("left: %+v %v", left, err)
	}
	clean(t, r)
}
