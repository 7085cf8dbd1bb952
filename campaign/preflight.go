package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
)

const (
	maxMail       = 10 << 20  // bytes; SES slows larger ones down (SES quotas page)
	clipMail      = 102 << 10 // bytes of HTML after which Gmail cuts a letter
	examples      = 10
	sandboxChecks = 200                // recipients looked up in the sandbox: its whole daily quota
	nobody        = "size@example.com" // whom the letter that is weighed goes to
)

// inspection is a preflight under way: what the one walk over the real
// audience found.
type inspection struct {
	store    *Store
	c        Campaign
	template Template
	def      *mailing
	page     *sheet        // nil: a letter of text only
	values   []*sheet      // the campaign's values that are HTML
	facts    *AccountFacts // nil: SES did not answer
	behind   error         // the audience is not in step with its source
	began    time.Time
	oldest   time.Time // consents from before it are old; zero: none is

	count    audience.Count
	known    map[string]bool // attributes seen, folded
	missing  map[string]*tally
	controls tally
	failed   tally // letters that could not be filled at all
	cause    error
	assumed  tally
	old      tally // consents
	gmail    int64
	subjects subjects
	targets  []target // links whose address is a field of the person

	largest audience.Subscriber // of those seen, the one with the longest values
	longest int
	guarded bool     // a condition decides who has a link to refuse: every letter is finished
	trapped tally    // those whose letter has none
	sandbox []string // first addresses to look up

	letter   content // the largest, finished
	reader   string  // what its reader sees, as text
	findings []Finding
	bytes    int64
}

// Preflight checks a campaign over its real audience: every recipient's letter
// is looked at, none is sent. ErrNotFound; an error means that it could not be
// carried out, not that something is wrong with the campaign.
func (s *Store) Preflight(ctx context.Context, id uint64) (Preflight, error) {
	return s.PreflightTold(ctx, id, nil)
}

// PreflightTold is Preflight that says now and then how many of all
// subscribers it has looked at (nil: to nobody).
func (s *Store) PreflightTold(ctx context.Context, id uint64, tell func(done, total int64)) (Preflight, error) {
	c, err := s.record(id)
	if err != nil {
		return Preflight{}, err
	}
	in, err := s.inspect(c)
	var broken *TemplateError
	switch {
	case errors.As(err, &broken):
		return s.unreadable(ctx, c, broken)
	case err != nil:
		return Preflight{}, err
	}
	if s.Source != nil {
		if in.behind = s.Source.InStep(ctx); ended(ctx, in.behind) {
			return Preflight{}, in.behind
		}
	}
	in.askAccount(ctx)
	for _, step := range []func() error{func() error { return in.walk(ctx, tell) }, in.weigh, func() error { return in.judge(ctx) }} {
		if err := step(); err != nil {
			return Preflight{}, err
		}
	}
	return in.report(), nil
}

// inspect makes ready for the walk.
func (s *Store) inspect(c Campaign) (*inspection, error) {
	t, err := s.Template(c.Template, c.TemplateVersion)
	if err != nil {
		return nil, err
	}
	def, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	in := &inspection{store: s, c: c, template: t, def: def, began: now(), known: map[string]bool{}, missing: map[string]*tally{}}
	in.count.Skipped = map[string]int64{}
	in.subjects.label = s.Settings.Checks.AdLabel
	if years := s.Settings.Checks.ConsentYears; years > 0 {
		in.oldest = in.began.AddDate(-years, 0, 0)
	}
	if t.HTML != "" {
		if in.page, err = readPage(t.HTML); err != nil {
			return nil, err
		}
		in.readValues()
		in.targets = in.page.targets(in.def.common)
	}
	in.guarded = in.offersRefusal() && !in.refusalForAll()
	return in, nil
}

// unreadable is the preflight of a template that an older version of pabal took.
func (s *Store) unreadable(ctx context.Context, c Campaign, broken *TemplateError) (Preflight, error) {
	in := &inspection{store: s, c: c}
	in.found(RuleTemplateSyntax, Block, s.syntaxData(broken)...)
	count, err := s.count(ctx, c)
	if err != nil {
		return Preflight{}, err
	}
	in.count = count
	return in.report(), nil
}

// report is the result in English, the blocks first.
func (in *inspection) report() Preflight {
	rank := map[Level]int{Block: 0, Warn: 1, Note: 2}
	sort.SliceStable(in.findings, func(i, j int) bool { return rank[in.findings[i].Level] < rank[in.findings[j].Level] })
	p := Preflight{Campaign: in.c.ID, Audience: in.count, Findings: in.findings, MailBytes: in.bytes}
	p.Blocked = slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Level == Block })
	return p.In("en")
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

func (in *inspection) walk(ctx context.Context, tell func(done, total int64)) error {
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
	return in.store.people.WalkTold(ctx, segment, in.c.Topic, newest, tell, func(sub *audience.Subscriber, skip string) error {
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
	in.lookAtPerson(sub)
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
	in.subjects.look(subject, sub.Email)
	for i := range in.targets {
		in.targets[i].look(p)
	}
	if length > in.longest || in.count.Mailable == 1 {
		in.longest, in.largest = length, copyOf(sub)
	}
	if in.guarded && !in.refusable(p) {
		in.trapped.add(sub.Email)
	}
}

// lookAtPerson counts what has nothing to do with the letter.
func (in *inspection) lookAtPerson(sub *audience.Subscriber) {
	if sub.Consent.Assumed {
		in.assumed.add(sub.Email)
	}
	if at := sub.Consent.At; !at.IsZero() && at.Before(in.oldest) {
		in.old.add(sub.Email)
	}
	if isGmail(sub.Email) {
		in.gmail++
	}
	if in.facts != nil && in.facts.Sandbox && len(in.sandbox) < sandboxChecks {
		in.sandbox = append(in.sandbox, sub.Email)
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
// the length of what differs between recipients, the subject. A text part made
// of the HTML has no field that the HTML has not.
func (l *letter) try(fields source) (missing []string, length int, subject string, err error) {
	for _, p := range l.programs() {
		switch {
		case p == l.subject:
			out, without, err := p.append(nil, fields)
			if err != nil {
				return nil, 0, "", err
			}
			subject, missing = strings.TrimSpace(string(out)), merge(missing, without)
		case p.fromHTML && l.html != nil:
		case p.plain:
			for i, f := range p.values(fields) {
				length += len(f.value)
				if !f.ok && !p.slots[i].optional {
					missing = merge(missing, []string{p.slots[i].spelled})
				}
			}
		default:
			without, n, err := p.try(fields)
			if err != nil {
				return nil, 0, "", err
			}
			missing, length = merge(missing, without), length+n
		}
	}
	return missing, length, subject, nil
}

// weigh finishes the largest letter seen, to know its size. A letter that
// cannot be finished is reported by a rule of its own.
func (in *inspection) weigh() error {
	sub := in.largest
	if in.count.Mailable == 0 {
		sub = audience.Subscriber{Email: nobody}
	}
	def := *in.def
	if def.from.Address == "" {
		def.from.Address = nobody
	}
	p := def.person(&sub, nobody, strings.Repeat("k", 64))
	c, err := def.letter.fill(p)
	if err != nil {
		in.failed.add(sub.Email)
		in.cause = err
		return nil
	}
	in.letter, in.reader = c, c.text
	if c.html != "" {
		if in.reader, err = htmlToText(c.html); err != nil {
			return fmt.Errorf("read the largest letter: %w", err)
		}
	}
	mail := def.head(p, "", "size", in.began)
	mail.Text, mail.HTML, mail.To.Name, mail.ReplyTo = c.text, c.html, "", ""
	data, err := mail.AppendTo(nil)
	if err != nil {
		return fmt.Errorf("compose the largest letter: %w", err)
	}
	const addresses = 500 // names and subject, about
	in.bytes = int64(len(data)) + addresses
	if !oneClick(mail.Headers) && !in.store.Settings.LoopbackSES && strings.HasPrefix(in.store.Settings.PublicURL, "https://") {
		in.found(RuleOneClick, Block)
	}
	return nil
}

// oneClick reports whether both headers of RFC 8058 are there.
func oneClick(headers [][2]string) bool {
	has := func(name, value string) bool {
		return slices.ContainsFunc(headers, func(h [2]string) bool { return h[0] == name && strings.HasPrefix(h[1], value) })
	}
	return has("List-Unsubscribe", "<https://") && has("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
}

// judge turns what was found into findings.
func (in *inspection) judge(ctx context.Context) error {
	if in.findings == nil {
		in.findings = []Finding{}
	}
	in.judgeSource()
	in.judgeAudience()
	in.judgeFields()
	in.judgeRefusal()
	in.judgeLinks()
	in.judgeSubject()
	in.judgeSenderBlock()
	in.judgeParts()
	in.judgeNight()
	if err := in.judgeImages(ctx); err != nil {
		return err
	}
	if err := in.judgeSender(ctx); err != nil {
		return err
	}
	return in.judgeAccount(ctx)
}

// ended reports an error that says only that the caller has gone.
func ended(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
}
