package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// damagedCopy is the file with bytes changed, not marked as it is.
func damagedCopy(t *testing.T, content []byte, change func([]byte)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	b := append([]byte(nil), content...)
	change(b)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zero(b []byte, page int) { clear(b[page*pageSize : (page+1)*pageSize]) }

func TestDamagedPageEndsAChildAndNotTheDaemon(t *testing.T) {
	_, content := full(t)
	pages := int(newestOf(t, content).pages)
	refused := 0
	for page := 2; page < pages; page += 5 {
		path := damagedCopy(t, content, func(b []byte) { zero(b, page) })
		err := Prove(t.Context(), child, path)
		if err == nil { // a free page
			s, err := Open(path, options())
			if err != nil {
				t.Fatalf("page %d: proved, then %v", page, err)
			}
			closed(t, s)
			continue
		}
		refused++
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path+" is damaged: ") || strings.Contains(err.Error(), "goroutine") || strings.Contains(err.Error(), "\n") {
			t.Errorf("page %d: %v", page, err)
		}
		if after, err := os.ReadFile(path); err != nil || len(after) != len(content) {
			t.Errorf("the damaged file was touched: %d bytes, %v", len(after), err)
		}
	}
	if refused < pages/5/3 {
		t.Errorf("%d of %d zeroed pages were seen", refused, pages)
	}
}

func newestOf(t *testing.T, content []byte) head {
	t.Helper()
	h, err := readHeads(strings.NewReader(string(content)))
	if err != nil || !h.newest().ok {
		t.Fatal(err)
	}
	return h.newest()
}

// Whatever bit is flipped: what the child lets pass can be opened and walked.
func TestFlippedBitsNeverEndTheDaemon(t *testing.T) {
	_, content := full(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	end := int(newestOf(t, content).pages) * pageSize
	for range 25 {
		at := random.IntN(end)
		if random.IntN(2) == 0 {
			at = at &^ (pageSize - 1) // headers and element tables are what bbolt trips over
			at += random.IntN(64)
		}
		path := damagedCopy(t, content, func(b []byte) { b[at] ^= 1 << random.IntN(8) })
		if err := Prove(t.Context(), child, path); err != nil {
			continue
		}
		s, err := Open(path, options())
		if err != nil {
			continue
		}
		_ = s.Check(t.Context()) // may find something; must come back
		closed(t, s)
	}
}

func TestFileClosedWellIsNotDoubtful(t *testing.T) {
	path, _ := full(t)
	if got := Doubtful(path, path+"-that-never-was"); len(got) > 0 {
		t.Errorf("doubts %q", got)
	}
	s := start(t, path, options())
	do(t, s, put("k", "v"))
	content, err := os.ReadFile(path) // as a SIGKILL would leave it
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Doubtful(path); len(got) != 1 {
		t.Errorf("doubts %q", got)
	}
	if err := Prove(t.Context(), child, path); err != nil {
		t.Error(err)
	}
	none := func(context.Context, []string) *exec.Cmd { t.Error("walked"); return child(t.Context(), nil) }
	if err := Prove(t.Context(), none); err != nil {
		t.Error(err)
	}
}

func TestChildThatIsKilledOrHangsIsDamageToo(t *testing.T) {
	_, content := full(t)
	path := damagedCopy(t, content, func([]byte) {})
	for script, want := range map[string]string{
		"kill -9 $$": "was killed",
		"echo 'panic: oh no' >&2; echo goroutine 1 >&2; exit 2": "is damaged: oh no",
		"echo /x/y.db; echo 'fatal error: fault' >&2; exit 2":   "/x/y.db is damaged: fatal error: fault",
	} {
		sh := func(ctx context.Context, _ []string) *exec.Cmd { return exec.CommandContext(ctx, "sh", "-c", script) }
		if err := Prove(t.Context(), sh, path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
	missing := func(ctx context.Context, _ []string) *exec.Cmd { return exec.CommandContext(ctx, "/no/such/program") }
	if err := Prove(t.Context(), missing, path); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("no child: %v", err)
	}
}

func TestCheckFindsDamageWithoutEndingTheProcess(t *testing.T) {
	s := fresh(t)
	do(t, s, put("k", strings.Repeat("v", 9000)))
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	top := s.top()
	garbage := make([]byte, top-2*pageSize) // all pages but the heads
	for i := range garbage {
		garbage[i] = 0xA5
	}
	if _, err := s.file.WriteAt(garbage, 2*pageSize); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if err := s.file.Truncate(2 * pageSize); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: got %v", err)
	}
}

func FuzzVet(f *testing.F) {
	_, content := full(f)
	f.Add(content[:2*pageSize])
	f.Add([]byte{})
	f.Add(content[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "test.db")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		h, err := readHeads(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vet(file); err == nil && (!h.newest().ok || int64(h.newest().pages)*pageSize > int64(len(b))) {
			t.Errorf("a file of %d bytes was taken", len(b))
		}
		_, _ = measure(path)
	})
}
