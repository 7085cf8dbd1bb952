package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// conversation sends a stream in pieces to go-smtp, over the wire or plain, and
// returns the replies and the texts that reached the backend.
func conversation(t testing.TB, stream []byte, wired bool, piece func(left int) int) (replies string, texts []string) {
	t.Helper()
	pipes, rec := newPipeListener(), &recorder{}
	gs := smtp.NewServer(rec)
	gs.Domain = "test"
	gs.MaxLineLength = 0
	gs.ErrorLog = log.New(io.Discard, "", 0)
	var l net.Listener = pipes
	if wired {
		s := newServer(&memory{})
		s.linger = time.Millisecond // a pipe cannot be half closed
		l = &listener{Listener: pipes, server: s}
	}
	served := make(chan error, 1)
	go func() { served <- gs.Serve(l) }()
	conn := pipes.dial()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for rest := stream; len(rest) > 0; {
			n := piece(len(rest))
			if _, err := conn.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-sent
	pipes.Close()
	<-served
	gs.Shutdown(context.Background()) // waits for the session
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return string(got), rec.texts
}

func whole(left int) int { return left }

// sameAsPlain compares the wire under one chunking with plain go-smtp.
func sameAsPlain(t testing.TB, stream []byte, piece func(int) int) {
	t.Helper()
	wantReplies, wantTexts := conversation(t, stream, false, whole)
	replies, texts := conversation(t, stream, true, piece)
	wantReplies = strings.ReplaceAll(wantReplies, "250-CHUNKING\r\n", "")
	if got, want := codes(replies), codes(wantReplies); got != want {
		t.Errorf("replies %s, want %s, to %q", got, want, stream)
	}
	if len(texts) != len(wantTexts) {
		t.Fatalf("%d texts, want %d, of %q", len(texts), len(wantTexts), stream)
	}
	for i := range texts {
		if texts[i] != wantTexts[i] {
			t.Errorf("text %d is %q, want %q, of %q", i, texts[i], wantTexts[i], stream)
		}
	}
}

// codes are the first words of the replies: the texts of refusals differ.
func codes(replies string) string {
	var all []string
	for line := range strings.Lines(replies) {
		all = append(all, line[:min(len(line), 4)])
	}
	return strings.Join(all, " ")
}

const opening = "EHLO client\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"

// streams are conversations that plain go-smtp and the wire must read alike.
var streams = map[string]string{
	"one mail":             opening + "Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n",
	"stuffed dots":         opening + "..\r\n...x\r\n.y\r\n..\r\n.\r\nQUIT\r\n",
	"empty text":           opening + ".\r\nQUIT\r\n",
	"two mails in a row":   opening + "one\r\n.\r\n" + opening + "two\r\n.\r\nQUIT\r\n",
	"quit is final":        "EHLO a\r\nQUIT\r\nNOOP\r\nNOOP\r\n",
	"no recipient":         "EHLO a\r\nMAIL FROM:<a@b.c>\r\nDATA\r\nRSET\r\nQUIT\r\n",
	"refused recipient":    "EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<no@e.f>\r\nDATA\r\nNOOP\r\nQUIT\r\n",
	"some refused":         "EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<no@e.f>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
	"LF commands":          "EHLO a\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nDATA\nx\r\n.\r\nQUIT\n",
	"LF in the text":       opening + "a\nb\n\nc\r\n.\r\nQUIT\r\n",
	"LF . LF is text":      opening + "a\n.\nMAIL FROM:<x@y.z>\r\n.\r\nQUIT\r\n",
	"LF . CRLF is text":    opening + "a\n.\r\nb\r\n.\r\nQUIT\r\n",
	"CRLF . LF is text":    opening + "a\r\n.\nb\r\n.\r\nQUIT\r\n",
	"CR . CR is refused":   opening + "a\r.\rb\r\n.\r\nQUIT\r\n",
	"CRCRLF . is no end":   opening + "a\r\r\n.\r\nb\r\n.\r\nQUIT\r\n",
	"CRCRCRLF ends a line": opening + "a\r\r\r\n.\r\nQUIT\r\n",
	"NUL in the text":      opening + "a\x00b\r\n.\r\nQUIT\r\n",
	"NUL end":              opening + "a\r\n.\x00\r\nb\r\n.\r\nQUIT\r\n",
	"8-bit":                opening + "제목\r\n\xb0\xa1\r\n\xff.\r\n.\r\nQUIT\r\n",
	"long line":            opening + strings.Repeat("x", 70_000) + "\r\n.\r\nQUIT\r\n",
	"large text":           opening + strings.Repeat("0123456789\r\n..\r\n", 5_000) + ".\r\nQUIT\r\n",
	"commands inside text": opening + "MAIL FROM:<x@y.z>\r\nQUIT\r\n.\r\nNOOP\r\nQUIT\r\n",
	"bad commands":         "EHLO a\r\nXYZZ\r\nAB\r\n\r\nMAILFROM\r\nNOOP\r\nNOOP\r\n",
	"HELO":                 "HELO a\r\nVRFY x\r\nHELP\r\nEXPN x\r\nQUIT\r\n",
	"before EHLO":          "MAIL FROM:<a@b.c>\r\nRCPT TO:<x@y.z>\r\nDATA\r\nQUIT\r\n",
}

func TestWireReadsAsGoSMTPDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			chunkings := map[string]func(int) int{
				"whole":   whole,
				"random":  func(left int) int { return 1 + rng.IntN(min(left, 20)) },
				"random2": func(left int) int { return 1 + rng.IntN(min(left, 3000)) },
			}
			if len(stream) < 1000 {
				chunkings["bytes"] = func(int) int { return 1 }
			}
			for kind, piece := range chunkings {
				t.Run(kind, func(t *testing.T) { sameAsPlain(t, []byte(stream), piece) })
			}
		})
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte("hello\r\n..dot\r\nlone\nLF"), uint64(1))
	f.Add([]byte("\r\r\n.\r\r\n"), uint64(2))
	f.Add([]byte(".\n.\r.\x00"), uint64(3))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		// A text with an end inside becomes commands (the table above has those);
		// go-smtp loses the CR of dot CR x, which the wire refuses.
		text = append(text, 'x')
		seen := append([]byte("\r\n"), text...)
		for i := range seen {
			if bytes.HasPrefix(seen[i:], []byte("\r\n.\r")) {
				return
			}
		}
		var stream []byte
		stream = append(append(append(stream, opening...), text...), "\r\n.\r\nNOOP\r\n"...)
		stream = append(append(append(stream, opening...), text...), "\r\n.\r\nQUIT\r\n"...)
		rng := rand.New(rand.NewPCG(seed, 0))
		sameAsPlain(t, stream, func(left int) int { return 1 + rng.IntN(min(left, 1+int(seed%100))) })
	})
}

// FuzzCommands sends anything at all: go-smtp gets whole lines without control
// characters, and of what is left at the end nothing.
func FuzzCommands(f *testing.F) {
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@b.c>\nRSET"), uint64(1))
	f.Add([]byte("NOOP\x00\r\nSTARTTLS\r\nBDAT 3\r\nabc"), uint64(2))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), uint64(3))
	f.Add([]byte("RCPT TO:root\r\nMAIL FROM:<"+strings.Repeat("x", maxLine-len("MAIL FROM:<>\r\n"))+">\r\n"), uint64(4))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		ours, theirs := net.Pipe()
		s := newServer(&memory{})
		s.linger = time.Millisecond
		w := newWire(s, theirs)
		rng := rand.New(rand.NewPCG(seed, 0))
		go io.Copy(io.Discard, ours)
		go func() {
			defer ours.Close()
			for rest := stream; len(rest) > 0; {
				n := 1 + rng.IntN(min(len(rest), 100))
				if _, err := ours.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		buf := make([]byte, 2*maxLine)
		for {
			n, err := w.Read(buf)
			if err != nil {
				break
			}
			line := bytes.TrimSuffix(bytes.TrimSuffix(buf[:n], []byte("\n")), []byte("\r"))
			if n == 0 || buf[n-1] != '\n' || n > maxLine || bytes.ContainsFunc(line, control) {
				t.Errorf("go-smtp got %q of %q", buf[:n], stream)
			}
		}
		w.Close()
	})
}

func TestWireGivesOneLineARead(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	w := newWire(newServer(&memory{}), theirs)
	go ours.Write([]byte("NOOP\r\nRSET\r\nQUIT\r\n"))
	buf := make([]byte, 4096)
	for _, want := range []string{"NOOP\r\n", "RSET\r\n", "QUIT\r\n"} {
		n, err := w.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("got %q, %v, want %q", buf[:n], err, want)
		}
	}
}

func TestWireNeverRunsHalfALine(t *testing.T) {
	for _, end := range []string{"RSET", "MAIL FROM:<a@b.c>", "RCPT TO:<v@w.x>" + strings.Repeat(" ", 60_000)} {
		ours, theirs := net.Pipe()
		w := newWire(newServer(&memory{}), theirs)
		go func() {
			ours.Write([]byte("NOOP\r\n" + end))
			ours.Close()
		}()
		got, err := io.ReadAll(struct{ io.Reader }{w})
		if string(got) != "NOOP\r\n" {
			t.Errorf("after NOOP %.30q: read %.60q, %v", end, got, err)
		}
		w.Close()
	}
}

func BenchmarkText(b *testing.B) {
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10} {
		for _, wired := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dKB/wire=%v", size>>10, wired), func(b *testing.B) { benchmarkText(b, size, wired) })
		}
	}
}

// benchmarkText is one client that sends mails of size bytes over loopback.
func benchmarkText(b *testing.B, size int, wired bool) {
	gs := smtp.NewServer(&recorder{})
	gs.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	if wired {
		l = &listener{Listener: l, server: newServer(&memory{})}
	}
	go gs.Serve(l)
	defer gs.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	c := smtp.NewClient(conn)
	text := []byte(strings.Repeat(strings.Repeat("x", 74)+"\r\n", size/76))
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := c.SendMail("a@b.c", []string{"d@e.f"}, bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
