package tui

import (
	"fmt"
	"strings"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

func english() *texts {
	return &texts{
		deskTexts: englishDesk(),

		Product: "pabal", Connected: "connected", AddressHow: "Write it as name@example.com.", NoAnswer: "pabal gave no answer. Once it is connected again, see whether it was done, and do it again if not.", Lost: "not connected",
		LostSince: func(at string) string { return "No connection since " + at + ", trying again. Is pabal serve running?" },
		TooSmall: func(w, h, minW, minH int) string {
			return fmt.Sprintf("This window is too small (%d×%d). Make it %d×%d or more. Sending goes on.", w, h, minW, minH)
		},
		Tabs: [8]string{"Home", "Campaigns", "Subscribers", "Templates", "Suppression", "Customer DB", "Spool", "Domain"}, ShortTabs: [8]string{"Home", "Campaigns", "People", "Templates", "Blocked", "DB", "Spool", "Domain"},
		Steps: [6]string{"Template", "Audience", "Content", "Preview", "Check", "Start"},
		Help:  "help", Back: "back", Quit: "leave", Close: "close", NextTab: "next screen", PrevTab: "screen before", Moves: "choose, scroll (also j k PgUp PgDn Home End)",
		HelpKeys:  func(screen string) string { return "Keys now: " + screen },
		HelpWords: "Good to know", Unavailable: "not now",
		HelpText: []string{
			"Closing this screen, or losing the ssh connection, never stops a campaign.",
			"Whatever mails people shows the number of recipients and asks once more; from 1,000 on the number itself is typed.",
			"Ledger: every recipient is pending, sending, accepted, failed, skipped or unknown. The sum is always the audience.",
			"Accepted: SES took it. Unknown: sent, but the answer was lost; it is left so, not to mail anybody twice.",
			"Skipped: unsubscribed, topic off, suppressed and so on; no mail was sent.",
			"Keys work with a Korean input method on: ㅂ is q, ㅜ is n.",
		},
		Loading: "Loading", Working: "Working", NothingHere: "nothing here", All: "All", Everyone: "all subscribers", Everything: "everything",
		Filter: "filter", Apply: "apply", ClearFilter: "clear", Search: "search", Open: "open", Reload: "reload", Scroll: "scroll",
		Next: "next", NextField: "next field", Fields: "fields", Look: "look",
		Rows:      func(n string) string { return n + " rows" },
		FirstRows: func(n string) string { return "first " + n + ", narrow with /" },
		RowsRemoved: func(n, of, before string) string {
			return n + " of " + of + " are not kept any more: what ended before " + before + " was removed. The sums have them."
		},
		Duration: englishDuration,
		States: map[spool.State]string{
			spool.Draft: "draft", spool.Scheduled: "scheduled", spool.Freezing: "freezing", spool.Running: "running", spool.Paused: "paused",
			spool.Held: "held", spool.Cancelling: "cancelling", spool.Cancelled: "cancelled", spool.Done: "done",
		},
		Outcomes: [6]string{"pending", "sending", "accepted", "failed", "skipped", "unknown"},
		Lanes:    [2]string{"transactional", "bulk"},
		Reasons: map[string]string{
			spool.SkipUnsubscribed: "unsubscribed", spool.SkipTopicOff: "topic off", spool.SkipFrequency: "frequency", spool.SkipSuppressed: "suppressed",
			spool.SkipErased: "erased", spool.SkipInvalid: "invalid address", spool.SkipCancelled: "cancelled", "paused by a person": "paused by a person",
		},
		Events: map[string]string{
			"accepted": "accepted", "failed": "failed", "skipped": "skipped", "unknown": "unknown", "retry": "retry", "hold": "hold", "release": "release", "state": "state", "disk": "disk",
		},
		Classes: map[spool.Class]holdText{
			spool.Rate:          {"SES asks for less speed", "It ends by itself."},
			spool.Quota:         {"24-hour quota used up", "It goes on by itself as the quota frees. Ask AWS for a higher one if it is urgent."},
			spool.Account:       {"SES stopped the account", "See the reputation page of SES in the AWS console."},
			spool.Identity:      {"the From domain is not verified", "Verify it in SES, then release this hold."},
			spool.Configuration: {"SES has no such configuration set", "Check configuration_set in the configuration."},
			spool.Credentials:   {"AWS credentials missing or wrong", "Ask the operator to check the AWS keys and the clock."},
			spool.Storage:       {"a file of pabal cannot be read", "Ask the operator for: pabal check. It goes on by itself once it can be read."},
			spool.Network:       {"SES cannot be reached", "Check the network. It goes on by itself."},
			spool.Outage:        {"SES refuses one mail after another", "Taken for an outage; it goes on by itself when SES is back."},
			spool.Operator:      {"stopped by a person", "Key r releases it."},
			spool.Temporary:     {"SES refuses for now", "It is tried again by itself."},
			spool.FromBackup:    {"restored from a backup", "Nothing is sent until the operator says that this is the live copy: pabal restore list, then pabal restore release."},
			spool.OutsideWindow: {"outside its send window", "It goes on by itself when the window opens."},
			spool.Permanent:     {"SES refuses", "Check content and address."},
			spool.Ambiguous:     {"SES's answers are being lost", "Whether mail went is not known. Check the network."},
		},
		Levels:      map[campaign.Level]string{campaign.Block: "block", campaign.Warn: "warn", campaign.Note: "note"},
		Problems:    englishProblems(),
		Sources:     map[audience.Source]string{audience.Person: "person", audience.Complaint: "complaint", audience.Bounce: "bounce", audience.Operator: "operator", audience.MySQL: "customer database", audience.Import: "file", audience.SMTP: "SMTP"},
		RowID:       func(id string) string { return audience.DetailRow + id },
		SoftBounces: func(n string) string { return n + audience.DetailSoft },
		Details:     map[string]string{audience.DetailUnsubscribe: "unsubscribe link in a mail", audience.DetailPreferences: "preference page", audience.DetailPageLink: "preference link in a mail", audience.DetailSESList: audience.DetailSESList, audience.DetailKept: audience.DetailKept, audience.DetailSource: audience.DetailSource},
		Genders:     map[string]string{"male": "male", "female": "female"},

		NobodyHas: func(names string) string { return "Nobody has the attribute " + names + ": is it spelled right?" },
		OnHold:    "on hold",
		InStep:    func(at string) string { return "in step as of " + at }, NeverInStep: "not read yet",
		NewCampaign: "new campaign", Release: "release hold", NoHolds: "no hold", ReleaseAsk: "Release hold", Released: "Released.",
		ReleaseWarn: func(n string) string { return n + " waiting mails will go." },
		Sending:     "Sending", Spool: "Spool", RateNow: "Now", PerSecond: "/s", Quota: "24 hours",
		Unlimited:  func(used string) string { return used + " (no limit)" },
		Aim:        func(aim, most string) string { return "aim " + aim + "/s (limit " + most + ")" },
		FromDomain: "domain", AimOnly: func(aim string) string { return "aim " + aim + "/s" },
		SendingOff: "sending is stopped", Sandbox: "sandbox", Oldest: "Oldest", TooOld: "over 5 min", LastEvents: "Last events", NoEvents: "None yet.",
		Holds: func(n int) string { return fmt.Sprintf("Holds: %d", n) },
		Since: func(at string) string { return "Since " + at + "." },
		Until: func(at string) string { return "Until about " + at + "." },

		Name: "Name", State: "State", Progress: "Progress", NotStarted: "not started", NoCampaigns: "No campaigns. Key n makes one.", Campaign: "Campaign",
		Ledger: "ledger", Pause: "pause", Resume: "resume", Cancel: "cancel", Done: "Done.",
		PauseAsk:  func(n string) string { return "Sending to the remaining " + n + " people stops. It can be resumed." },
		ResumeAsk: func(n string) string { return "Mail goes on to the remaining " + n + " people." },
		Resend:    "send again", ResendOff: "none failed, none unknown", ResendTwice: "Some may get it twice: the answer to the first try was lost.",
		ResendAsk: func(n string) string { return "Mail goes again to " + n + " people, to them only." },
		CancelAsk: func(n string) string {
			return "The remaining " + n + " people will never get it. This cannot be undone."
		},
		MadeOf: func(template string, version int, segment string) string {
			if version == 0 {
				return fmt.Sprintf("template %s, to %s", template, segment)
			}
			return fmt.Sprintf("template %s, version %d, to %s", template, version, segment)
		},
		RunsSince:   func(rate, at string) string { return rate + "/s, started " + at },
		RunsTill:    func(at, rest string) string { return "ends about " + at + " (" + rest + " left)" },
		Ran:         func(from, to, took string) string { return "started " + from + ", ended " + to + ", took " + took },
		SkippedBy:   "Skipped:",
		NextOutcome: "next outcome", PrevOutcome: "outcome before", Email: "E-mail", Outcome: "Outcome", Tries: "Try", At: "At",
		Reason: "Reason", MaybeTwice: "maybe sent twice", Delivered: "delivered", Bounced: "bounced", Complained: "complained",
		Rejected: "rejected", Delayed: "delayed", Opened: "opened", Clicked: "clicked", MachineOpened: "opened by a machine",
		SentTwice: "sent twice",

		ChooseTemplate: "Which template?", NoTemplates: "No templates. Make one of a file with the key i.", Version: "Ver.", Made: "Made", Subject: "Subject",
		Purpose: "Purpose", MergeFields: "Fields",
		ChooseAudience: "Who gets it? Choose conditions.", Segment: "Segment", Counting: "Counting", BadExpression: "the condition is wrong",
		NobodySelected: "nobody to mail", Examples: "examples", ExamplesAre: "Examples (↑↓ put them in):", EmptyIsAll: "No condition means all subscribers.",
		Selected: "Selected", Mailable: "Mailable", Such: "Such as:",
		ChooseContent: "Name, sender and content", From: "From", Topic: "Topic", NameHint: "empty: template and date", FromHint: "empty: the configured sender", TopicHint: "for example sale; may be empty", NoTopic: "no topic",
		ReplyTo: "Reply-To", ReplyToHint: "where answers go; empty: as configured", KeptDraft: "What you filled in is kept as a draft.",
		ValueHint: "value for the template", AttributeHint: "an attribute; empty: each person's own", NewlineHint: "Alt+Enter or Ctrl+J is a new line. Pasted new lines stay.",
		ChoosePreview: "This is what they get.", To: "To", Missing: "Fields without a value:", NobodyFound: "No such subscriber.", NobodyElse: "nobody else",
		NextPerson: "next", PrevPerson: "previous", TestSend: "test mail", SendOne: "send", TypeAddress: "type an address",
		TestSent: func(n string) string { return "Test mails on their way: " + n + "." },
		TestMany: func(n string) string { return "One each goes to " + n + " addresses." },
		TestExplain: func(s string) string {
			return "Sends the letter of " + s + " to these addresses, commas between several, marked [테스트], outside the ledger."
		},
		ChooseCheck: "Check before sending", Checking: "Checking", CheckAgain: "check again", BlockedOff: "mend what blocks first", NoFindings: "Nothing found.",
		CheckedOver: func(mailable, selected, bytes string) string {
			return mailable + " of " + selected + " people, mail " + bytes
		},
		ChooseStart: "Flight plan and confirmation", Recipients: "Recipients", Takes: "Takes", Ends: "Ends about", FiveMinutes: "5 minutes",
		FiveYes: "All are sent within 5 minutes.", PlanAgain: "plan again", Start: "Start",
		TakesAt:    func(duration, rate string) string { return duration + " (at " + rate + "/s)" },
		StartAsk:   func(n string) string { return "This mails " + n + " people." },
		Started:    func(n string) string { return "Started: " + n + " recipients." },
		TypeNumber: func(n string) string { return "Type " + n + " and Enter:" },
		TypeWord:   func(s string) string { return "To confirm, type it here and press Enter: " + s },
		PressYes:   "Press y to do it, n to leave it.", WrongNumber: "That is another number. Nothing was done.",
		WrongWord: "That is something else. Nothing was done.",

		Gender: "Gender", Consent: "Consent", Tags: "Tags", ConsentYes: "yes", ConsentNo: "no", ConsentNone: "nothing said yet",
		Ago: func(span string) string { return span + " ago" },

		NobodyYet: "No subscribers yet. Key i imports a file.",
		Searching: func(s string) string { return "searching everywhere " + s },
		People:    func(s string) string { return s + " people" },
		Pick:      pickTexts{Choose: "choose", Mark: "mark several", Move: "move", Narrow: "type to narrow", TypeIt: "Type a value and press Enter."},
		Build:     englishBuild(), Import: englishImport(),
		Heard: heardTexts{
			Label: "Feedback", None: "No event source: deliveries, bounces and opens are not known.", NoneHint: "Ask the operator to run: pabal feedback setup.", BadNews: "Only bounces and complaints come in; deliveries and opens are not known.",
			Waiting: "connected, nothing came yet", NoTracking: "Opens and clicks: tracking is off, or none yet", Next: "by feedback",
			Last: func(at string) string { return "connected, last " + at },
		},
		Person: englishPerson(), Suppress: englishSuppress(), Sync: englishSync(), Mail: englishMail(), Dash: englishDash(), Plain: englishPlain(), Domain: englishDomain(),
	}
}

func englishPerson() personTexts {
	return personTexts{
		Title: "Subscriber", Created: "Joined", External: "Customer id", Now: "Now", Assumed: "the file had no consent column", NotApplied: "not applied",
		Preferences: "Preferences", On: "on", Off: "off", Frequency: "Frequency", Language: "Language",
		Frequencies: map[string]string{"all": "all", "weekly": "weekly at most", "monthly": "monthly at most"},
		Languages:   map[string]string{"ko": "Korean", "en": "English", "": "not set"},
		Received:    "Mail received", NoMails: "No mail so far.", History: "History",
		Edit: "preferences", Unsubscribe: "unsubscribe", UnsubscribeWarn: "They get no more marketing mail. Only they themselves can come back.",
		Unsubscribed: "Unsubscribed.", IsOut: "is out already", IsIn: "agreed themselves",
		Confirm: "invite", ConfirmWarn: "One mail goes to them and asks whether they want mail. Only the link in it makes it a yes.", Confirmed: "The mail that asks is on its way.",
		Erase: "erase", EraseWarn: "Everything about this person is deleted. Only a mark that tells nobody who it was is kept, so that no mail goes there again. This cannot be undone.", Erased: "Erased.",
		Save: "save", Change: "change", Unchanged: "nothing changed",
		ChooseHint: "A topic they switched off themselves, or a frequency they lowered, cannot be undone here.", NoTopics: "No topics are defined. The operator does that in [[topic]] of the configuration.",
	}
}

func englishSuppress() suppressTexts {
	return suppressTexts{
		None: "No address is suppressed. Key n adds one.", NotFound: "No such address.", Detail: "Note", Soft: "soft bounces",
		Add: "suppress", AddHead: "Which address is never to be mailed again?", AddWarn: "No mail at all will go to this address, order confirmations included.",
		Import: "import a list", ImportWarn: "No mail at all will go to any address on the list.", NewOnes: "New", Known: "Known", Added: "Suppressed.", DetailHint: "why; may be empty",
		Remove: "lift", RemoveWarn: "Mail can go to this address again.", RemoveStays: "A consent that ended by a bounce or complaint stays ended.", Removed: "Taken off the list.",
	}
}

func englishSync() syncTexts {
	return syncTexts{
		Now: "sync now", Full: "read all again", NoTable: "No customer database is connected", NoTableHint: "The operator names one in [mysql] dsn_file of the configuration.",
		Table: "Table", LastGood: "Last good", LastFull: "Last full", Next: "Next", Never: "never",
		Idle: "in step", Reading: "reading", Failing: "failing",
		Ended: func(read, created, updated, removed string) string {
			return "In step: " + read + " read, " + created + " new, " + updated + " changed, " + removed + " gone"
		},
		InARow: func(n string) string { return n + " failures in a row" },
		Result: "Last result", Changes: "changes", All: "all rows",
		Read: "Rows read", Created: "New", Updated: "Changed", Removed: "Gone", Yes: "Subscribed", Refused: "Refused",
		KeptOut: "Opted out, kept out", Unclear: "Consent unclear", Invalid: "Unusable address",
		Failed: "Not in step: the screen says why, and what to do.",
	}
}

// englishDuration is a span in at most two units.
func englishDuration(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		word string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.unit; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.word))
			d -= n * u.unit
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

func englishBuild() buildTexts {
	return buildTexts{
		Add: "add a condition", Edit: "edit", Remove: "remove", NoRow: "choose a condition", Join: "all/any", OneRow: "from two conditions on", AsText: "as text", AsRows: "as rows", NoRows: "this cannot be shown as rows",
		Where: "where", And: "and", Or: "or", Expression: "Expression:",
		WhichField: "Choose by what?", DateHint: "or write it like 2026-01-31",
		How:   func(s string) string { return s + ": compared how?" },
		What:  func(s string) string { return s + ": choose or type a value." },
		Meant: func(s string) string { return "Did you mean " + s + "?" },
		Dates: []string{"today", "7 days ago", "30 days ago", "90 days ago", "365 days ago"},
		Fields: map[string]string{
			"email": "E-mail", "name": "Name", "domain": "Mail domain", "gender": "Gender", "language": "Language", "frequency": "How often", "created_at": "Joined", "updated_at": "Changed",
			"subscribed": "Consent", "consent_source": "Consent from", "consent_at": "Consent since", "suppressed": "Suppressed", "external_id": "Customer id", "tag": "Tag", "tags": "Tags", "topic": "Topic", "consent_time": "Consent decided", "consent_assumed": "Consent assumed", "topics_off": "Topics off", "topics_on": "Topics on",
			"selected": "In a campaign", "received": "Received", "accepted": "Accepted by SES", "delivered": "Delivered", "bounced": "Bounced", "complained": "Complained",
			"delayed": "Delayed", "rejected": "Rejected by SES", "opened": "Opened", "clicked": "Clicked", "failed": "Failed", "skipped": "Skipped", "unknown": "Outcome unknown",
		},
		Kinds: map[audience.Kind]string{audience.KindText: "text", audience.KindValue: "attribute", audience.KindChoice: "choice", audience.KindFlag: "yes/no", audience.KindDate: "date",
			audience.KindTag: "tag", audience.KindTopic: "topic", audience.KindCampaign: "past campaigns"},
		Comparisons: map[audience.Comparison]string{
			audience.Is: "is", audience.IsNot: "is not", audience.OneOf: "is one of", audience.Contains: "contains", audience.ContainsNot: "contains not", audience.Begins: "begins with", audience.Ends: "ends with",
			audience.Empty: "is empty", audience.NotEmpty: "is not empty", audience.Equals: "equals", audience.More: "more than", audience.Less: "less than", audience.AtLeast: "at least", audience.AtMost: "at most",
			audience.On: "on", audience.Before: "before", audience.Until: "until", audience.After: "after", audience.Since: "since", audience.Yes: "yes", audience.No: "no",
			audience.Ever: "ever", audience.Never: "never", audience.Of: "of campaign", audience.NotOf: "not of campaign", audience.OfLast: "of the last", audience.NotOfLast: "not of the last",
			audience.OfDays: "in days", audience.NotOfDays: "not in days",
		},
	}
}

func englishImport() importTexts {
	return importTexts{
		Key: "import", Title: "Import subscribers", Steps: [3]string{"File", "Preview", "Result"},
		ChooseFile: "Which file (CSV, Excel)?", NoFiles: "No file yet", Size: "Size", Modified: "Date",
		HowTo: "Put a file here from your PC", HowPC: "Open a command prompt (PowerShell) on Windows, go to the file's folder and type this line with your file's name:",
		HowAfter: "The file appears here by itself.", File: "customers.csv",
		Column: "column", Encoding: "encoding", Sheet: "sheet", Tag: "tag", WhichEncoding: "If letters look wrong, choose another encoding.", WhichTag: "Choose or type a tag for everyone in the file.", NoTag: "none", FindOut: "automatic",
		Encodings:  map[string]string{"": "found out from the file", "utf-8": "UTF-8", "cp949": "CP949 (Korean Windows)", "utf-16": "UTF-16", "utf-16be": "UTF-16 BE", "xlsx": "Excel"},
		WhatIs:     func(s string) string { return "What is the column " + s + "?" },
		Attribute:  func(s string) string { return "attribute " + s },
		Line:       func(s string) string { return "line " + s },
		FirstRows:  func(s string) string { return "First " + s + " rows" },
		StopWarn:   func(s string) string { return "It ends here. The " + s + " people taken so far stay." },
		Unreadable: "the file cannot be read", NoEmail: "No column is known to hold e-mail addresses. Choose it, press Enter and say so.", MendFirst: "say what the columns are first", LeftOut: "not imported", NoEncoding: "Excel has none", ReadingFile: "reading the file", NoRows: "no rows", NoConsent: "There is no consent column: everybody new counts as having agreed.",
		StaysOut: "Whoever opted out stays out, whatever the file says.",
		InFile:   "In the file", TakenAs: "Taken as", First: "First value",
		Counts: func(rows, duplicate, rejected string) string {
			return rows + " rows, " + duplicate + " twice, " + rejected + " unreadable"
		},
		Will: func(rows, duplicate, rejected string) string {
			return "Takes " + rows + " people; leaves out " + duplicate + " rows that come twice and " + rejected + " unreadable ones."
		},
		Stop: "stop", IsOver: "it is over", Running: "importing", Stopped: "stopped", GoesOn: "goes on at the daemon",
		Rows: "Rows read", Created: "New", Updated: "Changed", Unchanged: "Unchanged", Duplicate: "Twice in the file", Rejected: "Not taken", OptedOut: "Opted out, kept out",
		RejectsHead: func(shown, all string) string { return "Not taken (first " + shown + " of " + all + ")" },
	}
}
