package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/spool"
)

func (a *app) campaignCommands() *cobra.Command {
	return a.group("campaign", "One template to one audience", a.campaignCreate(), a.campaignPreview(), a.campaignPreflight(), a.campaignPlan(), a.campaignTest(), a.campaignDryRun(),
		a.campaignStart(), a.campaignSchedule(), a.campaignEdit(), a.campaignCopy(), a.campaignChange("pause", "Stop new calls; resume goes on", (*control.Client).Pause),
		a.campaignChange("resume", "Let a paused or held campaign go on", (*control.Client).Resume), a.campaignCancel(), a.campaignResend(),
		a.campaignList(), a.campaignShow(), a.campaignRecipients(), a.campaignReport())
}

// maxValueBytes bounds one value of --set.
const maxValueBytes = 1 << 20

// setValues reads --set: KEY=VALUE, or KEY=@FILE for what stands in a file.
func setValues(texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usage(fmt.Sprintf("--set takes KEY=VALUE or KEY=@FILE, not %q", text), "for example: --set Subject='가을 세일' --set Body=@body.txt")
		}
		if path, isFile := strings.CutPrefix(value, "@"); isFile {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, &eml.Problem{What: "the value of " + key + " cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
			}
			value = string(content)
		}
		if len(value) > maxValueBytes {
			return nil, &eml.Problem{What: "the value of " + key + " has more than 1 MB", Hint: "long texts belong into the template"}
		}
		out[key] = value
	}
	return out, nil
}

func (a *app) campaignCreate() *cobra.Command {
	var (
		d      campaign.Campaign
		values []string
		files  []string
	)
	var (
		steer steering
		cmd   *cobra.Command
	)
	cmd = a.asking("create", "Make a draft", "pabal campaign create --template welcome --name '가을 세일' --segment 'tag(\"vip2026\")' --set Body=@body.txt",
		func(ctx context.Context, c *control.Client, _ []string) (err error) {
			if d.Template == "" {
				return usage("a campaign needs --template", "see which there are with: pabal template list")
			}
			if d.Values, err = setValues(values); err != nil {
				return err
			}
			if d.Attachments, err = attach(ctx, c, files); err != nil {
				return err
			}
			d.Window, _ = steer.windowOf(cmd, nil)
			if d.Brake, _, err = steer.brakeOf(cmd, nil); err != nil {
				return err
			}
			made, err := c.CreateCampaign(ctx, d)
			if err != nil {
				return err
			}
			return one(a, made, func(r *report) {
				r.line("Campaign %d is a draft. Next: pabal campaign preflight %d", made.ID, made.ID)
			})
		})
	flags := cmd.Flags()
	flags.StringVar(&d.Template, "template", "", "`NAME` of the template")
	flags.StringVar(&d.Name, "name", "", "`TEXT` for people (default: the template's name)")
	flags.StringVar(&d.Segment, "segment", "", "only whom the `EXPRESSION` selects (default: everyone)")
	flags.StringVar(&d.From, "from", "", "`MAILBOX` (default: [campaign] from)")
	flags.StringVar(&d.ReplyTo, "reply-to", "", "`MAILBOX`")
	flags.StringVar(&d.Topic, "topic", "", "`TOPIC` a person may have switched off")
	flags.StringArrayVar(&values, "set", nil, "value `KEY=VALUE` or KEY=@FILE; may be given more than once")
	flags.StringArrayVar(&files, "attach", nil, "`FILE` that goes with every mail; may be given more than once")
	steer.flags(cmd)
	return cmd
}

// campaignCommand is a command about the campaign whose id is its argument.
func (a *app) campaignCommand(name, short, example string, run func(ctx context.Context, c *control.Client, id uint64) error) *cobra.Command {
	return a.asking(name+" ID", short, example, func(ctx context.Context, c *control.Client, args []string) error {
		id, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return usage("a campaign's id is a number, not "+eml.Visible(args[0]), "see the ids with: pabal campaign list")
		}
		return run(ctx, c, id)
	})
}

func (a *app) campaignChange(name, short string, act func(*control.Client, context.Context, uint64) (campaign.Campaign, error)) *cobra.Command {
	return a.campaignCommand(name, short, "pabal campaign "+name+" 7", func(ctx context.Context, c *control.Client, id uint64) error {
		changed, err := act(c, ctx, id)
		if err != nil {
			return err
		}
		return a.describeCampaign(changed)
	})
}

func (a *app) campaignList() *cobra.Command {
	return a.asking("list", "List campaigns, newest first", "pabal campaign list", func(ctx context.Context, c *control.Client, _ []string) error {
		return show(a, each(c.Campaigns(ctx)), func() *table {
			return newTable("ID", "NAME", "STATE", "AUDIENCE", "ACCEPTED", "FAILED", "SKIPPED", "UNKNOWN", "OPEN").numbers(0, 3, 4, 5, 6, 7, 8)
		}, func(c campaign.Campaign) []string {
			cells := []string{fmt.Sprint(c.ID), c.Name, stateOf(c)}
			for _, n := range []int64{c.Audience, c.Accepted, c.Failed, c.Skipped, c.Unknown, c.Pending + c.Sending} {
				if c.Sealed.IsZero() && !c.Damaged {
					cells = append(cells, "-") // it has no audience yet
					continue
				}
				cells = append(cells, commas(n))
			}
			return cells
		})
	})
}

func (a *app) campaignShow() *cobra.Command {
	return a.campaignCommand("show", "Show one with its sums, and of one under way the plan of what is left", "pabal campaign show 7\npabal campaign show 7 --json", func(ctx context.Context, c *control.Client, id uint64) error {
		shown, err := c.Campaign(ctx, id)
		if err != nil {
			return err
		}
		if err := a.describeAny(ctx, c, shown); err != nil || a.json {
			return err
		}
		if err := a.describeRest(ctx, c, shown); err != nil || shown.Unknown == 0 {
			return err
		}
		return a.describeUnknown(ctx, c, shown.ID)
	})
}

// describeAny shows a campaign in any state.
func (a *app) describeAny(ctx context.Context, c *control.Client, shown campaign.Campaign) error {
	if shown.Sealed.IsZero() && !shown.Damaged && shown.State != spool.Cancelled && !a.json {
		return a.describeDraft(ctx, c, shown)
	}
	return a.describeCampaign(shown)
}

// describeDraft says whom a draft would reach: it has no audience of its own yet.
func (a *app) describeDraft(ctx context.Context, c *control.Client, d campaign.Campaign) error {
	n, err := c.Count(ctx, d.Segment, d.Topic)
	if err != nil {
		return err
	}
	return one(a, d, func(r *report) {
		describeHead(r, d)
		describeSteering(r, d)
		r.pair("would reach", commas(n.Mailable)+" of the "+commas(n.Selected)+" selected now")
		switch d.State {
		case spool.Scheduled:
			r.line("It starts by itself. To take it back: pabal campaign schedule %d --cancel", d.ID)
		case spool.Held:
			r.line("It did not start: nobody has been mailed. Start it now: pabal campaign start %d; at another time: pabal campaign schedule %d --at …", d.ID, d.ID)
		default:
			r.line("Not started: nobody has been mailed. Next: pabal campaign preflight %d", d.ID)
		}
	})
}

func (a *app) describeCampaign(c campaign.Campaign) error {
	return one(a, c, func(r *report) {
		describeHead(r, c)
		if h := c.Hold; h != nil {
			r.pair("not sending", h.Reason)
			r.pair("what to do", h.Hint)
			r.pair("goes on at about", r.when(h.Until))
		}
		r.pair("started", r.when(c.Started))
		r.pair("ended", r.when(c.Ended))
		describeSteering(r, c)
		describeSums(r, c.Counts)
		describeRemoved(r, c.Removed)
		describeActs(r, c.Acts)
	})
}

// describeActs says who did what to a campaign, the newest ten.
func describeActs(r *report, acts []spool.Act) {
	for _, act := range acts[max(len(acts)-actsShown, 0):] {
		what := r.when(act.At)
		if act.By != "" {
			what += " by " + eml.Visible(act.By)
		}
		if act.Count > 0 {
			what += ", " + commas(act.Count) + " recipients"
		}
		r.pair(act.What, what)
		r.pair("  because", act.Reason)
	}
}

const actsShown = 10

func describeHead(r *report, c campaign.Campaign) {
	version := "the newest version"
	if c.TemplateVersion > 0 {
		version = fmt.Sprintf("version %d", c.TemplateVersion)
	}
	r.pair("campaign", fmt.Sprintf("%d %s", c.ID, c.Name))
	r.pair("state", stateOf(c))
	r.pair("why", c.Reason)
	r.pair("template", c.Template+", "+version)
	r.pair("segment", c.Segment)
	r.pair("from", c.From)
	describeAttachments(r, c.Attachments)
}

// stateOf tells a running campaign from one that a hold keeps from sending.
func stateOf(c campaign.Campaign) string {
	if c.Hold != nil {
		return string(c.State) + ", on hold"
	}
	return string(c.State)
}

func describeSums(r *report, n spool.Counts) {
	for _, row := range []struct {
		label string
		n     int64
	}{{"audience", n.Audience}, {"pending", n.Pending}, {"sending", n.Sending}, {"accepted", n.Accepted}, {"failed", n.Failed},
		{"skipped", n.Skipped}, {"unknown", n.Unknown}, {"delivered", n.Delivered}, {"bounced", n.Bounced}, {"complained", n.Complained}} {
		r.pair(row.label, commas(row.n))
	}
	for _, row := range []struct {
		label string
		n     int64
	}{{"delayed", n.Delayed}, {"rejected", n.Rejected}, {"opened", n.Opened}, {"opened by programs", n.MachineOpened}, {"clicked", n.Clicked}, {"sent twice", n.SentTwice}} {
		if row.n > 0 {
			r.pair(row.label, commas(row.n))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(n.Skips)) {
		r.pair("  skipped: "+eml.Visible(reason), commas(n.Skips[reason]))
	}
}

func (a *app) campaignRecipients() *cobra.Command {
	var outcome, feedback string
	cmd := a.campaignCommand("recipients", "List what became of every recipient", "pabal campaign recipients 7 --outcome unknown --json\npabal campaign recipients 7 --feedback bounced",
		func(ctx context.Context, c *control.Client, id uint64) error {
			if err := show(a, c.Heard(ctx, id, outcome, feedback), newMessageTable, a.messageRow); err != nil {
				return err
			}
			return a.noteRemoved(ctx, c, id)
		})
	cmd.Flags().StringVar(&feedback, "feedback", "", "only those SES said this `WORD` of: delivered, delayed, bounced, complained, rejected, opened, machine_opened, clicked, sent, sent_twice or maybe_twice")
	cmd.Flags().StringVar(&outcome, "outcome", "", "only this `OUTCOME`: pending, sending, accepted, failed, skipped or unknown")
	return cmd
}
