package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

const (
	maxSubject = 200 // bytes of a subject kept for people
	maxDomain  = 253 // bytes of a From domain (RFC 1035, 2.3.4)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// queueSums is the queue's counters while a group is being written.
type queueSums struct {
	s     *Spool
	now   [2]Counts // by lane
	dirty [2]bool
	owed  bool // somebody is to be told of a failure
	total groupTotals
	orphans
}

// Begin starts a group of the writer (store.Sums).
func (q *queueSums) Begin(*bbolt.Tx) {
	q.s.mu.Lock()
	for l := range q.now {
		q.now[l] = q.s.counts[l].clone()
	}
	q.dirty, q.owed, q.total = [2]bool{}, false, groupTotals{}
	q.s.mu.Unlock()
	q.orphans.begin()
}

// Flush writes the counters.
func (q *queueSums) Flush(tx *bbolt.Tx) error {
	for l, dirty := range q.dirty {
		if !dirty {
			continue
		}
		if err := putCounts(tx, Lane(l), q.now[l]); err != nil {
			return err
		}
	}
	return nil
}

func putCounts(tx *bbolt.Tx, l Lane, c Counts) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.Bucket(bMeta).Put(kCounts[l], b)
}

// Abandon has nothing to do: a group begins with what is committed.
func (q *queueSums) Abandon() error { return nil }

// Publish shows the counters to readers.
func (q *queueSums) Publish() {
	q.orphans.publish()
	q.total.publish(&q.s.totals)
	if q.owed {
		select {
		case q.s.owed <- struct{}{}:
		default:
		}
	}
	q.s.mu.Lock()
	for l, dirty := range q.dirty {
		if dirty {
			q.s.counts[l] = q.now[l]
		}
	}
	q.s.mu.Unlock()
}

func (s *Spool) loadQueue() error {
	s.queue.sums = &queueSums{s: s}
	err := s.queue.View(func(tx *bbolt.Tx) (err error) {
		s.queue.sums.orphans.load(tx)
		for l := range s.counts {
			if s.counts[l], err = readCounts(tx, Lane(l)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.queue.Damaged(err)
	}
	s.queue.Start(s.queue.sums)
	return nil
}

func readCounts(tx *bbolt.Tx, l Lane) (c Counts, err error) {
	b := tx.Bucket(bMeta).Get(kCounts[l])
	if b == nil {
		return c, nil
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read the queue's counters: %w", err)
	}
	return c, nil
}

func (s *Spool) queueSums() *queueSums { return s.queue.sums }

// Put stores one legacy mail, one message per recipient with the body once,
// and returns their ids after the commit is on disk. Recipients in env.Skip
// are stored as skipped. One with the name (env.Once) of a mail stored before
// is not stored again; its ids are that mail's. It returns ErrFull when the disk is full and ErrBroken
// when the process must end; then nothing is stored.
func (s *Spool) Put(ctx context.Context, env Envelope, body []byte) ([]string, error) {
	return s.PutParts(ctx, []Part{{env, body}})
}

// PutParts is Put for one mail that does not go to all with the same text: all
// of it is stored, or nothing. The parts have MaxBatch recipients together and
// the name of the first. The ids are in the order of parts and recipients.
func (s *Spool) PutParts(ctx context.Context, parts []Part) ([]string, error) {
	size, err := checkParts(parts)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ids []string
	err = s.queue.take(s.spare(), size, func(tx *bbolt.Tx) (err error) {
		ids, err = s.putParts(tx, parts)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store a mail: %w", err)
	}
	s.kick(Transactional)
	if slices.ContainsFunc(parts, Part.bulk) {
		s.kick(Bulk)
	}
	return ids, nil
}

// checkParts refuses what cannot be stored, and says how many bytes it adds.
func checkParts(parts []Part) (size int, err error) {
	recipients := 0
	for i := range parts {
		p := &parts[i]
		recipients += len(p.To)
		size += len(p.Body) + 512*len(p.To)
		if err := p.check(); err != nil {
			return 0, err
		}
	}
	if recipients > MaxBatch {
		return 0, fmt.Errorf("put a mail to %d recipients: 1 to %d can be taken", recipients, MaxBatch)
	}
	return size, nil
}

// check refuses what cannot be stored and spells the From domain as holds do.
func (env *Envelope) check() error {
	if len(env.To) == 0 || len(env.To) > MaxBatch {
		return fmt.Errorf("put a mail to %d recipients: 1 to %d can be taken", len(env.To), MaxBatch)
	}
	// It is in a key of the due index, between bytes that are not in a domain.
	if len(env.FromDomain) > maxDomain || strings.ContainsFunc(env.FromDomain, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("put a mail from the domain %.40q: at most %d bytes of printable ASCII can be taken", env.FromDomain, maxDomain)
	}
	if len(env.Once) > maxOnceName {
		return fmt.Errorf("put a mail once under %.40q: a name has at most %d bytes", env.Once, maxOnceName)
	}
	for _, r := range env.Routing {
		if err := r.check(); err != nil {
			return err
		}
	}
	env.FromDomain = strings.ToLower(env.FromDomain)
	return nil
}

func (s *Spool) putParts(tx *bbolt.Tx, parts []Part) (ids []string, err error) {
	once := parts[0].Once
	if before := stored(tx, once); before != nil {
		return before, nil
	}
	for i := range parts {
		if ids, err = s.putPart(tx, &parts[i], ids); err != nil {
			return nil, err
		}
	}
	return ids, markOnce(tx, once, tx.Bucket(bOpen).Sequence(), len(ids))
}

// put is Put within a commit.
func (s *Spool) put(tx *bbolt.Tx, env Envelope, body []byte) ([]string, error) {
	return s.putParts(tx, []Part{{env, body}})
}

// putPart stores one part and appends the ids of its messages.
func (s *Spool) putPart(tx *bbolt.Tx, p *Part, ids []string) ([]string, error) {
	live := 0
	for _, to := range p.To {
		if p.Skip[to] == "" {
			live++
		}
	}
	ref, err := putBody(tx, p.Body, live)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, to := range p.To {
		seq, err := tx.Bucket(bOpen).NextSequence()
		if err != nil {
			return nil, err
		}
		m := Message{seq: seq, To: to, From: p.From, FromDomain: p.FromDomain, Size: len(p.Body),
			Subject: eml.Cut(p.Subject, maxSubject), MessageID: p.MessageID, At: now, Received: now, Report: p.Report}
		m.take(p.Routing[to])
		if m.Reason = p.Skip[to]; m.Reason != "" {
			m.Outcome = Skipped
		} else {
			m.body, m.NextTry = ref, now
		}
		if err := s.queueSums().replace(tx, nil, &m); err != nil {
			return nil, err
		}
		ids = append(ids, queueID(seq))
	}
	return ids, nil
}

// replace writes a message's new record in place of its old one (nil for a new
// message) and keeps counters, indexes and the body's references in step.
func (q *queueSums) replace(tx *bbolt.Tx, old, m *Message) error {
	q.dirty[m.Lane] = true
	if err := q.adopt(tx, old, m); err != nil {
		return err
	}
	if err := q.owe(tx, old, m); err != nil {
		return err
	}
	q.total.count(old, m)
	if old == nil {
		q.now[m.Lane].enter(m)
	} else {
		q.now[m.Lane].move(old, m)
		if err := q.forget(tx, old, m); err != nil {
			return err
		}
	}
	if m.Outcome == Pending {
		if err := tx.Bucket(bDue).Put(queueDue(m), nil); err != nil {
			return err
		}
	}
	if m.Outcome == Sending {
		if err := tx.Bucket(bSending).Put(u64(m.seq), nil); err != nil {
			return err
		}
	}
	if err := indexIDs(tx, old, m, u64(m.seq)); err != nil {
		return err
	}
	b := tx.Bucket(mailBucket(m.Outcome))
	b.FillPercent = 0.9
	return b.Put(u64(m.seq), appendMail(nil, m))
}

// forget removes what the old record had in indexes and what m needs no more.
func (q *queueSums) forget(tx *bbolt.Tx, old, m *Message) error {
	switch old.Outcome {
	case Pending:
		if err := tx.Bucket(bDue).Delete(queueDue(old)); err != nil {
			return err
		}
	case Sending:
		if err := tx.Bucket(bSending).Delete(u64(old.seq)); err != nil {
			return err
		}
	}
	if (m.Outcome == Accepted || m.Outcome == Skipped) && m.body != 0 {
		if err := dropBody(tx, m.body); err != nil {
			return err
		}
		m.body = 0
	}
	if from := mailBucket(old.Outcome); !bytes.Equal(from, mailBucket(m.Outcome)) {
		return tx.Bucket(from).Delete(u64(old.seq))
	}
	return nil
}

func mailBucket(o Outcome) []byte {
	if o.open() {
		return bOpen
	}
	return bDone
}

// queueDue is a pending message's key in due: its group first, so that held
// mail is stepped over in one seek.
func queueDue(m *Message) []byte {
	b := m.group()
	b = binary.BigEndian.AppendUint64(b, millis(m.NextTry))
	return binary.BigEndian.AppendUint64(b, m.seq)
}

// mail reads one message of the queue, wherever it is.
func mail(tx *bbolt.Tx, seq uint64) (Message, error) {
	for _, name := range [][]byte{bOpen, bDone} {
		if b := tx.Bucket(name).Get(u64(seq)); b != nil {
			return readMail(b, seq)
		}
	}
	return Message{}, fmt.Errorf("message %s: %w", queueID(seq), ErrNotFound)
}

// Body writes a queue message's stored body to w. It returns ErrNotFound when
// the body is no longer kept and ErrDamaged when it fails its checksum.
func (s *Spool) Body(id string, w io.Writer) error {
	lane, _, seq, ok := parseID(id)
	if !ok || lane != Transactional {
		return fmt.Errorf("body of %s: %w", id, ErrNotFound)
	}
	data, err := s.loadBody(seq, nil)
	if err != nil {
		return fmt.Errorf("body of %s: %w", id, err)
	}
	_, err = w.Write(data)
	return err
}

// Head is the beginning of a queue message's stored body, at most n bytes, for
// those who want its header. Errors are those of Body.
func (s *Spool) Head(id string, n int) (head []byte, err error) {
	lane, _, seq, ok := parseID(id)
	if !ok || lane != Transactional {
		return nil, fmt.Errorf("body of %s: %w", id, ErrNotFound)
	}
	err = s.queue.View(func(tx *bbolt.Tx) error {
		m, err := mail(tx, seq)
		if err != nil {
			return err
		}
		b := tx.Bucket(bBodies).Bucket(u64(m.body))
		if m.body == 0 || b == nil {
			return ErrNotFound
		}
		data := b.Get(kBody)
		if seal(data) != b.Sequence() {
			return ErrDamaged
		}
		head = bytes.Clone(data[:min(n, len(data))])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("body of %s: %w", id, err)
	}
	return head, nil
}

func (s *Spool) loadBody(seq uint64, dst []byte) (data []byte, err error) {
	err = s.queue.View(func(tx *bbolt.Tx) error {
		m, err := mail(tx, seq)
		if err != nil {
			return err
		}
		data, err = body(tx, m.body, dst)
		return err
	})
	return data, err
}
