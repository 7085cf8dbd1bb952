package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// world is the drain as it runs in production (spool, pace, the real SDK, the
// wire protocol) against the emulator, with pipes in place of sockets so that
// fake time can pass: two hours take a moment.
type world struct {
	t      *testing.T
	size   int // bytes of a campaign's letter, about
	ses    *emulator.Server
	net    *pipes
	spool  *spool.Spool
	client *sesclient.Client
	ended  sync.WaitGroup
}

// inWorld runs a test in a bubble of fake time.
func inWorld(t *testing.T, o emulator.Options, run func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: newPipes()}
		ses, err := emulator.New(o)
		if err != nil {
			t.Fatal(err)
		}
		w.ses = ses
		ctx, stop := context.WithCancel(t.Context())
		defer w.ended.Wait()
		defer stop()
		w.ended.Go(func() { _ = ses.Serve(ctx, w.net) })
		if w.spool, err = spool.Open(dir); err != nil {
			t.Fatal(err)
		}
		w.start(ctx)
		run(t, w)
		stop()
		w.ended.Wait()
		w.proved()
		if err := errors.Join(w.spool.Close(), ses.Close()); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) start(ctx context.Context) {
	client, err := sesclient.New(ctx, sesclient.Options{Region: "ap-northeast-2", Endpoint: "http://ses.test",
		ConfigurationSet: "main", Credentials: sesclient.Credentials{AccessKey: "AKID", SecretKey: "secret"},
		StoreID: w.spool.StoreID(), Dial: w.net.dial})
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = client
	w.spool.Sender, w.spool.Pace, w.spool.Addresses = letters{w, client}, client.Pace, directory{}
	w.spool.ConfigurationSet = "main"
	w.ended.Go(func() { _ = client.Run(ctx) })
	w.ended.Go(func() {
		if err := w.spool.Run(ctx); err != nil {
			w.t.Errorf("drain: %v", err)
		}
	})
}

// proved fails the test when the sums do not hold.
func (w *world) proved() {
	w.t.Helper()
	r, err := w.spool.Check(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range r.Faults {
		w.t.Errorf("check: %s", f)
	}
}

// letters writes a letter where there is none: campaigns have their own tests.
type letters struct {
	w    *world
	next spool.Sender
}

func (l letters) Send(ctx context.Context, m *spool.Message) (string, error) {
	if m.Data == nil {
		m.Data = letter(m.To, l.w.size)
	}
	return l.next.Send(ctx, m)
}

func letter(to string, size int) []byte {
	b := []byte("From: Shop <shop@example.com>\r\nTo: <" + to + ">\r\nSubject: hello\r\n\r\nhello\r\n")
	line := []byte("0123456789012345678901234567890123456789012345678901234567890123456789\r\n")
	for len(b) < size {
		b = append(b, line...)
	}
	return b
}

type directory struct{}

func (directory) Address(id uint64) (string, time.Time, error) {
	return fmt.Sprintf("s%d@example.net", id), time.Time{}, nil
}

// put submits one mail of a size in the transactional lane.
func (w *world) put(to string, size int) string {
	w.t.Helper()
	ids, err := w.spool.Put(w.t.Context(), spool.Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{to}}, letter(to, size))
	if err != nil {
		w.t.Fatal(err)
	}
	return ids[0]
}

// campaign freezes a campaign to n subscribers.
func (w *world) campaign(id uint64, n int) {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.spool.Begin(ctx, spool.Ledger{Campaign: id, FromDomain: "example.com", ConfigurationSet: "main", Expect: -1}); err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < n; i += spool.MaxBatch {
		var rows []spool.Row
		for k := i + 1; k <= min(i+spool.MaxBatch, n); k++ {
			rows = append(rows, spool.Row{Subscriber: uint64(k)})
		}
		mark := spool.Mark{Subscriber: rows[len(rows)-1].Subscriber, Done: i+spool.MaxBatch >= n}
		if err := w.spool.PutBatch(ctx, id, rows, mark); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) message(id string) spool.Message {
	w.t.Helper()
	m, err := w.spool.Message(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) ledger(id uint64) spool.Ledger {
	w.t.Helper()
	l, err := w.spool.Ledger(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// pass lets fake time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// pipes is a network of one listener.
type pipes struct {
	conns chan net.Conn
	down  chan struct{}
	once  sync.Once

	mu      sync.Mutex
	refused bool
	open    []net.Conn
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), down: make(chan struct{})} }

// refuse closes every connection and makes new ones fail, as if nobody
// listened any more.
func (p *pipes) refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = on
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

func (p *pipes) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	p.mu.Lock()
	refused := p.refused
	p.mu.Unlock()
	if refused {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		p.mu.Lock()
		p.open = append(p.open, here)
		p.mu.Unlock()
		return here, nil
	case <-p.down:
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.down:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.down) })
	return nil
}

// Addr is of the documentation range (RFC 5737): nothing is reached there.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
