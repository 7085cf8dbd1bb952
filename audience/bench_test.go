package audience

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// csvOf is n customers as a CSV file, made while it is read.
func csvOf(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		rnd := rand.New(rand.NewPCG(1, 2))
		var b strings.Builder
		b.WriteString("이메일,이름,성별,가입일,포인트,수신동의\n")
		start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range n {
			fmt.Fprintf(&b, "customer%07d@example.com,김고객%d,%s,%s,%d,동의\n", i, i%1000, [3]string{"여", "남", ""}[rnd.IntN(3)],
				start.AddDate(0, 0, rnd.IntN(1000)).Format(time.DateOnly), rnd.IntN(50000))
			if b.Len() > 64<<10 || i == n-1 {
				if _, err := io.WriteString(w, b.String()); err != nil {
					return
				}
				b.Reset()
			}
		}
		_ = w.Close()
	}()
	return r
}

// cpuTime is what this process has used on all cores: a number that a busy
// machine does not change.
func cpuTime() time.Duration {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkImport tells rows/s into an empty store, and of the same file again.
func BenchmarkImport(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		b.StopTimer()
		s := open(b)
		b.StartTimer()
		for _, what := range []string{"new", "again"} {
			begin, cpu := time.Now(), cpuTime()
			res, err := s.ImportCSV(context.Background(), csvOf(n), ImportOptions{Tags: []string{what}})
			if err != nil || res.Accepted != n {
				b.Fatal(res, err)
			}
			b.ReportMetric(n/time.Since(begin).Seconds(), what+"-rows/s")
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/n, what+"-cpu-ns/row")
		}
		b.StopTimer()
		_ = s.Close()
		b.StartTimer()
	}
}

// BenchmarkMillion asks a store of 1M subscribers, built once.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	s, ctx := open(b), context.Background()
	begin, cpu := time.Now(), cpuTime()
	if _, err := s.ImportCSV(ctx, csvOf(n), ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.Logf("first import of 1M: %.0f rows/s, %v of CPU, heap from the system %d MB", n/time.Since(begin).Seconds(), cpuTime()-cpu, memory.HeapSys>>20)
	seg, err := ParseSegment(`gender == "female" and created_at >= "2026-01-01"`, nil)
	if err != nil {
		b.Fatal(err)
	}
	rows := func(b *testing.B) { b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s") }
	run := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			cpu := cpuTime()
			f(b)
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
	run("count", func(b *testing.B) {
		for b.Loop() {
			if c, err := s.Count(ctx, seg, ""); err != nil || c.Selected < 50_000 {
				b.Fatal(c, err)
			}
		}
		rows(b)
	})
	run("count by attribute", func(b *testing.B) {
		seg, err := ParseSegment(`포인트 >= 40000 and opted_in`, nil)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if c, err := s.Count(ctx, seg, ""); err != nil || c.Selected < 100_000 {
				b.Fatal(c, err)
			}
		}
		rows(b)
	})
	run("walk everyone", func(b *testing.B) {
		for b.Loop() {
			if err := s.Walk(ctx, nil, "", 0, n, func(*Subscriber, string) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		rows(b)
	})
	run("check in order", func(b *testing.B) {
		id := uint64(0)
		for b.Loop() {
			id = id%n + 1
			if _, reason, err := s.Check(id, "sale"); reason != "" || err != nil {
				b.Fatal(reason, err)
			}
		}
	})
	run("check", func(b *testing.B) {
		rnd := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if _, reason, err := s.Check(1+rnd.Uint64N(n), "sale"); reason != "" || err != nil {
				b.Fatal(reason, err)
			}
		}
	})
	run("by e-mail", func(b *testing.B) {
		rnd := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if _, err := s.ByEmail(fmt.Sprintf("customer%07d@example.com", rnd.IntN(n))); err != nil {
				b.Fatal(err)
			}
		}
	})
	for what, text := range map[string]string{"no e-mail": "zzz", "no name": "박", "customer without end": "customer1000000", "last e-mail": "customer099999", "all": "김고객"} {
		run("search "+what, func(b *testing.B) {
			slowest := time.Duration(0)
			for b.Loop() {
				begin := time.Now()
				if _, err := s.Search(ctx, text, 20); err != nil {
					b.Fatal(err)
				}
				slowest = max(slowest, time.Since(begin))
			}
			b.ReportMetric(float64(slowest.Milliseconds()), "max-ms")
		})
	}
	for what, text := range map[string]string{"no part": "zzz", "part of the last": "r0999999@", "no part of a name": "박"} {
		run("search all, "+what, func(b *testing.B) {
			for b.Loop() {
				for _, err := range s.SearchAll(ctx, text) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			rows(b)
		})
	}
	run("list last prefix", func(b *testing.B) {
		for b.Loop() {
			for _, err := range s.List(ctx, 0, "customer0999999", nil) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	run("list no name", func(b *testing.B) {
		for b.Loop() {
			for range s.List(ctx, 0, "박", nil) {
				b.Fatal("found")
			}
		}
	})
}
