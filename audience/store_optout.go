package audience

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"pabal/eml"
)

// optOutLine is one line of optouts.log: no address in it, so that erasing a
// person leaves nothing here. Source says whose refusal it is, Suppress what
// becomes of the address's entry in the suppression list; a line has one of
// them or, for a bounce and a complaint, both. By says who chose what Topics and
// Frequency hold; it is no Source, so that nobody takes it for an end of all mail.
type optOutLine struct {
	At      time.Time `json:"at"`
	ID      uint64    `json:"id,omitempty"` // 0: nobody had the address
	Address string    `json:"address"`      // address hash in hex
	Source  Source    `json:"source,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Erased  bool      `json:"erased,omitempty"` // the person was erased, not opted out
	Until   uint64    `json:"until,omitempty"`  // of an erasure: the newest id given by then

	Suppress string `json:"suppress,omitempty"` // bounce, complaint, operator; none: an operator took it off

	By        Source          `json:"by,omitempty"`
	Topics    map[string]bool `json:"topics,omitempty"` // by id: wanted or not
	Frequency *string         `json:"frequency,omitempty"`
}

// maxLogLine bounds a line read back; ours are far shorter.
const maxLogLine = 64 << 10

// optOutLog is optouts.log. Its order is the order of the commits behind it,
// so that an offset in audience.db says which lines the store knows.
type optOutLog struct {
	mu   sync.Mutex
	f    *os.File
	size int64
	room int64 // blocks are kept up to here, so that a full disk does not refuse an opt-out
}

// logRoom is bytes: some thousand lines.
const logRoom = 1 << 20

// keepRoom keeps blocks past the end when half of them are used up.
func (l *optOutLog) keepRoom() {
	if l.room-l.size > logRoom/2 {
		return
	}
	l.room = l.size + logRoom
	// Where there is none to keep, the append itself will tell.
	_ = unix.Fallocate(int(l.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, l.size, logRoom)
}

// open opens or creates the log and ends a line that a crash left half-written.
func (l *optOutLog) open(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	l.f = f
	if l.size, err = f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	l.keepRoom()
	if l.size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, l.size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			_, err = l.append([]byte("\n"))
			return err
		}
		return nil
	}
	return syncDir(filepath.Dir(path))
}

func (l *optOutLog) close() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// append writes and syncs. What a full disk took in part is cut off again;
// final says that the file cannot be trusted any more.
func (l *optOutLog) append(b []byte) (final bool, err error) {
	if _, err = l.f.Write(b); err != nil {
		final = l.f.Truncate(l.size) != nil
	} else if err = l.f.Sync(); err != nil {
		final = true
	} else {
		l.size += int64(len(b))
		l.keepRoom()
		return false, nil
	}
	return final, fmt.Errorf("write %s (%w): free space or mend the disk, then try again", logName, err)
}

// logged puts lines on disk, then runs do in a commit that also notes that the
// store knows the log so far. Without a line it is update.
func (s *Store) logged(ctx context.Context, lines []optOutLine, do func(*update) error) error {
	if len(lines) == 0 {
		return s.update(ctx, do)
	}
	if err := errors.Join(s.Err(), ctx.Err()); err != nil {
		return err
	}
	var b []byte
	for _, line := range lines {
		one, err := json.Marshal(line)
		if err != nil {
			return err
		}
		b = append(append(b, one...), '\n')
	}
	s.optouts.mu.Lock()
	if final, err := s.optouts.append(b); err != nil {
		s.optouts.mu.Unlock()
		if final {
			s.db.Break(logName, err)
		}
		return err
	}
	mark := s.optouts.size
	done, err := s.db.Submit(context.WithoutCancel(ctx), s.job(func(u *update) error {
		if err := do(u); err != nil {
			return err
		}
		return u.tx.Bucket(bucketMeta).Put(metaOptOuts, key64(uint64(mark)))
	}))
	s.optouts.mu.Unlock()
	if err != nil {
		return err
	}
	return <-done
}

// Unsubscribe records an opt-out (source "" means the person): optouts.log is
// synced and audience.db committed before it returns. Repeating it within a
// minute changes nothing; later it moves the time of the refusal, so that no
// older word of theirs undoes it. ErrNotFound.
func (s *Store) Unsubscribe(ctx context.Context, id uint64, source Source, detail string) error {
	if source == "" {
		source = Person
	}
	if source.strength() == 0 {
		return fmt.Errorf("unknown source %q", source)
	}
	sub, err := s.Get(id)
	if err != nil {
		return err
	}
	at := s.now()
	if at.Before(sub.Consent.At) {
		at = sub.Consent.At // a clock set back does not make it older than what it ends
	}
	if sub.Consent.saysSame(source, at) {
		return nil
	}
	h := s.hash(sub.Email)
	line := optOutLine{At: at.UTC(), ID: id, Address: hex.EncodeToString(h[:]), Source: source, Detail: eml.Cut(detail, maxDetail)}
	return s.logged(ctx, []optOutLine{line}, func(u *update) error {
		if p, err := u.byHash(id, h); err != nil || p != nil && p.consent.saysSame(source, at) {
			return err // another click at the same time was first
		}
		return u.optOut(line)
	})
}

// UnsubscribeAddress is Unsubscribe for somebody whose id is gone, because
// their row was deleted and inserted again or a backup restored: it is for
// whoever has the address now, or else for the address alone, so that they stay
// unsubscribed should they come again. An *eml.AddressError.
func (s *Store) UnsubscribeAddress(ctx context.Context, email string, source Source, detail string) error {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return err
	}
	sub, err := s.ByEmail(address)
	if err == nil {
		err = s.Unsubscribe(ctx, sub.ID, source, detail)
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	at, h := s.now().UTC(), s.hash(address)
	var now Consent
	err = s.db.View(func(tx *bolt.Tx) error { now = addressConsent(tx.Bucket(bucketOptOuts), h); return nil })
	if err != nil || now.Source != "" && now.saysSame(source, at) {
		return err
	}
	line := optOutLine{At: at, Address: hex.EncodeToString(h[:]), Source: source, Detail: eml.Cut(detail, maxDetail)}
	return s.logged(ctx, []optOutLine{line}, func(u *update) error {
		p, err := u.find(h, address) // somebody may have come meanwhile
		if err != nil {
			return err
		}
		return u.refuse(p, h, Consent{Source: source, At: at}, line.Detail)
	})
}

// optOut applies a line: to the person while they have the address, else to
// the address alone.
func (u *update) optOut(line optOutLine) error {
	var h addressHash
	if n, err := hex.Decode(h[:], []byte(line.Address)); err != nil || n != len(h) {
		return fmt.Errorf("address hash %q is broken", line.Address)
	}
	if line.Erased {
		return u.eraseAgain(line, h)
	}
	p, err := u.byHash(line.ID, h)
	if err != nil {
		return err
	}
	if line.Source != "" {
		if err := u.refuse(p, h, Consent{Source: line.Source, At: line.At}, line.Detail); err != nil {
			return err
		}
	}
	if line.By != "" {
		if err := u.chooseAgain(p, h, line); err != nil {
			return err
		}
	}
	return u.listAgain(p, h, line)
}

// refuse applies a refusal to p, or to the address alone where p is nil.
func (u *update) refuse(p *person, h addressHash, said Consent, detail string) error {
	if p == nil {
		if c, v := decide(u.addressConsent(h), said, stated); v == applied {
			return u.markAddress(h, c)
		}
		return nil
	}
	v, err := u.say(p, h, said, stated, detail)
	if err != nil || v != applied {
		return err
	}
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// byHash is the subscriber with an address hash, looked for under id first.
func (u *update) byHash(id uint64, h addressHash) (*person, error) {
	if p, err := u.get(id); err == nil && u.s.hash(p.email) == h {
		return p, nil
	} else if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	prefix := key64(h.short())
	for k, _ := u.emails.Seek(prefix); len(k) == 16 && string(k[:8]) == string(prefix); k, _ = u.emails.Next() {
		p, err := u.get(number(k[8:]))
		if err == nil && u.s.hash(p.email) == h {
			return p, nil
		}
	}
	return nil, nil
}

// replay applies the lines of optouts.log that the store does not know: those
// written just before a crash, and all that are newer than a restored backup.
func (s *Store) replay() error {
	from, err := s.replayFrom()
	if err != nil || from == s.optouts.size {
		return err
	}
	in := bufio.NewReaderSize(io.NewSectionReader(s.optouts.f, from, s.optouts.size-from), maxLogLine)
	for done := from; done < s.optouts.size; {
		var lines []optOutLine
		for len(lines) < 1000 && done < s.optouts.size {
			b, err := in.ReadSlice('\n')
			done += int64(len(b))
			if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
				return fmt.Errorf("read %s: %w", logName, err)
			}
			if line, ok := readOptOut(b); ok {
				lines = append(lines, line)
			}
		}
		err := s.update(context.Background(), func(u *update) error { return u.replay(lines, done) })
		if err != nil {
			return err
		}
	}
	return nil
}

// readOptOut reads a line of the log; a torn one is not ours to guess.
func readOptOut(b []byte) (optOutLine, bool) {
	var line optOutLine
	if json.Unmarshal(b, &line) != nil {
		return line, false
	}
	_, err := hex.DecodeString(line.Address)
	return line, err == nil && len(line.Address) == 2*len(addressHash{}) && line.says()
}

// says reports whether a line says anything this version knows.
func (l *optOutLine) says() bool {
	return (l.Source == "" || l.Source.strength() > 0) && (l.By == "" || l.By.strength() > 0) && (l.Source != "" || l.By != "" || l.Suppress != "")
}

// maxJump bounds the ids that a line of the log may tell of.
const maxJump = 1 << 30

// replay applies lines. Ids that a restored backup does not know of yet are not
// given to others: an erasure and the links in mails name people by them.
func (u *update) replay(lines []optOutLine, mark int64) error {
	for _, line := range lines {
		if last := max(line.ID, line.Until); last > u.people.Sequence() && last-u.people.Sequence() < maxJump {
			if err := u.people.SetSequence(last); err != nil {
				return err
			}
		}
		if err := u.optOut(line); err != nil {
			return err
		}
	}
	return u.tx.Bucket(bucketMeta).Put(metaOptOuts, key64(uint64(mark)))
}

// replayFrom is the offset the store knows, or 0 where that does not fit the log.
func (s *Store) replayFrom() (int64, error) {
	var mark int64
	err := s.db.View(func(tx *bolt.Tx) error {
		mark = int64(number(tx.Bucket(bucketMeta).Get(metaOptOuts)))
		return nil
	})
	if err != nil || mark == 0 {
		return 0, err
	}
	last := make([]byte, 1)
	if _, err := s.optouts.f.ReadAt(last, mark-1); mark > s.optouts.size || err == io.EOF || last[0] != '\n' {
		return 0, nil // another log, or one cut short: read it all
	} else if err != nil {
		return 0, err
	}
	return mark, nil
}
