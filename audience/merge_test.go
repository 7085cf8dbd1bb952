package audience

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMergedLogsHaveEveryWholeLineOnce: of the backup's log, of the one that went
// on after it, and of a third; a line that a crash cut, one that is none of ours
// and one given twice add nothing.
func TestMergedLogsHaveEveryWholeLineOnce(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
		if err := s.UnsubscribeAddress(t.Context(), email, Person, ""); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, LogName))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	line, ok := readOptOut(lines[2])
	if len(lines) != 4 || !ok {
		t.Fatalf("the log has %q", lines)
	}
	first, twice := lines[0], append(bytes.Clone(lines[1]), lines[1]...)
	cut := lines[2][:len(lines[2])-3]
	for name, c := range map[string]struct {
		base   []byte
		newer  [][]byte
		want   []byte
		added  int64
		shared int64
		last   time.Time
	}{
		"it went on":          {first, [][]byte{whole}, whole, 2, 1, line.At},
		"none is newer":       {whole, [][]byte{first}, whole, 0, 1, time.Time{}},
		"no other log":        {whole, nil, whole, 0, 0, time.Time{}},
		"no log of backup":    {nil, [][]byte{whole}, whole, 3, 0, line.At},
		"doubled":             {first, [][]byte{twice, whole}, whole, 2, 3, line.At},
		"last line cut":       {first, [][]byte{append(bytes.Clone(lines[1]), cut...)}, append(bytes.Clone(first), lines[1]...), 1, 0, mustLine(t, lines[1]).At},
		"two logs, each some": {first, [][]byte{lines[1], lines[2]}, whole, 2, 0, line.At},
		"nothing of ours":     {first, [][]byte{[]byte("hello\n{}\n" + strings.Repeat("x", 3*maxLogLine) + "\n")}, first, 0, 0, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			var newer []io.Reader
			for _, b := range c.newer {
				newer = append(newer, bytes.NewReader(b))
			}
			to := filepath.Join(t.TempDir(), LogName)
			m, err := MergeLogs(to, bytes.NewReader(c.base), newer...)
			if err != nil || m.Added != c.added || m.Shared != c.shared || !m.Last.Equal(c.last) {
				t.Errorf("merged %+v, %v, want %d added, %d shared, last %s", m, err, c.added, c.shared, c.last)
			}
			if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("wrote %q, %v, want %q", got, err, c.want)
			}
			if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("its mode is %v, %v", info.Mode(), err)
			}
		})
	}
}

func mustLine(t *testing.T, raw []byte) optOutLine {
	t.Helper()
	line, ok := readOptOut(raw)
	if !ok {
		t.Fatalf("%q is no line", raw)
	}
	return line
}

// TestALogOfOtherDataTouchesNobody: its hashes were made with another key.
func TestALogOfOtherDataTouchesNobody(t *testing.T) {
	other, dir := t.TempDir(), t.TempDir()
	s := openAt(t, other)
	if err := s.UnsubscribeAddress(t.Context(), "a@example.com", Person, ""); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if _, err := s.Set(t.Context(), Edit{Email: "a@example.com", Create: true, Source: Operator}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.Open(filepath.Join(other, LogName))
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if _, err := MergeLogs(filepath.Join(dir, LogName), strings.NewReader(""), theirs); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if p, err := s.ByEmail("a@example.com"); err != nil || p.Consent.Source == Person {
		t.Errorf("somebody of another store counts as opted out here: %+v, %v", p.Consent, err)
	}
}
