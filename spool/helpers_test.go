package spool

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// remember is a Sender that remembers what it was given and answers by fn.
type remember struct {
	mu    sync.Mutex
	calls []Message      // in order of the calls
	by    map[string]int // calls for each message
	at    []time.Time
	fn    func(ctx context.Context, m *Message, n int) error // n: calls for this message so far, from 1
}

func (r *remember) Send(ctx context.Context, m *Message) (string, error) {
	r.mu.Lock()
	r.calls = append(r.calls, *m)
	r.at = append(r.at, time.Now())
	if r.by == nil {
		r.by = map[string]int{}
	}
	r.by[m.ID]++
	fn, n, total := r.fn, r.by[m.ID], len(r.calls)
	r.mu.Unlock()
	if fn != nil {
		if err := fn(ctx, m, n); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("0100019a3b2c%04x-1f2e3d4c-5b6a-7988-a0b1-%012x-000000", total, total), nil
}

func (r *remember) count(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[id]
}

func (r *remember) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// openPace lets everything through at once.
type openPace struct {
	mu       sync.Mutex
	slots    int
	probe    func() error
	quota    func(Lane) error
	frees    time.Time
	reports  []error
	reserved int // Take minus Return minus Report
}

func (p *openPace) Take(ctx context.Context, l Lane, n int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quota != nil {
		if err := p.quota(l); err != nil {
			return 0, err
		}
	}
	p.reserved += n
	return n, ctx.Err()
}

func (p *openPace) Return(_ Lane, n int) {
	p.mu.Lock()
	p.reserved -= n
	p.mu.Unlock()
}

func (p *openPace) Report(_ Lane, err error) {
	p.mu.Lock()
	p.reserved--
	p.reports = append(p.reports, err)
	p.mu.Unlock()
}

func (p *openPace) Concurrency() int {
	if p.slots == 0 {
		return 8
	}
	return p.slots
}

func (p *openPace) Probe(context.Context) error {
	if p.probe != nil {
		return p.probe()
	}
	return nil
}

func (p *openPace) QuotaFrees(Lane) (time.Time, bool) { return p.frees, !p.frees.IsZero() }

// book is an Addresser.
type book map[uint64]string

func (b book) Address(id uint64) (string, time.Time, error) {
	if b == nil {
		return fmt.Sprintf("s%d@example.com", id), time.Time{}, nil
	}
	if to, ok := b[id]; ok {
		return to, time.Time{}, nil
	}
	return "", time.Time{}, &SkipError{Reason: SkipErased}
}

// bench is a spool under test in a synctest bubble.
type bench struct {
	*Spool
	t      *testing.T
	dir    string
	sender *remember
	pace   *openPace
	stop   context.CancelFunc
	ended  chan error
}

func newBench(t *testing.T, dir string) *bench {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Spool: s, t: t, dir: dir, sender: &remember{}, pace: &openPace{}}
	s.Sender, s.Pace, s.Addresses = b.sender, b.pace, book(nil)
	t.Cleanup(func() { b.close() })
	return b
}

// run starts the drain.
func (b *bench) run() {
	ctx, stop := context.WithCancel(b.t.Context())
	b.stop, b.ended = stop, make(chan error, 1)
	go func() { b.ended <- b.Run(ctx) }()
}

func (b *bench) halt() {
	if b.stop == nil {
		return
	}
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Errorf("run: %v", err)
	}
	b.stop = nil
}

func (b *bench) close() {
	b.halt()
	if err := b.Close(); err != nil {
		b.t.Errorf("close: %v", err)
	}
}

// proved fails the test when the sums do not hold.
func (b *bench) proved() {
	b.t.Helper()
	r, err := b.Check(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range r.Faults {
		b.t.Errorf("check: %s", f)
	}
}

func (b *bench) put(to ...string) []string {
	b.t.Helper()
	ids, err := b.Put(b.t.Context(), Envelope{From: "app@example.com", FromDomain: "example.com", To: to,
		Subject: "주문 확인", MessageID: "1@app"}, []byte("Subject: hi\r\n\r\nbody\r\n"))
	if err != nil {
		b.t.Fatal(err)
	}
	return ids
}

// freeze makes campaign id with subscribers 1..n.
func (b *bench) freeze(id uint64, n int) {
	b.t.Helper()
	ctx := b.t.Context()
	if err := b.Begin(ctx, Ledger{Campaign: id, FromDomain: "example.com", MaxID: uint64(n), Expect: -1}); err != nil {
		b.t.Fatal(err)
	}
	var rows []Row
	for i := 1; i <= n; i++ {
		rows = append(rows, Row{Subscriber: uint64(i)})
		if len(rows) == MaxBatch || i == n {
			if err := b.PutBatch(ctx, id, rows, Mark{Subscriber: uint64(i), Done: i == n}); err != nil {
				b.t.Fatal(err)
			}
			rows = rows[:0]
		}
	}
}

// change writes a message of the queue anew.
func (b *bench) change(id string, fn func(*Message)) error {
	return b.queueJob(b.t.Context(), id, func(tx *bbolt.Tx, old *Message) error {
		m := *old
		fn(&m)
		return b.queueSums().replace(tx, old, &m)
	})
}

func (b *bench) message(id string) Message {
	b.t.Helper()
	m, err := b.Message(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *bench) state(id uint64) Ledger {
	b.t.Helper()
	l, err := b.Ledger(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// inBubble runs a test with time that passes only when everybody waits.
func inBubble(t *testing.T, fn func(t *testing.T, b *bench)) {
	t.Helper()
	bubbleIn(t, t.TempDir(), fn)
}

// bubbleIn is inBubble over a store that may be there already.
func bubbleIn(t *testing.T, dir string, fn func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newBench(t, dir)) })
}

// after lets fake time pass and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
