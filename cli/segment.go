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
	return a.group("segment", "Expressions that select subscribers", a.segmentCount(), a.segmentExplain())
}

func (a *app) segmentCount() *cobra.Command {
	var topic string
	cmd := a.asking("count [EXPRESSION]", "Say how many an expression selects and how many of them may be mailed",
		`pabal segment count 'gender == "female" and received(days(90)) and not opened(last(3))' --topic sale`,
		func(ctx context.Context, c *control.Client, args []string) error {
			progress := newBar(a.stderr)
			n, err := c.CountTold(ctx, expression(args), topic, func(done, total int64) { progress.show(done, total, "subscribers") })
			progress.clear()
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

// expression is the one argument of the verbs about segments; none is everyone.
func expression(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return ""
}

func describeCount(r *report, n audience.Count) {
	r.pair("selected", commas(n.Selected))
	r.pair("mailable", commas(n.Mailable))
	for _, reason := range slices.Sorted(maps.Keys(n.Skipped)) {
		r.pair("  "+eml.Visible(reason), commas(n.Skipped[reason]))
	}
	doubt := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		question := "is it spelled right?"
		if near := n.Meant[names[0]]; near != "" {
			question = "did you mean " + near + "?"
		}
		r.line("Nobody has the %s %s: %s", what, eml.Visible(strings.Join(names, ", ")), eml.Visible(question))
	}
	doubt("attribute", n.Unknown)
	doubt("tag", n.UnknownTags)
}

func (a *app) segmentExplain() *cobra.Command {
	var (
		topic, email string
		id           uint64
	)
	cmd := a.asking("explain [EXPRESSION]", "Say which rule leaves one subscriber in or out",
		`pabal segment explain 'gender == "female" and not opened(last(3))' --email minji@example.com`,
		func(ctx context.Context, c *control.Client, args []string) error {
			if (email == "") == (id == 0) {
				return usage("explain needs one subscriber", "give --email ADDRESS or --id N")
			}
			x, err := c.Explain(ctx, expression(args), topic, email, id)
			if err != nil {
				return err
			}
			return one(a, x, func(r *report) { explain(r, &x, explainTexts(a.language(&Config{Language: "auto"}))) })
		})
	cmd.Flags().StringVar(&topic, "topic", "", "`TOPIC` the mail would be about")
	cmd.Flags().StringVar(&email, "email", "", "`ADDRESS` of the subscriber")
	cmd.Flags().Uint64Var(&id, "id", 0, "`ID` of the subscriber")
	return cmd
}
