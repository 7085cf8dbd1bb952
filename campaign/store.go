package campaign

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const (
	fileName   = "campaign.db"
	fileFormat = "1"
	lockWait   = 2 * time.Second
	mmapSize   = 64 << 30 // so that the file can grow while somebody reads
)

var (
	bucketMeta      = []byte("meta")
	bucketNames     = []byte("names")
	bucketTemplates = []byte("templates")
	bucketVersions  = []byte("versions")
	bucketCampaigns = []byte("campaigns")
)

// Store owns campaign.db. Its methods may be called at the same time. Set the
// exported fields before use.
type Store struct {
	Settings Settings
	Accounts Accounts     // nil: nothing is known of the SES account
	Logger   *slog.Logger // nil: discard

	db     *bolt.DB
	people *audience.Store
	spool  *spool.Spool

	closing  chan struct{} // closed by Close: freezes stop, Run finishes them at the next start
	work     sync.WaitGroup
	closed   sync.Once
	letters  cache[versionKey, *letter]
	mailings cache[uint64, *mailing]
	progress progress
	buffers  sync.Pool // *[]byte: finished mails are composed into them

	mu       sync.Mutex
	freezing map[uint64]bool // campaigns whose audience is being walked now
}

// Open opens or creates campaign.db in dir. It returns a *eml.Problem when another
// process holds the file or it is not a campaign.db.
func Open(dir string, people *audience.Store, sp *spool.Spool) (*Store, error) {
	path := filepath.Join(dir, fileName)
	if err := createFile(path); err != nil {
		return nil, err
	}
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, people: people, spool: sp, closing: make(chan struct{}), freezing: map[uint64]bool{}}
	s.letters.max, s.mailings.max = 64, 64
	return s, nil
}

// Close ends running freezes, which the next start finishes, and closes the file.
func (s *Store) Close() error {
	var err error
	s.closed.Do(func() {
		s.mu.Lock()
		close(s.closing)
		s.mu.Unlock()
		s.work.Wait()
		err = s.db.Close()
	})
	return err
}

func (s *Store) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger.With("part", "campaign")
}

func options() *bolt.Options {
	o := &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType, NoFreelistSync: true, PageSize: 4096}
	if bits.UintSize == 64 {
		o.InitialMmapSize = mmapSize
	}
	return o
}

// createFile makes the file under another name first: a crash in between
// leaves either none or a whole one.
func createFile(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		if info.Size() == 0 {
			return &eml.Problem{What: path + " is empty: it is damaged", Hint: "Restore it from a backup; or, if there are no campaigns to lose, delete it and start again."}
		}
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look for %s: %w", path, err)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove what a crash left: %w", err)
	}
	o := options()
	o.InitialMmapSize = 0
	db, err := bolt.Open(fresh, 0o600, o)
	if err != nil {
		return fmt.Errorf("create %s: %w", fresh, err)
	}
	err = errors.Join(db.Update(layOut), db.Sync(), db.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

func layOut(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketNames, bucketTemplates, bucketVersions, bucketCampaigns} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	return errors.Join(meta.Put([]byte("kind"), []byte("campaign")), meta.Put([]byte("format"), []byte(fileFormat)))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

func openFile(path string) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, options())
	switch {
	case err != nil && errors.Is(err, bolt.ErrTimeout):
		return nil, &eml.Problem{What: path + " is held by another process", Hint: "Stop the other pabal first, or talk to it through its socket.", Err: err}
	case err != nil:
		return nil, &eml.Problem{What: fmt.Sprintf("%s cannot be opened: %v", path, err), Hint: "Restore it from a backup.", Err: err}
	}
	err = db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil || string(meta.Get([]byte("kind"))) != "campaign" {
			return &eml.Problem{What: path + " is not a campaign.db of pabal", Hint: "Restore the right file from a backup."}
		}
		if f := string(meta.Get([]byte("format"))); f != fileFormat {
			return &eml.Problem{What: path + " has format " + f + ", this program knows " + fileFormat, Hint: "Use the version of pabal that wrote it, or a newer one."}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func versionName(id uint64, version int) []byte {
	return binary.BigEndian.AppendUint32(key(id), uint32(version))
}

func putJSON(b *bolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, raw)
}

// cache keeps the last few results of something slow. Its zero value keeps
// nothing until max is set.
type cache[K comparable, V any] struct {
	mu  sync.Mutex
	max int
	m   map[K]V
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[k]
	return v, ok
}

// put drops some other entry when the cache is full: what is in use comes back
// at the next call.
func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[K]V{}
	}
	if _, ok := c.m[k]; !ok && len(c.m) >= c.max {
		for other := range c.m {
			delete(c.m, other)
			break
		}
	}
	c.m[k] = v
}

func (c *cache[K, V]) drop(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, k)
}

// detached is a context that outlives its caller's connection but not the store.
func (s *Store) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
