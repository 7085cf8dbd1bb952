package audience

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pabal/store"
)

// open is a store in a folder of its own, closed at the end of the test.
func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, t.TempDir())
}

func openAt(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func importText(t testing.TB, s *Store, text string, o ImportOptions) ImportResult {
	t.Helper()
	res, err := s.ImportCSV(context.Background(), strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if res.Rows != res.Accepted+res.Duplicate+res.Rejected || res.Accepted != res.Created+res.Updated+res.Unchanged || res.Total != res.Rows {
		t.Errorf("sums do not add up: %+v", res)
	}
	return res
}

func byEmail(t testing.TB, s *Store, email string) Subscriber {
	t.Helper()
	sub, err := s.ByEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func sound(t testing.TB, s *Store) {
	t.Helper()
	faults, err := s.CheckStore(context.Background())
	if err != nil || len(faults) > 0 {
		t.Fatalf("store is not sound: %v %q", err, faults)
	}
}

func ptr[T any](v T) *T { return &v }

func TestOpenKeepsEverythingOverARestart(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	want, err := s.Set(context.Background(), Edit{Email: "Kim@Example.com", Name: ptr("김 철수"), Gender: ptr("남"), Create: true,
		Subscribed: ptr(true), AddTags: []string{"vip"}, Attributes: map[string]string{"포인트": "1200"}})
	if err != nil {
		t.Fatal(err)
	}
	token := s.Token(want.ID, 7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	got := byEmail(t, s, "KIM@EXAMPLE.COM")
	if got.Name != "김 철수" || got.Gender != "male" || got.Attributes["포인트"] != "1200" || got.Tags[0] != "vip" || !got.Consent.Subscribed || got.Consent.Source != Operator {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if id, campaign, err := s.Verify(token); err != nil || id != want.ID || campaign != 7 {
		t.Errorf("token of before: %d %d %v", id, campaign, err)
	}
	for name, mode := range map[string]os.FileMode{FileName: 0o600, logName: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	sound(t, s)
}

func TestOpenRefusesToForgetOptOuts(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, logName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), "is missing, but optouts.log is there") {
		t.Fatalf("got %v", err)
	}
}

func TestFileIsCheckedWithoutADaemonAndLeftAsItIs(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := openAt(t, dir)
	importText(t, s, "email,name\na@example.com,가\n", ImportOptions{})
	if err := s.update(ctx, func(u *update) error { // as a kill in an import leaves it: not in the index
		return u.create(&person{email: "b@example.com"}, s.hash("b@example.com"), true)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := CheckFile(ctx, dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("beside the daemon: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := CheckFile(ctx, dir); err != nil || len(faults) > 0 {
		t.Errorf("%q, %v", faults, err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, FileName)); err != nil || string(before) != string(after) {
		t.Errorf("the file was changed, %v", err)
	}
	s = openAt(t, dir)
	byEmail(t, s, "b@example.com")
	sound(t, s)
}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	s := open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Set(context.Background(), Edit{Email: "a@example.com", Create: true})
	if !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want %v", err, ErrClosed)
	}
}

func TestSetChangesOnlyWhatIsGiven(t *testing.T) {
	s, ctx := open(t), context.Background()
	if _, err := s.Set(ctx, Edit{Email: "a@example.com"}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("without create: %v", err)
	}
	a, err := s.Set(ctx, Edit{Email: "a@example.com", Create: true, Name: ptr("이영희"), Attributes: map[string]string{"Point": "1", "City": "서울"}, AddTags: []string{"a", "b"}})
	if err != nil || a.Consent.Subscribed {
		t.Fatalf("%+v %v: nobody consents by being created", a, err)
	}
	a, err = s.Set(ctx, Edit{Email: "A@EXAMPLE.com", Attributes: map[string]string{"point": "2", "city": ""}, RemoveTags: []string{"a", "nosuch"}})
	if err != nil || a.Name != "이영희" || len(a.Attributes) != 1 || a.Attributes["Point"] != "2" || len(a.Tags) != 1 || a.Tags[0] != "b" {
		t.Fatalf("got %+v %v", a, err)
	}
	if names, err := s.Attributes(); err != nil || len(names) != 1 || names[0] != "Point" {
		t.Errorf("attributes in use: %q %v", names, err)
	}
	for name, e := range map[string]Edit{
		"address": {Email: "nobody"}, "gender": {Email: "a@example.com", Gender: ptr("x")},
		"field": {Email: "a@example.com", Attributes: map[string]string{"E-Mail": "x"}},
		"tag":   {Email: "a@example.com", AddTags: []string{" x"}}, "source": {Email: "a@example.com", Source: "me"},
		"name": {Email: "a@example.com", Name: ptr("a\x00b")},
	} {
		if _, err := s.Set(ctx, e); err == nil {
			t.Errorf("bad %s was taken", name)
		}
	}
	sound(t, s)
}

func TestAFailingJobLeavesNoTrace(t *testing.T) {
	s, ctx := open(t), context.Background()
	boom := errors.New("boom")
	err := s.update(ctx, func(u *update) error {
		if _, err := u.edit("x@example.com", s.hash("x@example.com"), &Edit{Create: true, AddTags: []string{"t"}, Attributes: map[string]string{"n": "1"}}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || s.Err() != nil {
		t.Fatalf("got %v, store %v", err, s.Err())
	}
	if _, err := s.ByEmail("x@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the row is there: %v", err)
	}
	if s.names.lookup(tagName, "t") != 0 || s.names.lookup(attributeName, "n") != 0 {
		t.Error("its names are there")
	}
	sound(t, s)
}
