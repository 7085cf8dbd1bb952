package smtpd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pabal/spool"
)

// A mail of sendmail has one name wherever it goes: that of its file, should it
// be dropped. sendmail greets the daemon with it, the daemon stores it with the
// mail (spool.Envelope.Once), and when the answer is lost the mail is dropped
// under that name, so that the daemon finds that it has it already.
//
// A name is let go of when nobody will drop a file under it any more: sendmail
// said QUIT after the answer; its file was taken up and removed; or two looks,
// an hour apart, found no file. sendmail waits 2 minutes for an answer.

const (
	// onceDomain is behind the name in sendmail's greeting. No host is called so
	// (RFC 6761 6.4).
	onceDomain = ".drop.invalid"
	nameLooks  = time.Hour
	maxNames   = 100_000 // looked at together; one user submits 36,000 mails an hour
)

// greeting is how sendmail introduces itself with a letter.
func (l Letter) greeting() string {
	if l.Name == "" {
		return "localhost"
	}
	return l.Name + onceDomain
}

// once is the name under which the session's next mail is stored, "" for none.
// A user of this host may give one, for one mail: a second would not be stored.
func (s *session) once() string {
	p, local := peerOf(s.conn.Conn())
	if p.once != "" || !local || s.server.drop == nil || s.named != "" {
		return p.once
	}
	if name, found := strings.CutSuffix(s.conn.Hostname(), onceDomain); found && dropName.MatchString(name) {
		return name
	}
	return ""
}

// spend notes the name a mail was stored under, if a user gave it.
func (s *session) spend(name string) {
	if p, _ := peerOf(s.conn.Conn()); p.once == "" && name != "" {
		s.named = name
	}
}

// knownNames are names in the spool on their way to be forgotten.
type knownNames struct {
	mu       sync.Mutex
	answered []string // sendmail has its answer

	looked  time.Time           // of the folder's goroutine, as without is
	without map[string]struct{} // those that had no file then
}

// answer notes that whoever gave the name will drop nothing under it.
func (k *knownNames) answer(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answered = append(k.answered, name)
}

// take are the names noted, which are the caller's now.
func (k *knownNames) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	names := k.answered
	k.answered = nil
	return names
}

// forget lets go of names nobody will drop a file under any more.
func (d *dropBox) forget() {
	err := d.letGo(d.known.take())
	if now := d.server.now(); err == nil && now.Sub(d.known.looked) >= nameLooks {
		d.known.looked = now
		err = d.look()
	}
	if err != nil {
		d.server.log().Warn("names of drops not forgotten", "err", err)
	}
}

// look finds the names that have no file, and lets go of those that had none at
// the look before: a daemon before this one removed it, or there was none.
func (d *dropBox) look() error {
	names, err := d.server.names.Once(maxNames)
	if err != nil {
		return err
	}
	before := d.known.without
	d.known.without = map[string]struct{}{}
	var gone []string
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(d.path, name)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, found := before[name]; found {
			gone = append(gone, name)
		} else {
			d.known.without[name] = struct{}{}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := d.folder.sync(); err != nil { // a removal that a crash undoes would mail it again
		return err
	}
	return d.letGo(gone)
}

// letGo forgets names, as many together as the spool takes.
func (d *dropBox) letGo(names []string) error {
	for part := range slices.Chunk(names, spool.MaxBatch) {
		if err := d.server.names.Forget(part); err != nil {
			return err
		}
	}
	return nil
}

// names is what the drop folder needs of the spool.
type names interface {
	Once(n int) ([]string, error)
	Forget(names []string) error
}

var _ names = (*spool.Spool)(nil)
