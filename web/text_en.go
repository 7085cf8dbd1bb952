package web

// english are the texts in English.
func english() language {
	return language{
		Tag:     "en",
		Name:    "View in English",
		Contact: "Phone:",
		pages: map[kind]wording{
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
