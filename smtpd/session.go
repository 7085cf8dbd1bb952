package smtpd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"pabal/eml"
	"pabal/spool"
)

const (
	// headroom in front of a text takes the fields we add, so that the body of
	// a message is not copied again.
	headroom = 2 << 10
	// firstRoom is reserved for a text of unknown size, secondRoom when it grows
	// past that, and then all that is allowed: each a kind of its own to the
	// spool, so that texts that grow never wait for one another.
	firstRoom  = spool.SmallBody
	secondRoom = spool.MediumBody
	// pooled is the largest buffer kept for the next text.
	pooled = 1 << 20
)

// session is one client's mail transactions. go-smtp calls it from the
// connection's goroutine only.
type session struct {
	ctx    context.Context // the server's; what is accepted is finished without it
	server *Server
	conn   *smtp.Conn
	wire   *wire
	log    *slog.Logger

	open       bool // MAIL was accepted
	from       string
	size       int64 // as declared at MAIL, zero if not
	recipients []string
	known      map[string]bool // keys of recipients
	early      []answer        // of the rules before the text; nil: not asked yet

	named string // the name a mail was stored under, of those the user gave
}

func newSession(ctx context.Context, s *Server, c *smtp.Conn) *session {
	n := &session{ctx: ctx, server: s, conn: c, wire: c.Conn().(*wire), log: s.log()}
	n.Reset()
	return n
}

// Mail begins a transaction.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	if err := s.mayMail(); err != nil {
		return err
	}
	if s.open {
		return s.refuse(503, "5.5.1", "MAIL was given already; send RSET to begin again")
	}
	if !printable(from) {
		return s.refuse(553, "5.6.7", "the sender is not ASCII and SMTPUTF8 is not offered")
	}
	if len(from) > maxPathOctets {
		return s.refuse(553, "5.1.7", "the sender is longer than 256 octets")
	}
	if err := s.withinRate(); err != nil {
		return err
	}
	if err := s.server.queue.Room(); err != nil { // before the text has come all the way
		s.server.counts.refused.Add(1)
		return notNow(err)
	}
	s.open, s.from, s.size = true, from, opts.Size
	return nil
}

// Rcpt adds a recipient, or those an alias stands for. One given twice gets one
// mail. Of one that is refused nobody gets it.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.asIs {
		return s.passTo(to)
	}
	addresses, err := s.aliased(to)
	if err != nil {
		return err
	}
	before := len(s.recipients)
	for _, to := range addresses {
		if err := s.add(to); err != nil {
			for _, added := range s.recipients[before:] {
				delete(s.known, eml.Key(added))
			}
			s.recipients = s.recipients[:before]
			return err
		}
	}
	return nil
}

func (s *session) add(to string) error {
	address, err := eml.ParseAddress(to)
	if err != nil {
		reason := err.Error()
		var bad *eml.AddressError
		if errors.As(err, &bad) {
			reason = bad.Reason
		}
		return s.refuse(553, "5.1.3", "recipient refused: "+eml.Visible(reason))
	}
	return s.remember(address)
}

func (s *session) remember(address string) error {
	if key := eml.Key(address); !s.known[key] {
		if err := s.mayGo(address); err != nil {
			return err
		}
		if len(s.recipients) >= defaultRecipients { // aliases may stand for many
			return s.refuse(452, "4.5.3", "too many recipients, send the rest in another mail")
		}
		s.known[key] = true
		s.recipients = append(s.recipients, address)
	}
	return nil
}

// Data takes the text past go-smtp's reader and answers after the commit.
func (s *session) Data(io.Reader) error {
	buf := s.server.buffer()
	memory := &reservation{session: s, limit: s.server.maxMessageSize()}
	defer memory.release()
	text, err := s.wire.takeText((*buf)[:headroom], memory.limit, memory.room)
	var ids []string
	if err == nil {
		ids, err = s.submit(text)
	}
	if err != nil { // the buffer is left to a Put that may still be reading it
		s.server.counts.refused.Add(1)
		return reply(err)
	}
	*buf = text[:0]
	s.server.giveBack(buf)
	s.server.counts.took(s.wire, len(ids))
	return queued(ids)
}

// submit checks a text, makes it a message and stores it.
func (s *session) submit(text []byte) ([]string, error) {
	if s.server.asIs {
		return s.pass(text[headroom:])
	}
	all, release, err := s.messages(text)
	defer release()
	if err != nil {
		return nil, err
	}
	m := all[0]
	skip, err := s.skips()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), putLimit)
	defer cancel()
	ids, err := s.store(ctx, all, skip)
	if err != nil {
		s.log.Error("message not stored", "bytes", len(m.data), "err", err)
		return nil, notNow(err)
	}
	s.spend(m.env.Once)
	s.log.Debug("message accepted", "message", ids[0], "received", m.id, "messages", len(ids), "bytes", len(m.data))
	return ids, nil
}

// skips are the recipients who may not be mailed, with the reason.
func (s *session) skips() (map[string]string, error) {
	if s.server.Suppressed == nil {
		return nil, nil
	}
	var skip map[string]string
	for _, to := range s.recipients {
		reason, err := s.server.Suppressed(to)
		if err != nil {
			s.log.Error("suppression not checked", "err", err)
			return nil, notNow(err)
		}
		if reason == "" {
			continue
		}
		if skip == nil {
			skip = map[string]string{}
		}
		skip[to] = reason
	}
	return skip, nil
}

// Reset ends a transaction.
func (s *session) Reset() {
	s.open, s.from, s.size, s.recipients, s.early = false, "", 0, nil, nil
	s.known = map[string]bool{}
}

// Logout ends the session. Who says QUIT has read the answers.
func (s *session) Logout() error {
	if s.named != "" && s.wire.quit {
		s.server.drop.known.answer(s.named)
	}
	return nil
}

func (s *session) refuse(code int, enhanced, text string) error {
	s.server.counts.refused.Add(1)
	return refusal(code, enhanced, text)
}

// reply is err as an SMTP reply, whatever it is.
func reply(err error) error {
	var r *smtp.SMTPError
	if errors.As(err, &r) {
		return r
	}
	return refusal(451, "4.3.0", "the message did not arrive whole")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// buffer is one for a text, from the pool or new.
func (s *Server) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, headroom+readChunk)
	return &b
}

func (s *Server) giveBack(b *[]byte) {
	if cap(*b) <= pooled {
		s.buffers.Put(b)
	}
}

// reservation is the share of body_memory that one text holds.
type reservation struct {
	session  *session
	limit    int64
	reserved int64
	releases []func()
}

// room grows a buffer when it is nearly full, and first asks for the memory:
// for what the client declared or firstRoom, then for secondRoom, then for all
// the limit allows. It waits so long as memoryLimit; a client left waiting then
// gets 452.
func (r *reservation) room(buf []byte) ([]byte, error) {
	if need := int64(len(buf) - headroom); r.reserved == 0 || need >= r.reserved {
		want, least := r.limit, int64(secondRoom+1) // of a larger kind, also where the limit is near
		switch {
		case r.reserved == 0:
			// A little more than declared: line ends and dots are counted variously.
			want, least = min(r.limit, max(firstRoom, r.session.size+r.session.size/16)), 0
		case r.reserved <= firstRoom:
			want, least = min(r.limit, secondRoom), firstRoom+1
		}
		if err := r.reserve(want, least); err != nil {
			return buf, err
		}
	}
	if cap(buf)-len(buf) >= readChunk/4 {
		return buf, nil
	}
	larger := max(2*len(buf), headroom+int(r.session.size)+readChunk)
	return slices.Grow(buf, min(larger, headroom+int(r.limit)+readChunk)-len(buf)), nil
}

// reserve brings what is reserved to want, asking for least at the least.
func (r *reservation) reserve(want, least int64) error {
	ctx, cancel := context.WithTimeout(r.session.ctx, memoryLimit)
	defer cancel()
	release, err := r.session.server.queue.ReserveBody(ctx, max(want-r.reserved, least))
	if err != nil {
		r.session.log.Warn("no memory for a text", "bytes", want, "err", err)
		return refusal(452, "4.3.1", "too many messages at once, try again later")
	}
	r.reserved = want
	r.releases = append(r.releases, release)
	return nil
}

func (r *reservation) release() {
	for _, release := range r.releases {
		release()
	}
}

var _ smtp.Session = (*session)(nil)

// date is a time as header fields have it, RFC 5322 3.3.
func date(t time.Time) string { return t.Format("Mon, 2 Jan 2006 15:04:05 -0700") }

var _ queue = (*spool.Spool)(nil)
