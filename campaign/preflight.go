package campaign

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"pabal/audience"
	"pabal/eml"
)

const (
	maxMail       = 10 << 20  // bytes; SES slows larger ones down (SES quotas page)
	clipMail      = 102 << 10 // bytes of HTML after which Gmail cuts a letter
	examples      = 10
	sandboxChecks = 200 // recipients looked up in the sandbox: its whole daily quota
)

// inspection is a preflight under way: what the one walk over the real
// audience found.
type inspection struct {
	store *Store
	c     Campaign
	def   *mailing
	facts *AccountFacts // nil: SES did not answer

	behind error // the audience is not in step with its source

	count    audience.Count
	known    map[string]bool // attributes seen, folded
	missing  map[string]*tally
	controls tally
	failed   tally // letters that could not be filled at all
	cause    error
	assumed  int64
	largest  audience.Subscriber // of those seen, the one with the longest values
	longest  int
	sandbox  []string // first addresses to look up
	findings []Finding
	bytes    int64
	htmlSize int64
}

// tally counts addresses and keeps the first ten.
type tally struct {
	n         int64
	addresses []string
}

func (t *tally) add(address string) {
	if t.n++; len(t.addresses) < examples {
		t.addresses = append(t.addresses, address)
	}
}

// Preflight checks a campaign over its real audience: every recipient's letter
// is looked at, none is sent. ErrNotFound; an error means that it could not be
// carried out, not that something is wrong with the campaign.
func (s *Store) Preflight(ctx context.Context, id uint64) (Preflight, error) {
	c, err := s.record(id)
	if err != nil {
		return Preflight{}, err
	}
	def, err := s.prepare(c)
	if err != nil {
		return Preflight{}, err
	}
	in := &inspection{store: s, c: c, def: def, known: map[string]bool{}, missing: map[string]*tally{}}
	in.count.Skipped = map[string]int64{}
	in.askAccount(ctx)
	if s.Source != nil {
		if in.behind = s.Source.InStep(ctx); ended(ctx, in.behind) {
			return Preflight{}, in.behind
		}
	}
	if err := in.walk(ctx); err != nil {
		return Preflight{}, err
	}
	if err := in.weigh(); err != nil {
		return Preflight{}, err
	}
	if err := in.judge(ctx); err != nil {
		return Preflight{}, err
	}
	p := Preflight{Campaign: id, Audience: in.count, Findings: in.findings, MailBytes: in.bytes}
	for _, f := range p.Findings {
		p.Blocked = p.Blocked || f.Level == Block
	}
	return p, nil
}

// count is what a draft's segment selects now.
func (s *Store) count(ctx context.Context, c Campaign) (audience.Count, error) {
	segment, err := audience.ParseSegment(c.Segment, s.Settings.zone())
	if err != nil {
		return audience.Count{}, err
	}
	return s.people.Count(ctx, segment, c.Topic)
}

func (in *inspection) askAccount(ctx context.Context) {
	if in.store.Accounts == nil {
		return
	}
	if facts, err := in.store.Accounts.Facts(ctx); err == nil {
		in.facts = &facts
	}
}

func (in *inspection) walk(ctx context.Context) error {
	segment, err := audience.ParseSegment(in.c.Segment, in.store.Settings.zone())
	if err != nil {
		return err
	}
	in.count.Doubts = in.store.people.Doubts(segment)
	newest, err := in.store.people.MaxID()
	if err != nil {
		return err
	}
	names, err := in.store.people.Attributes()
	if err != nil {
		return err
	}
	for _, name := range names {
		in.known[fold(name)] = true
	}
	return in.store.people.Walk(ctx, segment, in.c.Topic, 0, newest, func(sub *audience.Subscriber, skip string) error {
		in.count.Selected++
		if skip != "" {
			in.count.Skipped[skip]++
			return nil
		}
		in.count.Mailable++
		in.look(sub)
		return nil
	})
}

// look checks one recipient's letter without finishing it.
func (in *inspection) look(sub *audience.Subscriber) {
	if sub.Consent.Assumed {
		in.assumed++
	}
	if in.facts != nil && in.facts.Sandbox && len(in.sandbox) < sandboxChecks {
		in.sandbox = append(in.sandbox, sub.Email)
	}
	p := in.def.person(sub, sub.Email, "x")
	missing, length, subject, err := in.def.letter.try(p)
	if err != nil {
		in.failed.add(sub.Email)
		in.cause = err
		return
	}
	for _, name := range missing {
		t := in.missing[fold(name)]
		if t == nil {
			t = &tally{}
			in.missing[fold(name)] = t
		}
		t.add(sub.Email)
	}
	if eml.CheckHeader(subject) != nil || eml.CheckHeader(sub.Name) != nil {
		in.controls.add(sub.Email)
	}
	if length > in.longest || in.count.Mailable == 1 {
		in.longest, in.largest = length, copyOf(sub)
	}
}

// copyOf keeps a subscriber beyond the walk, whose pointer must not be kept.
func copyOf(sub *audience.Subscriber) audience.Subscriber {
	c := *sub
	c.Attributes = make(map[string]string, len(sub.Attributes))
	for k, v := range sub.Attributes {
		c.Attributes[k] = v
	}
	return c
}

// try fills a letter as far as a check needs it: the fields without a value,
// the length of what differs between recipients, the subject.
func (l *letter) try(fields source) (missing []string, length int, subject string, err error) {
	for _, p := range l.programs() {
		if p.plain && p != l.subject {
			for i, f := range p.values(fields) {
				length += len(f.value)
				if !f.ok && !p.slots[i].optional {
					missing = merge(missing, []string{p.slots[i].spelled})
				}
			}
			continue
		}
		out, without, err := p.append(nil, fields)
		if err != nil {
			return nil, 0, "", err
		}
		if p == l.subject {
			subject = strings.TrimSpace(string(out))
		}
		missing, length = merge(missing, without), length+len(out)
	}
	return missing, length, subject, nil
}

// weigh finishes the largest letter seen, to know its size. A letter that
// cannot be finished is reported by a rule of its own.
func (in *inspection) weigh() error {
	sub := in.largest
	if in.count.Mailable == 0 {
		sub = audience.Subscriber{Email: "someone@example.com"}
	}
	p := in.def.person(&sub, sub.Email, strings.Repeat("x", 64))
	c, err := in.def.letter.fill(p)
	if err != nil {
		in.failed.add(sub.Email)
		in.cause = err
		return nil
	}
	in.htmlSize = int64(len(c.html))
	mail := in.def.head(p, "", "size", now())
	mail.From, mail.To = eml.Mailbox{Address: "size@example.com"}, eml.Mailbox{Address: "size@example.com"}
	mail.Text, mail.HTML = c.text, c.html
	mail.MessageID, mail.Headers, mail.ReplyTo = "size@example.com", nil, ""
	data, err := mail.AppendTo(nil)
	if err != nil {
		return fmt.Errorf("compose the largest letter: %w", err)
	}
	const headers = 1000 // those left out above, about
	in.bytes = int64(len(data)) + headers
	return nil
}

func (in *inspection) find(rule string, level Level, what, why, how string) *Finding {
	in.findings = append(in.findings, Finding{Rule: rule, Level: level, What: what, Why: why, How: how})
	return &in.findings[len(in.findings)-1]
}

// judge turns what was found into findings, the blocking ones first.
func (in *inspection) judge(ctx context.Context) error {
	in.findings = []Finding{}
	in.judgeSource()
	in.judgeAudience()
	in.judgeFields()
	in.judgeLinks()
	in.judgeMail()
	if err := in.judgeImages(ctx); err != nil {
		return err
	}
	if err := in.judgeSender(ctx); err != nil {
		return err
	}
	if err := in.judgeAccount(ctx); err != nil {
		return err
	}
	rank := map[Level]int{Block: 0, Warn: 1, Note: 2}
	sort.SliceStable(in.findings, func(i, j int) bool { return rank[in.findings[i].Level] < rank[in.findings[j].Level] })
	return nil
}

func (in *inspection) tallied(rule string, level Level, t *tally, what, why, how string) *Finding {
	f := in.find(rule, level, what, why, how)
	f.Count, f.Examples = t.n, t.addresses
	return f
}

// ended reports an error that says only that the caller has gone.
func ended(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}
