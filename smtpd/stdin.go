package smtpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"

	"pabal/eml"
	"pabal/spool"
)

// Talk lets the caller speak SMTP (-bs): to the daemon or, when that is not
// there, to a server of its own that puts what it takes into the drop folder.
// It returns when either side has ended the conversation.
func (m *Sendmail) Talk(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	conn, err := m.dial(ctx)
	if err == nil {
		return splice(conn, stdin, stdout)
	}
	if m.Folder == "" {
		_, err := io.WriteString(stdout, "421 4.3.2 the mail server is not running, try again later\r\n")
		return errors.Join(exit(ExitTempFail, "no daemon answers on "+m.Socket, "start it with: pabal serve"), err)
	}
	return m.serveDrops(ctx, stdin, stdout)
}

// serveDrops is a server for one conversation over a pipe.
func (m *Sendmail) serveDrops(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	door := newInside()
	s := newServer(dropQueue{m.Folder})
	s.asIs = true
	s.Hostname, s.MaxMessageSize, s.MaxRecipients, s.Aliases = m.Host, m.MaxSize, m.MaxTo, m.Aliases
	s.grace = 0
	s.addListener(door)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	conn, err := door.dial(ctx, peer{uid: uint32(os.Getuid())})
	if err == nil {
		err = splice(conn, stdin, stdout)
	}
	cancel()
	return errors.Join(err, <-ended)
}

// splice copies both ways until the server has ended the conversation.
func splice(conn net.Conn, stdin io.Reader, stdout io.Writer) error {
	defer conn.Close() // the server has ended it
	go func() {        // ends with stdin or the process: a read of stdin cannot be woken
		io.Copy(&lineEnds{w: conn}, stdin)
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
			return
		}
		conn.Close()
	}()
	_, err := io.Copy(stdout, conn)
	if errors.Is(err, io.ErrClosedPipe) { // stdin ended
		err = nil
	}
	return err
}

// lineEnds gives lines CRLF ends for a caller whose first line ends with LF
// alone, as a shell's does. One that writes CRLF keeps every byte: a lone LF in
// its text must not become a line end, which could end the text.
type lineEnds struct {
	w       io.Writer
	decided bool
	convert bool
	last    byte
}

// Write passes on p.
func (l *lineEnds) Write(p []byte) (int, error) {
	if end := bytes.IndexByte(p, '\n'); !l.decided && end >= 0 {
		before := l.last
		if end > 0 {
			before = p[end-1]
		}
		l.decided, l.convert = true, before != '\r'
	}
	out := p
	if l.convert {
		out = make([]byte, 0, len(p)+len(p)/16)
		for _, c := range p {
			if c == '\n' && l.last != '\r' {
				out = append(out, '\r')
			}
			out, l.last = append(out, c), c
		}
	} else if len(p) > 0 {
		l.last = p[len(p)-1]
	}
	_, err := l.w.Write(out)
	return len(p), err
}

// dropQueue is a queue that keeps mails in the drop folder.
type dropQueue struct{ folder string }

// Put drops a mail.
func (q dropQueue) Put(_ context.Context, env spool.Envelope, body []byte) ([]string, error) {
	name, err := Drop(q.folder, Letter{From: env.From, To: env.To, Text: body})
	return []string{name}, err
}

// PutParts is not asked: there are no rules here. They are asked when the drop
// is taken up.
func (q dropQueue) PutParts(ctx context.Context, parts []spool.Part) (ids []string, err error) {
	for _, p := range parts {
		one, err := q.Put(ctx, p.Envelope, p.Body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, one...)
	}
	return ids, nil
}

// ReserveBody gives any amount: there is one mail at a time.
func (dropQueue) ReserveBody(context.Context, int64) (func(), error) { return func() {}, nil }

// Room is there until Put finds none.
func (dropQueue) Room() error { return nil }

var _ queue = dropQueue{}

// passTo adds a recipient for the daemon to look up. What the aliases that can
// be read here know to be wrong is refused.
func (s *session) passTo(to string) error {
	if _, local := localName(to); !local {
		return s.add(to)
	}
	if s.server.Aliases != nil {
		_, err := s.server.Aliases.Resolve(to)
		if problem, ok := errors.AsType[*eml.Problem](err); ok {
			return s.refuse(550, "5.1.1", eml.Visible(problem.What+"; "+problem.Hint))
		}
	}
	return s.remember(to)
}

// pass stores a text as it is, for the daemon to deal with. Only what no daemon
// takes is refused.
func (s *session) pass(text []byte) ([]string, error) {
	header, _, err := eml.Split(text)
	if err != nil {
		return nil, refusal(550, "5.6.0", "the header cannot be read: "+eml.Visible(err.Error()))
	}
	if err := loops(&header); err != nil {
		return nil, err
	}
	ids, err := s.server.queue.Put(s.ctx, spool.Envelope{From: s.from, To: s.recipients}, text)
	if err != nil {
		return nil, notNow(err)
	}
	return ids, nil
}
