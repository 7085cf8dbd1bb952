package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"pabal/store"
)

const maxFaults = 100

// CheckReport is what Check found.
type CheckReport struct {
	Campaigns int      `json:"campaigns"`
	Rows      int64    `json:"rows"`
	Messages  int64    `json:"messages"`
	Bodies    int64    `json:"bodies"`
	Faults    []string `json:"faults"` // what does not hold, and where; at most 100
}

func (r *CheckReport) fault(format string, args ...any) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Check walks both files over one snapshot each and proves that the sums equal
// the rows, that every index entry has its row and every row its entries, and
// that every body matches its checksum and has the references it counts. It
// may run beside the drain.
func (s *Spool) Check(ctx context.Context) (CheckReport, error) {
	r := CheckReport{Faults: []string{}}
	err := r.file(ctx, s.ledger.Store, r.ledger)
	if err == nil {
		err = r.file(ctx, s.queue.Store, r.queue)
	}
	return r, err
}

// CheckFile is Check for a file (QueueFile or LedgerFile) in dir that no daemon
// has open. It changes nothing. Errors are those of store.Open.
func (r *CheckReport) CheckFile(ctx context.Context, dir, name string) error {
	open, check := openQueue, r.queue
	if name == LedgerFile {
		open, check = openLedger, r.ledger
	}
	st, err := open(dir, store.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(r.file(ctx, st, check), st.Close())
}

// file checks a file's structure, then what it holds.
func (r *CheckReport) file(ctx context.Context, st *store.Store, check func(context.Context, *bbolt.Tx) error) error {
	err := st.Check(ctx)
	if err == nil {
		err = st.Guard(func(tx *bbolt.Tx) error { return check(ctx, tx) })
	}
	if errors.Is(err, store.ErrDamaged) {
		r.fault("%v", err)
		return nil
	}
	return err
}

// entries counts what rows say the indexes must hold.
type entries struct{ due, sending, ses int }

func (r *CheckReport) ledger(ctx context.Context, tx *bbolt.Tx) error {
	var want entries
	err := tx.Bucket(bHeaders).ForEach(func(k, v []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.Campaigns++
		return r.campaign(tx, number(k, 0), v, &want)
	})
	if err != nil {
		return err
	}
	r.sizes(tx, want, "ledger")
	return errors.Join(r.rowsOfNobody(tx), r.holds(tx))
}

// rowsOfNobody finds rows without a header, whom nobody would mail or count.
func (r *CheckReport) rowsOfNobody(tx *bbolt.Tx) error {
	return tx.Bucket(bRows).ForEachBucket(func(k []byte) error {
		if tx.Bucket(bHeaders).Get(k) == nil {
			r.fault("campaign %x has rows and no header", k)
		}
		return nil
	})
}

// holds proves that every hold can be read and stands under its scope.
func (r *CheckReport) holds(tx *bbolt.Tx) error {
	return tx.Bucket(bHolds).ForEach(func(k, v []byte) error {
		var h Hold
		if err := json.Unmarshal(v, &h); err != nil {
			r.fault("hold %q cannot be read: %v", k, err)
		} else if string(h.Scope) != string(k) {
			r.fault("hold %q says that it is of %q", k, h.Scope)
		}
		return nil
	})
}

func (r *CheckReport) campaign(tx *bbolt.Tx, id uint64, header []byte, want *entries) error {
	l, err := readHeader(header)
	if err != nil {
		r.fault("campaign %d: its header cannot be read: %v", id, err)
		return nil
	}
	if l.Campaign != id {
		r.fault("campaign %d: its header says that it is campaign %d", id, l.Campaign)
	}
	rows := tx.Bucket(bRows).Bucket(u64(id))
	if rows == nil {
		r.fault("campaign %d has a header and no rows", id)
		return nil
	}
	var sum Counts
	err = rows.ForEach(func(k, v []byte) error {
		m, err := readRow(v, id, number(k, 0))
		if err != nil {
			r.fault("campaign %d: %v", id, err)
			return nil
		}
		r.Rows++
		sum.enter(&m)
		if m.Outcome == Pending && m.NextTry.IsZero() && !l.FrozenAt.IsZero() && m.Subscriber <= l.Next {
			r.fault("%s is pending, before the drain mark %d and without a retry: nobody would send it", m.ID, l.Next)
		}
		r.indexes(tx, &m, key(id, m.Subscriber), rowDue(&m), want)
		return nil
	})
	if err != nil {
		return err
	}
	if l.Removed != nil {
		sum.Add(l.Removed.Counts)
	}
	r.sums(fmt.Sprintf("campaign %d", id), sum, l.Counts)
	r.series(tx, l)
	return nil
}

// indexes looks for the entries a message must have.
func (r *CheckReport) indexes(tx *bbolt.Tx, m *Message, id, due []byte, want *entries) {
	if m.Outcome == Pending && !m.NextTry.IsZero() {
		want.due++
		if !has(tx.Bucket(bDue), due) {
			r.fault("%s is pending and not in the index of what is due", m.ID)
		}
	}
	if m.Outcome == Sending {
		want.sending++
		if !has(tx.Bucket(bSending), id) {
			r.fault("%s is sending and not in the index of open calls", m.ID)
		}
	}
	for _, sesID := range m.sesIDs() {
		want.ses++
		if !bytes.Equal(tx.Bucket(bSES).Get([]byte(packSESID(sesID))), id) {
			r.fault("%s has the SES id %s, whose index entry is missing or another's", m.ID, sesID)
		}
		if has(tx.Bucket(bOrphans), []byte(packSESID(sesID))) {
			r.fault("%s has the SES id %s, and feedback on it was not applied", m.ID, sesID)
		}
	}
	if m.SESID != "" && m.Outcome != Accepted && m.Outcome != Sending {
		r.fault("%s is %s, and SES has accepted it as %s", m.ID, m.Outcome, m.SESID)
	}
}

func has(b *bbolt.Bucket, k []byte) bool {
	found, _ := b.Cursor().Seek(k)
	return bytes.Equal(found, k)
}

// sizes finds index entries without a row.
func (r *CheckReport) sizes(tx *bbolt.Tx, want entries, where string) {
	for _, c := range [...]struct {
		bucket []byte
		want   int
	}{{bDue, want.due}, {bSending, want.sending}, {bSES, want.ses}} {
		if n := tx.Bucket(c.bucket).Stats().KeyN; n != c.want {
			r.fault("%s: index %q has %d entries, the messages need %d", where, c.bucket, n, c.want)
		}
	}
}

func (r *CheckReport) sums(where string, rows, header Counts) {
	total := rows.Pending + rows.Sending + rows.Accepted + rows.Failed + rows.Skipped + rows.Unknown
	if total != header.Audience {
		r.fault("%s: the outcomes sum up to %d, the audience is %d", where, total, header.Audience)
	}
	if !maps.Equal(rows.Skips, header.Skips) {
		r.fault("%s: skip reasons are %v, the counters say %v", where, rows.Skips, header.Skips)
	}
	is, says := rows.named(), header.named()
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if is[name] != says[name] {
			r.fault("%s: %s: its messages make %d, the counters say %d", where, name, is[name], says[name])
		}
	}
}

// named are the counters by the names they have in JSON, skip reasons left out.
func (c Counts) named() map[string]int64 {
	c.Skips = nil
	named := map[string]int64{}
	if b, err := json.Marshal(c); err != nil || json.Unmarshal(b, &named) != nil {
		panic("counters are numbers") // nothing else can be in them
	}
	return named
}

func (r *CheckReport) queue(ctx context.Context, tx *bbolt.Tx) error {
	var sums [2]Counts
	var want entries
	needs := map[uint64]uint32{}
	for _, name := range [][]byte{bOpen, bDone} {
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			m, err := readMail(v, number(k, 0))
			if err != nil {
				r.fault("queue: %v", err)
				return nil
			}
			r.Messages++
			sums[m.Lane].enter(&m)
			if !bytes.Equal(mailBucket(m.Outcome), name) {
				r.fault("%s is %s and stands in %q", m.ID, m.Outcome, name)
			}
			if m.body != 0 {
				needs[m.body]++
			}
			r.indexes(tx, &m, k, queueDue(&m), &want)
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	r.sizes(tx, want, "queue")
	for l, sum := range sums {
		gone, err := readRemoved(tx, Lane(l))
		if err != nil {
			r.fault("%v", err)
		}
		sum.Add(gone.Counts)
		if counts, err := readCounts(tx, Lane(l)); err != nil {
			r.fault("%v", err)
		} else {
			r.sums([...]string{"queue", "queue, bulk lane"}[l], sum, counts)
		}
	}
	return errors.Join(r.bodies(ctx, tx, needs), r.owedIndex(tx))
}

func (r *CheckReport) bodies(ctx context.Context, tx *bbolt.Tx, needs map[uint64]uint32) error {
	err := tx.Bucket(bBodies).ForEachBucket(func(k []byte) error {
		id := number(k, 0)
		r.Bodies++
		if n := references(tx, id); n != needs[id] {
			r.fault("body %d counts %d references, %d messages need it", id, n, needs[id])
		}
		delete(needs, id)
		if _, err := body(tx, id, nil); err != nil {
			r.fault("body %d: %v", id, err)
		}
		return ctx.Err()
	})
	if err == nil {
		err = tx.Bucket(bBodyRef).ForEach(func(k, v []byte) error {
			if tx.Bucket(bBodies).Bucket(k) == nil || len(v) != 4 {
				r.fault("body %x counts %x as its references and is not there", k, v)
			}
			return ctx.Err()
		})
	}
	for id, n := range needs {
		r.fault("body %d is needed by %d messages and is not there", id, n)
	}
	return err
}
