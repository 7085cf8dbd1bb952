package alarm

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// The limits at which a fact becomes a condition.
const (
	OldestMost      = 300 * time.Second // the promise: any mail within five minutes (docs/performance.md)
	quotaNear       = 0.9               // of the 24-hour quota
	quotaFarAgain   = 0.85              // below it the quota is no longer near
	accountOld      = 10 * time.Minute  // since SES last said how the account is; it is asked every minute
	feedbackLate    = 10 * time.Minute  // between an event and its being on disk
	feedbackLook    = 30 * time.Minute  // a batch longer ago says nothing of now
	certificateSoon = 14 * 24 * time.Hour
	skewNoticed     = time.Minute     // from the first minute on, signatures are near their end
	skewRefused     = 5 * time.Minute // AWS refuses what is signed further off: RequestTimeTooSkewed
)

// Facts are what is known of a daemon at an instant. A zero field says nothing.
type Facts struct {
	At          time.Time
	Holds       []spool.Hold
	Disk        spool.Disk
	Oldest      time.Duration // the longest that an application's mail waits
	Damaged     int64         // records that could not be read since the start
	SES         sesclient.Status
	Sync        *syncer.Status
	SyncKo      Said          // the sync's error in Korean, where it has words for it
	SyncMost    time.Duration // an older last good sync is too old; 0: none is
	Feedback    *sesclient.FeedbackStatus
	Domains     []Domain
	Campaigns   []campaign.Campaign // those that wait for a person may not be missing
	Ends        map[string]time.Time
	Skew        time.Duration // SES's clock less ours
	Untold      int64         // applications' mails that failed and of which nobody was told
	SetAside    int64         // mails of the drop folder that could not be sent
	Folder      string        // of the drop folder
	Audit       string        // why the audit log cannot be written
	Retention   string        // why the last removal of old data failed
	Undelivered string        // why events do not reach the webhook
}

// Said is what is wrong and what to do, in the reader's language.
type Said struct{ What, Hint string }

// Domain is a sender's domain that is amiss.
type Domain struct {
	Name     string
	Since    time.Time
	Findings []campaign.Finding
	Error    string // nobody has answered about it for a day
}

// Look is which conditions there are, without since and told. was says which
// were there at the look before: some end at another limit than they begin.
func Look(f *Facts, was func(name, subject string) bool) []Alarm {
	l := looking{Facts: f, was: was}
	l.holds()
	l.account()
	l.files()
	l.campaigns()
	l.domains()
	l.sync()
	l.feedback()
	l.host()
	l.people()
	slices.SortStableFunc(l.found, order)
	return l.found
}

// looking is one look.
type looking struct {
	*Facts
	was   func(name, subject string) bool
	found []Alarm
}

// add finds a condition. since may be zero: since it was first seen.
func (l *looking) add(name, subject string, level Level, since time.Time, w words) {
	l.found = append(l.found, Alarm{Name: name, Subject: subject, Level: level, Since: since, What: w.what, WhatKo: w.whatKo, Hint: w.hint, HintKo: w.hintKo, Page: page(name)})
}

// holdName is the name of a hold's alarm: some classes have one of their own.
func holdName(c spool.Class) string {
	switch c {
	case spool.Quota:
		return QuotaUsedUp
	case spool.Credentials:
		return Credentials
	case spool.Account:
		return SendingOff
	case spool.Storage:
		return Damaged
	}
	return Held
}

func (l *looking) holds() {
	for _, h := range l.Holds {
		if h.Class == spool.OutsideWindow {
			continue // as it was meant to be
		}
		l.add(holdName(h.Class), string(h.Scope), Grave, h.Since, heldWords(&h))
	}
}

func (l *looking) account() {
	s := &l.SES
	if !s.CheckedAt.IsZero() && !s.SendingEnabled && !l.has(SendingOff) {
		l.add(SendingOff, "", Grave, time.Time{}, sendingOffWords(s))
	}
	if s.Error != "" && (s.CheckedAt.IsZero() || l.At.Sub(s.CheckedAt) > accountOld) {
		l.add(SESUnknown, "", Warn, s.CheckedAt, sesUnknownWords(s.Error))
	}
	limit := quotaNear
	if l.was(QuotaNear, "") {
		limit = quotaFarAgain
	}
	if s.Quota24h > 0 && s.Sent24h >= limit*s.Quota24h && !l.has(QuotaUsedUp) {
		l.add(QuotaNear, "", Warn, time.Time{}, quotaWords(s))
	}
	if s.Sandbox {
		l.add(Sandbox, "", Note, time.Time{}, sandboxWords())
	}
}

func (l *looking) has(name string) bool {
	return slices.ContainsFunc(l.found, func(a Alarm) bool { return a.Name == name })
}

func (l *looking) files() {
	switch {
	case l.Disk.NearlyFull:
		l.add(DiskFull, "", Grave, time.Time{}, diskFullWords(l.Disk))
	case l.Disk.NoCampaigns:
		l.add(DiskUnused, "", Warn, time.Time{}, diskUnusedWords())
	}
	if l.Damaged > 0 {
		l.add(Damaged, "records", Grave, time.Time{}, damagedWords(l.Damaged))
	}
	if l.Oldest > OldestMost {
		l.add(Oldest, "", Grave, l.At.Add(-l.Oldest), oldestWords(l.Oldest))
	}
	if l.Audit != "" {
		l.add(AuditFailing, "", Warn, time.Time{}, auditWords(l.Audit))
	}
	if l.Retention != "" {
		l.add(RemovalFails, "", Warn, time.Time{}, retentionWords(l.Retention))
	}
}

func (l *looking) campaigns() {
	for i := range l.Campaigns {
		c := &l.Campaigns[i]
		subject := strconv.FormatUint(c.ID, 10)
		switch {
		case c.State == spool.Paused && c.Braked != nil:
			l.add(Braked, subject, Grave, c.Braked.At, brakedWords(c))
		case c.State == spool.Held:
			l.add(CampaignHeld, subject, Grave, time.Time{}, campaignHeldWords(c))
		}
	}
}

func (l *looking) domains() {
	for _, d := range l.Domains {
		if d.Error != "" {
			l.add(DomainSilent, d.Name, Warn, d.Since, domainSilentWords(&d))
			continue
		}
		if i := worst(d.Findings); i >= 0 {
			level := Warn
			if d.Findings[i].Level == campaign.Block {
				level = Grave
			}
			l.add(DomainAmiss, d.Name, level, d.Since, domainWords(&d, &d.Findings[i]))
		}
	}
}

// worst is the first finding that blocks, else the first that warns, else -1.
func worst(all []campaign.Finding) int {
	for _, level := range []campaign.Level{campaign.Block, campaign.Warn} {
		if i := slices.IndexFunc(all, func(f campaign.Finding) bool { return f.Level == level }); i >= 0 {
			return i
		}
	}
	return -1
}

func (l *looking) sync() {
	s := l.Sync
	if s == nil {
		return
	}
	if s.Error != "" {
		l.add(SyncFailing, "", Warn, time.Time{}, syncWords(s, l.SyncKo))
	}
	if l.SyncMost > 0 && !s.LastGood.IsZero() && l.At.Sub(s.LastGood) > l.SyncMost {
		l.add(SyncOld, "", Warn, s.LastGood, syncOldWords(l.At.Sub(s.LastGood)))
	}
}

func (l *looking) feedback() {
	f := l.Feedback
	switch {
	case f == nil:
	case f.Error != "":
		l.add(FeedbackFails, "", Warn, time.Time{}, feedbackWords(f))
	case f.Source == sesclient.SourceNone:
		l.add(NoFeedback, "", Note, time.Time{}, noFeedbackWords())
	case f.Source == sesclient.SourceSQS && f.LagSeconds > feedbackLate.Seconds() && l.At.Sub(f.LastEvent) < time.Duration(f.LagSeconds*float64(time.Second))+feedbackLook:
		l.add(FeedbackLate, "", Warn, time.Time{}, feedbackLateWords(f))
	}
}

func (l *looking) host() {
	for name, ends := range l.Ends {
		left := ends.Sub(l.At)
		if left >= certificateSoon {
			continue
		}
		level := Warn
		if left <= 0 {
			level = Grave
		}
		l.add(Certificate, name, level, time.Time{}, certificateWords(name, ends, left))
	}
	if skew := l.Skew.Abs(); skew >= skewNoticed {
		level := Warn
		if skew >= skewRefused {
			level = Grave
		}
		l.add(Clock, "", level, time.Time{}, clockWords(l.Skew))
	}
}

func (l *looking) people() {
	if l.Untold > 0 {
		l.add(Untold, "", Note, time.Time{}, untoldWords(l.Untold))
	}
	if l.SetAside > 0 {
		l.add(SetAside, "", Warn, time.Time{}, setAsideWords(l.SetAside, cmp.Or(l.Folder, "-")))
	}
	if l.Undelivered != "" {
		l.add(Undelivered, "", Warn, time.Time{}, undeliveredWords(l.Undelivered))
	}
}
