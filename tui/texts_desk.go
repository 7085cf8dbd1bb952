package tui

import (
	"time"

	"pabal/campaign"
)

// deskTexts are those of a campaign's own way: template, letter, check, plan.
type deskTexts struct {
	Letter   letterTexts
	Check    checkTexts
	Plan     planTexts
	Template templateTexts
	Report   reportTexts
	Attach   attachTexts
	Brake    brakeTexts
}

// brakeTexts are those of a campaign's own brake.
type brakeTexts struct {
	Key, Text, When, Bounces, Complaints, Usual, Never, Bad, OffWarn string
	Ways                                                             [3]string // as configured, its own, never
	Words                                                            func(bounces, complaints string) string
}

// templateTexts are those of the templates' screens.
type templateTexts struct {
	Edit, Save, Saved, Unchanged, Subject, TextPart, HTMLPart, OtherPart, TextMade, NoHTML string
	Editor, Leave, LeaveAsk                                                                string
	Bytes, Missing, Changed                                                                string
	BytesOf, ChangedAt                                                                     func(a, b string) string
	Pulled, Images                                                                         func(s string) string
	FromFile, FileHead, FileText, SubjectHint, Make, NoName, ChooseFile, NoFiles           string
	FromSES, SESHead, SESText, SESName, Here, HereHint, Again, AgainNo, AgainYes, Fetch    string
	SameAsHere, Versions, Remove, RemoveAsk, Removed                                       string
	MadeVersion                                                                            func(name, version string) string
}

// letterTexts are those of the preview.
type letterTexts struct {
	Link, LinkHead, Copy, Copied, CopyHint, Files, SearchHint, OnlyHere string
	LinkText, Until, NotMailed                                          func(s string) string
}

// checkTexts are those of preflight and its overrides.
type checkTexts struct {
	Override, TakeBack, NoBlock, Final, Passed, Reason, ReasonText, Let, NoReason string
}

// planTexts are those of the flight plan.
type planTexts struct {
	StartNow, ScheduleKey, Starts, AtOnce, Tenths, Cost, NeverEnds                   string
	AtLatest, FiveOf, In                                                             func(s string) string
	CostOf                                                                           func(cost, per string) string
	Notes                                                                            map[campaign.NoteCode]string // {n} count, {w} who wait, {s} a span, {r} a rate, {l} and {L} a limit, {a} a time, {t} a name
	Schedule, ScheduleText, Date, Time, Zone, ZoneHint, Hours, HoursHint, Days, Late string
	DayWords                                                                         [3]string
	LateWords                                                                        [5]string
	NotRead, BadTime, BadZone, BadHours, Past, Far, Gap, Twice, Growth, Scheduled    string
	When                                                                             func(at time.Time, ahead string) string
	ScheduleAsk, Copied                                                              func(s string) string
	Window, WindowKey, WindowText, BrakedHow, Copy, Since, Unschedule, UnscheduleAsk string
	Unscheduled, Again, ScheduleOff, ScheduleGoes, HeldHow                           string
	Braked                                                                           func(kind, count, of, percent, limit string) string
	HeldFor                                                                          map[campaign.HeldFor]holdText
	Waits                                                                            func(at, zone string) string
	Live                                                                             func(n, rate, ends string) string
	Changed                                                                          map[campaign.ChangeCode]string
}

// reportTexts are those of a campaign's report; its tables bring their own.
type reportTexts struct {
	Title, Running, Export, ExportAs, CSV, CSVNote, HTML, HTMLNote, Written, FetchIt string
	Mail, MailHead, MailText, LinkText                                               string
	Mailed                                                                           func(to string) string
}

// attachTexts are those of the files that go with a letter.
type attachTexts struct {
	Title, Head, None, Add, Remove, Choose string
	Sum                                    func(size string) string
}
