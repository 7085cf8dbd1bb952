package cli

import (
	"encoding/json"
	"testing"

	"pabal/control"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/tui"
)

// TestScreensAreToldWhatNobodyElseIs: failures without anybody to send a digest
// to, and what was refused out of the drop folder; nothing where somebody is
// told, or where the configuration wants nobody to be.
func TestScreensAreToldWhatNobodyElseIs(t *testing.T) {
	raw := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	lanes := map[string]spool.Counts{"transactional": {Accepted: 9, Failed: 3, Unknown: 2}, "bulk": {Failed: 7}}
	for _, c := range []struct {
		name string
		st   control.Status
		want tui.Untold
	}{
		{"a digest to nobody", control.Status{Failures: raw(smtpd.FailuresStatus{Report: smtpd.FailuresDigest})}, tui.Untold{Failed: 5}},
		{"an operator", control.Status{Failures: raw(smtpd.FailuresStatus{Report: smtpd.FailuresDigest, Operator: true})}, tui.Untold{}},
		{"off", control.Status{Failures: raw(smtpd.FailuresStatus{Report: smtpd.FailuresOff})}, tui.Untold{}},
		{"set aside", control.Status{SMTP: raw(smtpd.Stats{Drop: &smtpd.DropStats{Folder: "/drop", SetAside: 4}})}, tui.Untold{SetAside: 4, Folder: "/drop"}},
		{"no drop folder", control.Status{SMTP: raw(smtpd.Stats{})}, tui.Untold{}},
		{"an older daemon", control.Status{}, tui.Untold{}},
	} {
		c.st.Spool.Lanes = lanes
		if got := untold(c.st); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
