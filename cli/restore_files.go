package cli

// How a backup becomes a data folder. Everything is made in the folder
// restore.new inside it, marked there as restored and held, and checked; then
// the files get their names. While restore.new is there no daemon starts, and
// restore begins anew: whatever ends this, nothing is ever sent from half of it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pabal/audience"
	"pabal/backup"
	"pabal/campaign"
	"pabal/eml"
	"pabal/spool"
	"pabal/store"
)

const (
	restoreFolder = "restore.new"
	archivedLog   = "optouts.backup" // the log of the archive, in restoreFolder
)

// restoredData is what restore --json says.
type restoredData struct {
	DataDir string        `json:"data_dir"`
	Taken   time.Time     `json:"taken"`
	Version string        `json:"version"` // of the pabal that made the backup
	Counts  backup.Counts `json:"counts"`
	Logs    []string      `json:"opt_out_logs"`            // that were read besides the backup's
	OptOuts int64         `json:"opt_outs_added"`          // lines of them that the backup did not have
	Until   time.Time     `json:"opt_outs_until,omitzero"` // the newest of them; zero: none is known after the backup
	Notes   []string      `json:"notes,omitempty"`         // of opening the stores: a new format
}

// unfinishedRestore refuses a folder in which a restore was cut short.
func unfinishedRestore(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, restoreFolder)); err != nil {
		return nil
	}
	return &eml.Problem{What: "a restore into " + dir + " was not finished", Hint: "run it again: pabal restore FILE"}
}

func (a *app) restore(ctx context.Context, name, optOuts string) (err error) {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	archive, err := a.openArchive(name)
	if err != nil {
		return err
	}
	defer archive.Close() // it was only read
	var log *os.File
	if optOuts != "" {
		if log, err = os.Open(optOuts); err != nil {
			return &eml.Problem{What: "the log of opt-outs cannot be read: " + err.Error(), Hint: "give the optouts.log of the lost data folder, or leave --optouts out", Err: err}
		}
		defer log.Close()
	}
	if err := becomeOwner(cfg.DataDir); err != nil {
		return err
	}
	lock, err := takeLock(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	r := &restoring{dir: cfg.DataDir, work: filepath.Join(cfg.DataDir, restoreFolder), log: log, bar: newBar(a.stderr)}
	defer r.bar.clear()
	var done restoredData
	err = a.auditing(cfg.DataDir, "restore", filepath.Base(name), func() (err error) {
		done, err = r.run(ctx, archive, name)
		return err
	})
	if err != nil {
		return err
	}
	r.bar.clear()
	return one(a, done, func(r *report) { describeRestoredData(r, done) })
}

func describeRestoredData(r *report, d restoredData) {
	r.line("%s holds the backup of %s: %s subscribers, %d campaigns with %s recipients, %s messages; checked", eml.Visible(d.DataDir), r.when(d.Taken),
		commas(d.Counts.Subscribers), d.Counts.Campaigns, commas(d.Counts.Recipients), commas(d.Counts.Messages))
	for _, note := range d.Notes {
		r.line("%s", eml.Visible(note))
	}
	switch {
	case d.OptOuts > 0:
		r.line("%s opt-outs and choices after the backup are honoured, until %s", commas(d.OptOuts), r.when(d.Until))
	case len(d.Logs) > 0:
		r.line("%s has no opt-out that the backup does not have", eml.Visible(strings.Join(d.Logs, ", ")))
	default:
		r.line("Nobody who opted out after %s is known: find the optouts.log of the lost folder and restore again with --optouts, or tell them by hand", r.when(d.Taken))
	}
	r.line("It is held: it sends nothing until a person says that it is the live one.")
	r.line("Start pabal, then: pabal restore list; pabal restore release")
}

// restoring is one restore.
type restoring struct {
	dir, work string
	log       *os.File // of opt-outs, given by a person, besides the one in dir; nil: none
	bar       *bar
	done      restoredData
}

func (r *restoring) run(ctx context.Context, archive io.Reader, name string) (restoredData, error) {
	if err := r.begin(); err != nil {
		return r.done, err
	}
	err := r.make(ctx, archive, name)
	if err == nil {
		err = r.finish()
	} else {
		err = errors.Join(err, os.RemoveAll(r.work), store.SyncFolder(r.dir))
	}
	return r.done, err
}

// begin makes the working folder in a data folder that is empty, but for what an
// earlier restore left and the log of opt-outs.
func (r *restoring) begin() error {
	if unfinishedRestore(r.dir) != nil {
		if err := r.wipe(); err != nil {
			return err
		}
	}
	there, err := r.inTheWay()
	if err != nil {
		return err
	}
	if there != "" {
		return &eml.Problem{What: "the data folder is not empty: " + there + " is there",
			Hint: "a backup is restored into an empty folder: move what is in " + r.dir + " away, but leave optouts.log there, or set another data_dir"}
	}
	if err := os.Mkdir(r.work, 0o700); err != nil {
		return &eml.Problem{What: "the data folder cannot be used: " + err.Error(), Hint: "run this as the user who owns it, or set another data_dir", Err: err}
	}
	return store.SyncFolder(r.dir)
}

// inTheWay is a file that a restore would put another in the place of, "" for
// none. An import folder without files is none.
func (r *restoring) inTheWay() (string, error) {
	for _, path := range append(storePaths(r.dir), filepath.Join(r.dir, usersFile)) {
		for _, name := range []string{path, path + ".mark"} {
			if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
				return name, nil
			}
		}
	}
	imports := filepath.Join(r.dir, importsFolder)
	entries, err := os.ReadDir(imports)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 {
		return filepath.Join(imports, entries[0].Name()), nil
	}
	return "", nil
}

// wipe removes what a restore that was cut short has made. No daemon has run
// since, and none of it was there before, so all is its own. The log of opt-outs
// stays: it has all it had.
func (r *restoring) wipe() error {
	if err := os.RemoveAll(filepath.Join(r.dir, importsFolder)); err != nil {
		return err
	}
	for _, path := range append(storePaths(r.dir), filepath.Join(r.dir, usersFile)) {
		for _, name := range []string{path, path + ".mark", path + ".room"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return errors.Join(os.RemoveAll(r.work), store.SyncFolder(r.dir))
}

// make makes everything in the working folder.
func (r *restoring) make(ctx context.Context, archive io.Reader, name string) error {
	m, err := backup.Extract(ctx, archive, name, r.work, func(done, total int64) { r.bar.show(done, total, "unpacked") })
	if errors.Is(err, unix.ENOSPC) {
		return &eml.Problem{What: "the disk of " + r.dir + " is full: nothing was restored", Hint: "free some space on it, or set data_dir on another disk", Err: err}
	}
	if err != nil {
		return err
	}
	r.done = restoredData{DataDir: r.dir, Taken: m.Taken, Version: m.Version, Counts: m.Counts, Logs: []string{}}
	if err := r.mergeLogs(); err != nil {
		return err
	}
	r.bar.show(m.Bytes, m.Bytes, "checking")
	if err := proveStores(ctx, storePaths(r.work)...); err != nil {
		return err
	}
	if err := r.mark(ctx); err != nil {
		return err
	}
	faults, err := provenFiles(ctx, r.work, m.Counts)
	if err == nil && len(faults) > 0 {
		r.done.Notes = append(r.done.Notes, "what was restored is what was backed up, and does not pass check: "+strings.Join(faults, "; "))
	}
	return err
}

// mergeLogs adds to the archive's log of opt-outs what newer ones have: the one a
// person gave and the one in the data folder, whose place the merged one takes.
func (r *restoring) mergeLogs() (err error) {
	to, base := filepath.Join(r.work, audience.LogName), filepath.Join(r.work, archivedLog)
	if err := os.Rename(to, base); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var old io.Reader = strings.NewReader("")
	had := int64(0)
	if f, err := os.Open(base); err == nil {
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		old, had = f, info.Size()
	}
	var newer []io.Reader
	if r.log != nil {
		newer, r.done.Logs = append(newer, r.log), append(r.done.Logs, r.log.Name())
	}
	switch f, err := os.Open(filepath.Join(r.dir, audience.LogName)); {
	case err == nil:
		defer f.Close()
		newer, r.done.Logs = append(newer, f), append(r.done.Logs, f.Name())
	case !errors.Is(err, fs.ErrNotExist):
		return &eml.Problem{What: "the log of opt-outs in the data folder cannot be read: " + err.Error(), Hint: "who opted out stands in it: make it readable for the owner of the folder, and run this again", Err: err}
	}
	m, err := audience.MergeLogs(to, old, newer...)
	if err != nil {
		return fmt.Errorf("merge the logs of opt-outs: %w", err)
	}
	r.done.OptOuts, r.done.Until = m.Added, m.Last
	if had > 0 && m.Added > 0 && m.Shared == 0 {
		r.done.Notes = append(r.done.Notes, "the log of opt-outs ("+strings.Join(r.done.Logs, ", ")+") has no line of the backup's: it may be of other data, whose opt-outs say nothing here")
	}
	if err := os.Remove(base); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mark opens the stores, which brings them to this version's format and applies
// the log, and says in them that they came from a backup.
func (r *restoring) mark(ctx context.Context) (err error) {
	people, err := audience.Open(r.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	sp, err := spool.Open(r.work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	campaigns, err := campaign.Open(r.work, people, sp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, campaigns.Close()) }()
	for _, notes := range [][]string{people.Notes(), sp.Notes(), campaigns.Notes()} {
		r.done.Notes = append(r.done.Notes, notes...)
	}
	if err := people.Restored(ctx, r.done.Taken); err != nil {
		return err
	}
	last, err := campaigns.Restored(ctx)
	if err != nil {
		return err
	}
	return sp.Restore(ctx, spool.Restored{Taken: r.done.Taken, At: time.Now().UTC(), Campaign: last, OptOuts: r.done.Until})
}

// finish gives the files their names: ledger.db, which says that all is held,
// first, and the folder that keeps every daemon out goes last.
func (r *restoring) finish() error {
	entries, err := os.ReadDir(r.work)
	if err != nil {
		return err
	}
	names := []string{spool.LedgerFile}
	for _, e := range entries {
		if e.Name() != spool.LedgerFile && !strings.HasSuffix(e.Name(), ".room") {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		to := filepath.Join(r.dir, name)
		if name == importsFolder { // a folder is not renamed over one that is there
			if err := os.RemoveAll(to); err != nil {
				return err
			}
		}
		if err := os.Rename(filepath.Join(r.work, name), to); err != nil {
			return fmt.Errorf("name what was restored: %w", err)
		}
	}
	if err := store.SyncFolder(r.dir); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(r.work), store.SyncFolder(r.dir))
}
