//go:build host

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	storePage     = 4096
	damagedMails  = 60
	flipped       = "bit flipped"
	damagedWithin = 15 * time.Second // to drain what can be drained
)

// damage spoils one file of a store that lies still.
type damage struct {
	name  string
	spoil func(random *rand.Rand, path string) error
	start []string // words before the daemon's
}

// damages are those of which each run takes one of each store file.
func damages() []damage {
	return []damage{
		{name: "page zeroed", spoil: func(random *rand.Rand, path string) error {
			return zeroPage(path, 2+random.Int64N(usedPages(path)-2))
		}},
		{name: "first meta page zeroed", spoil: func(_ *rand.Rand, path string) error { return zeroPage(path, 0) }},
		{name: "second meta page zeroed", spoil: func(_ *rand.Rand, path string) error { return zeroPage(path, 1) }},
		{name: "both meta pages zeroed", spoil: func(_ *rand.Rand, path string) error {
			return errors.Join(zeroPage(path, 0), zeroPage(path, 1))
		}},
		{name: "cut short", spoil: func(random *rand.Rand, path string) error {
			return os.Truncate(path, 1+random.Int64N(storePage*usedPages(path)-1))
		}},
		{name: "0 bytes", spoil: func(_ *rand.Rand, path string) error { return os.Truncate(path, 0) }},
		{name: "garbage", spoil: garbage},
		{name: "another application's bbolt file", spoil: foreign},
		{name: "unreadable", spoil: func(_ *rand.Rand, path string) error { return os.Chmod(path, 0) },
			start: []string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}},
		{name: "a link to a file", spoil: func(_ *rand.Rand, path string) error {
			return errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path))
		}},
		{name: "a link to nowhere", spoil: func(_ *rand.Rand, path string) error {
			return errors.Join(os.Remove(path), os.Symlink(path+".gone", path))
		}},
		{name: "a folder", spoil: func(_ *rand.Rand, path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}},
		{name: "missing", spoil: func(_ *rand.Rand, path string) error { return os.Remove(path) }},
	}
}

func zeroPage(path string, n int64) error {
	return overwrite(path, n*storePage, make([]byte, storePage))
}

func overwrite(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, at)
	return errors.Join(err, f.Close())
}

// usedPages counts to the last page that is not all zeros: files grow ahead of
// what is in them.
func usedPages(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 3
	}
	return max(3, int64(len(strings.TrimRight(string(text), "\x00"))+storePage-1)/storePage)
}

func garbage(random *rand.Rand, path string) error {
	b := make([]byte, storePage*usedPages(path))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return os.WriteFile(path, b, 0o600)
}

func foreign(_ *rand.Rand, path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("somebody else's"))
		return err
	})
	return errors.Join(err, db.Close())
}

// flipBit turns one bit of a used page.
func flipBit(random *rand.Rand, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at := random.Int64N(storePage * usedPages(path))
	return overwrite(path, at, []byte{text[at] ^ 1<<random.IntN(8)})
}

// fullStore is a killed daemon's data folder with people, a campaign that was
// sent, and mail that waits; damaged copies of it are started.
type fullStore struct {
	dir   string
	mails map[string]*submission
}

func newFullStore(t *testing.T, row *row) *fullStore {
	r := newRig(t, row, emulator.Options{}, "")
	r.start()
	r.warmUp()
	r.holdAll()
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		t.Fatal(err)
	}
	for range damagedMails {
		if s, err := c.submit(r.books, mailSize()); err != nil || s.code != 250 {
			t.Fatalf("submit: %d %s, %v", s.code, s.reply, err)
		}
	}
	r.p.kill()
	row.worst = 0
	return &fullStore{r.data(), r.books.mails}
}

// tortureDamage damages each file of the store in each way.
func tortureDamage(t *testing.T, row *row, runs int) {
	full, random := newFullStore(t, row), newRandom(t)
	tally := map[string]int{}
	for range runs {
		for _, d := range damages() {
			for _, file := range storeFiles() {
				t.Run(d.name+" "+file, func(t *testing.T) { full.damaged(t, row, d, file, random, tally) })
			}
		}
		t.Run("locked by a process that lives", func(t *testing.T) { full.locked(t, row, tally) })
	}
	row.note = tallied(tally)
}

// tortureBits flips one bit of one of the files at a time.
func tortureBits(t *testing.T, row *row, runs int) {
	full, random := newFullStore(t, row), newRandom(t)
	tally := map[string]int{}
	for n := range runs {
		file := storeFiles()[n%len(storeFiles())]
		t.Run(file, func(t *testing.T) { full.damaged(t, row, damage{flipped, flipBit, nil}, file, random, tally) })
	}
	row.note = tallied(tally)
}

func newRandom(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func tallied(tally map[string]int) string {
	return fmt.Sprintf("%d refused with a clear line, %d started right, %d with mail parked, %d with something gone unnoticed",
		tally["refused"], tally["right"], tally["parked"], tally["unnoticed"])
}

// copyTo makes a rig with a copy of the store.
func (f *fullStore) copyTo(t *testing.T, row *row) *rig {
	t.Helper()
	r := newRig(t, row, emulator.Options{}, "")
	if err := os.CopyFS(r.data(), os.DirFS(f.dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(r.data(), func(path string, e fs.DirEntry, err error) error { // CopyFS adds modes
		if err == nil && !e.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.books.mails = maps.Clone(f.mails)
	return r
}

// damaged starts a copy with one damage: it is refused with one clear line, or
// it starts and what is sent is right.
func (f *fullStore) damaged(t *testing.T, row *row, d damage, file string, random *rand.Rand, tally map[string]int) {
	r := f.copyTo(t, row)
	path := filepath.Join(r.data(), file)
	if err := d.spoil(random, path); err != nil {
		t.Fatal(err)
	}
	row.runs++
	if err := r.tryStart(d.start...); err != nil {
		t.Log(err)
		r.endsByItself()
		r.p.kill()
		r.refusedClearly(path)
		tally["refused"]++
		return
	}
	how := r.sendWhatIsLeft()
	tally[how]++
	r.p.kill()
	r.judgeEnd(false)
	if how == "unnoticed" && d.name != flipped {
		t.Errorf("%s and nobody noticed that mail is gone", d.name)
	}
}

// letEnd waits for a daemon that is about to end, and kills one that is not.
func (r *rig) letEnd() {
	limit := time.NewTimer(damagedWithin)
	defer limit.Stop()
	select {
	case <-r.p.ended:
	case <-limit.C:
		r.t.Errorf("it neither greets nor ends in %v\n%s", damagedWithin, r.log())
	}
	r.p.kill()
}

// refusedClearly wants exit code 1 and one line with the file and what to do.
func (r *rig) refusedClearly(path string) {
	r.t.Helper()
	r.judgeEnd(false)
	said := lastError(r.log())
	if r.p.ProcessState.ExitCode() != exitFailed || !strings.Contains(said.Error, path) {
		r.t.Errorf("it ended with %v and does not name %s: %+v\n%s", r.p.ProcessState, path, said, r.log())
	}
	if said.Hint == "" {
		r.t.Errorf("it does not say what to do: %s", said.Error)
	}
}

// sendWhatIsLeft lets a damaged store drain and says how it was with it.
func (r *rig) sendWhatIsLeft() string {
	r.t.Helper()
	c := r.client()
	_ = c.Release(r.t.Context(), spool.ScopeAll) // the hold may be among what is damaged
	ctx, cancel := context.WithTimeout(r.t.Context(), damagedWithin)
	defer cancel()
	err := eventually(ctx, func() bool {
		select {
		case <-r.p.ended:
			return true // it noticed
		default:
		}
		st, err := c.SpoolStatus(ctx)
		return err == nil && st.Pending+st.Sending == 0
	})
	r.compareBodies()
	log := r.ses.Accepted()
	select {
	case <-r.p.ended:
		return "refused" // later, but with a line: judgeEnd looks at it
	default:
	}
	if err != nil {
		if st, err := c.SpoolStatus(r.t.Context()); err == nil && len(st.Held) > 0 {
			return "parked" // the flip made another hold of ours; status shows it
		}
		r.t.Errorf("what is whole was not sent in %v\n%s", damagedWithin, r.log())
	}
	return r.kindOfStart(len(log))
}

// kindOfStart tells a right start from one with mail parked, and from one where
// neither the start nor `pabal check` noticed what is gone.
func (r *rig) kindOfStart(sent int) string {
	if sent >= damagedMails {
		return "right"
	}
	parked := 0
	for m, err := range r.client().Messages(r.t.Context(), "failed") {
		if err != nil {
			return "parked" // the walk noticed
		}
		if strings.Contains(m.Reason, "cannot be read") {
			parked++
		}
	}
	report, err := r.client().Check(r.t.Context())
	if sent+parked >= damagedMails || err != nil || !report.Clean() {
		return "parked"
	}
	return "unnoticed"
}

// locked starts on a store whose queue another program has open.
func (f *fullStore) locked(t *testing.T, row *row, tally map[string]int) {
	r := f.copyTo(t, row)
	path := filepath.Join(r.data(), "queue.db")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	row.runs++
	if err := r.tryStart(); err == nil {
		t.Error("it started on a file that is locked")
	}
	r.p.kill()
	r.refusedClearly(path)
	tally["refused"]++
}
