package smtpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"pabal/spool"
)

// memory is a queue that remembers what it was given; it stands for the spool
// where a test is about the conversation only.
type memory struct {
	mu       sync.Mutex
	puts     []put
	err      error         // answer of Put
	full     error         // answer of ReserveBody
	noRoom   error         // answer of Room
	hold     chan struct{} // Put waits until it is closed, if not nil
	arrived  chan struct{} // gets a value when Put is called, if not nil
	reserved int64
	most     int64
}

type put struct {
	env  spool.Envelope
	body string
}

func (m *memory) Put(_ context.Context, env spool.Envelope, body []byte) ([]string, error) {
	if m.arrived != nil {
		m.arrived <- struct{}{}
	}
	if m.hold != nil {
		<-m.hold
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	m.puts = append(m.puts, put{env, string(body)})
	var ids []string
	for i := range env.To {
		ids = append(ids, fmt.Sprintf("q%d", len(m.puts)*100+i))
	}
	return ids, nil
}

func (m *memory) PutParts(ctx context.Context, parts []spool.Part) (ids []string, err error) {
	for _, p := range parts {
		one, err := m.Put(ctx, p.Envelope, p.Body)
		if err != nil {
			return nil, err
		}
		ids = append(ids, one...)
	}
	return ids, nil
}

func (m *memory) ReserveBody(_ context.Context, n int64) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full != nil {
		return nil, m.full
	}
	m.reserved += n
	m.most = max(m.most, m.reserved)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.reserved -= n
	}, nil
}

func (m *memory) Room() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.noRoom
}

// room sets the answer of Room.
func (m *memory) room(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noRoom = err
}

func (m *memory) all() []put {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]put(nil), m.puts...)
}

// start runs a server on loopback until the test ends and returns its address.
func start(t testing.TB, s *Server) string {
	t.Helper()
	return startAs(t, s, func(*listener) {})
}

// startAs changes the listeners before they are used.
func startAs(t testing.TB, s *Server, change func(*listener)) string {
	t.Helper()
	if s.Listen == nil {
		s.Listen = []string{"127.0.0.1:0"}
	}
	addresses, err := s.Bind()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.listeners {
		change(l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return addresses[0]
}

// talker is the client of one conversation.
type talker struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, address string) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &talker{t, conn, bufio.NewReader(conn)}
}

func (c *talker) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Fatalf("send %.60q: %v", text, err)
	}
}

// reply reads one reply, all its lines; "" at the end of the stream.
func (c *talker) reply() string {
	c.t.Helper()
	var all string
	for {
		line, err := c.r.ReadString('\n')
		all += line
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.t.Fatalf("reply after %q: %v", all, err)
			}
			return all
		}
		if len(line) > 3 && line[3] == ' ' {
			return all
		}
	}
}

// play runs a script: "> " is sent with CRLF, "< " is what a reply begins
// with, or END for a closed connection. Escapes of Go strings work.
func (c *talker) play(script string) {
	c.t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		if line = strings.TrimLeft(line, "\t "); line == "" {
			continue
		}
		text := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00", `\t`, "\t").Replace(line[min(2, len(line)):])
		switch line[:1] {
		case ">":
			c.send(text + "\r\n")
		case "<":
			got := c.reply()
			if text == "END" && got == "" || text != "END" && strings.HasPrefix(got, text) {
				continue
			}
			c.t.Fatalf("got %q, want %q, in\n%s", got, text, script)
		}
	}
}

// pipeListener hands out connections whose reads return exactly what one write
// gave them.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// recorder is a backend that keeps the texts it got.
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) NewSession(c *smtp.Conn) (smtp.Session, error) {
	w, _ := c.Conn().(*wire)
	return &recording{r, w}, nil
}

type recording struct {
	r *recorder
	w *wire // nil over plain go-smtp
}

func (s *recording) Mail(string, *smtp.MailOptions) error { return nil }
func (s *recording) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "no@") {
		return refusal(550, "5.1.1", "no such user")
	}
	return nil
}
func (s *recording) Reset()        {}
func (s *recording) Logout() error { return nil }

func (s *recording) Data(r io.Reader) error {
	text, err := s.read(r)
	if err != nil {
		return reply(err)
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.texts = append(s.r.texts, text)
	return nil
}

func (s *recording) read(r io.Reader) (string, error) {
	if s.w == nil {
		b, err := io.ReadAll(r)
		if err != nil {
			return "", err
		}
		return policy(string(b))
	}
	const front = 3
	b, err := s.w.takeText(make([]byte, front, front+100), 1<<20, func(buf []byte) ([]byte, error) {
		if cap(buf) > len(buf) {
			return buf, nil
		}
		return append(make([]byte, 0, 2*cap(buf)), buf...), nil
	})
	if err != nil {
		return "", err
	}
	return string(b[front:]), nil
}

// policy is what becomes of lone CRs, lone LFs and NULs, said another way than
// in the code.
func policy(text string) (string, error) {
	lines := strings.ReplaceAll(text, "\r\n", "\n")
	if strings.ContainsAny(lines, "\r\x00") {
		return "", refusal(550, "5.6.0", "refused")
	}
	return strings.ReplaceAll(lines, "\n", "\r\n"), nil
}
