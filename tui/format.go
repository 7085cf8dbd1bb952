package tui

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/spool"
)

// comma writes a count with its thousands apart.
func comma(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// brief is comma, or millions where that does not fit w cells.
func brief(n int64, w int) string {
	if s := comma(n); len(s) <= w {
		return s
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
}

// rate writes mails a second.
func rate(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func percent(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(part)*100/float64(whole), 'f', 1, 64) + "%"
}

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// size writes bytes as people say them, in units of 1,024.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<10), 'f', 1, 64) + " KB"
	}
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MB"
}

// clock is a time of today, moment one of any day; "-" for none.
func (a *app) clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(a.zone).Format("15:04:05")
}

func (a *app) moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	t, now := t.In(a.zone), a.now().In(a.zone)
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("01-02 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// left is what is still to be done, done everything that ended.
func left(c spool.Counts) int64 { return c.Pending + c.Sending }
func done(c spool.Counts) int64 { return c.Audience - left(c) }

// state is a campaign's state in words, with a sign that is no colour.
func (a *app) state(c campaign.Campaign) string {
	l, word := a.look, a.t.States[c.State]
	if word == "" {
		word = safe(string(c.State))
	}
	if c.Hold != nil { // running, but nothing goes
		return l.bad.Render("‖ " + a.t.OnHold)
	}
	switch c.State {
	case spool.Running, spool.Freezing:
		return l.good.Render("▶ " + word)
	case spool.Held:
		return l.bad.Render("! " + word)
	case spool.Paused, spool.Cancelling:
		return l.warn.Render("‖ " + word)
	case spool.Done:
		return l.good.Render("✓ " + word)
	case spool.Cancelled:
		return l.dim.Render("× " + word)
	}
	return l.dim.Render("· " + word)
}

// reason is a skip or failure reason in the person's language if it is one of
// the known words, else as it came.
func (a *app) reason(s string) string {
	if word := cmp.Or(a.t.Reasons[s], a.t.States[spool.State(s)]); word != "" {
		return word
	}
	if rest, ok := strings.CutPrefix(s, discarded); ok {
		return a.discardedReason(rest)
	}
	return safe(s)
}

// why is reason for what became of a mail: SES's and pabal's own words too.
func (a *app) why(s string) string {
	if word := a.reason(s); word != safe(s) {
		return word
	}
	return safe(campaign.ReasonIn(a.lang, s))
}

// answer is what AWS, the DNS or the network said, for the reader.
func (a *app) answer(s string) string { return safe(campaign.AnswerIn(a.lang, s)) }

// ago is a moment and how long it is past; never for none.
func (a *app) ago(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	past := a.now().Sub(t)
	if past < time.Second {
		return a.moment(t)
	}
	return a.moment(t) + " (" + a.t.Ago(a.t.Duration(past.Truncate(time.Second))) + ")"
}
