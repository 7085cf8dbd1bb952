package campaign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"pabal/audience"
	"pabal/spool"
)

// sampleReport is a campaign of a shop with everything a report can say, and
// hostile texts wherever others write.
func sampleReport() Report {
	start := time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)
	r := Report{Made: start.Add(80 * time.Hour), Final: true, Events: true,
		Campaign: Campaign{ID: 7, Name: `<b>가을</b> & "세일"`, State: spool.Done, Template: "welcome", TemplateVersion: 3, From: "상점 <shop@example.com>",
			Started: start.Add(-time.Second), First: start, Ended: start.Add(35 * time.Minute),
			Acts: []spool.Act{{At: start, By: "민지<script>", What: "start"}, {At: start.Add(time.Minute), By: "uid 7", What: "override sender_block", Reason: "급함 <i>"},
				{At: start.Add(10 * time.Minute), What: "settle unknown", Count: 3}}},
		Speed:    Speed{Seconds: 2100, PerSecond: 9.14, PeakMinute: 840, PeakAt: start.Add(4 * time.Minute), Aim: 12.6, AimSeconds: 1523.8},
		Cost:     &Cost{PricePer1000: 0.1, Mails: 19_200, Total: 1.92},
		Tracking: Tracking{Opens: TrackingOn, Clicks: TrackingOff, Why: WhyNotInSet},
		Tables: spool.Tally{Domains: []spool.DomainCount{{Domain: "naver.com", Sent: 9000, Accepted: 9000, Delivered: 8900, Bounced: 60, Opened: 2000},
			{Domain: "gmail.com", Sent: 6000, Accepted: 6000, Delivered: 5950, Bounced: 20, Complained: 9, Opened: 1500}, {Domain: "=cmd|' /C calc'!A0", Sent: 1}, {Sent: 4199, Accepted: 4199}},
			Failed:  []spool.ReasonCount{{Reason: "MessageRejected: <img src=x onerror=alert(1)>", Count: 100}},
			Bounced: []spool.ReasonCount{{Reason: "bounced Permanent/General 5.1.1: smtp; 550 5.1.1 … user unknown", Count: 70}, {Count: 10}},
			Twice:   []spool.Message{{ID: "c7-1", To: "secret@example.net"}}, MaybeTwice: 2, SentTwice: 1}}
	counts := &r.Campaign.Counts
	for i := range 36 {
		n := int64(540 + 300*(i%3)/2)
		r.Series.Points = append(r.Series.Points, spool.Point{After: int64(i) * 60, Span: 60, Happened: spool.Happened{Accepted: n, Delivered: n * 9 / 10, Opened: int64(5 * i), Bounced: int64(i % 4)}})
	}
	r.Series.Points = append(r.Series.Points, spool.Point{After: 2 * 3600, Span: 3600, Happened: spool.Happened{Delivered: 400, Opened: 900, Complained: 9}},
		spool.Point{After: 30 * 3600, Span: 3600, Happened: spool.Happened{Opened: 300, MachineOpened: 80}}, spool.Point{After: 3 * 86400, Span: 86400, Happened: spool.Happened{Opened: 120}})
	r.Series.Start = start
	sum := r.Series.Sum()
	*counts = spool.Counts{Accepted: sum.Accepted, Delivered: sum.Delivered, Opened: sum.Opened, Bounced: sum.Bounced, Complained: sum.Complained, MachineOpened: sum.MachineOpened,
		Failed: 100, Unknown: 2, Skipped: 700, Skips: map[string]int64{"unsubscribed": 600, "suppressed": 90, "weather": 10}}
	counts.Audience = counts.Accepted + counts.Failed + counts.Unknown + counts.Skipped
	r.Rates = ratesOf(counts)
	return r
}

var seoul = time.FixedZone("KST", 9*60*60)

// The page stands alone: no script, no address of elsewhere, one style that its
// policy names, everything of others escaped, every chart named, every table with heads.
func TestPageOfAReportNeedsNothingAndRunsNothing(t *testing.T) {
	for _, lang := range []string{"ko", "en"} {
		var page bytes.Buffer
		r := sampleReport()
		if err := r.WriteHTML(&page, lang, seoul); err != nil {
			t.Fatal(err)
		}
		text := page.String()
		root, err := html.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			count[n.Data]++
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" {
					t.Errorf("%s: <%s %s=%q>", lang, n.Data, a.Key, a.Val)
				}
			}
			if n.Data == "style" {
				sum := sha256.Sum256([]byte(n.FirstChild.Data))
				if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(ReportPolicy(), want) {
					t.Errorf("%s: the policy %s does not name the style %s", lang, ReportPolicy(), want)
				}
			}
		}
		for _, name := range []string{"script", "img", "b", "i", "link", "iframe", "form"} {
			if count[name] > 0 {
				t.Errorf("%s: %d <%s>", lang, count[name], name)
			}
		}
		if count["table"] < 8 || count["figure"] != 3 || strings.Count(text, `role="img" aria-label="`) != 3 {
			t.Errorf("%s: %d tables, %d figures", lang, count["table"], count["figure"])
		}
		if !strings.Contains(text, `<html lang="`+lang+`">`) || strings.Contains(text, "secret@") || strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}

// What is written by others cannot become a formula, and every counter is there.
func TestCSVOfAReportHoldsTheCountersAndNoFormula(t *testing.T) {
	r := sampleReport()
	r.Campaign.Name = "=1+1"
	var out bytes.Buffer
	if err := r.WriteCSV(&out, true); err != nil {
		t.Fatal(err)
	}
	text, marked := strings.CutPrefix(out.String(), "\ufeff")
	if !marked {
		t.Error("no mark for Excel")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int64{}
	found := map[string]string{}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a formula: %q", row)
			}
		}
		if row[0] == "series" {
			var n int64
			fmt.Sscan(row[3], &n)
			series[row[2]] += n
		}
		found[row[0]+" "+row[1]+" "+row[2]] = row[3]
	}
	if series["accepted"] != r.Campaign.Accepted || series["opened"] != r.Campaign.Opened {
		t.Errorf("the series makes %v, the counters %+v", series, r.Campaign.Counts)
	}
	for key, want := range map[string]string{"campaign name ": "'=1+1", "outcomes accepted ": fmt.Sprint(r.Campaign.Accepted), "domains naver.com delivered": "8900", "skipped weather ": "10",
		"feedback complained ": "9", "cost total ": "1.92", "twice maybe ": "2"} {
		if found[key] != want {
			t.Errorf("%s is %q, want %q", key, found[key], want)
		}
	}
	out.Reset()
	if err := WriteReportsCSV(&out, []ReportLine{{ID: 1, Name: "@x", Rates: Rates{Complained: 0.04}}}, false); err != nil || !strings.Contains(out.String(), "\n1,'@x,") || !strings.Contains(out.String(), ",0.04,") {
		t.Errorf("list: %v %q", err, out.String())
	}
}

// Every text is there in both languages, and none is the other's.
func TestReportTextsAreWholeInBothLanguages(t *testing.T) {
	ko, en := reflect.ValueOf(*koreanReport()), reflect.ValueOf(*englishReport())
	for i := range ko.NumField() {
		name, k, e := ko.Type().Field(i).Name, ko.Field(i), en.Field(i)
		if k.Kind() == reflect.String {
			if (k.String() == "" || e.String() == "") && name != "Gap" {
				t.Errorf("%s: %q, %q", name, k, e)
			}
			continue
		}
		for _, key := range e.MapKeys() {
			if w := k.MapIndex(key); !w.IsValid() || w.String() == "" || e.MapIndex(key).String() == "" {
				t.Errorf("%s: no %v in both", name, key)
			}
		}
		if k.Len() != e.Len() {
			t.Errorf("%s: %d and %d", name, k.Len(), e.Len())
		}
	}
	hangul := regexp.MustCompile(`\p{Hangul}`)
	r := sampleReport()
	r.Campaign.Name, r.Campaign.From, r.Campaign.Acts = "x", "x", nil
	if text := r.letter("en", seoul); hangul.MatchString(text) {
		t.Errorf("Korean in English: %s", text)
	}
}

// A plot loses and adds nothing, however wide, and never grows smaller.
func TestPlotHoldsTheWholeSeries(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		var s spool.Series
		for slot := random.IntN(20); slot < spool.Slots; slot += random.IntN(40) + 1 {
			after, length := spool.SlotAfter(slot)
			s.Points = append(s.Points, spool.Point{After: int64(after.Seconds()), Span: int64(length.Seconds()),
				Happened: spool.Happened{Accepted: random.Int64N(100), Opened: random.Int64N(9)}})
		}
		width := random.IntN(300) + 1
		p := PlotOf(&s, width)
		if got := p.Total[len(p.Total)-1]; got != s.Sum() || len(p.New) > width || p.Slot[len(p.New)] > spool.Slots {
			t.Fatalf("%d columns of %+v end at %+v", width, s, got)
		}
		for i := range p.New {
			if p.PerMinute(i) < 0 || i > 0 && p.Total[i].Accepted < p.Total[i-1].Accepted {
				t.Fatalf("column %d of %d: %+v", i, width, p)
			}
		}
	}
	if got := Bars([]float64{0, 1, 50, 100}, 2, false); got[0] != "   █" || got[1] != " ▁██" {
		t.Errorf("bars %q", got)
	}
	if got := Bars([]float64{0, 0}, 1, true); got[0] != "  " {
		t.Errorf("nothing is drawn as %q", got)
	}
}

type tracker struct {
	opens, clicks bool
	err           error
}

func (k tracker) Tracks(context.Context, string) (bool, bool, error) { return k.opens, k.clicks, k.err }

// What only events tell is unknown without them, not nought.
func TestReportWithoutEventsDoesNotSayNobody(t *testing.T) {
	r := sampleReport()
	r.Events, r.Tables.Domains = false, []spool.DomainCount{{Domain: "naver.com", Sent: 2, Accepted: 2, Bounced: 1}}
	r.Tracking = Tracking{TrackingOff, TrackingOff, WhyNoEvents}
	for _, s := range r.Sections("en", seoul) {
		switch s.ID {
		case SectionDomains:
			if got := strings.Join(s.Rows[0], " "); got != "naver.com 2 - 1 0 - 0 - 2" {
				t.Errorf("domains: %s", got)
			}
		case SectionTracking:
			if want := "Tracking of opens is off. Tracking of clicks is off. pabal reads no events of SES. See: pabal feedback setup."; s.Note != want {
				t.Errorf("tracking: %s", s.Note)
			}
		}
	}
}

func TestTrackingIsOffWhenNobodyCouldSee(t *testing.T) {
	for name, c := range map[string]struct {
		events  bool
		ledger  spool.Ledger
		tracker Tracker
		want    Tracking
	}{
		"no events":       {false, spool.Ledger{ConfigurationSet: "main"}, tracker{true, true, nil}, Tracking{TrackingOff, TrackingOff, WhyNoEvents}},
		"no set":          {true, spool.Ledger{}, tracker{true, true, nil}, Tracking{TrackingOff, TrackingOff, WhyNoSet}},
		"not in the set":  {true, spool.Ledger{ConfigurationSet: "main"}, tracker{}, Tracking{TrackingOff, TrackingOff, WhyNotInSet}},
		"opens only":      {true, spool.Ledger{ConfigurationSet: "main"}, tracker{true, false, nil}, Tracking{TrackingOn, TrackingOff, WhyNotInSet}},
		"both, and none":  {true, spool.Ledger{ConfigurationSet: "main"}, tracker{true, true, nil}, Tracking{TrackingOn, TrackingOn, ""}},
		"not asked":       {true, spool.Ledger{ConfigurationSet: "main"}, tracker{err: errors.New("down")}, Tracking{TrackingUnknown, TrackingUnknown, WhyNotAsked}},
		"counted anyhow":  {true, spool.Ledger{Counts: spool.Counts{Opened: 1, Clicked: 1}}, nil, Tracking{TrackingOn, TrackingOn, ""}},
		"opened by a bot": {true, spool.Ledger{ConfigurationSet: "main", Counts: spool.Counts{MachineOpened: 1}}, tracker{}, Tracking{TrackingOn, TrackingOff, WhyNotInSet}},
	} {
		s := &Store{Settings: Settings{Events: c.events}, Tracker: c.tracker}
		if got := s.tracking(t.Context(), &c.ledger); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// From a real campaign with feedback: the record, its link, its mail.
func TestReportOfACampaignThatRan(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.PricePer1000 = 0.1
	h.enrol(t, 50)
	if err := h.people.Unsubscribe(t.Context(), 7, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	h.drain(t)
	c := h.draft(t, simple, Campaign{})
	if _, err := h.store.Report(t.Context(), c.ID); !errors.Is(err, ErrState) {
		t.Errorf("of a draft: %v", err)
	}
	if _, err := h.store.Report(t.Context(), 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := h.store.Start(spool.WithCaller(t.Context(), "minji"), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	for m, err := range h.spool.Recipients(c.ID, nil, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if m.SESID != "" && m.Subscriber%2 == 0 {
			if _, err := h.spool.Feedback(t.Context(), []spool.Feedback{{Kind: spool.Delivered, SESID: m.SESID}, {Kind: spool.Clicked, SESID: m.SESID}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := h.store.Report(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Campaign; n.Accepted+n.Failed+n.Skipped+n.Unknown+n.Pending+n.Sending != n.Audience || n.Accepted != 49 || n.Clicked != 25 || !r.Final || r.Campaign.Values != nil {
		t.Errorf("record: %+v", r)
	}
	if sum := r.Series.Sum(); sum != r.Campaign.Happened() {
		t.Errorf("the series makes %+v", sum)
	}
	var sent int64
	for _, d := range r.Tables.Domains {
		sent += d.Sent
	}
	if sent != 49 || r.Cost.Mails != 49 || r.Tracking.Clicks != TrackingOff && r.Tracking.Clicks != TrackingOn || len(r.Campaign.Acts) == 0 || r.Campaign.Acts[0].By != "minji" {
		t.Errorf("tables: %+v %+v %+v", r.Tables, r.Cost, r.Campaign.Acts)
	}
	if text, err := json.Marshal(r); err != nil || !bytes.Contains(text, []byte(`"points":[{"after_seconds":0,"span_seconds":60,"accepted":49,`)) {
		t.Errorf("%v %s", err, text)
	}
	if all, err := h.store.Reports(t.Context(), time.Time{}); err != nil || len(all) != 1 || all[0].Rates.Clicked < 51 {
		t.Errorf("list: %v %+v", err, all)
	}
	if all, err := h.store.Reports(t.Context(), time.Now().Add(time.Hour)); err != nil || len(all) != 0 {
		t.Errorf("since later: %v %+v", err, all)
	}
	shareReport(t, h, c.ID)
}

func shareReport(t *testing.T, h *house, id uint64) {
	link, err := h.store.ReportLink(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	token := link.URL[strings.LastIndex(link.URL, "/")+1:]
	page, err := h.store.OpenReport(t.Context(), token, "ko")
	if err != nil || !bytes.Contains(page, []byte("캠페인 보고서")) {
		t.Errorf("%v %.100s", err, page)
	}
	for _, wrong := range []string{"", token + "x", h.people.Token(1, id), h.people.PreviewToken(1, id, time.Now().Add(time.Hour)), h.people.ReportToken(id, time.Now().Add(-time.Second))} {
		if _, err := h.store.OpenReport(t.Context(), wrong, "ko"); !errors.Is(err, audience.ErrToken) {
			t.Errorf("%q opens it: %v", wrong, err)
		}
	}
	message, err := h.store.MailReport(t.Context(), id, "boss@example.net", "ko")
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if m, err := h.spool.Message(message); err != nil || m.To != "boss@example.net" || !strings.HasPrefix(m.Subject, "캠페인 보고서: ") {
		t.Errorf("%v %+v", err, m)
	}
	if err := h.spool.Body(message, &body); err == nil && !strings.Contains(body.String(), "report-"+fmt.Sprint(id)+".html") {
		t.Errorf("no attachment in %.300s", body.String())
	}
	if _, err := h.store.MailReport(t.Context(), id, "nobody", "ko"); err == nil {
		t.Error("mailed to no address")
	}
}

// A campaign that runs has a report that says so, also before its first mail.
func TestReportOfARunningCampaignSaysSo(t *testing.T) {
	h := open(t, t.TempDir()) // nothing drains
	h.enrol(t, 3)
	c := h.draft(t, simple, Campaign{})
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	r, err := h.store.Report(t.Context(), c.ID)
	if err != nil || r.Final || r.Campaign.Pending != 3 || !r.Series.Start.IsZero() || len(r.Series.Points) != 0 {
		t.Fatalf("%v %+v", err, r)
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page, "en", seoul); err != nil || !strings.Contains(page.String(), "not finished") || strings.Contains(page.String(), "NaN") {
		t.Errorf("%v %s", err, page.String())
	}
	if text := r.letter("ko", seoul); !strings.Contains(text, "아직 끝나지 않은") {
		t.Errorf("letter: %s", text)
	}
	if err := r.WriteCSV(&page, false); err != nil {
		t.Error(err)
	}
}
