package control

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// Inbox is a folder on the daemon's host into which people put files to import,
// by scp from their PC for one. Only plain files directly in it are seen: no
// folders, no links, nothing that begins with a dot.
type Inbox struct {
	Folder string // absolute; "" for no inbox
	Target string // USER@HOST for scp; "" means who asks and this host's name
}

const (
	maxInboxFiles = 1000
	inboxSettle   = 2 * time.Second // a file that changed within this is still being copied
)

// make makes the folder where it is missing. Who else may write there is the
// operator's to decide, with its group; above it is the data folder, 0700.
func (b Inbox) make() error {
	if b.Folder == "" {
		return nil
	}
	if err := os.MkdirAll(b.Folder, 0o770); err != nil {
		return &eml.Problem{What: "the inbox cannot be made: " + err.Error(), Hint: "set [import] inbox to a folder that pabal may write to", Err: err}
	}
	return nil
}

func (s *Server) inbox(r *http.Request) (any, error) {
	if err := errors.Join(s.Inbox.need(), s.Inbox.make()); err != nil {
		return nil, err
	}
	files, err := s.Inbox.list()
	return audience.Inbox{Folder: s.Inbox.Folder, SCP: s.Inbox.scp(r), Files: files}, err
}

func (b Inbox) need() error {
	if b.Folder == "" {
		return invalid("this daemon has no inbox", "set [import] inbox, or name the file to: pabal subscriber import FILE")
	}
	return nil
}

// list is the newest files first.
func (b Inbox) list() ([]audience.InboxFile, error) {
	files := []audience.InboxFile{}
	entries, err := os.ReadDir(b.Folder)
	if err != nil {
		return files, &eml.Problem{What: "the inbox cannot be read: " + err.Error(), Hint: "see that it belongs to the daemon's user or group", Err: err}
	}
	for _, e := range entries {
		info, err := e.Info() // of the entry itself: a link is no file
		if err != nil || !info.Mode().IsRegular() || plainName(e.Name()) != nil {
			continue
		}
		files = append(files, audience.InboxFile{Name: e.Name(), Size: info.Size(), Modified: info.ModTime().UTC()})
	}
	slices.SortFunc(files, func(a, b audience.InboxFile) int {
		return cmp.Or(b.Modified.Compare(a.Modified), strings.Compare(a.Name, b.Name))
	})
	return files[:min(len(files), maxInboxFiles)], nil
}

// plainName refuses what is more than the name of a file in a folder.
func plainName(name string) error {
	if name == "" || name[0] == '.' || filepath.Base(name) != name || strings.ContainsRune(name, 0) {
		return invalid("the inbox has no file "+eml.Visible(name), "see what is there with: pabal subscriber inbox")
	}
	return nil
}

// scp is the command for a terminal on somebody's PC, Windows' too.
func (b Inbox) scp(r *http.Request) string {
	target := b.Target
	if target == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			host = "HOST"
		}
		target = strings.ReplaceAll(userName(r.Context()), "uid ", "USER-") + "@" + host
	}
	folder := filepath.ToSlash(b.Folder) + "/"
	if strings.ContainsAny(folder, " \t") {
		return `scp FILE "` + target + ":" + folder + `"`
	}
	return "scp FILE " + target + ":" + folder
}

// open opens a file of the inbox to be read to its end. Reading fails there if
// it was written to meanwhile.
func (b Inbox) open(name string) (io.ReadCloser, error) {
	if err := errors.Join(b.need(), plainName(name)); err != nil {
		return nil, err
	}
	path := filepath.Join(b.Folder, name)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil, &eml.Problem{What: "the inbox has no file " + eml.Visible(name), Hint: "see what is there with: pabal subscriber inbox", Err: err}
	}
	if err != nil {
		return nil, &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "let the daemon's user or group read it: chmod g+r", Err: err}
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = invalid(eml.Visible(name)+" is not a plain file", "see what is there with: pabal subscriber inbox")
	case info.Size() > MaxImportBytes:
		err = &http.MaxBytesError{Limit: MaxImportBytes}
	case time.Since(info.ModTime()) < inboxSettle && time.Since(info.ModTime()) >= 0:
		err = stillWritten(name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &steadyFile{f, info, name}, nil
}

func stillWritten(name string) error {
	return invalid(eml.Visible(name)+" is still being written", "wait until the copy is done, then import it again")
}

// steadyFile is a file that must not change while it is read.
type steadyFile struct {
	*os.File
	before fs.FileInfo
	name   string
}

func (f *steadyFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err != io.EOF {
		return n, err
	}
	now, statErr := f.Stat()
	if statErr != nil {
		return n, fmt.Errorf("look at the file again: %w", statErr)
	}
	if now.Size() != f.before.Size() || !now.ModTime().Equal(f.before.ModTime()) {
		return n, stillWritten(f.name)
	}
	return n, io.EOF
}
