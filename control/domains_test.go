package control

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
)

// What the daily look found amiss stands in the status, in words, with the mend.
func TestAlarmsOfDomainsStandInTheStatus(t *testing.T) {
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	bad := sesclient.Domain{Name: "example.com", Identity: "example.com", Faults: []sesclient.Fault{{Part: "dmarc", Case: "missing", Level: "warn", Data: map[string]string{"domain": "example.com"}}}}
	r := newRig(t, func(s *Server) {
		s.Domains = func() []sesclient.DomainAlarm {
			return []sesclient.DomainAlarm{{Domain: bad, Since: since}, {Domain: sesclient.Domain{Name: "gone.example.com"}, Since: since},
				{Domain: sesclient.Domain{Name: "slow.example.com"}, Since: since, Error: "no answer"}}
		}
	})
	st, err := r.Status(t.Context())
	if err != nil || len(st.Domains) != 3 || !st.Domains[0].Since.Equal(since) || st.Domains[2].Error != "no answer" || len(st.Domains[2].Findings) != 0 {
		t.Fatalf("got %+v, %v", st.Domains, err)
	}
	if f := st.Domains[0].Findings; len(f) != 1 || f[0].Rule != campaign.RuleDMARC || !strings.Contains(f[0].What, "has no DMARC record") {
		t.Errorf("got %+v", f)
	}
	if f := st.Domains[1].Findings; len(f) != 1 || f[0].Rule != campaign.RuleFromUnverified {
		t.Errorf("got %+v", f)
	}
	if f := st.Domains[0].Findings[0].In("ko"); !strings.Contains(f.What, "DMARC 레코드가 없습니다") {
		t.Errorf("got %+v", f)
	}
}

// Nobody watches: the list is empty, not missing.
func TestNoWatchNoAlarms(t *testing.T) {
	r := newRig(t)
	st, err := r.Status(t.Context())
	if err != nil || st.Domains == nil || len(st.Domains) != 0 {
		t.Errorf("got %+v, %v", st.Domains, err)
	}
}

// What cannot be set up says so in two parts, before SES is asked.
func TestSetUpProblemsCrossTheSocket(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		order sesclient.SetUpOrder
		want  string
	}{
		{sesclient.SetUpOrder{Domain: "nonsense"}, "nonsense is no domain"},
		{sesclient.SetUpOrder{Domain: "example.com"}, "SES: "}, // nobody listens there
	} {
		_, err := r.SetUpDomain(t.Context(), tt.order, "en")
		var problem *eml.Problem
		if !errors.As(err, &problem) || !strings.HasPrefix(problem.What, tt.want) || problem.Hint == "" {
			t.Errorf("%+v: got %v", tt.order, err)
		}
	}
	if _, err := r.VerifyAddress(t.Context(), "kim@@example.com"); err == nil {
		t.Error("took no address")
	}
}
