package tui

func englishMail() mailTexts {
	return mailTexts{
		Title: "Mail", Trace: "trace", What: "Look for", TypeQuery: "type an address or an id", Another: "another", NoTrace: "No such mail.", Of: "Mail", NoSubject: "(no subject)", NoAddress: "no address",
		QueryHint: "Type an e-mail address, an SES id, a Message-ID or pabal's number of a mail (q17). Every mail to that person is listed, with what became of it.",
		Find:      "find", NoMails: "There is no such mail.", Holds: "holds", Hold: "hold", HoldWhat: "What shall wait? Type a From domain yourself.", HoldAll: "all mail", HoldBulk: "campaigns only", HoldApps: "applications' mail only",
		HoldWarn: "It piles up here until the hold is released. No mail that was taken is lost.", Held: "Held. Release it on the holds screen with r.",
		WhyHint: "Say why, for whoever looks here next.", NothingHeld: "Nothing is held. The key n holds something.", ByItself: "ends by itself", ByHand: "waits for a person",
		Retry: "send again", RetryWarn: "This one mail is sent again.", Retried: "It will be sent again.", RetryAll: "all again", Discard: "discard", DiscardWarn: "This one mail is given up and not sent. Its text is deleted; this cannot be undone.", Discarded: "Discarded.",
		OfCampaign: "a campaign's: see its ledger", Gone: "it was discarded, its text is gone", FailedHint: "Mend the reason, then send it again with r, or discard it with d.",
		UnknownHint: "Nobody knows whether it went. With r it may go twice.", PendingHint: "It is tried again by itself.",
		Route: "Rule", Set: "Configuration set", Tags: "SES tags",
		Kind: "Kind", Answer: "SES said", NotTried: "none yet", Heard: "Feedback", Received: "Received", Changed: "Last change", NextTry: "Next try", Size: "Size", Number: "Number",
		Edit: "edit address", EditKey: "address", EditWarn: "The same letter goes to this address as a new mail, and the old one is put down as given up. The To line in the letter stays.", EditUnknown: "The old mail may have gone already.", Edited: "It is sent to the new address.",
		OtherAddress: "type another address", DeadLetters: "dead letters", DiscardAll: "discard all", NothingToDiscard: "nothing to discard", Done: "Done",
		Acts: map[string]string{"retry": "sent again", "discard": "discarded", "edit": "address edited"},
		DiscardAllAsk: func(n string) string {
			return n + " mails of this list are given up and not sent. Their text is deleted; this cannot be undone."
		},
		SentAs:      func(id string) string { return "as " + id },
		InPlaceOf:   func(id string) string { return "in place of " + id },
		GivenUp:     func(why string) string { return "discarded: " + why },
		GivenUpFor:  func(id, why string) string { return "sent to another address as " + id + ": " + why },
		RetryAllAsk: func(n string) string { return n + " failed or unknown mails of this list are sent again." },
		TriesOf:     func(calls, used string) string { return calls + " (" + used + " of 4 counted)" },
	}
}

func englishDash() dashTexts {
	return dashTexts{
		OpenCampaign: "open campaign", NothingRuns: "no campaign is running",
		Sandbox: "SES sandbox: only to verified addresses, at most 200 mails a day", SandboxHint: "Ask for production access on the SES page of the AWS console.",
		HeldCampaign: func(name, why string) string { return "Campaign held: " + name + " (" + why + ")" }, HeldHint: "Choose and open it with Enter, see why, and resume it with r.",
		Curve:       func(least, most string) string { return least + " to " + most + " a second" },
		LastMinutes: func(n string) string { return "Last " + n + " min" },
		More:        func(n string) string { return n + " more" },
		OpenIt:      func(how string) string { return "Choose the campaign and open it with Enter. " + how },
		Left:        func(span string) string { return span + " left" },
	}
}
