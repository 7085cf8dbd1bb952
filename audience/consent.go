package audience

import "time"

// Consent says whether marketing mail may be sent, who said so and when.
type Consent struct {
	Subscribed bool      `json:"subscribed"`
	Source     Source    `json:"source"`
	At         time.Time `json:"at,omitzero"`
	Assumed    bool      `json:"assumed,omitempty"` // the file had no consent column; of smtp: see Unsaid
}

// Unsaid reports whether nobody has said anything yet: the person is not
// subscribed, and has not refused either. They are known because an application
// mailed them (source smtp, Assumed), or because they were made without a word
// about it. Anybody's word is then the first.
func (c Consent) Unsaid() bool {
	return c.Source == "" || c.Source == SMTP && c.Assumed && !c.Subscribed
}

// refuses reports whether somebody said no, of themselves or for them.
func (c Consent) refuses() bool { return !c.Subscribed && !c.Unsaid() }

// Source is who said something about consent, strongest first.
type Source string

// The sources in DESIGN's order: person and complaint > bounce > operator > mysql and import.
const (
	Person    Source = "person"
	Complaint Source = "complaint"
	Bounce    Source = "bounce"
	Operator  Source = "operator"
	MySQL     Source = "mysql"
	Import    Source = "import"
	SMTP      Source = "smtp"
)

// Change is one line of a subscriber's history of consent and preferences.
type Change struct {
	At         time.Time `json:"at"`
	Subscribed bool      `json:"subscribed"`
	Source     Source    `json:"source"`
	Detail     string    `json:"detail,omitempty"`  // file, campaign id, operator's user name
	Applied    bool      `json:"applied"`           // false: a stronger source had spoken
	Changed    []string  `json:"changed,omitempty"` // a line about preferences, not consent: "topic sale off", "frequency weekly", "language en"
}

// kind says what a statement about consent rests on, where its source alone does not tell.
type kind uint8

const (
	stated  kind = iota
	dated        // the time is when the person said so, by a consent column with a date
	trusted      // the operator lets MySQL take back its own refusal (trust_resubscribe)
)

// strength is a source's place in DESIGN's order; 0 for one that is not known.
func (s Source) strength() int {
	switch s {
	case Person, Complaint:
		return 4
	case Bounce:
		return 3
	case Operator:
		return 2
	case MySQL, Import, SMTP:
		return 1
	}
	return 0
}

// verdict is what became of a statement.
type verdict uint8

const (
	nothingNew verdict = iota // it says what is known already
	applied
	refused // a stronger or newer word stands against it
)

// decide is the only place where consent is judged: what holds after next was
// said, when now is what held so far. A zero now (no source) is nothing said,
// and so is one that Unsaid reports.
//
//   - Anybody may unsubscribe, unless it is older than the person's own return.
//   - Between two refusals the stronger source is kept, and the later time of
//     what operator, bounce, complaint and person said: a dated yes from between
//     two refusals undoes neither. Files and MySQL repeat themselves, so their
//     time says nothing.
//   - A refusal is undone only by the person, by a dated statement of theirs
//     that is newer, by the operator where neither person, complaint nor bounce
//     refused, and by MySQL for its own refusal where that is trusted.
func decide(now, next Consent, k kind) (Consent, verdict) {
	switch {
	case now.Source == "":
		return next, applied
	case next.Unsaid():
		return now, nothingNew
	case now.Unsaid():
		return next, applied
	case !next.Subscribed && !now.Subscribed:
		return refuseAgain(now, next)
	case !next.Subscribed:
		if now.Source == Person && next.At.Before(now.At) {
			return now, refused
		}
		return next, applied
	case now.Subscribed:
		if stronger(now, next) {
			return next, applied
		}
		return now, nothingNew
	case mayReturn(now, next, k):
		return next, applied
	}
	return now, refused
}

// refuseAgain is what two refusals come to, in any order.
func refuseAgain(now, next Consent) (Consent, verdict) {
	a, b, lists := now.Source.strength(), next.Source.strength(), Import.strength()
	later := b > lists && next.At.After(now.At)
	switch {
	case b > a:
		if a > lists && now.At.After(next.At) {
			next.At = now.At
		}
		return next, applied
	case !later:
		return now, nothingNew
	case b == a:
		return next, applied
	}
	now.At = next.At
	return now, applied
}

// stronger reports whether one yes says more than the other. The person's
// newest one counts: a complaint from before it that comes late is old news.
func stronger(now, next Consent) bool {
	a, b := now.Source.strength(), next.Source.strength()
	return b > a || b == a && now.Assumed && !next.Assumed ||
		now.Source == Person && next.Source == Person && next.At.After(now.At)
}

// mayReturn reports whether next may undo the refusal now.
func mayReturn(now, next Consent, k kind) bool {
	switch {
	case next.Source == Person:
		return !next.At.Before(now.At)
	case k == dated && (next.Source == MySQL || next.Source == Import): // who have such a column
		return next.At.After(now.At)
	case next.Source == Operator:
		return now.Source.strength() <= Operator.strength()
	case next.Source == MySQL:
		return k == trusted && now.Source == MySQL
	}
	return false
}

// repeatWithin is how long the same refusal said again is one.
const repeatWithin = time.Minute

// saysSame reports whether a refusal by source at a time would say nothing
// that c does not say already.
func (c Consent) saysSame(source Source, at time.Time) bool {
	return !c.Subscribed && c.Source.strength() >= source.strength() && at.Sub(c.At) < repeatWithin
}
