package spool

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

func openBench(b *testing.B) *Spool {
	b.Helper()
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkPut stores mails durably: mails/s, and bytes of pages written for
// one of body.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 32} {
		for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
			b.Run(fmt.Sprintf("%d-writers/%dKB", writers, size>>10), func(b *testing.B) {
				s := openBench(b)
				body := make([]byte, size)
				env := Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{"someone@example.net"},
					Subject: "주문이 접수되었습니다", MessageID: "20261122.1234567@app.example.com"}
				before := s.queue.Stats().TxStats
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if _, err := s.Put(context.Background(), env, body); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				after := s.queue.Stats().TxStats
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
				b.ReportMetric(float64(after.GetPageAlloc()-before.GetPageAlloc())/float64(b.N)/float64(size), "written/body")
			})
		}
	}
}

// frozen makes campaign 1 of n rows.
func frozen(b *testing.B, s *Spool, n int) { frozenAs(b, s, 1, n) }

func frozenAs(b *testing.B, s *Spool, campaign uint64, n int) {
	ctx := context.Background()
	if err := s.Begin(ctx, Ledger{Campaign: campaign, FromDomain: "example.com", Expect: -1}); err != nil {
		b.Fatal(err)
	}
	rows := make([]Row, MaxBatch)
	for at := 0; at < n; at += len(rows) {
		rows = rows[:min(MaxBatch, n-at)]
		for i := range rows {
			rows[i].Subscriber = uint64(at + i + 1)
		}
		mark := Mark{Subscriber: uint64(at + len(rows)), Done: at+len(rows) == n}
		if err := s.PutBatch(ctx, campaign, rows, mark); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFreeze stores 100,000 frozen recipients.
func BenchmarkFreeze(b *testing.B) {
	const rows = 100_000
	for b.Loop() {
		s, err := Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		frozen(b, s, rows)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}

// instant accepts every mail at once.
type instant struct {
	calls atomic.Int64
	all   int64
	ended chan struct{}
}

func (s *instant) Send(context.Context, *Message) (string, error) {
	n := s.calls.Add(1)
	if n == s.all {
		close(s.ended)
	}
	return fmt.Sprintf("0100019a%08x-1f2e3d4c-5b6a-7988-a0b1-%012x-000000", n, n), nil
}

// BenchmarkDrain drains campaigns of 20,000 with 16 calls in flight and a
// Sender that answers at once, with rising SES ids: rows/s, CPU per row, and
// bytes of pages in use per row at the end.
func BenchmarkDrain(b *testing.B) {
	const rows = 20_000
	var cpu, used float64
	var busy time.Duration
	for range b.N {
		s, err := Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		frozen(b, s, rows)
		sender := &instant{all: rows, ended: make(chan struct{})}
		s.Sender, s.Pace, s.Addresses = sender, &freePace{}, book(nil)
		ctx, stop := context.WithCancel(context.Background())
		began, before := time.Now(), cpuTime()
		go func() { <-sender.ended; stop() }()
		if err := s.Run(ctx); err != nil {
			b.Fatal(err)
		}
		busy += time.Since(began)
		cpu += (cpuTime() - before).Seconds()
		if l, err := s.Ledger(1); err != nil || l.Accepted != rows {
			b.Fatalf("%+v, %v", l, err)
		}
		if used, err = pagesInUse(s.ledger.Store); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/busy.Seconds(), "rows/s")
	b.ReportMetric(cpu/float64(b.N)/rows*1e6, "µs-CPU/row")
	b.ReportMetric(used/rows, "B/row")
}

// pagesInUse is the bytes of a file that hold something.
func pagesInUse(st *store.Store) (bytes float64, err error) {
	err = st.View(func(tx *bbolt.Tx) error {
		bytes = float64(tx.Size() - int64(st.Stats().FreePageN+st.Stats().PendingPageN)*4096)
		return nil
	})
	return bytes, err
}

// freePace is 16 calls at once and no other limit.
type freePace struct{}

func (freePace) Take(ctx context.Context, _ Lane, n int) (int, error) { return n, ctx.Err() }
func (freePace) Return(Lane, int)                                     {}
func (freePace) Report(Lane, error)                                   {}
func (freePace) Concurrency() int                                     { return 16 }
func (freePace) Probe(context.Context) error                          { return nil }
func (freePace) QuotaFrees(Lane) (time.Time, bool)                    { return time.Time{}, false }

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScanBesideHeldMail finds what is due in a queue of held mail.
func BenchmarkScanBesideHeldMail(b *testing.B) {
	for _, held := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("%d-held", held), func(b *testing.B) {
			s := openBench(b)
			env := Envelope{FromDomain: "held.example"}
			for i := 0; i < held; i += MaxBatch {
				env.To = env.To[:0]
				for n := range MaxBatch {
					env.To = append(env.To, fmt.Sprintf("c%d@example.net", i+n))
				}
				if _, err := s.Put(b.Context(), env, []byte("x")); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Hold(b.Context(), Hold{Scope: FromScope("held.example"), Class: Identity, Reason: "not verified"}); err != nil {
				b.Fatal(err)
			}
			if _, err := s.Put(b.Context(), Envelope{FromDomain: "z.example", To: []string{"a@example.net"}}, []byte("x")); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if due, _, err := s.queueCandidates(Transactional, 16); err != nil || len(due) != 1 {
					b.Fatal(due, err)
				}
			}
		})
	}
}
