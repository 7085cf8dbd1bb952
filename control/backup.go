package control

import (
	"context"
	"io"
	"net/http"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// backupPatience is how long a reader of a backup may not read: while one is
// written the stores' files grow by what is written to them.
const backupPatience = time.Minute

// ArchiveType is the content type of a backup.
const ArchiveType = "application/zstd"

// backup writes an archive as it is made. What goes wrong after its first byte
// breaks the connection off, so that nobody takes it for a whole one.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	if s.Backup == nil {
		refuse(w, invalid("this daemon makes no backups", "is the command's version the daemon's? pabal version"))
		return
	}
	if !s.backups.TryLock() {
		refuse(w, &eml.Problem{What: "a backup is being made already", Hint: "wait for it; see who makes it in the log", Err: spool.ErrState})
		return
	}
	defer s.backups.Unlock()
	s.Logger.Info("backup asked for", "uid", peerOf(r.Context()).UID, "pid", peerOf(r.Context()).PID)
	out := &patient{w: w}
	err := s.Backup(r.Context(), out)
	switch {
	case err == nil:
	case out.begun:
		s.Logger.Error("backup broke off", "err", err)
		panic(http.ErrAbortHandler) // the only way to tell the reader
	default:
		refuse(w, err)
	}
}

// patient is an answer whose reader has a time for each part of it.
type patient struct {
	w     http.ResponseWriter
	begun bool
}

func (p *patient) Write(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		p.w.Header().Set("Content-Type", ArchiveType)
	}
	if err := http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(backupPatience)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

// Backup writes a backup of everything the daemon keeps to w, while it works. By
// an error what was written is no backup.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, "/v0/backup", nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read to its end, or broken
	out := &keeper{w: w}
	if _, err := io.Copy(out, resp.Body); err != nil {
		if out.err != nil {
			return out.err // the disk's, not the daemon's
		}
		return c.unreachable(err)
	}
	return nil
}

// keeper keeps the error of a writer.
type keeper struct {
	w   io.Writer
	err error
}

func (k *keeper) Write(b []byte) (int, error) {
	n, err := k.w.Write(b)
	if err != nil {
		k.err = err
	}
	return n, err
}
