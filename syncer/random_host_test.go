//go:build host

package syncer

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// Addresses come from three pools, and a row never leaves its own:
// steady says yes always and deletes nothing, clean says yes always, wild does
// whatever tables do.
const (
	steady = "steady"
	clean  = "clean"
	wild   = "wild"
)

// writers change the table from several connections.
type writers struct {
	t    *testing.T
	db   *sql.DB
	left atomic.Int64 // changes to make

	mu      sync.Mutex
	waiting []chan struct{} // late commits, each until some other changes are made
}

func pool(r *rand.Rand) string { return []string{steady, clean, wild, wild}[r.IntN(4)] }

func address(r *rand.Rand, pool string) any {
	name := fmt.Sprintf("%s%d@example.com", pool, r.IntN(300))
	switch {
	case pool != wild || r.IntN(20) > 0:
		if r.IntN(4) == 0 {
			name = strings.ToUpper(name[:1]) + name[1:]
		}
		return name
	case r.IntN(2) == 0:
		return nil
	}
	return "no address"
}

func word(r *rand.Rand, pool string) any {
	if pool != wild {
		return "true"
	}
	return []any{"true", "true", "true", "TRUE", "false", nil, "maybe"}[r.IntN(7)]
}

// change is one insert, update or delete.
func (w *writers) change(r *rand.Rand, tx interface {
	Exec(string, ...any) (sql.Result, error)
}) error {
	pool := pool(r)
	some := "WHERE kind = ? AND id >= ? ORDER BY id LIMIT 1"
	at := r.IntN(4000)
	var err error
	switch n := r.IntN(10); {
	case n < 3:
		_, err = tx.Exec("INSERT INTO User (kind, Email, Name, Gender, CreateTime, SubscriptionStatus) VALUES (?, ?, ?, 'F', ?, ?)", pool, address(r, pool), r.IntN(1e6), 1_600_000_000+r.IntN(1e8), word(r, pool))
	case n < 6:
		_, err = tx.Exec("UPDATE User SET Name = ?, SubscriptionStatus = ? "+some, r.IntN(1e6), word(r, pool), pool, at)
	case n < 8:
		_, err = tx.Exec("UPDATE User SET Email = ? "+some, address(r, pool), pool, at)
	case pool != steady:
		_, err = tx.Exec("DELETE FROM User "+some, pool, at)
	}
	return err
}

// write makes changes until none are left; now and then a transaction whose
// commit comes when others have long committed.
func (w *writers) write(r *rand.Rand) {
	for w.left.Add(-1) >= 0 {
		if r.IntN(15) > 0 {
			w.try(w.change(r, w.db))
			w.release(r)
			continue
		}
		tx, err := w.db.Begin()
		if err != nil {
			w.t.Error(err)
			return
		}
		for range 1 + r.IntN(3) {
			err = errors.Join(err, w.change(r, tx))
		}
		w.wait()
		if r.IntN(5) == 0 || err != nil {
			w.try(errors.Join(err, tx.Rollback()))
		} else {
			w.try(tx.Commit())
		}
	}
}

// try takes a deadlock or a lock that was not given for what it is.
func (w *writers) try(err error) {
	if err != nil && !strings.Contains(err.Error(), "Deadlock") && !strings.Contains(err.Error(), "Lock wait") {
		w.t.Error(err)
	}
}

// wait holds a late commit back until release lets it go.
func (w *writers) wait() {
	c := make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, c)
	w.mu.Unlock()
	select {
	case <-c:
	case <-time.After(60 * time.Millisecond): // the others wait for its locks
	}
}

func (w *writers) release(r *rand.Rand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) > 0 && r.IntN(30) == 0 {
		close(w.waiting[0])
		w.waiting = w.waiting[1:]
	}
}

// TestRandomisedRun: the process that syncs is killed (SIGKILL) and started
// again at random while the table changes and people opt out. In the end the
// audience is what the table says by the rules, and nobody was subscribed again.
func TestRandomisedRun(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	w.config.Overlap = 10 * time.Second
	w.exec("ALTER TABLE User ADD kind VARCHAR(10), ADD KEY kind (kind, id)")
	for range 3000 {
		if err := (&writers{}).change(r, w.db); err != nil {
			t.Fatal(err)
		}
	}
	writing := &writers{t: t, db: w.db}
	writing.left.Store(10_000)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() { writing.write(rand.New(rand.NewPCG(seed, uint64(n+1)))) })
	}
	defer func() { writing.left.Store(0); all.Wait() }()
	total := lives{optedOut: map[string]bool{}}
	for writing.left.Load() > 0 || !total.enough() && total.processes < 300 {
		w.close()
		w.live(r, &total)
		w.open()
		w.sound()
	}
	all.Wait()
	t.Logf("%d syncs in %d processes, %d of them killed, %d syncs called off, %d people opted out", total.syncs, total.processes, total.kills, total.calledOff, len(total.optedOut))
	if !total.enough() {
		t.Error("too little happened")
	}
	w.sync(Order{})
	w.compare(func(kind string) bool { return kind == steady }, total.optedOut) // a tick alone missed nothing
	w.sync(Order{Full: true, Shrink: true})
	w.compare(func(string) bool { return true }, total.optedOut)
	w.nobodyCameBack()
}

// lives is what the processes did that synced.
type lives struct {
	processes, kills, syncs, calledOff int
	optedOut                           map[string]bool // their opt-outs were on disk
}

// enough reports whether the run was one worth looking at.
func (l *lives) enough() bool {
	return l.kills >= 10 && l.syncs >= 10 && l.calledOff >= 3 && len(l.optedOut) >= 5
}

// life is what one process is told.
type life struct {
	Dir    string
	Zone   string
	Config Config
	Seed   uint64
}

// childLife is the environment variable that holds a life as JSON.
const childLife = "PABAL_SYNCER_LIFE"

// live runs one process that syncs, and kills it at some time, or not.
func (w *world) live(r *rand.Rand, total *lives) {
	w.t.Helper()
	config := w.config
	config.Zone = nil
	text, err := json.Marshal(life{w.dir, w.config.Zone.String(), config, r.Uint64()})
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestChildLife$")
	cmd.Env, cmd.Stderr = append(os.Environ(), childLife+"="+string(text)), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	total.processes++
	killed := false
	if r.IntN(4) > 0 {
		killed = true
		defer time.AfterFunc(time.Duration(20+r.IntN(500))*time.Millisecond, func() { _ = cmd.Process.Kill() }).Stop()
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch word, email, _ := strings.Cut(lines.Text(), " "); word {
		case "synced":
			total.syncs++
		case "called-off":
			total.calledOff++
		case "out":
			total.optedOut[email] = true
		}
	}
	switch err := cmd.Wait(); {
	case err == nil:
	case killed && cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled():
		total.kills++
	default:
		w.t.Fatalf("the process that syncs ended: %v", err)
	}
}

// TestChildLife is that process: it syncs, calls some syncs off, and people opt
// out. What it says has happened is on disk.
func TestChildLife(t *testing.T) {
	text := os.Getenv(childLife)
	if text == "" {
		return
	}
	var l life
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(l.Zone)
	if err != nil {
		t.Fatal(err)
	}
	l.Config.Zone = zone
	w := &world{t: t, dir: l.Dir, config: l.Config}
	w.open()
	r := rand.New(rand.NewPCG(l.Seed, 0))
	for range 8 {
		ctx, cancel := context.WithCancel(context.Background())
		if r.IntN(3) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(60))*time.Millisecond)
		}
		_, err := w.syncer().Sync(ctx, Order{Full: r.IntN(10) == 0, Shrink: true})
		cancel()
		switch {
		case err == nil:
			fmt.Println("synced")
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Println("called-off")
		default:
			t.Fatal(problemText(err))
		}
		w.optOut(r)
	}
	w.close()
}

// optOut lets a few people of the wild pool opt out, and says so afterwards.
func (w *world) optOut(r *rand.Rand) {
	w.t.Helper()
	for email, sub := range w.people() {
		if strings.HasPrefix(email, wild) && strings.Contains(email, "7") && r.IntN(400) == 0 {
			if err := w.store.Unsubscribe(context.Background(), sub.ID, audience.Person, "link"); err != nil {
				w.t.Fatal(err)
			}
			fmt.Println("out", email)
		}
	}
}

// wanted is a subscriber as the table has them.
type wanted struct {
	kind, name, id string
	created        int64
	yes            bool // all rows say so
}

// fromTable is everybody the table has, by the rules.
func (w *world) fromTable() map[string]wanted {
	w.t.Helper()
	rows, err := w.db.Query("SELECT kind, id, Email, COALESCE(Name, ''), CreateTime, COALESCE(LOWER(SubscriptionStatus), '') FROM User WHERE Email IS NOT NULL ORDER BY update_at, id")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]wanted{}
	for rows.Next() {
		var row wanted
		var email, status string
		if err := rows.Scan(&row.kind, &row.id, &email, &row.name, &row.created, &status); err != nil {
			w.t.Fatal(err)
		}
		address, err := eml.ParseAddress(email)
		if err != nil {
			continue
		}
		before, known := out[eml.Key(address)]
		row.yes = status == "true" && (!known || before.yes)
		out[eml.Key(address)] = row // the newest comes last
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// compare holds the audience against the table.
func (w *world) compare(these func(kind string) bool, optedOut map[string]bool) {
	w.t.Helper()
	want, got := w.fromTable(), w.people()
	faults := 0
	fault := func(format string, args ...any) {
		if faults++; faults < 10 {
			w.t.Errorf(format, args...)
		}
	}
	for _, email := range slices.Sorted(maps.Keys(want)) {
		row := want[email]
		if !these(row.kind) {
			continue
		}
		sub, ok := got[email]
		switch {
		case !ok:
			fault("%s is missing", email)
		case sub.Name != row.name || sub.CreatedAt.Unix() != row.created || sub.ExternalID != row.id || sub.Gender != "female":
			fault("%s: got %+v, want %+v", email, sub, row)
		case sub.Consent.Subscribed && (!row.yes || optedOut[email]):
			fault("%s is subscribed: %+v, opted out %v", email, row, optedOut[email])
		case !sub.Consent.Subscribed && row.kind != wild:
			fault("%s never refused and is not subscribed: %+v", email, sub.Consent)
		}
	}
	for email := range got {
		if _, ok := want[email]; !ok && these(wild) {
			fault("%s is in the audience and not in the table", email)
		}
	}
	w.t.Logf("%d subscribers compared, %d in the store", len(want), len(got))
}

// nobodyCameBack reads every history: no yes of MySQL was taken after a no.
func (w *world) nobodyCameBack() {
	w.t.Helper()
	for email, sub := range w.people() {
		history, err := w.store.History(sub.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		out := false
		for _, c := range history {
			if out && c.Applied && c.Subscribed {
				w.t.Errorf("%s was subscribed again: %+v", email, history)
			}
			out = out || c.Applied && !c.Subscribed
		}
	}
}
