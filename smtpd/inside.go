package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sys/unix"
)

// inside is a listener for conversations within the process.
type inside struct {
	conns chan net.Conn
	done  chan struct{}
	close func()
}

func newInside() *inside {
	l := &inside{conns: make(chan net.Conn), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.done) })
	return l
}

// Accept waits for a dial.
func (l *inside) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial.
func (l *inside) Close() error { l.close(); return nil }

// Addr is none.
func (l *inside) Addr() net.Addr { return peer{} }

func (l *inside) dial(ctx context.Context, from peer) (net.Conn, error) {
	ours, theirs, err := connPair()
	if err != nil {
		return nil, err
	}
	select {
	case l.conns <- &insideConn{theirs, from}:
		return ours, nil
	case <-l.done:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, errors.Join(err, ours.Close(), theirs.Close())
}

// connPair is two ends of one connection.
func connPair() (ours, theirs net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	ours, err = fileConn(fds[0])
	theirs, err2 := fileConn(fds[1])
	if err == nil && err2 == nil {
		return ours, theirs, nil
	}
	for _, c := range []net.Conn{ours, theirs} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return nil, nil, errors.Join(err, err2)
}

// fileConn makes a connection of a descriptor, which it closes.
func fileConn(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "pair")
	defer f.Close() // the connection has its own
	return net.FileConn(f)
}

// insideConn is the server's end.
type insideConn struct {
	net.Conn
	peer peer
}

// RemoteAddr is whose mail it is.
func (c *insideConn) RemoteAddr() net.Addr { return c.peer }

// submitLetter holds one conversation over a fresh connection and returns what
// the server said in the end. A refusal is a *smtp.SMTPError; the letter is then
// not stored for anybody.
func submitLetter(conn net.Conn, l Letter, within time.Duration) (string, error) {
	c := smtp.NewClient(conn)
	c.CommandTimeout, c.SubmissionTimeout = within, within
	if err := c.Hello(l.greeting()); err != nil {
		return "", err
	}
	if err := c.Mail(l.From, &smtp.MailOptions{Size: int64(len(l.Text))}); err != nil {
		return "", err
	}
	for _, to := range l.To {
		if err := c.Rcpt(to, nil); err != nil {
			return "", err
		}
	}
	text, err := c.Data()
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(text, bytes.NewReader(l.Text)); err != nil {
		return "", err
	}
	reply, err := text.CloseWithResponse()
	if err != nil {
		return "", err
	}
	_ = c.Quit() // it is stored
	return reply.StatusText, nil
}
