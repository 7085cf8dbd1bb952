package smtpd

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The files of testdata/conversations hold what clients say and what the safe
// answer is. A line of "==" names a conversation; then
//
//	raw       it begins before the greeting, not behind EHLO
//	> TEXT    is sent with CRLF; >> TEXT without
//	< TEXT    is what the next reply begins with
//	@rcpt     is MAIL and a RCPT, @mail DATA and its 354 as well
//	smuggle T is a mail with T and a second mail in its text
//	nested N  is a mail with N parts in one another
//	close     the client says no more
//	end       the connection is closed; end421: after a 421
//	mails N   is how many were stored, in the end; without it none may be
//	has TEXT, hasnot TEXT, to ADDRESSES   are about the last of them
//
// \r \n \xNN and \uNNNN stand for themselves, {TEXT*N} is TEXT N times.

// dialogue is one of them, lines in order.
type dialogue struct {
	file, name string
	lines      []string
}

func readDialogues(t testing.TB) []dialogue {
	t.Helper()
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []dialogue
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			name, begins := strings.CutPrefix(line, "== ")
			switch {
			case begins:
				all = append(all, dialogue{file: filepath.Base(file), name: name})
			case line == "" || line[0] == '#':
			case len(all) > 0:
				d := &all[len(all)-1]
				d.lines = append(d.lines, line)
			}
		}
	}
	return all
}

// TestDialogues plays all of them against the listener: in the clear, after
// STARTTLS, and over TLS from the start.
func TestDialogues(t *testing.T) {
	all := readDialogues(t)
	if len(all) < 200 {
		t.Fatalf("only %d conversations", len(all))
	}
	cert, who := certificate(t), users(t)
	for _, d := range all {
		for way, begin := range ways {
			raw := slices.Contains(d.lines, "raw")
			if raw && way == "starttls" { // behind TLS there is no second greeting
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/%s", d.file, d.name, way), func(t *testing.T) {
				t.Parallel()
				q := &memory{}
				s := testServer(q)
				s.Users, s.authDelay, s.TLS, s.TLSListen = who, 0, cert.Config(), []string{"127.0.0.1:0"}
				address := start(t, s)
				if way == "tls" {
					address = s.listeners[1].Addr().String()
				}
				c := dial(t, address)
				switch {
				case !raw:
					begin(c)
				case way == "tls":
					c.secure()
				}
				(&player{talker: c, queue: q}).play(d.lines)
			})
		}
	}
}

// player is the client of a dialogue, and looks at what came of it.
type player struct {
	*talker
	queue *memory
	line  string
	mails int
}

const (
	upToRCPT = "MAIL FROM:<a@shop.example>\r\nRCPT TO:<kim@example.com>\r\n"
	second   = "MAIL FROM:<evil@shop.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nFrom: evil@shop.example\r\n\r\nsmuggled\r\n.\r\n"
)

func (p *player) play(lines []string) {
	p.t.Helper()
	for _, p.line = range lines {
		verb, text, _ := strings.Cut(p.line, " ")
		if strings.HasPrefix(p.line, "{<") { // the same reply many times
			verb, text = "replies", p.line
		}
		p.step(verb, text)
	}
	if got := len(p.queue.all()); got != p.mails {
		p.t.Errorf("%d mails were stored, want %d", got, p.mails)
	}
}

// step is one line of a dialogue.
func (p *player) step(verb, text string) {
	p.t.Helper()
	switch verb {
	case "raw":
	case ">":
		p.send(p.plain(text) + "\r\n")
	case ">>":
		p.sendWhole(p.plain(text))
	case "<":
		p.expect(text)
	case "replies":
		reply, times, _ := strings.Cut(strings.Trim(text, "{}"), "*")
		n, _ := strconv.Atoi(times)
		for range n {
			p.expect(strings.TrimPrefix(reply, "< "))
		}
	case "@rcpt":
		p.send(upToRCPT)
		p.expect("250")
		p.expect("250")
	case "@mail":
		p.step("@rcpt", "")
		p.send("DATA\r\n")
		p.expect("354")
	case "smuggle":
		p.step("@mail", "")
		p.sendWhole("From: a@shop.example\r\n\r\nfirst" + p.plain(text) + second)
	case "nested":
		n, _ := strconv.Atoi(text)
		p.sendWhole(nested(n) + "\r\n.\r\n")
	case "close":
		p.conn.(interface{ CloseWrite() error }).CloseWrite()
	case "end", "end421":
		if verb == "end421" {
			p.expect("421")
		}
		if got := p.reply(); got != "" {
			p.t.Fatalf("%s: got %q, want the end", p.line, got)
		}
	default:
		p.check(verb, text)
	}
}

// check looks at what was stored.
func (p *player) check(verb, text string) {
	p.t.Helper()
	if verb == "mails" {
		p.mails, _ = strconv.Atoi(text)
		return
	}
	all := p.queue.all()
	if len(all) == 0 {
		p.t.Fatalf("%s: nothing was stored", p.line)
	}
	last := all[len(all)-1]
	switch verb {
	case "has", "hasnot":
		if strings.Contains(last.body, p.plain(text)) != (verb == "has") {
			p.t.Errorf("%.200s: stored %.2000q", p.line, last.body)
		}
	case "to":
		if got := strings.Join(last.env.To, " "); got != text {
			p.t.Errorf("%s: got %s", p.line, got)
		}
	default:
		p.t.Fatalf("%q is no step of a conversation", p.line)
	}
}

func (p *player) expect(begins string) {
	p.t.Helper()
	if got := p.reply(); got == "" || !strings.HasPrefix(got, begins) {
		p.t.Fatalf("%.200q: got %q", p.line, got)
	}
}

// sendWhole is one write; a server may close before it has read all of it.
func (p *player) sendWhole(text string) {
	_, _ = p.conn.Write([]byte(text))
}

var repeated = regexp.MustCompile(`\{([^{}]*)\*(\d+)\}`)

// plain is a text with its repetitions and escapes written out.
func (p *player) plain(text string) string {
	p.t.Helper()
	text = repeated.ReplaceAllStringFunc(text, func(all string) string {
		m := repeated.FindStringSubmatch(all)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		p.t.Fatalf("%.200q: %v", p.line, err)
	}
	return out
}

// nested is a mail with so many parts in one another and 8-bit text inside.
func nested(depth int) string {
	var text strings.Builder
	text.WriteString("From: a@shop.example\r\nMIME-Version: 1.0\r\n")
	for i := range depth {
		fmt.Fprintf(&text, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	text.WriteString("\r\n안녕\r\n")
	for i := depth - 1; i >= 0; i-- {
		fmt.Fprintf(&text, "\r\n--b%d--\r\n", i)
	}
	return text.String()
}

var (
	_ interface{ CloseWrite() error } = (*net.TCPConn)(nil)
	_ interface{ CloseWrite() error } = (*tls.Conn)(nil)
)
