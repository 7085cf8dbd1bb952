//go:build host

package cli

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

const backupsOfOneStore = 10

// tortureBackup takes backups at random points of running campaigns, loses the
// host, restores each one, looks at it held, releases it, every second time with
// what waited sent again, and accounts for every recipient.
func tortureBackup(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		b := newBackups(t, rand.New(rand.NewPCG(seed, 0)), 1500, 50)
		for range min(backupsOfOneStore, runs-row.runs) {
			b.take()
		}
		b.lose()
		for i := range b.taken {
			b.restore(i, i%2 == 0)
			row.runs++
		}
		row.twice += b.twice
		row.note = "every second copy released with all that waited sent again"
	})
}

// tortureBackupKilled kills a backup, then a restore, at random instants. What a
// killed backup leaves is no backup; where a restore was killed no daemon starts
// but from the whole of it, held, and another restore does it.
func tortureBackupKilled(t *testing.T, row *row, runs int) {
	b := newBackups(t, rand.New(rand.NewPCG(rand.Uint64(), 0)), 1500, 50)
	b.take()
	for i := range runs {
		half := filepath.Join(b.dir, fmt.Sprintf("half-%d", i))
		b.killed("backup", half)
		if left, err := filepath.Glob(half); err != nil {
			t.Fatal(err)
		} else if len(left) > 0 {
			b.in(filepath.Join(b.dir, fmt.Sprintf("of-half-%d", i))).pabal("restore", half) // it was done before
		}
	}
	b.lose()
	for i := range runs {
		into := filepath.Join(b.dir, fmt.Sprintf("into-%d", i))
		c := b.in(into)
		c.killed("restore", b.taken[0].file)
		p, err := c.start()
		if err == nil { // it was done, or had not begun
			if n := b.ses.Count(); n != len(b.sent) {
				t.Errorf("a copy whose restore was killed sent %d mails", n-len(b.sent))
			}
			all, err := c.client().Campaigns(t.Context())
			if _, live := c.client().Restored(t.Context()); err != nil || len(all) > 0 && live != nil {
				t.Errorf("half a restore runs %d campaigns as if it were live: %v, %v", len(all), err, live)
			}
			c.stop(p)
			row.runs++
			continue
		}
		c.pabal("restore", b.taken[0].file)
		c.pabal("check")
		row.runs++
	}
}

// killed runs a command and kills it within its first 600 ms.
func (h *host) killed(words ...string) {
	h.t.Helper()
	cmd := h.command(words...)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	timer := time.AfterFunc(rand.N(600*time.Millisecond), func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	_ = cmd.Wait() // killed, or done
}
