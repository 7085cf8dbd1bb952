package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/audience"
	"pabal/control"
	"pabal/eml"
)

func (a *app) segmentCommands() *cobra.Command {
	return a.group("segment", "Expressions that select subscribers", a.segmentCount())
}

func (a *app) segmentCount() *cobra.Command {
	var topic string
	cmd := a.asking("count [EXPRESSION]", "Say how many an expression selects and how many of them may be mailed",
		`pabal segment count 'gender == "female" and created_at >= "2026-01-01"'`,
		func(ctx context.Context, c *control.Client, args []string) error {
			expression := ""
			if len(args) == 1 {
				expression = args[0]
			}
			n, err := c.Count(ctx, expression, topic)
			if err != nil {
				return err
			}
			if n.Skipped == nil {
				n.Skipped = map[string]int64{}
			}
			return one(a, n, func(r *report) { describeCount(r, n) })
		})
	cmd.Flags().StringVar(&topic, "topic", "", "`TOPIC` a person may have switched off")
	return cmd
}

func describeCount(r *report, n audience.Count) {
	r.pair("selected", commas(n.Selected))
	r.pair("mailable", commas(n.Mailable))
	for _, reason := range slices.Sorted(maps.Keys(n.Skipped)) {
		r.pair("  "+eml.Visible(reason), commas(n.Skipped[reason]))
	}
	if len(n.Unknown) > 0 {
		r.line("Nobody has the attribute %s: is it spelled right?", eml.Visible(strings.Join(n.Unknown, ", ")))
	}
}
