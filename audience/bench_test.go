package audience

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// BenchmarkImportLater tells rows/s of a file of 200,000 of 1M people that are
// there, in random order: with a change in every row, and without news.
func BenchmarkImportLater(b *testing.B) {
	const all, n = 1_000_000, 200_000
	s, ctx := open(b), context.Background()
	if _, err := s.ImportCSV(ctx, csvOf(all), ImportOptions{}); err != nil {
		b.Fatal(err)
	}
	order := rand.New(rand.NewPCG(3, 4)).Perm(all)[:n]
	for round := 0; b.Loop(); round++ {
		var text strings.Builder
		text.WriteString("이메일,이름,포인트\n")
		for _, i := range order {
			fmt.Fprintf(&text, "customer%07d@example.com,박고객%d,%d\n", i, round, i%777+round)
		}
		for _, what := range []string{"changed", "same"} {
			begin, cpu := time.Now(), cpuTime()
			res, err := s.ImportCSV(ctx, strings.NewReader(text.String()), ImportOptions{})
			if err != nil || res.Accepted != n || what == "same" && res.Unchanged != n || what == "changed" && res.Updated != n {
				b.Fatal(res, err)
			}
			b.ReportMetric(n/time.Since(begin).Seconds(), what+"-rows/s")
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/n, what+"-cpu-ns/row")
		}
	}
}

// BenchmarkWorkbook tells rows/s and the memory of reading a workbook of 1M rows
// and 6 columns, its texts as shared strings as Excel writes them.
func BenchmarkWorkbook(b *testing.B) {
	const n = 1_000_000
	path := filepath.Join(b.TempDir(), "big.xlsx")
	writeShared(b, path, n)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
	dir := b.TempDir()
	for b.Loop() {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin, cpu, rows := time.Now(), cpuTime(), 0
		t, err := readTable(context.Background(), dir, f, "", "")
		if err != nil {
			b.Fatal(err)
		}
		peak := uint64(0)
		for ; ; rows++ {
			if _, _, err = t.next(); err != nil {
				break
			}
			if rows%100_000 == 0 {
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapInuse)
			}
		}
		t.close()
		if err != io.EOF || rows != n+1 {
			b.Fatal(rows, err)
		}
		b.ReportMetric(n/time.Since(begin).Seconds(), "rows/s")
		b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/n, "cpu-ns/row")
		b.ReportMetric(float64(peak-min(peak, before.HeapInuse))/1e6, "heap-MB")
		_ = f.Close()
	}
}

// writeShared writes a workbook with n rows.
func writeShared(b *testing.B, path string, n int) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"_rels/.rels": testRels, "xl/workbook.xml": testBook, "xl/_rels/workbook.xml.rels": testBookRels, "xl/styles.xml": testStyles} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	part := func(name, head, tail string, each func(w io.Writer, i int)) {
		w, err := z.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		out := bufio.NewWriterSize(w, 1<<20)
		_, _ = out.WriteString(head)
		for i := range n {
			each(out, i)
		}
		_, _ = out.WriteString(tail)
		if err := out.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	part("xl/sharedStrings.xml", `<sst><si><t>이메일</t></si><si><t>이름</t></si><si><t>동의</t></si>`, `</sst>`, func(w io.Writer, i int) {
		fmt.Fprintf(w, "<si><t>customer%07d@example.com</t></si><si><t>김고객%d</t></si>", i, i)
	})
	part("xl/worksheets/sheet1.xml", `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>가입일</t></is></c><c r="D1" t="inlineStr"><is><t>전화</t></is></c><c r="E1" t="inlineStr"><is><t>포인트</t></is></c><c r="F1" t="inlineStr"><is><t>수신동의</t></is></c></row>`,
		`</sheetData></worksheet>`, func(w io.Writer, i int) {
			r := i + 2
			fmt.Fprintf(w, `<row r="%d" spans="1:6"><c r="A%d" t="s"><v>%d</v></c><c r="B%d" t="s"><v>%d</v></c><c r="C%d" s="1"><v>%d</v></c><c r="D%d" s="2"><v>%d</v></c><c r="E%d"><v>%d</v></c><c r="F%d" t="s"><v>2</v></c></row>`,
				r, r, 3+2*i, r, 4+2*i, r, 45000+i%1000, r, 1010000000+i, r, i%50000, r)
		})
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		b.Fatal(err)
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
