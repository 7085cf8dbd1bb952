package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const oneMail = "> MAIL FROM:<app@example.com>\n< 250\n> RCPT TO:<a@example.net>\n< 250\n> DATA\n< 354\n> From: app@example.com\n> \n> hi\n> .\n< 250 2.0.0\n"

// live is a box whose server runs with a submit socket.
type live struct {
	*box
	socket string
	stop   func()
}

func goLive(t *testing.T, b *box) *live {
	t.Helper()
	l := &live{box: b, socket: submitSocket(t)}
	if err := b.BindSubmit(l.socket); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	l.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return l
}

// closeSpool ends a box whose server has ended.
func (b *box) closeSpool() {
	b.t.Helper()
	if err := b.sp.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// deaf is a socket before the server's that loses the answer to a text: it
// closes the connection, and says when.
func deaf(t *testing.T, server string) (socket string, lost <-chan struct{}) {
	t.Helper()
	socket = filepath.Join(filepath.Dir(server), "deaf")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	told := make(chan struct{}, 1)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			relayUntilQueued(client, server)
			told <- struct{}{}
		}
	}()
	return socket, told
}

func relayUntilQueued(client net.Conn, server string) {
	defer client.Close()
	conn, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer conn.Close()
	go io.Copy(conn, client) // ends with the connection
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadBytes('\n')
		if err != nil || bytes.Contains(line, []byte("queued as")) {
			return
		}
		if _, err := client.Write(line); err != nil {
			return
		}
	}
}

// TestALostAnswerMailsOnce has sendmail drop what the daemon took already.
func TestALostAnswerMailsOnce(t *testing.T) {
	b := newBox(t)
	l := goLive(t, b)
	socket, lost := deaf(t, l.socket)
	m := &Sendmail{Options: Options{Recipients: []string{"a@example.net", "b@example.net"}, FromSet: true, From: "app@example.com"},
		Socket: socket, Folder: b.folder, Host: "web1.example.com", User: "kim"}
	got, err := m.Deliver(t.Context(), strings.NewReader("From: app@example.com\nSubject: x\n\nhi\n"))
	if err != nil || !dropName.MatchString(got.Dropped) {
		t.Fatalf("receipt %+v, %v, want a drop", got, err)
	}
	<-lost
	l.stop()
	b.closeSpool()
	b.open()
	defer b.close()
	b.takeUp()
	if got := b.mails(); !slices.Equal(got, []string{"a@example.net", "b@example.net"}) {
		t.Errorf("queued for %q, want each once", got)
	}
	here, bad := b.files()
	if names, err := b.sp.Once(10); err != nil || len(names)+len(here)+len(bad) > 0 {
		t.Errorf("left: names %q, %v, files %q, bad %q", names, err, here, bad)
	}
}

// TestAnAnswerThatWasReadLeavesNoName is how it goes nearly always.
func TestAnAnswerThatWasReadLeavesNoName(t *testing.T) {
	b := newBox(t)
	l := goLive(t, b)
	m := &Sendmail{Options: Options{Recipients: []string{"a@example.net"}, FromSet: true, From: "app@example.com"},
		Socket: l.socket, Folder: b.folder, Host: "web1.example.com", User: "kim"}
	if got, err := m.Deliver(t.Context(), strings.NewReader("From: app@example.com\n\nhi\n")); err != nil || got.Reply == "" {
		t.Fatalf("receipt %+v, %v", got, err)
	}
	var text bytes.Buffer
	if err := b.sp.Body("q1", &text); err != nil || !strings.HasPrefix(text.String(), "Received: from localhost (uid ") {
		t.Errorf("stored %q, %v", text.String(), err)
	}
	l.stop()
	b.closeSpool()
	b.open()
	defer b.close()
	// The daemon ended before it forgot: two looks an hour apart do.
	now := time.Now()
	b.now = func() time.Time { return now }
	for i, want := range []int{1, 1, 0} {
		b.takeUp()
		if names, err := b.sp.Once(10); err != nil || len(names) != want {
			t.Errorf("after look %d: names %q, %v, want %d", i, names, err, want)
		}
		now = now.Add([]time.Duration{nameLooks - time.Second, time.Second, 0}[i])
	}
}

// TestNamesAreForgottenOnceTheAnswerWasRead has the daemon live on.
func TestNamesAreForgottenOnceTheAnswerWasRead(t *testing.T) {
	b := newBox(t)
	l := goLive(t, b)
	name := newDropName()
	for _, last := range []string{"", "> QUIT\n< 221\n< END"} {
		c := dialSocket(t, l.socket)
		c.play("< 220\n> EHLO " + name + onceDomain + "\n< 250\n" + oneMail + last)
		c.conn.Close()
	}
	if got := b.mails(); len(got) != 1 {
		t.Errorf("queued for %q, want one mail: the name is the same", got)
	}
	l.stop()
	if names := b.drop.known.take(); !slices.Equal(names, []string{name}) {
		t.Errorf("to be forgotten: %q, want %s once", names, name)
	}
	b.closeSpool()
}

// TestOneNameIsForOneMail: a second mail of the same conversation is another.
func TestOneNameIsForOneMail(t *testing.T) {
	b := newBox(t)
	l := goLive(t, b)
	hello := "> EHLO " + newDropName() + onceDomain + "\n< 250\n"
	dialSocket(t, l.socket).play("< 220\n" + hello + oneMail + oneMail + hello + oneMail)
	if got := b.mails(); len(got) != 3 {
		t.Errorf("queued for %q, want three mails", got)
	}
	l.stop()
	b.closeSpool()
}

// TestNamesOverTCPCountForNothing: nobody knows who says them.
func TestNamesOverTCPCountForNothing(t *testing.T) {
	b := newBox(t)
	b.Listen = []string{"127.0.0.1:0"}
	addresses, err := b.Bind()
	if err != nil {
		t.Fatal(err)
	}
	l := goLive(t, b)
	hello := "< 220\n> EHLO " + newDropName() + onceDomain + "\n< 250\n"
	for range 2 {
		dial(t, addresses[0]).play(hello + oneMail + "> QUIT\n< 221\n< END")
	}
	if got := b.mails(); len(got) != 2 {
		t.Errorf("queued for %q, want two mails", got)
	}
	l.stop()
	if names := b.drop.known.take(); len(names) > 0 {
		t.Errorf("to be forgotten: %q", names)
	}
	b.closeSpool()
}
