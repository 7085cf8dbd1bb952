package emulator

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
)

// buffers are what one send needs: the call's JSON and the message out of it.
type buffers struct {
	body bytes.Buffer
	raw  []byte
}

// bufferLimit is the largest buffer kept for the next send.
const bufferLimit = 4 << 20

func (s *Server) getBuffers() *buffers {
	if b, ok := s.spare.Get().(*buffers); ok {
		return b
	}
	return &buffers{}
}

func (s *Server) putBuffers(b *buffers) {
	if b.body.Cap() <= bufferLimit && cap(b.raw) <= bufferLimit {
		b.body.Reset()
		s.spare.Put(b)
	}
}

// sendEmail is SendEmail from the socket to the answer.
func (s *Server) sendEmail(w http.ResponseWriter, r *http.Request) {
	s.count("SendEmail")
	b := s.getBuffers()
	a := s.send(w, r, b)
	s.putBuffers(b) // before any latency: nothing of the answer is in it
	s.finish(w, r, a)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, b *buffers) answer {
	if r.ContentLength > 0 && r.ContentLength <= maxSendBody {
		b.body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := io.Copy(&b.body, http.MaxBytesReader(w, r.Body, maxSendBody)); err != nil {
		return bodyError(err)
	}
	if err := signed(r); err != nil {
		return err.answer()
	}
	in, err := decodeSend(b.body.Bytes(), b.raw)
	if err != nil {
		return (&apiError{http.StatusBadRequest, "SerializationException", err.Error()}).answer()
	}
	if in.Content.Raw != nil && cap(in.Content.Raw.Data) > cap(b.raw) {
		b.raw = in.Content.Raw.Data[:0]
	}
	d, refused := in.check()
	if a, struck := s.strikeBefore("SendEmail", d.to); struck {
		return a
	}
	if refused != nil {
		return refused.answer()
	}
	id, refused := s.accept(r, in, d)
	if refused != nil {
		return refused.answer()
	}
	a := jsonAnswer(map[string]string{"MessageId": id})
	a.delay = s.o.Latency
	s.strikeAfter("SendEmail", d.to, &a)
	return a
}

// accept lets the account's rules decide, logs the mail and keeps it.
func (s *Server) accept(r *http.Request, in *sendInput, d *delivery) (string, *apiError) {
	rec := record{
		from: d.from, to: d.to, tags: d.tags, bytes: len(d.msg.raw),
		xid: d.msg.get("x-pabal-id"), lane: d.lane(), set: d.set,
	}
	if !s.o.NoHash {
		rec.hash, rec.hashed = sha256.Sum256(d.msg.raw), true
	}
	if err := s.admit(r, in, d, &rec); err != nil {
		return "", err
	}
	if err := s.mails.keep(d, &rec); err != nil {
		s.log.Error("mail not kept", "message", rec.id, "err", err)
	}
	return rec.id, nil
}

// admit takes the mail into the account's counters and the log in one step, so
// that the log is in the order of time.
func (s *Server) admit(r *http.Request, in *sendInput, d *delivery, rec *record) *apiError {
	counted := 0
	for _, to := range d.to {
		if !simulator(to) {
			counted++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.account.state(); err != nil {
		return err
	}
	if err := s.permit(r, d, in.FeedbackForwardingEmailAddress); err != nil {
		return err
	}
	now := s.now()
	if err := s.account.admit(now, len(d.to), counted); err != nil {
		if err.status == http.StatusTooManyRequests {
			s.ledger.throttled++
		}
		return err
	}
	rec.at, rec.id = now, s.ids.next(now)
	rec.suppressed = s.suppressedOf(d.to)
	s.report(s.ledger.add(*rec))
	return nil
}

func (d *delivery) lane() string {
	for _, t := range d.tags {
		if t.Name == "lane" || t.Name == "pabal-lane" {
			return t.Value
		}
	}
	return d.msg.get("x-pabal-lane")
}
