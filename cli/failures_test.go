package cli

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

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
	lanes := map[string]spool.Counts{"transactional": {Accepted: 9, Failed: 2, Unknown: 2}, "bulk": {Failed: 7}}
	applications := spool.Counts{Accepted: 9, Failed: 3, Unknown: 2} // a rule put one into the bulk lane
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
		c.st.Spool.Lanes, c.st.Spool.Applications = lanes, applications
		if got := untold(c.st); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestASelectionIsActedOnTogether: one after the other, each would wait for a
// commit of its own.
func TestASelectionIsActedOnTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ids := []string{"q1", "q2", "q3", "q4"}
	var asked sync.WaitGroup
	asked.Add(len(ids))
	together := make(chan struct{})
	go func() { asked.Wait(); close(together) }()
	h := handling{act: func(_ *control.Client, ctx context.Context, id string) (spool.Message, error) {
		asked.Done()
		select {
		case <-together:
		case <-ctx.Done():
			return spool.Message{}, ctx.Err()
		}
		if id == "q3" {
			return spool.Message{}, spool.ErrState
		}
		return spool.Message{ID: id}, nil
	}}
	for i, r := range h.atOnce(ctx, nil, ids) {
		if failed := ids[i] == "q3"; failed != errors.Is(r.err, spool.ErrState) || !failed && (r.err != nil || r.m.ID != ids[i]) {
			t.Errorf("%s: %+v, %v", ids[i], r.m.ID, r.err)
		}
	}
}
