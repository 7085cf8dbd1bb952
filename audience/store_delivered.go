package audience

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The deliveries of the last day, so that a soft bounce that comes after a
// later delivery is still counted as lying before it. One row of its own for
// each of a campaign's million deliveries would be a million scattered pages;
// so they stand in pieces, one after the other: the time of the first by our
// clock in ms, then short hash u64 and time in ms of each, in order of hash.
// They are looked through when an address bounces for the first time.
const (
	deliveryWindow = 24 * time.Hour
	deliverySize   = 8 + 8
	maxPiece       = 1024 // deliveries in a piece: 16 KB, four pages
	maxPieces      = 2048 // pieces: two million deliveries, 32 MB
)

// delivery is one line of a piece.
type delivery struct {
	short uint64
	at    int64
}

// delivered appends to the newest piece, or begins one, and drops old ones.
func (u *update) delivered(list []delivery) error {
	if len(list) == 0 {
		return nil
	}
	b := u.tx.Bucket(bucketDelivered)
	b.FillPercent = 0.9
	k, v := b.Cursor().Last()
	began := u.now.UnixMilli()
	if k != nil && len(v) >= 8 && (len(v)-8)/deliverySize+len(list) <= maxPiece {
		began = int64(number(v[:8]))
		list = slices.Concat(readPiece(v), list)
		k = slices.Clone(k)
	} else {
		seq, err := b.NextSequence()
		if err != nil {
			return err
		}
		k = key64(seq)
	}
	if err := b.Put(k, packPiece(began, list)); err != nil {
		return err
	}
	return dropPieces(b, number(k), u.now.Add(-deliveryWindow).UnixMilli())
}

// dropPieces takes up to two pieces off the front that are older than since or
// too many: one commit adds one at most.
func dropPieces(b *bolt.Bucket, newest uint64, since int64) error {
	for range 2 {
		k, v := b.Cursor().First()
		if number(k) == newest || len(v) >= 8 && int64(number(v[:8])) >= since && newest-number(k) < maxPieces {
			return nil
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func readPiece(v []byte) []delivery {
	list := make([]delivery, 0, maxPiece)
	for v = v[min(8, len(v)):]; len(v) >= deliverySize; v = v[deliverySize:] {
		list = append(list, delivery{number(v[:8]), int64(number(v[8:16]))})
	}
	return list
}

func packPiece(began int64, list []delivery) []byte {
	slices.SortFunc(list, func(a, b delivery) int {
		return cmp.Or(cmp.Compare(a.short, b.short), cmp.Compare(a.at, b.at))
	})
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(list)*deliverySize), uint64(began))
	for _, d := range list {
		v = binary.BigEndian.AppendUint64(v, d.short)
		v = binary.BigEndian.AppendUint64(v, uint64(d.at))
	}
	return v
}

// findDelivered fills in when the addresses of want took a mail.
func findDelivered(b *bolt.Bucket, want map[addressHash][]int64) error {
	if len(want) == 0 {
		return nil
	}
	return b.ForEach(func(_, v []byte) error {
		if len(v) < 8 {
			return nil
		}
		v = v[8:]
		n := len(v) / deliverySize
		for h := range want {
			short := h.short()
			i := sort.Search(n, func(i int) bool { return number(v[i*deliverySize:][:8]) >= short })
			for ; i < n && number(v[i*deliverySize:][:8]) == short; i++ {
				want[h] = append(want[h], int64(number(v[i*deliverySize+8:][:8])))
			}
		}
		return nil
	})
}
