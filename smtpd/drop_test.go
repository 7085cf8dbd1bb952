package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pabal/spool"
)

// box is a server with a drop folder over a real spool. Nothing drains it.
type box struct {
	*Server
	t      *testing.T
	folder string
	store  string
	sp     *spool.Spool
}

func newBox(t *testing.T) *box {
	b := &box{t: t, folder: filepath.Join(t.TempDir(), "drop"), store: t.TempDir()}
	b.open()
	return b
}

func (b *box) open() {
	b.t.Helper()
	sp, err := spool.Open(b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	b.sp, b.Server = sp, New(sp)
	b.MaxMessageSize = 10000
	if err := b.OpenDrop(b.folder); err != nil {
		b.t.Fatal(err)
	}
}

// reopen is a restart.
func (b *box) reopen() {
	b.t.Helper()
	b.close()
	b.open()
}

func (b *box) close() {
	b.t.Helper()
	if err := errors.Join(b.drop.folder.close(), b.sp.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// takeUp runs the server for one round.
func (b *box) takeUp() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	gs := b.protocol(ctx)
	served := make(chan error, 1)
	l := &listener{Listener: b.drop.inside, server: b.Server}
	go func() { served <- gs.Serve(l) }()
	b.drop.forget()
	if err := b.drop.round(ctx); err != nil {
		b.t.Logf("round: %v", err)
		b.drop.failure.Store(new(string))
	}
	cancel()
	b.drop.inside.Close()
	<-served
	b.stop(gs)
	b.drop.inside = newInside()
	b.stopAt.Store(0)
}

func (b *box) mails() (to []string) {
	b.t.Helper()
	for m, err := range b.sp.Messages(nil) {
		if err != nil {
			b.t.Fatal(err)
		}
		to = append(to, m.To)
	}
	slices.Sort(to)
	return to
}

// files are the names in the folder and in bad.
func (b *box) files() (here, bad []string) {
	b.t.Helper()
	for dir, list := range map[string]*[]string{b.folder: &here, filepath.Join(b.folder, badFolder): &bad} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != badFolder {
				*list = append(*list, e.Name())
			}
		}
	}
	return here, bad
}

func letterTo(to ...string) Letter {
	return Letter{From: "app@example.com", To: to, Text: []byte("From: app@example.com\r\nSubject: 안녕\r\n\r\nhi\r\n.\r\n")}
}

func (b *box) put(l Letter) string {
	b.t.Helper()
	name, err := Drop(b.folder, l)
	if err != nil {
		b.t.Fatal(err)
	}
	return name
}

func TestDropsAreTakenUpOnce(t *testing.T) {
	b := newBox(t)
	defer b.close()
	b.Aliases = writeAliases(t, "root: ops@example.com\n")
	b.put(letterTo("a@example.net", "b@example.net"))
	b.put(letterTo("root@localhost"))
	b.takeUp()
	if got := b.mails(); !slices.Equal(got, []string{"a@example.net", "b@example.net", "ops@example.com"}) {
		t.Errorf("queued for %q", got)
	}
	if here, bad := b.files(); len(here)+len(bad) > 0 {
		t.Errorf("left: %q, bad: %q", here, bad)
	}
	if names, err := b.sp.Once(10); err != nil || len(names) > 0 {
		t.Errorf("names kept: %q, %v", names, err)
	}
	if st := b.Stats().Drop; st.Taken != 2 || st.SetAside != 0 || st.Folder != b.folder {
		t.Errorf("stats %+v", st)
	}
	// Each mail: EHLO, MAIL, RCPT (two in the first), the text, QUIT.
	if st := b.Stats(); st.Entrances[ByDrop] != 3 || st.Entrances[BySMTP]+st.Entrances[BySocket] != 0 || st.Replies["220"] != 2 || st.Replies["354"] != 2 || st.Replies["250"] != 2*3+3 {
		t.Errorf("stats %+v", st)
	}
	var text bytes.Buffer
	if err := b.sp.Body("q1", &text); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("(uid %d, from the drop folder)", os.Getuid()); !strings.Contains(text.String(), want) || !strings.HasSuffix(text.String(), "hi\r\n.\r\n") {
		t.Errorf("stored %q, want %q", text.String(), want)
	}
}

// TestACrashBetweenPutAndUnlinkMailsOnce has the file there again after its
// mail was stored, as it is when the daemon dies between the two.
func TestACrashBetweenPutAndUnlinkMailsOnce(t *testing.T) {
	b := newBox(t)
	defer func() { b.close() }()
	name := b.put(letterTo("a@example.net"))
	raw, err := os.ReadFile(filepath.Join(b.folder, name))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	gs := b.protocol(ctx)
	served := make(chan error, 1)
	go func() { served <- gs.Serve(&listener{Listener: b.drop.inside, server: b.Server}) }()
	l, uid, err := readDrop(b.drop.folder.root, name, 1<<20, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.drop.converse(ctx, peer{uid: uid, once: name}, l); err != nil { // and no unlink
		t.Fatal(err)
	}
	b.drop.inside.Close()
	<-served
	b.stop(gs)
	b.reopen()
	b.takeUp()
	if got := b.mails(); len(got) != 1 {
		t.Errorf("queued for %q, want one mail", got)
	}
	if here, _ := b.files(); len(here) > 0 {
		t.Errorf("left: %q", here)
	}
	// The name is free when its file is gone, and only then.
	if err := os.WriteFile(filepath.Join(b.folder, name), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b.takeUp()
	if got := b.mails(); len(got) != 2 {
		t.Errorf("queued for %q, want the new file's mail too", got)
	}
}

// A caller who is told that nothing was kept submits again: then nothing may
// have been.
func TestADropThatIsNotDurableIsTakenBackUnlessItIsTakenUp(t *testing.T) {
	b := newBox(t)
	defer b.close()
	broken := errors.New("the disk is broken")
	if _, err := dropWith(b.folder, letterTo("a@example.net"), func(*os.File) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	b.takeUp()
	if here, _ := b.files(); len(here) > 0 || len(b.mails()) > 0 {
		t.Errorf("left %q, mails %q", here, b.mails())
	}
	if _, err := dropWith(b.folder, letterTo("b@example.net"), func(*os.File) error { b.takeUp(); return broken }); err != nil {
		t.Errorf("%v, of a mail that the daemon has", err)
	}
	if got := b.mails(); !slices.Equal(got, []string{"b@example.net"}) {
		t.Errorf("mails to %q", got)
	}
}

func TestHostileFilesAreSetAside(t *testing.T) {
	b := newBox(t)
	defer b.close()
	good, err := appendDrop(nil, letterTo("victim@example.net"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	write := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(elsewhere, good)
	n := 0
	at := func() string { n++; return filepath.Join(b.folder, strings.Repeat(string(rune('a'+n)), 26)) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Symlink(elsewhere, at()))
	check(unix.Mkfifo(at(), 0o666))
	check(os.Link(elsewhere, at()))
	check(os.Mkdir(at(), 0o755))
	write(at(), bytes.Repeat([]byte("x"), 3<<20))
	write(at(), good[:len(good)-10])
	write(at(), bytes.Replace(good, []byte("victim"), []byte("wictim"), 1))
	write(at(), nil)
	write(at(), append(slices.Clone(good), "more"...))
	write(filepath.Join(b.folder, "README"), good)
	b.takeUp()
	if got := b.mails(); len(got) > 0 {
		t.Errorf("mailed to %q", got)
	}
	here, bad := b.files()
	if len(here) > 0 || len(bad) != 10 {
		t.Errorf("left %q, set aside %q, want 10 of them", here, bad)
	}
	if st := b.Stats().Drop; st.SetAside != 10 {
		t.Errorf("stats %+v", st)
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Error(err)
	}
	// One that is good goes through all the same.
	b.put(letterTo("a@example.net"))
	b.takeUp()
	if got := b.mails(); !slices.Equal(got, []string{"a@example.net"}) {
		t.Errorf("queued for %q", got)
	}
}

func TestUnfinishedDropsAreRemovedAfterADay(t *testing.T) {
	b := newBox(t)
	defer b.close()
	path := filepath.Join(b.folder, dropTmp+strings.Repeat("a", 26))
	if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.takeUp()
	if here, bad := b.files(); len(here) != 1 || len(bad) != 0 {
		t.Errorf("left %q, bad %q: its writer may still be at it", here, bad)
	}
	odd, owner := dropTmp+strings.Repeat("b", 26), os.Getuid()
	if err := os.Mkdir(filepath.Join(b.folder, odd), 0o755); err != nil { // by somebody hostile
		t.Fatal(err)
	}
	if os.Chown(filepath.Join(b.folder, odd), 65534, -1) == nil { // as root
		owner = 65534
	}
	var log logged
	b.Logger = slog.New(slog.NewTextHandler(&log, nil))
	now := time.Now()
	b.now = func() time.Time { return now.Add(25 * time.Hour) }
	b.takeUp()
	if here, bad := b.files(); len(here) > 0 || len(bad) != 1 {
		t.Errorf("left %q, bad %q, want the folder to be set aside", here, bad)
	}
	if removed, told := log.count("unfinished drop removed"), log.count(fmt.Sprintf("drop set aside\" part=smtpd file=%s uid=%d ", odd, owner)); removed != 1 || told != 1 {
		t.Errorf("%d removed, %d set aside with the owner's number: %s", removed, told, log.text.String())
	}
}

func TestARefusedDropIsSetAsideAndNotSent(t *testing.T) {
	b := newBox(t)
	defer b.close()
	b.SenderAllowed = func(context.Context, string) (bool, error) { return false, nil }
	b.put(letterTo("a@example.net"))
	b.takeUp()
	if here, bad := b.files(); len(here) > 0 || len(bad) != 1 || len(b.mails()) > 0 {
		t.Errorf("left %q, bad %q, mails %q", here, bad, b.mails())
	}
	b.reopen()
	if st := b.Stats().Drop; st.SetAside != 1 {
		t.Errorf("after a restart: %+v", st)
	}
}

func TestAUserWhoDropsTooMuchWaits(t *testing.T) {
	b := newBox(t)
	defer b.close()
	b.UserRate = 3
	for i := range 5 {
		b.put(letterTo(fmt.Sprintf("u%d@example.net", i)))
	}
	b.takeUp()
	if here, bad := b.files(); len(b.mails()) != 3 || len(here) != 2 || len(bad) > 0 {
		t.Errorf("%d mails, %d left, %d bad, want 3, 2, 0", len(b.mails()), len(here), len(bad))
	}
	now := time.Now()
	b.now = func() time.Time { return now.Add(2 * time.Minute) }
	b.takeUp()
	if here, _ := b.files(); len(b.mails()) != 5 || len(here) > 0 {
		t.Errorf("%d mails, %d left, want 5, 0", len(b.mails()), len(here))
	}
}

func TestAFullQueueLeavesDropsWhereTheyAre(t *testing.T) {
	b := newBox(t)
	defer b.close()
	q := &memory{}
	q.room(spool.ErrFull)
	b.queue = q
	b.put(letterTo("a@example.net"))
	b.takeUp()
	if here, bad := b.files(); len(here) != 1 || len(bad) > 0 || len(q.all()) > 0 {
		t.Errorf("left %q, bad %q, mails %v", here, bad, q.all())
	}
	q.room(nil)
	b.takeUp()
	if here, _ := b.files(); len(here) > 0 || len(q.all()) != 1 || q.all()[0].env.Once == "" {
		t.Errorf("left %q, mails %v", here, q.all())
	}
}

func TestTheFolderIsOpenToAllAndReadableByNone(t *testing.T) {
	b := newBox(t)
	defer b.close()
	info, err := os.Stat(b.folder)
	if err != nil || info.Mode().Perm() != 0o733 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("mode %v, %v, want 1733", info.Mode(), err)
	}
	if info, err = os.Stat(filepath.Join(b.folder, badFolder)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("bad has mode %v, %v, want 0700", info.Mode(), err)
	}
	name := b.put(letterTo("a@example.net"))
	if info, err = os.Stat(filepath.Join(b.folder, name)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a drop has mode %v, %v, want 0644: the daemon is another user", info.Mode(), err)
	}
}

func FuzzDrop(f *testing.F) {
	good, err := appendDrop(nil, letterTo("a@example.net", "root@localhost"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("pabal-drop 1 -5 99999999\n{}"))
	f.Add([]byte("pabal-drop 1 2 0\n{}\nend 00\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseDrop(raw)
		if err != nil {
			return
		}
		again, err := appendDrop(nil, l)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseDrop(again); err != nil || back.From != l.From || !slices.Equal(back.To, l.To) || !bytes.Equal(back.Text, l.Text) {
			t.Fatalf("%+v came back as %+v, %v", l, back, err)
		}
		for _, to := range l.To {
			if strings.ContainsAny(to, "\r\n<>") {
				t.Fatalf("recipient %q", to)
			}
		}
	})
}
