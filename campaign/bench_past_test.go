package campaign

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// anonymous is this process's memory that is not of a mapped file, in bytes.
func anonymous(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	var kb int64
	_, after, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(after, &kb); err != nil {
		b.Fatal(err)
	}
	return kb << 10
}

// BenchmarkPast counts a million subscribers by what became of three campaigns
// that each had all of them in its ledger.
func BenchmarkPast(b *testing.B) {
	const n = 1_000_000
	h, ctx := open(b, b.TempDir()), context.Background()
	h.store.Logger, h.people.Past = nil, h.store
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "email,gender,subscribed\n")
		for i := range n {
			_, _ = fmt.Fprintf(out, "customer%07d@example.com,%s,1\n", i, [3]string{"여", "남", ""}[i%3])
		}
		_ = out.Close()
	}()
	if _, err := h.people.ImportCSV(ctx, in, audience.ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	for range 3 {
		h.million(b, n)
	}
	for _, expression := range []string{`gender == "female" and opted_in`, `selected(1)`, `gender == "female" and not skipped(last(3))`,
		`gender == "female" and selected(days(30)) and skipped(last(3)) <= 2`} {
		b.Run(expression, func(b *testing.B) {
			seg, err := audience.ParseSegment(expression, nil)
			if err != nil {
				b.Fatal(err)
			}
			cpu := cpuTime(b)
			for b.Loop() {
				if _, err := h.people.Count(ctx, seg, ""); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(n*float64(b.N)/(cpuTime(b)-cpu).Seconds(), "rows/cpu-s")
			b.ReportMetric(float64(anonymous(b)>>20), "anon-MB")
		})
	}
}

// million is a campaign's ledger with n rows, every third of them skipped.
func (h *house) million(b *testing.B, n uint64) {
	b.Helper()
	c := h.draft(b, simple, Campaign{})
	if _, err := h.store.seal(b.Context(), c, -1, nil, nil); err != nil {
		b.Fatal(err)
	}
	if err := h.spool.Begin(context.Background(), spool.Ledger{Campaign: c.ID, FromDomain: "example.com", MaxID: n, Expect: -1, Started: time.Now()}); err != nil {
		b.Fatal(err)
	}
	rows := make([]spool.Row, 0, spool.MaxBatch)
	for id := uint64(1); id <= n; id++ {
		r := spool.Row{Subscriber: id}
		if id%3 == c.ID%3 {
			r.Skip = spool.SkipUnsubscribed
		}
		if rows = append(rows, r); len(rows) == cap(rows) || id == n {
			if err := h.spool.PutBatch(context.Background(), c.ID, rows, spool.Mark{Subscriber: id, Done: id == n}); err != nil {
				b.Fatal(err)
			}
			rows = rows[:0]
		}
	}
}
