package campaign

import (
	"context"
	"encoding/binary"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"

	"pabal/audience"
	"pabal/spool"
	"pabal/store"
)

const (
	// FileName is the name of the store's file in the data folder.
	FileName = "campaign.db"
	room     = 1 << 20 // bytes kept allocated: little is written here, and by people
)

var (
	bucketNames     = []byte("names")
	bucketTemplates = []byte("templates")
	bucketVersions  = []byte("versions")
	bucketCampaigns = []byte("campaigns")
	bucketFiles     = []byte("files")
)

// Store owns campaign.db. Its methods may be called at the same time. Set the
// exported fields before use.
type Store struct {
	Settings Settings
	Accounts Accounts                                                        // nil: nothing is known of the SES account
	Domains  Domains                                                         // nil: how the sender's domain is set up is not looked at
	Source   Source                                                          // nil: the audience is kept by hand
	Korean   func(code string, args []string) (what, how string, known bool) // says a problem of another package by its code, for findings in Korean; nil: nobody does
	Synced   func() time.Time                                                // when the source was last read, zero for never; nil as Source
	Host     ImageHost                                                       // of images with ImagesS3; nil: none
	Stored   StoredSource                                                    // templates stored in SES; nil: none can be pulled
	Logger   *slog.Logger                                                    // nil: discard
	Tracker  Tracker                                                         // nil: nobody knows what configuration sets report

	db     *store.Store
	people *audience.Store
	spool  *spool.Spool

	stalled   chan struct{}    // capacity 1: a freeze met a full disk
	scheduled chan struct{}    // capacity 1: a time was set
	clock     func() time.Time // the wall; tests set it, nil is the machine's
	closing   chan struct{}    // closed by Close: freezes stop, Run finishes them at the next start
	work      sync.WaitGroup
	closed    sync.Once
	letters   cache[versionKey, *letter]
	mailings  cache[uint64, *mailing]
	heavy     cache[uint64, *mailing] // those with large files: few at a time
	memory    *semaphore.Weighted     // bytes of mails with attachments that are being sent
	published published
	pulling   sync.Mutex // held while a template is pulled
	progress  progress
	buffers   sync.Pool // *[]byte: finished mails are composed into them

	mu       sync.Mutex
	freezing map[uint64]chan struct{} // campaigns whose audience is being walked now; closed after it
}

// Open opens or creates campaign.db in dir. Errors are those of store.Open.
func Open(dir string, people *audience.Store, sp *spool.Spool) (*Store, error) {
	db, err := openFile(dir, false)
	if err != nil {
		return nil, err
	}
	db.Start(nil)
	s := &Store{db: db, people: people, spool: sp, stalled: make(chan struct{}, 1), scheduled: make(chan struct{}, 1), closing: make(chan struct{}), freezing: map[uint64]chan struct{}{}}
	s.letters.max, s.mailings.max, s.heavy.max = 64, 64, 4
	s.memory = semaphore.NewWeighted(heavyMemory)
	return s, nil
}

func openFile(dir string, readOnly bool) (*store.Store, error) {
	o := fileOptions()
	o.ReadOnly = readOnly
	return store.Open(filepath.Join(dir, FileName), o)
}

func fileOptions() store.Options {
	return store.Options{Kind: "campaign", Room: room,
		Buckets:    [][]byte{bucketNames, bucketTemplates, bucketVersions, bucketCampaigns, bucketFiles},
		Migrations: []func(*bolt.Tx) error{sealAll, addFiles}}
}

// Broken is closed when campaign.db can no longer be written: the process has
// to end then. Err says why.
func (s *Store) Broken() <-chan struct{} { return s.db.Broken() }

// Err is what broke campaign.db; it wraps store.ErrBroken. nil is healthy.
func (s *Store) Err() error { return s.db.Err() }

// Size is campaign.db's bytes, and how many of them hold nothing.
func (s *Store) Size() (bytes, unused int64) { return s.db.Size() }

// Notes are what Open did or met that belongs in the log.
func (s *Store) Notes() []string { return s.db.Notes() }

// update changes campaign.db in the next commit. size is what it adds, bytes;
// zero is a change that is made on a nearly full disk too.
func (s *Store) update(size int, fn func(*bolt.Tx) error) error {
	return s.db.Do(context.Background(), store.Job{Apply: fn, Size: size, Spare: int64(size)})
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

func key(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func versionName(id uint64, version int) []byte {
	return binary.BigEndian.AppendUint32(key(id), uint32(version))
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
