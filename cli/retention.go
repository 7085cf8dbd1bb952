package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

const (
	// retentionLate is how long ago the last run may be when the daemon starts; a
	// host that is off at night runs it an hour after it came up.
	retentionLate  = 36 * time.Hour
	retentionGrace = time.Hour
	// clockAhead is how far ahead of SES's our clock may be: what is not old yet
	// would be removed for good.
	clockAhead = 24 * time.Hour
	sweepBatch = 1000 // files of a folder looked at in one go
)

// retention removes what is older than the configuration says, once a day. What
// a run did is kept for the next process. A run that is cut short by a stop, a
// crash or a fault has removed something whole; the next one does the rest.
type retention struct {
	cfg       *Config
	spool     *spool.Spool
	people    *audience.Store
	campaigns *campaign.Store
	logger    *slog.Logger
	skew      func() time.Duration // SES's clock less ours

	removing sync.Mutex // held while something is removed
	mu       sync.Mutex // guards what follows
	running  bool
	last     *control.RetentionRun
	next     time.Time
}

func (d *daemon) newRetention() *retention {
	r := &retention{cfg: d.cfg, spool: d.spool, people: d.people, campaigns: d.campaigns, logger: d.logger.With("part", "retention"),
		skew: func() time.Duration { return time.Duration(d.skew.Load()) }}
	b, err := r.spool.LoadRetention()
	if err == nil && b != nil {
		err = json.Unmarshal(b, &r.last)
	}
	if err != nil {
		r.logger.Warn("last run of retention not read", "err", err)
	}
	return r
}

// run removes every day at the configured time until ctx ends.
func (r *retention) run(ctx context.Context) error {
	next := r.first(time.Now())
	for {
		r.mu.Lock()
		r.next = next
		r.mu.Unlock()
		t := time.NewTimer(time.Until(next))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
		if _, err := r.Run(ctx, false); err != nil && ctx.Err() == nil {
			r.logger.Error("retention failed", "err", err) // Run has said what was removed; tomorrow it tries again
		}
		next = r.daily(time.Now())
	}
}

// first is when the first run of this process is due.
func (r *retention) first(now time.Time) time.Time {
	next := r.daily(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if soon := now.Add(retentionGrace); r.last != nil && now.Sub(r.last.At) > retentionLate && soon.Before(next) {
		return soon
	}
	return next
}

// daily is the first time of day behind an instant.
func (r *retention) daily(after time.Time) time.Time {
	zone := r.cfg.zone()
	clock, _ := time.Parse("15:04", r.cfg.Retention.At) // checked by retentionRules
	y, m, d := after.In(zone).Date()
	for ; ; d++ {
		wall := time.Date(y, m, d, clock.Hour(), clock.Minute(), 0, 0, time.UTC)
		if t, _ := spool.Instant(wall, zone); t.After(after) {
			return t
		}
	}
}

// State implements control.Retainer.
func (r *retention) State() control.RetentionState {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := control.RetentionState{Running: r.running, Last: r.last, Next: r.next.UTC()}
	if r.running {
		now := r.spool.Removing()
		st.Removed = &now
	}
	return st
}

// failed is why the last run could not remove all, "" if it could.
func (r *retention) failed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return ""
	}
	return r.last.Error
}

// Status implements control.Retainer.
func (r *retention) Status(ctx context.Context) (control.RetentionStatus, error) {
	c := r.cfg.Retention
	st := control.RetentionStatus{HistoryDays: c.HistoryDays, TextsDays: c.TextsDays, FilesDays: c.FilesDays, RefusedDays: c.RefusedDays, At: c.At, Stores: r.sizes()}
	if st.RetentionState = r.State(); st.Running { // it would wait for the run's end
		return st, nil
	}
	var err error
	st.Would, err = r.Run(ctx, true)
	return st, err
}

func (r *retention) sizes() []control.StoreSize { return sizes(r.spool, r.people, r.campaigns) }

// sizes are those of the stores' files.
func sizes(sp *spool.Spool, subscribers *audience.Store, all *campaign.Store) []control.StoreSize {
	queue, queueUnused, ledger, ledgerUnused := sp.Sizes()
	people, peopleUnused := subscribers.Size()
	campaigns, campaignsUnused := all.Size()
	return []control.StoreSize{{File: spool.QueueFile, Bytes: queue, Unused: queueUnused}, {File: spool.LedgerFile, Bytes: ledger, Unused: ledgerUnused},
		{File: audience.FileName, Bytes: people, Unused: peopleUnused}, {File: campaign.FileName, Bytes: campaigns, Unused: campaignsUnused}}
}

// Run implements control.Retainer.
func (r *retention) Run(ctx context.Context, dry bool) (control.RetentionRun, error) {
	r.removing.Lock()
	defer r.removing.Unlock()
	if dry {
		return r.remove(ctx, true)
	}
	r.setRunning(true, nil)
	run, err := r.removeIfTimely(ctx)
	if err != nil && ctx.Err() == nil { // one that is cut short has not failed
		run.Error = err.Error()
	}
	r.setRunning(false, &run)
	r.logger.Info("old data removed", "messages", run.Messages, "texts", run.Texts, "campaigns", run.Campaigns, "rows", run.Rows,
		"import_reports", run.Reports, "files", run.Files, "people", run.People, "took", time.Since(run.At))
	b, failed := json.Marshal(run)
	return run, errors.Join(err, failed, r.spool.SaveRetention(b))
}

// removeIfTimely removes unless the clock is wrong.
func (r *retention) removeIfTimely(ctx context.Context) (control.RetentionRun, error) {
	if ahead := -r.skew(); ahead > clockAhead {
		return control.RetentionRun{At: time.Now().UTC().Truncate(time.Millisecond)}, &eml.Problem{
			What: fmt.Sprintf("nothing was removed: this host's clock is %d days ahead of SES's, and what is not old would go too", int(ahead/clockAhead)),
			Hint: "set the clock (timedatectl); it is compared every hour. Then: pabal retention run"}
	}
	return r.remove(ctx, false)
}

func (r *retention) setRunning(is bool, run *control.RetentionRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running = is; run != nil {
		r.last = run
	}
}

// remove does all of it; one part's fault keeps no other from being done.
func (r *retention) remove(ctx context.Context, dry bool) (run control.RetentionRun, err error) {
	now := time.Now()
	run.At, run.DryRun = now.UTC().Truncate(time.Millisecond), dry
	run.Removal, err = r.spool.Remove(ctx, r.cfg.Retention.before(now), dry)
	var failed error
	run.Reports, failed = r.people.RemoveReports(dry)
	err = errors.Join(err, failed)
	if days := r.cfg.Retention.RefusedDays; days > 0 {
		run.People, failed = r.people.RemoveRefused(ctx, now.AddDate(0, 0, -days), dry)
		err = errors.Join(err, failed)
	}
	if days := r.cfg.Retention.FilesDays; days > 0 {
		for _, dir := range r.folders() {
			n, failed := sweep(ctx, dir, now.AddDate(0, 0, -days), dry)
			run.Files += n
			err = errors.Join(err, failed)
		}
	}
	run.Seconds = time.Since(now).Seconds()
	return run, err
}

// folders are those of our own that others leave files in. An inbox that the
// configuration names is not ours to sweep.
func (r *retention) folders() (dirs []string) {
	if r.cfg.Import.Inbox == "" {
		dirs = append(dirs, r.cfg.inbox())
	}
	if drop := r.cfg.dropFolder(); drop != "" {
		dirs = append(dirs, filepath.Join(drop, "bad"))
	}
	return dirs
}

// sweep removes the files of a folder that nobody has touched since a time:
// neither written, nor put there, for copying and unpacking may keep the times of
// a far older file. It goes into no folder and follows no link, nor one in place
// of the folder. A file that cannot be removed keeps no other from it.
func sweep(ctx context.Context, dir string, before time.Time, dry bool) (n int64, err error) {
	root, err := sweepable(dir)
	if err != nil || root == nil {
		return 0, err
	}
	defer root.Close() // read only
	folder, err := root.Open(".")
	if err != nil {
		return 0, fmt.Errorf("look for old files in %s: %w", dir, err)
	}
	defer folder.Close() // read only
	for ctx.Err() == nil {
		names, ended := folder.Readdirnames(sweepBatch)
		for _, name := range names {
			info, failed := root.Lstat(name)
			if failed != nil || !info.Mode().IsRegular() || !touched(info).Before(before) {
				continue
			}
			if !dry {
				failed = root.Remove(name)
			}
			if failed == nil {
				n++
			} else if !errors.Is(failed, fs.ErrNotExist) {
				err = cmp.Or(err, fmt.Errorf("remove an old file of %s: %w", dir, failed))
			}
		}
		if errors.Is(ended, io.EOF) {
			return n, err
		}
		if ended != nil {
			return n, errors.Join(err, fmt.Errorf("look for old files in %s: %w", dir, ended))
		}
	}
	return n, errors.Join(err, ctx.Err())
}

// sweepable is an open folder, nil if it is not there or no folder: others may
// write beside the one in the drop folder, and a link would lead elsewhere.
func sweepable(dir string) (*os.Root, error) {
	above, err := os.OpenRoot(filepath.Dir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for old files: %w", err)
	}
	defer above.Close() // read only
	info, err := above.Lstat(filepath.Base(dir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for old files: %w", err)
	}
	root, err := above.OpenRoot(filepath.Base(dir))
	if err != nil {
		return nil, fmt.Errorf("look for old files: %w", err)
	}
	if now, err := root.Stat("."); err != nil || !os.SameFile(info, now) { // another one since
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// touched is when a file was last written, made, moved or renamed.
func touched(info fs.FileInfo) time.Time {
	at := info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if made := time.Unix(st.Ctim.Unix()); made.After(at) {
			at = made
		}
	}
	return at
}
