package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func entries(t *testing.T, l *Log, since time.Time) (all []Entry, damaged int) {
	t.Helper()
	for e, err := range l.Read(since) {
		var bad *DamagedError
		if errors.As(err, &bad) {
			damaged++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all, damaged
}

func add(t *testing.T, l *Log, act string) {
	t.Helper()
	if err := l.Append(Entry{ID: NewID(), State: Done, Act: act, Via: "socket"}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasAppendedIsRead(t *testing.T) {
	l := In(t.TempDir())
	add(t, l, "campaign start")
	add(t, l, "spool release")
	all, damaged := entries(t, l, time.Time{})
	if len(all) != 2 || damaged != 0 || all[0].Act != "campaign start" || all[1].Time.IsZero() {
		t.Errorf("read %+v, %d damaged", all, damaged)
	}
	info, err := os.Stat(l.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if all, _ := entries(t, l, time.Now().Add(time.Hour)); len(all) != 0 {
		t.Errorf("since an hour to come: %+v", all)
	}
}

// TestCutLineCostsItself: whatever a crash left at the end, what comes after is
// read, and what came before.
func TestCutLineCostsItself(t *testing.T) {
	l := In(t.TempDir())
	add(t, l, "first")
	whole, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(l.path, append(append([]byte{}, whole...), whole[:n]...), 0o600); err != nil {
			t.Fatal(err)
		}
		add(t, l, "after")
		all, damaged := entries(t, l, time.Time{})
		want := 2
		if n == len(whole)-1 { // all but its line end
			want = 3
		}
		if len(all) != want || all[0].Act != "first" || all[len(all)-1].Act != "after" || want == 2 && n > 0 && damaged != 1 {
			t.Fatalf("cut after %d bytes: %d entries, %d damaged", n, len(all), damaged)
		}
	}
}

func TestFullFileIsPutAsideAndTenAreKept(t *testing.T) {
	dir := t.TempDir()
	l := In(dir)
	for n := range maxFiles + 2 {
		add(t, l, fmt.Sprintf("act %d", n))
		if err := os.Truncate(l.path, maxFile); err != nil { // full, of zeros after the line
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, FileName+"*"))
	if err != nil || len(names) != maxFiles {
		t.Errorf("there are %q, %v", names, err)
	}
	all, damaged := entries(t, l, time.Time{})
	if len(all) != maxFiles || all[0].Act != "act 2" || damaged != maxFiles {
		t.Errorf("read %d entries from %q on, %d damaged", len(all), all[0].Act, damaged)
	}
}

// TestSeveralWritersMixNoLines: two processes have a log each.
func TestSeveralWritersMixNoLines(t *testing.T) {
	dir := t.TempDir()
	const writers, each = 4, 25
	var done sync.WaitGroup
	for n := range writers {
		done.Go(func() {
			l := In(dir)
			for range each {
				if err := l.Append(Entry{ID: NewID(), State: Done, Act: strings.Repeat("x", 1+n*700)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if all, damaged := entries(t, In(dir), time.Time{}); len(all) != writers*each || damaged != 0 {
		t.Errorf("read %d entries, %d damaged", len(all), damaged)
	}
}

func TestTroubleIsToldTillALineIsWritten(t *testing.T) {
	l := In(filepath.Join(t.TempDir(), "missing"))
	if err := l.Append(Entry{Act: "x"}); err == nil || l.Trouble() == "" {
		t.Errorf("err %v, trouble %q", err, l.Trouble())
	}
	if err := os.Mkdir(filepath.Dir(l.path), 0o700); err != nil {
		t.Fatal(err)
	}
	if add(t, l, "x"); l.Trouble() != "" {
		t.Errorf("trouble is still %q", l.Trouble())
	}
}

func TestLongEntryIsCutNotLost(t *testing.T) {
	l := In(t.TempDir())
	if err := l.Append(Entry{ID: "1", State: Done, Act: "x", Detail: map[string]any{"a": strings.Repeat("y", maxLine)}}); err != nil {
		t.Fatal(err)
	}
	if all, damaged := entries(t, l, time.Time{}); len(all) != 1 || damaged != 0 || all[0].Detail != nil {
		t.Errorf("read %d, %d damaged", len(all), damaged)
	}
}

func TestNoLogTakesEverything(t *testing.T) {
	var l *Log
	if err := l.Append(Entry{}); err != nil || l.Trouble() != "" {
		t.Error(err, l.Trouble())
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-23T00:00:00Z","id":"a","state":"done","act":"sync","uid":0,"gid":0,"pid":1,"via":"socket"}` + "\n"))
	f.Add([]byte("{}\n\n{\"time\":"))
	f.Add([]byte(strings.Repeat("x", maxLine+1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := In(t.TempDir())
		if err := os.WriteFile(l.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		entries(t, l, time.Time{})
		add(t, l, "after")
		if all, _ := entries(t, l, time.Time{}); len(all) == 0 || all[len(all)-1].Act != "after" {
			t.Errorf("after %q the next entry is not read", text)
		}
	})
}
