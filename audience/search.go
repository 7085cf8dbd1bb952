package audience

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/text/unicode/norm"
)

// A search has no index of its own: the records are compared where they lie in
// the mapped file, by all cores, which for a million takes less than an index
// would cost every import.
const (
	searchParts = 64       // of the ids, looked through side by side
	searchPart  = 4096     // ids of a part, at least
	searchCores = 4        // at most
	searchBatch = 16 << 10 // rows looked at in one transaction by SearchAll
	searchFound = 200      // hits kept before they are handed out
	MaxSearch   = 1000     // hits of one Search
)

// Search returns the first limit (zero is 20, at most MaxSearch) subscribers
// whose e-mail or name begins with text, in order of id. Case does not matter,
// Hangul is compared in NFC; an empty text begins everything. Records written
// while it runs may or may not be seen.
func (s *Store) Search(ctx context.Context, text string, limit int) ([]Subscriber, error) {
	if limit <= 0 {
		limit = 20
	}
	newest, err := s.MaxID()
	if err != nil {
		return nil, err
	}
	h := hunt{s: s, want: newNeedle(text), limit: min(limit, MaxSearch), newest: newest}
	h.size = max(searchPart, newest/searchParts+1)
	h.found = make([][]Subscriber, newest/h.size+1)
	h.done = make([]bool, len(h.found))
	err = h.run(ctx)
	hits := slices.Concat(h.found...)
	return hits[:min(len(hits), h.limit)], err
}

// hunt is one Search while it runs.
type hunt struct {
	s      *Store
	want   needle
	limit  int
	newest uint64
	size   uint64 // ids of a part

	next atomic.Int64 // the part to be looked through next
	over atomic.Bool  // enough was found, or an error

	mu    sync.Mutex
	found [][]Subscriber // hits of each part
	done  []bool
}

func (h *hunt) run(ctx context.Context) error {
	errs := make(chan error, searchCores)
	cores := min(runtime.GOMAXPROCS(0), searchCores, len(h.found))
	for range cores {
		go func() { errs <- h.s.db.View(func(tx *bolt.Tx) error { return h.parts(ctx, tx) }) }()
	}
	var first error
	for range cores {
		if err := <-errs; err != nil && first == nil {
			first = err
			h.over.Store(true)
		}
	}
	return first
}

// parts looks through one part after the other until none is left.
func (h *hunt) parts(ctx context.Context, tx *bolt.Tx) error {
	c := tx.Bucket(bucketSubscribers).Cursor()
	for {
		n := h.next.Add(1) - 1
		if n >= int64(len(h.found)) || h.over.Load() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		hits, err := h.part(c, uint64(n)*h.size)
		if err != nil {
			return err
		}
		h.keep(int(n), hits)
	}
}

// part looks through size ids from one on.
func (h *hunt) part(c *bolt.Cursor, from uint64) (hits []Subscriber, err error) {
	end := from + h.size
	for k, v := c.Seek(key64(from)); k != nil && binary.BigEndian.Uint64(k) < end; k, v = c.Next() {
		if !h.want.begins(v) {
			continue
		}
		var sub Subscriber
		if err := h.s.decode(binary.BigEndian.Uint64(k), v, &sub); err != nil {
			return nil, err
		}
		if hits = append(hits, sub); len(hits) == h.limit {
			break
		}
	}
	return hits, nil
}

// keep takes a part's hits, and ends the hunt when those before all parts that
// are not done are enough.
func (h *hunt) keep(n int, hits []Subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found[n], h.done[n] = hits, true
	sum := 0
	for i := 0; i < len(h.done) && h.done[i]; i++ {
		sum += len(h.found[i])
	}
	if sum >= h.limit {
		h.over.Store(true)
	}
}

// Found is one line of SearchAll: a hit, or how far it is.
type Found struct {
	Subscriber *Subscriber `json:"subscriber,omitempty"` // nil: only progress
	Done       int64       `json:"done"`                 // subscribers looked at
	Total      int64       `json:"total"`                // of about so many
}

// SearchAll walks, in order of id, everyone with text anywhere in the e-mail or
// name, and says in between how far it is, at last with Done = Total. No
// snapshot is kept while the caller thinks: who is written meanwhile may or may
// not be seen. It ends when ctx does, with its error.
func (s *Store) SearchAll(ctx context.Context, text string) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		want := newNeedle(text)
		at := Found{}
		for after, more := uint64(0), true; more; {
			hits, last, n, err := s.searchBatch(ctx, want, after, &at.Total)
			if err != nil {
				yield(Found{}, err)
				return
			}
			at.Done += n
			for i := range hits {
				if !yield(Found{Subscriber: &hits[i], Done: at.Done, Total: max(at.Total, at.Done)}, nil) {
					return
				}
			}
			after, more = last, last != 0
			if !more {
				at.Total = at.Done
			}
			if !yield(Found{Done: at.Done, Total: max(at.Total, at.Done)}, nil) {
				return
			}
		}
	}
}

// searchBatch looks through the next rows; last is 0 at the end.
func (s *Store) searchBatch(ctx context.Context, want needle, after uint64, total *int64) (hits []Subscriber, last uint64, n int64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, 0, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		*total = int64(number(tx.Bucket(bucketMeta).Get(metaCount)))
		c := tx.Bucket(bucketSubscribers).Cursor()
		for k, v := c.Seek(key64(after + 1)); k != nil; k, v = c.Next() {
			if n == searchBatch || len(hits) == searchFound {
				return nil
			}
			n++
			last = binary.BigEndian.Uint64(k)
			if !want.within(v) {
				continue
			}
			var sub Subscriber
			if err := s.decode(last, v, &sub); err != nil {
				return err
			}
			hits = append(hits, sub)
		}
		last = 0
		return nil
	})
	return hits, last, n, err
}

// needle is a text looked for, in lower case.
type needle struct {
	text string
	low  byte // its first byte, and that in upper case
	up   byte
	any  bool // a letter of more bytes may have another form in the other case
}

func newNeedle(text string) needle {
	n := needle{text: strings.ToLower(norm.NFC.String(strings.TrimSpace(text)))}
	if n.text == "" {
		return n
	}
	n.low, n.up = n.text[0], n.text[0]
	switch {
	case n.low >= 'a' && n.low <= 'z':
		n.up -= 'a' - 'A'
	case n.low >= 0x80 && (n.low < 0xEA || n.low > 0xED): // not Hangul
		n.any = true
	}
	return n
}

// texts are the e-mail and the name of a record, without a look at the rest.
func emailAndName(v []byte) (email, name []byte) {
	if len(v) <= fixedSize || v[0] != recordVersion {
		return nil, nil
	}
	email, rest, _ := cut(v[fixedSize:])
	name, _, _ = cut(rest)
	return email, name
}

func (n *needle) begins(v []byte) bool {
	email, name := emailAndName(v)
	return n.leads(email) || n.leads(name)
}

func (n *needle) leads(text []byte) bool {
	if n.text == "" {
		return true
	}
	if len(text) == 0 || text[0] != n.low && text[0] != n.up && !n.any {
		return false
	}
	return hasPrefixFold(text, n.text)
}

func (n *needle) within(v []byte) bool {
	email, name := emailAndName(v)
	return n.in(email) || n.in(name)
}

func (n *needle) in(text []byte) bool {
	if n.text == "" {
		return true
	}
	if n.any {
		return strings.Contains(strings.ToLower(string(text)), n.text)
	}
	for len(text) > 0 {
		i := bytes.IndexByte(text, n.low)
		if n.up != n.low {
			if j := bytes.IndexByte(text, n.up); j >= 0 && (i < 0 || j < i) {
				i = j
			}
		}
		if i < 0 {
			return false
		}
		if text = text[i:]; hasPrefixFold(text, n.text) {
			return true
		}
		text = text[1:]
	}
	return false
}
