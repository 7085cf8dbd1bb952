package tui

import (
	"strings"
	"time"

	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
)

// oldAlert is when the oldest waiting mail breaks the five-minute promise.
const oldAlert = 300 * time.Second

// trouble is what is wrong and what to do about it.
type trouble struct{ what, how string }

// alerts are what is wrong now, the worst first.
func (s *home) alerts(a *app) []trouble {
	t, now := &a.t.Dash, s.now
	var out []trouble
	add := func(what, how string) { out = append(out, trouble{what, how}) }
	if !now.ses.CheckedAt.IsZero() && !now.ses.SendingEnabled {
		add(a.t.SendingOff, a.t.Classes[spool.Account].How)
	}
	for _, h := range now.spool.Held {
		add(a.hold(h))
	}
	for _, c := range now.campaigns {
		what, how := a.stopped(&c)
		switch {
		case c.State != spool.Scheduled && what != "": // held at its time, or by its brake
			add(safe(c.Name)+": "+what, t.OpenIt(how))
		case c.State == spool.Held:
			add(t.HeldCampaign(safe(c.Name), a.why(c.Reason)), t.HeldHint)
		}
	}
	if d := now.spool.Store; d.NearlyFull {
		add(a.t.DiskFull(size(d.FreeBytes), size(d.ReserveBytes)), a.t.DiskHint)
	} else if d.NoCampaigns {
		add(a.t.DiskUnused, a.t.CompactHint)
	}
	if age := time.Duration(now.spool.OldestSeconds) * time.Second; age > oldAlert {
		how := t.OldHint
		if len(now.spool.Held) > 0 {
			how = t.OldHeld
		}
		add(t.OldMail(a.t.Duration(age)), how)
	}
	for _, d := range now.domains {
		if f := bySeverity(d.Findings); len(f) > 0 && f[0].Level == campaign.Block {
			add(t.DomainAmiss(safe(f[0].What)), a.mend(f[0]))
		}
	}
	if now.ses.Error != "" {
		add(t.AccountUnknown+" "+a.answer(now.ses.Error), t.AccountHint)
	}
	if now.sync != nil && now.sync.Error != "" {
		what, how, _ := a.trouble(now.sync)
		add(a.t.Tabs[tabSync]+": "+safe(what), safe(how))
	}
	return append(out, s.lesser(a)...)
}

// lesser are those with which mail goes all the same.
func (s *home) lesser(a *app) (out []trouble) {
	if f := s.now.heard; f != nil && f.Error != "" {
		out = append(out, trouble{a.t.Heard.Label + ": " + a.answer(f.Error), safe(f.Hint)})
	} else if f != nil && f.Source == sesclient.SourceNone {
		out = append(out, trouble{a.t.Heard.Label + ": " + a.t.Heard.None, a.t.Heard.NoneHint})
	}
	out = append(out, s.untold(a)...)
	for _, d := range s.now.domains {
		switch f := bySeverity(d.Findings); {
		case d.Error != "":
			out = append(out, trouble{a.t.Dash.DomainSilent(safe(d.Name), a.answer(d.Error)), a.t.Dash.DomainHint})
		case len(f) > 0 && f[0].Level == campaign.Warn:
			out = append(out, trouble{a.t.Dash.DomainAmiss(safe(f[0].What)), a.mend(f[0])})
		}
	}
	if s.now.ses.Sandbox {
		out = append(out, trouble{a.t.Dash.Sandbox, a.t.Dash.SandboxHint})
	}
	return out
}

// untold is mail that was taken and not sent, and of which nobody was told.
func (s *home) untold(a *app) (out []trouble) {
	t, u := &a.t.Dash, s.now.untold
	if u.SetAside > 0 {
		out = append(out, trouble{t.SetAside(comma(u.SetAside)), t.SetAsideHint(safe(u.Folder) + "/bad")})
	}
	if u.Failed > 0 {
		out = append(out, trouble{t.NobodyTold(comma(u.Failed)), t.NobodyHint})
	}
	return out
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
