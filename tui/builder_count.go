package tui

import (
	"context"
	"iter"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/audience"
)

// tally is the count of a segment that is being built.
type tally struct {
	flow   *flow[counted] // nil: nothing is being counted
	asked  int            // changes so far
	known  bool
	done   int64 // how far it is
	total  int64
	count  audience.Count
	people []audience.Subscriber
	why    string // why the expression is no good
}

func (c *tally) stop() {
	c.flow.stop()
	c.flow = nil
}

// forget gives up a count whose expression changed.
func (c *tally) forget() {
	c.stop()
	c.asked++
	c.known, c.why, c.done, c.total = false, "", 0, 0
}

// idle reports whether a count was lost to a broken connection.
func (c *tally) idle() bool { return c.flow == nil && !c.known && c.why == "" }

func (c *tally) start(a *app, segment, topic string) tea.Cmd {
	c.stop()
	c.done, c.total = 0, 0
	c.flow = openFlow(a, func(ctx context.Context) iter.Seq2[counted, error] {
		return func(yield func(counted, error) bool) { countFlow(ctx, a.back, segment, topic, yield) }
	})
	return c.flow.next()
}

func (c *tally) take(a *app, m flowMsg[counted]) tea.Cmd {
	switch {
	case m.end:
		c.flow = nil
		return nil
	case m.err != nil:
		if !offline(m.err) {
			c.why = a.problem(m.err)
		}
	case m.piece.over:
		c.known, c.count, c.people = true, m.piece.count, m.piece.people
	default:
		c.done, c.total = m.piece.done, m.piece.total
	}
	return c.flow.next()
}

// view is what the segment selects, who of them may be mailed and why the rest
// may not, and the first few by name.
func (c *tally) view(a *app, w int) []string {
	switch {
	case c.why != "":
		return a.alarm(c.why, w)
	case !c.known && c.total > 0:
		return []string{"  " + a.t.Counting + " " + a.look.bar(share(c.done, c.total), 20) + " " + percent(c.done, c.total)}
	case !c.known:
		return []string{"  " + a.t.Counting}
	}
	lines := []string{
		"  " + pad(a.t.Selected, 14) + padLeft(comma(c.count.Selected), 10),
		"  " + pad(a.t.Mailable, 14) + a.look.bold.Render(padLeft(comma(c.count.Mailable), 10)),
		"  " + pad(a.t.Outcomes[4], 14) + padLeft(comma(c.count.Selected-c.count.Mailable), 10) + "  " + cut(a.skipped(c.count.Skipped), w-30),
	}
	if names := slices.Concat(c.count.Unknown, c.count.UnknownTags); len(names) > 0 {
		text := a.t.NobodyHas(safe(strings.Join(names, ", ")))
		if meant := c.count.Meant[names[0]]; meant != "" {
			text += " " + a.t.Build.Meant(safe(meant))
		}
		for i, l := range wrap(text, w-6) {
			lines = append(lines, "  "+a.look.warn.Render([]string{"! ", "  "}[min(i, 1)]+l))
		}
	}
	if len(c.people) > 0 {
		var names []string
		for _, p := range c.people {
			names = append(names, orWord(safe(p.Name), safe(p.Email)))
		}
		lines = append(lines, "  "+cut(a.t.Such+" "+strings.Join(names, ", "), w-4))
	}
	return lines
}
