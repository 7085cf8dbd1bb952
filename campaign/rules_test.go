package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

func (h *house) take(t *testing.T, csv string) {
	t.Helper()
	if _, err := h.people.ImportCSV(t.Context(), strings.NewReader(csv), audience.ImportOptions{Name: "x.csv"}); err != nil {
		t.Fatal(err)
	}
}

func TestOldConsentsAreCounted(t *testing.T) {
	h := open(t, t.TempDir())
	var csv strings.Builder
	csv.WriteString("email,subscribed,consent_at\n")
	for i := range 15 {
		at := time.Now().AddDate(-3, 0, 0)
		if i >= 12 {
			at = time.Now().AddDate(-1, 0, 0)
		}
		fmt.Fprintf(&csv, "p%d@example.com,yes,%s\n", i, at.Format(time.DateOnly))
	}
	if _, err := h.people.ImportCSV(t.Context(), strings.NewReader(csv.String()), audience.ImportOptions{Name: "x.csv", Map: map[string]string{"consent_at": "consent_at"}}); err != nil {
		t.Fatal(err)
	}
	c := h.draft(t, `<p>{{Body}} <a href="{{UnsubscribeURL}}">수신거부</a></p>`, Campaign{})
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "s", HTML: `<p>{{Body}} <a href="{{UnsubscribeURL}}">수신거부</a></p>`}); err != nil {
		t.Fatal(err)
	}
	if _, found := findings(t, h, c); found[RuleConsentOld].Rule != "" {
		t.Errorf("switched off: %+v", found[RuleConsentOld])
	}
	h.store.Settings.Checks.ConsentYears = 2
	_, found := findings(t, h, c)
	if f := found[RuleConsentOld]; f.Count != 12 || len(f.Examples) != 10 || f.Level != Warn || !strings.Contains(f.What, "12 recipients agreed more than 2 years") {
		t.Errorf("got %+v", f)
	}
}

func TestSuppressedShareWarnsAboveItsLimit(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 40)
	h.store.Settings.Checks.SuppressedShare = 0.05
	c := h.draft(t, simple+footer, Campaign{})
	for i, want := range []Level{Note, Note, Warn} {
		if err := h.people.Suppress(t.Context(), audience.Suppression{Email: fmt.Sprintf("p%d@example.com", i+1), Reason: "bounce", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		_, found := findings(t, h, c)
		if f := found[RuleSuppressedShare]; f.Level != want || f.Count != int64(i+1) {
			t.Errorf("%d of 40: %+v", i+1, f)
		}
		if f := found[RuleSuppressedShare].In("ko"); want == Note && !strings.Contains(f.Why, "발송 차단 ") {
			t.Errorf("in Korean: %q", f.Why)
		}
	}
}

func TestGmailIsCounted(t *testing.T) {
	h := open(t, t.TempDir())
	var csv strings.Builder
	csv.WriteString("email,name,subscribed\n")
	for i := range gmailBulk {
		fmt.Fprintf(&csv, "p%d@%s,x,yes\n", i, []string{"gmail.com", "GoogleMail.com"}[i%2])
	}
	h.take(t, csv.String())
	c := h.draft(t, simple+footer, Campaign{})
	if _, found := findings(t, h, c); found[RuleGmailBulk].Count != gmailBulk || found[RuleGmailBulk].Level != Note {
		t.Errorf("got %+v", found[RuleGmailBulk])
	}
	if err := h.people.Unsubscribe(t.Context(), 1, audience.Person, ""); err != nil {
		t.Fatal(err)
	}
	if _, found := findings(t, h, c); found[RuleGmailBulk].Rule != "" {
		t.Errorf("one fewer: %+v", found[RuleGmailBulk])
	}
}

func TestNight(t *testing.T) {
	seoul := time.FixedZone("KST", 9*60*60)
	night := [2]time.Duration{21 * time.Hour, 8 * time.Hour}
	noon := [2]time.Duration{12 * time.Hour, 13 * time.Hour}
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, day, hour, minute, 0, 0, seoul).UTC()
	}
	for _, c := range []struct {
		start, end time.Time
		night      [2]time.Duration
		want       bool
	}{
		{at(22, 8, 0), at(22, 20, 59), night, false},
		{at(22, 7, 59), at(22, 8, 1), night, true},
		{at(22, 20, 0), at(22, 21, 0), night, true},
		{at(22, 23, 0), at(22, 23, 1), night, true},
		{at(22, 3, 0), at(22, 3, 0), night, true},
		{at(22, 9, 0), at(24, 9, 0), night, true},
		{at(22, 9, 0), at(22, 11, 59), noon, false},
		{at(22, 9, 0), at(22, 12, 0), noon, true},
		{at(22, 13, 0), at(23, 11, 0), noon, false},
	} {
		if got := touches(c.start, c.end, c.night, seoul); got != c.want {
			t.Errorf("%v to %v, night %v: got %v", c.start.In(seoul), c.end.In(seoul), c.night, got)
		}
	}
}

func TestAgeOfTheSyncIsSaid(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple+footer, Campaign{})
	for age, want := range map[time.Duration]Level{time.Minute: "", 20 * time.Minute: Note, 2 * time.Hour: Warn} {
		h.store.Synced = func() time.Time { return time.Now().Add(-age) }
		if _, found := findings(t, h, c); found[RuleSyncAge].Level != want {
			t.Errorf("%v: got %+v, want %q", age, found[RuleSyncAge], want)
		}
	}
}

// sender is what is amiss with a domain, told.
type sender struct {
	all []Finding
	err error
}

func (s *sender) Sender(context.Context, string) ([]Finding, error) { return s.all, s.err }

func TestFaultsOfTheSendersDomainAreFindings(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple+footer, Campaign{})
	h.store.Domains = &sender{all: []Finding{{Rule: RuleDMARC, Case: "fails", Level: Block, Data: map[string]string{"domain": "example.com", "policy": "reject"}},
		{Rule: RuleSPF, Case: "lookups", Level: Warn, Count: 12, Data: map[string]string{"mail_from": "b.example.com"}}}}
	p, found := findings(t, h, c)
	if f := found[RuleDMARC]; !p.Blocked || f.What != "mail from example.com would fail DMARC, whose policy is reject" || f.Final {
		t.Errorf("got %+v", f)
	}
	if f := found[RuleSPF].In("ko"); !strings.Contains(f.What, "b.example.com의 SPF 레코드는 조회가 12번") {
		t.Errorf("got %+v", f)
	}
	h.store.Domains = &sender{err: errors.New("no route")}
	if p, found := findings(t, h, c); p.Blocked || found[RuleAccountUnknown].Case != "domain" {
		t.Errorf("got %+v", p.Findings)
	}
}

// Whoever let a block pass, why and when stands in the campaign and its ledger.
func TestOverriddenBlockIsKeptWithItsReason(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.enrol(t, 3)
	c := h.draft(t, `<p><a href="#">x</a><a href="">y</a></p>`+simple+footer, Campaign{})
	ctx := spool.WithCaller(t.Context(), "uid 1000")
	placeholder := Override{Rule: RuleLinkPlaceholder, Reason: " 링크는 나중에 열림 "}
	var blocked *BlockedError
	if _, err := h.store.StartOver(ctx, c.ID, -1, []Override{placeholder}); !errors.As(err, &blocked) || strings.Contains(err.Error(), "lead to #") || !strings.Contains(err.Error(), "empty") {
		t.Fatalf("one of two blocks: %v", err)
	}
	got, err := h.store.StartOver(ctx, c.ID, -1, []Override{placeholder, {Rule: RuleLinkEmpty, Reason: "not needed"}, {Rule: RuleSubjectAd, Reason: "does not block"}})
	if err != nil || len(got.Overrides) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	h.close(t)
	h = open(t, dir)
	l, err := h.spool.Ledger(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(l.Acts, func(a spool.Act) bool { return a.What == "override link_placeholder" })
	if at < 0 || l.Acts[at].By != "uid 1000" || l.Acts[at].Reason != "링크는 나중에 열림" || time.Since(l.Acts[at].At) > time.Minute {
		t.Errorf("acts %+v", l.Acts)
	}
}

func TestReasonsAreChecked(t *testing.T) {
	for _, c := range []struct {
		o    Override
		want string
	}{
		{Override{Rule: "nothing", Reason: "a good reason"}, "there is no rule"},
		{Override{Rule: RuleNight, Reason: "a good reason"}, "never blocks"},
		{Override{Rule: RuleMissingValue, Reason: "a good reason"}, "cannot be overridden"},
		{Override{Rule: RuleFromUnverified, Reason: "a good reason"}, "cannot be overridden"},
		{Override{Rule: RuleUnknownTopic, Reason: "a good reason"}, "cannot be overridden"},
		{Override{Rule: RuleSubjectAd, Reason: " ok  "}, "too short"},
		{Override{Rule: RuleSubjectAd, Reason: strings.Repeat("x", 501)}, "too long"},
		{Override{Rule: RuleSubjectAd, Reason: "a\nb good reason"}, "control characters"},
	} {
		_, err := CheckOverrides([]Override{c.o})
		var problem *eml.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.What, c.want) || problem.Hint == "" {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	twice := Override{Rule: RuleSubjectAd, Reason: "a good reason"}
	if _, err := CheckOverrides([]Override{twice, twice}); err == nil {
		t.Error("the same rule twice")
	}
}

func TestAddressesOfLinks(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example.com/a?b=c#d": "", "HTTPS://shop.example.com": "", "https://쇼핑몰.한국/세일": "", "mailto:a@example.com?subject=x": "",
		"tel:02-123-4567": "", "kakaotalk://plusfriend/home/@shop": "", "https://8.8.8.8/": "", "https://shop.example.com:8443/x": "",
		"http://shop.example.com": RuleLinkInsecure, "": RuleLinkEmpty, " ": RuleLinkEmpty, "#": RuleLinkPlaceholder, "#there": "", "#gone": RuleLinkPlaceholder,
		"shop.example.com": RuleLinkSyntax, "//shop.example.com": RuleLinkSyntax, "/sale": RuleLinkSyntax, "https:/shop.example.com": RuleLinkSyntax,
		"https://": RuleLinkSyntax, "https://shop": RuleLinkSyntax, "https://shop..com": RuleLinkSyntax, "hhtps://shop.example.com": RuleLinkSyntax,
		"https://a b.com": RuleLinkSyntax, "mailto:": RuleLinkSyntax, "JavaScript:void(0)": RuleLinkScript, "data:text/html,x": RuleLinkScript,
		"http://localhost/": RuleLinkPrivate, "https://[::1]/": RuleLinkPrivate, "https://10.0.0.1/": RuleLinkPrivate, "https://pc.local/": RuleLinkPrivate,
		"file:///x": RuleLinkPrivate,
	} {
		if got := judgeAddress(address, map[string]bool{"there": true}); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
}

func FuzzReadPage(f *testing.F) {
	for _, s := range []string{`<a href="{{X}}">{{Name}}</a>`, `<img src=x><a href='#'><img alt="">`, "<style>a{}</style><script>{{Y}}", "\ue000\x7f<a href=\ue000>", `{{#if a}}<a href="{{#if b}}x{{/if}}">{{/if}}`, "<!--{{Z}}--><p>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := readPage(source)
		if err != nil {
			return
		}
		for i := range p.images {
			p.judgeImage(&p.images[i], &common{values: map[string]string{"x": "https://example.com"}})
		}
		for i := range p.links {
			address, _, _ := p.resolve(p.links[i].marked, p.links[i].marks, &common{values: map[string]string{"x": "https://example.com"}})
			judgeAddress(address, p.ids)
			if at := p.links[i].at; at < 0 || at >= len(source) || source[at] != '<' {
				t.Errorf("%q: a link at %d", source, at)
			}
		}
	})
}
