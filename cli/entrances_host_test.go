//go:build host

package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pabal/spool"
)

// fullTries are mails handed in at each entrance in each state of the disk.
const fullTries = 3

// TestEveryEntranceOfAFullDisk fills the disk of the store under a daemon that
// holds its mail: nobody is told that a mail was taken which is not on disk,
// nobody that it never will be. sendmail keeps it where the drop folder has
// room.
func TestEveryEntranceOfAFullDisk(t *testing.T) {
	for name, other := range map[string]bool{"the drop folder beside it": false, "the drop folder elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, smallDisk, "")
			drop, settings := filepath.Join(d.data(), "drop"), []string{"PABAL_DATA_DIR=" + d.data()}
			if other {
				drop = filepath.Join(t.TempDir(), "drop")
				settings = append(settings, "PABAL_SMTP_DROP="+drop)
			}
			h, doors := doorHost(t, settings...)
			doors = slices.DeleteFunc(doors, func(e entrance) bool { return strings.Contains(e.name, "killed") })
			f := &fullDisk{host: h, t: t, disk: d, doors: doors, drop: drop, books: newDoorbook()}
			f.run(other)
			d.unmount()
		})
	}
}

type fullDisk struct {
	*host
	t     *testing.T
	disk  *disk
	doors []entrance
	drop  string
	books *doorbook
}

// run has mails handed in with room, without, without a daemon, and with room
// again.
func (f *fullDisk) run(keeps bool) {
	f.t.Helper()
	p := f.serve()
	if _, err := f.client().Hold(f.t.Context(), spool.ScopeAll, "full"); err != nil {
		f.t.Fatal(err)
	}
	f.want("with room", func(string) bool { return true })
	ballast := filepath.Join(f.disk.point, "ballast")
	fillDisk(f.t, ballast)
	kept := func(door string) bool { return keeps && (door == "sendmail" || door == "drop folder") }
	f.want("full", kept)
	p.kill()
	f.want("full, and no daemon", kept)
	f.noHalves()
	p = f.serve()
	f.want("full, and started so", kept)
	if err := os.Remove(ballast); err != nil {
		f.t.Fatal(err)
	}
	f.again()
	if err := f.client().Release(f.t.Context(), spool.ScopeAll); err != nil {
		f.t.Fatal(err)
	}
	f.books.prove(f.t, f.host, f.doors, f.drop)
	f.stop(p)
}

// want hands mails in at every entrance and says which must take them; the
// others must not.
func (f *fullDisk) want(state string, takes func(door string) bool) {
	f.t.Helper()
	for _, d := range f.doors {
		for range fullTries {
			want := refused
			if takes(d.name) {
				want = taken
			}
			if got := f.books.hand(d); got != want {
				f.t.Errorf("%s, %s: verdict %d, want %d\n%s", state, d.name, got, want, f.log())
			}
		}
	}
}

// again waits until every entrance takes mail.
func (f *fullDisk) again() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), acceptsWithin)
	defer cancel()
	for _, d := range f.doors {
		if err := eventually(ctx, func() bool { return f.books.hand(d) == taken }); err != nil {
			f.t.Fatalf("%s takes nothing %v after there was room again\n%s", d.name, acceptsWithin, f.log())
		}
	}
}

// noHalves looks for what a sendmail that failed left behind.
func (f *fullDisk) noHalves() {
	f.t.Helper()
	entries, err := os.ReadDir(f.drop)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "tmp.") {
			f.t.Errorf("%s was left in the drop folder", e.Name())
		}
	}
}
