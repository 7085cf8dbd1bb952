package alarm

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

// cases has facts for every name there is.
func cases(at time.Time) map[string]Facts {
	hold := func(c spool.Class) []spool.Hold {
		return []spool.Hold{{Scope: spool.ScopeAll, Class: c, Reason: "said", Hint: "do", Since: at}}
	}
	good := sesclient.Status{CheckedAt: at, SendingEnabled: true}
	finding := campaign.Finding{Rule: "spf", Case: "missing", Level: campaign.Warn, Data: map[string]string{"mail_from": "mail.example.com"}}
	return map[string]Facts{
		Held:          {Holds: hold(spool.Operator)},
		QuotaUsedUp:   {Holds: hold(spool.Quota)},
		QuotaNear:     {SES: sesclient.Status{CheckedAt: at, SendingEnabled: true, Quota24h: 100, Sent24h: 90}},
		Credentials:   {Holds: hold(spool.Credentials)},
		SendingOff:    {SES: sesclient.Status{CheckedAt: at}},
		SESUnknown:    {SES: sesclient.Status{CheckedAt: at.Add(-11 * time.Minute), SendingEnabled: true, Error: "no route"}},
		Damaged:       {Damaged: 2},
		DiskFull:      {Disk: spool.Disk{NearlyFull: true}},
		DiskUnused:    {Disk: spool.Disk{NoCampaigns: true}},
		Oldest:        {Oldest: 301 * time.Second},
		Braked:        {Campaigns: []campaign.Campaign{{ID: 7, State: spool.Paused, Braked: &spool.Braked{Count: 3, Of: 10, Percent: 30, Limit: 5, At: at}}}},
		CampaignHeld:  {Campaigns: []campaign.Campaign{{ID: 8, State: spool.Held, Reason: "grown", HeldFor: campaign.HeldGrown}}},
		DomainAmiss:   {Domains: []Domain{{Name: "example.com", Since: at, Findings: []campaign.Finding{finding}}}},
		DomainSilent:  {Domains: []Domain{{Name: "example.com", Since: at, Error: "timeout"}}},
		SyncFailing:   {Sync: &syncer.Status{Error: "refused"}},
		SyncOld:       {Sync: &syncer.Status{LastGood: at.Add(-2 * time.Hour)}, SyncMost: time.Hour},
		FeedbackFails: {Feedback: &sesclient.FeedbackStatus{Source: sesclient.SourceSQS, Error: "denied"}},
		FeedbackLate:  {Feedback: &sesclient.FeedbackStatus{Source: sesclient.SourceSQS, LagSeconds: 3600, LastEvent: at.Add(-time.Hour)}},
		Certificate:   {Ends: map[string]time.Time{"SMTP": at.Add(time.Hour)}},
		Clock:         {Skew: -2 * time.Minute},
		AuditFailing:  {Audit: "no space"},
		RemovalFails:  {Retention: "input/output error"},
		Undelivered:   {Undelivered: "it answered 500"},
		Untold:        {Untold: 4},
		SetAside:      {SetAside: 1, Folder: "/drop"},
		NoFeedback:    {Feedback: &sesclient.FeedbackStatus{Source: sesclient.SourceNone}},
		Sandbox:       {SES: sesclient.Status{CheckedAt: good.CheckedAt, SendingEnabled: true, Sandbox: true}},
	}
}

func never(string, string) bool { return false }

// TestEveryNameHasAConditionAndWords: each kind has facts that are it and
// nothing else, words in both languages, and something to do.
func TestEveryNameHasAConditionAndWords(t *testing.T) {
	at := time.Now()
	all := cases(at)
	for _, k := range Kinds() {
		f, ok := all[k.Name]
		if !ok {
			t.Errorf("there is no case for %s", k.Name)
			continue
		}
		f.At = at
		found := Look(&f, never)
		if len(found) != 1 || found[0].Name != k.Name {
			t.Errorf("%s: found %+v", k.Name, found)
			continue
		}
		a := found[0]
		if rank(a.Level) < rank(k.Level) {
			t.Errorf("%s is %s, its kind at worst %s", k.Name, a.Level, k.Level)
		}
		for _, text := range []string{a.What, a.WhatKo, a.Hint, a.HintKo} {
			if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\n{}") {
				t.Errorf("%s: words %q", k.Name, text)
			}
		}
		if unit := regexp.MustCompile(`\d (min|h|d)\b`).FindString(a.WhatKo); unit != "" {
			t.Errorf("%s: %q stands in the Korean %q", k.Name, unit, a.WhatKo)
		}
		if !regexp.MustCompile(`\p{Hangul}`).MatchString(a.WhatKo+a.HintKo) || a.What == a.WhatKo {
			t.Errorf("%s: Korean %q %q", k.Name, a.WhatKo, a.HintKo)
		}
	}
	if len(all) != len(Kinds()) {
		t.Errorf("%d cases, %d kinds", len(all), len(Kinds()))
	}
}

func TestNothingIsWrongWithADaemonThatIsWell(t *testing.T) {
	at := time.Now()
	f := Facts{At: at, SES: sesclient.Status{CheckedAt: at, SendingEnabled: true, Quota24h: 50000, Sent24h: 44000, Error: "once"}, SyncMost: time.Hour,
		Sync: &syncer.Status{LastGood: at.Add(-time.Minute)}, Oldest: 5 * time.Minute, Skew: 30 * time.Second, Ends: map[string]time.Time{"SMTP": at.Add(30 * 24 * time.Hour)},
		Feedback:  &sesclient.FeedbackStatus{Source: sesclient.SourceSQS, LagSeconds: 3600, LastEvent: at.Add(-3 * time.Hour)}, // long ago
		Holds:     []spool.Hold{{Scope: spool.CampaignScope(1), Class: spool.OutsideWindow}},
		Campaigns: []campaign.Campaign{{ID: 1, State: spool.Running}, {ID: 2, State: spool.Paused}}}
	if found := Look(&f, never); len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

func TestWorstComesFirst(t *testing.T) {
	at := time.Now()
	var f Facts
	f.At, f.SES = at, sesclient.Status{CheckedAt: at, SendingEnabled: true, Sandbox: true, Quota24h: 10, Sent24h: 10}
	f.Holds = []spool.Hold{{Scope: "from:b.com", Class: spool.Identity}, {Scope: "from:a.com", Class: spool.Identity}}
	var got []string
	for _, a := range Look(&f, never) {
		got = append(got, a.key())
	}
	if want := []string{"held from:a.com", "held from:b.com", "quota_near", "sandbox"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A hold of any class says what it is and what to do in both languages.
func TestEveryClassOfHoldsHasWords(t *testing.T) {
	for _, c := range []spool.Class{spool.Temporary, spool.Permanent, spool.Ambiguous, spool.Rate, spool.Quota, spool.Account, spool.Identity, spool.Configuration,
		spool.Credentials, spool.Storage, spool.Network, spool.Outage, spool.Operator, spool.FromBackup} {
		w := heldWords(&spool.Hold{Scope: spool.ScopeAll, Class: c, Reason: "said"})
		if _, known := classWords()[c]; !known || w.hint == "" || w.hintKo == "" {
			t.Errorf("%s: %+v", c, w)
		}
	}
}

// What others say reaches people in one line, and cannot be long.
func TestForeignWordsAreTamed(t *testing.T) {
	f := Facts{At: time.Now(), Holds: []spool.Hold{{Scope: spool.ScopeAll, Class: spool.Outage, Reason: "a\x1b[31m\nb" + strings.Repeat("x", 5000)}}}
	a := Look(&f, never)[0]
	if strings.ContainsAny(a.What+a.WhatKo, "\x1b\n") || len(a.What) > 1000 {
		t.Errorf("got %q", a.What)
	}
}

// TestPagesNameEveryAlarm compares the pages with the code, both ways.
func TestPagesNameEveryAlarm(t *testing.T) {
	for _, name := range []string{"../docs/alarms.md", "../docs/alarms.ko.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, m := range regexp.MustCompile(`(?m)^### <a id="([a-z-]+)"></a>`+"`([a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
			told = append(told, m[2])
			if page(m[2]) != "docs/alarms.md#"+m[1] {
				t.Errorf("%s: %s has the anchor %s, alarms lead to %s", name, m[2], m[1], page(m[2]))
			}
		}
		var want []string
		for _, k := range Kinds() {
			want = append(want, k.Name)
			row := regexp.MustCompile("(?m)^\\| \\[`" + k.Name + "`\\]\\([^)]*\\) \\| " + string(k.Level) + " \\| .* \\| (503|-) \\|$").FindStringSubmatch(string(text))
			if row == nil || (row[1] == "503") != k.Unready {
				t.Errorf("%s: the row of %s is %q", name, k.Name, row)
			}
		}
		slices.Sort(told)
		slices.Sort(want)
		if !slices.Equal(told, want) {
			t.Errorf("%s tells of %q,\nthe code has %q", name, told, want)
		}
	}
}

// TestAHoldOfRestoredDataIsNotSaidToBeReleasedLikeOthers: the ordinary release is
// refused, so the words in both languages name the right one.
func TestAHoldOfRestoredDataIsNotSaidToBeReleasedLikeOthers(t *testing.T) {
	f := Facts{At: time.Now(), Holds: []spool.Hold{{Scope: spool.ScopeRestored, Class: spool.FromBackup, Manual: true, Reason: "a backup of yesterday"}}}
	found := Look(&f, never)
	if len(found) != 1 || found[0].Name != Held || !strings.Contains(found[0].WhatKo, "모든 메일") || !strings.Contains(found[0].WhatKo, "백업") {
		t.Fatalf("found %+v", found)
	}
	for _, hint := range []string{found[0].Hint, found[0].HintKo} {
		if !strings.Contains(hint, "pabal restore list") || !strings.Contains(hint, "pabal restore release") {
			t.Errorf("it says to do: %s", hint)
		}
	}
}
