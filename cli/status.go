package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/alarm"
	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/store"
)

func (a *app) statusCommand() *cobra.Command {
	return a.asking("status", "Say how the daemon is doing", "pabal status --json", func(ctx context.Context, c *control.Client, _ []string) error {
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if st.Version != version() {
			fmt.Fprintf(a.stderr, "the daemon's version is %s, this command's is %s; restart the daemon after an upgrade\n", eml.Visible(st.Version), version())
		}
		if a.json {
			return one(a, st, nil)
		}
		all, err := c.Campaigns(ctx)
		if err != nil {
			return err
		}
		return one(a, st, func(r *report) {
			describeStatus(r, st, a.preflightLanguage())
			describeStopped(r, all, a.preflightLanguage())
		})
	})
}

func describeStatus(r *report, st control.Status, lang string) {
	r.pair("pabal", fmt.Sprintf("%s, process %d, up since %s", st.Version, st.PID, r.when(st.Started)))
	r.pair("waiting", commas(st.Spool.Pending)+" and "+commas(st.Spool.Sending)+" being sent")
	r.pair("oldest waits", span(float64(st.Spool.OldestSeconds)))
	r.pair("now", fmt.Sprintf("%.1f a second", st.Spool.PerSecond))
	r.pair("ses", describeAccount(st.SES))
	r.pair("ses problem", st.SES.Error)
	disk := st.Spool.Store
	r.pair("disk", describeDisk(disk))
	r.more(pageDiskFull, lang, disk.NearlyFull || disk.NoCampaigns)
	describeSyncStatus(r, st.Sync)
	r.more(pageSync, lang, st.Sync != nil && st.Sync.Error != "")
	describeFeedback(r, st.Feedback, false)
	r.more(pageFeedback, lang, st.Feedback != nil && st.Feedback.Error != "")
	var smtp smtpd.Stats
	if json.Unmarshal(st.SMTP, &smtp) == nil {
		r.pair("smtp", fmt.Sprintf("%s: %s taken, %s refused, %d connected", strings.Join(smtp.Listen, " "), commas(smtp.Accepted), commas(smtp.Refused), smtp.Connections))
		describeDrop(r, smtp.Drop)
	}
	describeFailures(r, st)
	if st.Retention != nil && st.Retention.Removed != nil {
		r.pair("retention", removedWords(control.RetentionRun{Removal: *st.Retention.Removed})+" so far")
	}
	if st.Retention != nil && st.Retention.Last != nil && st.Retention.Last.Error != "" {
		r.pair("retention", "failed: "+eml.Visible(st.Retention.Last.Error)+"; it tries again "+r.when(st.Retention.Next))
	}
	for _, alarm := range st.Domains {
		describeAlarm(r, alarm, lang)
	}
	describeAlarms(r, besides(st.Alarms), lang)
	for _, h := range st.Spool.Held {
		describeHold(r, h, lang)
	}
}

// besides are the alarms that status has no lines of its own for.
func besides(all []alarm.Alarm) []alarm.Alarm {
	told := []string{alarm.DomainAmiss, alarm.DomainSilent, alarm.Braked, alarm.CampaignHeld, alarm.DiskFull, alarm.DiskUnused, alarm.NoFeedback, alarm.Sandbox, alarm.Untold, alarm.SetAside}
	return slices.DeleteFunc(slices.Clone(all), func(a alarm.Alarm) bool {
		held := slices.Contains([]string{alarm.Held, alarm.QuotaUsedUp, alarm.Credentials, alarm.SendingOff, alarm.Damaged}, a.Name) && a.Subject != "" && a.Subject != "records"
		return held || slices.Contains(told, a.Name)
	})
}

// describeHold says what is held, why, and what to do.
func describeHold(r *report, h spool.Hold, lang string) {
	r.line("held: %s since %s: %s", h.Scope, r.when(h.Since), eml.Visible(h.Reason))
	if h.Hint != "" {
		r.line("      %s", eml.Visible(h.Hint))
	}
	if !h.Until.IsZero() {
		r.line("      until about %s", r.when(h.Until))
	}
	r.more(h.Page, lang, true)
}

// describeAccount is what SES allows; before its first answer nothing is known.
func describeAccount(ses sesclient.Status) string {
	if ses.CheckedAt.IsZero() {
		return ses.Region + ", it has not said yet what it allows"
	}
	text := fmt.Sprintf("%s, %.3g a second, %s", ses.Region, ses.Rate, quota(ses.Sent24h, ses.Quota24h))
	if ses.Sandbox {
		text += ", sandbox"
	}
	if !ses.SendingEnabled {
		text += ", sending is switched off"
	}
	return text
}

// describeDrop says what became of the mails in the drop folder.
func describeDrop(r *report, d *smtpd.DropStats) {
	if d == nil {
		return
	}
	r.pair("drop folder", fmt.Sprintf("%s: %s taken up, %s waiting", d.Folder, commas(d.Taken), commas(d.Waiting)))
	if d.SetAside > 0 {
		r.pair("set aside", fmt.Sprintf("%s that could not be sent, in %s/bad; the log says why (drop set aside)", commas(d.SetAside), d.Folder))
	}
	r.pair("drop problem", eml.Visible(d.Error))
}

// describeAlarm says what is amiss with a sender's domain and what to do.
func describeAlarm(r *report, alarm control.DomainAlarm, lang string) {
	t := domainTexts(lang)
	if alarm.Error != "" {
		r.line(t.silent, eml.Visible(alarm.Name), r.when(alarm.Since), eml.Visible(alarm.Error))
		return
	}
	r.line(t.amiss, eml.Visible(alarm.Name), r.when(alarm.Since))
	for _, f := range alarm.Findings {
		if f.Level != campaign.Note {
			f = f.In(lang)
			r.line("  [%s] %s", t.levels[f.Level], eml.Visible(f.What))
			r.line("      -> %s", eml.Visible(f.How))
		}
	}
}

// describeDisk says how much room there is, and what it means when it is little.
func describeDisk(d spool.Disk) string {
	text := fmt.Sprintf("%s MB free", commas(d.FreeBytes>>20))
	if d.NearlyFull {
		return text + fmt.Sprintf(", nearly full: %s MB are needed. New mail is answered 452 and no campaign starts; %s", commas(d.ReserveBytes>>20), store.FullHint)
	}
	if d.NoCampaigns {
		return text + ", unused in queue.db: no campaign can start. Free some space, or stop pabal and run: pabal compact"
	}
	return text
}

func quota(sent, most float64) string {
	if most < 0 {
		return commas(int64(sent)) + " in 24 hours, no limit"
	}
	return commas(int64(sent)) + " of " + commas(int64(most)) + " in 24 hours"
}

func (a *app) traceCommand() *cobra.Command {
	return a.asking("trace ADDRESS|SES-ID|MESSAGE-ID", "Show every mail to or by it, in both lanes", "pabal trace minji@example.com",
		func(ctx context.Context, c *control.Client, args []string) error {
			found := 0
			for m, err := range c.Trace(ctx, args[0]) {
				if err != nil {
					return err
				}
				if found++; found > 1 && !a.json {
					fmt.Fprintln(a.stdout)
				}
				if err := one(a, m, func(r *report) { describeMessage(r, m, a.preflightLanguage()) }); err != nil {
					return err
				}
			}
			gone := goneBefore(ctx, c, a)
			if found == 0 {
				problem := &eml.Problem{What: "no mail to or by " + args[0] + " is known", Hint: "is it spelled right? An SES id and a Message-ID go without < and >"}
				if gone != "" {
					problem.What += "; " + gone
				}
				return problem
			}
			if gone != "" {
				fmt.Fprintln(a.stderr, gone)
			}
			return nil
		})
}
