package cli

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

	"pabal/audience"
	"pabal/backup"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/store"
)

// importsFolder is where the audience keeps the rows of imports.
const importsFolder = "imports"

// snapshotting is where snapshots come from: a daemon's stores, or the files of
// one that does not run.
type snapshotting struct {
	dir       string
	spool     func() (queue, ledger *store.Snapshot, err error)
	campaigns func() (*store.Snapshot, error)
	people    func() (*store.Snapshot, error)
}

// idle are the stores in a folder that is locked.
func idle(dir string) snapshotting {
	return snapshotting{dir: dir,
		spool:     func() (*store.Snapshot, *store.Snapshot, error) { return spool.OpenSnapshots(dir) },
		campaigns: func() (*store.Snapshot, error) { return campaign.OpenSnapshot(dir) },
		people:    func() (*store.Snapshot, error) { return audience.OpenSnapshot(dir) }}
}

// snapshots are a running daemon's.
func (d *daemon) snapshots() snapshotting {
	return snapshotting{dir: d.cfg.DataDir, spool: d.spool.Snapshots, campaigns: d.campaigns.Snapshot, people: d.people.Snapshot}
}

// held are the snapshots and files of one archive while it is written.
type heldParts struct {
	stores []*store.Snapshot
	files  []*os.File
	names  map[string]bool // of files
	parts  []backup.Part
}

// archive writes a backup. All snapshots are begun before the first byte is
// copied, in the order in which a later file may know more than an earlier one.
func (s snapshotting) archive(ctx context.Context, w io.Writer) (err error) {
	h := &heldParts{names: map[string]bool{}}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := s.hold(h); err != nil {
		return err
	}
	m := backup.Manifest{Head: backup.Head{Version: version(), Store: h.stores[1].ID(), Taken: h.stores[0].At()}, Finished: h.stores[len(h.stores)-1].At()}
	if m.Counts, err = h.counts(); err != nil {
		return err
	}
	_, err = backup.Write(ctx, w, m, h.parts)
	return err
}

// hold begins the snapshots and opens the other files. Rows of an import are
// removed when it is done, so they are opened before audience.db is looked at,
// and those that came meanwhile after it.
func (s snapshotting) hold(h *heldParts) error {
	queue, ledger, err := s.spool()
	if err != nil {
		return err
	}
	h.stores = append(h.stores, queue, ledger)
	for _, open := range []func() (*store.Snapshot, error){s.campaigns, s.people} {
		if err := h.openFolder(s.dir, importsFolder); err != nil {
			return err
		}
		sn, err := open()
		if err != nil {
			return err
		}
		h.stores = append(h.stores, sn)
	}
	for _, sn := range h.stores {
		h.parts = append(h.parts, backup.Part{File: backup.File{Name: sn.Name(), Bytes: sn.Size(), At: sn.At(), ID: sn.ID(), Format: sn.Format()}, WriterTo: sn})
	}
	for _, name := range []string{audience.LogName, usersFile} {
		if err := h.open(s.dir, name); err != nil {
			return err
		}
	}
	if err := h.openFolder(s.dir, importsFolder); err != nil {
		return err
	}
	return h.addFiles()
}

// openFolder opens what is in a folder now and was not before.
func (h *heldParts) openFolder(dir, folder string) error {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := h.open(dir, folder+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// open opens a file, if it is there.
func (h *heldParts) open(dir, name string) error {
	if h.names[name] {
		return nil
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h.names[name], h.files = true, append(h.files, f)
	return nil
}

// addFiles makes parts of the files that are open, each as long as it is now.
func (h *heldParts) addFiles() error {
	for _, f := range h.files {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		name := filepath.Base(f.Name())
		if filepath.Base(filepath.Dir(f.Name())) == importsFolder {
			name = importsFolder + "/" + name
		}
		h.parts = append(h.parts, backup.Part{File: backup.File{Name: name, Bytes: info.Size()}, WriterTo: section{f, info.Size()}})
	}
	return nil
}

// section is a file's beginning.
type section struct {
	f    *os.File
	size int64
}

// WriteTo writes it.
func (s section) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, io.NewSectionReader(s.f, 0, s.size))
}

func (h *heldParts) counts() (c backup.Counts, err error) {
	if c.Messages, err = spool.Messages(h.stores[0]); err != nil {
		return c, err
	}
	if c.Campaigns, c.Recipients, err = spool.Recipients(h.stores[1]); err != nil {
		return c, err
	}
	c.Subscribers, err = audience.Subscribers(h.stores[3])
	return c, err
}

func (h *heldParts) close() error {
	var errs []error
	for _, sn := range h.stores {
		errs = append(errs, sn.Close())
	}
	for _, f := range h.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// archive is what the control socket asks for. It says in the log who has got
// everybody's data.
func (d *daemon) archive(ctx context.Context, w io.Writer) error {
	begun := time.Now()
	counted := &watchedArchive{w: w, bar: &bar{}}
	err := d.snapshots().archive(ctx, counted)
	if err != nil {
		return fmt.Errorf("write a backup: %w", err)
	}
	d.backedUp.Store(begun.UnixMilli())
	d.logger.Info("backup written", "bytes", counted.done, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// live runs a part that must rest while this data, restored from a backup, waits
// for a person to say that it is the live one.
func (d *daemon) live(ctx context.Context, run func(context.Context) error) error {
	if err := d.spool.AwaitLive(ctx); err != nil {
		return nil // it was stopped before
	}
	return run(ctx)
}

// hear reads SES's feedback. From a queue each event is read once: of restored
// data the original may need it, until a person says otherwise.
func (d *daemon) hear(ctx context.Context) error {
	if d.cfg.feedbackOptions().Source() == sesclient.SourceSQS {
		if err := d.spool.AwaitListening(ctx); err != nil {
			return nil // it was stopped before
		}
	}
	return d.feedback.Run(ctx)
}
