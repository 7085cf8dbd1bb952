package audience

import (
	"context"

	bolt "go.etcd.io/bbolt"
)

// Count is what a segment selects, and how many of them may be mailed.
type Count struct {
	Selected int64            `json:"selected"`
	Mailable int64            `json:"mailable"`
	Skipped  map[string]int64 `json:"skipped"`
	Doubts
}

// Doubts are names in an expression that nobody has: likely misspelled.
type Doubts struct {
	Unknown     []string          `json:"unknown,omitempty"` // attributes
	UnknownTags []string          `json:"unknown_tags,omitempty"`
	Meant       map[string]string `json:"did_you_mean,omitempty"` // of those, where one that exists is nearly the same
}

// Doubts are the attributes and tags that seg asks for and no subscriber ever had.
func (s *Store) Doubts(seg *Segment) Doubts {
	var d Doubts
	if seg == nil {
		return d
	}
	doubt := func(list *[]string, kind byte, name string, more ...string) {
		if s.names.lookup(kind, name) != 0 {
			return
		}
		*list = append(*list, name)
		if near := nearest(name, append(more, s.names.list(kind)...)); near != "" {
			if d.Meant == nil {
				d.Meant = map[string]string{}
			}
			d.Meant[name] = near
		}
	}
	var fields []string
	for _, w := range words() {
		fields = append(fields, w.name)
	}
	for _, name := range seg.Names() {
		doubt(&d.Unknown, attributeName, name, fields...)
	}
	for _, slot := range seg.slots {
		if slot.kind == tagSlot {
			doubt(&d.UnknownTags, tagName, slot.name)
		}
	}
	return d
}

// Count counts what Walk would visit now, without copying anybody: the numbers
// a start would freeze.
func (s *Store) Count(ctx context.Context, seg *Segment, topic string) (Count, error) {
	return s.CountTold(ctx, seg, topic, nil)
}

// CountTold is Count that says now and then how many of all subscribers it has
// looked at (nil: to nobody). It ends early when ctx does.
func (s *Store) CountTold(ctx context.Context, seg *Segment, topic string, tell func(done, total int64)) (Count, error) {
	count := Count{Skipped: map[string]int64{}, Doubts: s.Doubts(seg)}
	each, err := s.telling(tell)
	if err != nil {
		return count, err
	}
	j := s.judge(topic)
	err = s.scanTold(ctx, seg, 0, everyone, each, func(r *row) error {
		reason, err := j.skip(r)
		if err != nil {
			return err
		}
		count.Selected++
		if reason != "" {
			count.Skipped[reason]++
		} else {
			count.Mailable++
		}
		return nil
	})
	return count, err
}

// telling is what a scan calls to say how far it is; nil for nobody.
func (s *Store) telling(tell func(done, total int64)) (func(rows int64), error) {
	if tell == nil {
		return nil, nil
	}
	total, err := s.size()
	if err != nil {
		return nil, err
	}
	return func(rows int64) { tell(rows, max(rows, total)) }, nil
}

// size is how many subscribers there are.
func (s *Store) size() (n int64, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		n = int64(number(tx.Bucket(bucketMeta).Get(metaCount)))
		return nil
	})
	return n, err
}
