package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sys/unix"
)

const (
	takeUpEvery  = 5 * time.Second
	dropsAtOnce  = 1000 // names read and forgotten together
	staleTmp     = 24 * time.Hour
	maxSetAside  = 10000 // files kept in bad; past it what cannot be taken stays where it is
	maxTold      = 1000  // files that stay and the log is told of
	maxFailed    = 3     // drops in a row the server does not take: it is the server
	takeUpWithin = 2 * time.Minute
)

// DropStats is the drop folder in status --json.
type DropStats struct {
	Folder   string `json:"folder"`
	Taken    int64  `json:"taken"`           // mails taken up since start
	Waiting  int64  `json:"waiting"`         // mails left there by the last look, for example of users who send too much
	SetAside int64  `json:"set_aside"`       // files in bad that could not be sent; a person must look
	Error    string `json:"error,omitempty"` // why not all could be taken up last time
}

// dropBox takes mails out of the drop folder. Each goes through a conversation
// with the server, as if its owner had submitted it now: every rule holds.
//
// A drop is removed after its mail is stored. Its name is stored with the mail
// (spool.Envelope.Once), so that after a crash between the two the second
// conversation stores nothing, and is forgotten when the file is gone.
type dropBox struct {
	server *Server
	path   string
	folder *dropFolder // changed by run only
	inside *inside

	taken    atomic.Int64
	waiting  atomic.Int64
	setAside atomic.Int64
	failure  atomic.Pointer[string]

	told   map[string]bool // names of files that stay, whether met in this round
	known  knownNames
	failed int   // drops in a row that the server did not take now
	left   int64 // drops met in this round and not taken
	fault  error // why one was not that does not keep the others back
}

// OpenDrop makes the drop folder or looks that it is right, and has Run take up
// what is in it, at start and every 5 s. Call it before Run; it returns a
// *ListenError, which Stats repeats.
func (s *Server) OpenDrop(folder string) error {
	open, err := openDropFolder(folder)
	if err != nil {
		fault := &ListenError{Address: folder, Message: folderFault(err), Hint: "make it for the user pabal runs as, with mode 1733, or set another smtp.drop, \"\" for none", Err: err}
		s.noDrop = &DropStats{Folder: folder, Error: fault.Message + ": " + fault.Hint}
		return fault
	}
	s.drop = &dropBox{server: s, path: folder, folder: open, inside: newInside(), told: map[string]bool{}}
	s.drop.countBad()
	s.addListener(s.drop.inside)
	return nil
}

func folderFault(err error) string {
	if system, ok := errors.AsType[*fs.PathError](err); ok { // the folder is named beside it
		return cause(system)
	}
	return err.Error()
}

// run takes up what is there until ctx ends.
func (d *dropBox) run(ctx context.Context) {
	defer func() { d.folder.close() }() // only read
	tick := time.NewTicker(takeUpEvery)
	defer tick.Stop()
	for {
		d.forget()
		d.failure.Store(nil)
		if err := d.round(ctx); err != nil && ctx.Err() == nil {
			text := err.Error()
			d.failure.Store(&text)
			d.server.log().Warn("drop folder not taken up", "folder", d.path, "err", err)
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
	if err := d.follow(); err != nil {
		return err
	}
	d.countBad()
	dir, err := listing(d.folder.root)
	if err != nil {
		return err
	}
	defer dir.Close() // only read
	later := map[uint32]bool{}
	d.failed, d.left, d.fault = 0, 0, nil
	defer func() { d.waiting.Store(d.left) }()
	for name := range d.told {
		d.told[name] = false
	}
	for ctx.Err() == nil {
		entries, err := dir.ReadDir(dropsAtOnce)
		if errors.Is(err, io.EOF) || len(entries) == 0 && err == nil {
			maps.DeleteFunc(d.told, func(_ string, met bool) bool { return !met })
			return d.fault
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

// follow opens the folder anew when it was replaced: in the old one nobody
// leaves anything.
func (d *dropBox) follow() error {
	if !d.folder.replaced() {
		return nil
	}
	now, err := openDropFolder(d.path)
	if err != nil {
		return err
	}
	d.server.log().Warn("drop folder was replaced", "folder", d.path)
	old := d.folder
	d.folder = now
	return old.close()
}

// settle makes sure that what was removed stays so, and only then lets go of
// the names.
func (d *dropBox) settle(gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	if err := d.folder.sync(); err != nil {
		return err
	}
	return d.letGo(gone)
}

// batch takes up drops and returns the names of those removed. An error ends
// the round: no other would be taken either.
func (d *dropBox) batch(ctx context.Context, entries []fs.DirEntry, later map[uint32]bool) (gone []string, err error) {
	for _, e := range entries {
		if ctx.Err() != nil {
			return gone, nil
		}
		name := e.Name()
		_, told := d.told[name]
		switch {
		case name == badFolder:
		case told: // it could not be moved
			d.told[name] = true
			d.move(name)
		case strings.HasPrefix(name, dropTmp) && dropName.MatchString(name[len(dropTmp):]):
			d.sweep(e)
		case !dropName.MatchString(name):
			d.bad(name, errors.New("no drop is called so"))
		default:
			end, err := d.take(ctx, name, later)
			switch end {
			case takenUp:
				gone = append(gone, name)
			case waits:
				d.left++
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
	if err := d.folder.remove(e.Name()); err != nil { // it is no file
		d.bad(e.Name(), err)
		return
	}
	d.server.log().Info("unfinished drop removed", "file", e.Name(), "bytes", info.Size())
}

// fate is what became of a drop.
type fate uint8

const (
	waits   fate = iota // it stays for the next round
	takenUp             // its mail is stored
	dealt               // it was set aside, or is not there
)

// take hands one drop to the server. An error goes with a drop that waits.
func (d *dropBox) take(ctx context.Context, name string, later map[uint32]bool) (fate, error) {
	l, uid, err := readDrop(d.folder.root, name, maxEnvelope+d.server.maxMessageSize()+int64(dropTail)+64, later)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dealt, nil // its owner took it back
	case errors.Is(err, errLater):
		return waits, nil
	case transient(err):
		return waits, err
	case err != nil:
		d.bad(name, err)
		return dealt, nil
	}
	err = d.converse(ctx, peer{uid: uid, once: name}, l)
	var r *smtp.SMTPError
	switch {
	case errors.As(err, &r) && r.Code == 450: // too much of this user for now
		later[uid] = true
		return waits, nil
	case r != nil && r.EnhancedCode == misconfigured: // what is wrong concerns some recipients only
		d.fault = err
		return waits, nil
	case r != nil && forGood(r):
		d.bad(name, err)
		return dealt, nil
	case err != nil:
		return waits, err
	}
	d.taken.Add(1)
	if err := d.folder.remove(name); err != nil {
		return waits, fmt.Errorf("remove %s, whose mail is stored: %w", name, err)
	}
	return takenUp, nil
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
