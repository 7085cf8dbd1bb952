package audience

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

const (
	// LogName is the name of the log of opt-outs in the data folder.
	LogName = logName
	// idJump is how far the ids of new subscribers lie behind those of a backup:
	// a link in a mail that the original sent since must not be somebody else's here.
	idJump = 10_000_000
	// eraseReach is how long before a backup an erasure may have begun that the
	// other files, copied before this one, did not know to be done.
	eraseReach = 24 * time.Hour
)

// Snapshot is audience.db as it is now; it has to be closed.
func (s *Store) Snapshot() (*store.Snapshot, error) { return s.db.Snapshot() }

// OpenSnapshot is that of the file in dir, which no daemon has open.
func OpenSnapshot(dir string) (*store.Snapshot, error) {
	return store.OpenSnapshot(filepath.Join(dir, FileName), fileOptions())
}

// Subscribers is how many a snapshot of audience.db holds.
func Subscribers(sn *store.Snapshot) (n int64, err error) {
	err = sn.Guard(func(tx *bolt.Tx) error {
		n = int64(number(tx.Bucket(bucketMeta).Get(metaCount)))
		return nil
	})
	return n, err
}

// Restored does what a store that came from a backup needs before it is used:
// ids of new subscribers begin far behind, and those whom optouts.log knows to
// have been erased since a day before the backup are looked for in the other
// stores again, whose copies may be older than the erasure. It may be repeated.
func (s *Store) Restored(ctx context.Context, taken time.Time) error {
	last, err := s.lastID()
	if err != nil {
		return err
	}
	if err := s.Reserve(ctx, last+idJump); err != nil {
		return fmt.Errorf("keep the ids that the original gave out: %w", err)
	}
	lines, err := s.erasedSince(taken.Add(-eraseReach))
	if err != nil {
		return err
	}
	for some := range slices.Chunk(lines, 1000) {
		if err := s.update(ctx, func(u *update) error { return u.reopen(some) }); err != nil {
			return fmt.Errorf("erase again what was erased: %w", err)
		}
	}
	return nil
}

// erasedSince are the erasures in the log from then on.
func (s *Store) erasedSince(then time.Time) (lines []optOutLine, err error) {
	err = eachLine(io.NewSectionReader(s.optouts.f, 0, s.optouts.size), func(raw []byte) error {
		if line, ok := readOptOut(raw); ok && line.Erased && !line.At.Before(then) {
			lines = append(lines, line)
		}
		return nil
	})
	return lines, err
}

// reopen makes tombstones of erasures again, for addresses that nobody has now.
func (u *update) reopen(lines []optOutLine) error {
	for _, line := range lines {
		var h addressHash
		if n, err := hex.Decode(h[:], []byte(line.Address)); err != nil || n != len(h) {
			continue
		}
		p, err := u.byHash(line.ID, h)
		if err != nil {
			return err
		}
		if p != nil || !u.erased(h) {
			continue // they came again since, by the operator's word
		}
		if _, err := u.erase(nil, h, Erasure{Subscriber: line.ID, Hash: line.Address, At: line.At, By: line.Detail}); err != nil {
			return err
		}
	}
	return nil
}

// Merged is what MergeLogs added to the log of a backup.
type Merged struct {
	Added  int64     // lines that the backup's log did not have
	Last   time.Time // of the newest of them; zero where there are none
	Shared int64     // lines that both have: none of a log of other data, or of one begun anew
}

// MergeLogs writes to path the log of opt-outs of a restored store: that of the
// backup as it is (base), then every line of the newer ones that is not there
// yet. A line that is not whole is left out.
func MergeLogs(path string, base io.Reader, newer ...io.Reader) (m Merged, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return m, err
	}
	out := bufio.NewWriter(f)
	known := map[[sha256.Size]byte]bool{}
	err = eachLine(base, func(raw []byte) error {
		known[sha256.Sum256(raw)] = true
		_, err := out.Write(raw)
		return err
	})
	for _, log := range newer {
		if err != nil {
			break
		}
		err = eachLine(log, func(raw []byte) error {
			line, ok := readOptOut(raw)
			sum := sha256.Sum256(raw)
			switch {
			case !ok:
				return nil
			case known[sum]:
				m.Shared++
				return nil
			}
			known[sum] = true
			m.Added++
			if line.At.After(m.Last) {
				m.Last = line.At
			}
			_, err := out.Write(raw)
			return err
		})
	}
	return m, errors.Join(err, out.Flush(), f.Sync(), f.Close())
}

// eachLine calls fn with the whole lines of a log, their ends included. One that is
// longer than any of ours is no line of ours.
func eachLine(r io.Reader, fn func(raw []byte) error) error {
	in := bufio.NewReaderSize(r, maxLogLine)
	long := false
	for {
		raw, err := in.ReadSlice('\n')
		switch {
		case err == io.EOF:
			return nil
		case err == bufio.ErrBufferFull:
			long = true
		case err != nil:
			return fmt.Errorf("read %s: %w", logName, err)
		case long:
			long = false
		default:
			if err := fn(raw); err != nil {
				return err
			}
		}
	}
}
