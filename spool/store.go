package spool

// The two files and the writer of each.
//
// queue.db, the transactional lane:
//
//	meta    "counts" "bulk counts" (of the mail that a rule put into that lane);
//	        "removed" "bulk removed" (retention.go)
//	open    seq8 -> mail record: pending and sending
//	done    seq8 -> mail record: final outcomes
//	due     group 0x00 time8 seq8 -> nothing: pending, not before time; the
//	        group is the From domain and what a rule added (routing.go)
//	sending seq8 -> nothing: a call may be open
//	bodies  body8 -> bucket { "b" -> bytes }: a bucket per body, so that a big
//	        value never shares a leaf with others (measured 4.7 x the writes);
//	        the bucket's sequence is size u32, CRC-32C u32
//	bodyref body8 -> references u32, of bodies that several messages need
//	ses     packed SES id -> seq8
//	orphans packed SES id -> feedback on a mail not known yet (orphans.go)
//	once    name -> the messages stored under it (once.go)
//	failed  what nobody was told of; digest, acts (failures.go)
//
// ledger.db, the bulk lane:
//
//	meta    "store" (our id) "pace" "feedback" "domains" "retention"; "tally"
//	        campaign8 (retention.go); "restored": Restored, JSON
//	headers campaign8 -> Ledger, JSON
//	rows    campaign8 -> bucket { subscriber8 -> row record }
//	due     campaign8 time8 subscriber8 -> nothing: retries only; first tries
//	        come from the header's next mark
//	sending campaign8 subscriber8 -> nothing
//	ses     packed SES id -> campaign8 subscriber8
//	orphans as in the queue
//	holds   scope -> Hold, JSON
//	series  campaign8 kind1 slot2 -> count u64 (series.go)
//
// Numbers are big-endian u64 from our own sequences, times unix milliseconds.

import (
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

const (
	// QueueFile and LedgerFile are the names of the files in the data folder.
	QueueFile  = "queue.db"
	LedgerFile = "ledger.db"
)

var (
	bMeta    = []byte("meta")
	bOpen    = []byte("open")
	bDone    = []byte("done")
	bDue     = []byte("due")
	bSending = []byte("sending")
	bBodies  = []byte("bodies")
	bBodyRef = []byte("bodyref")
	bSES     = []byte("ses")
	bHeaders = []byte("headers")
	bRows    = []byte("rows")
	bHolds   = []byte("holds")

	kStore = []byte("store")
	kPace  = []byte("pace")
	kHeard = []byte("feedback")
	kWatch = []byte("domains")
	kBody  = []byte("b")

	kCounts = [2][]byte{[]byte("counts"), []byte("bulk counts")} // by lane

	queueBuckets  = [][]byte{bMeta, bOpen, bDone, bDue, bSending, bBodies, bBodyRef, bSES, bOrphans, bOnce, bFailed, bDigest, bActs}
	ledgerBuckets = [][]byte{bMeta, bHeaders, bRows, bDue, bSending, bSES, bHolds, bOrphans, bSeries}
)

// file is one of the two with what the jobs of one commit share.
type file[S store.Sums] struct {
	*store.Store
	sums S
}

// do commits what is about mail that was taken in: it is not refused before the
// disk is full. size is what it adds, bytes.
func (f *file[S]) do(size int, apply func(*bbolt.Tx) error) error {
	return f.Do(context.Background(), store.Job{Apply: apply, Size: size})
}

// submit is do for those who go on before it is on disk, and in no hurry.
func (f *file[S]) submit(size int, apply func(*bbolt.Tx) error) (<-chan error, error) {
	return f.Submit(context.Background(), store.Job{Apply: apply, Size: size, Lazy: company})
}

// take commits what takes in something new: ErrFull unless spare bytes are free
// on the disk beside the reserve.
func (f *file[S]) take(spare int64, size int, apply func(*bbolt.Tx) error) error {
	return f.Do(context.Background(), store.Job{Apply: apply, Size: size, Spare: spare})
}

func openQueue(dir string, o store.Options) (*store.Store, error) {
	return store.Open(filepath.Join(dir, QueueFile), queueOptions(o))
}

func queueOptions(o store.Options) store.Options {
	o.Kind, o.Buckets, o.Migrations = "queue", queueBuckets, []func(*bbolt.Tx) error{addOrphans, addOnce, addFailures, addLanes}
	return o
}

func openLedger(dir string, o store.Options) (*store.Store, error) {
	return store.Open(filepath.Join(dir, LedgerFile), ledgerOptions(o))
}

func ledgerOptions(o store.Options) store.Options {
	o.Kind, o.Buckets, o.Migrations = "ledger", ledgerBuckets, []func(*bbolt.Tx) error{addOrphans, addSeries}
	return o
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func key(parts ...uint64) []byte {
	b := make([]byte, 0, 8*len(parts))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, p)
	}
	return b
}

// number reads the i-th u64 of a key.
func number(b []byte, i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }

func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func fromMillis(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// SavePace keeps what the pace wants to know after a restart; Pace is what
// was kept last, nil before the first.
func (s *Spool) SavePace(snapshot []byte) error {
	return s.ledger.do(len(snapshot), func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kPace, snapshot) })
}

// SaveDomains keeps what the watch of senders' domains knows.
func (s *Spool) SaveDomains(state []byte) error {
	return s.ledger.do(len(state), func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kWatch, state) })
}

// LoadDomains returns what SaveDomains kept last, nil before the first.
func (s *Spool) LoadDomains() (state []byte, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		state = bytes.Clone(tx.Bucket(bMeta).Get(kWatch))
		return nil
	})
	return state, err
}

// LoadPace returns what SavePace kept last, nil before the first.
func (s *Spool) LoadPace() (snapshot []byte, err error) {
	err = s.ledger.View(func(tx *bbolt.Tx) error {
		snapshot = bytes.Clone(tx.Bucket(bMeta).Get(kPace))
		return nil
	})
	return snapshot, err
}
