package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/syncer"
)

func TestMetricsTellHowTheSyncIs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	st := syncer.Status{LastGood: now.Add(-90 * time.Second), Failures: 2, Done: 7, Syncs: 5, Errors: 3,
		Last: syncer.Result{Read: 1000, Invalid: 4, Took: 1500 * time.Millisecond}, Changes: audience.SyncResult{Created: 11, Updated: 12, Removed: 13, KeptOut: 14}}
	said := func(st syncer.Status) string {
		var out bytes.Buffer
		syncMetrics(&out, func(name, _ string, value float64) { fmt.Fprintf(&out, "pabal_%s %v\n", name, value) }, st, now)
		return out.String()
	}
	text := said(st)
	for _, want := range []string{"pabal_sync_age_seconds 90\n", "pabal_sync_failures 2\n", "pabal_sync_duration_seconds 1.5\n", "pabal_sync_rows 1000\n", "pabal_sync_invalid_rows 4\n", "pabal_sync_progress_rows 7\n",
		`pabal_syncs_total{result="good"} 5`, `pabal_syncs_total{result="failed"} 3`, `pabal_sync_changes_total{kind="created"} 11`, `pabal_sync_changes_total{kind="removed"} 13`} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics do not say %q:\n%s", want, text)
		}
	}
	st.LastGood = time.Time{}
	if text := said(st); strings.Contains(text, "age") {
		t.Errorf("the age of a sync that never was:\n%s", text)
	}
}
