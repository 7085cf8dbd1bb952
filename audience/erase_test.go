package audience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// holding are the buckets of a store that have a text in a live key or value.
func holding(t testing.TB, s *Store, text string) []string {
	t.Helper()
	var in []string
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				if bytes.Contains(bytes.ToLower(k), []byte(text)) || bytes.Contains(bytes.ToLower(v), []byte(text)) {
					in = append(in, fmt.Sprintf("%s %x", name, k))
				}
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func erase(t testing.TB, s *Store, email string) Erasure {
	t.Helper()
	e, err := s.Erase(context.Background(), email, "kim")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// someone makes a subscriber with something in every bucket.
func someone(t testing.TB, s *Store) Subscriber {
	t.Helper()
	ctx := context.Background()
	importText(t, s, "email,name,city,id,동의\nminji@example.com,김민지,minji-city,minji-7,1\nother@example.com,이,서울,8,1\n", ImportOptions{Name: "a.csv", Tags: []string{"vip"}})
	sub := byEmail(t, s, "minji@example.com")
	if err := s.Unsubscribe(ctx, sub.ID, Person, "campaign 3"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bounced(ctx, "e1", sub.Email, true, day(1), "550 minji@example.com is unknown"); err != nil {
		t.Fatal(err)
	}
	return sub
}

func TestErasingLeavesOnlyAHash(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	sub := someone(t, s)
	e := erase(t, s, "MINJI@example.com")
	if e.Subscriber != sub.ID || e.Email == "" || e.Done {
		t.Errorf("tombstone %+v", e)
	}
	if in := holding(t, s, "minji"); len(in) != 1 {
		t.Errorf("until it is done only the tombstone has the address: %q", in)
	}
	list, err := s.Erasing()
	if err != nil || len(list) != 1 || list[0] != e {
		t.Errorf("to be done: %+v %v", list, err)
	}
	if err := s.EraseDone(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	if in := holding(t, s, "minji"); len(in) != 0 {
		t.Errorf("afterwards it is still in %q", in)
	}
	if log := readLog(t, dir); strings.Contains(log, "minji") {
		t.Errorf("the log tells who it was: %s", log)
	}
	if list, err := s.Erasing(); err != nil || len(list) != 0 {
		t.Errorf("done, and still to be done: %+v %v", list, err)
	}
	if sup, ok, err := s.Suppressed("minji@example.com"); err != nil || !ok || sup.Reason != "erased" || sup.Email != "" || sup.Detail != "" {
		t.Errorf("suppression %+v %v %v", sup, ok, err)
	}
	if _, reason, err := s.Check(sub.ID, ""); err != nil || reason != "erased" {
		t.Errorf("check: %q %v", reason, err)
	}
	if _, err := s.History(sub.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("history: %v", err)
	}
	if _, err := s.Prefer(ctx, sub.ID, Preferences{}, ptr(true), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("the preference page: %v", err)
	}
	byEmail(t, s, "other@example.com")
	sound(t, s)
}

func TestNobodyErasedComesBackByThemselves(t *testing.T) {
	s, ctx := open(t), context.Background()
	someone(t, s)
	syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "minji@example.com", Name: "김민지", Subscribed: true, UpdatedAt: 1})
	e := erase(t, s, "minji@example.com")
	if err := s.EraseDone(ctx, e.ID); err != nil {
		t.Fatal(err)
	}
	res := importText(t, s, "email,name\nMinji@Example.com,김민지\nnew@example.com,새\n", ImportOptions{})
	if res.Rejected != 1 || res.Created != 1 {
		t.Errorf("import: %+v", res)
	}
	if r := syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "minji@example.com", Name: "민지", Subscribed: true, UpdatedAt: 2},
		SyncRow{Key: []byte("2"), ID: "2", Email: "minji@example.com", Subscribed: true}); r.Erased != 2 || r.Created+r.Updated+r.Removed != 0 {
		t.Errorf("sync: %+v", r)
	}
	// Another's row that changes to the address leaves its person.
	syncRows(t, s, SyncRow{Key: []byte("3"), ID: "3", Email: "moved@example.com", Subscribed: true, UpdatedAt: 1})
	if r := syncRows(t, s, SyncRow{Key: []byte("3"), ID: "3", Email: "minji@example.com", Subscribed: true, UpdatedAt: 2}); r.Erased != 1 || r.Removed != 1 {
		t.Errorf("a row that moved to the address: %+v", r)
	}
	if _, err := s.Set(ctx, Edit{Email: "minji@example.com", Create: true}); !errors.Is(err, ErrErased) {
		t.Errorf("set: %v", err)
	}
	if err := s.Complained(ctx, "late", "minji@example.com", day(3), "minji@example.com said so"); err != nil {
		t.Fatal(err)
	}
	if in := holding(t, s, "minji"); len(in) != 0 {
		t.Errorf("the address is back in %q", in)
	}
	sound(t, s)
	// The operator takes the hash off: then the table may bring them in, but
	// what they said holds.
	if err := s.Unsuppress(ctx, "minji@example.com"); err != nil {
		t.Fatal(err)
	}
	if r := syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "minji@example.com", Subscribed: true, UpdatedAt: 3}); r.Created != 1 || r.KeptOut != 1 {
		t.Errorf("after the operator's word: %+v", r)
	}
	if c := byEmail(t, s, "minji@example.com").Consent; c.Subscribed {
		t.Errorf("their refusal was forgotten: %+v", c)
	}
	sound(t, s)
}

func TestARestoredBackupErasesAgain(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	sub := someone(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if err := s.EraseDone(ctx, erase(t, s, "minji@example.com").ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing new
		s = openAt(t, dir)
		list, err := s.Erasing()
		if err != nil || len(list) != 1 || list[0].Subscriber != sub.ID || list[0].Email != "minji@example.com" || !s.IsOf(list)("Minji@example.com") || s.IsOf(list)("other@example.com") {
			t.Errorf("to be done again: %+v %v", list, err)
		}
		if _, err := s.Get(sub.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the person is back: %v", err)
		}
		sound(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// restoring runs after on a store and then puts the file back as it was before.
func restoring(t *testing.T, dir string, s *Store, after func(s *Store)) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	after(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	return openAt(t, dir)
}

func TestARestoredBackupErasesWhoHadAnotherIDOrNoneSince(t *testing.T) {
	for name, again := range map[string]bool{"row gone": false, "row gone and inserted": true} {
		t.Run(name, func(t *testing.T) {
			dir, ctx := t.TempDir(), context.Background()
			s := openAt(t, dir)
			syncRows(t, s, SyncRow{Key: []byte("1"), ID: "1", Email: "minji@example.com", Subscribed: true, UpdatedAt: 1})
			s = restoring(t, dir, s, func(s *Store) {
				syncRows(t, s, SyncRow{Key: []byte("1"), Gone: true})
				if again {
					syncRows(t, s, SyncRow{Key: []byte("2"), ID: "2", Email: "minji@example.com", Subscribed: true, UpdatedAt: 2})
				}
				if err := s.EraseDone(ctx, erase(t, s, "minji@example.com").ID); err != nil {
					t.Fatal(err)
				}
			})
			if _, err := s.ByEmail("minji@example.com"); !errors.Is(err, ErrNotFound) {
				t.Errorf("the person is back: %v", err)
			}
			if list, err := s.Erasing(); err != nil || len(list) != 1 || !s.IsOf(list)("minji@example.com") {
				t.Errorf("the ledgers, restored too, are not looked through: %+v %v", list, err)
			}
			sound(t, s)
		})
	}
}

func TestARestoredBackupGivesNobodyTheIDOfSomebodyErased(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	s = restoring(t, dir, s, func(s *Store) {
		someone(t, s)
		if err := s.EraseDone(ctx, erase(t, s, "minji@example.com").ID); err != nil {
			t.Fatal(err)
		}
	})
	importText(t, s, "email\nnew@example.com\nnewer@example.com\nnewest@example.com\n", ImportOptions{})
	if sub := byEmail(t, s, "new@example.com"); sub.ID != 3 { // after minji and other
		t.Errorf("id %d was given before", sub.ID)
	}
	sound(t, s)
}

func TestIDsThatMailsWereSentToAreGivenToNobody(t *testing.T) {
	s, ctx := open(t), context.Background()
	someone(t, s)
	for _, last := range []uint64{1, 40, 7, 1 << 62} { // the last is no id
		if err := s.Reserve(ctx, last); err != nil {
			t.Fatal(err)
		}
	}
	importText(t, s, "email\nnew@example.com\n", ImportOptions{})
	if sub := byEmail(t, s, "new@example.com"); sub.ID != 41 {
		t.Errorf("got id %d, want 41", sub.ID)
	}
	sound(t, s)
}

func TestALogReadFromItsBeginningErasesNobodyWhoCameAgain(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	someone(t, s)
	if err := s.EraseDone(ctx, erase(t, s, "minji@example.com").ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Unsuppress(ctx, "minji@example.com"); err != nil {
		t.Fatal(err)
	}
	importText(t, s, "email,name\nminji@example.com,김민지\n", ImportOptions{})
	if err := s.update(ctx, func(u *update) error { return u.tx.Bucket(bucketMeta).Delete(metaOptOuts) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if sub := byEmail(t, s, "minji@example.com"); sub.Name != "김민지" || sub.Consent.Subscribed {
		t.Errorf("got %+v", sub)
	}
	if list, err := s.Erasing(); err != nil || len(list) != 0 {
		t.Errorf("to be erased: %+v %v", list, err)
	}
	sound(t, s)
}

func TestErasingNobodyAndTwiceIsFine(t *testing.T) {
	s, ctx := open(t), context.Background()
	for n := range 3 {
		e := erase(t, s, "nobody@example.com")
		if e.Subscriber != 0 || e.Email != "nobody@example.com" {
			t.Errorf("%d: %+v", n, e)
		}
		if err := s.EraseDone(ctx, e.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.EraseDone(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("an erasure that is not: %v", err)
	}
	if _, err := s.Erase(ctx, "nobody", ""); err == nil {
		t.Error("what is no address was erased")
	}
	sound(t, s)
}

func syncRows(t testing.TB, s *Store, rows ...SyncRow) SyncResult {
	t.Helper()
	b, err := s.NewSyncBatch(SyncOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if reason := b.Add(&rows[i]); reason != "" {
			t.Fatal(reason)
		}
	}
	result, err := s.Sync(context.Background(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	return result
}
