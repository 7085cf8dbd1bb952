//go:build host

package syncer

import (
	"context"
	"database/sql"
	"syscall"
	"testing"
	"time"
)

const benchRows = 100_000

// BenchmarkFirstLoad prints the rate of a first load beside that of one query
// that streams the same columns; the goal is a ratio of 0.6.
func BenchmarkFirstLoad(b *testing.B) {
	for range b.N {
		w := newWorld(b)
		w.exec("INSERT INTO User (Email, Name, Gender, CreateTime, SubscriptionStatus) SELECT CONCAT('user', seq * 7919 % 1000003, '@example.com'), '김민수', 'M', 1700000000 + seq, 'true' FROM seq_1_to_100000")
		cpu := cpuTime()
		streamed := w.stream(b)
		b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/benchRows/1e3, "streamed-µs-CPU/row")
		begin := time.Now()
		cpu = cpuTime()
		if got, err := w.syncer().Sync(context.Background(), Order{}); err != nil || got.Created != benchRows {
			b.Fatalf("got %+v, %v", got, err)
		}
		took := time.Since(begin)
		b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/benchRows/1e3, "loaded-µs-CPU/row")
		w.sound()
		b.ReportMetric(benchRows/streamed.Seconds(), "streamed/s")
		b.ReportMetric(benchRows/took.Seconds(), "loaded/s")
		b.ReportMetric(streamed.Seconds()/took.Seconds(), "ratio")
		w.exec("UPDATE User SET update_at = '2020-01-01'; UPDATE User SET Name = 'x' WHERE id % 1000 = 7")
		w.sync(Order{Full: true})
		w.config.Overlap = time.Second
		w.exec("UPDATE User SET Name = 'y' WHERE id % 1000 = 7")
		begin = time.Now()
		got, err := w.syncer().Sync(context.Background(), Order{})
		if err != nil || got.Updated != benchRows/1000 {
			b.Fatalf("got %+v, %v", got, err)
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms/tick-of-100")
	}
}

// cpuTime is what this process, the server apart, has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// stream is how long one query takes that reads everything a load reads.
func (w *world) stream(b *testing.B) time.Duration {
	b.Helper()
	begin := time.Now()
	rows, err := w.db.Query("SELECT id, Email, SubscriptionStatus, Name, Gender, CreateTime, update_at FROM User ORDER BY id")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	raw, into := make([]sql.RawBytes, 7), make([]any, 7)
	for i := range raw {
		into[i] = &raw[i]
	}
	n := 0
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if n != benchRows || rows.Err() != nil {
		b.Fatalf("%d rows, %v", n, rows.Err())
	}
	return time.Since(begin)
}
