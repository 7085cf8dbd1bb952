//go:build host

package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A volume of 64 MB is filled to the last byte by somebody else: what is new is
// refused, what is about mail that was accepted is still written, and all goes
// on by itself once there is space.
func TestOutcomesAreWrittenOnADiskThatOthersFilled(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := start(t, filepath.Join(dir, "test.db"), options())
	t.Cleanup(func() { closed(t, s) })
	mail := func(i int) Job {
		j := put(fmt.Sprintf("mail%05d", i), strings.Repeat("v", 3000))
		j.Spare = megabyte
		return j
	}
	stored := 0
	for ; stored < 500; stored++ {
		do(t, s, mail(stored))
	}
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{megabyte, 4096} {
		for err = nil; err == nil; {
			_, err = ballast.Write(bytes.Repeat([]byte("x"), step))
		}
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	s.space.asked = time.Time{}
	if err := s.Do(t.Context(), mail(stored)); !errors.Is(err, ErrFull) {
		t.Errorf("something new: %v", err)
	}
	for i := range 5000 { // outcomes: no space for one of them without the room
		do(t, s, put(fmt.Sprintf("outcome%05d", i), "accepted"))
	}
	kept := 2 * int64(megabyte) // a 32nd of the volume
	if left := blocks(t, roomPath(s.path)); left >= kept || left == 0 {
		t.Errorf("%d of %d bytes of the room are left: the disk was not full, or the room too small", left, kept)
	}
	if err := os.Remove(ballast.Name()); err != nil {
		t.Fatal(err)
	}
	s.space.asked = time.Time{}
	for deadline := time.Now().Add(10 * time.Second); blocks(t, roomPath(s.path)) < kept; stored++ {
		do(t, s, mail(stored))
		if time.Now().After(deadline) {
			t.Fatal("the room was not filled again")
		}
	}
	if value(t, s, "outcome04999") != "accepted" {
		t.Error("an outcome is lost")
	}
}

// A volume fills up by our own growth: the refusal comes before the last block.
func TestNewThingsStopBeforeOurGrowthFillsTheDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := start(t, filepath.Join(dir, "test.db"), options())
	t.Cleanup(func() { closed(t, s) })
	var err error
	for i := 0; err == nil; i++ {
		j := put(fmt.Sprintf("mail%05d", i), strings.Repeat("v", 100_000))
		j.Spare = megabyte
		err = s.Do(t.Context(), j)
	}
	now, asked := statfs(dir)
	if !errors.Is(err, ErrFull) || asked != nil || now.Free < 5*megabyte || now.Free > 16*megabyte {
		t.Errorf("stopped by %v with %d bytes free, %v", err, now.Free, asked)
	}
	if left := blocks(t, roomPath(s.path)); left < 2*megabyte {
		t.Errorf("%d bytes of the room are left", left)
	}
}
