package cli

import (
	"testing"

	"pabal/smtpd"
	"pabal/spool"
)

// TestMailThatNobodyIsToldOf counts what failed where a digest has no reader, and
// nothing where somebody reads it, or chose to have no reports.
func TestMailThatNobodyIsToldOf(t *testing.T) {
	counts := spool.Counts{Accepted: 9, Failed: 3, Unknown: 2, Skipped: 1}
	for _, tt := range []struct {
		report, operator string
		want             int64
	}{
		{smtpd.FailuresDigest, "", 5},
		{smtpd.FailuresDigest, "ops@example.com", 0},
		{smtpd.FailuresSender, "", 0},
		{smtpd.FailuresOff, "", 0},
	} {
		cfg := defaults()
		cfg.Failures.Report, cfg.Failures.Operator = tt.report, tt.operator
		if got := cfg.untold(&counts); got != tt.want {
			t.Errorf("%s to %q: got %d, want %d", tt.report, tt.operator, got, tt.want)
		}
	}
}
