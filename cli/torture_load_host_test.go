//go:build host

package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	smtpSessions  = 8
	smallestMail  = 1 << 10
	largestMail   = 100 << 10
	replyPatience = 30 * time.Second // for one SMTP reply; a daemon that never answers is a fault
)

// submission is one mail as an application knows it: it is written down after
// the reply, and the reply is all the application has.
type submission struct {
	to      string // unique: the mail's name in both books
	hash    [sha256.Size]byte
	size    int
	code    int    // of the reply to the text; 0: the connection broke before it
	reply   string // its text
	replied time.Time
}

// books are what clients were told: the ack log and the opt-outs.
type books struct {
	mu      sync.Mutex
	next    int
	mails   map[string]*submission
	optOuts map[string]time.Time // address -> when its 200 was read
}

func newBooks() *books {
	return &books{mails: map[string]*submission{}, optOuts: map[string]time.Time{}}
}

// name is an address no other mail has.
func (b *books) name() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return fmt.Sprintf("mail%06d@example.net", b.next)
}

func (b *books) write(s submission) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails[s.to] = &s
}

func (b *books) optOut(email string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.optOuts[email] = time.Now()
}

// count is how many mails got a reply.
func (b *books) count(code int) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.mails {
		if s.code == code {
			n++
		}
	}
	return n
}

// slab is what bodies are cut from: lines of plain ASCII, so that nothing in
// them has to be coded anew on the way.
var slab = func() []byte {
	const line = 74
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, 2*largestMail+2*line)
	for len(b) < 2*largestMail {
		for range line - 2 {
			b = append(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random.IntN(64)])
		}
		b = append(b, '\r', '\n')
	}
	return b
}()

// mailSize is anything from 1 to 100 KB, small ones more often.
func mailSize() int {
	return int(smallestMail * math.Exp(rand.Float64()*math.Log(largestMail/smallestMail)))
}

// mailText is a mail of about a size, and its body alone.
func mailText(to string, size int) (text, body []byte) {
	lines := size / 74
	at := 74 * rand.IntN(largestMail/74)
	body = slab[at : at+74*max(lines, 1)]
	header := "From: ERP <erp@example.com>\r\nTo: <" + to + ">\r\nSubject: torture " + to +
		"\r\nMessage-ID: <" + to + ">\r\nDate: Mon, 02 Nov 2026 10:00:00 +0900\r\nX-Torture: " + to + "\r\n\r\n"
	return append([]byte(header), body...), body
}

// smtpClient is one session of an application.
type smtpClient struct {
	conn net.Conn
	text *textproto.Reader
}

func dialSMTP(address string) (*smtpClient, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &smtpClient{conn, textproto.NewReader(bufio.NewReader(conn))}
	if code, text, err := c.reply(); err != nil || code != 220 {
		conn.Close()
		return nil, errors.Join(err, fmt.Errorf("greeting %d %s", code, text))
	}
	if code, text, err := c.say("EHLO torture.example.com"); err != nil || code != 250 {
		conn.Close()
		return nil, errors.Join(err, fmt.Errorf("EHLO %d %s", code, text))
	}
	return c, nil
}

func (c *smtpClient) reply() (code int, text string, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(replyPatience)); err != nil {
		return 0, "", err
	}
	code, text, err = c.text.ReadResponse(0)
	if protocol := (*textproto.Error)(nil); errors.As(err, &protocol) {
		return protocol.Code, protocol.Msg, nil
	}
	return code, text, err
}

func (c *smtpClient) say(line string) (code int, text string, err error) {
	if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
		return 0, "", err
	}
	return c.reply()
}

// submit sends one mail and writes the reply into the books. An error means
// that the connection is of no more use.
func (c *smtpClient) submit(b *books, size int) (submission, error) {
	s := submission{to: b.name()}
	text, body := mailText(s.to, size)
	s.hash, s.size = sha256.Sum256(body), len(body)
	var err error
	defer func() {
		s.replied = time.Now()
		b.write(s)
	}()
	for _, line := range []string{"MAIL FROM:<erp@example.com>", "RCPT TO:<" + s.to + ">", "DATA"} {
		if s.code, s.reply, err = c.say(line); err != nil || s.code >= 400 {
			return s, err
		}
	}
	s.code, s.reply = 0, ""
	if _, err = c.conn.Write(append(text, ".\r\n"...)); err != nil {
		return s, err
	}
	s.code, s.reply, err = c.reply()
	return s, err
}

// submitUntil is one session that submits until ctx ends or the connection
// breaks, which is how a kill looks from here. It waits for pace between mails.
func submitUntil(ctx context.Context, address string, b *books, pace time.Duration) {
	c, err := dialSMTP(address)
	if err != nil {
		return
	}
	defer c.conn.Close()
	for ctx.Err() == nil {
		if s, err := c.submit(b, mailSize()); err != nil || s.code == 421 {
			return
		}
		timer := time.NewTimer(pace)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// link is somebody's way to unsubscribe.
type link struct{ email, path string }

// optOutUntil lets one person after the other unsubscribe, as mail programs do.
func optOutUntil(ctx context.Context, web string, b *books, links <-chan link) {
	client := &http.Client{Timeout: replyPatience, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		select {
		case <-ctx.Done():
			return
		case l, ok := <-links:
			if !ok {
				return
			}
			if oneClick(client, "http://"+web+l.path) == nil {
				b.optOut(l.email)
			}
		}
	}
}

// oneClick is RFC 8058's POST.
func oneClick(client *http.Client, address string) error {
	answer, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// linkOf finds the way to unsubscribe in a campaign's mail.
func linkOf(email string, raw []byte) (link, error) {
	m, err := readMail(raw)
	if err != nil {
		return link{}, err
	}
	u, err := url.Parse(m.link)
	if err != nil || u.Path == "" {
		return link{}, fmt.Errorf("the mail to %s has the link %q: %w", email, m.link, err)
	}
	return link{email, u.Path}, nil
}

// bodyOf is what follows the header of a mail.
func bodyOf(raw []byte) []byte {
	_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	return body
}

// dialRaw is a connection of a client that says nothing.
func dialRaw(address string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
