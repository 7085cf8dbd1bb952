package web

// english are the texts in English.
func english() language {
	return language{
		Tag:     "en",
		Name:    "View in English",
		Self:    "English",
		Choose:  "Choose which mail you get, and how often, instead",
		Contact: "Phone:",
		preferences: preferenceTexts{
			Title:         "Mail preferences",
			Lead:          "Choose which mail is sent to the address whose mail this link was in. You need not log in, and nothing changes before you save.",
			Topics:        "Mail you get",
			Frequency:     "How often",
			FrequencyHint: "For advertising and newsletters. Notices, of changed terms for example, are sent all the same.",
			Frequencies:   map[string]string{"": "All mail", "weekly": "At most one a week", "monthly": "At most one a month"},
			Language:      "Language",
			Save:          "Save",
			Off:           "No mail at all",
			OffLead:       "Refuse all advertising and newsletters at once.",
			OffButton:     "Unsubscribe from everything",
			OnButton:      "Get mail again",
			Out: []string{
				"No advertising or newsletters are sent to this address now.",
				"To get them again, press the button. It is recorded as your consent to advertising and newsletters, which you can take back at any time.",
			},
			Blocked: []string{
				"No mail is sent to this address now: mail to it came back, was reported as spam, or the sender has blocked it.",
				"If you want mail again, please contact the sender.",
			},
			Gone: []string{
				"What was known about the owner of this link was deleted or is no longer there. There is no mail to be sent and nothing to choose.",
			},
			Done: map[string]string{
				"save": "Your preferences are saved.",
				"off":  "Your request was handled. Mail that was already on its way may still arrive.",
				"on":   "You will get mail again.",
			},
		},
		pages: map[kind]wording{
			unsavedPage: {
				Title: "Your preferences could not be handled",
				Lines: []string{
					"Because of a passing fault they were not read or not stored. Please open the link in the mail again in a moment.",
					"If this goes on, reply to the mail or call the sender.",
				},
			},
			askPage: {
				Title: "Unsubscribe",
				Lines: []string{
					"Press the button and we will send no more advertising or newsletters to this address.",
					"You need not log in, and nothing changes before you press it.",
				},
				Button: "Unsubscribe",
			},
			donePage: {
				Title: "Your request was handled",
				Lines: []string{
					"The address this link belongs to will get no more advertising or newsletters. Mail that was already on its way may still arrive.",
					"If the link was cut off, we cannot tell whose it is. Should mail go on, reply to it or call the sender.",
				},
			},
			testPage: {
				Title: "This link is from a test mail",
				Lines: []string{
					"The mail was sent to check it before the real one. Nothing changes here.",
					"In the real mail every recipient has an unsubscribe link of their own.",
				},
			},
			failedPage: {
				Title: "Your request could not be recorded",
				Lines: []string{
					"Because of a passing fault it was not stored. Please try again in a moment.",
					"If this goes on, reply to the mail or call the sender.",
				},
				Button: "Try again",
			},
			missingPage: {
				Title: "There is no such page",
				Lines: []string{
					"Check the address. To unsubscribe, open the whole link at the foot of the mail.",
				},
			},
		},
	}
}
