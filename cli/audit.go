package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pabal/audit"
	"pabal/control"
	"pabal/eml"
)

// auditReload leaves the line of a reload, which a signal asked for: nobody knows whose.
func (d *daemon) auditReload(err error) {
	e := audit.Entry{ID: audit.NewID(), State: audit.Done, Act: "config reload", UID: -1, GID: -1, Via: "signal"}
	if err != nil {
		e.State, e.Error = audit.Failed, eml.Cut(eml.Mask(eml.Visible(err.Error())), maxComplaint/8)
	}
	if err := d.audit.Append(e); err != nil {
		d.logger.Error("act not in the audit log", "err", err, "act", e.Act, "state", e.State)
	}
}

// auditing has an act of a command without the daemon leave its lines in the
// audit log of a data folder. What cannot be written there is said on stderr.
func (a *app) auditing(dir, act, on string, do func() error) error {
	log := audit.In(dir)
	e := audit.Entry{ID: audit.NewID(), State: audit.Asked, Act: act, On: eml.Mask(eml.Visible(on)), UID: a.uid, GID: a.gid, PID: os.Getpid(), Via: "command"}
	if u, err := user.LookupId(strconv.Itoa(e.UID)); err == nil {
		e.User = u.Username
	}
	a.audited(log, e)
	began := time.Now()
	err := do()
	e.State, e.Took = audit.Done, time.Since(began).Round(time.Millisecond).Seconds()
	if err != nil {
		e.State, e.Error = audit.Failed, eml.Cut(eml.Mask(eml.Visible(err.Error())), maxComplaint/8)
	}
	a.audited(log, e)
	return err
}

func (a *app) audited(log *audit.Log, e audit.Entry) {
	if err := log.Append(e); err != nil {
		fmt.Fprintln(a.stderr, "pabal: not in the audit log: "+eml.Visible(err.Error()))
	}
}

func (a *app) auditCommand() *cobra.Command {
	var since, act string
	cmd := a.command("audit", "Show who changed what, the oldest first", "pabal audit --since 24h\npabal audit --since 2026-11-01 --act campaign --json", func(ctx context.Context, _ []string) error {
		from, err := a.since(since)
		if err != nil {
			return err
		}
		all, done, err := a.auditEntries(ctx, from)
		if err != nil {
			return err
		}
		defer done()
		return show(a, matching(all, act, !a.json), func() *table { return newTable("AT", "WHO", "ACT", "ON", "STATE", "WHAT") }, a.auditRow)
	})
	cmd.Flags().StringVar(&since, "since", "", "of the last `TIME`: 90m, 24h, 7d; or from a day (2026-11-01) or an instant (RFC 3339) on")
	cmd.Flags().StringVar(&act, "act", "", "only acts that begin with `WORDS`")
	return cmd
}

// since reads how far back to look; zero for "".
func (a *app) since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02"} {
		if at, err := time.ParseInLocation(form, text, a.zone()); err == nil {
			return at, nil
		}
	}
	span := text
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil {
			span = strconv.Itoa(24*n) + "h"
		}
	}
	d, err := time.ParseDuration(span)
	if err != nil || d < 0 {
		return time.Time{}, usage("--since "+eml.Visible(text)+" is no time", "for example --since 24h, --since 7d or --since 2026-11-01")
	}
	return time.Now().Add(-d), nil
}

// auditEntries asks the daemon, and reads the files itself where there is none.
func (a *app) auditEntries(ctx context.Context, since time.Time) (iter.Seq2[audit.Entry, error], func(), error) {
	c, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.Health(ctx); !errors.Is(err, control.ErrNoDaemon) {
		a.daemon = c
		return c.Audit(ctx, since), c.Close, nil
	}
	c.Close()
	cfg, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	return audit.In(cfg.DataDir).Read(since), func() {}, nil
}

// matching are the entries of acts that begin with words; without asked those
// lines whose end follows are left out.
func matching(all iter.Seq2[audit.Entry, error], words string, short bool) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		open, order := map[string]audit.Entry{}, []string{}
		for e, err := range all {
			var damaged *audit.DamagedError
			if errors.As(err, &damaged) {
				continue // costs itself; the daemon's log names it
			}
			if err == nil && !strings.HasPrefix(e.Act, words) {
				continue
			}
			if err == nil && short && e.State == audit.Asked {
				open[e.ID], order = e, append(order, e.ID)
				continue
			}
			if asked, ok := open[e.ID]; err == nil && ok {
				delete(open, e.ID)
				e.Detail, e.Before = asked.Detail, asked.Before
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		for _, id := range order {
			if e, ok := open[id]; ok && !yield(e, nil) {
				return
			}
		}
	}
}

// auditRow is an entry for a person. One whose end is not there is under way, or
// was when the process ended.
func (a *app) auditRow(e audit.Entry) []string {
	who := e.User
	if who == "" && e.UID >= 0 {
		who = "uid " + strconv.Itoa(e.UID)
	}
	state := e.State
	if state == audit.Asked {
		state = "no end"
	}
	what := e.Error
	if what == "" {
		what = auditWords(e)
	}
	return []string{a.when(e.Time), who, e.Act, e.On, state, what}
}

// auditWords are what was asked for, and how a campaign's state changed.
func auditWords(e audit.Entry) string {
	var words []string
	if was, now := e.Before["state"], e.After["state"]; was != nil && now != nil && was != now {
		words = append(words, fmt.Sprintf("%v -> %v", was, now))
	}
	for _, key := range slices.Sorted(maps.Keys(e.Detail)) {
		words = append(words, fmt.Sprintf("%s=%v", key, e.Detail[key]))
	}
	return strings.Join(words, " ")
}
