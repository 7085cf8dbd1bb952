package tui

import (
	"time"

	"pabal/campaign"
)

func englishPlan() planTexts {
	return planTexts{
		StartNow: "send now", ScheduleKey: "schedule", Starts: "Starts", AtOnce: "at once", Tenths: "On the way", Cost: "Costs", NeverEnds: "never",
		AtLatest: func(at string) string { return at + " at the latest" },
		FiveOf:   func(n string) string { return "not kept: " + n + " of them within 5 minutes" },
		In:       func(span string) string { return "in " + span },
		CostOf:   func(cost, per string) string { return "about " + cost + " (" + per + " for 1,000, before tax)" },
		Notes: map[campaign.NoteCode]string{
			campaign.NoteAccountUnknown:  "SES does not say how fast it may be used, so there is no plan.",
			campaign.NoteNoRate:          "SES gives this account no sending rate: {n} mails cannot go.",
			campaign.NoteTakes:           "{n} mails take {s} at {r} a second.",
			campaign.NoteQuotaWaits:      "After {n} mails the 24-hour quota of {l} is used up. The other {w} go by themselves as it frees, from {a}.",
			campaign.NoteQuotaNone:       "The 24-hour quota leaves nothing: {n} mails cannot go.",
			campaign.NoteFiveMissed:      "At {r} a second {n} mails go within 5 minutes.",
			campaign.NoteSandbox:         "The SES account is in the sandbox: verified recipients only. Ask the operator to have AWS lift it.",
			campaign.NoteSendingDisabled: "SES has switched sending off for this account: nothing goes until AWS switches it on.",
			campaign.NoteWindowOpens:     "Outside its hours ({t}): it starts {a}.",
			campaign.NoteWindowBreaks:    "Its hours ({t}) interrupt it {n} times; it goes on by itself.",
			campaign.NoteShared:          "Other campaigns with {n} mails share the rate.",
			campaign.NoteSlower:          "It really goes at {r} a second, below the {L} aimed at.",
			campaign.NoteHold:            "On hold: {t}",
			campaign.NoteStopped:         "It is {t}; planned as if it went on now.",
			campaign.NoteClockGap:        "The clocks skip {t} that day: it starts {a}.",
			campaign.NoteClockTwice:      "The clocks show {t} twice that day: it starts at the first, {a}.",
			campaign.NoteBrakeBlind:      "Nothing is heard of bounces and complaints, so many of them do not stop it. Ask the operator for: pabal feedback setup",
		},
		Schedule: "Schedule", ScheduleText: "It starts by itself at this time. It is checked again then; what blocks holds it, and nothing is sent.",
		Date: "Date", Time: "Time", Zone: "Time zone", ZoneHint: "empty: the configured one", Hours: "Hours", HoursHint: "empty: always, e.g. 09-20", Days: "Days", Late: "If late",
		DayWords:  [3]string{"every day", "Monday to Friday", "Saturday, Sunday"},
		LateWords: [5]string{"hold it after 30 minutes", "hold it after 10 minutes", "hold it after 1 hour", "hold it after 3 hours", "hold it after a day"},
		NotRead:   "check date and time", BadTime: "Write the date as 2026-12-01 and the time as 10:00.", BadZone: "There is no such time zone. For example: Asia/Seoul", BadHours: "Write the hours as 09-20.", Past: "This time is past.", Far: "This is more than a year away. Is the year right?",
		Gap: "The clocks skip this time that day: it starts right after.", Twice: "The clocks show this time twice that day: it starts at the first.",
		Growth: "Should recipients grow by more than a tenth until then, it is held and nothing is sent.", Scheduled: "Scheduled.",
		When: func(at time.Time, ahead string) string {
			return at.Format("Monday, 2 January 2006, 15:04 (MST)") + ", in " + ahead
		},
		ScheduleAsk: func(n string) string { return "This mails " + n + " people at that time." },
		Window:      "Hours for sending", WindowKey: "hours", WindowText: "Outside these hours it rests, and goes on by itself. Empty: it may always send.",
		Braked: func(kind, count, of, percent, limit string) string {
			return "Stopped by itself: " + kind + " " + count + " of " + of + " mails (" + percent + "%, the limit is " + limit + "%)"
		},
		BrakedHow: "This guards your standing at SES. See where the list came from; r goes on if all is well.",
		HeldFor: map[campaign.HeldFor]holdText{
			campaign.HeldLate:    {"It could not be started at its time: the host was off, or it was too late.", "Send it now or schedule it again: s."},
			campaign.HeldBlocked: {"The check at its time blocked it.", "Mend it (e), check it again, then schedule it."},
			campaign.HeldGrown:   {"It has many more recipients than were confirmed, so nothing was sent.", "See why, then send or schedule it again: s."},
			campaign.HeldZone:    {"This host does not know the time zone it was scheduled in.", "Schedule it in another one: s."},
		},
		Waits: func(at, zone string) string { return "Scheduled: " + at + ", " + zone },
		Live: func(n, rate, ends string) string {
			return "Plan: " + n + " to go at " + rate + "/s, ends " + ends
		},
		Copy: "copy", Copied: func(name string) string { return "Copied: " + name + "." }, Since: "Changed since:",
		Changed:    map[campaign.ChangeCode]string{campaign.ChangedVersion: "template version", campaign.ChangedSubject: "subject", campaign.ChangedAudience: "recipients", campaign.ChangedSender: "sender"},
		Unschedule: "unschedule", UnscheduleAsk: "This takes the schedule off and makes it a draft again.", Unscheduled: "The schedule was taken off.", Again: "plan, schedule",
		HeldHow: "See who gets it: if that is right send it with r, else cancel it with x.", ScheduleOff: "It was changed, so its schedule is off. Schedule or send it again in the last step.", ScheduleGoes: "This campaign is scheduled. Saving takes the schedule off; schedule it again in the last step.",
	}
}
