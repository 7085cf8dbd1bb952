package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheLockNamesItsHolderOverALongerName leaves nothing of a name before it.
func TestTheLockNamesItsHolderOverALongerName(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pabal.lock"), []byte("9999999999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := takeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = takeLock(dir)
	if want := fmt.Sprintf("another pabal (process %d) is using %s", os.Getpid(), dir); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if err := held.release(); err != nil {
		t.Fatal(err)
	}
	again, err := takeLock(dir)
	if err != nil {
		t.Fatalf("after its release: %v", err)
	}
	if err := again.release(); err != nil {
		t.Error(err)
	}
}

// TestAFullDiskCanBeLocked has a lock file into which nothing can be written.
func TestAFullDiskCanBeLocked(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, "pabal.lock")); err != nil {
		t.Fatal(err)
	}
	held, err := takeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.release(); err != nil {
		t.Error(err)
	}
}
