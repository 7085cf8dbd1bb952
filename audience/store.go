package audience

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
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

	metaVersion = []byte("version")
	metaSalt    = []byte("salt")
	metaKey     = []byte("key")
	metaIndexed = []byte("indexed")
	metaOptOuts = []byte("optouts")
	metaCount   = []byte("subscribers")
)

const (
	storeVersion = 1
	dbName       = "audience.db"
	logName      = "optouts.log"
	lockWait     = 2 * time.Second
)

// Store owns audience.db and optouts.log in one directory.
type Store struct {
	Zone *time.Location   // zone of naive dates; nil means Asia/Seoul
	Now  func() time.Time // nil means time.Now

	home *time.Location // zone of a nil Zone, looked up once
	dir  string
	db   *bolt.DB
	salt [16]byte
	keys map[byte][]byte // token keys by id
	sign byte            // the id that signs

	names   names
	pending pending
	optouts optOutLog

	jobs      chan *job
	closing   chan struct{}
	closed    chan struct{}
	closeOnce sync.Once
	broken    atomic.Pointer[error]
	importing chan struct{} // holds a value while an import runs
}

// Open opens or creates audience.db in dir, which it makes if need be (0700).
// A store that another process has open, that is empty, cut short or not ours
// is an error that says what to do. Opt-outs that optouts.log knows and a
// restored audience.db does not are read back before it returns.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	path := filepath.Join(dir, dbName)
	if err := prepare(path, filepath.Join(dir, logName)); err != nil {
		return nil, err
	}
	db, err := openBolt(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		home: zoneOr(nil), dir: dir, db: db,
		jobs: make(chan *job), closing: make(chan struct{}), closed: make(chan struct{}),
		importing: make(chan struct{}, 1),
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.optouts.close(), db.Close())
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
	go s.write()
	err := s.reindex()
	if err == nil {
		err = s.replay()
	}
	if err != nil {
		s.stop()
	}
	return err
}

// Close finishes the writes that wait and closes both files. Iterations still
// open are waited for.
func (s *Store) Close() error {
	s.stop()
	return errors.Join(s.optouts.close(), s.db.Close())
}

func (s *Store) stop() {
	s.closeOnce.Do(func() { close(s.closing) })
	<-s.closed
}

// Err is what made the store refuse writes: after a failed sync nobody knows
// what is on disk, so the process has to be started again. A full disk is not
// of that kind. nil is healthy.
func (s *Store) Err() error {
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return nil
}

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

// prepare makes a new store where there is none and looks at one that is there
// before it is mapped into memory.
func prepare(path, log string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := os.Lstat(log); err == nil {
			return fmt.Errorf("%s is missing, but %s is there: restore a backup, or move the log away to begin anew", path, logName)
		}
		return create(path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file: put the store itself there", path)
	}
	return vet(path)
}

// create makes the store under another name first, so that a crash leaves
// either nothing or a whole store.
func create(path string) (err error) {
	temp := path + ".new-" + strconv.Itoa(os.Getpid())
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openBolt(temp)
	if err != nil {
		return err
	}
	err = errors.Join(db.Update(initialise), db.Close())
	if err == nil {
		err = os.Link(temp, path) // refuses to replace one that another process made meanwhile
	}
	if errors.Is(err, os.ErrExist) {
		err = nil
	}
	if err = errors.Join(err, os.Remove(temp)); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func initialise(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketSubscribers, bucketEmail, bucketExternal, bucketSuppressed,
		bucketOptOuts, bucketHistory, bucketNames, bucketImports} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	secret := make([]byte, 16+32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(metaVersion, binary.BigEndian.AppendUint32(nil, storeVersion)),
		meta.Put(metaSalt, secret[:16]),
		meta.Put(append(metaKey[:len(metaKey):len(metaKey)], 1), secret[16:]))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openBolt opens the file with the settings all our stores have. The large
// first mapping (64-bit only) keeps a long reader from stopping the writer when
// the file grows: 2,995 ms without it, 6 ms with it.
func openBolt(path string) (*bolt.DB, error) {
	options := &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType, NoFreelistSync: true, PageSize: 4096}
	if strconv.IntSize == 64 {
		options.InitialMmapSize = 64 << 30
	}
	db, err := bolt.Open(path, 0o600, options)
	if err != nil && err.Error() == "timeout" {
		return nil, fmt.Errorf("%s is in use by %s: stop it first, or talk to the running pabal", path, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

func (s *Store) loadMeta(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil || len(meta.Get(metaVersion)) != 4 {
		return errors.New("it is a bbolt file, but not an audience; restore a backup")
	}
	if v := binary.BigEndian.Uint32(meta.Get(metaVersion)); v != storeVersion {
		return fmt.Errorf("it has version %d and this pabal knows %d; use the pabal that wrote it", v, storeVersion)
	}
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

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return st.Ino, err
}
