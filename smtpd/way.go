package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"pabal/eml"
	"pabal/spool"
)

// way is those recipients of a mail who get the same text, and what is asked of
// the mail of each.
type way struct {
	to      []string
	rewrite eml.Mailbox // in place of the From header's; zero: it stays
	listed  bool        // it is about a topic: the link to refuse it is pabal's
	routing map[string]spool.Routing
}

// listFields are those that pabal's own take the place of: an application cannot
// know who refused by its own.
var listFields = []string{"List-Unsubscribe", "List-Unsubscribe-Post"}

// apply changes a header as the rules ask.
func (w *way) apply(header *eml.Header) {
	if w.rewrite.Address != "" {
		setFrom(header, w.rewrite)
	}
	if w.listed {
		header.Remove(listFields...)
	}
}

// facts are what the rules know of the session; header is nil before the text.
func (s *session) facts(header *eml.Header) *facts {
	f := &facts{sender: orNull(s.from), header: header, user: s.wire.user}
	if p, ok := peerOf(s.conn.Conn()); ok {
		f.uid = &p.uid
	} else if from, err := netip.ParseAddrPort(s.conn.Conn().RemoteAddr().String()); err == nil {
		f.addr = from.Addr().Unmap().WithZone("")
	}
	if header != nil {
		f.from = s.fromNow(header)
	}
	return f
}

// fromNow is the address that the From header is going to have before a rule or
// the configuration rewrites it, "" if there is none. It changes nothing: of
// several fields the first that says something counts, as in dedupe, and of
// none what fillFrom would write.
func (s *session) fromNow(header *eml.Header) string {
	value := ""
	for _, f := range header.Fields() {
		if strings.EqualFold(f.Name, "From") && value == "" {
			value = f.Value()
		}
	}
	if value == "" {
		if address, err := eml.ParseAddress(s.qualified(s.from)); err == nil {
			return address
		}
		return s.server.DefaultFrom.Address
	}
	if box, err := eml.ParseMailbox(value); err == nil {
		return box.Address
	}
	if box, ok := hiddenMailbox(value); ok {
		return box.Address
	}
	return s.qualified(firstMailbox(value).address)
}

// mayGo refuses a recipient whom a rule denies without looking at the text.
func (s *session) mayGo(to string) error {
	r := s.server.Routes
	if r.none() {
		return nil
	}
	if s.early == nil {
		s.early = r.about(s.facts(nil))
	}
	at, decided := r.first(s.early, to)
	if at < 0 || !decided {
		return nil
	}
	if d, _ := r.decision(at, to); d.Denied != "" {
		return s.refuse(550, "5.7.1", d.Denied)
	}
	return nil
}

// ways asks the rules about a mail. Where one of its recipients is denied none
// gets it: there is one answer to a text.
func (s *session) ways(header *eml.Header) ([]way, error) {
	r := s.server.Routes
	if r.none() && !header.Has(topicField) && !header.Has(tagField) {
		return []way{{to: slices.Clone(s.recipients)}}, nil
	}
	decisions, err := r.decide(nil, s.facts(header), s.recipients)
	if err != nil {
		return nil, err
	}
	var all []way
	for i := range decisions {
		d := &decisions[i]
		if d.Denied != "" {
			return nil, refusal(550, "5.7.1", denial(d, len(decisions)))
		}
		all = addTo(all, d)
	}
	return all, nil
}

// maxReply is what a reply line has for text (RFC 5321 4.5.3.1.5).
const maxReply = 512 - len("550 5.7.1 \r\n")

// denial is what a client is told after a text: of several recipients also
// which it is about, and that the others get nothing either.
func denial(d *Decision, recipients int) string {
	if recipients == 1 {
		return d.Denied
	}
	rest := "; none of the recipients gets this mail: send it without that one"
	if !strings.Contains(d.Denied, d.To) {
		rest = " (" + d.To + ")" + rest
	}
	return eml.Cut(d.Denied, maxReply-len(rest)) + rest
}

// addTo puts a recipient on the way that is theirs.
func addTo(all []way, d *Decision) []way {
	i := slices.IndexFunc(all, func(w way) bool { return w.rewrite == d.rewrite && w.listed == (d.Topic != "") })
	if i < 0 {
		i = len(all)
		all = append(all, way{rewrite: d.rewrite, listed: d.Topic != ""})
	}
	w := &all[i]
	w.to = append(w.to, d.To)
	if r := d.routing(); !r.IsZero() {
		if w.routing == nil {
			w.routing = map[string]spool.Routing{}
		}
		w.routing[d.To] = r
	}
	return all
}

// none reports whether there are no rules.
func (r *Routes) none() bool { return r == nil || len(r.routes) == 0 }

// messages checks the text behind the headroom of buf and makes a message of it
// for each way. The first is part of buf where it can be; the memory of the
// others is taken until release.
func (s *session) messages(buf []byte) (all []*message, release func(), err error) {
	release = func() {}
	header, body, err := s.parse(buf)
	if err != nil {
		return nil, release, err
	}
	ways, err := s.ways(&header)
	if err != nil {
		return nil, release, err
	}
	copies := make([][]byte, len(ways))
	if n := int64(len(ways)-1) * int64(len(buf)); n > 0 {
		if release, err = s.moreRoom(n); err != nil {
			return nil, func() {}, err
		}
	}
	for i := range ways[1:] {
		copies[i+1] = bytes.Clone(buf)
	}
	for i := range ways {
		if i > 0 {
			if header, body, err = eml.Split(copies[i][headroom:]); err != nil {
				return nil, release, err
			}
			buf = copies[i]
		}
		m, err := s.message(buf, header, body, &ways[i])
		if err != nil {
			return nil, release, err
		}
		all = append(all, m)
	}
	return all, release, nil
}

// splitMemory bounds what the second texts of mails hold that rules split, all
// such mails together, in bytes: with it one of the largest size fits once more.
// It is not the spool's BodyMemory, of which the session has its first text's
// share: two that want more of the same would wait for each other.
const splitMemory = 64 << 20

// moreRoom waits for memory beside that of the text.
func (s *session) moreRoom(n int64) (func(), error) {
	if n > splitMemory {
		return nil, refusal(552, "5.3.4", fmt.Sprintf("the routing rules make several texts of this mail, %d MB beside the first, and at most %d can be: send it to its recipients one by one", n>>20, splitMemory>>20))
	}
	ctx, cancel := context.WithTimeout(s.ctx, memoryLimit)
	defer cancel()
	if err := s.server.splits.Acquire(ctx, n); err != nil {
		s.log.Warn("no memory for a text that rules split", "bytes", n, "err", err)
		return nil, refusal(452, "4.3.1", "too many messages at once, try again later")
	}
	return sync.OnceFunc(func() { s.server.splits.Release(n) }), nil
}

// store puts the messages of one mail into the spool.
func (s *session) store(ctx context.Context, all []*message, skip map[string]string) ([]string, error) {
	parts := make([]spool.Part, len(all))
	for i, m := range all {
		m.env.From, m.env.Once, m.env.Skip = s.from, s.once(), skip
		parts[i] = spool.Part{Envelope: m.env, Body: m.data}
	}
	if len(parts) == 1 {
		return s.server.queue.Put(ctx, parts[0].Envelope, parts[0].Body)
	}
	return s.server.queue.PutParts(ctx, parts)
}
