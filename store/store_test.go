package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"pabal/eml"
)

// TestMain is also the child of Prove.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "walk" {
		if err := Walk(os.Stdout, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(ctx context.Context, paths []string) *exec.Cmd {
	return exec.CommandContext(ctx, "/proc/self/exe", append([]string{"walk"}, paths...)...)
}

var bData = []byte("data")

func options() Options { return Options{Kind: "test", Buckets: [][]byte{bData}} }

func start(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start(nil)
	t.Cleanup(func() { _ = s.Close() }) // closed twice does no harm
	return s
}

func fresh(t testing.TB) *Store {
	t.Helper()
	return start(t, filepath.Join(t.TempDir(), "test.db"), options())
}

func put(k, v string) Job {
	return Job{Size: len(k) + len(v), Apply: func(tx *bbolt.Tx) error { return tx.Bucket(bData).Put([]byte(k), []byte(v)) }}
}

func do(t testing.TB, s *Store, j Job) {
	t.Helper()
	if err := s.Do(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func value(t testing.TB, s *Store, k string) (v string) {
	t.Helper()
	if err := s.View(func(tx *bbolt.Tx) error { v = string(tx.Bucket(bData).Get([]byte(k))); return nil }); err != nil {
		t.Fatal(err)
	}
	return v
}

// full is a file with some thousand entries, closed well, and its bytes.
func full(t testing.TB) (path string, content []byte) {
	t.Helper()
	s := fresh(t)
	do(t, s, Job{Apply: func(tx *bbolt.Tx) error {
		for i := range 3000 {
			if err := tx.Bucket(bData).Put(fmt.Appendf(nil, "key%06d", i), []byte(strings.Repeat("v", 50))); err != nil {
				return err
			}
		}
		return nil
	}})
	closed(t, s)
	content, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return s.path, content
}

func TestWhatIsDoneIsThereAfterReopening(t *testing.T) {
	s := fresh(t)
	do(t, s, put("k", "v"))
	id := s.ID()
	closed(t, s)
	if err := s.Do(t.Context(), put("k", "w")); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if len(Doubtful(s.path)) > 0 {
		t.Error("a closed file is taken for one that was not")
	}
	s = start(t, s.path, options())
	if value(t, s, "k") != "v" || s.ID() != id || len(id) != 16 {
		t.Errorf("got %q, id %q then %q", value(t, s, "k"), id, s.ID())
	}
	if info, err := os.Stat(s.path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	do(t, s, put("k", "w"))
	if len(Doubtful(s.path)) == 0 {
		t.Error("a file that is written is taken for a closed one")
	}
}

// Every file that is not ours to open gets one clear error, at once and without
// a word of Go.
// spoilt writes a file whose own record of what it is has become long and wild.
func spoilt(t *testing.T, k []byte) func(path string) error {
	return func(path string) error {
		mark, err := os.ReadFile(markPath(path))
		if err != nil {
			return err
		}
		if err := os.Remove(markPath(path)); err != nil {
			return err
		}
		s := start(t, path, options())
		do(t, s, Job{Apply: func(tx *bbolt.Tx) error { return tx.Bucket(bStore).Put(k, make([]byte, 30_000)) }})
		closed(t, s)
		return os.WriteFile(markPath(path), mark, 0o600)
	}
}

func TestOpenRefusesWhatItCannotTrust(t *testing.T) {
	good, content := full(t)
	goodMark, err := os.ReadFile(markPath(good))
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "other.db")
	db, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bData); return err }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	closed(t, start(t, other, Options{Kind: "other", Buckets: [][]byte{bData}}))
	newer := filepath.Join(t.TempDir(), "newer.db")
	o := options()
	o.Migrations = []func(*bbolt.Tx) error{func(*bbolt.Tx) error { return nil }}
	closed(t, start(t, newer, o))
	stranger := filepath.Join(t.TempDir(), "stranger.db")
	closed(t, start(t, stranger, options()))

	write := func(b []byte) func(string) error {
		return func(path string) error { return os.WriteFile(path, b, 0o600) }
	}
	damage := func(offsets ...int) func(string) error {
		b := append([]byte(nil), content...)
		for _, at := range offsets {
			b[at] ^= 0xFF
		}
		return write(b)
	}
	copyOf := func(from string) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(from)
			if err != nil {
				return err
			}
			return os.WriteFile(path, b, 0o600)
		}
	}
	for _, c := range []struct {
		name string
		make func(path string) error
		is   error
		want string
	}{
		{"missing", func(string) error { return nil }, ErrMissing, "is missing, and it was there"},
		{"empty", write(nil), ErrDamaged, "0 bytes"},
		{"cut", write(content[:64<<10]), ErrDamaged, "cut short"},
		{"a stump", write(content[:100]), ErrDamaged, "cut short, 100 of"},
		{"garbage", write([]byte(strings.Repeat("hello ", 4000))), ErrDamaged, "not a store of pabal"},
		{"both heads", damage(30, pageSize+30), ErrDamaged, "both its heads"},
		{"foreign", copyOf(foreign), ErrForeign, "another program"},
		{"another kind", copyOf(other), ErrForeign, `another kind ("other", not test)`},
		{"damaged kind", spoilt(t, kKind), ErrForeign, "another kind"},
		{"damaged id", spoilt(t, kID), ErrForeign, "not the store that was here"},
		{"another store", copyOf(stranger), ErrForeign, "not the store that was here"},
		{"newer", func(path string) error { return errors.Join(os.Remove(markPath(path)), copyOf(newer)(path)) }, ErrForeign, "format 2, and this pabal knows formats up to 1"},
		{"symbolic link", func(path string) error { return os.Symlink(good, path) }, ErrForeign, "symbolic link"},
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }, ErrForeign, "not a regular file"},
		{"open to others", func(path string) error { return errors.Join(write(content)(path), os.Chmod(path, 0o644)) }, fs.ErrPermission, "mode 0644"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			if err := os.WriteFile(markPath(path), goodMark, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			if err := Prove(t.Context(), child, path); err != nil {
				t.Errorf("the child took what Open refuses for damage of its own: %v", err)
			}
			for _, readOnly := range []bool{false, true} {
				o := options()
				o.ReadOnly = readOnly
				s, err := Open(path, o)
				if err == nil {
					_ = s.db.Close()
					t.Fatal("opened")
				}
				p, ok := errors.AsType[*eml.Problem](err)
				if !ok || !errors.Is(err, c.is) || !strings.Contains(p.What, c.want) || !strings.Contains(p.What, path) || p.Hint == "" || len(p.What) > 1000 || eml.Visible(p.What) != p.What {
					t.Errorf("got %.2000q, %.2000v; want %q around %v", err, p, c.want, c.is)
				}
			}
		})
	}
}

func TestLockedFileSaysWhoHoldsIt(t *testing.T) {
	s := fresh(t)
	begun := time.Now()
	_, err := Open(s.path, options())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 2*lockWait {
		t.Errorf("took %v", took)
	}
}

// One damaged head is harmless when it is the older one. Else it may have held
// the last commit, which bbolt would forget without a word.
func TestLostHeadIsToldAndNeverSilent(t *testing.T) {
	_, content := full(t)
	newest := 0
	if n := binary.NativeEndian; n.Uint64(content[pageSize+headOffset+48:]) > n.Uint64(content[headOffset+48:]) {
		newest = 1
	}
	for _, c := range []struct {
		name         string
		page         int
		at           int // in the head
		marked, open bool
	}{
		{"older", 1 - newest, 20, true, true},
		{"newer", newest, 20, true, false},
		{"older, its number lost", 1 - newest, 48, true, false},
		{"newer, restored", newest, 20, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			b := append([]byte(nil), content...)
			b[c.page*pageSize+headOffset+c.at] ^= 0xFF
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.marked {
				if err := os.WriteFile(markPath(path), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(path, options())
			if !c.open {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || len(s.Notes()) != 1 {
				t.Fatalf("%v", err)
			}
			closed(t, s)
		})
	}
}

func TestFirstStartThatCrashedIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path+".new123", []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := options()
	bad.Init = func(*bbolt.Tx) error { return errors.New("no luck") }
	if _, err := Open(path, bad); err == nil {
		t.Fatal("opened")
	}
	o := options()
	o.Init = func(tx *bbolt.Tx) error { return tx.Bucket(bData).Put([]byte("salt"), []byte("s")) }
	s := start(t, path, o)
	if value(t, s, "salt") != "s" {
		t.Error("not filled")
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 3 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

func TestMigrationsAreNumberedAndRunOnce(t *testing.T) {
	path, _ := full(t)
	step := func(name string) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			v := string(tx.Bucket(bData).Get([]byte("steps")))
			return tx.Bucket(bData).Put([]byte("steps"), []byte(v+name))
		}
	}
	o := options()
	o.Migrations = []func(*bbolt.Tx) error{step("a"), func(*bbolt.Tx) error { return errors.New("power cut") }}
	if _, err := Open(path, o); err == nil || !strings.Contains(err.Error(), "from format 2 to 3: power cut") {
		t.Fatalf("got %v", err)
	}
	o.Migrations[1] = step("b")
	read := o
	read.ReadOnly = true
	if _, err := Open(path, read); !errors.Is(err, ErrForeign) {
		t.Errorf("read only: %v", err)
	}
	for range 2 {
		s := start(t, path, o)
		if got := value(t, s, "steps"); got != "ab" {
			t.Errorf("ran %q", got)
		}
		closed(t, s)
	}
	if _, err := Open(path, options()); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "format 3") {
		t.Errorf("an older pabal: %v", err)
	}
}

// breakSync makes every sync of an open file fail and every write seem to work:
// /dev/null takes the file's place.
func breakSync(t *testing.T, f *os.File) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), int(f.Fd()), unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

func TestFailedSyncIsFinal(t *testing.T) {
	o := options()
	o.Fuse = NewFuse()
	dir := t.TempDir()
	s, other := start(t, filepath.Join(dir, "a.db"), o), start(t, filepath.Join(dir, "b.db"), o)
	do(t, s, put("k", "v"))
	breakSync(t, s.file)
	err := s.Do(t.Context(), put("k", "w"))
	if p, ok := errors.AsType[*eml.Problem](err); !ok || !errors.Is(err, ErrBroken) || !errors.Is(err, unix.EINVAL) || p.Hint == "" {
		t.Errorf("got %v", err)
	}
	select {
	case <-s.Broken():
	default:
		t.Error("not told")
	}
	for _, s := range []*Store{s, other} {
		if err := s.Do(t.Context(), put("k", "x")); !errors.Is(err, ErrBroken) || !errors.Is(s.Err(), ErrBroken) {
			t.Errorf("%s goes on: %v", s.path, err)
		}
	}
	if closed(t, other); len(Doubtful(other.path)) == 0 && value(t, start(t, other.path, options()), "k") != "" {
		t.Error("something was written after it")
	}
}
