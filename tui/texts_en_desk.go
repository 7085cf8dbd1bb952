package tui

func englishDesk() deskTexts {
	return deskTexts{Letter: englishLetter(), Check: englishCheck(), Plan: englishPlan(), Template: englishTemplate()}
}

func englishTemplate() templateTexts {
	return templateTexts{
		Edit: "edit", Save: "save", Unchanged: "nothing changed", Subject: "Subject", TextPart: "Text part", HTMLPart: "HTML", OtherPart: "next field",
		TextMade: "Empty, it is made of the HTML.", NoHTML: "There is no HTML: the text part goes alone.",
		Saved: "Saved as a new version.", Editor: "editor", Leave: "Leave", LeaveAsk: "This leaves without saving what was edited.",
		Bytes: "Size", Missing: "missing", Changed: "Changed when it came",
		BytesOf:   func(html, text string) string { return "HTML " + html + ", text part " + text },
		ChangedAt: func(part, line string) string { return part + ", line " + line + ":" },
		Pulled:    func(at string) string { return "taken from SES " + at },
		Images:    func(n string) string { return "Pictures: " + n },
	}
}

func englishLetter() letterTexts {
	return letterTexts{
		Link: "browser", LinkHead: "See it in a browser", Copy: "copy", Copied: "The address was copied. Paste it into the browser of your PC.", Files: "Files",
		SearchHint: "Begin of a name or address, or a number: the how-manieth person.",
		CopyHint:   "Paste this address into the browser of your PC. Where c does not copy it, select it with the mouse.",
		LinkText: func(who string) string {
			return "This address shows the letter of " + who + ". Its unsubscribe link does nothing."
		},
		Until:     func(at string) string { return "It opens until " + at + "." },
		NotMailed: func(why string) string { return "they will not be mailed: " + why },
	}
}

func englishCheck() checkTexts {
	return checkTexts{
		Override: "send anyway", TakeBack: "block again", NoBlock: "it does not block", Final: "only mending helps", Passed: "passed", Reason: "Reason:",
		ReasonText: "This blocks. To send anyway, say why in 5 letters or more. The reason and your name are kept with the campaign.",
		Let:        "let it pass", NoReason: "Write a reason of 5 letters or more.",
	}
}

func englishPlan() planTexts {
	return planTexts{StartNow: "send now"}
}
