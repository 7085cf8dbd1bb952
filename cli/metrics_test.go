package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/syncer"
	"pabal/web"
)

// scraped is a daemon with its stores, without anything that runs.
func scraped(t testing.TB) *daemon {
	t.Helper()
	dir := t.TempDir()
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	campaigns, err := campaign.Open(dir, people, sp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { campaigns.Close(); sp.Close(); people.Close() })
	ses, err := sesclient.New(t.Context(), sesclient.Options{Region: "ap-northeast-2", Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: defaults(), logger: slog.New(slog.DiscardHandler), spool: sp, people: people, campaigns: campaigns, ses: ses, smtp: smtpd.New(sp),
		pages: map[string]*web.Server{"public": web.New(people, campaigns)}, loaded: time.Unix(1_700_000_000, 0)}
	if err := d.newFeedback(); err != nil {
		t.Fatal(err)
	}
	if err := d.watchDomains(); err != nil {
		t.Fatal(err)
	}
	return d
}

// scrape is what /metrics says.
func (d *daemon) scrape() string {
	w := httptest.NewRecorder()
	d.metrics(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func says(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !strings.Contains("\n"+text, "\n"+want) {
			t.Errorf("metrics do not say %q:\n%s", want, text)
		}
	}
}

func TestMetricsNameWhatIsHeldAndCountByOutcome(t *testing.T) {
	d := scraped(t)
	for _, h := range []spool.Hold{{Scope: spool.FromScope("example.com"), Class: spool.Identity, Reason: "not verified"},
		{Scope: spool.FromScope("example.org"), Class: spool.Identity, Reason: "not verified"}, {Scope: spool.LaneScope(spool.Bulk), Class: spool.Operator, Manual: true}} {
		if err := d.spool.Hold(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		env := spool.Envelope{To: []string{"a@example.net", "b@example.net"}, Skip: map[string]string{"b@example.net": spool.SkipSuppressed},
			Routing: map[string]spool.Routing{"b@example.net": {Lane: spool.Bulk}}}
		if _, err := d.spool.Put(t.Context(), env, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	amiss := `{"example.com":{"domain":{"name":"example.com"},"due":"2026-11-22T00:00:00Z","amiss":"2026-11-21T00:00:00Z","alarmed":true}}`
	if err := d.spool.SaveDomains([]byte(amiss)); err != nil {
		t.Fatal(err)
	}
	if err := d.watchDomains(); err != nil {
		t.Fatal(err)
	}
	d.pages["public"].ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil))
	d.pages["public"].ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nothing", nil))
	says(t, d.scrape(),
		`pabal_holds{scope="from",class="identity"} 2`, `pabal_holds{scope="lane",class="operator"} 1`, `pabal_holds{scope="all",class="quota"} 0`,
		`pabal_messages{lane="transactional",source="application",outcome="pending"} 2`,
		`pabal_messages{lane="bulk",source="application",outcome="skipped"} 2`, `pabal_messages{lane="bulk",source="campaign",outcome="skipped"} 0`,
		`pabal_outcomes_total{lane="bulk",source="application",outcome="skipped"} 2`,
		`pabal_oldest_seconds{lane="bulk"} 0`, `pabal_feedback_total{lane="bulk",kind="bounced"} 0`, "pabal_feedback_failing 0",
		`pabal_campaigns{state="draft"} 0`, "pabal_campaigns_braked 0", "pabal_ses_rate_aim ", "pabal_domains_amiss 1",
		`pabal_web_requests_total{site="public",code="200"} 1`, `pabal_web_requests_total{site="public",code="404"} 1`,
		`pabal_store_file_bytes{file="ledger.db"} `, `pabal_store_used_bytes{file="audience.db"} `, `pabal_store_free_bytes{file="campaign.db"} `,
		"pabal_disk_free_bytes ", "pabal_disk_nearly_full 0", "pabal_body_memory_limit_bytes 6.7108864e+07",
		"pabal_config_loaded_timestamp_seconds 1.7e+09", "go_goroutines ")
	if strings.Contains(d.scrape(), "\npabal_ses_quota_messages ") {
		t.Error("a quota is told that SES has not said")
	}
}

// TestMetricsAreWrittenAsPrometheusReadsThem: names and labels by its rules, no
// series twice, every value behind its HELP and TYPE.
func TestMetricsAreWrittenAsPrometheusReadsThem(t *testing.T) {
	list := metricList()
	for i, m := range list {
		for _, other := range list[:i] {
			if m.name == other.name {
				t.Errorf("%s is there twice", m.name)
			}
		}
		if !regexp.MustCompile(`^(pabal|process|go)_[a-z_]*[a-z]$`).MatchString(m.name) || m.help == "" || strings.HasSuffix(m.name, "_total") != (m.kind == counter) {
			t.Errorf("%s %s %q", m.name, m.kind, m.help)
		}
	}
	var out bytes.Buffer
	odd := []metric{{"pabal_odd", gauge, []string{"a", "b"}, "back\\slash and\nline", func(_ *reading, s *samples) { s.add(0.5, "q\"uote\\\n", "\xff") }}}
	writeMetrics(&out, odd, nil)
	if want := "# HELP pabal_odd back\\\\slash and\\nline\n# TYPE pabal_odd gauge\npabal_odd{a=\"q\\\"uote\\\\\\n\",b=\"\uFFFD\"} 0.5\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(scraped(t).scrape()) {
		series, _, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if !strings.HasPrefix(line, "#") && seen[series] && strings.Contains(line, "{") {
			t.Errorf("twice: %s", line)
		}
		seen[series] = true
	}
}

func TestMetricsTellHowTheSyncIs(t *testing.T) {
	st := syncer.Status{LastGood: time.Unix(1_700_000_000, 5e8), Failures: 2, Done: 7, Syncs: 5, Errors: 3,
		Last: syncer.Result{Read: 1000, Invalid: 4, Took: 1500 * time.Millisecond}, Changes: audience.SyncResult{Created: 11, Updated: 12, Removed: 13, KeptOut: 14}}
	said := func(st *syncer.Status) string {
		var out bytes.Buffer
		writeMetrics(&out, syncMetrics(), &reading{sync: st})
		return out.String()
	}
	says(t, said(&st), "pabal_sync_last_success_timestamp_seconds 1.7000000005e+09\n", "pabal_sync_failures 2\n", "pabal_sync_duration_seconds 1.5\n",
		"pabal_sync_rows 1000\n", "pabal_sync_invalid_rows 4\n", "pabal_sync_progress_rows 7\n",
		`pabal_syncs_total{result="good"} 5`, `pabal_syncs_total{result="failed"} 3`, `pabal_sync_changes_total{kind="created"} 11`, `pabal_sync_changes_total{kind="removed"} 13`)
	st.LastGood = time.Time{}
	if text := said(&st); strings.Contains(text, "\npabal_sync_last_success") {
		t.Errorf("the time of a sync that never was:\n%s", text)
	}
	if text := said(nil); strings.Contains(text, "\npabal") {
		t.Errorf("values without a source:\n%s", text)
	}
}

// TestMetricsTellWhatTheAccountAllows: without a limit it is +Inf, so that no
// rule takes it for an empty quota.
func TestMetricsTellWhatTheAccountAllows(t *testing.T) {
	for _, c := range []struct {
		st   sesclient.Status
		want []string
	}{
		{sesclient.Status{CheckedAt: time.Unix(9, 0), Rate: 14, Aim: 12.6, Quota24h: 50000, Sent24h: 49000, SendingEnabled: true},
			[]string{"pabal_ses_rate_limit 14\n", "pabal_ses_rate_aim 12.6\n", "pabal_ses_quota_messages 50000\n", "pabal_ses_quota_used_messages 49000\n", "pabal_ses_quota_left_messages 1000\n", "pabal_ses_sending_enabled 1\n", "pabal_ses_sandbox 0\n", "pabal_ses_facts_timestamp_seconds 9\n"}},
		{sesclient.Status{CheckedAt: time.Unix(9, 0), Rate: -1, Aim: -1, Quota24h: -1, Sent24h: 7, Error: "no answer"},
			[]string{"pabal_ses_rate_limit +Inf\n", "pabal_ses_rate_aim +Inf\n", "pabal_ses_quota_left_messages +Inf\n", "pabal_ses_sending_enabled 0\n", "pabal_ses_facts_failing 1\n"}},
	} {
		var out bytes.Buffer
		writeMetrics(&out, sesMetrics(), &reading{ses: c.st})
		says(t, out.String(), c.want...)
	}
}

func TestHistogramsAreCumulative(t *testing.T) {
	h := spool.NewHistogram([]float64{0.1, 1})
	for _, d := range []time.Duration{-time.Second, 100 * time.Millisecond, 500 * time.Millisecond, time.Minute} {
		h.Observe(d)
	}
	var out bytes.Buffer
	writeMetrics(&out, []metric{{"pabal_t_seconds", histogram, []string{"lane"}, "t", func(_ *reading, s *samples) { s.times(h, "bulk") }}}, nil)
	says(t, out.String(), `pabal_t_seconds_bucket{lane="bulk",le="0.1"} 2`, `pabal_t_seconds_bucket{lane="bulk",le="1"} 3`,
		`pabal_t_seconds_bucket{lane="bulk",le="+Inf"} 4`, `pabal_t_seconds_sum{lane="bulk"} 60.6`, `pabal_t_seconds_count{lane="bulk"} 4`)
}

func TestProcessFactsAreReadFromTheKernel(t *testing.T) {
	var p processFacts
	p.readStat([]byte("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 17 18 3000 20"), bootTime([]byte("cpu 1\nbtime 1000\nx")))
	p.readMemory([]byte("Name:\tpabal\nVmRSS:\t    2048 kB\nRssAnon:\t     1024 kB\n"))
	if p.cpu != 3 || p.started != 1030 || p.resident != 2<<20 || p.anonymous != 1<<20 {
		t.Errorf("%+v", p)
	}
	p.readStat([]byte("7 (cut"), 1)
	now := readProcess()
	if now.resident == 0 || now.descriptors == 0 || now.mostDescriptors == 0 || now.started < 1.6e9 || now.started > float64(time.Now().Unix()+1) {
		t.Errorf("of this process: %+v", now)
	}
}

// BenchmarkScrape is a scrape of a daemon with a million messages, half of them
// of a campaign: it costs what it does without any.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{0, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := scraped(b)
			fillSpool(b, d.spool, n)
			for b.Loop() {
				if text := d.scrape(); len(text) < 1000 {
					b.Fatal(text)
				}
			}
		})
	}
}

// fillSpool puts half of n mails, and freezes a campaign of the other half.
func fillSpool(b *testing.B, sp *spool.Spool, n int) {
	b.Helper()
	if n == 0 {
		return
	}
	to := make([]string, spool.MaxBatch)
	for i := range to {
		to[i] = fmt.Sprintf("a%d@example.net", i)
	}
	for range n / 2 / len(to) {
		if _, err := sp.Put(b.Context(), spool.Envelope{To: to, FromDomain: "example.com"}, []byte("x")); err != nil {
			b.Fatal(err)
		}
	}
	if err := sp.Begin(b.Context(), spool.Ledger{Campaign: 1, FromDomain: "example.com", MaxID: uint64(n), Expect: -1}); err != nil {
		b.Fatal(err)
	}
	rows := make([]spool.Row, spool.MaxBatch)
	for next := uint64(1); next < uint64(n/2); next += uint64(len(rows)) {
		for i := range rows {
			rows[i].Subscriber = next + uint64(i)
		}
		last := rows[len(rows)-1].Subscriber
		if err := sp.PutBatch(b.Context(), 1, rows, spool.Mark{Subscriber: last, Done: last >= uint64(n/2)}); err != nil {
			b.Fatal(err)
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

// TestAlarmsAreMetrics counts those that are on by name, and the others as 0.
func TestAlarmsAreMetrics(t *testing.T) {
	var out bytes.Buffer
	writeMetrics(&out, daemonMetrics(), &reading{alarms: []alarm.Alarm{{Name: alarm.Held}, {Name: alarm.Held}}})
	for _, want := range []string{"pabal_alarms{name=\"held\"} 2\n", "pabal_alarms{name=\"braked\"} 0\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("metrics do not say %q:\n%s", want, out.String())
		}
	}
}
