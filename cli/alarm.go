package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"pabal/alarm"
	"pabal/control"
	"pabal/eml"
)

func (a *app) alarmCommands() *cobra.Command {
	return a.group("alarm", "What is wrong, and who is told of it", a.alarmList(), a.alarmTest())
}

func (a *app) alarmList() *cobra.Command {
	return a.asking("list", "Show what is wrong and what to do, the worst first", "pabal alarm list --json", func(ctx context.Context, c *control.Client, _ []string) error {
		all, err := c.Alarms(ctx)
		if err != nil {
			return err
		}
		if !a.json && len(all) == 0 {
			fmt.Fprintln(a.stdout, map[string]string{"ko": "경보가 없습니다.", "en": "nothing is wrong"}[a.preflightLanguage()])
			return nil
		}
		if a.json {
			for _, one := range all {
				if err := writeJSON(a.stdout, one); err != nil {
					return err
				}
			}
			return nil
		}
		return one(a, all, func(r *report) { describeAlarms(r, all, a.preflightLanguage()) })
	})
}

// describeAlarms says what is wrong and what to do.
func describeAlarms(r *report, all []alarm.Alarm, lang string) {
	levels := map[alarm.Level]string{alarm.Grave: "grave", alarm.Warn: "warn", alarm.Note: "note"}
	if lang == "ko" {
		levels = map[alarm.Level]string{alarm.Grave: "심각", alarm.Warn: "주의", alarm.Note: "참고"}
	}
	for _, one := range all {
		what, hint := one.In(lang)
		r.line("[%s] %s: %s", levels[one.Level], r.when(one.Since), eml.Visible(what))
		r.line("      -> %s (%s)", eml.Visible(hint), one.Page)
	}
}

func (a *app) alarmTest() *cobra.Command {
	return a.asking("test", "Tell every place of a trial alarm, now", "pabal alarm test", func(ctx context.Context, c *control.Client, _ []string) error {
		trials, err := c.TestAlarm(ctx)
		if err != nil {
			return err
		}
		bad := 0
		for _, t := range trials {
			if !t.Good {
				bad++
			}
		}
		err = show(a, each(trials, nil), func() *table { return newTable("PLACE", "TOLD", "WHY NOT") }, func(t alarm.Trial) []string {
			return []string{t.Place, map[bool]string{true: "yes", false: "no"}[t.Good], t.Error}
		})
		if err == nil && bad > 0 {
			return &eml.Problem{What: fmt.Sprintf("%d of %d places were not told", bad, len(trials)), Hint: "see [alert] in the configuration; docs/alarms.md says what each place needs"}
		}
		return err
	})
}
