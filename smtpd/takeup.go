package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sys/unix"

	"pabal/spool"
)

const (
	takeUpEvery  = 5 * time.Second
	dropsAtOnce  = 1000 // names read and forgotten together
	staleTmp     = 24 * time.Hour
	maxSetAside  = 10000 // files kept in bad; past it what cannot be taken stays where it is
	badFolder    = "bad" // in the drop folder, 0700
	maxTold      = 1000  // names the log is told of once
	maxFailed    = 3     // drops in a row the server does not take: it is the server
	takeUpWithin = 2 * time.Minute
)

// DropStats is the drop folder in status --json.
type DropStats struct {
	Folder   string `json:"folder"`
	Taken    int64  `json:"taken"`           // mails taken up since start
	SetAside int64  `json:"set_aside"`       // files in bad that could not be sent; a person must look
	Error    string `json:"error,omitempty"` // why the folder could not be read last time
}

// dropBox takes mails out of the drop folder. Each goes through a conversation
// with the server, as if its owner had submitted it now: every rule holds.
//
// A drop is removed after its mail is stored. Its name is stored with the mail
// (spool.Envelope.Once), so that after a crash between the two the second
// conversation stores nothing, and is forgotten when the file is gone.
type dropBox struct {
	server *Server
	folder string
	root   *os.File
	inside *inside

	taken    atomic.Int64
	setAside atomic.Int64
	failure  atomic.Pointer[string]

	told   map[string]bool // names the log was told of
	failed int             // drops in a row that the server did not take now
}

// OpenDrop makes the drop folder or looks that it is right, and has Run take up
// what is in it, at start and every 5 s. Call it before Run; it returns a
// *ListenError.
func (s *Server) OpenDrop(folder string) error {
	wrong := func(err error) error {
		return &ListenError{Address: folder, Message: cause(err), Hint: "make it for the user pabal runs as, with mode 1733, or set another smtp.drop, \"\" for none", Err: err}
	}
	root, err := openDropFolder(folder)
	if err != nil {
		return wrong(err)
	}
	if err := os.Mkdir(filepath.Join(folder, badFolder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return wrong(errors.Join(err, root.Close()))
	}
	s.drop = &dropBox{server: s, folder: folder, root: root, inside: newInside(), told: map[string]bool{}}
	s.drop.countBad()
	s.addListener(s.drop.inside)
	return nil
}

func openDropFolder(folder string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(root.Fd()), &st); err == nil && int(st.Uid) != os.Geteuid() {
		err = fmt.Errorf("it belongs to user %d, pabal runs as user %d", st.Uid, os.Geteuid())
	}
	if err == nil && st.Mode&0o7777 != 0o1733 {
		err = unix.Fchmod(int(root.Fd()), 0o1733)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// run takes up what is there until ctx ends.
func (d *dropBox) run(ctx context.Context) {
	defer d.root.Close() // only read
	d.forget()
	tick := time.NewTicker(takeUpEvery)
	defer tick.Stop()
	for {
		d.failure.Store(nil)
		if err := d.round(ctx); err != nil && ctx.Err() == nil {
			text := err.Error()
			d.failure.Store(&text)
			d.server.log().Warn("drop folder not taken up", "folder", d.folder, "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// round looks at every file in the folder once.
func (d *dropBox) round(ctx context.Context) error {
	dir, err := os.Open(d.folder)
	if err != nil {
		return err
	}
	defer dir.Close() // only read
	later := map[uint32]bool{}
	d.failed = 0
	for ctx.Err() == nil {
		entries, err := dir.ReadDir(dropsAtOnce)
		if errors.Is(err, io.EOF) || len(entries) == 0 && err == nil {
			return nil
		}
		if err != nil {
			return err
		}
		gone, err := d.batch(ctx, entries, later)
		if err = errors.Join(err, d.settle(gone)); err != nil {
			return err
		}
	}
	return nil
}

// settle makes sure that what was removed stays so, and only then lets go of
// the names.
func (d *dropBox) settle(gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	if err := d.root.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", d.folder, err)
	}
	return d.server.names.Forget(gone)
}

// forget lets go of names whose files a daemon before this one removed.
func (d *dropBox) forget() {
	names, err := d.server.names.Once(dropsAtOnce)
	if err == nil {
		names = slices.DeleteFunc(names, func(name string) bool {
			_, err := os.Lstat(filepath.Join(d.folder, name))
			return !errors.Is(err, fs.ErrNotExist)
		})
		err = d.settle(names)
	}
	if err != nil {
		d.server.log().Warn("names of drops not forgotten", "err", err)
	}
}

// batch takes up drops and returns the names of those removed. An error ends
// the round: no other would be taken either.
func (d *dropBox) batch(ctx context.Context, entries []fs.DirEntry, later map[uint32]bool) (gone []string, err error) {
	for _, e := range entries {
		if ctx.Err() != nil {
			return gone, nil
		}
		name := e.Name()
		switch {
		case name == badFolder:
		case strings.HasPrefix(name, dropTmp) && dropName.MatchString(name[len(dropTmp):]):
			d.sweep(e)
		case !dropName.MatchString(name):
			d.bad(name, 0, errors.New("no drop is called so"))
		default:
			done, err := d.take(ctx, name, later)
			if done {
				gone = append(gone, name)
			}
			if err = d.count(name, err); err != nil {
				return gone, err
			}
		}
	}
	return gone, nil
}

// count looks whether it is one drop that cannot be taken now or all of them,
// which ends the round.
func (d *dropBox) count(name string, err error) error {
	if err == nil {
		d.failed = 0
		return nil
	}
	if d.failed++; d.failed >= maxFailed {
		return err
	}
	d.server.log().Warn("drop not taken up yet", "file", name, "err", err)
	return nil
}

// sweep removes what a caller began to write a day ago: nobody was told that it
// was kept.
func (d *dropBox) sweep(e fs.DirEntry) {
	info, err := e.Info()
	if err != nil || age(info, d.server.now()) < staleTmp {
		return
	}
	err = unix.Unlinkat(int(d.root.Fd()), e.Name(), 0)
	d.server.log().Info("unfinished drop removed", "file", e.Name(), "bytes", info.Size(), "err", err)
}

// take hands one drop to the server. done says that its file was removed.
func (d *dropBox) take(ctx context.Context, name string, later map[uint32]bool) (done bool, err error) {
	l, uid, err := readDrop(d.root, name, maxEnvelope+d.server.maxMessageSize()+int64(dropTail)+64, later)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errLater):
		return false, nil // its owner took it back, or has more to wait for
	case transient(err):
		return false, err
	case err != nil:
		d.bad(name, uid, err)
		return false, nil
	}
	err = d.converse(ctx, peer{uid: uid, once: name}, l)
	var r *smtp.SMTPError
	switch {
	case errors.As(err, &r) && r.Code == 450: // too much of this user for now
		later[uid] = true
		return false, nil
	case errors.As(err, &r) && r.Code >= 500:
		d.bad(name, uid, err)
		return false, nil
	case err != nil:
		return false, err
	}
	d.taken.Add(1)
	if err := unix.Unlinkat(int(d.root.Fd()), name, 0); err != nil {
		return false, fmt.Errorf("remove %s, whose mail is stored: %w", name, err)
	}
	return true, nil
}

// transient errors are about us, not about the file.
func transient(err error) bool {
	for _, no := range []error{unix.EMFILE, unix.ENFILE, unix.EIO, unix.ENOMEM, unix.EINTR} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// converse submits a letter as its owner would.
func (d *dropBox) converse(ctx context.Context, from peer, l Letter) error {
	conn, err := d.inside.dial(ctx, from)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close() // after the last reply nothing can be lost
	_, err = submitLetter(conn, l, takeUpWithin)
	return err
}

// bad moves a file that cannot be sent to the bad folder, where it stays for a
// person to look at, and says so once.
func (d *dropBox) bad(name string, uid uint32, why error) {
	if d.told[name] {
		return
	}
	if len(d.told) >= maxTold {
		clear(d.told)
	}
	d.told[name] = true
	log := d.server.log().With("file", name, "uid", uid)
	if d.setAside.Load() >= maxSetAside {
		if !d.told[badFolder] {
			log.Error("drop cannot be sent and the bad folder is full", "folder", filepath.Join(d.folder, badFolder), "err", why)
		}
		d.told[badFolder] = true
		return
	}
	err := unix.Renameat(int(d.root.Fd()), name, int(d.root.Fd()), badFolder+"/"+name)
	if err != nil {
		log.Error("drop cannot be sent and cannot be moved", "err", why, "move", err)
		return
	}
	d.setAside.Add(1)
	log.Error("drop set aside", "folder", filepath.Join(d.folder, badFolder), "err", why)
}

func (d *dropBox) countBad() {
	entries, err := os.ReadDir(filepath.Join(d.folder, badFolder))
	if err == nil {
		d.setAside.Store(int64(len(entries)))
	}
}

func (d *dropBox) stats() *DropStats {
	if d == nil {
		return nil
	}
	st := &DropStats{Folder: d.folder, Taken: d.taken.Load(), SetAside: d.setAside.Load()}
	if text := d.failure.Load(); text != nil {
		st.Error = *text
	}
	return st
}

// names is what the drop folder needs of the spool.
type names interface {
	Once(n int) ([]string, error)
	Forget(names []string) error
}

var _ names = (*spool.Spool)(nil)
