package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/smtpd"
)

// verdict is what the one who hands a mail in learns of it.
type verdict uint8

const (
	inDoubt  verdict = iota // the connection broke behind the text, or the program was killed
	taken                   // 250, or exit code 0
	refused                 // 4xx, exit code 75, or nobody was there: nothing may be sent
	rejected                // any other answer: whoever got it drops the mail
	verdicts = 4
)

// entrance is a way for mail to come in: hand hands one in to one recipient.
type entrance struct {
	name string
	hand func(to string) verdict
}

const (
	entranceKills  = 5
	entranceLife   = 700 * time.Millisecond // of the daemon between two kills, at most
	entranceAbsent = 300 * time.Millisecond // between a kill and a start, at most
	programLife    = 150 * time.Millisecond // of a sendmail that is killed, at most
)

func entranceMail(to string) string {
	return "From: ERP <erp@example.com>\r\nTo: <" + to + ">\r\nSubject: entrance\r\n\r\n" + strings.Repeat("안녕하세요.\r\n", 20)
}

// overSMTP hands a mail in over a connection. Before the text has ended nothing
// can come of it, whatever breaks.
func overSMTP(network, address string, startTLS bool) func(string) verdict {
	return func(to string) verdict {
		conn, err := net.DialTimeout(network, address, readyWithin)
		if err != nil {
			return refused
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(readyWithin)); err != nil {
			return refused
		}
		text, err := beginMail(conn, to, startTLS)
		if err == nil {
			_, err = text.Write([]byte(entranceMail(to)))
		}
		if err != nil {
			return judged(err, refused)
		}
		return judged(text.Close(), inDoubt)
	}
}

// judged is the verdict of an answer; broken is that of none.
func judged(err error, broken verdict) verdict {
	answer, answered := errors.AsType[*textproto.Error](err)
	switch {
	case err == nil:
		return taken
	case !answered:
		return broken
	case answer.Code >= 500:
		return rejected
	}
	return refused
}

type closer interface {
	Write([]byte) (int, error)
	Close() error
}

// beginMail holds a conversation up to the text.
func beginMail(conn net.Conn, to string, startTLS bool) (closer, error) {
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return nil, err
	}
	if startTLS {
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.Mail("erp@example.com"), c.Rcpt(to)); err != nil {
		return nil, err
	}
	return c.Data()
}

// bySendmail hands a mail in with the program; one with a life is killed at some
// instant of it.
func bySendmail(env []string, life time.Duration) func(string) verdict {
	return func(to string) verdict {
		cmd := exec.Command("sendmail", "-i", "-f", "erp@example.com", to)
		cmd.Env, cmd.Stdin = env, strings.NewReader(entranceMail(to))
		if err := cmd.Start(); err != nil {
			return refused
		}
		if life > 0 {
			killer := time.AfterFunc(rand.N(life), func() { _ = cmd.Process.Kill() }) // it may have ended
			defer killer.Stop()
		}
		_ = cmd.Wait() // how it ended is in ProcessState
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return inDoubt
		}
		switch cmd.ProcessState.ExitCode() {
		case 0:
			return taken
		case smtpd.ExitTempFail:
			return refused
		}
		return rejected
	}
}

// doorbook is what was handed in where, and what was said.
type doorbook struct {
	mu    sync.Mutex
	next  int
	mails map[string]verdict // by the one recipient each has
	sums  map[string]*[verdicts]int
}

func newDoorbook() *doorbook {
	return &doorbook{mails: map[string]verdict{}, sums: map[string]*[verdicts]int{}}
}

// hand hands one mail in at an entrance.
func (b *doorbook) hand(d entrance) verdict {
	b.mu.Lock()
	b.next++
	to := fmt.Sprintf("mail%d@example.net", b.next)
	b.mu.Unlock()
	v := d.hand(to)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails[to] = v
	if b.sums[d.name] == nil {
		b.sums[d.name] = new([verdicts]int)
	}
	b.sums[d.name][v]++
	return v
}

// use hands in mails at every entrance, one after the other at each, until ctx
// ends.
func (b *doorbook) use(ctx context.Context, doors []entrance) (wait func()) {
	var all sync.WaitGroup
	for _, d := range doors {
		all.Go(func() {
			for ctx.Err() == nil {
				if b.hand(d) != taken { // nobody there: do not spin
					pause(ctx, 10*time.Millisecond)
				}
			}
		})
	}
	return all.Wait
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// doorHost is a host whose daemons listen at one place, however often they are
// started, and every entrance it has.
func doorHost(t *testing.T, settings ...string) (*host, []entrance) {
	t.Helper()
	address := freePort(t)
	h := newHost(t, emulator.Options{Rate: 500, Quota: -1, Latency: 2 * time.Millisecond, Keep: -1},
		append([]string{"PABAL_SMTP_LISTEN=" + address, "PABAL_SMTP_TLS_CERTIFICATE=self-signed", "PABAL_SMTP_SUBMIT_RATE=0", "PABAL_SMTP_ALIASES="}, settings...)...)
	dropping := append(slices.Clone(h.env), "PABAL_SMTP_SUBMIT_SOCKET=")
	return h, []entrance{
		{"SMTP", overSMTP("tcp", address, false)},
		{"STARTTLS", overSMTP("tcp", address, true)},
		{"submit socket", overSMTP("unix", filepath.Join(filepath.Dir(h.socket()), "submit.sock"), false)},
		{"sendmail", bySendmail(h.env, 0)},
		{"sendmail, killed", bySendmail(h.env, programLife)},
		{"drop folder", bySendmail(dropping, 0)},
		{"drop folder, sendmail killed", bySendmail(dropping, programLife)},
	}
}

// TestEveryEntranceOutlivesKillsOfTheDaemon has mails handed in at every
// entrance while the daemon is killed, is absent and comes again: what was
// acknowledged is sent, what was refused is not, and nothing is stored twice.
func TestEveryEntranceOutlivesKillsOfTheDaemon(t *testing.T) {
	h, doors := doorHost(t)
	p := h.serve()
	books := newDoorbook()
	ctx, cancel := context.WithCancel(t.Context())
	wait := books.use(ctx, doors)
	for range entranceKills {
		pause(t.Context(), rand.N(entranceLife))
		p.kill()
		pause(t.Context(), rand.N(entranceAbsent))
		p = h.serve()
	}
	cancel()
	wait()
	books.prove(t, h, doors, filepath.Join(h.dir, "data", "drop"))
	h.stop(p)
}

// awaitDrops waits until the daemon has taken up every drop.
func awaitDrops(t *testing.T, folder string) {
	t.Helper()
	deadline, tick := time.After(crashPatience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "bad" && !strings.HasPrefix(e.Name(), "tmp.") }) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d files are still there", len(entries))
		}
	}
}

// prove waits until all is sent and compares what was said with what SES and
// the spool have.
func (b *doorbook) prove(t *testing.T, h *host, doors []entrance, drop string) {
	t.Helper()
	awaitDrops(t, drop)
	waitEmpty(t, h.client())
	for _, d := range doors {
		sums := b.sums[d.name]
		t.Logf("%s: %d taken, %d refused, %d in doubt", d.name, sums[taken], sums[refused], sums[inDoubt])
		if sums[taken] == 0 || sums[rejected] > 0 {
			t.Errorf("%s took %d mails and rejected %d: want some and none", d.name, sums[taken], sums[rejected])
		}
	}
	copies := map[string]int{}
	for one := range h.ses.Log() {
		copies[one.To[0]]++
	}
	stored, listed := storedMails(t, h.client())
	for to, v := range b.mails {
		switch {
		case v == taken && copies[to] == 0:
			t.Errorf("the mail to %s was acknowledged and is lost", to)
		case v == refused && copies[to]+stored[to] > 0:
			t.Errorf("the mail to %s was refused and is sent (%d) or stored (%d)", to, copies[to], stored[to])
		case stored[to] > 1:
			t.Errorf("the mail to %s is stored %d times", to, stored[to])
		case copies[to] > 1 && !listed[to]:
			t.Errorf("the mail to %s went out %d times and is not listed", to, copies[to])
		}
	}
	if bad, err := os.ReadDir(filepath.Join(drop, "bad")); err != nil || len(bad) > 0 {
		t.Errorf("set aside: %v, %v", bad, err)
	}
}

// storedMails are the messages for each address, and those that may have gone
// out twice.
func storedMails(t *testing.T, c *control.Client) (stored map[string]int, listed map[string]bool) {
	t.Helper()
	stored, listed = map[string]int{}, map[string]bool{}
	for m, err := range c.Messages(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		stored[m.To]++
		listed[m.To] = listed[m.To] || m.MaybeTwice
	}
	return stored, listed
}
