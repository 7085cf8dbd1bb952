//go:build bench

package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pabal/spool"
)

const (
	ledgerRows    = 1_000_000
	ledgerInCalls = 64
)

// benchLedger freezes and sends a million rows with nothing behind the spool,
// and looks at what is left of it on disk.
func benchLedger(t *testing.T) (rows []row) {
	for _, c := range []struct {
		ids  string
		id   func(n int64) string
		goal float64 // MB
	}{
		{"rising", risingID, 210}, {"random", randomID, 300}} {
		freeze, drain, size := sendLedger(t, c.id)
		rows = append(rows, row{"ledger of 1,000,000 after sending, " + c.ids + " SES ids",
			fmt.Sprintf("%.0f MB; frozen at %.0f rows/s, sent at %.0f/s", size, ledgerRows/freeze.Seconds(), ledgerRows/drain.Seconds()),
			fmt.Sprintf("at most %.0f MB", c.goal), times(size / c.goal), fmt.Sprintf("≤ %.0f MB", c.goal), size <= c.goal})
	}
	return rows
}

// SES ids begin with a time; random ones are the worst that an index can get.
func risingID(n int64) string {
	return fmt.Sprintf("0100%012x-%08x-5b6a-7988-a0b1-%012x-000000", time.Now().UnixMilli(), n, n)
}

func randomID(int64) string {
	return fmt.Sprintf("%016x-%08x-5b6a-7988-a0b1-%012x-000000", rand.Uint64(), rand.Uint32(), rand.Uint64()>>16)
}

func sendLedger(t *testing.T, id func(int64) string) (freeze, drain time.Duration, size float64) {
	t.Helper()
	dir := t.TempDir()
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	freezeRows(t, s)
	freeze = time.Since(begun)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.Sender, s.Pace, s.Addresses = &instantSender{id: id, left: ledgerRows, all: stop}, openPace{ledgerInCalls}, directory{}
	begun = time.Now()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	drain = time.Since(begun)
	if l, err := s.Ledger(1); err != nil || l.Accepted != ledgerRows {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	return freeze, drain, float64(info.Size()) / 1e6
}

func freezeRows(t *testing.T, s *spool.Spool) {
	t.Helper()
	if err := s.Begin(t.Context(), spool.Ledger{Campaign: 1, FromDomain: "example.com", Expect: -1}); err != nil {
		t.Fatal(err)
	}
	batch := make([]spool.Row, spool.MaxBatch)
	for at := 0; at < ledgerRows; at += len(batch) {
		for i := range batch {
			batch[i].Subscriber = uint64(at + i + 1)
		}
		mark := spool.Mark{Subscriber: uint64(at + len(batch)), Done: at+len(batch) == ledgerRows}
		if err := s.PutBatch(t.Context(), 1, batch, mark); err != nil {
			t.Fatal(err)
		}
	}
}

// instantSender accepts every mail at once.
type instantSender struct {
	id   func(int64) string
	left int64
	sent atomic.Int64
	all  func() // called once none is left
}

func (s *instantSender) Send(context.Context, *spool.Message) (string, error) {
	n := s.sent.Add(1)
	if n == s.left {
		s.all()
	}
	return s.id(n), nil
}

// openPace lets everything through.
type openPace struct{ concurrency int }

func (openPace) Take(ctx context.Context, _ spool.Lane, n int) (int, error) { return n, ctx.Err() }
func (openPace) Return(spool.Lane, int)                                     {}
func (openPace) Report(spool.Lane, error)                                   {}
func (p openPace) Concurrency() int                                         { return p.concurrency }
func (openPace) Probe(context.Context) error                                { return nil }
func (openPace) QuotaFrees(spool.Lane) (time.Time, bool)                    { return time.Time{}, false }
