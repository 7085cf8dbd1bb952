package tui

import (
	"context"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/spool"
)

// How a campaign gets its brake.
const (
	brakeUsual = ""
	brakeOwn   = "own"
	brakeNone  = "off"
)

// brake asks when a campaign pauses by itself, and sets that at once.
func (a *app) brake(c campaign.Campaign, then func(*app, campaign.Campaign) tea.Cmd) screen {
	t := &a.t.Brake
	way, now := brakeUsual, spool.UsualBrake()
	switch {
	case c.Brake != nil && c.Brake.Off():
		way = brakeNone
	case c.Brake != nil:
		way, now = brakeOwn, *c.Brake
	}
	var made campaign.Campaign
	f := &form{head: t.Key, help: a.t.Person.Save, lines: []string{a.look.bold.Render(safe(c.Name)), t.Text},
		fields: []field{{label: t.When, in: newInput(way), choices: choose([]string{brakeUsual, brakeOwn, brakeNone}, t.Ways[:])},
			{label: t.Bounces, in: newInput(percentText(now.BouncePercent))}, {label: t.Complaints, in: newInput(percentText(now.ComplaintPercent))}}}
	f.off = func(v []string) string {
		if _, ok := brakeOf(v, now); !ok {
			return t.Bad
		}
		return ""
	}
	f.note = func(v []string) []string {
		switch b, ok := brakeOf(v, now); {
		case !ok:
			return []string{a.look.warn.Render("! " + t.Bad)}
		case b != nil && b.Off():
			return []string{a.look.warn.Render("! " + t.OffWarn)}
		case b != nil:
			return []string{a.brakeWords(b)}
		}
		return []string{t.Usual}
	}
	f.do = func(ctx context.Context, v []string) (err error) {
		b, _ := brakeOf(v, now)
		made, err = a.back.SetBrake(ctx, c.ID, b)
		return err
	}
	f.then = func(a *app, _ []string) tea.Cmd {
		pop(a)
		return then(a, made)
	}
	return f
}

// brakeOf reads the form: nil is the configured brake. What the form does not
// ask for is as it was.
func brakeOf(v []string, was spool.Brake) (b *spool.Brake, ok bool) {
	switch v[0] {
	case brakeUsual:
		return nil, true
	case brakeNone:
		return &spool.Brake{}, true
	}
	var err error
	if was.BouncePercent, err = strconv.ParseFloat(v[1], 64); err != nil {
		return nil, false
	}
	if was.ComplaintPercent, err = strconv.ParseFloat(v[2], 64); err != nil {
		return nil, false
	}
	return &was, campaign.CheckBrake(&was) == nil
}

func percentText(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// brakeWords is a campaign's own brake in words.
func (a *app) brakeWords(b *spool.Brake) string {
	if b.Off() {
		return a.look.warn.Render("! " + a.t.Brake.Ways[2])
	}
	limit := func(v float64) string {
		if v <= 0 {
			return a.t.Brake.Never
		}
		return percentText(v) + "%"
	}
	return a.t.Brake.Words(limit(b.BouncePercent), limit(b.ComplaintPercent))
}
