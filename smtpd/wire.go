package smtpd

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// maxLine is the longest command line with its CRLF. RFC 5321 4.5.3.1.4 asks
	// for 512 and room for extensions; go-smtp echoes an address, and its write
	// buffer of 4,096 keeps a reply line of that length in one piece.
	maxLine   = 2048
	readChunk = 64 << 10 // read at once from the socket while a text comes in
	lineChunk = 4 << 10  // between texts
)

// wire is the net.Conn that go-smtp reads and writes. Towards go-smtp it is a
// stream of whole, harmless command lines; the text of a message goes past it
// (takeText), and go-smtp sees an empty one. Only the session's own goroutine
// uses it, but for the socket itself, whose deadline and Close are free for all.
// TLS lies under it, so that everything it does holds there too.
type wire struct {
	net.Conn // the socket: of its methods, deadlines and Close only
	server   *Server
	stream   net.Conn  // what is read and written: the socket, or TLS over it
	tls      *tls.Conn // nil in the clear
	implicit bool      // TLS comes before anything else

	source    netip.Addr // what the client counts as; zero for this host
	remote    bool       // it came to an address that others than this host reach
	mustLogin bool       // no mail before AUTH
	user      string     // who logged in
	authFails int

	buf  []byte
	in   []byte // part of buf: read from the socket and not yet used
	line []byte // what go-smtp has still to read
	out  []byte // replies not yet written
	err  error  // why nothing more can be read

	greeted  bool      // EHLO or HELO came, and after it no TLS
	extended bool      // it was EHLO
	greeting string    // the verb, until its reply
	answer   bool      // the next line answers a question of AUTH
	inText   bool      // between 354 and the end of the text
	textEnds time.Time // when a text on its way is given up
	quit     bool      // QUIT was the last command
	mute     bool      // nothing more is said
	linger   bool      // the client may still be writing when we close
}

func newWire(s *Server, conn net.Conn) *wire {
	return &wire{Conn: conn, stream: conn, server: s, source: sourceOf(conn)}
}

// SetReadDeadline and its kin do nothing: go-smtp sets one deadline a command,
// the wire one a read.
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }

// Read gives go-smtp the next command line, whole, and never more than that,
// so that nothing of a text that follows DATA is lost in go-smtp's buffer.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.line) == 0 {
		line, err := w.next()
		if err != nil {
			return 0, err
		}
		w.line = line
	}
	n := copy(p, w.line)
	w.line = w.line[n:]
	return n, nil
}

// next is the next command line as go-smtp may see it. The slice lives until
// the next fill. A line that never ends, and what is left at the end of the
// stream, is not returned: textproto would run it.
func (w *wire) next() ([]byte, error) {
	for w.err == nil && !w.inText {
		if end := bytes.IndexByte(w.in, '\n'); end >= 0 && end < maxLine {
			line := w.in[:end+1]
			w.in = w.in[end+1:]
			if line, err := w.vet(line); line != nil || err != nil {
				return line, err
			}
			continue // answered here
		}
		if len(w.in) >= maxLine {
			w.linger = true
			w.err = smtp.ErrTooLongLine
			break
		}
		if err := w.fill(); err != nil {
			break
		}
	}
	if w.err == nil { // a text nobody took: the session has failed
		w.err = io.EOF
	}
	return nil, w.err
}

// fill reads more from the socket into in.
func (w *wire) fill() error {
	if len(w.buf) < lineChunk {
		w.buf = make([]byte, lineChunk)
	}
	have := copy(w.buf, w.in)
	w.in = w.buf[:have]
	n, err := w.receive(w.buf[have:])
	if err != nil {
		w.err = err
		return err
	}
	w.in = w.buf[:have+n]
	return nil
}

// keep puts back what was read past the end of a text.
func (w *wire) keep(rest []byte) {
	if len(rest) > len(w.buf)-maxLine {
		w.buf = make([]byte, len(rest)+maxLine)
	}
	w.in = w.buf[:copy(w.buf, rest)]
}

var (
	// fromWeb are the first words of HTTP requests; browsers can be made to send
	// them to any local port.
	fromWeb = regexp.MustCompile(`(?i)^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) `)
	// headerLine is "Word: value", which no SMTP client says.
	headerLine = regexp.MustCompile(`^[A-Za-z0-9-]+:`)
	// seldom are the verbs that a mail client may say before EHLO besides those
	// that vet knows.
	seldom = []string{"VRFY", "EXPN", "HELP", "LHLO", "SEND", "SOML", "SAML", "TURN", ""}
)

// vet looks at a command line before go-smtp does; without a line and an error
// it has answered itself. Lines with control characters become empty ones, which
// go-smtp answers with 500 and counts.
func (w *wire) vet(line []byte) ([]byte, error) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	answer := w.answer
	w.answer = false
	if bytes.ContainsFunc(text, control) {
		return []byte("\r\n"), nil
	}
	if answer {
		return line, nil
	}
	verb, arg, _ := strings.Cut(string(text[:min(len(text), 9)]), " ")
	switch verb = strings.ToUpper(verb); verb {
	case "MAIL", "RCPT", "DATA", "AUTH":
		if w.tls != nil && !w.greeted { // RFC 3207 4.2: nothing said in the clear counts
			return nil, w.say("503 5.5.1 say EHLO first")
		}
		return ofThisHost(line, text), nil
	case "RSET", "QUIT", "NOOP":
		w.quit = verb == "QUIT"
		return line, nil
	case "EHLO", "HELO":
		w.greeting = verb
		return line, nil
	case "STARTTLS":
		return w.startTLS(line, arg)
	case "BDAT": // a chunk follows that must not be read as commands
		return nil, w.end("502 5.5.1 BDAT is not offered here, use DATA")
	}
	if fromWeb.Match(text) || !w.greeted && headerLine.Match(text) {
		return nil, w.end("421 4.7.0 this is a mail server, not a web server")
	}
	if !w.greeted && !slices.Contains(seldom, verb) {
		return nil, w.end("421 4.7.0 this is a mail server: say EHLO")
	}
	return line, nil
}

// nameOnly is a sender or recipient without a domain, which go-smtp refuses
// and RFC 5321 4.5.1 wants taken, at least for postmaster.
var nameOnly = regexp.MustCompile(`(?i)^((?:MAIL FROM|RCPT TO):[ \t]*)(?:<([a-z0-9!#$%&'*+/=?^_\x60{|}~.-]+)>|([a-z0-9!#$%&'*+/=?^_\x60{|}~.-]+))([ \t].*)?$`)

// ofThisHost is a command line whose name without a domain is given this
// host's.
func ofThisHost(line, text []byte) []byte {
	if bytes.IndexByte(text, '@') >= 0 || len(line) > maxLine-len("<@localhost>") {
		return line
	}
	m := nameOnly.FindSubmatch(text)
	if m == nil {
		return line
	}
	return fmt.Appendf(nil, "%s<%s%s@localhost>%s\r\n", m[1], m[2], m[3], m[4])
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// end says a last line to the client, after which nothing is read.
func (w *wire) end(reply string) error {
	w.out = append(append(w.out, reply...), "\r\n"...)
	w.last()
	w.mute = true
	return w.err
}

// say answers a command in go-smtp's place.
func (w *wire) say(reply string) error {
	w.out = append(append(w.out, reply...), "\r\n"...)
	return nil
}

// last ends the connection behind the reply that comes next.
func (w *wire) last() {
	w.linger = true
	w.err = io.EOF
}

// receive reads from the socket. Replies are written first: the client may be
// waiting for them. Each read has its own deadline, so that a slow but live
// client is not cut off.
func (w *wire) receive(p []byte) (int, error) {
	if w.implicit && w.tls == nil {
		if err := w.handshake(); err != nil {
			return 0, err
		}
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	for {
		deadline := time.Now().Add(w.server.idle)
		if w.inText && w.textEnds.Before(deadline) {
			deadline = w.textEnds
		}
		w.Conn.SetReadDeadline(deadline)
		// After the deadline is set, so that a stop is seen here or wakes the read.
		cut, stopping := w.server.stopping()
		if stopping && !w.inText {
			return 0, w.end("421 4.3.2 the mail server is stopping, try again later")
		}
		if stopping && cut.Before(deadline) {
			deadline = cut
			w.Conn.SetReadDeadline(deadline)
		}
		if w.tls != nil { // which may answer what it reads
			w.Conn.SetWriteDeadline(deadline.Add(writeLimit))
		}
		n, err := w.stream.Read(p)
		if n > 0 {
			return n, nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline) {
			continue // woken by stop
		}
		return 0, err
	}
}

// Write takes a line of go-smtp's reply. It goes out when the input runs dry,
// so that a pipelining client gets its replies together (RFC 2920).
func (w *wire) Write(p []byte) (int, error) {
	w.out = append(w.out, w.edit(p)...)
	if len(w.out) >= lineChunk {
		return len(p), w.flush()
	}
	return len(p), nil
}

// edit is a line of go-smtp's as the client gets it; from it the wire knows
// where the conversation stands.
func (w *wire) edit(p []byte) []byte {
	if w.mute {
		return nil
	}
	if w.greeting != "" {
		if bytes.HasPrefix(p, []byte("250")) {
			w.greeted, w.extended = true, w.greeting == "EHLO"
		}
		w.greeting = ""
	}
	switch {
	case bytes.Equal(p, []byte("250-CHUNKING\r\n")):
		if w.server.TLS != nil && w.tls == nil {
			return []byte("250-STARTTLS\r\n")
		}
		return nil
	case bytes.HasPrefix(p, []byte("354 ")):
		w.inText = true
	case bytes.HasPrefix(p, []byte("334 ")):
		w.answer = true
	case bytes.HasPrefix(p, []byte("454 4.7.0 Invalid base64")):
		return []byte("501 5.5.2 that is not base64\r\n") // RFC 4954 4; trying again would not help
	}
	return p
}

func (w *wire) flush() error {
	if len(w.out) == 0 || w.implicit && w.tls == nil { // nothing is said in the clear where TLS comes first
		return nil
	}
	w.server.counts.said(w.out)
	w.Conn.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err := w.stream.Write(w.out)
	w.out = w.out[:0]
	if err != nil {
		w.err = err
	}
	return err
}

// Close writes what is left and closes the socket. go-smtp calls it, once or
// more often, from the session's goroutine.
func (w *wire) Close() error {
	defer w.server.forget(w)
	err := w.flush()
	if w.linger || len(w.in) > 0 {
		w.drain()
	}
	w.in, w.err = nil, net.ErrClosed
	return errors.Join(err, w.shut())
}

// shut closes the socket, with TLS's word of goodbye.
func (w *wire) shut() error {
	if w.tls != nil {
		w.Conn.SetWriteDeadline(time.Now().Add(w.server.linger))
		w.tls.CloseWrite() // on a broken connection it fails; nobody is there to miss it
	}
	return w.Conn.Close()
}

// drain gives a client that is still writing the time to read our last line:
// closing on unread input would reset the connection and lose it.
func (w *wire) drain() {
	w.linger = false
	if w.tls != nil {
		w.Conn.SetWriteDeadline(time.Now().Add(w.server.linger))
		w.tls.CloseWrite()
	}
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	w.Conn.SetReadDeadline(time.Now().Add(w.server.linger))
	io.CopyN(io.Discard, w.Conn, 1<<20)
}
