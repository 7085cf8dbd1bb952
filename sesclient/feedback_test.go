package sesclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// taken is a Taker that remembers.
type taken struct {
	mu      sync.Mutex
	change  chan struct{}
	events  []Event
	batches []int
	mark    []byte
	fail    int    // so many batches are refused
	poison  string // a batch with an event about this address is refused
}

func (k *taken) TakeEvents(_ context.Context, events []Event) (spool.FeedbackResult, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail > 0 {
		k.fail--
		return spool.FeedbackResult{}, errors.New("the disk is full")
	}
	if slices.ContainsFunc(events, func(e Event) bool { return k.poison != "" && slices.Contains(e.To, k.poison) }) {
		return spool.FeedbackResult{}, errors.New("its record is damaged")
	}
	k.events, k.batches = append(k.events, events...), append(k.batches, len(events))
	k.wake()
	return spool.FeedbackResult{Heard: int64(len(events))}, nil
}

func (k *taken) wake() {
	if k.change != nil {
		close(k.change)
	}
	k.change = make(chan struct{})
}

func (k *taken) SaveFeedback(mark []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mark = mark
	k.wake()
	return nil
}

func (k *taken) LoadFeedback() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mark, nil
}

// until waits until something holds of what was taken.
func (k *taken) until(t *testing.T, what string, holds func(events []Event) bool) []Event {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		k.mu.Lock()
		if k.change == nil {
			k.change = make(chan struct{})
		}
		events, change := k.events, k.change
		good := holds(events)
		k.mu.Unlock()
		if good {
			return events
		}
		select {
		case <-change:
		case <-limit:
			t.Fatalf("waited for %s; taken: %+v", what, events)
		}
	}
}

// waitFor waits until something holds that nobody tells of.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("waited for " + what)
		}
	}
}

func reading(t *testing.T, c *Client, o FeedbackOptions, k *taken) *Feedback {
	t.Helper()
	f, err := c.NewFeedback(o, k)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

// sendOver sends a mail to each address with the configuration set "main".
func sendOver(t *testing.T, c *Client, to ...string) (ids []string) {
	t.Helper()
	c.set = "main"
	for i, address := range to {
		m := testMail(500)
		m.To, m.Tag = address, fmt.Sprintf("st0re-3-%d-1", i+1)
		id, err := c.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func kinds(events []Event) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		n[e.Kind.String()]++
	}
	return n
}

func TestEventsComeThroughTheQueue(t *testing.T) {
	for _, o := range []emulator.EventOptions{{}, {Raw: true}, {Notifications: true}, {Duplicate: 2, Shuffle: true, FailDelete: 3}} {
		o.Sets = []string{"main"}
		c, server := onEmulator(t, emulator.Options{Rate: -1, Events: o})
		k := &taken{fail: 1}
		f := reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "main")}, k)
		ids := sendOver(t, c, "success@simulator.amazonses.com", "bounce@simulator.amazonses.com", "complaint+x@simulator.amazonses.com", "a@example.net")
		if err := server.Report(ids[3], "Open", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"delivered": 3, "bounced": 1, "complained": 1}
		if !o.Notifications {
			want["sent"], want["opened"] = 4, 1
		}
		events := k.until(t, "all events", func(events []Event) bool {
			for kind, n := range want {
				if kinds(events)[kind] < n {
					return false
				}
			}
			return true
		})
		for _, e := range events {
			if !strings.HasPrefix(e.Tag, "st0re-3-") || e.At.IsZero() || e.Foreign || len(e.To) != 1 {
				t.Errorf("%+v: %+v", o, e)
			}
		}
		waitFor(t, "an empty queue", func() bool { a, b := server.Queued("main"); return a+b == 0 })
		s := f.Status()
		if s.Source != SourceSQS || s.Error != "" || s.LastEvent.IsZero() || s.Events < int64(len(events)) || s.CheckedAt.IsZero() || s.BadNewsOnly {
			t.Errorf("%+v: status %+v", o, s)
		}
	}
}

// One address that nobody can write of keeps back nobody else's news, also
// when its event comes alone and first.
func TestEventThatCannotBeWrittenKeepsBackNoOther(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1, Events: emulator.EventOptions{Sets: []string{"main"}}})
	k := &taken{poison: "poison@example.net"}
	f := reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "main")}, k)
	sendOver(t, c, k.poison)
	waitFor(t, "the refusal in status", func() bool { return strings.Contains(f.Status().Error, "its record is damaged") })
	to := []string{k.poison}
	for i := range 20 {
		to = append(to, fmt.Sprintf("p%d@example.net", i))
	}
	sendOver(t, c, to...)
	k.until(t, "the others' deliveries", func(events []Event) bool { return kinds(events)["delivered"] == 20 })
	waitFor(t, "a queue of what cannot be written", func() bool { a, b := server.Queued("main"); return a+b == 4 }) // sent and delivered, twice
	if s := f.Status(); s.Error == "" || s.Hint == "" {
		t.Errorf("status %+v", s)
	}
}

func TestMailWithoutASetIsNotReported(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1, Events: emulator.EventOptions{Sets: []string{"main"}}})
	if _, err := c.Send(t.Context(), testMail(100)); err != nil {
		t.Fatal(err)
	}
	if a, b := server.Queued("main"); a+b != 0 {
		t.Errorf("%d events of a mail without a configuration set", a+b)
	}
}

// Without tags and headers an event has the SES id alone, and may be ours.
func TestNotificationsWithoutHeadersMayBeOurs(t *testing.T) {
	c, _ := onEmulator(t, emulator.Options{Rate: -1, Events: emulator.EventOptions{Sets: []string{"main"}, Notifications: true, Bare: true}})
	k := &taken{}
	reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "main")}, k)
	id := sendOver(t, c, "a@example.net")[0]
	e := k.until(t, "the delivery", func(events []Event) bool { return len(events) == 1 })[0]
	if e.Foreign || e.Tag != "" || e.SESID != id || e.Kind != spool.Delivered {
		t.Errorf("%+v", e)
	}
}

func TestAServerWithoutASuppressionListIsSaidSo(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1})
	server.SetFault(emulator.Fault{Kind: "custom", Op: "ListSuppressedDestinations", Status: 404, Code: "UnknownOperationException"})
	f := reading(t, c, FeedbackOptions{SuppressionPoll: time.Minute}, &taken{})
	waitFor(t, "the trouble to be seen", func() bool { return strings.Contains(f.Status().Hint, "suppression_poll") })
}

// What is no event stays in the queue, which may be somebody else's, and holds
// up nothing.
func TestGarbageStaysInTheQueue(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1, Events: emulator.EventOptions{Sets: []string{"main"}}})
	k := &taken{}
	f := reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "main")}, k)
	for range 25 {
		server.Enqueue("main", `{"order":17}`)
	}
	server.Enqueue("main", `{"Type":"Notification","Message":"Successfully validated SNS topic for Amazon SES event publishing."}`)
	sendOver(t, c, "a@example.net")
	k.until(t, "the events behind it", func(events []Event) bool { return kinds(events)["delivered"] == 1 })
	waitFor(t, "all to be read", func() bool { s := f.Status(); return s.Garbage == 25 && s.Other == 1 })
	waitFor(t, "the rest to be deleted", func() bool { a, b := server.Queued("main"); return a == 0 && b == 25 })
}

func TestTroubleWithTheQueueIsSaidAndPasses(t *testing.T) {
	for fault, hint := range map[string]string{"access_denied": "permission", "expired_token": "credentials", "unavailable": "by itself", "reset": "by itself"} {
		t.Run(fault, func(t *testing.T) {
			c, server := onEmulator(t, emulator.Options{Rate: -1, Events: emulator.EventOptions{Sets: []string{"main"}}})
			server.SetFault(emulator.Fault{Kind: fault, Op: "ReceiveMessage"})
			k := &taken{}
			f := reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "main")}, k)
			waitFor(t, "the trouble to be seen: "+fault, func() bool { return f.Status().Error != "" })
			if s := f.Status(); !strings.Contains(s.Hint, hint) || strings.Contains(s.Error, "\n") {
				t.Errorf("%s: %q, hint %q", fault, s.Error, s.Hint)
			}
			sendOver(t, c, "a@example.net")
			server.ClearFaults()
			k.until(t, "the event after it", func(events []Event) bool { return len(events) >= 2 })
			waitFor(t, "the trouble to be over", func() bool { return f.Status().Error == "" })
		})
	}
	c, _ := onEmulator(t, emulator.Options{Rate: -1})
	f := reading(t, c, FeedbackOptions{QueueURL: emulator.QueueURL(c.endpoint, "nowhere")}, &taken{})
	waitFor(t, "the missing queue to be seen", func() bool { return strings.Contains(f.Status().Hint, "there is no such queue") })
	if _, err := c.NewFeedback(FeedbackOptions{QueueURL: "pabal-events"}, &taken{}); err == nil {
		t.Error("a name was taken for a URL")
	}
}

func TestSuppressionListIsReadFromItsMarkOn(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{Rate: -1})
	server.Suppress("old@example.net", "BOUNCE", "0100-old")
	k := &taken{}
	f := reading(t, c, FeedbackOptions{SuppressionPoll: 50 * time.Millisecond}, k)
	k.until(t, "the mark", func(events []Event) bool { return len(events) == 1 && k.mark != nil })
	server.Suppress("new@example.net", "COMPLAINT", "0100-new")
	events := k.until(t, "the complaint", func(events []Event) bool { return len(events) >= 2 })
	old, fresh := events[0], events[1]
	if !old.Hard || old.Kind != spool.Bounced || old.SESID != "" || old.To[0] != "old@example.net" {
		t.Errorf("found at first: %+v", old)
	}
	if fresh.Kind != spool.Complained || fresh.Hard || fresh.SESID != "0100-new" || !fresh.Known {
		t.Errorf("found later: %+v", fresh)
	}
	before := server.Calls("ListSuppressedDestinations")
	waitFor(t, "more looks", func() bool { return server.Calls("ListSuppressedDestinations") > before+1 })
	if k.until(t, "nothing", func([]Event) bool { return true }); len(events) != 2 {
		t.Errorf("taken again: %+v", events)
	}
	if s := f.Status(); s.Source != SourceSuppression || !s.BadNewsOnly || s.Events != 2 {
		t.Errorf("status %+v", s)
	}
}
