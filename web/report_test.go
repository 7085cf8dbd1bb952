package web

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
)

// desk stands for the campaigns: "good" opens a report, "unsent" is of a draft,
// "broken" cannot be read.
type desk struct{}

func (desk) OpenReport(_ context.Context, token, lang string) ([]byte, error) {
	switch token {
	case "good":
		return []byte("report in " + lang), nil
	case "unsent":
		return nil, campaign.ErrState
	case "broken":
		return nil, errors.New("disk on fire")
	}
	return nil, audience.ErrToken
}

func TestReportIsShownToWhoHasTheLink(t *testing.T) {
	s := testPages(&list{})
	s.reports = desk{}
	got := ask(t, s, "GET", "/r/good?lang=en", "", "")
	if got.status != 200 || got.body != "report in en" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %q %v", got.status, got.body, got.header)
	}
	if policy := got.header.Get("Content-Security-Policy"); policy != campaign.ReportPolicy()+"; frame-ancestors 'none'" || strings.Contains(policy, "script") {
		t.Errorf("policy %q", policy)
	}
	for path, want := range map[string]int{"/r/over": 404, "/r/unsent": 404, "/r/broken": 503} {
		if got := ask(t, s, "GET", path, "", ""); got.status != want || strings.Contains(got.body, "fire") || strings.Contains(got.body, "report in") {
			t.Errorf("%s: %d %.80s", path, got.status, got.body)
		}
	}
	if got := ask(t, s, "POST", "/r/good", "", ""); got.status != 405 {
		t.Errorf("POST: %d", got.status)
	}
	s.reports = nil
	if got := ask(t, s, "GET", "/r/good", "", ""); got.status != 404 {
		t.Errorf("without campaigns: %d", got.status)
	}
}
