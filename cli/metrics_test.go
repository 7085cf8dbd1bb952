package cli

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
)

func TestMetricsNameWhatIsHeldAndCountByOutcome(t *testing.T) {
	sp, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	ses, err := sesclient.New(t.Context(), sesclient.Options{Region: "ap-northeast-2", Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sp.Hold(t.Context(), spool.Hold{Scope: spool.FromScope("example.com"), Class: spool.Identity, Reason: "not verified"}); err != nil {
		t.Fatal(err)
	}
	if _, err := sp.Put(t.Context(), spool.Envelope{To: []string{"a@example.net"}}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: defaults(), logger: slog.New(slog.DiscardHandler), spool: sp, ses: ses, smtp: smtpd.New(sp)}
	if err := d.newFeedback(); err != nil {
		t.Fatal(err)
	}
	amiss := `{"example.com":{"domain":{"name":"example.com"},"due":"2026-11-22T00:00:00Z","amiss":"2026-11-21T00:00:00Z","alarmed":true}}`
	if err := sp.SaveDomains([]byte(amiss)); err != nil {
		t.Fatal(err)
	}
	if err := d.watchDomains(); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	d.metrics(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`pabal_hold{scope="from:example.com",class="identity",manual="false"} 1`, "pabal_holds 1",
		`pabal_feedback{lane="bulk",word="bounced"} 0`, "pabal_feedback_failing 0", "pabal_feedback_waiting -1",
		`pabal_messages{lane="transactional",outcome="pending"} 1`, "pabal_ses_quota_24h ",
		"pabal_store_free_bytes ", "pabal_store_reserve_bytes ", "pabal_store_nearly_full 0", "pabal_domains_amiss 1",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics do not say %q:\n%s", want, w.Body)
		}
	}
}

// What cannot be read of the watch is begun anew: mail goes all the same.
func TestDamagedWatchOfDomainsIsBegunAnew(t *testing.T) {
	sp, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	ses, err := sesclient.New(t.Context(), sesclient.Options{Region: "ap-northeast-2", Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := sp.SaveDomains([]byte(`{"example.com":`)); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: defaults(), logger: slog.New(slog.DiscardHandler), spool: sp, ses: ses}
	if err := d.watchDomains(); err != nil || len(d.domains.Alarms()) != 0 {
		t.Errorf("got %v", err)
	}
}
