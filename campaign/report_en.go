package campaign

import "pabal/spool"

func englishReport() *ReportTexts {
	return &ReportTexts{
		Lang: "en", Gap: " ", Title: "Campaign report", Running: "This campaign is not finished: the numbers are as of", Made: "as of", NoneYet: "none",
		State: "state", Template: "template", From: "from", Started: "started", Ended: "ended", Audience: "audience",
		Outcomes: "Outcomes", Outcome: "outcome", Count: "count", Share: "share", Total: "total",
		Feedback: "Feedback over time", FeedbackLead: "How many recipients had been heard of by then, counted from the first acceptance. Each counts once.",
		When: "within", Undated: "time unknown", NoFeedback: "SES's events are not read, so deliveries are not counted, and unknown outcomes do not settle by themselves. See: pabal feedback setup",
		Speed: "Speed", Lasted: "took", Mean: "mean", Peak: "best minute", PeakNote: "of the first two hours", Aim: "the account's rate now", PerSecond: "/s", PerMinute: "/min", InFive: "all within 5 minutes",
		Name: "name", GoodUntil: "Good until %s, for everyone who has it.", OnItsWay: "The report is on its way as %s; follow it with: pabal trace %s",
		Planned: "planned at the start", Longer: "took %s%% longer", Shorter: "took %s%% less", Foreseen: "as the plan said",
		Cost: "Cost", CostNote: "Accepted mails at the price for 1,000; tax and attached data are extra.",
		Tracking: "Opens and clicks", TrackingBoth: "Counted once for each recipient. Mail programs that block or load images by themselves make opens a guess.",
		OpensOff: "Tracking of opens is off", ClicksOff: "Tracking of clicks is off",
		Domains: "Domains", Domain: "domain", Sent: "sent", Others: "all others",
		Failures: "Why mails failed", Unknowns: "Why outcomes are unknown", Bounces: "Why mails bounced", Skips: "Why people were skipped", Reason: "reason",
		Acts: "Who did what", By: "by", Pabal: "pabal", Recipients: "recipients",
		Override: "preflight overridden",
		Twice:    "Mailed twice?", TwiceNone: "Nobody.", TwiceMaybe: "may have got it twice", TwiceSure: "proved: SES accepted it more than once", TwiceList: "Everyone by name: pabal campaign recipients %d --feedback maybe_twice",
		Accepting: "Handed to SES", Minute: "min", Hour: "h", Day: "d", Later: "later", Seconds: "s", Yes: "yes", No: "no", Campaigns: "Campaigns", Since: "since",
		Outs: map[spool.Outcome]string{spool.Pending: "pending", spool.Sending: "sending", spool.Accepted: "accepted", spool.Failed: "failed", spool.Skipped: "skipped", spool.Unknown: "unknown"},
		Kinds: map[spool.FeedbackKind]string{spool.Sent: "accepted", spool.Delivered: "delivered", spool.Delayed: "delayed", spool.Bounced: "bounced", spool.Complained: "complained",
			spool.Rejected: "rejected", spool.Opened: "opened", spool.MachineOpened: "opened by programs", spool.Clicked: "clicked"},
		States: map[spool.State]string{spool.Draft: "draft", spool.Scheduled: "scheduled", spool.Freezing: "freezing", spool.Running: "running", spool.Paused: "paused", spool.Held: "held",
			spool.Cancelling: "cancelling", spool.Cancelled: "cancelled", spool.Done: "done"},
		Skip: map[string]string{spool.SkipUnsubscribed: "unsubscribed", spool.SkipTopicOff: "topic switched off", spool.SkipFrequency: "mailed too recently", spool.SkipSuppressed: "suppressed address",
			spool.SkipErased: "erased", spool.SkipInvalid: "invalid address", spool.SkipCancelled: "campaign cancelled"},
		Deeds: map[string]string{"start": "started", "pause": "paused", "resume": "resumed", "cancel": "cancelled", "resend failed": "sent again: failed", "resend unknown": "sent again: unknown",
			"settle unknown": "feedback settled unknown"},
		Whys: map[string]string{WhyNoEvents: "pabal reads no events of SES. See: pabal feedback setup", WhyNoSet: "no configuration set is named: [ses] configuration_set",
			WhyNotInSet: "the configuration set does not report them. Make it with: pabal feedback setup, TrackOpensAndClicks=yes", WhyNotAsked: "SES could not be asked just now"},
	}
}
