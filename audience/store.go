package audience

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
	"pabal/store"
)

// The bucket names; doc.go says what is in them.
var (
	bucketMeta        = []byte("meta")
	bucketSubscribers = []byte("subscribers")
	bucketEmail       = []byte("email")
	bucketExternal    = []byte("external")
	bucketSuppressed  = []byte("suppressed")
	bucketOptOuts     = []byte("optouts")
	bucketHistory     = []byte("history")
	bucketNames       = []byte("names")
	bucketImports     = []byte("imports")
	bucketRows        = []byte("rows")
	bucketRowsOf      = []byte("rowsof")
	bucketReread      = []byte("reread")
	bucketFeedback    = []byte("feedback")
	bucketDelivered   = []byte("delivered")
	bucketErased      = []byte("erased")
	bucketAsked       = []byte("asked")
	bucketOuts        = []byte("outs")
	bucketChoices     = []byte("choices")
	bucketFormer      = []byte("former")

	metaSalt    = []byte("salt")
	metaKey     = []byte("key")
	metaIndexed = []byte("indexed")
	metaOptOuts = []byte("optouts")
	metaCount   = []byte("subscribers")
	metaSync    = []byte("sync")
)

const (
	// FileName is the name of the store's file in the data folder.
	FileName = "audience.db"
	logName  = "optouts.log"
	room     = 4 << 20 // bytes kept allocated: many opt-outs and suppressions
)

// Store owns audience.db and optouts.log in one directory.
type Store struct {
	Zone *time.Location   // zone of naive dates; nil means Asia/Seoul
	Now  func() time.Time // nil means time.Now
	Past Past             // what became of earlier campaigns; nil: segments cannot ask

	Topics    []Topic                                        // those people can switch; nil: none is defined
	Attempted func(id uint64, since time.Time) (bool, error) // whether somebody was mailed since then; nil: nobody was

	home *time.Location // zone of a nil Zone, looked up once
	dir  string
	db   *store.Store
	salt [16]byte
	keys map[byte][]byte // token keys by id
	sign byte            // the id that signs

	names   names
	pending pending
	seen    *seen // nil but while rows are loaded; the writer's alone
	optouts optOutLog

	group     update        // the writer's alone
	importing chan struct{} // holds a value while an import runs
	feeding   sync.Mutex    // held while feedback is taken
}

// Open opens or creates audience.db in dir, which it makes if need be (0700).
// Errors are those of store.Open. Opt-outs that optouts.log knows and a
// restored audience.db does not are read back before it returns.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	db, err := openFile(dir, false)
	if err != nil {
		return nil, err
	}
	s := &Store{home: zoneOr(nil), dir: dir, db: db, importing: make(chan struct{}, 1)}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", filepath.Join(dir, FileName), err), s.optouts.close(), db.Close())
	}
	return s, nil
}

// start reads what is kept in memory, finishes what a crash left and starts the writer.
func (s *Store) start() error {
	if err := s.db.View(s.loadMeta); err != nil {
		return err
	}
	if err := s.optouts.open(filepath.Join(s.dir, logName)); err != nil {
		return err
	}
	s.group.s = s
	s.db.Start(&s.group)
	if err := s.reindex(); err != nil {
		return err
	}
	if err := s.tidyImports(); err != nil {
		return err
	}
	return s.replay()
}

// Size is audience.db's bytes, and how many of them hold nothing.
func (s *Store) Size() (bytes, unused int64) { return s.db.Size() }

// Close finishes the writes that wait and closes both files. Iterations still
// open are waited for.
func (s *Store) Close() error { return errors.Join(s.db.Close(), s.optouts.close()) }

// Broken is closed when Err is no longer nil.
func (s *Store) Broken() <-chan struct{} { return s.db.Broken() }

// Err is what made the store refuse writes: after a failed sync nobody knows
// what is on disk, so the process has to be started again. A full disk is not
// of that kind. nil is healthy.
func (s *Store) Err() error { return s.db.Err() }

// Notes are what Open did or met that belongs in the log.
func (s *Store) Notes() []string { return s.db.Notes() }

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Store) zone() *time.Location {
	if s.Zone != nil {
		return s.Zone
	}
	return s.home
}

// zoneOr is zone, or Korea's, which has had no summer time since 1988.
func zoneOr(zone *time.Location) *time.Location {
	if zone != nil {
		return zone
	}
	if seoul, err := time.LoadLocation("Asia/Seoul"); err == nil {
		return seoul
	}
	return time.FixedZone("Asia/Seoul", 9*60*60)
}

// openFile opens or makes audience.db. One that is missing while the log of
// opt-outs is there was lost with its mark.
func openFile(dir string, readOnly bool) (*store.Store, error) {
	path, log := filepath.Join(dir, FileName), filepath.Join(dir, logName)
	_, missing := os.Lstat(path)
	if _, err := os.Lstat(log); err == nil && errors.Is(missing, os.ErrNotExist) {
		return nil, &eml.Problem{What: path + " is missing, but " + logName + " is there", Hint: "restore the newest backup; or move the log away to begin with nothing", Err: store.ErrMissing}
	}
	o := fileOptions()
	o.ReadOnly = readOnly
	return store.Open(path, o)
}

func fileOptions() store.Options {
	return store.Options{Kind: "audience", Room: room, Init: initialise,
		Buckets: [][]byte{bucketMeta, bucketSubscribers, bucketEmail, bucketExternal, bucketSuppressed,
			bucketOptOuts, bucketHistory, bucketNames, bucketImports, bucketRows, bucketRowsOf, bucketReread, bucketFeedback, bucketDelivered, bucketErased, bucketAsked, bucketOuts, bucketChoices, bucketFormer},
		Migrations: []func(*bolt.Tx) error{addRows, addFeedback, addConsent, addChoices, addFormer}}
}

// initialise gives a new store its secrets.
func initialise(tx *bolt.Tx) error {
	secret := make([]byte, 16+32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(meta.Put(metaSalt, secret[:16]), meta.Put(append(metaKey[:len(metaKey):len(metaKey)], 1), secret[16:]))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) loadMeta(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if copy(s.salt[:], meta.Get(metaSalt)) != len(s.salt) {
		return errors.New("its salt is missing; restore a backup")
	}
	s.keys = map[byte][]byte{}
	c := meta.Cursor()
	for k, v := c.Seek(metaKey); len(k) == len(metaKey)+1 && string(k[:len(metaKey)]) == string(metaKey); k, v = c.Next() {
		s.sign = k[len(metaKey)]
		s.keys[s.sign] = append([]byte(nil), v...)
	}
	if len(s.keys) == 0 {
		return errors.New("its keys are missing; restore a backup")
	}
	return s.names.load(tx.Bucket(bucketNames))
}
