package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
	"pabal/store"
)

// storeFiles are the stores' names in the data folder, those that many others
// wait for first.
func storeFiles() []string {
	return []string{spool.QueueFile, spool.LedgerFile, audience.FileName, campaign.FileName}
}

func storePaths(dir string) (paths []string) {
	for _, name := range storeFiles() {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

// walkName is the command that this program gives itself to walk files that may
// be damaged: in a process of its own, which they may end.
const walkName = "store-walk"

func walker(ctx context.Context, paths []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{walkName}, paths...)...)
	cmd.Args[0] = "pabal"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // else the next start finds its files in use
	return cmd
}

// proveStores has files that may be damaged walked by a process that ends with
// this one: the kernel ends it with the thread that made it.
func proveStores(ctx context.Context, paths ...string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return store.Prove(ctx, walker, paths...)
}

func (a *app) walkCommand() *cobra.Command {
	cmd := a.command(walkName+" FILE...", "Walk store files", "pabal "+walkName+" /var/lib/pabal/queue.db",
		func(_ context.Context, paths []string) error { return store.Walk(a.stdout, paths) })
	cmd.Hidden = true
	return cmd
}

func (a *app) checkCommand() *cobra.Command {
	return a.command("check", "Prove that every sum and index of the stores holds; exit 1 if not", "pabal check", func(ctx context.Context, _ []string) error {
		start := time.Now()
		result, err := a.check(ctx)
		if err != nil {
			return err
		}
		faults := result.All()
		err = one(a, result, func(r *report) {
			r.line("%d campaigns with %s recipients, %s messages: checked in %s", result.Campaigns, commas(result.Rows), commas(result.Messages), span(time.Since(start).Seconds()))
			for _, fault := range faults {
				r.line("does not hold: %s", eml.Visible(fault))
			}
		})
		if err == nil && len(faults) > 0 {
			return &eml.Problem{What: fmt.Sprintf("%d things do not hold", len(faults)), Hint: "keep a copy of the data folder and report this; a damaged file is replaced by the newest backup"}
		}
		return err
	})
}

// check asks the daemon, and looks at the files itself where there is none.
func (a *app) check(ctx context.Context) (control.Check, error) {
	c, err := a.client()
	if err != nil {
		return control.Check{}, err
	}
	defer c.Close()
	result, err := c.Check(ctx)
	if errors.Is(err, control.ErrNoDaemon) {
		return a.checkFiles(ctx)
	}
	return result, err
}

// checkFiles checks the stores of a daemon that does not run; it changes none.
func (a *app) checkFiles(ctx context.Context) (result control.Check, err error) {
	dir, unlock, err := a.idleStores()
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	result.Faults, result.Audience, result.Campaign = []string{}, []string{}, []string{}
	for _, name := range storeFiles() {
		err := proveStores(ctx, filepath.Join(dir, name))
		if err == nil {
			err = checkFile(ctx, &result, dir, name)
		}
		if _, ok := errors.AsType[*eml.Problem](err); ok { // missing, cut, of another kind
			result.Faults = append(result.Faults, err.Error())
		} else if err != nil {
			return result, err
		}
	}
	return result, nil
}

func checkFile(ctx context.Context, result *control.Check, dir, name string) (err error) {
	var faults []string
	switch name {
	case audience.FileName:
		faults, err = audience.CheckFile(ctx, dir)
		result.Audience = append(result.Audience, faults...)
	case campaign.FileName:
		faults, err = campaign.CheckFile(ctx, dir)
		result.Campaign = append(result.Campaign, faults...)
	default:
		err = result.CheckFile(ctx, dir, name)
	}
	return err
}

// idleStores is the data folder of a daemon that does not run, locked so that
// none is started meanwhile.
func (a *app) idleStores() (dir string, unlock func() error, err error) {
	cfg, err := a.config()
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return "", nil, &eml.Problem{What: "the data folder cannot be used: " + err.Error(), Hint: "see data_dir in: pabal config show; and run as the user who owns it", Err: err}
	}
	if err := becomeOwner(cfg.DataDir); err != nil {
		return "", nil, err
	}
	lock, err := takeLock(cfg.DataDir)
	if err != nil {
		return "", nil, err
	}
	if err := unfinishedRestore(cfg.DataDir); err != nil {
		return "", nil, errors.Join(err, lock.release())
	}
	return cfg.DataDir, lock.release, nil
}

// compacted is what became of a file.
type compacted struct {
	File   string `json:"file"`
	Before int64  `json:"bytes_before"` // in use, with what was kept for later
	After  int64  `json:"bytes_after"`
}

func (a *app) compactCommand() *cobra.Command {
	return a.command("compact", "Give the disk back what the stores no longer use; the daemon has to be stopped", "systemctl stop pabal && pabal compact", func(ctx context.Context, _ []string) (err error) {
		dir, unlock, err := a.idleStores()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		if err := proveStores(ctx, store.Doubtful(storePaths(dir)...)...); err != nil {
			return err
		}
		return a.auditing(dir, "compact", "", func() error {
			return show(a, func(yield func(compacted, error) bool) {
				for _, name := range storeFiles() {
					before, after, err := store.Compact(filepath.Join(dir, name))
					if !yield(compacted{name, before, after}, err) || err != nil {
						return
					}
				}
			}, func() *table { return newTable("FILE", "BYTES BEFORE", "AFTER").numbers(1, 2) },
				func(c compacted) []string { return []string{c.File, commas(c.Before), commas(c.After)} })
		})
	})
}
