package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// checkAgain is how long a letter may wait at the gate before consent is
// looked at a second time.
const checkAgain = 50 * time.Millisecond

// Sender is the drain's chain before SES, for both lanes: it checks consent,
// suppression and topic, composes the bulk letter, waits at the gate, checks
// again if that took over 50 ms, and calls next. It returns what next returns,
// a *spool.SkipError for somebody who is not to be mailed (any more), or a
// permanent *spool.SendError for a letter that cannot be made. It may be
// called at the same time.
func (s *Store) Sender(gate Gate, next spool.Sender) spool.Sender {
	return &lastCheck{store: s, gate: gate, next: next}
}

type lastCheck struct {
	store *Store
	gate  Gate
	next  spool.Sender
}

// Send implements spool.Sender.
func (d *lastCheck) Send(ctx context.Context, m *spool.Message) (string, error) {
	switch {
	case m.Campaign != 0:
		return d.sendBulk(ctx, m)
	case m.Topic != "":
		return d.sendTopic(ctx, m)
	}
	if err := d.notSuppressed(m); err != nil {
		return "", err
	}
	if err := d.pass(ctx, m, d.notSuppressed); err != nil {
		return "", err
	}
	return d.next.Send(ctx, m)
}

// sendTopic is for an application's mail about a topic: it goes to nobody who
// does not want it, and has the link by which they say so.
func (d *lastCheck) sendTopic(ctx context.Context, m *spool.Message) (string, error) {
	sub, err := d.admitted(ctx, m)
	if err != nil {
		return "", err
	}
	if m.Head = d.store.refusal(sub.ID, m.Number()); m.Head == nil {
		return "", noLink(m)
	}
	again := func(m *spool.Message) error { _, err := d.admitted(ctx, m); return err }
	if err := d.pass(ctx, m, again); err != nil {
		return "", err
	}
	return d.next.Send(ctx, m)
}

func (d *lastCheck) admitted(ctx context.Context, m *spool.Message) (audience.Subscriber, error) {
	sub, reason, err := d.store.people.Admit(ctx, m.To, m.Topic, "topic "+m.Topic+", mail "+m.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		return sub, ours(spool.Network, "stopped while consent was looked up: "+err.Error(), err)
	case isAddressError(err): // nobody else's mail is stopped by it
		return sub, ours(spool.Permanent, err.Error(), err)
	case err != nil:
		return sub, unreadable("consent could not be read: ", err)
	case reason != "":
		return sub, &spool.SkipError{Reason: reason}
	}
	return sub, nil
}

// noLink is for mail that was taken in when there was a public address. The
// application's own link was taken out, so it must not go; as a dead letter its
// text is kept, the operator is told, and nothing else waits for it.
func noLink(m *spool.Message) error {
	e := ours(spool.Permanent, "web.public_url is not set any more, so that there is no link to refuse mail about "+m.Topic+": set it, and then: pabal spool retry "+m.ID, nil)
	e.Hint = "Set public_url in [web]; then send it with: pabal spool retry " + m.ID
	return e
}

func isAddressError(err error) bool {
	_, ok := errors.AsType[*eml.AddressError](err)
	return ok
}

// refusal is the header lines with the link by which a subscriber refuses mail,
// signed for an application's mail; nil without a public address.
func (s *Store) refusal(subscriber, mail uint64) []byte {
	base := s.Settings.publicURL()
	if base == "" {
		return nil
	}
	var head []byte
	for _, f := range refusalFields(base + "/u/" + s.people.Token(subscriber, audience.QueueMail+mail)) {
		head = eml.AppendRawHeader(head, f[0], f[1])
	}
	return head
}

// sendBulk composes the letter into a buffer that is used again once next has
// returned: m.Data is not kept.
func (d *lastCheck) sendBulk(ctx context.Context, m *spool.Message) (string, error) {
	def, err := d.store.mailing(m.Campaign)
	if err != nil {
		return "", definitionError(m.Campaign, err)
	}
	sub, err := d.allowedBulk(m, def.topic)
	if err != nil {
		return "", err
	}
	release, err := d.store.reserve(ctx, def.beside())
	if err != nil {
		return "", err
	}
	defer release()
	buffer, ok := d.store.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer func() {
		m.Data = nil
		d.store.buffers.Put(buffer)
	}()
	if *buffer, err = d.store.compose((*buffer)[:0], m, def, &sub); err != nil {
		return "", err
	}
	m.Data, m.From = *buffer, def.from.Address
	again := func(m *spool.Message) error { _, err := d.allowedBulk(m, def.topic); return err }
	if err := d.pass(ctx, m, again); err != nil {
		return "", err
	}
	return d.next.Send(ctx, m)
}

// pass waits at the gate. Somebody may opt out meanwhile.
func (d *lastCheck) pass(ctx context.Context, m *spool.Message, allowed func(*spool.Message) error) error {
	waited, err := d.gate.Wait(ctx)
	if err != nil {
		// No byte was written: the message goes back and no try is used up.
		return ours(spool.Network, "stopped while waiting for its turn: "+err.Error(), err)
	}
	if waited > checkAgain {
		return allowed(m)
	}
	return nil
}

func (d *lastCheck) allowedBulk(m *spool.Message, topic string) (audience.Subscriber, error) {
	sub, reason, err := d.store.people.Check(m.Subscriber, topic)
	switch {
	case errors.Is(err, audience.ErrNotFound):
		return sub, &spool.SkipError{Reason: spool.SkipErased}
	case err != nil:
		return sub, unreadable("consent could not be read: ", err)
	case reason != "":
		return sub, &spool.SkipError{Reason: reason}
	}
	if m.To == sub.Email {
		return sub, nil // Check has looked
	}
	return sub, d.notSuppressed(m)
}

// notSuppressed looks at the address the mail goes to: in bulk it is the
// one written at the lease, which the person may have changed since.
func (d *lastCheck) notSuppressed(m *spool.Message) error {
	_, suppressed, err := d.store.people.Suppressed(m.To)
	if err != nil {
		return unreadable("the suppression list could not be read: ", err)
	}
	if suppressed {
		return &spool.SkipError{Reason: spool.SkipSuppressed}
	}
	return nil
}

// definitionError says whether reading a campaign's definition may work later.
// A record that cannot be read concerns nobody but its campaign.
func definitionError(id uint64, err error) error {
	const what = "the campaign's definition cannot be used: "
	if errors.Is(err, ErrNotFound) {
		return ours(spool.Permanent, what+err.Error(), err)
	}
	e := unreadable(what, err)
	e.Scope = spool.CampaignScope(id)
	return e
}

// ours is a refusal of pabal's own: SES was not called.
func ours(class spool.Class, text string, err error) *spool.SendError {
	return &spool.SendError{Class: class, NoCall: true, Text: text, Err: err}
}

// unreadable holds everything: when a store cannot be read nobody can say who
// may be mailed, and it is no message's fault.
func unreadable(what string, err error) *spool.SendError {
	e := ours(spool.Storage, what+err.Error(), err)
	e.Scope, e.Hint = spool.ScopeAll, "See what is damaged with: pabal check. What waits is kept and goes on by itself once it can be read."
	return e
}

// compose appends the finished mail of a leased row.
func (s *Store) compose(dst []byte, m *spool.Message, def *mailing, sub *audience.Subscriber) ([]byte, error) {
	p := s.bulkPerson(def, sub, m.To)
	tag := m.Tag
	if tag == "" {
		tag = fmt.Sprintf("%d-%d-%d", m.Campaign, m.Subscriber, m.Attempts)
	}
	data, err := def.compose(dst, p, tag, now())
	if err != nil {
		text := "the letter cannot be made: " + err.Error()
		if problem, ok := errors.AsType[*eml.Problem](err); ok {
			text = "the letter cannot be made: " + problem.What + "; " + problem.Hint
		}
		return dst, ours(spool.Permanent, text, err)
	}
	if len(data) > maxMail {
		return dst, ours(spool.Permanent, fmt.Sprintf("the mail has %d bytes, more than %d", len(data), maxMail), nil)
	}
	return data, nil
}
