package tui

func englishDesk() deskTexts {
	return deskTexts{Letter: englishLetter(), Check: englishCheck(), Plan: englishPlan(), Template: englishTemplate(), Report: englishReportScreen(), Attach: englishAttach(), Brake: englishBrake()}
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

		FromFile: "from a file", FileHead: "A template from a file", FileText: "Pictures come with the file. A name that is there already gets a new version.", SubjectHint: "empty: that of the file", Make: "make", NoName: "type a name",
		ChooseFile: "Choose the file of the template (.zip or .html).", NoFiles: "The inbox has no .zip or .html file. Pack a folder with pictures as a zip.",
		FromSES: "from SES", SESHead: "A template from SES", SESText: "Brings a template that SES stores here, once. From then on the one here is used; tags that only SES fills in are changed, and listed.", SESName: "Name in SES",
		Here: "Name here", HereHint: "empty: the same", Again: "Ask again", AgainNo: "not if it is here", AgainYes: "ask SES anew", Fetch: "bring it",
		SameAsHere: "It is as it is here.", Versions: "versions", Remove: "remove", RemoveAsk: "Removes all versions, unless a campaign is made of it.", Removed: "The template was removed.",
		MadeVersion: func(name, version string) string { return "Made version " + version + " of the template " + name + "." },
	}
}

func englishLetter() letterTexts {
	return letterTexts{
		Link: "browser", LinkHead: "See it in a browser", Copy: "copy", Copied: "The address was copied. Paste it into the browser of your PC.", Files: "Files",
		SearchHint: "Begin of a name or address, or a number: the how-manieth person.",
		CopyHint:   "Paste this address into the browser of your PC. Where c does not copy it, select it with the mouse.",
		OnlyHere:   "This address opens on pabal's own host only. To open it on your PC, ask the operator to set [web] public_url.",
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

func englishReportScreen() reportTexts {
	return reportTexts{
		Title: "report", Running: "It is still being sent. This is what became of it so far.", Export: "export", ExportAs: "Export it as what?",
		CSV: "CSV", CSVNote: "for a spreadsheet", HTML: "web page (HTML)", HTMLNote: "with charts, for a browser",
		Written: "Written to a file.", FetchIt: "To get it to your PC, run this line in a terminal there (PowerShell on Windows).",
		Mail: "by mail", MailHead: "The report by mail", MailText: "Sends this report to this address.", LinkText: "This address shows the report with charts to everybody who has it.",
		Mailed: func(to string) string { return "The report is on its way to " + to + "." },
	}
}

func englishAttach() attachTexts {
	return attachTexts{
		Title: "Attached files", Head: "Files that go with every letter", None: "No file is attached. n adds one. A large file is better linked to.", Add: "add", Remove: "remove",
		Choose: "Choose the file to attach.", Sum: func(size string) string { return size + " in all, for every recipient." },
	}
}

func englishBrake() brakeTexts {
	return brakeTexts{
		Key: "brake", Text: "It pauses by itself when more than this bounce or are complained about. The two limits count only where they are its own.",
		When: "When", Bounces: "Bounces %", Complaints: "Complaints %", Never: "not watched", Ways: [3]string{"as configured", "limits of its own", "never pauses"},
		Usual: "The operator's limits of the configuration count.", Bad: "Write numbers from 0 to 100, such as 5 and 0.1", OffWarn: "It will not pause, however many bounce or complain. SES may stop the account.",
		Words: func(bounces, complaints string) string {
			return "pauses above " + bounces + " bounced, " + complaints + " complaints"
		},
	}
}
