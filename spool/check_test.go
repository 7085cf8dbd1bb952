package spool

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func inQueue(plant func(*bbolt.Tx) error) func(*bbolt.Tx, bool) error {
	return func(tx *bbolt.Tx, ledger bool) error {
		if ledger {
			return nil
		}
		return plant(tx)
	}
}

func inLedger(plant func(*bbolt.Tx) error) func(*bbolt.Tx, bool) error {
	return func(tx *bbolt.Tx, ledger bool) error {
		if !ledger {
			return nil
		}
		return plant(tx)
	}
}

// offline closes a spool and checks its files as nobody has them open.
func offline(t *testing.T, s *Spool, dir string) []string {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var r CheckReport
	for _, file := range []string{QueueFile, LedgerFile} {
		if err := r.CheckFile(t.Context(), dir, file); err != nil {
			t.Fatal(err)
		}
	}
	return r.Faults
}

// Every kind of damage Check knows, planted by hand: it must name each.
func TestCheckFindsWhatDoesNotHold(t *testing.T) {
	for name, plant := range map[string]func(tx *bbolt.Tx, ledger bool) error{
		"queue: pending: its messages make 1, the counters say 9": func(tx *bbolt.Tx, ledger bool) error {
			if ledger {
				return nil
			}
			return tx.Bucket(bMeta).Put(kCounts[Transactional], []byte(`{"audience":9,"pending":9}`))
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
		"queue: q1: record cannot be read": inQueue(func(tx *bbolt.Tx) error {
			return tx.Bucket(bOpen).Put(u64(1), []byte{recordVersion, 77})
		}),
		`q1 is pending and stands in "done"`: inQueue(func(tx *bbolt.Tx) error {
			v := bytes.Clone(tx.Bucket(bOpen).Get(u64(1)))
			return errors.Join(tx.Bucket(bOpen).Delete(u64(1)), tx.Bucket(bDone).Put(u64(1), v))
		}),
		"whose index entry is missing or another's": inQueue(func(tx *bbolt.Tx) error {
			m := Message{seq: 2, Outcome: Accepted, SESID: "x"}
			return tx.Bucket(bDone).Put(u64(2), appendMail(nil, &m))
		}),
		"and feedback on it was not applied": inQueue(func(tx *bbolt.Tx) error {
			m, id := Message{seq: 2, Outcome: Accepted, SESID: "x"}, []byte(packSESID("x"))
			return errors.Join(tx.Bucket(bDone).Put(u64(2), appendMail(nil, &m)), tx.Bucket(bSES).Put(id, u64(2)), tx.Bucket(bOrphans).Put(id, []byte("x")))
		}),
		`queue: index "due" has 2 entries`: inQueue(func(tx *bbolt.Tx) error { return tx.Bucket(bDue).Put([]byte("x"), nil) }),
		"read the queue's counters":        inQueue(func(tx *bbolt.Tx) error { return tx.Bucket(bMeta).Put(kCounts[Transactional], []byte("{")) }),
		"c1-1 is sending and not in the index of open calls": inLedger(func(tx *bbolt.Tx) error {
			m := Message{Outcome: Sending}
			return tx.Bucket(bRows).Bucket(u64(1)).Put(u64(1), appendRow(nil, &m))
		}),
		"campaign 1: skip reasons are": inLedger(func(tx *bbolt.Tx) error {
			m := Message{Outcome: Skipped, Reason: SkipErased}
			return tx.Bucket(bRows).Bucket(u64(1)).Put(u64(1), appendRow(nil, &m))
		}),
		"the audience is 2": inLedger(func(tx *bbolt.Tx) error { return tx.Bucket(bRows).Bucket(u64(1)).Delete(u64(1)) }),
		"campaign 1: its header cannot be read": inLedger(func(tx *bbolt.Tx) error {
			return tx.Bucket(bHeaders).Put(u64(1), []byte("{"))
		}),
		"campaign 1: its header says that it is campaign 7": inLedger(func(tx *bbolt.Tx) error {
			return tx.Bucket(bHeaders).Put(u64(1), []byte(`{"campaign":7,"audience":2,"pending":2}`))
		}),
		"campaign 1 has a header and no rows":              inLedger(func(tx *bbolt.Tx) error { return tx.Bucket(bRows).DeleteBucket(u64(1)) }),
		"campaign 0000000000000001 has rows and no header": inLedger(func(tx *bbolt.Tx) error { return tx.Bucket(bHeaders).Delete(u64(1)) }),
		`hold "all" cannot be read`:                        inLedger(func(tx *bbolt.Tx) error { return tx.Bucket(bHolds).Put([]byte("all"), []byte("x")) }),
		`hold "all" says that it is of "lane:bulk"`:        inLedger(func(tx *bbolt.Tx) error { return tx.Bucket(bHolds).Put([]byte("all"), []byte(`{"scope":"lane:bulk"}`)) }),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() }) // closed twice does no harm
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
			if f := strings.Join(offline(t, s, dir), "\n"); !strings.Contains(f, name) {
				t.Errorf("without a daemon: faults %q, want one that says %q", f, name)
			}
		})
	}
}
