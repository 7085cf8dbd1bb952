package audience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

// day is when the tests' events happen: long ago for the clock.
func day(n int) time.Time { return time.Date(2026, 3, 1+n, 9, 0, 0, 0, time.UTC) }

func feed(t testing.TB, s *Store, list ...Feedback) []bool {
	t.Helper()
	suppressed, err := s.Feed(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	return suppressed
}

// feedState is all that feedback decides.
func feedState(t testing.TB, s *Store) map[string]any {
	t.Helper()
	state := map[string]any{}
	for sup, err := range s.Suppressions() {
		if err != nil {
			t.Fatal(err)
		}
		state["suppressed "+sup.Email] = sup
	}
	for sub, err := range s.List(context.Background(), 0, "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		state["consent "+sub.Email] = sub.Consent
	}
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketFeedback).ForEach(func(k, v []byte) error {
			state[fmt.Sprintf("entry %x", k)] = fmt.Sprintf("%x", v)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestAHardBounceAndAComplaintSuppressAtOnceAndEndTheConsent(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	importText(t, s, "email\na@example.com\nb@example.com\n", ImportOptions{})
	if on, err := s.Bounced(ctx, "e1", "A@EXAMPLE.com", true, day(0), "550 5.1.1 no such user"); err != nil || !on {
		t.Fatalf("%v %v", on, err)
	}
	if err := s.Complained(ctx, "e2", "b@example.com", day(1), "abuse"); err != nil {
		t.Fatal(err)
	}
	for email, want := range map[string]struct {
		reason string
		source Source
		at     time.Time
	}{"a@example.com": {"bounce", Bounce, day(0)}, "b@example.com": {"complaint", Complaint, day(1)}} {
		sup, ok, err := s.Suppressed(email)
		if err != nil || !ok || sup.Reason != want.reason || !sup.At.Equal(want.at) || sup.Soft {
			t.Errorf("%s: %+v %v %v", email, sup, ok, err)
		}
		c := byEmail(t, s, email).Consent
		if c.Subscribed || c.Source != want.source || !c.At.Equal(want.at) {
			t.Errorf("%s: consent %+v", email, c)
		}
		if _, reason, err := s.Check(byEmail(t, s, email).ID, ""); reason != "suppressed" || err != nil {
			t.Errorf("%s: check %q %v", email, reason, err)
		}
	}
	if n := strings.Count(readLog(t, dir), "\n"); n != 2 {
		t.Errorf("%d lines in the log, want 2", n)
	}
	if _, err := s.Bounced(ctx, "", "nobody", true, day(0), ""); err == nil {
		t.Error("what is no address was taken")
	}
	if on := feed(t, s, Feedback{Kind: FeedHardBounce, Address: "nobody"}); on[0] {
		t.Error("what is no address is suppressed")
	}
	sound(t, s)
}

func TestFiveSoftBouncesInARowSuppressAndADeliveryBreaksTheRow(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	for n := range 12 { // the delivery on the fifth day begins the row anew
		var err error
		on := false
		if n == 4 {
			err = s.Delivered(ctx, "d", "a@example.com", day(n))
		} else {
			on, err = s.Bounced(ctx, fmt.Sprint("s", n), "a@example.com", false, day(n), "452 full")
		}
		if err != nil || on != (n >= 9) {
			t.Fatalf("day %d: suppressed %v %v", n, on, err)
		}
	}
	sup, ok, err := s.Suppressed("a@example.com")
	if err != nil || !ok || sup.Reason != "bounce" || !sup.Soft || !sup.At.Equal(day(9)) {
		t.Errorf("%+v %v %v", sup, ok, err)
	}
	if sub := byEmail(t, s, "a@example.com"); !sub.Consent.Subscribed {
		t.Errorf("a full mailbox ended the consent: %+v", sub.Consent)
	}
	sound(t, s)
}

// TestFeedbackInAnyOrderEndsInTheSameState feeds random events of three
// addresses shuffled, cut into batches at random, and partly twice.
func TestFeedbackInAnyOrderEndsInTheSameState(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range 12 {
		var list []Feedback
		for n := range 40 {
			kind := FeedDelivery
			switch random.IntN(40) {
			case 0:
				kind = FeedHardBounce
			case 1:
				kind = FeedComplaint
			default:
				if random.IntN(7) > 0 {
					kind = FeedSoftBounce
				}
			}
			list = append(list, Feedback{Event: fmt.Sprint(n), Kind: kind, Address: fmt.Sprintf("%c@example.com", 'a'+random.IntN(3)), At: day(random.IntN(30)), Detail: fmt.Sprint("said ", n)})
		}
		var want map[string]any
		for pass := range 4 {
			s := open(t)
			s.Now = func() time.Time { return day(100) }
			importText(t, s, "email\na@example.com\nb@example.com\n", ImportOptions{})
			for rest := slices.Clone(list); len(rest) > 0; {
				n := 1 + random.IntN(len(rest))
				feed(t, s, rest[:n]...)
				if random.IntN(3) == 0 {
					feed(t, s, rest[random.IntN(n):n]...)
				}
				rest = rest[n:]
			}
			sound(t, s)
			got := feedState(t, s)
			if pass == 0 {
				want = got
			} else if !sameFeed(got, want) {
				t.Fatalf("round %d, pass %d:\ngot  %v\nwant %v\nof %+v", round, pass, got, want, list)
			}
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
	}
}

// sameFeed compares what can be seen: two stores have two salts.
func sameFeed(a, b map[string]any) bool {
	values := func(m map[string]any) []string {
		var list []string
		for k, v := range m {
			if strings.HasPrefix(k, "entry") {
				k = ""
			}
			list = append(list, fmt.Sprint(k, v))
		}
		slices.Sort(list)
		return list
	}
	return reflect.DeepEqual(values(a), values(b))
}

func TestADeliveryThatComesToLightLateTakesTheRowApart(t *testing.T) {
	s := open(t)
	for n := range 5 {
		feed(t, s, Feedback{Event: fmt.Sprint(n), Kind: FeedSoftBounce, Address: "a@example.com", At: day(n)})
	}
	if _, ok, _ := s.Suppressed("a@example.com"); !ok {
		t.Fatal("five in a row did not suppress")
	}
	feed(t, s, Feedback{Kind: FeedDelivery, Address: "a@example.com", At: day(2).Add(time.Hour)})
	if _, ok, _ := s.Suppressed("a@example.com"); ok {
		t.Error("a delivery between them did not take it off")
	}
	sound(t, s)
}

func TestWhatTheOperatorTookOffTheListStaysOff(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := day(10)
	s.Now = func() time.Time { return now }
	bounce := Feedback{Event: "e1", Kind: FeedHardBounce, Address: "a@example.com", At: day(1)}
	complaint := Feedback{Event: "e2", Kind: FeedComplaint, Address: "b@example.com", At: day(1)}
	feed(t, s, bounce, complaint)
	for _, email := range []string{"a@example.com", "b@example.com"} {
		if err := s.Unsuppress(ctx, email); err != nil {
			t.Fatal(err)
		}
	}
	older := Feedback{Event: "e0", Kind: FeedHardBounce, Address: "a@example.com", At: day(0)}
	if on := feed(t, s, bounce, complaint, older); slices.Contains(on, true) {
		t.Errorf("the same events again: %v", on)
	}
	if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: "bounce", At: day(3)}); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.Suppressed("a@example.com"); ok {
		t.Error("the account's list brought it back")
	}
	unknown := Feedback{Event: "e3", Kind: FeedComplaint, Address: "a@example.com", At: day(2)}
	newer := Feedback{Event: "e4", Kind: FeedHardBounce, Address: "b@example.com", At: day(11)}
	if on := feed(t, s, unknown, newer); !on[0] || !on[1] {
		t.Errorf("a complaint not known then, and a new bounce: %v", on)
	}
	sound(t, s)
}

func TestTheStrongestReasonIsKept(t *testing.T) {
	s, ctx := open(t), context.Background()
	for n := range 5 {
		feed(t, s, Feedback{Event: fmt.Sprint(n), Kind: FeedSoftBounce, Address: "a@example.com", At: day(n)})
	}
	for _, sup := range []Suppression{{Reason: "operator"}, {Reason: "bounce"}, {Reason: "complaint"}, {Reason: "bounce"}, {Reason: "operator"}} {
		sup.Email = "a@example.com"
		if err := s.Suppress(ctx, sup); err != nil {
			t.Fatal(err)
		}
	}
	if sup, _, _ := s.Suppressed("a@example.com"); sup.Reason != "complaint" || sup.Soft {
		t.Errorf("got %+v", sup)
	}
	feed(t, s, Feedback{Kind: FeedDelivery, Address: "a@example.com", At: day(2)})
	if _, ok, _ := s.Suppressed("a@example.com"); !ok {
		t.Error("a delivery undid a complaint")
	}
}

func TestDeliveriesAreKeptADayInFewPieces(t *testing.T) {
	s := open(t)
	now := day(20)
	s.Now = func() time.Time { return now }
	batch := make([]Feedback, 300)
	pieces := func() (n int) {
		_ = s.db.View(func(tx *bolt.Tx) error {
			n = tx.Bucket(bucketDelivered).Stats().KeyN
			return nil
		})
		return n
	}
	for range 10 {
		for i := range batch {
			batch[i] = Feedback{Kind: FeedDelivery, Address: fmt.Sprintf("p%d@example.com", i), At: day(19)}
		}
		feed(t, s, batch...)
	}
	if n := pieces(); n != 4 {
		t.Errorf("3,000 deliveries stand in %d pieces, want 4", n)
	}
	for range 5 { // later, the old ones go, two with each commit
		now = now.Add(25 * time.Hour)
		feed(t, s, batch...)
	}
	if n := pieces(); n != 1 {
		t.Errorf("a day later: %d pieces, want 1", n)
	}
	sound(t, s)
}

func TestAnOldStoreGetsTheBucketsOfTheFeedback(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(filepath.Join(dir, FileName), store.Options{Kind: "audience", Room: room, Init: initialise,
		Buckets:    [][]byte{bucketMeta, bucketSubscribers, bucketEmail, bucketExternal, bucketSuppressed, bucketOptOuts, bucketHistory, bucketNames, bucketImports, bucketRows, bucketRowsOf, bucketReread},
		Migrations: []func(*bolt.Tx) error{addRows}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, dir)
	if on := feed(t, s, Feedback{Kind: FeedHardBounce, Address: "a@example.com"}); !on[0] {
		t.Error("not suppressed")
	}
	sound(t, s)
}

func TestTooManyEventsAtOnceAreRefused(t *testing.T) {
	s := open(t)
	if _, err := s.Feed(context.Background(), make([]Feedback, MaxFeedback+1)); err == nil {
		t.Error("taken")
	}
	if _, err := s.Feed(context.Background(), []Feedback{{Kind: 9, Address: "a@example.com"}}); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func FuzzReadEntry(f *testing.F) {
	e := feedbackEntry{cleared: 5}
	e.add(heard{FeedSoftBounce, 7, 9})
	f.Add(e.pack())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := readEntry(b)
		if err != nil || e == nil {
			return
		}
		if got := e.pack(); string(got) != string(b) {
			t.Errorf("got %x, want %x", got, b)
		}
		e.run()
	})
}

func BenchmarkFeedDeliveries(b *testing.B) {
	s := open(b)
	batch := make([]Feedback, MaxFeedback)
	n := 0
	for b.Loop() {
		for i := range batch {
			n++
			batch[i] = Feedback{Event: fmt.Sprint(n), Kind: FeedDelivery, Address: fmt.Sprintf("p%d@example.com", n), At: day(0)}
		}
		if _, err := s.Feed(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*MaxFeedback)/b.Elapsed().Seconds(), "events/s")
}

func readLog(t testing.TB, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
