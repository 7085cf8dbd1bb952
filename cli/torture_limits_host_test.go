//go:build host

package cli

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

const (
	secondSays    = 2 * time.Second
	stopsWithin   = 12 * time.Second // open calls have 9 s, texts on their way 5 s
	fewFiles      = 64
	queuedMails   = 100_000
	queuedBytes   = 10 << 10
	acceptingFull = time.Second // with 100,000 queued
)

// tortureSecond starts a second daemon on the folder of one that works.
func tortureSecond(t *testing.T, row *row, runs int) {
	r := newRig(t, row, emulator.Options{}, "")
	r.start()
	r.warmUp()
	stop := r.load()
	for range runs {
		begun := time.Now()
		cmd := exec.Command("pabal", "serve")
		cmd.Env = r.env
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), fmt.Sprintf("(process %d)", r.p.Process.Pid)) {
			t.Errorf("got %v: %s", err, out)
		}
		if took := time.Since(begun); took > secondSays {
			t.Errorf("took %v to say so", took)
		}
		row.runs++
	}
	stop()
	r.prove()
	r.stop(r.p)
}

// tortureTerm ends the daemon under load, with clients that do nothing and one
// that is in the middle of a text. Nobody may be left in doubt.
func tortureTerm(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{}, "")
		r.start()
		r.warmUp()
		for range min(killsOfOneStore, runs-row.runs) {
			r.terminate(row.runs%3 == 0)
			row.runs++
			r.start()
			r.lookOver()
		}
		r.prove() // crashes is 0, and so must be those in doubt
		r.stop(r.p)
	})
}

func (r *rig) terminate(midText bool) {
	r.t.Helper()
	stop := r.load()
	idle, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	defer idle.conn.Close()
	if midText {
		defer r.halfAMail().conn.Close()
	}
	timer := time.NewTimer(longestLife / 2)
	<-timer.C
	begun := time.Now()
	if err := r.p.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	code, text, err := idle.reply()
	if err != nil || code != 421 {
		r.t.Errorf("an idle client was told %d %s, %v; want 421", code, text, err)
	}
	select {
	case <-r.p.ended:
	case <-time.After(2 * stopsWithin):
		r.t.Fatalf("still there after %v\n%s", 2*stopsWithin, r.log())
	}
	stop()
	if took := time.Since(begun); took > stopsWithin || !r.p.ProcessState.Success() {
		r.t.Errorf("ended after %v with %v\n%s", took, r.p.ProcessState, r.log())
	}
}

// halfAMail is a client that stops in the middle of its text.
func (r *rig) halfAMail() *smtpClient {
	r.t.Helper()
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	for _, line := range []string{"MAIL FROM:<erp@example.com>", "RCPT TO:<half@example.net>", "DATA"} {
		if code, text, err := c.say(line); err != nil || code >= 400 {
			r.t.Fatalf("%s: %d %s, %v", line, code, text, err)
		}
	}
	text, _ := mailText("half@example.net", largestMail)
	if _, err := c.conn.Write(text[:len(text)/2]); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// tortureFiles gives the daemon 64 file descriptors and more clients than that.
func tortureFiles(t *testing.T, row *row, runs int) {
	stores(t, row, runs, func(t *testing.T) {
		r := newRig(t, row, emulator.Options{}, "")
		limit := fmt.Sprintf("--nofile=%d:%d", fewFiles, fewFiles)
		if err := r.tryStart("prlimit", limit); err != nil {
			t.Fatalf("%v\n%s", err, r.log())
		}
		r.crowd(2 * fewFiles)
		row.runs++
		r.lookOver()
		r.prove()
		r.stop(r.p)
	})
}

// crowd opens more connections than there are descriptors, lets go of them, and
// wants to be served again.
func (r *rig) crowd(n int) {
	r.t.Helper()
	var all []io.Closer
	for range n {
		conn, err := dialRaw(r.p.where.SMTP[0])
		if err != nil {
			break // refused or reset: as good an answer as any
		}
		all = append(all, conn)
	}
	for _, conn := range all {
		conn.Close()
	}
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatalf("not accepting any more: %v\n%s", err, r.log())
	}
	defer c.conn.Close()
	if s, err := c.submit(r.books, mailSize()); err != nil || s.code != 250 {
		r.t.Errorf("after the crowd: %d %s, %v", s.code, s.reply, err)
	}
}

// tortureConnections opens as many as are allowed, and then one more.
func tortureConnections(t *testing.T, row *row, runs int) {
	r := newRig(t, row, emulator.Options{}, "")
	r.start()
	for row.runs < runs {
		var all []*smtpClient
		for {
			c, err := dialSMTP(r.p.where.SMTP[0])
			if err != nil {
				if !strings.Contains(err.Error(), "421") {
					t.Errorf("connection %d: %v, want 421", len(all)+1, err)
				}
				break
			}
			if all = append(all, c); len(all) > 10_000 {
				t.Fatal("there is no limit")
			}
		}
		for _, c := range all {
			c.conn.Close()
		}
		ctx := t.Context()
		if err := eventually(ctx, func() bool { return r.books.count(250) > row.runs || r.tryOne() }); err != nil {
			t.Fatal(err)
		}
		row.runs++
		row.note = fmt.Sprintf("%d connections, then 421", len(all))
	}
	r.prove()
	r.stop(r.p)
}

// tryOne submits one mail over a connection of its own.
func (r *rig) tryOne() bool {
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		return false
	}
	defer c.conn.Close()
	s, err := c.submit(r.books, mailSize())
	return err == nil && s.code == 250
}

// tortureFullQueue kills a daemon that has 100,000 mails queued.
func tortureFullQueue(t *testing.T, row *row, runs int) {
	r := newRig(t, row, emulator.Options{}, "")
	r.queueUp(queuedMails, queuedBytes)
	r.ses.SetFault(emulator.Fault{Kind: "refuse"})
	r.start()
	for row.runs < runs {
		r.p.kill()
		r.crashed()
		r.row.worst = 0
		r.start()
	}
	if row.worst > acceptingFull {
		t.Errorf("accepting after %v, want %v", row.worst, acceptingFull)
	}
	st, err := r.client().SpoolStatus(t.Context())
	if err != nil || st.Pending+st.Sending != queuedMails {
		t.Errorf("%d are queued, want %d (%v)", st.Pending+st.Sending, queuedMails, err)
		row.lost += queuedMails - int(st.Pending+st.Sending)
	}
	r.stop(r.p)
}
