package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// logged is a log to be looked at.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// A folder with other files in it, such as the data folder, is not opened to
// all users by a setting.
func TestAFolderOfAnotherUseIsNotOpenedToEverybody(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o700), os.WriteFile(filepath.Join(dir, "queue.db"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := newServer(&memory{})
	err := s.OpenDrop(dir)
	if refused, ok := errors.AsType[*ListenError](err); !ok || !strings.Contains(refused.Message, "mode 0700") || refused.Hint == "" {
		t.Errorf("OpenDrop: %v, want a refusal with a hint", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v, want 0700 as before", info.Mode(), err)
	}
	if st := s.Stats().Drop; st == nil || st.Folder != dir || !strings.Contains(st.Error, "1733") {
		t.Errorf("stats %+v do not say why mails are not taken up", st)
	}
	if err := os.Chmod(dir, 0o733|os.ModeSticky|os.ModeSetgid); err != nil { // as the operator wants it
		t.Fatal(err)
	}
	if err := s.OpenDrop(dir); err != nil {
		t.Errorf("with mode 3733: %v", err)
	}
	s.drop.folder.close()
	begun := filepath.Join(t.TempDir(), "drop") // the daemon died after it made the folder
	if err := errors.Join(os.Mkdir(begun, 0o700), os.Mkdir(filepath.Join(begun, badFolder), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := s.OpenDrop(begun); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	s.drop.folder.close()
	for path, want := range map[string]os.FileMode{begun: os.ModeDir | os.ModeSticky | 0o733, filepath.Join(begun, badFolder): os.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// Whoever makes the folder bad first would get the mails that are set aside.
func TestABadFolderOfSomebodyElseIsRefused(t *testing.T) {
	elsewhere := t.TempDir()
	for name, plant := range map[string]func(path string) error{
		"a link": func(path string) error { return os.Symlink(elsewhere, path) },
		"a file": func(path string) error { return os.WriteFile(path, nil, 0o666) },
	} {
		folder := t.TempDir()
		if err := errors.Join(os.Chmod(folder, 0o733|os.ModeSticky), plant(filepath.Join(folder, badFolder))); err != nil {
			t.Fatal(err)
		}
		if err := newServer(&memory{}).OpenDrop(folder); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

func TestAReplacedFolderIsFollowed(t *testing.T) {
	b := newBox(t)
	defer func() { b.close() }()
	if err := os.Rename(b.folder, b.folder+".old"); err != nil {
		t.Fatal(err)
	}
	b.takeUp() // makes it anew
	b.put(letterTo("a@example.net"))
	b.takeUp()
	if got := b.mails(); !slices.Equal(got, []string{"a@example.net"}) {
		t.Errorf("queued for %q", got)
	}
	if err := os.RemoveAll(b.folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.drop.round(t.Context()); err == nil {
		t.Error("a file in the place of the folder is no error")
	}
	if err := os.Remove(b.folder); err != nil {
		t.Fatal(err)
	}
	b.takeUp()
	b.put(letterTo("b@example.net"))
	b.takeUp()
	if got := b.mails(); len(got) != 2 {
		t.Errorf("queued for %q", got)
	}
}

// What a person moves out of bad is no longer counted, and goes out once its
// cause is mended.
func TestWhatWasSetAsideCanBeMovedBack(t *testing.T) {
	b := newBox(t)
	defer b.close()
	allowed := false
	b.SenderAllowed = func(context.Context, string) (bool, error) { return allowed, nil }
	name := b.put(letterTo("a@example.net"))
	b.takeUp()
	if st := b.Stats().Drop; st.SetAside != 1 {
		t.Fatalf("stats %+v", st)
	}
	allowed = true
	if err := os.Rename(filepath.Join(b.folder, badFolder, name), filepath.Join(b.folder, name)); err != nil {
		t.Fatal(err)
	}
	b.takeUp()
	if st := b.Stats().Drop; st.SetAside != 0 || len(b.mails()) != 1 {
		t.Errorf("stats %+v, mails %q", st, b.mails())
	}
}

// A few drops that the server does not take may not keep everybody's back.
func TestDropsThatAreNotTakenDoNotKeepOthersBack(t *testing.T) {
	b := newBox(t)
	defer b.close()
	b.MaxRecipients = 2
	b.Aliases = &Aliases{Path: t.TempDir()} // cannot be read
	for range 2 * maxFailed {
		b.put(letterTo("a@example.net", "b@example.net", "c@example.net"))
		b.put(letterTo("root@localhost"))
	}
	for i := range 3 {
		b.put(letterTo(fmt.Sprintf("u%d@example.net", i)))
	}
	b.takeUp()
	here, bad := b.files()
	if got := b.mails(); len(got) != 3 || len(here) != 2*maxFailed || len(bad) != 2*maxFailed {
		t.Errorf("mails to %q, %d wait for the aliases, %d set aside", got, len(here), len(bad))
	}
	if st := b.Stats().Drop; st.Waiting != 2*maxFailed || st.SetAside != 2*maxFailed {
		t.Errorf("stats %+v", st)
	}
	if b.drop.fault == nil || !strings.Contains(b.drop.fault.Error(), "aliases") {
		t.Errorf("the reason is %v", b.drop.fault)
	}
	b.Aliases = writeAliases(t, "root: ops@example.com\n")
	b.takeUp()
	if here, _ := b.files(); len(here) != 0 || len(b.mails()) != 3+2*maxFailed {
		t.Errorf("%d wait, %d mails", len(here), len(b.mails()))
	}
}

func TestDropsAreTakenUpWhileAllConnectionsAreInUse(t *testing.T) {
	b := newBox(t)
	defer b.close()
	b.MaxConnections = 1
	ours, theirs := net.Pipe()
	defer ours.Close()
	w := newWire(b.Server, theirs)
	b.wires[w] = struct{}{}
	b.put(letterTo("a@example.net"))
	b.takeUp()
	b.forget(w)
	if got := b.mails(); len(got) != 1 {
		t.Errorf("queued for %q", got)
	}
}

// A full folder of bad files neither grows nor fills the log.
func TestWhatCannotBeMovedStaysAndIsToldOnce(t *testing.T) {
	b := newBox(t)
	defer b.close()
	var log logged
	b.Logger = slog.New(slog.NewTextHandler(&log, nil))
	aside := func(n int) string { return filepath.Join(b.folder, badFolder, fmt.Sprint(n)) }
	for n := range maxSetAside {
		if err := os.WriteFile(aside(n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(b.folder, "README"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b.put(letterTo("a@example.net"))
	b.takeUp()
	b.takeUp()
	here, bad := b.files()
	if told := log.count("cannot be moved"); len(here) != 1 || len(bad) != maxSetAside || told != 1 || len(b.mails()) != 1 {
		t.Errorf("left %q, %d set aside, told %d times, mails %q", here, len(bad), told, b.mails())
	}
	if err := os.Remove(aside(0)); err != nil {
		t.Fatal(err)
	}
	b.takeUp()
	if here, bad := b.files(); len(here) != 0 || len(bad) != maxSetAside || len(b.drop.told) != 0 {
		t.Errorf("with room again: left %q, %d set aside, told of %v", here, len(bad), b.drop.told)
	}
}
