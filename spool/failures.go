package spool

// What ended in the queue without SES having taken it, and who is still to be
// told. The entry is committed with the outcome, and goes away in the commit
// that stores the mail which tells of it: a crash neither loses nor doubles it.
//
//	failed  number8 (rising, our own) -> message seq8: nobody was told yet
//	digest  number8 (rising, our own) -> message seq8: to be told to the operator
//	acts    message seq8 -> []Act, JSON: what people did to it
//	meta    "digest" -> time8 of the last digest, number8 of its last entry
//
// Entries up to the last digest's are told; they are removed in batches.

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// What a mail of our own tells of (Envelope.Report, Message.Report).
const (
	ReportDigest = "digest" // failures, to the operator
	ReportSender = "sender" // one mail's failure, to its envelope sender (RFC 3464)
)

const messageActs = 20 // kept of one message, the newest

var (
	bFailed = []byte("failed")
	bDigest = []byte("digest")
	bActs   = []byte("acts")

	kDigest = []byte("digest")
)

// addFailures makes the buckets: migration 3 of the queue. What failed before
// is on the list of dead letters; nobody is told of it any more.
func addFailures(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bFailed, bDigest, bActs} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// gaveUp reports whether the message ended without SES's word that it has it.
func (m *Message) gaveUp() bool { return m.Outcome == Failed || m.Outcome == Unknown }

// tellable reports whether somebody should know of the message: a person who
// discarded or erased it does.
func (m *Message) tellable() bool { return m.gaveUp() && !m.Erased && !wasDiscarded(m.Reason) }

// Dead reports whether the message is a dead letter: it ended without SES's
// word that it has it, in whichever lane, and its text is kept for a person to
// send or discard. A campaign's recipients are in its ledger.
func (m *Message) Dead() bool {
	return m.queued() && m.To != "" && m.tellable()
}

// owe notes that somebody is to be told of a message that has just ended badly.
// A report of our own that does is only logged (observe).
func (q *queueSums) owe(tx *bbolt.Tx, old, m *Message) error {
	if !q.s.TellFailures || m.Report != "" || !m.tellable() || old == nil || old.gaveUp() {
		return nil
	}
	q.owed = true
	return appendEntry(tx.Bucket(bFailed), m.seq)
}

func appendEntry(b *bbolt.Bucket, seq uint64) error {
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	b.FillPercent = 0.9
	return b.Put(u64(n), u64(seq))
}

// Failure is a message that ended without SES's word that it has it, with the
// number of its entry.
type Failure struct {
	Number  uint64
	Message Message
	Over    bool // it is not so any more: it was put back, accepted after all, discarded or erased
	GivenUp bool // its tries were used up; otherwise it was refused for good, or its answer was lost
	Mail    uint64
}

// Failures are the first n, at most MaxBatch, after an entry of which nobody was
// told yet, in the order in which they ended; after 0 are all. Those of one mail
// have the same Mail, which is not zero.
func (s *Spool) Failures(after uint64, n int) ([]Failure, error) {
	return s.failures(bFailed, after, n)
}

// DigestFailures are the first n, at most MaxBatch, after an entry that are to
// be told to the operator; after 0 are those after the last digest.
func (s *Spool) DigestFailures(after uint64, n int) ([]Failure, error) {
	_, told, err := s.lastDigest()
	if err != nil {
		return nil, err
	}
	return s.failures(bDigest, max(after, told), n)
}

func (s *Spool) failures(bucket []byte, after uint64, n int) (out []Failure, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.Seek(u64(after + 1)); k != nil && len(out) < min(n, MaxBatch); k, v = c.Next() {
			f, err := s.failure(tx, k, v)
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what nobody was told of: %w", err)
	}
	return out, nil
}

func (s *Spool) failure(tx *bbolt.Tx, k, v []byte) (f Failure, err error) {
	if len(k) != 8 || len(v) != 8 { // damaged; check says so
		return Failure{Over: true}, nil
	}
	f.Number = number(k, 0)
	f.Message, err = mail(tx, number(v, 0))
	if errors.Is(err, ErrNotFound) || errors.Is(err, errRecord) {
		f.Over = true
		return f, nil
	}
	f.Over = !f.Message.tellable()
	f.GivenUp, f.Mail = f.Message.Tries >= s.maxTries(), f.Message.body
	return f, err
}

// Owed gets a value when somebody is to be told of a failure.
func (s *Spool) Owed() <-chan struct{} { return s.owed }

// TellSender stores a mail of our own that tells a sender of these failures,
// and lets them be told of no more, in one commit. Errors are those of Put.
func (s *Spool) TellSender(ctx context.Context, numbers []uint64, env Envelope, body []byte) (string, error) {
	env.Report = ReportSender
	return s.tell(ctx, env, body, func(tx *bbolt.Tx) error { return removeEntries(tx, numbers) })
}

// TellDigest stores a digest of all that is to be told to the operator up to an
// entry, and when it was made, in one commit. Errors are those of Put.
func (s *Spool) TellDigest(ctx context.Context, through uint64, env Envelope, body []byte) (string, error) {
	env.Report = ReportDigest
	id, err := s.tell(ctx, env, body, func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kDigest, key(millis(time.Now()), through)) })
	if err != nil {
		return "", err
	}
	if err := s.ForgetDigest(through); err != nil { // the next one does
		s.logger().Warn("entries of a digest were not removed", "part", "spool", "err", err)
	}
	return id, nil
}

// tell is Put for a mail of our own, with what it settles.
func (s *Spool) tell(ctx context.Context, env Envelope, body []byte, settle func(*bbolt.Tx) error) (string, error) {
	if err := env.check(); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var ids []string
	err := s.queue.take(s.spare(), len(body)+512, func(tx *bbolt.Tx) (err error) {
		if ids, err = s.put(tx, env, body); err != nil {
			return err
		}
		return settle(tx)
	})
	if err != nil {
		return "", fmt.Errorf("store a report: %w", err)
	}
	s.kick(Transactional)
	return ids[0], nil
}

// LeaveToDigest lets the operator be told of these failures, at most MaxBatch,
// in the next digest.
func (s *Spool) LeaveToDigest(failures []Failure) error {
	return s.settleFailures(failures, func(tx *bbolt.Tx) error {
		for i := range failures {
			if err := appendEntry(tx.Bucket(bDigest), failures[i].Message.seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// TellNobody lets nobody be told of these failures, at most MaxBatch.
func (s *Spool) TellNobody(failures []Failure) error {
	return s.settleFailures(failures, func(*bbolt.Tx) error { return nil })
}

func (s *Spool) settleFailures(failures []Failure, also func(*bbolt.Tx) error) error {
	if len(failures) == 0 {
		return nil
	}
	if len(failures) > MaxBatch {
		return fmt.Errorf("settle %d failures: at most %d at once", len(failures), MaxBatch)
	}
	numbers := make([]uint64, len(failures))
	for i := range failures {
		numbers[i] = failures[i].Number
	}
	err := s.queue.do(64*len(failures), func(tx *bbolt.Tx) error {
		if err := removeEntries(tx, numbers); err != nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return fmt.Errorf("note who is told of %d failures: %w", len(failures), err)
	}
	return nil
}

func removeEntries(tx *bbolt.Tx, numbers []uint64) error {
	for _, n := range numbers {
		if err := tx.Bucket(bFailed).Delete(u64(n)); err != nil {
			return err
		}
	}
	return nil
}

// LastDigest is when the last digest was stored, zero before the first.
func (s *Spool) LastDigest() (time.Time, error) {
	at, _, err := s.lastDigest()
	return at, err
}

func (s *Spool) lastDigest() (at time.Time, through uint64, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(bMeta).Get(kDigest); len(v) == 16 {
			at, through = fromMillis(number(v, 0)), number(v, 1)
		}
		return nil
	})
	return at, through, err
}

// ForgetDigest removes the entries up to one that were told of, or of which
// nobody is to be told.
func (s *Spool) ForgetDigest(through uint64) error {
	for more := true; more; {
		err := s.queue.do(64*MaxBatch, func(tx *bbolt.Tx) error {
			c, n := tx.Bucket(bDigest).Cursor(), 0
			k, _ := c.First()
			for ; k != nil && number(k, 0) <= through && n < MaxBatch; n++ {
				if err := c.Delete(); err != nil {
					return err
				}
				k, _ = c.First() // after a deletion Next may step over one
			}
			more = n == MaxBatch
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TellNobodyAtAll removes every entry: nobody is to be told of failures.
func (s *Spool) TellNobodyAtAll() error {
	for {
		batch, err := s.Failures(0, MaxBatch)
		if err == nil && len(batch) == 0 {
			return s.ForgetDigest(^uint64(0))
		}
		if err == nil {
			err = s.TellNobody(batch)
		}
		if err != nil {
			return err
		}
	}
}

// keepAct keeps what a person did to a message.
func keepAct(tx *bbolt.Tx, seq uint64, a Act) error {
	acts, err := actsOf(tx, seq)
	if err != nil {
		return err
	}
	acts = append(acts, a)
	b, err := json.Marshal(acts[max(0, len(acts)-messageActs):])
	if err != nil {
		return err
	}
	return tx.Bucket(bActs).Put(u64(seq), b)
}

// actsOf is what people did to a message; one that is damaged is left out.
func actsOf(tx *bbolt.Tx, seq uint64) (acts []Act, err error) {
	b := tx.Bucket(bActs).Get(u64(seq))
	if b == nil {
		return nil, nil
	}
	if err := json.Unmarshal(b, &acts); err != nil {
		return nil, fmt.Errorf("what people did to %s: %w", queueID(seq), err)
	}
	return acts, nil
}

// owedIndex proves that every entry names a message.
func (r *CheckReport) owedIndex(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bFailed, bDigest} {
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			if len(k) != 8 || len(v) != 8 {
				r.fault("entry %x of %q cannot be read", k, name)
			} else if _, err := mail(tx, number(v, 0)); errors.Is(err, ErrNotFound) {
				r.fault("entry %d of %q is of %s, which is not there", binary.BigEndian.Uint64(k), name, queueID(number(v, 0)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return tx.Bucket(bActs).ForEach(func(k, _ []byte) error {
		if len(k) != 8 {
			r.fault("entry %x of %q cannot be read", k, bActs)
		} else if _, err := actsOf(tx, number(k, 0)); err != nil {
			r.fault("%v", err)
		}
		return nil
	})
}
