package smtpd

import (
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"
)

var (
	// tooMany is the answer to one recipient more than a mail may have. A client
	// can send the rest in a second mail; a letter goes whole or not at all.
	tooMany = smtp.EnhancedCode{4, 5, 3}
	// misconfigured is RFC 3463's code for a fault in our own settings.
	misconfigured = smtp.EnhancedCode{4, 3, 5}
)

// forGood reports whether a letter that got this answer would get it again.
func forGood(r *smtp.SMTPError) bool { return r.Code >= 500 || r.EnhancedCode == tooMany }

var errBadFull = errors.New("the folder bad is full")

// bad moves a file that cannot be sent to the bad folder, where it stays for a
// person to look at. One that cannot be moved stays, and is told once.
func (d *dropBox) bad(name string, why error) {
	log := d.server.log().With("file", name, "uid", d.folder.owner(name))
	err := d.move(name)
	if err == nil {
		log.Error("drop set aside", "folder", d.folder.bad.Name(), "err", why)
		return
	}
	if len(d.told) < maxTold {
		d.told[name] = true
		log.Error("drop cannot be sent and cannot be moved", "err", fmt.Errorf("%w; and it stays: %w", why, err))
	}
}

// move moves a file to the bad folder, if that has room.
func (d *dropBox) move(name string) error {
	if d.setAside.Load() >= maxSetAside {
		return errBadFull
	}
	err := d.folder.putAside(name)
	if err == nil {
		d.setAside.Add(1)
		delete(d.told, name)
	}
	return err
}

// countBad counts what lies in the bad folder: a person takes things out.
func (d *dropBox) countBad() {
	names, err := namesIn(d.folder.bad)
	if err == nil {
		d.setAside.Store(int64(len(names)))
	}
}

func (s *Server) dropStats() *DropStats {
	d := s.drop
	if d == nil {
		return s.noDrop
	}
	st := &DropStats{Folder: d.path, Taken: d.taken.Load(), Waiting: d.waiting.Load(), SetAside: d.setAside.Load()}
	if text := d.failure.Load(); text != nil {
		st.Error = *text
	}
	return st
}
