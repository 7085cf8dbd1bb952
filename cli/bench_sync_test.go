//go:build bench

package cli

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
	"pabal/syncer"
)

const (
	shopRows    = 1_000_000
	tickRows    = 100
	oldChange   = "2026-01-01 00:00:00" // before the overlap, so that a tick reads what changed alone
	shopColumns = "id, Email, Name, Gender, CreateTime, SubscriptionStatus, update_at"
)

// benchSync is a table of a million customers: its first load through the whole
// daemon beside one query that streams the same columns, and a tick.
func benchSync(t *testing.T) []row {
	m := startMariaDB(t)
	m.shop()
	s := &shop{m}
	rows := s.beside()
	memory := 0.0
	bare := bareLoad(t)
	loaded, streamed, ratio := inTurns(func() float64 {
		rate, most := s.load()
		memory = max(memory, most)
		return rate
	}, s.stream)
	const goal, memoryGoal = 0.6, 64
	return append([]row{
		{"first load of 1,000,000 rows from MariaDB", fmt.Sprintf("%.0f rows/s", loaded), fmt.Sprintf("one streaming query %.0f rows/s; bbolt alone %.0f", streamed, bare), times(ratio), fmt.Sprintf("≥ %.1f ×", goal), ratio >= goal},
		{"RssAnon while 1,000,000 rows are loaded", fmt.Sprintf("%.0f MB", memory), "at most 64 MB", times(memory / memoryGoal), "≤ 64 MB", memory <= memoryGoal},
	}, rows...)
}

// shop is a table of customers on a server of its own.
type shop struct{ *mariaDB }

// fill puts the million in.
func (s *shop) fill() {
	s.t.Helper()
	s.exec(fmt.Sprintf("INSERT INTO shop.User (Email, Name, Gender, CreateTime, SubscriptionStatus, update_at) SELECT CONCAT('user', seq * 7919 %% 1000003, '@example.com'), CONCAT('고객', seq), 'F', 1700000000 + seq, 'true', '%s' FROM shop.seq_1_to_%d", oldChange, shopRows))
}

// host is a daemon in step with the table, with an empty store.
func (s *shop) host() *host {
	return newHost(s.t, emulator.Options{Rate: -1, Quota: -1, Keep: -1}, append(shopEnv(), "PABAL_MYSQL_DSN=root@tcp("+s.addr+")/shop")...)
}

// load lets a fresh daemon read the table. It returns rows/s and the most memory, MB.
func (s *shop) load() (rate, memory float64) {
	s.t.Helper()
	h := s.host()
	p := h.serve()
	most := watched(statusEvery, func() float64 { return anonymous(s.t, p.Process.Pid) })
	c := h.client()
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for range tick.C {
		st, err := c.SyncStatus(s.t.Context())
		if err != nil || st.Error != "" {
			s.t.Fatalf("got %+v, %v", st, err)
		}
		if !st.LastFull.IsZero() {
			rate = float64(st.Last.Created) / st.Last.Took.Seconds()
			break
		}
	}
	memory = most()
	h.stop(p)
	return rate, memory
}

// stream reads the whole table by one query: rows/s.
func (s *shop) stream() float64 {
	s.t.Helper()
	begun := time.Now()
	rows, err := s.db.Query("SELECT " + shopColumns + " FROM shop.User ORDER BY id")
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	raw, into := make([]sql.RawBytes, 7), make([]any, 7)
	for i := range raw {
		into[i] = &raw[i]
	}
	n := 0
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		n++
	}
	if n != shopRows || rows.Err() != nil {
		s.t.Fatalf("%d rows, %v", n, rows.Err())
	}
	return float64(n) / time.Since(begun).Seconds()
}

// beside is one SMTP client while nothing goes on, during a first load and
// during a tick, and how long the tick takes.
func (s *shop) beside() []row {
	s.t.Helper()
	h := s.host()
	p := h.serve() // the table is empty
	c := h.client()
	if _, err := c.Hold(s.t.Context(), spool.ScopeAll, "bench"); err != nil {
		s.t.Fatal(err)
	}
	address := p.where.SMTP[0]
	h.warm(s.t, p, 1<<10, 4*loneMails)
	s.fill()
	idle := latencies(s.t, address, 1<<10, func(sent int) bool { return sent < loneMails })
	during, loaded := s.meanwhile(address, c)
	if !loaded.Full || loaded.Created != shopRows {
		s.t.Fatalf("got %+v", loaded)
	}
	s.exec(fmt.Sprintf("UPDATE shop.User SET Name = 'changed' WHERE id %% %d = 7", shopRows/tickRows))
	ticking, tick := s.meanwhile(address, c)
	if tick.Full || tick.Updated != tickRows {
		s.t.Fatalf("got %+v", tick)
	}
	h.stop(p)
	const goal, tickGoal = 3, time.Second
	ratio := float64(median(during)) / float64(median(idle))
	return []row{
		{"lone SMTP mail during the first load, p50", milliseconds(median(during)) + ", p99 " + milliseconds(quantile(during, 0.99)), "idle " + milliseconds(median(idle)) + ", p99 " + milliseconds(quantile(idle, 0.99)),
			times(ratio), fmt.Sprintf("≤ %d ×", goal), ratio <= goal},
		{"tick with 100 changes in 1,000,000 rows", fmt.Sprintf("%s; lone SMTP mail meanwhile, p50 %s", milliseconds(tick.Took), milliseconds(median(ticking))), "at most 1 s", times(tick.Took.Seconds()), "< 1 s", tick.Took < tickGoal},
	}
}

// meanwhile submits mail after mail until a sync is through.
func (s *shop) meanwhile(address string, c *control.Client) (took []time.Duration, result syncer.Result) {
	s.t.Helper()
	synced := make(chan struct{})
	var failed error
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(synced)
		result, failed = c.Sync(s.t.Context(), syncer.Order{})
	})
	took = latencies(s.t, address, 1<<10, func(int) bool {
		select {
		case <-synced:
			return false
		default:
			return true
		}
	})
	wait.Wait()
	if failed != nil {
		s.t.Fatal(failed)
	}
	return took, result
}
