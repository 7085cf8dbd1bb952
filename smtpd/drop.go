package smtpd

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

// The drop folder is where sendmail leaves a mail when the daemon does not take
// it. It belongs to the daemon's user with mode 1733: everybody may put files
// in, nobody else may see which are there. A file is a drop:
//
//	pabal-drop 1 ENVELOPE TEXT\n   lengths in bytes
//	{"from":"…","to":["…"]}        the envelope
//	From: …                        the text, lines as they came
//	\nend SHA-256\n                of all before the mark, in hex
//
// It is written under tmp.NAME, made readable (the daemon is another user; the
// name, 130 random bits, is what keeps others away), synced, and renamed to
// NAME. The caller may not open the folder, so the rename is made durable by
// syncfs(2).

const (
	dropMagic    = "pabal-drop 1 "
	dropMark     = "\nend "
	dropTail     = len(dropMark) + 2*sha256.Size + 1
	dropTmp      = "tmp."
	maxEnvelope  = 1 << 20  // bytes; a thousand addresses have a third of that
	maxTextBytes = 30 << 20 // SES takes no larger mail, see maxMail
)

// dropName is what a finished drop is called: rand.Text in lower case.
var dropName = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Letter is one mail on its way into the spool.
type Letter struct {
	From string   `json:"from"` // envelope sender, "" for the null sender
	To   []string `json:"to"`   // at most 1,000
	Text []byte   `json:"-"`    // header and body
	Name string   `json:"-"`    // of its file, 26 letters and digits of base32; "" for any
}

// appendDrop appends a letter in the format of a drop.
func appendDrop(dst []byte, l Letter) ([]byte, error) {
	envelope, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write an envelope: %w", err)
	}
	start := len(dst)
	dst = fmt.Appendf(dst, "%s%d %d\n", dropMagic, len(envelope), len(l.Text))
	dst = append(append(dst, envelope...), l.Text...)
	sum := sha256.Sum256(dst[start:])
	return append(hex.AppendEncode(append(dst, dropMark...), sum[:]), '\n'), nil
}

// parseDrop reads a drop. What is cut short, changed or larger than allowed is
// an error; the text shares raw's memory.
func parseDrop(raw []byte) (Letter, error) {
	var l Letter
	head, _, ok := bytes.Cut(raw[:min(len(raw), 64)], []byte("\n"))
	var envelope, text int
	if n, err := fmt.Sscanf(string(head), dropMagic+"%d %d", &envelope, &text); !ok || err != nil || n != 2 {
		return l, errors.New("it does not begin as a drop does")
	}
	if envelope < 0 || envelope > maxEnvelope || text < 0 || text > maxTextBytes {
		return l, errors.New("it is larger than a mail may be")
	}
	start := len(head) + 1
	end := start + envelope + text
	if len(raw) != end+dropTail || string(raw[end:end+len(dropMark)]) != dropMark || raw[len(raw)-1] != '\n' {
		return l, fmt.Errorf("it has %d bytes in place of %d, or no end mark: it was cut", len(raw), end+dropTail)
	}
	sum := sha256.Sum256(raw[:end])
	if hex.EncodeToString(sum[:]) != string(raw[end+len(dropMark):len(raw)-1]) {
		return l, errors.New("its checksum is wrong: it was changed")
	}
	if err := json.Unmarshal(raw[start:start+envelope], &l); err != nil {
		return l, errors.New("its envelope cannot be read")
	}
	if len(l.To) == 0 || len(l.To) > defaultRecipients {
		return l, fmt.Errorf("it has %d recipients, 1 to %d can be taken", len(l.To), defaultRecipients)
	}
	for _, address := range append(l.To, l.From) {
		if !printable(address) || strings.ContainsAny(address, "<> ") || len(address) > maxPathOctets {
			return l, errors.New("an address in it is none")
		}
	}
	l.Text = raw[start+envelope : end]
	return l, nil
}

func newDropName() string { return strings.ToLower(rand.Text()) }

// Drop stores a letter in the drop folder and returns its name once it is on
// disk. When that fails, nothing is left there that the daemon would send, and
// the error is a *eml.Problem. It may be called by any user and any number of
// processes at the same time.
func Drop(folder string, l Letter) (string, error) {
	return dropWith(folder, l, func(f *os.File) error { return unix.Syncfs(int(f.Fd())) })
}

// dropWith is Drop with what makes the rename durable.
func dropWith(folder string, l Letter, settle func(*os.File) error) (string, error) {
	raw, err := appendDrop(nil, l)
	if err != nil {
		return "", err
	}
	name := cmp.Or(l.Name, newDropName())
	tmp, final := filepath.Join(folder, dropTmp+name), filepath.Join(folder, name)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return "", dropProblem(folder, err)
	}
	defer f.Close() // an error shows before, in Sync
	if err := writeDrop(f, raw); err != nil {
		return "", dropProblem(folder, errors.Join(err, os.Remove(tmp)))
	}
	if err := os.Rename(tmp, final); err != nil {
		return "", dropProblem(folder, errors.Join(err, os.Remove(tmp)))
	}
	if err := settle(f); err != nil {
		gone := os.Remove(final)
		if errors.Is(gone, fs.ErrNotExist) { // the daemon has taken it up already
			return name, nil
		}
		return "", dropProblem(folder, errors.Join(err, gone))
	}
	return name, nil
}

func writeDrop(f *os.File, raw []byte) error {
	if err := f.Chmod(0o644); err != nil { // whatever the umask
		return err
	}
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.Sync()
}

func dropProblem(folder string, err error) error {
	p := &eml.Problem{What: "the mail cannot be kept in " + folder + ": " + cause(err), Hint: "submit it again later", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Hint = "start the daemon, pabal serve, which makes the folder; then submit the mail again"
	case errors.Is(err, fs.ErrPermission):
		p.Hint = "the folder must belong to the user pabal runs as, with mode 1733"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		p.Hint = "make room on the disk, then submit the mail again"
	}
	return p
}

// openDrop opens a file of the folder without being led elsewhere or held up,
// and says who owns it. What is no drop of the size allowed is an error.
func openDrop(root *os.File, name string, limit int64) (*os.File, uint32, error) {
	fd, err := unix.Openat(int(root.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, 0, errors.New("it is a symbolic link")
	case errors.Is(err, unix.ENXIO):
		return nil, 0, errors.New("it is no file")
	case err != nil:
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = errors.New("it is no file")
	case st.Nlink != 1:
		err = fmt.Errorf("it has %d names: it may be another user's file", st.Nlink)
	case st.Size > limit:
		err = fmt.Errorf("it has %d bytes, at most %d can be taken", st.Size, limit)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Uid, nil
}

// errLater is a drop of a user who sends too much for now.
var errLater = errors.New("too much of this user")

// readDrop reads the letter in a file of the folder, unless its owner is among
// those whose mail has to wait: errLater.
func readDrop(root *os.File, name string, limit int64, later map[uint32]bool) (l Letter, uid uint32, err error) {
	f, uid, err := openDrop(root, name, limit)
	if err != nil {
		return l, 0, err
	}
	if later[uid] {
		return l, uid, errors.Join(errLater, f.Close())
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1)) // it may grow while it is read
	if err = errors.Join(err, f.Close()); err != nil {
		return l, uid, err
	}
	l, err = parseDrop(raw)
	return l, uid, err
}

// age is how long ago a file of the folder was written.
func age(info fs.FileInfo, now time.Time) time.Duration { return now.Sub(info.ModTime()) }
