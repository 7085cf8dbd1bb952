package campaign

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const (
	gmailBulk = 5000      // a day; Google's sender guidelines call that a bulk sender, for good
	syncOld   = time.Hour // since the last sync that went well
	syncNew   = 5 * time.Minute
)

// Checks are the limits of preflight's rules. Zero switches a rule off.
type Checks struct {
	AdLabel         string           // what the subject of advertising begins with, (광고)
	ConsentYears    int              // a consent is to be confirmed after as many
	SuppressedShare float64          // of the audience, above which the list is looked at
	Night           [2]time.Duration // from, to, of the day in the campaign's zone; the same: no night
}

// judgeSource blocks where the audience may not be what its source has.
func (in *inspection) judgeSource() {
	if in.behind != nil {
		f := in.found(RuleNotInStep, Block, in.store.saidBy(in.behind)...)
		if f.Data["hint"] == "" {
			f.Data["hint"] = "pabal status"
		}
		return
	}
	if in.store.Synced == nil {
		return
	}
	at := in.store.Synced()
	if age := in.began.Sub(at); !at.IsZero() && age > syncNew {
		level := Note
		if age > syncOld {
			level = Warn
		}
		in.found(RuleSyncAge, level, "minutes", grouped(int64(age/time.Minute)), "at", in.moment(at))
	}
}

// moment is a time for a person, in the campaign's zone.
func (in *inspection) moment(t time.Time) string {
	return t.In(in.store.Settings.zone()).Format("2006-01-02 15:04 MST")
}

func (in *inspection) judgeAudience() {
	if err := in.store.people.CheckTopic(in.c.Topic); err != nil {
		in.found(RuleUnknownTopic, Block, "topics", in.topics()).Name = in.c.Topic
	}
	for _, name := range in.count.Unknown {
		in.unknown(RuleUnknownAttribute, name)
	}
	for _, name := range in.count.UnknownTags {
		in.unknown(RuleUnknownTag, name)
	}
	if in.count.Mailable == 0 {
		in.found(RuleEmptyAudience, Block).Count = in.count.Selected
	}
	if in.assumed.n > 0 {
		in.tallied(RuleConsentAssumed, Note, &in.assumed)
	}
	if in.old.n > 0 {
		in.tallied(RuleConsentOld, Warn, &in.old, "years", strconv.Itoa(in.store.Settings.Checks.ConsentYears))
	}
	if in.gmail >= gmailBulk {
		in.found(RuleGmailBulk, Note).Count = in.gmail
	}
	in.judgeSkipped()
}

func (in *inspection) topics() string {
	ids := make([]string, len(in.store.people.Topics))
	for i, t := range in.store.people.Topics {
		ids[i] = t.ID
	}
	return strings.Join(ids, ", ")
}

// unknown is a name in the condition that nobody has.
func (in *inspection) unknown(rule, name string) {
	f := in.found(rule, Warn)
	if f.Name = name; in.count.Meant[name] != "" {
		f.Case, f.Data = "meant", map[string]string{"meant": in.count.Meant[name]}
	}
}

// judgeSkipped says who is left out; many of them suppressed say that the list
// is old or bought.
func (in *inspection) judgeSkipped() {
	skipped := in.count.Selected - in.count.Mailable
	if skipped == 0 || in.count.Selected == 0 {
		return
	}
	data := []string{"selected", grouped(in.count.Selected), "percent", percent(skipped, in.count.Selected)}
	for reason, n := range in.count.Skipped {
		data = append(data, "skipped_"+reason, grouped(n))
	}
	level, suppressed := Note, in.count.Skipped["suppressed"]
	limit := in.store.Settings.Checks.SuppressedShare
	over := limit > 0 && float64(suppressed) > limit*float64(in.count.Selected)
	if over {
		level = Warn
		data = append(data, "suppressed", grouped(suppressed), "suppressed_percent", percent(suppressed, in.count.Selected), "limit", fmt.Sprintf("%.4g", 100*limit))
	}
	f := in.found(RuleSuppressedShare, level, data...)
	if f.Count = skipped; over {
		f.Case = "limit"
	}
}

func percent(part, of int64) string { return fmt.Sprintf("%.1f", 100*float64(part)/float64(of)) }

func isGmail(address string) bool {
	domain := eml.Domain(address)
	return strings.EqualFold(domain, "gmail.com") || strings.EqualFold(domain, "googlemail.com")
}

// kindOfMail is how strictly the law of advertising is applied to a campaign.
type kindOfMail int

const (
	unmarked   kindOfMail = iota // its topic does not say
	commercial                   // its topic is marked as advertising
	service                      // its topic is marked as none
)

func (in *inspection) kind() kindOfMail {
	for _, t := range in.store.people.Topics {
		if t.ID == in.c.Topic {
			return kindOf(t)
		}
	}
	return unmarked
}

func kindOf(t audience.Topic) kindOfMail {
	if t.Commercial {
		return commercial
	}
	return service
}

// judgeNight notes mail that would go in the hours of the night.
func (in *inspection) judgeNight() {
	night := in.store.Settings.Checks.Night
	if night[0] == night[1] || in.count.Mailable == 0 || in.kind() == service {
		return
	}
	start := in.departure()
	end := start
	if in.facts != nil {
		p := Plan{Recipients: in.count.Mailable, Start: start}
		f := newFlight(start, *in.facts)
		f.window = in.c.Window
		if p.fly(f, *in.facts); p.End.After(start) {
			end = p.End
		}
		if in.c.Window != nil && !f.touches(night, in.store.Settings.zone()) {
			return // its window keeps it out of the night
		}
	}
	if touches(start, end, night, in.store.Settings.zone()) {
		in.found(RuleNight, Note, "start", in.moment(start), "end", in.moment(end), "from", clock(night[0]), "to", clock(night[1]))
	}
}

// departure is when it would start: now, or at its scheduled time.
func (in *inspection) departure() time.Time {
	if sc := in.c.withDue().Schedule; in.c.State == spool.Scheduled && sc != nil && sc.Due.After(in.began) {
		return sc.Due
	}
	return in.began
}

// touches reports whether a span of time has a part in the night.
func touches(start, end time.Time, night [2]time.Duration, zone *time.Location) bool {
	local := start.In(zone)
	y, m, d := local.Date()
	for day := -1; ; day++ {
		from := at(y, m, d+day, night[0], zone)
		to := at(y, m, d+day, night[1], zone)
		if night[1] < night[0] {
			to = at(y, m, d+day+1, night[1], zone)
		}
		if from.After(end) {
			return false
		}
		if start.Before(to) && !end.Before(from) {
			return true
		}
	}
}

func at(y int, m time.Month, d int, clock time.Duration, zone *time.Location) time.Time {
	return time.Date(y, m, d, int(clock/time.Hour), int(clock%time.Hour/time.Minute), 0, 0, zone)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// judgeAccount looks at what SES says of the account.
func (in *inspection) judgeAccount(ctx context.Context) error {
	if in.facts == nil {
		in.found(RuleAccountUnknown, Warn)
		return nil
	}
	facts := in.facts
	if !facts.SendingEnabled {
		in.found(RuleSendingDisabled, Block)
	}
	if facts.Max24Hour >= 0 {
		left := int64(max(facts.Max24Hour*share(facts.QuotaShare)-facts.Sent24Hours, 0))
		if in.count.Mailable > left {
			in.found(RuleQuota, Warn, "quota", number(facts.Max24Hour), "left", grouped(left)).Count = in.count.Mailable - left
		}
	}
	in.judgeFeedback()
	in.judgeBrake()
	if !facts.Sandbox {
		return nil
	}
	return in.judgeSandbox(ctx)
}

// judgeFeedback says what nobody will hear of.
func (in *inspection) judgeFeedback() {
	s := &in.store.Settings
	switch {
	case !s.Events:
		in.found(RuleNoFeedback, Note)
	case s.ConfigurationSet == "":
		in.found(RuleNoFeedback, Note).Case = "set"
	}
}

// judgeSandbox asks for every recipient, up to the sandbox's whole daily
// quota; those beyond cannot go today anyway.
func (in *inspection) judgeSandbox(ctx context.Context) error {
	var refused tally
	for _, address := range in.sandbox {
		if strings.HasSuffix(eml.Key(address), "simulator.amazonses.com") {
			continue
		}
		ok, err := in.store.Accounts.Verified(ctx, address)
		if ended(ctx, err) {
			return err
		}
		if err != nil {
			in.found(RuleAccountUnknown, Warn, in.store.saidBy(err)...).Case = "recipients"
			return nil
		}
		if !ok {
			refused.add(address)
		}
	}
	if refused.n > 0 {
		in.tallied(RuleSandboxRecipient, Block, &refused, "looked", grouped(int64(len(in.sandbox))))
	}
	return nil
}
