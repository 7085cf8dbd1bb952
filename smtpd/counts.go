package smtpd

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

// Entrances by which mail comes, as Stats.Entrances has them.
const (
	BySMTP   = "smtp"   // a port
	BySocket = "socket" // a user of this host, by the submission socket: sendmail
	ByDrop   = "drop"   // the drop folder: sendmail while the daemon was down
)

// lastCode is above every reply of SMTP.
const lastCode = 600

// counts are the sums of Stats; the zero value is ready.
type counts struct {
	accepted  atomic.Int64
	refused   atomic.Int64
	logins    atomic.Int64 // refused
	connected atomic.Int64
	entrances [3]atomic.Int64
	replies   [lastCode]atomic.Int64 // by code
}

// took counts messages of a connection that were stored.
func (c *counts) took(w *wire, n int) {
	c.accepted.Add(int64(n))
	entrance := 0
	if p, ok := peerOf(w.Conn); ok {
		entrance = 1
		if p.once != "" {
			entrance = 2
		}
	}
	c.entrances[entrance].Add(int64(n))
}

func (c *counts) byEntrance() map[string]int64 {
	by := map[string]int64{}
	for i, name := range [...]string{BySMTP, BySocket, ByDrop} {
		by[name] = c.entrances[i].Load()
	}
	return by
}

// said counts the replies in some lines: of each its last line.
func (c *counts) said(lines []byte) {
	for line := range bytes.Lines(lines) {
		if len(line) < 3 || len(line) > 3 && line[3] == '-' {
			continue
		}
		if code, err := strconv.ParseUint(string(line[:3]), 10, 16); err == nil && code < lastCode {
			c.replies[code].Add(1)
		}
	}
}

func (c *counts) byCode() map[string]int64 {
	by := map[string]int64{}
	for code := range c.replies {
		if n := c.replies[code].Load(); n > 0 {
			by[strconv.Itoa(code)] = n
		}
	}
	return by
}
