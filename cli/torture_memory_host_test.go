//go:build host

package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

const (
	memoryLeast  = 48 << 20 // bytes: what it has when it is started and under load
	memoryMore   = 48 << 20 // bytes: at random up to so much more
	killedWithin = 30 * time.Second
)

// tortureMemory lets the kernel kill the daemon for want of memory, at whatever
// it is when its heap, which is never collected here, meets the limit.
func tortureMemory(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{}, "")
		g := newMemoryGroup(t)
		r.start()
		r.warmUp()
		r.stop(r.p)
		for range min(killsOfOneStore, runs-row.runs) {
			g.limit(memoryLeast + rand.N[int64](memoryMore))
			if err := r.tryStart(g.enter()...); err != nil {
				t.Fatalf("%v\n%s", err, r.log())
			}
			g.kills(r)
			r.crashed()
			r.start()
			r.lookOver()
			r.stop(r.p)
		}
		r.start()
		r.prove()
		r.stop(r.p)
	})
}

// memoryGroup is a control group for memory, of version 1 or 2.
type memoryGroup struct {
	t      *testing.T
	dir    string
	most   string // file of the limit
	events string // file that counts kills
}

func newMemoryGroup(t *testing.T) *memoryGroup {
	t.Helper()
	g := &memoryGroup{t: t, most: "memory.max", events: "memory.events"}
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/memory/memory.limit_in_bytes"); err == nil {
		root, g.most, g.events = root+"/memory", "memory.limit_in_bytes", "memory.oom_control"
	} else if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+memory"), 0o644); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.dir, err = os.MkdirTemp(root, "pabal"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eventually(t.Context(), func() bool { return os.Remove(g.dir) == nil }); err != nil && !errors.Is(os.Remove(g.dir), os.ErrNotExist) {
			t.Errorf("%s is left: %v", g.dir, err)
		}
	})
	return g
}

func (g *memoryGroup) limit(bytes int64) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, g.most), []byte(strconv.FormatInt(bytes, 10)), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// enter is a wrapper that puts a process into the group and has it collect no
// garbage.
func (g *memoryGroup) enter() []string {
	return []string{"sh", "-c", `echo $$ > "$0/cgroup.procs" && GOGC=off exec "$@"`, g.dir}
}

// count is how many processes of the group the kernel has killed.
func (g *memoryGroup) count() (n int) {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.events))
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fmt.Sscanf(line, "oom_kill %d", &n)
	}
	return n
}

// kills loads the daemon until the kernel kills it.
func (g *memoryGroup) kills(r *rig) {
	g.t.Helper()
	before := g.count()
	stop := r.load()
	select {
	case <-r.p.ended:
	case <-time.After(killedWithin):
		r.p.kill()
	}
	stop()
	status, ok := r.p.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL || g.count() == before {
		g.t.Errorf("the kernel has killed %d: it ended with %v\n%s", g.count()-before, r.p.ProcessState, r.log())
	}
}
