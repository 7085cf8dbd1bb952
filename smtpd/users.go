package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/argon2"

	"pabal/eml"
)

const (
	// The cost of a password check: 19 MiB, 2 passes, 1 lane, which is OWASP's
	// password storage sheet for argon2id; 20 to 30 ms on one core.
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashLength = 32
	saltLength = 16

	// What a line of the file may ask for at most.
	maxHashMemory = 64 << 10
	maxHashPasses = 10
	maxHashLanes  = 4

	maxUsers       = 1000
	maxUsersFile   = 1 << 20
	maxUserName    = 64
	minPassword    = 8
	maxPassword    = 256
	usersFileGuard = 0o077 // bits that nobody but the owner may have
)

// ErrNoUser is a user name that is not in the file.
var ErrNoUser = errors.New("no such user")

// Users are those who may log in: a file with a line "name:hash" each, the hash
// in the PHC form of argon2id. The file is read anew when it changes, so that
// who is added or removed needs no restart. All methods may be called at the
// same time; one process at a time may add and remove.
type Users struct {
	path string
	turn chan struct{} // holds a value while a password is checked

	mu     sync.Mutex
	seen   os.FileInfo // of the file as it was read; nil when there was none
	hashes map[string]hash
}

// hash is one line's password.
type hash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

// OpenUsers is the file at path. It need not be there yet.
func OpenUsers(path string) *Users {
	return &Users{path: path, turn: make(chan struct{}, 1)}
}

// Any reports whether anybody can log in. A file that cannot be read is an
// error, in two parts for people.
func (u *Users) Any() (bool, error) {
	hashes, err := u.current()
	return len(hashes) > 0, err
}

// List are the names, sorted.
func (u *Users) List() ([]string, error) {
	hashes, err := u.current()
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, err
}

// Check reports whether the password is the user's. It takes the same time for
// a user who is not there. One check runs at a time, which bounds memory and
// CPU; ctx bounds the wait for it.
func (u *Users) Check(ctx context.Context, name, password string) (bool, error) {
	hashes, err := u.current()
	if err != nil {
		return false, err
	}
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	h, known := hashes[name]
	if !known {
		h = hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltLength), key: make([]byte, hashLength)}
	}
	got := argon2.IDKey([]byte(password[:min(len(password), maxPassword)]), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	same := subtle.ConstantTimeCompare(got, h.key) == 1
	return same && known && len(password) <= maxPassword, nil
}

// Set adds a user, or gives one a new password.
func (u *Users) Set(name, password string) error {
	if err := checkUser(name, password); err != nil {
		return err
	}
	hashes, err := u.current()
	if err != nil {
		return err
	}
	if _, known := hashes[name]; !known && len(hashes) >= maxUsers {
		return &eml.Problem{What: fmt.Sprintf("there are %d users already", maxUsers), Hint: "remove one with: pabal smtp-user remove NAME"}
	}
	h := hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltLength)}
	rand.Read(h.salt) // never fails
	h.key = argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, hashLength)
	hashes[name] = h
	return u.write(hashes)
}

// Remove takes a user out; ErrNoUser if it is not there.
func (u *Users) Remove(name string) error {
	hashes, err := u.current()
	if err != nil {
		return err
	}
	if _, known := hashes[name]; !known {
		return ErrNoUser
	}
	delete(hashes, name)
	return u.write(hashes)
}

func checkUser(name, password string) error {
	switch {
	case name == "" || len(name) > maxUserName || !printable(name) || strings.ContainsAny(name, ": #"):
		return &eml.Problem{What: "that is no user name", Hint: "1 to 64 ASCII characters, without blanks, : and #"}
	case len(password) < minPassword || len(password) > maxPassword:
		return &eml.Problem{What: fmt.Sprintf("the password has %d bytes", len(password)), Hint: fmt.Sprintf("%d to %d, without control characters", minPassword, maxPassword)}
	case strings.ContainsFunc(password, control) || strings.ContainsRune(password, '\t'):
		return &eml.Problem{What: "the password has control characters", Hint: fmt.Sprintf("%d to %d bytes without them", minPassword, maxPassword)}
	}
	return nil
}

// current is a copy of the users as the file has them now.
func (u *Users) current() (map[string]hash, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := os.Stat(u.path)
	if errors.Is(err, fs.ErrNotExist) {
		u.seen, u.hashes = nil, nil
		return map[string]hash{}, nil
	}
	if err != nil {
		return nil, u.unreadable(err.Error(), err)
	}
	if u.seen == nil || !os.SameFile(u.seen, info) || u.seen.Size() != info.Size() || !u.seen.ModTime().Equal(info.ModTime()) {
		hashes, err := u.read(info)
		if err != nil {
			return nil, err
		}
		u.seen, u.hashes = info, hashes
	}
	all := make(map[string]hash, len(u.hashes))
	for name, h := range u.hashes {
		all[name] = h
	}
	return all, nil
}

func (u *Users) unreadable(why string, err error) error {
	return &eml.Problem{What: "the file of SMTP users cannot be used: " + why, Hint: "it should be of mode 0600, belong to the user pabal runs as, and be written by: pabal smtp-user add NAME", Err: err}
}

func (u *Users) read(info os.FileInfo) (map[string]hash, error) {
	switch {
	case !info.Mode().IsRegular():
		return nil, u.unreadable(u.path+" is not a file", nil)
	case info.Mode().Perm()&usersFileGuard != 0:
		return nil, u.unreadable(u.path+" can be read by others", nil)
	case info.Size() > maxUsersFile:
		return nil, u.unreadable(u.path+" is larger than 1 MB", nil)
	}
	text, err := os.ReadFile(u.path)
	if err != nil {
		return nil, u.unreadable(err.Error(), err)
	}
	hashes, bad := parseUsers(text)
	if bad > 0 {
		return nil, u.unreadable(fmt.Sprintf("line %d of %s is not name:hash", bad, u.path), nil)
	}
	return hashes, nil
}

// parseUsers reads a file; bad is the number of the first line that is none of
// ours, zero if all are good. Empty lines and those that begin with # are left out.
func parseUsers(text []byte) (hashes map[string]hash, bad int) {
	hashes = map[string]hash{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, code, _ := strings.Cut(line, ":")
		h, err := parseHash(code)
		if err != nil || name == "" || len(name) > maxUserName || !printable(name) || len(hashes) >= maxUsers {
			return nil, n
		}
		hashes[name] = h
	}
	if lines.Err() != nil {
		return nil, 1
	}
	return hashes, 0
}

// parseHash reads $argon2id$v=19$m=19456,t=2,p=1$salt$key.
func parseHash(code string) (hash, error) {
	var h hash
	bad := errors.New("not an argon2id hash")
	fields := strings.Split(code, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, bad
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, bad
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(fields[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(fields[5])
	switch {
	case err1 != nil || err2 != nil,
		h.memory < 8 || h.memory > maxHashMemory || h.passes < 1 || h.passes > maxHashPasses || h.lanes < 1 || h.lanes > maxHashLanes,
		len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64:
		return h, bad
	}
	return h, nil
}

func (h hash) String() string {
	coding := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		coding.EncodeToString(h.salt), coding.EncodeToString(h.key))
}

// write puts a new file in the place of the old one: whoever reads sees one or
// the other whole, also after a crash.
func (u *Users) write(hashes map[string]hash) error {
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	var text bytes.Buffer
	fmt.Fprintf(&text, "# users of the SMTP server of pabal; written by pabal smtp-user, %s\n", time.Now().UTC().Format(time.RFC3339))
	for _, name := range names {
		fmt.Fprintf(&text, "%s:%s\n", name, hashes[name])
	}
	return replaceFile(u.path, text.Bytes())
}

// replaceFile writes a private file that belongs to the owner of its folder:
// root may write one for the user the daemon runs as.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, giveToOwner(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, openErr := os.Open(filepath.Dir(path))
	if openErr != nil {
		return nil // the name is there; only its way to the disk is not known
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// giveToOwner gives a file of root's to the owner of the folder it is in.
func giveToOwner(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}
