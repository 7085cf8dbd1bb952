package spool

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// Every kind of damage Check knows, planted by hand: it must name each.
func TestCheckFindsWhatDoesNotHold(t *testing.T) {
	for name, plant := range map[string]func(tx *bbolt.Tx, ledger bool) error{
		"counters say": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bMeta).Put(kCounts, []byte(`{"audience":9,"pending":9}`))
		},
		"not in the index of what is due": func(tx *bbolt.Tx, ledger bool) error {
			k, _ := tx.Bucket(bDue).Cursor().First()
			if ledger || k == nil {
				return nil
			}
			return tx.Bucket(bDue).Delete(bytes.Clone(k))
		},
		"entries, the messages need": func(tx *bbolt.Tx, ledger bool) error {
			return tx.Bucket(bSending).Put(key(7, 7), nil)
		},
		"is needed by": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bBodies).DeleteBucket(u64(1))
		},
		"references, 1 messages need it": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bBodyRef).Put(u64(1), []byte{0, 0, 0, 2})
		},
		"references and is not there": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bBodyRef).Put(u64(9), []byte{0, 0, 0, 2})
		},
		"checksum": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bBodies).Bucket(u64(1)).Put(kBody, []byte("hullo"))
		},
		"cannot be read": func(tx *bbolt.Tx, ledger bool) error {
			if !ledger {
				return nil
			}
			return tx.Bucket(bRows).Bucket(u64(1)).Put(u64(1), []byte{9})
		},
		"nobody would send it": func(tx *bbolt.Tx, ledger bool) error {
			if !ledger {
				return nil
			}
			h, err := readHeader(tx.Bucket(bHeaders).Get(u64(1)))
			if err != nil {
				return err
			}
			return tx.Bucket(bHeaders).Put(u64(1), []byte(fmt.Sprintf(
				`{"campaign":1,"state":"running","next":2,"frozen_at":"2026-01-01T00:00:00Z","audience":%d,"pending":%d}`, h.Audience, h.Pending)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			putOne(t, s, "a@example.com")
			if err := s.Begin(t.Context(), Ledger{Campaign: 1, Expect: -1}); err != nil {
				t.Fatal(err)
			}
			if err := s.PutBatch(t.Context(), 1, []Row{{Subscriber: 1}, {Subscriber: 2}}, Mark{Subscriber: 2, Done: true}); err != nil {
				t.Fatal(err)
			}
			if f := checked(t, s); len(f) > 0 {
				t.Fatalf("before: %v", f)
			}
			for _, l := range []bool{false, true} {
				do := s.queue.do
				if l {
					do = s.ledger.do
				}
				if err := do(0, func(tx *bbolt.Tx) error { return plant(tx, l) }); err != nil {
					t.Fatal(err)
				}
			}
			if f := strings.Join(checked(t, s), "\n"); !strings.Contains(f, name) {
				t.Errorf("faults %q, want one that says %q", f, name)
			}
		})
	}
}
