//go:build bench

package cli

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// probeLimit ends a connection that hangs.
const probeLimit = 5 * time.Minute

// prober is one SMTP client that keeps its connection and pipelines
// MAIL, RCPT and DATA (RFC 2920), as the same one probe of every server.
type prober struct {
	conn net.Conn
	in   *bufio.Reader
}

// overTLS stands in front of an address where TLS comes first.
const overTLS = "tls://"

func dialProber(address string) (*prober, error) {
	conn, err := dialServer(address)
	if err != nil {
		return nil, err
	}
	p := &prober{conn, bufio.NewReader(conn)}
	if err := conn.SetDeadline(time.Now().Add(probeLimit)); err != nil {
		return nil, err
	}
	if err := p.expect("220"); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "EHLO bench.example.com\r\n"); err != nil {
		return nil, err
	}
	return p, p.expect("250")
}

func dialServer(address string) (net.Conn, error) {
	if at, secure := strings.CutPrefix(address, overTLS); secure {
		return tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	}
	return net.Dial("tcp", address)
}

// expect reads one reply, of one or more lines.
func (p *prober) expect(code string) error {
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte(code)) {
			return fmt.Errorf("got %q, want %s", line, code)
		}
		if len(line) > 3 && line[3] == ' ' {
			return nil
		}
	}
}

// submit hands one mail over; text ends with the dot.
func (p *prober) submit(text []byte) error {
	if _, err := io.WriteString(p.conn, "MAIL FROM:<app@example.com>\r\nRCPT TO:<minji@example.net>\r\nDATA\r\n"); err != nil {
		return err
	}
	for _, code := range []string{"250", "250", "354"} {
		if err := p.expect(code); err != nil {
			return err
		}
	}
	if _, err := p.conn.Write(text); err != nil {
		return err
	}
	return p.expect("250")
}

func (p *prober) close() error {
	_, err := io.WriteString(p.conn, "QUIT\r\n")
	return errors.Join(err, p.conn.Close())
}

// benchMail is a mail of about size bytes with the dot that ends it.
func benchMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString("From: Shop <app@example.com>\r\nTo: <minji@example.net>\r\nSubject: Order\r\nDate: Mon, 2 Jan 2006 15:04:05 +0900\r\nMessage-ID: <1@example.com>\r\n\r\n")
	line := strings.Repeat("0123456789", 7) + "\r\n"
	for b.Len() < size {
		b.WriteString(line)
	}
	b.WriteString(".\r\n")
	return b.Bytes()
}

// submitFor lets a number of clients submit for a time and returns mails/s.
func submitFor(t testing.TB, address string, clients, size int, d time.Duration) float64 {
	t.Helper()
	begun := time.Now()
	n := submitWhile(t, address, clients, size, func(int) bool { return time.Since(begun) < d })
	return float64(n) / time.Since(begun).Seconds()
}

// submitCount lets a number of clients submit n mails in all.
func submitCount(t testing.TB, address string, clients, size, n int) {
	t.Helper()
	each := n / clients
	submitWhile(t, address, clients, size, func(sent int) bool { return sent < each })
}

// submitWhile lets each client submit while more says so of its count.
func submitWhile(t testing.TB, address string, clients, size int, more func(sent int) bool) (total int) {
	t.Helper()
	text := benchMail(size)
	var wait sync.WaitGroup
	sent, errs := make([]int, clients), make([]error, clients)
	for i := range clients {
		wait.Go(func() {
			p, err := dialProber(address)
			for err == nil && more(sent[i]) {
				if err = p.submit(text); err == nil {
					sent[i]++
				}
			}
			if err == nil {
				err = p.close()
			}
			errs[i] = err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, n := range sent {
		total += n
	}
	return total
}

// latencies submits one mail after another while more says so and returns how
// long each took.
func latencies(t testing.TB, address string, size int, more func(sent int) bool) []time.Duration {
	t.Helper()
	p, err := dialProber(address)
	if err != nil {
		t.Fatal(err)
	}
	text := benchMail(size)
	var took []time.Duration
	for more(len(took)) {
		begun := time.Now()
		if err := p.submit(text); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	return took
}
