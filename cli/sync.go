package cli

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/syncer"
	"pabal/tui"
)

// dsnVariable holds the DSN where there is no file for it.
const dsnVariable = "PABAL_MYSQL_DSN"

// stepLimit is how long a preflight waits for a sync; a first load may take longer.
const stepLimit = 2 * time.Minute

// syncs reports whether there is a source of customers.
func (c *Config) syncs() bool { return c.MySQL.DSNFile != "" || c.mysqlDSN != "" }

func (c *Config) mysqlRules() []rule {
	m := &c.MySQL
	rules := []rule{
		{"mysql.max_age_at_start", m.MaxAgeAtStart >= Duration(time.Minute), "is under a minute", `for example max_age_at_start = "1h"`},
		{"mysql.overlap", m.Overlap >= Duration(time.Second) && m.Overlap <= Duration(24*time.Hour), "is not between a second and a day", `longer than the longest transaction of the shop: overlap = "5m"`},
	}
	for _, pair := range m.Attributes {
		name, column, found := strings.Cut(pair, "=")
		rules = append(rules, rule{"mysql.attributes", found && name != "" && column != "", fmt.Sprintf("has %q", eml.Visible(pair)), `write name=column: attributes = ["grade=grade"]`})
	}
	return rules
}

// checkSource is the syncer's own check, made when there is something to sync.
func (c *Config) checkSource() error {
	if !c.syncs() {
		return nil
	}
	source := c.source()
	return source.Check()
}

// source is the configuration as the syncer takes it.
func (c *Config) source() syncer.Config {
	m, k := &c.MySQL, &c.MySQL.Columns
	attributes := map[string]string{}
	for _, pair := range m.Attributes {
		name, column, _ := strings.Cut(pair, "=")
		attributes[strings.TrimSpace(name)] = strings.TrimSpace(column)
	}
	return syncer.Config{DSN: c.mysqlDSN, DSNFile: m.DSNFile, CAFile: m.CAFile, Table: m.Table, Query: m.Query, Where: m.Where,
		Columns: syncer.Columns{ID: k.ID, Email: k.Email, Name: k.Name, Gender: k.Gender, CreatedAt: k.CreatedAt,
			UpdatedAt: k.UpdatedAt, Subscribed: k.Subscribed, ConsentAt: k.ConsentAt, DeletedAt: k.DeletedAt},
		Attributes: attributes, SubscribedYes: m.SubscribedYes, Zone: c.zone(), Every: time.Duration(m.Every), At: m.At,
		TrustResubscribe: m.TrustResubscribe, Overlap: time.Duration(m.Overlap)}
}

// newSyncer wires the source of customers, if there is one.
func (d *daemon) newSyncer() (err error) {
	if !d.cfg.syncs() {
		return nil
	}
	if d.sync, err = syncer.New(d.people, d.cfg.source(), d.logger); err != nil {
		return err
	}
	d.sync.Full = collectOften()
	d.campaigns.Source = step{d.sync, time.Duration(d.cfg.MySQL.MaxAgeAtStart), stepLimit}
	d.campaigns.Korean = tui.KoreanTrouble
	d.campaigns.Synced = func() time.Time { return d.sync.Status().LastGood }
	return nil
}

// collectOften has the collector run more often while every row is read: with
// the daemon's usual setting (collectSeldom) the garbage of a million rows took
// 127 MB, with this 60.
func collectOften() func(bool) {
	const standard = 75
	before := standard
	return func(full bool) {
		if !full {
			debug.SetGCPercent(before)
			return
		}
		if before = debug.SetGCPercent(standard); before < standard {
			debug.SetGCPercent(before)
		}
	}
}

// step brings the audience in step before a campaign starts.
type step struct {
	sync   *syncer.Syncer
	maxAge time.Duration
	limit  time.Duration
}

// InStep is campaign.Source: a sync, waited for.
func (s step) InStep(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	_, err := s.sync.Sync(short, syncer.Order{})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && short.Err() != nil:
		return &eml.Problem{Code: syncer.CodeReading, What: "the customers are still being read", Hint: "wait until pabal status says that the sync is done, then try again", Err: err}
	case err != nil:
		return err
	}
	if age := time.Since(s.sync.Status().LastGood); age > s.maxAge {
		return &eml.Problem{Code: syncer.CodeOld, What: fmt.Sprintf("the last good sync began %s ago, longer than mysql.max_age_at_start", age.Round(time.Second)), Hint: "make the sync faster (an index on updated_at), or raise max_age_at_start"}
	}
	return nil
}

func (a *app) syncCommand() *cobra.Command {
	var order syncer.Order
	cmd := a.asking("sync", "Bring the customers in step with their MySQL table now", "pabal sync\npabal sync --full", func(ctx context.Context, c *control.Client, _ []string) error {
		stop := a.showSync(ctx, c)
		result, err := c.Sync(ctx, order)
		stop()
		if err != nil {
			return err
		}
		return one(a, result, func(r *report) { describeSync(r, result) })
	})
	cmd.Flags().BoolVar(&order.Full, "full", false, "read every row, and take out those that vanished")
	cmd.Flags().BoolVar(&order.New, "new-source", false, "with --full: the table or database is another one, whose ids mean other people; find people by address")
	cmd.Flags().BoolVar(&order.Shrink, "shrink", false, "with --full: take them out even if they are more than half")
	return cmd
}

// lookEvery is how often the progress of a sync is asked for.
const lookEvery = 300 * time.Millisecond

// showSync draws a sync's progress on a terminal until stop is called.
func (a *app) showSync(ctx context.Context, c *control.Client) (stop func()) {
	bar := newBar(a.stderr)
	if !bar.live {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var drawn sync.WaitGroup
	drawn.Go(func() {
		defer bar.clear()
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if st, err := c.SyncStatus(ctx); err == nil && st != nil { // else the sync itself tells
				bar.show(st.Done, st.Total, phaseText(st.Phase))
			}
		}
	})
	return func() {
		cancel()
		drawn.Wait()
	}
}

// phaseText is what a pass does, for people.
func phaseText(phase string) string {
	switch phase {
	case syncer.PhaseRows:
		return "rows read"
	case syncer.PhaseGone:
		return "rows looked for"
	case syncer.PhaseChanges:
		return "changes read"
	}
	return "connecting"
}

func describeSync(r *report, result syncer.Result) {
	kind := "changes since the last sync"
	if result.Full {
		kind = "every row"
	}
	r.pair("read", commas(result.Read)+" rows ("+kind+")")
	r.pair("subscribers", fmt.Sprintf("%s new, %s changed, %s gone", commas(result.Created), commas(result.Updated), commas(result.Removed)))
	r.pair("consent", fmt.Sprintf("%s yes, %s no, %s neither (not subscribed)", commas(result.Subscribed), commas(result.Refused), commas(result.Unclear)))
	if result.KeptOut > 0 {
		r.pair("kept out", commas(result.KeptOut)+" whom the table says yes of have opted out")
	}
	if result.Erased > 0 {
		r.pair("erased", commas(result.Erased)+" rows of people who were erased, left alone")
	}
	if result.Invalid > 0 {
		r.pair("unusable", commas(result.Invalid)+" rows")
	}
	for _, reject := range result.Rejects {
		r.line("row %s: %s", eml.Visible(reject.ID), eml.Visible(reject.Reason))
	}
	if result.Undated+result.BadDates > 0 {
		r.pair("dates", fmt.Sprintf("%s rows without updated_at (seen once a day), %s dates that are none", commas(result.Undated), commas(result.BadDates)))
	}
}

// describeSyncStatus are the lines of pabal status.
func describeSyncStatus(r *report, st *syncer.Status) {
	if st == nil {
		return
	}
	text := "never yet"
	if !st.LastGood.IsZero() {
		text = "as of " + r.when(st.LastGood)
	}
	if st.State == "reading" {
		text += ", now: " + commas(st.Done)
		if st.Total > 0 {
			text += " of about " + commas(st.Total)
		}
		text += " " + phaseText(st.Phase)
	}
	r.pair("customers", text+", from "+st.Source)
	r.pair("sync problem", eml.Visible(st.Error))
	if st.Hint != "" {
		r.line("      %s", eml.Visible(st.Hint))
	}
	for _, w := range st.Warnings {
		r.line("sync: %s", eml.Visible(w))
	}
}
