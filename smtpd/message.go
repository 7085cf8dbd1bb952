package smtpd

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-smtp"

	"pabal/eml"
	"pabal/spool"
)

// removed are header fields that must not go on: hidden recipients, fields that
// belong to the envelope, and signatures that our own fields would break (SES
// signs itself and refuses a second DKIM-Signature). X-SES-… fields, which
// command SES, go too.
var removed = []string{"Bcc", "Resent-Bcc", "Return-Path", "DKIM-Signature", "DomainKey-Signature", "X-Pabal-Id", topicField, tagField}

const (
	maxSubject   = 500 // bytes of the decoded subject kept for people
	maxMessageID = 500 // bytes kept to find a message by; real ones have under 100
)

// message is one text as it is stored.
type message struct {
	env    spool.Envelope // without From, Once and Skip
	data   []byte
	sender string // address of the From header
	id     string // in our Received field
}

// parse cuts the text behind the headroom of buf.
func (s *session) parse(buf []byte) (header eml.Header, body []byte, err error) {
	if len(buf) == headroom {
		return header, nil, refusal(550, "5.6.0", "the message is empty; it needs a header and a text")
	}
	header, body, err = eml.Split(buf[headroom:])
	if err != nil {
		return header, nil, refusal(550, "5.6.0", "the header cannot be read: "+eml.Visible(err.Error()))
	}
	return header, body, loops(&header)
}

// message gives the text behind the headroom of buf the header fields it needs,
// for the recipients of one way. The result is part of buf where it can be.
func (s *session) message(buf []byte, header eml.Header, body []byte, w *way) (*message, error) {
	m := &message{id: strings.ToLower(rand.Text()[:16])}
	m.env.To, m.env.Routing = w.to, w.routing
	w.apply(&header)
	sender, plain, err := s.sendable(&header, body)
	if err != nil {
		return nil, err
	}
	m.sender, m.env.FromDomain = sender, eml.Domain(sender)
	m.env.Subject = eml.Cut(eml.DecodeHeader(header.Get("Subject")), maxSubject)
	s.complete(&header, m.id)
	m.env.MessageID = eml.Cut(bareID(header.Get("Message-ID")), maxMessageID)
	top := append(header.AppendTo(nil), "\r\n"...)
	if start := len(buf) - len(body) - len(top); plain == nil && start >= 0 {
		copy(buf[start:], top) // the body stays where it lies, at the end of buf
		m.data = buf[start:]
		return m, nil
	}
	if plain == nil {
		plain = body
	}
	m.data = append(top, plain...)
	if fits(len(m.data), maxMail) != nil { // coded anew it is larger
		return nil, refusal(552, "5.3.4", fmt.Sprintf("the message has more than the %d bytes SES takes once its 8-bit text or long lines are coded; send a link to the file instead", maxMail))
	}
	return m, nil
}

// sendable makes a message one that SES takes, and says who it is from. A
// header and a body that SES takes as they are stay so byte for byte; plain is
// nil where nothing had to be done to the body.
func (s *session) sendable(header *eml.Header, body []byte) (sender string, plain []byte, err error) {
	s.strip(header)
	dedupe(header)
	if sender, err = s.author(header); err != nil {
		return "", nil, err
	}
	s.sender(header, sender)
	s.addressees(header, eml.Domain(sender))
	if err := (&files{}).allowed(headerOfPart(header), body, 0); err != nil {
		return "", nil, err
	}
	plain, err = sevenBit(header, body)
	return sender, plain, err
}

// loops refuses a message that has been through too many servers.
func loops(header *eml.Header) error {
	hops := 0
	for _, f := range header.Fields() {
		if strings.EqualFold(f.Name, "Received") {
			hops++
		}
	}
	if hops >= maxReceived {
		return refusal(554, "5.4.6", fmt.Sprintf("the message has been through %d servers: it runs in a loop; look for a server that sends mail back to this one", hops))
	}
	return nil
}

// CommandsSES reports whether a header field of that name tells SES what to do.
func CommandsSES(name string) bool {
	const prefix = "X-SES-"
	return len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// strip removes what must not go on.
func (s *session) strip(header *eml.Header) {
	names := removed
	for _, f := range header.Fields() {
		same := func(name string) bool { return strings.EqualFold(name, f.Name) }
		if CommandsSES(f.Name) && !slices.ContainsFunc(s.server.AllowHeaders, same) {
			names = append(names[:len(names):len(names)], f.Name)
		}
	}
	header.Remove(names...)
}

// complete adds what every message has, and on top our Received field. It
// names no recipient: the others must not see each other.
func (s *session) complete(header *eml.Header, id string) {
	now := date(s.server.now())
	if blank(header, "Message-ID") {
		header.Remove("Message-ID")
		header.Prepend(eml.AppendRawHeader(nil, "Message-ID", "<"+id+"@"+s.server.hostname()+">"))
	}
	if blank(header, "Date") {
		header.Remove("Date")
		header.Prepend(eml.AppendRawHeader(nil, "Date", now))
	}
	received := fmt.Sprintf("from %s (%s) by %s with %s id %s; %s",
		greeting(s.conn), client(s.conn), s.server.hostname(), s.wire.protocol(), id, now)
	header.Prepend(eml.AppendRawHeader(nil, "Received", received))
}

// greeting is the name the client gave itself, if it is one.
func greeting(c *smtp.Conn) string {
	name := c.Hostname()
	if strings.HasSuffix(name, onceDomain) {
		return "localhost" // sendmail
	}
	allowed := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(".-_:[]", r)
	}
	if len(name) > 255 || strings.TrimFunc(name, allowed) != "" || strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }) {
		return "unknown"
	}
	return name
}

// client is the address literal of the other end (RFC 5321 4.1.3), or the user
// of this host.
func client(c *smtp.Conn) string {
	if p, ok := peerOf(c.Conn()); ok {
		return p.String()
	}
	host, _, err := net.SplitHostPort(c.Conn().RemoteAddr().String())
	switch {
	case err != nil:
		return "[unknown]"
	case strings.Contains(host, ":"):
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

func bareID(value string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), "<"), ">")
}
