package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// text is a part's content.
type text string

func (s text) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(s))
	return int64(n), err
}

func part(name, content string) Part {
	return Part{File: File{Name: name, Bytes: int64(len(content))}, WriterTo: text(content)}
}

func head(store string) Manifest {
	return Manifest{Head: Head{Version: "test", Store: store, Taken: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}, Finished: time.Date(2026, 11, 23, 3, 0, 1, 0, time.UTC)}
}

// archive is a whole one with the four stores and these parts.
func archive(t testing.TB, parts ...Part) []byte {
	t.Helper()
	var out bytes.Buffer
	all := []Part{part("queue.db", strings.Repeat("queue", 5000)), part("ledger.db", "ledger"), part("campaign.db", ""), part("audience.db", "people")}
	if _, err := Write(t.Context(), &out, head("s1"), append(all, parts...)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWhatIsPackedComesBack(t *testing.T) {
	b := archive(t, part("optouts.log", "{}\n"), part("imports/rows-1", "a,b"))
	dir := t.TempDir()
	var last, of int64
	m, err := Extract(t.Context(), bytes.NewReader(b), "x", dir, func(done, total int64) { last, of = done, total })
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 6 || m.Store != "s1" || m.Bytes != of || last != of {
		t.Errorf("manifest %+v, %d of %d bytes", m, last, of)
	}
	for _, f := range m.Files {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		if err != nil || info.Size() != f.Bytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name, info, err)
		}
	}
}

// TestNothingElseComesBack flips a bit of each byte of a small archive, and cuts
// it everywhere: what is not refused (a bit that means nothing to zstd, a letter's
// case in the head) is what was packed.
func TestNothingElseComesBack(t *testing.T) {
	b := archive(t)
	good, err := Extract(t.Context(), bytes.NewReader(b), "x", t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, at int, bad []byte) {
		m, err := Extract(t.Context(), bytes.NewReader(bad), "x", t.TempDir(), nil)
		if err == nil {
			if what != "flipped" || !reflect.DeepEqual(m, good) {
				t.Errorf("%s at %d of %d: taken as %+v", what, at, len(b), m)
			}
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer) {
			t.Errorf("%s at %d: %v", what, at, err)
		}
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1 << (i % 8)
		try("flipped", i, bad)
	}
	for i := 0; i < len(b); i += 7 {
		try("cut", i, b[:i])
	}
	try("longer", len(b), append(slices.Clone(b), 0))
	try("twice", len(b), append(slices.Clone(b), b...))
}

func TestWriteRefusesWhatHasNoPlaceOrAnotherSize(t *testing.T) {
	for name, parts := range map[string][]Part{
		"outside":  {part("../evil", "x")},
		"absolute": {part("/etc/passwd", "x")},
		"twice":    {part("queue.db", "x"), part("queue.db", "x")},
		"shorter":  {{File: File{Name: "queue.db", Bytes: 9}, WriterTo: text("x")}},
	} {
		if _, err := Write(t.Context(), io.Discard, head("s1"), parts); err == nil {
			t.Errorf("%s: it was packed", name)
		}
	}
}

// full is a disk that takes no more.
type full struct{ left int }

var errFull = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestNothingHalfIsLeft(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "x.tar.zst")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	none := func(string) error { return nil }
	for name, try := range map[string]func() error{
		"a full disk": func() error { return Create(to, func(io.Writer) error { return errFull }, none) },
		"a failed proof": func() error {
			return Create(to, func(io.Writer) error { return nil }, func(string) error { return errFull })
		},
		"an interrupt": func() error {
			return Create(to, func(w io.Writer) error { _, err := Write(stopped, w, head("s1"), nil); return err }, none)
		},
	} {
		err := try()
		left, readErr := os.ReadDir(dir)
		if err == nil || readErr != nil || len(left) > 0 {
			t.Errorf("after %s it said %v and left %v", name, err, left)
		}
	}
	if _, err := Write(t.Context(), &full{100}, head("s1"), []Part{part("queue.db", strings.Repeat("x", 1000))}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

// TestKeepRemovesOnlyOldBackupsOfThisStore puts all sorts of files beside them.
func TestKeepRemovesOnlyOldBackupsOfThisStore(t *testing.T) {
	dir := t.TempDir()
	ours := archive(t)
	var others bytes.Buffer
	if _, err := Write(t.Context(), &others, head("s2"), nil); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * leftAfter)
	for name, b := range map[string][]byte{
		"pabal-20260101T000000Z.tar.zst": ours, "pabal-20260102T000000Z.tar.zst": ours, "pabal-20260103T000000Z.tar.zst": ours,
		"pabal-20250101T000000Z.tar.zst": others.Bytes(), "pabal-20240101T000000Z.tar.zst": []byte("a diary"), "before-upgrade.tar.zst": ours, "notes.txt": nil,
		".pabal-20260101T000000Z.tar.zst.new1": nil, ".pabal-20260101T000000Z.tar.zst.new2": nil,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chtimes(filepath.Join(dir, ".pabal-20260101T000000Z.tar.zst.new1"), old, old),
		os.Symlink(filepath.Join(dir, "before-upgrade.tar.zst"), filepath.Join(dir, "pabal-20230101T000000Z.tar.zst"))); err != nil {
		t.Fatal(err)
	}
	removed, err := Keep(dir, "s1", "pabal-20260103T000000Z.tar.zst", 1)
	if want := []string{"pabal-20260101T000000Z.tar.zst", "pabal-20260102T000000Z.tar.zst"}; err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %v, %v, want %v", removed, err, want)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 7 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".pabal-20260101T000000Z.tar.zst.new1")); err == nil {
		t.Error("what a killed backup left two days ago is there still")
	}
}

// TestKeepLeavesTheOneJustMade although earlier ones were named by a clock that
// was a year ahead.
func TestKeepLeavesTheOneJustMade(t *testing.T) {
	dir := t.TempDir()
	made := "pabal-20260103T000000Z.tar.zst"
	for _, name := range []string{made, "pabal-20270101T000000Z.tar.zst", "pabal-20270102T000000Z.tar.zst"} {
		if err := os.WriteFile(filepath.Join(dir, name), archive(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := Keep(dir, "s1", made, 2); err != nil || !slices.Equal(removed, []string{"pabal-20270101T000000Z.tar.zst"}) {
		t.Errorf("removed %v, %v", removed, err)
	}
}

func TestCreateReplacesABackupAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	b := archive(t)
	write := func(w io.Writer) error { _, err := w.Write(b); return err }
	none := func(string) error { return nil }
	diary := filepath.Join(dir, "diary")
	if err := os.WriteFile(diary, []byte("dear diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Create(diary, write, none); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a diary: %v", err)
	}
	to := filepath.Join(dir, Name(time.Now()))
	for range 2 {
		if err := Create(to, write, none); err != nil {
			t.Error(err)
		}
	}
	if !nameMade.MatchString(filepath.Base(to)) {
		t.Errorf("the name %s is not one that Keep knows", to)
	}
}

func FuzzExtract(f *testing.F) {
	b := archive(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		inside := filepath.Join(dir, "in")
		if err := os.Mkdir(inside, 0o700); err != nil {
			t.Fatal(err)
		}
		_, _ = Extract(t.Context(), bytes.NewReader(b), "x", inside, nil) // an error is fine
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("files outside the folder: %v, %v", all, err)
		}
	})
}
