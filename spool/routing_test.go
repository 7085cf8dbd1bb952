package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

// routed puts one mail with what a rule asked.
func (b *bench) routed(r Routing, to ...string) []string {
	b.t.Helper()
	env := Envelope{From: "app@example.com", FromDomain: "example.com", To: to, Routing: map[string]Routing{}}
	for _, one := range to {
		env.Routing[one] = r
	}
	ids, err := b.Put(b.t.Context(), env, []byte("Subject: hi\r\n\r\nbody\r\n"))
	if err != nil {
		b.t.Fatal(err)
	}
	return ids
}

func TestAMailWithoutARuleIsKeptAsBefore(t *testing.T) {
	m := Message{seq: 7, To: "a@example.com", From: "app@example.com", FromDomain: "example.com", Subject: "s", MessageID: "1@app", At: time.Now()}
	plain := appendMail(nil, &m)
	if due := queueDue(&m); !bytes.HasPrefix(due, []byte("example.com\x00")) {
		t.Errorf("due key %q", due)
	}
	m.take(Routing{Route: "r", Lane: Bulk, Topic: "sale", ConfigurationSet: "main", Tags: map[string]string{"a": "b"}})
	routed := appendMail(nil, &m)
	if !bytes.HasPrefix(routed, plain) || bytes.HasPrefix(plain[len(plain)-3:], []byte{0}) {
		t.Errorf("what a rule asked is not behind the rest:\n%q\n%q", plain, routed)
	}
	got, err := readMail(routed, 7)
	if err != nil || !reflect.DeepEqual(got.routing(), m.routing()) {
		t.Errorf("read back %+v, %v", got, err)
	}
	if _, err := readMail(routed[:len(routed)-1], 7); !errors.Is(err, errRecord) {
		t.Errorf("cut short: %v", err)
	}
	broken := bytes.Replace(routed, []byte(`{"route"`), []byte(`{"route!`), 1)
	if _, err := readMail(broken, 7); !errors.Is(err, errRecord) {
		t.Errorf("broken: %v", err)
	}
}

func TestARulesBulkLaneIsTheBulkLane(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if err := b.Hold(t.Context(), Hold{Scope: LaneScope(Bulk), Class: Operator, Reason: "test", Manual: true}); err != nil {
			t.Fatal(err)
		}
		bulk, fast := b.routed(Routing{Route: "news", Lane: Bulk, Tags: map[string]string{"app": "shop"}}, "a@example.net")[0], b.put("b@example.net")[0]
		b.run()
		time.Sleep(time.Second)
		if b.sender.count(bulk) != 0 || b.sender.count(fast) != 1 {
			t.Fatalf("with the bulk lane held: %d and %d calls", b.sender.count(bulk), b.sender.count(fast))
		}
		if err := b.Release(t.Context(), LaneScope(Bulk)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		m, err := b.Message(bulk)
		if err != nil || m.Outcome != Accepted || m.Lane != Bulk || m.Tags["app"] != "shop" {
			t.Errorf("%+v, %v", m, err)
		}
		call := b.sender.calls[len(b.sender.calls)-1]
		if call.Lane != Bulk || string(call.Data) == "" && call.Size == 0 {
			t.Errorf("call %+v", call)
		}
		if found, err := b.Find(t.Context(), m.SESID, nil); err != nil || len(found) != 1 || found[0].ID != bulk {
			t.Errorf("by its SES id: %+v, %v", found, err)
		}
		b.proved()
	})
}

func TestARulesConfigurationSetIsHeldByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.ConfigurationSet = "main"
		b.sender.fn = func(_ context.Context, m *Message, _ int) error {
			if m.ConfigurationSet == "gone" {
				return &SendError{Class: Configuration, Scope: ConfigurationSetScope("gone"), Text: "no such set"}
			}
			return nil
		}
		bad := b.routed(Routing{ConfigurationSet: "gone"}, "a@example.net")[0]
		b.run()
		time.Sleep(time.Second)
		good := b.put("b@example.net")[0]
		time.Sleep(time.Second)
		var scopes []Scope
		for _, h := range b.Holds() {
			scopes = append(scopes, h.Scope)
		}
		if !slices.Equal(scopes, []Scope{"configuration_set:gone"}) {
			t.Errorf("held: %q", scopes)
		}
		if m, _ := b.Message(bad); m.Outcome != Pending || m.Tries != 0 {
			t.Errorf("of the set that is gone: %+v", m)
		}
		if m, _ := b.Message(good); m.Outcome != Accepted {
			t.Errorf("another: %+v", m)
		}
		b.proved()
	})
}

// Both files' bulk mail has the bulk lane's slots, and neither starves the other.
func TestCampaignsAndRoutedMailTakeTurnsInTheBulkLane(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.pace.slots = 4
		b.sender.fn = func(ctx context.Context, _ *Message, _ int) error {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			return nil
		}
		b.freeze(1, 40)
		for i := range 40 {
			b.routed(Routing{Lane: Bulk}, fmt.Sprintf("q%d@example.net", i))
		}
		b.run()
		time.Sleep(600 * time.Millisecond)
		queue := 0
		b.sender.mu.Lock()
		for _, m := range b.sender.calls {
			if m.queued() {
				queue++
			}
		}
		total := len(b.sender.calls)
		b.sender.mu.Unlock()
		if queue < total/4 || queue > total*3/4 {
			t.Errorf("%d of %d calls were of the queue", queue, total)
		}
		after(10 * time.Second)
		b.slots.mu.Lock()
		lent := b.slots.lent
		b.slots.mu.Unlock()
		if b.sender.total() != 80 || lent != 0 {
			t.Errorf("%d calls, %d slots lent", b.sender.total(), lent)
		}
		b.proved()
	})
}

// What a crash leaves of the bulk lane is unknown there, of the other sent again.
func TestALostAnswerOfRoutedMailIsJudgedByItsLane(t *testing.T) {
	for lane, want := range map[Lane]Outcome{Bulk: Unknown, Transactional: Pending} {
		inBubble(t, func(t *testing.T, b *bench) {
			id := b.routed(Routing{Route: "r", Lane: lane}, "a@example.net")[0]
			due, _, err := b.queueCandidates(lane, 1)
			if err != nil || len(due) != 1 {
				t.Fatalf("%v %v", due, err)
			}
			if err := b.leaseQueue(due, make([]*Message, 1), func() int { return 8 }); err != nil {
				t.Fatal(err)
			}
			if _, err := b.settleSome(Transactional); err != nil {
				t.Fatal(err)
			}
			if m, err := b.Message(id); err != nil || m.Outcome != want || m.Route != "r" {
				t.Errorf("%s: %+v, %v", lane, m, err)
			}
			b.proved()
		})
	}
}

func TestADamagedRecordOfTheBulkLaneIsParked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		id := b.routed(Routing{Lane: Bulk, ConfigurationSet: "s"}, "a@example.net")[0]
		err := b.queue.do(10, func(tx *bbolt.Tx) error { return tx.Bucket(bOpen).Put(u64(1), []byte{9, 9}) })
		if err != nil {
			t.Fatal(err)
		}
		b.run()
		synctest.Wait()
		if m, err := b.Message(id); err != nil || m.Outcome != Failed || b.sender.total() != 0 {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func TestPartsOfAMailAreStoredTogetherOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	part := func(text string, to ...string) Part {
		return Part{Envelope{FromDomain: "example.com", To: to, Once: "drop", Routing: map[string]Routing{to[0]: {Topic: text}}}, []byte(text)}
	}
	bad := part("two", "c@example.net")
	bad.FromDomain = "a\x01b"
	if _, err := s.PutParts(t.Context(), []Part{part("one", "a@example.net"), bad}); err == nil {
		t.Error("a From domain with a control character was taken")
	}
	for m, err := range s.Messages(nil) {
		t.Errorf("stored: %+v, %v", m, err)
	}
	parts := []Part{part("one", "a@example.net", "b@example.net"), part("two", "c@example.net")}
	ids, err := s.PutParts(t.Context(), parts)
	if err != nil || len(ids) != 3 {
		t.Fatal(ids, err)
	}
	again, err := s.PutParts(t.Context(), parts)
	if err != nil || !slices.Equal(again, ids) {
		t.Errorf("under the same name: %v, %v", again, err)
	}
	for i, want := range []string{"one", "one", "two"} {
		var text strings.Builder
		m, err := s.Message(ids[i])
		if err = errors.Join(err, s.Body(ids[i], &text)); err != nil || text.String() != want {
			t.Errorf("%s: %q, %v", ids[i], &text, err)
		}
		if topic := map[int]string{0: "one", 2: "two"}[i]; m.Topic != topic {
			t.Errorf("%s has the topic %q", ids[i], m.Topic)
		}
	}
	if faults := offline(t, s, dir); len(faults) > 0 {
		t.Errorf("check: %q", faults)
	}
}

func TestWhatARuleAskedIsBounded(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tags := map[string]string{}
	for i := range 200 {
		tags[fmt.Sprint(i)] = strings.Repeat("x", 200)
	}
	for _, r := range []Routing{{Lane: 2}, {ConfigurationSet: "a\x00b"}, {ConfigurationSet: strings.Repeat("a", 300)}, {Tags: tags}} {
		env := Envelope{FromDomain: "example.com", To: []string{"a@example.net"}, Routing: map[string]Routing{"a@example.net": r}}
		if _, err := s.Put(t.Context(), env, []byte("x")); err == nil {
			t.Errorf("%.60v was taken", r)
		}
	}
}

func TestARestedMailKeepsItsRoutingAndAnErasedOneLosesItsTags(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		r := Routing{Route: "r", Lane: Bulk, Topic: "sale", Tags: map[string]string{"order": "7"}}
		id := b.routed(r, "a@example.net")[0]
		next, err := b.Edit(t.Context(), id, "b@example.net")
		if err != nil {
			t.Fatal(err)
		}
		if m, err := b.Message(next); err != nil || !reflect.DeepEqual(*m.routing(), r) {
			t.Errorf("to another address: %+v, %v", m, err)
		}
		if _, err := b.Blank(t.Context(), 0, func(address string) bool { return address == "b@example.net" }); err != nil {
			t.Fatal(err)
		}
		if m, err := b.Message(next); err != nil || m.Tags != nil || m.Route != "r" {
			t.Errorf("erased: %+v, %v", m, err)
		}
		b.proved()
	})
}

func TestAnOldQueueCountsARulesBulkMailApart(t *testing.T) {
	dir := t.TempDir()
	old, err := store.Open(filepath.Join(dir, QueueFile), store.Options{Kind: "queue", Buckets: queueBuckets,
		Migrations: []func(*bbolt.Tx) error{addOrphans, addOnce, addFailures}})
	if err != nil {
		t.Fatal(err)
	}
	old.Start(noSums{})
	bulk, at := Routing{Route: "news", Lane: Bulk}, time.Now()
	mails := []Message{{Outcome: Accepted, Delivered: true}, {Outcome: Skipped, Reason: SkipSuppressed}, {Outcome: Failed, Reason: `"lane":"bulk"`},
		{Outcome: Skipped, Reason: SkipSuppressed, Route: bulk.Route, Lane: Bulk}, {Outcome: Failed, Lane: Bulk}, {Outcome: Pending, NextTry: at, FromDomain: "example.com", Lane: Bulk}}
	var all Counts
	want := map[string]Counts{}
	if err := old.Do(t.Context(), store.Job{Apply: func(tx *bbolt.Tx) error {
		for i := range mails {
			m := &mails[i]
			m.seq, m.At = uint64(i+1), at
			all.enter(m)
			c := want[m.Lane.String()]
			c.enter(m)
			want[m.Lane.String()] = c
			if err := tx.Bucket(mailBucket(m.Outcome)).Put(u64(m.seq), appendMail(nil, m)); err != nil {
				return err
			}
		}
		return errors.Join(tx.Bucket(bDue).Put(queueDue(&mails[5]), nil), putCounts(tx, Transactional, all))
	}}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Status()
	if err != nil || !reflect.DeepEqual(got.Lanes, want) || !reflect.DeepEqual(got.Applications, all) {
		t.Errorf("got %+v, of applications %+v, %v\nwant %+v, %+v", got.Lanes, got.Applications, err, want, all)
	}
	if faults := offline(t, s, dir); len(faults) > 0 {
		t.Errorf("after the migration: %q", faults)
	}
}
