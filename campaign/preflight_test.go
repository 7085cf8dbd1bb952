package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

func findings(t *testing.T, h *house, c Campaign) (Preflight, map[string]Finding) {
	t.Helper()
	p, err := h.store.Preflight(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	byRule := map[string]Finding{}
	for _, f := range p.Findings {
		byRule[f.Rule] = f
		if f.What == "" || f.Why == "" || f.How == "" {
			t.Errorf("%s does not say what, why and how: %+v", f.Rule, f)
		}
	}
	return p, byRule
}

func TestPreflightOfAGoodCampaignFindsNothing(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 30)
	p, _ := findings(t, h, h.draft(t, simple+footer, Campaign{}))
	if p.Blocked || len(p.Findings) != 0 || p.Audience.Mailable != 30 || p.Audience.Selected != 30 || p.MailBytes < 500 {
		t.Errorf("got %+v", p)
	}
}

// customers is a source of the audience that is in step or not.
type customers struct {
	asked int
	err   error
}

func (s *customers) InStep(context.Context) error {
	s.asked++
	return s.err
}

func TestACampaignStartsOnlyInStepWithItsSource(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple, Campaign{})
	from := &customers{err: &eml.Problem{What: "MySQL cannot be reached", Hint: "start it"}}
	h.store.Source = from
	_, found := findings(t, h, c)
	if f := found[RuleNotInStep]; f.Level != Block || f.Why != "MySQL cannot be reached" || f.How != "start it" {
		t.Errorf("got %+v", f)
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); !errors.Is(err, ErrBlocked) {
		t.Errorf("started: %v", err)
	}
	from.err, from.asked = nil, 0
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil || from.asked != 1 {
		t.Errorf("asked %d times, %v", from.asked, err)
	}
}

func TestPreflightRules(t *testing.T) {
	for _, c := range []struct {
		rule  string
		level Level
		count int64
		html  string
		setup func(h *house, c *Campaign)
	}{
		{RuleUnknownField, Block, 0, `{{Nmae}}` + simple, nil},
		{RuleUnknownField, Warn, 0, `{{#if Nmae}}x{{/if}}` + simple, nil},
		{RuleUnknownField, Warn, 0, `{{default Coupon "10%"}}` + simple, nil},
		{RuleUnknownField, Block, 0, `{{default Coupon "10%"}}{{Coupon}}` + simple, nil},
		{RuleUnknownField, Block, 0, `{{ViewURL}}` + simple, nil},
		{RuleMissingValue, Block, 30, `{{Gender}}` + simple, nil},
		{RuleMissingSetting, Block, 0, `{{Phone}}` + simple, func(h *house, c *Campaign) { h.store.Settings.Phone = "" }},
		{RuleMissingValue, Block, 30, `{{#if Name}}{{Gender}}{{/if}}` + simple, nil},
		{RuleNoUnsubscribe, Block, 0, `<p>{{Name}} {{Body}}</p>`, nil},
		{RuleUnescaped, Warn, 0, `{{{Body}}}` + simple, nil},
		{RuleEmptyAudience, Block, 0, simple, func(h *house, c *Campaign) { c.Segment = `gender == "female"` }},
		{RuleUnknownAttribute, Warn, 0, simple, func(h *house, c *Campaign) { c.Segment = `gendr != "x"` }},
		{RuleUnknownTag, Warn, 0, simple, func(h *house, c *Campaign) { c.Segment = `not tag("vipp")` }},
		{RulePublicURL, Block, 0, simple, func(h *house, c *Campaign) { h.store.Settings.LoopbackSES = false }},
		{RulePublicURL, Block, 0, simple, func(h *house, c *Campaign) {
			h.store.Settings.LoopbackSES, h.store.Settings.PublicURL = false, "http://mail.example.com"
		}},
		{RuleFromMissing, Block, 0, simple, func(h *house, c *Campaign) { h.store.Settings.From = "" }},
		{RuleFromUnverified, Block, 0, simple, func(h *house, c *Campaign) { h.facts.refused = map[string]bool{"shop@example.com": true} }},
		{RuleSendingDisabled, Block, 0, simple, func(h *house, c *Campaign) { h.facts.facts.SendingEnabled = false }},
		{RuleSandboxRecipient, Block, 2, simple, func(h *house, c *Campaign) {
			h.facts.facts.Sandbox, h.facts.refused = true, map[string]bool{"p3@example.com": true, "p9@example.com": true}
		}},
		{RuleQuota, Warn, 20, simple, func(h *house, c *Campaign) {
			h.facts.facts.Max24Hour, h.facts.facts.Sent24Hours, h.facts.facts.QuotaShare = 100, 90, 1
		}},
		{RuleAccountUnknown, Warn, 0, simple, func(h *house, c *Campaign) { h.facts.err = errors.New("no route") }},
		{RuleAccountUnknown, Warn, 0, simple, func(h *house, c *Campaign) { h.facts.verified = errors.New("no route") }},
		{RuleShadowedValue, Warn, 0, simple, func(h *house, c *Campaign) { c.Values = map[string]string{"Body": "b", "company": "x"} }},
		{RuleControls, Block, 30, simple, func(h *house, c *Campaign) { c.Values = map[string]string{"Body": "b", "Mark": "a\nb"} }},
		{RuleClip, Warn, 0, simple + strings.Repeat("<p>가나다</p>", 7000), nil},
		{RuleTemplateFails, Block, 30, simple + strings.Repeat("{{Body}}", 30), func(h *house, c *Campaign) {
			c.Values = map[string]string{"Body": strings.Repeat("x", 200_000), "Mark": "m"}
		}},
	} {
		h := open(t, t.TempDir())
		h.enrol(t, 30)
		draft := Campaign{}
		if c.setup != nil {
			c.setup(h, &draft)
		}
		made := h.draft(t, c.html, draft)
		if c.rule == RuleControls {
			if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "{{Mark}}", HTML: simple}); err != nil {
				t.Fatal(err)
			}
		}
		if c.rule == RuleTemplateFails { // printed in a block, so that preflight runs it
			if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "s", HTML: simple + "{{#if Name}}" + strings.Repeat("{{Body}}", 30) + "{{/if}}"}); err != nil {
				t.Fatal(err)
			}
		}
		p, got := findings(t, h, made)
		f, ok := got[c.rule]
		if !ok || f.Level != c.level || c.count != 0 && f.Count != c.count || p.Blocked != (c.level == Block) {
			t.Errorf("%s %.40q: got %+v (blocked %v) in %+v", c.rule, c.html, f, p.Blocked, p.Findings)
		}
		if c.count == 30 && len(f.Examples) != 10 {
			t.Errorf("%s: %d examples, want 10", c.rule, len(f.Examples))
		}
		_, err := h.store.Start(t.Context(), made.ID, -1)
		var blocked *BlockedError
		if isBlock := errors.As(err, &blocked) && errors.Is(err, ErrBlocked); isBlock != (c.level == Block) {
			t.Errorf("%s: start says %v", c.rule, err)
		}
		h.close(t)
	}
}

func TestPreflightCountsWhoIsLeftOut(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 10)
	if _, err := h.people.ImportCSV(t.Context(), strings.NewReader("email\nq1@example.com\nq2@example.com\n"), audience.ImportOptions{Name: "q.csv"}); err != nil {
		t.Fatal(err)
	}
	for id := range uint64(3) {
		if err := h.people.Unsubscribe(t.Context(), id+1, audience.Person, ""); err != nil {
			t.Fatal(err)
		}
	}
	p, got := findings(t, h, h.draft(t, strings.ReplaceAll(simple, "{{Name}}", `{{default Name "고객"}}`), Campaign{}))
	if got[RuleSuppressedShare].Count != 3 || p.Audience.Skipped["unsubscribed"] != 3 || p.Audience.Mailable != 9 {
		t.Errorf("left out: %+v", p)
	}
	if got[RuleConsentAssumed].Count != 2 || got[RuleConsentAssumed].Level != Note {
		t.Errorf("assumed: %+v", got[RuleConsentAssumed])
	}
	if got[RuleMissingValue].Count != 2 { // the subject has {{Name}} without a default
		t.Errorf("missing: %+v", got[RuleMissingValue])
	}
}

// What the plan of a draft counts is what its preflight counts; a started one
// plans for those still to go.
func TestPlanOfACampaign(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 20)
	h.facts.facts = AccountFacts{MaxSendRate: 2, Max24Hour: 10, SendingEnabled: true, RateShare: 1, QuotaShare: 1}
	c := h.draft(t, simple, Campaign{})
	p, err := h.store.Plan(t.Context(), c.ID)
	if err != nil || p.Recipients != 20 || p.Waits != 10 || p.Rate != 2 || p.Campaign != c.ID {
		t.Errorf("draft: %+v, %v", p, err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	if p, err = h.store.Plan(t.Context(), c.ID); err != nil || p.Recipients != 20 {
		t.Errorf("started: %+v, %v", p, err)
	}
	if _, err := h.store.Cancel(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if p, err = h.store.Plan(t.Context(), c.ID); err != nil || p.Recipients != 0 {
		t.Errorf("cancelled: %+v, %v", p, err)
	}
	h.facts.err = errors.New("no route")
	if _, err := h.store.Plan(t.Context(), c.ID); err == nil {
		t.Error("a plan without facts")
	}
	h.store.Accounts = nil
	if p, err := h.store.Plan(t.Context(), c.ID); err != nil || len(p.Notes) != 1 {
		t.Errorf("without an account: %+v, %v", p, err)
	}
}

func TestSpeedAndEnd(t *testing.T) {
	var p progress
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c := Campaign{ID: 1, State: spool.Running, First: start}
	c.Pending = 1000
	if per, eta := p.measure(&c, start); per != 0 || !eta.IsZero() {
		t.Errorf("at the start: %v, %v", per, eta)
	}
	for second := range 30 {
		c.Accepted, c.Pending = int64(10*(second+1)), int64(1000-10*(second+1))
		per, eta := p.measure(&c, start.Add(time.Duration(second+1)*time.Second))
		left := time.Duration(c.Pending/10) * time.Second
		if per < 9.9 || per > 10.1 || eta.Sub(start.Add(time.Duration(second+1)*time.Second).Add(left)).Abs() > 2*time.Second {
			t.Errorf("second %d: %v/s, end %v", second+1, per, eta)
		}
	}
	for range 20 { // stalled: the speed is that of the last ten seconds
		start = start.Add(time.Second)
		p.measure(&c, start.Add(30*time.Second))
	}
	if per, eta := p.measure(&c, start.Add(31*time.Second)); per != 0 || !eta.IsZero() {
		t.Errorf("stalled: %v/s, %v", per, eta)
	}
	if n := len(p.samples[1]); n > 45 {
		t.Errorf("%d samples kept", n)
	}
	c.State = spool.Paused
	if per, _ := p.measure(&c, start.Add(32*time.Second)); per != 0 || len(p.samples) != 0 {
		t.Errorf("paused: %v/s", per)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	h := open(t, t.TempDir())
	c := h.draft(t, simple, Campaign{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for got, err := range h.store.Watch(ctx, c.ID) {
		if n++; err != nil || got.State != spool.Draft {
			t.Fatalf("got %+v, %v", got, err)
		}
		if n == 2 {
			cancel()
		}
	}
	if n != 2 {
		t.Errorf("%d looks", n)
	}
	for _, err := range h.store.Watch(t.Context(), 99) {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("watch of nothing: %v", err)
		}
	}
}

// Attributes win over values, built-in fields over both; case does not matter.
func TestFieldsOfOneRecipient(t *testing.T) {
	common := newCommon(map[string]string{"Body": "v", "City": "값", "Phone": "wrong", "Empty": ""}, &Settings{Company: "C", Phone: "02"})
	sub := &audience.Subscriber{Email: "new@example.com", Gender: "male", CreatedAt: time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC),
		Attributes: map[string]string{"city": "서울", "CITY": "부산", "Phone": "010", "Grade": ""}}
	p := &person{sub: sub, email: "old@example.com", common: common, link: "L"}
	for _, c := range []struct {
		spelled, want string
		ok            bool
	}{{"Email", "old@example.com", true}, {"Name", "", false}, {"GENDER", "male", true}, {"createdAt", "2026-01-01", true}, {"city", "서울", true},
		{"CITY", "부산", true}, {"City", "부산", true}, {"body", "v", true}, {"phone", "02", true}, {"Empty", "", true}, {"Grade", "", false}, {"none", "", false},
		{"UnsubscribeURL", "L", true}, {"ViewURL", "", false}} {
		if got, ok := p.lookup(fold(c.spelled), c.spelled); got != c.want || ok != c.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", c.spelled, got, ok, c.want, c.ok)
		}
	}
	for _, name := range builtin {
		if !isBuiltin(fold(name)) {
			t.Errorf("%s is not known as built in", name)
		}
	}
}

func TestShownTemplatesAreGood(t *testing.T) {
	blocks := definition(t, Template{Subject: "s", HTML: readFile(t, "../testdata/welcome-blocks.html")}, map[string]string{"Body": "b", "Items": `[{"title":"니트","price":"1,000"}]`})
	for gender, want := range map[string]string{"female": "여성 새 옷", "male": "남성 새 옷", "": "새로 나온 옷"} {
		sub := audience.Subscriber{Gender: gender}
		c, err := blocks.letter.fill(blocks.person(&sub, "a@example.com", "T"))
		if err != nil || !strings.Contains(c.html, want) || !strings.Contains(c.text, want) || !strings.Contains(c.text, "니트 1,000원") || len(c.missing) != 0 {
			t.Errorf("%q: %v\n%s", gender, err, c.text)
		}
	}
	if blocks.coded != nil || welcome(t).coded == nil {
		t.Error("the wrong letter is coded beforehand")
	}
	fields := fmt.Sprint(welcome(t).letter.shown)
	if fields != "[Name Body Coupon Points Company Address Phone Email UnsubscribeURL PreferencesURL]" {
		t.Errorf("fields %s", fields)
	}
}

func TestTopicThatIsNotDefinedBlocks(t *testing.T) {
	h := open(t, t.TempDir())
	h.people.Topics = topics()
	h.enrol(t, 3)
	if _, err := h.store.Create(t.Context(), Campaign{Template: "t", Topic: "sail"}); err == nil {
		t.Error("a campaign about an undefined topic was created")
	}
	c := h.draft(t, simple+footer, Campaign{Topic: "sale"})
	if p, found := findings(t, h, c); p.Blocked || found[RuleUnknownTopic].Rule != "" {
		t.Errorf("a defined topic: %+v", p)
	}
	h.people.Topics = h.people.Topics[1:] // taken out of the configuration since
	p, found := findings(t, h, c)
	if f := found[RuleUnknownTopic]; !p.Blocked || f.Level != Block || f.Name != "sale" || !strings.Contains(f.How, "terms") {
		t.Errorf("got %+v", f)
	}
}

func topics() []audience.Topic {
	return []audience.Topic{{ID: "sale", Korean: "세일", English: "Sale", Commercial: true, Default: true},
		{ID: "terms", Korean: "약관", English: "Terms", Default: true}}
}

// Preflight, the freeze and the lease agree on who has had enough mail.
func TestFrequencyIsInPreflightAndInTheLedgerAlike(t *testing.T) {
	h := open(t, t.TempDir())
	h.people.Topics = topics()
	h.people.Attempted = h.spool.Attempted
	h.enrol(t, 30)
	weekly := "weekly"
	for id := uint64(1); id <= 10; id++ {
		if _, err := h.people.Prefer(t.Context(), id, audience.Preferences{Frequency: &weekly}, nil, "page"); err != nil {
			t.Fatal(err)
		}
	}
	h.drain(t)
	for _, c := range []struct {
		topic   string
		skipped int64
	}{{"sale", 0}, {"sale", 10}, {"", 10}, {"terms", 0}} {
		d := h.draft(t, simple+footer, Campaign{Topic: c.topic})
		p, _ := findings(t, h, d)
		if p.Audience.Skipped[spool.SkipFrequency] != c.skipped {
			t.Errorf("preflight about %q: %+v, want %d for frequency", c.topic, p.Audience, c.skipped)
		}
		if _, err := h.store.Start(t.Context(), d.ID, p.Audience.Mailable); err != nil {
			t.Fatal(err)
		}
		var last Campaign
		for got, err := range h.store.Watch(t.Context(), d.ID) {
			if err != nil {
				t.Fatal(err)
			}
			last = got
		}
		if last.State != spool.Done || last.Skips[spool.SkipFrequency] != c.skipped || last.Accepted != 30-c.skipped {
			t.Errorf("about %q: %s, %+v, want %d for frequency", c.topic, last.State, last.Counts, c.skipped)
		}
	}
}

// Without events unknown never settles: people should know before they start.
func TestPreflightSaysWhenNobodyWillHearOfDeliveries(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	c := h.draft(t, simple, Campaign{})
	for _, tt := range []struct {
		events bool
		set    string
		want   string
	}{{false, "main", "events are not read"}, {true, "", "configuration set only"}, {true, "main", ""}} {
		h.store.Settings.Events, h.store.Settings.ConfigurationSet = tt.events, tt.set
		_, found := findings(t, h, c)
		if f := found[RuleNoFeedback]; !strings.Contains(f.Why, tt.want) || (tt.want == "") != (f.Why == "") || f.Level != Note && f.Why != "" {
			t.Errorf("events %v, set %q: got %+v, want %q", tt.events, tt.set, f, tt.want)
		}
	}
}
