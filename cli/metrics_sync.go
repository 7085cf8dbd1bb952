package cli

import (
	"bytes"
	"fmt"
	"time"

	"pabal/syncer"
)

// syncMetrics are those of the table of customers.
func syncMetrics(out *bytes.Buffer, gauge func(name, help string, value float64), st syncer.Status, now time.Time) {
	if !st.LastGood.IsZero() {
		gauge("sync_age_seconds", "time since the last good sync of the customers began; missing before the first", now.Sub(st.LastGood).Seconds())
	}
	gauge("sync_failures", "failed syncs in a row", float64(st.Failures))
	gauge("sync_duration_seconds", "how long the last good sync took", st.Last.Took.Seconds())
	gauge("sync_rows", "rows the last good sync read", float64(st.Last.Read))
	gauge("sync_invalid_rows", "of them nobody can be written to", float64(st.Last.Invalid))
	gauge("sync_progress_rows", "rows the sync under way is through with", float64(st.Done))
	fmt.Fprintf(out, "# HELP pabal_syncs_total syncs since the start\n# TYPE pabal_syncs_total counter\npabal_syncs_total{result=\"good\"} %d\npabal_syncs_total{result=\"failed\"} %d\n", st.Syncs, st.Errors)
	fmt.Fprint(out, "# HELP pabal_sync_changes_total what good syncs changed since the start\n# TYPE pabal_sync_changes_total counter\n")
	for _, row := range []struct {
		kind string
		n    int64
	}{{"created", st.Changes.Created}, {"updated", st.Changes.Updated}, {"removed", st.Changes.Removed}, {"kept_out", st.Changes.KeptOut}} {
		fmt.Fprintf(out, "pabal_sync_changes_total{kind=%q} %d\n", row.kind, row.n)
	}
}
