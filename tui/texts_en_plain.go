package tui

func englishPlain() plainTexts {
	return plainTexts{
		Intro: []string{
			"pabal, plain mode: nothing is drawn, the screens are read line by line.",
			"Write the name of a key and press Enter, such as: 3, n, enter, esc, tab, down, down 5, pgdn, ctrl+s.",
			"An empty line reads the screen again. ? reads all keys that work now. q leaves.",
			"Where text is written, a line goes into the field as it is, and an empty line is Enter. Keys then have a colon in front, such as: :esc, :tab, :down.",
			"The line that begins with > is the selected one.",
		},
		Key: "key", Text: "text", Keys: "Keys:",
		Unknown: func(s string) string { return "There is no such key: " + s + ". Write ? to hear which work now." },
	}
}
