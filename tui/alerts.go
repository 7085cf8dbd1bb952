package tui

import (
	"slices"
	"strconv"
	"strings"

	"pabal/alarm"
	"pabal/campaign"
	"pabal/spool"
)

// trouble is what is wrong and what to do about it.
type trouble struct{ what, how string }

// alerts are the daemon's alarms, the worst first, as they came. Those that can
// be mended from here are told with this screen's own keys and names.
func (s *home) alerts(a *app) (out []trouble) {
	for i := range s.now.alarms {
		out = append(out, s.alert(a, &s.now.alarms[i]))
	}
	return out
}

func (s *home) alert(a *app, one *alarm.Alarm) trouble {
	switch one.Name {
	case alarm.Braked, alarm.CampaignHeld:
		if t, ok := s.stoppedAlert(a, one.Subject); ok {
			return t
		}
	case alarm.Held, alarm.QuotaUsedUp, alarm.Credentials, alarm.SendingOff, alarm.Damaged:
		held := s.now.spool.Held
		if i := slices.IndexFunc(held, func(h spool.Hold) bool { return string(h.Scope) == one.Subject }); i >= 0 {
			what, how := a.hold(held[i])
			return trouble{what, how}
		}
	}
	what, how := one.In(a.lang)
	return trouble{safe(what), safe(how)}
}

// stoppedAlert is that of a campaign that waits for a person; not ok if the
// campaign is another by now.
func (s *home) stoppedAlert(a *app, id string) (t trouble, ok bool) {
	all := s.now.campaigns
	i := slices.IndexFunc(all, func(c campaign.Campaign) bool { return strconv.FormatUint(c.ID, 10) == id })
	if i < 0 {
		return t, false
	}
	c := &all[i]
	if what, how := a.stopped(c); c.State != spool.Scheduled && what != "" { // held at its time, or by its brake
		return trouble{safe(c.Name) + ": " + what, a.t.Dash.OpenIt(how)}, true
	}
	return trouble{a.t.Dash.HeldCampaign(safe(c.Name), a.why(c.Reason)), a.t.Dash.HeldHint}, c.State == spool.Held
}

// alertLines are the alerts in at most h lines, each two or three: what, and
// what to do. Those that do not fit are counted.
func (s *home) alertLines(a *app, w, h int) []string {
	all := s.alerts(a)
	spare := h - 2*len(all)
	var lines []string
	for i, t := range all {
		room := h - len(lines)
		if i < len(all)-1 {
			room-- // for the count
		}
		if room < 2 {
			return append(lines, "  "+a.look.bad.Render("! "+a.t.Dash.More(comma(int64(len(all)-i)))))
		}
		lines = append(lines, "  "+a.look.bad.Render("! "+cut(t.what, w-6)))
		how := wrap(strings.TrimSpace(t.how), w-8)
		if len(how) == 1 || spare < 1 {
			lines = append(lines, "    → "+cut(strings.TrimSpace(t.how), w-8))
			continue
		}
		spare--
		lines = append(lines, "    → "+how[0], "      "+cut(strings.Join(how[1:], " "), w-8))
	}
	return lines
}
