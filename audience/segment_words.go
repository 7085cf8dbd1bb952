package audience

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Kind is what a field holds, and with it how it is compared.
type Kind string

// The kinds of fields.
const (
	KindText     Kind = "text"     // compared as text
	KindValue    Kind = "value"    // an attribute: as text, or as a number
	KindChoice   Kind = "choice"   // one of a few words
	KindFlag     Kind = "flag"     // true or false
	KindDate     Kind = "date"     // a day or a moment
	KindTag      Kind = "tag"      // has it or has it not
	KindTopic    Kind = "topic"    // wants it or has switched it off
	KindCampaign Kind = "campaign" // a deed of earlier campaigns
)

// word is a field as expressions spell it.
type word struct {
	name    string
	kind    Kind
	slot    slot
	choices []string
}

// words are all fields that are no attributes, tags, topics or deeds.
func words() []word {
	sources := make([]string, 0, len(sourceWords())-1)
	for _, s := range sourceWords()[1:] {
		sources = append(sources, string(s))
	}
	return []word{
		{"email", KindText, slot{kind: emailSlot}, nil},
		{"name", KindText, slot{kind: nameSlot}, nil},
		{"domain", KindText, slot{kind: domainSlot}, nil},
		{"gender", KindChoice, slot{kind: genderSlot}, genderWords()[1:]},
		{"language", KindChoice, slot{kind: languageSlot}, languageWords()[1:]},
		{"frequency", KindChoice, slot{kind: frequencySlot}, append([]string{everyMail}, frequencyWords()[1:]...)},
		{"created_at", KindDate, slot{kind: dateSlot, date: createdDate}, nil},
		{"updated_at", KindDate, slot{kind: dateSlot, date: updatedDate}, nil},
		{"subscribed", KindFlag, slot{kind: subscribedSlot}, nil},
		{"consent_source", KindChoice, slot{kind: sourceSlot}, sources},
		{"consent_at", KindDate, slot{kind: dateSlot, date: consentDate}, nil},
		{"suppressed", KindFlag, slot{kind: suppressedSlot}, nil},
		{"external_id", KindText, slot{kind: externalSlot}, nil},
	}
}

// wordOf is the field behind a name, in any case and with or without
// underscores; false for an attribute.
func wordOf(name string) (word, bool) {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "") }
	name = plain(name)
	if name == "optedin" {
		name = "subscribed"
	}
	for _, w := range words() {
		if plain(w.name) == name {
			return w, true
		}
	}
	return word{}, false
}

// choice is a value of a field of a few words, as stored; "" is none set.
func (w *word) choice(text string) (string, bool) {
	switch {
	case w.slot.kind == genderSlot:
		code, known := genderCode(text)
		return genderWords()[code], known
	case text == "" && w.slot.kind == frequencySlot:
		return everyMail, true
	}
	text = strings.ToLower(text)
	return text, text == "" || slices.Contains(w.choices, text)
}

// functionWords are what can be called.
func functionWords() []string {
	return append([]string{"tag", "topic", "attr", "len", "lower", "upper", "trim", "last", "days"}, deedWords()...)
}

// meant is a hint that begins with the word that was likely meant.
func meant(text string, words []string, otherwise string) string {
	if word := nearest(text, words); word != "" {
		return fmt.Sprintf("did you mean %s? %s", word, otherwise)
	}
	return otherwise
}

// nearest is the word with the fewest letters changed, "" where that would be
// more than a third of them. The beginning of a word, three letters or more, is
// near it.
func nearest(text string, words []string) string {
	best, least := "", 0
	low := []rune(strings.ToLower(text))
	for _, word := range words {
		d := distance(low, []rune(strings.ToLower(word)))
		if len(low) > 2 && strings.HasPrefix(strings.ToLower(word), string(low)) {
			d = 1
		}
		if d <= max(1, len(low)/3) && d < len(low) && (best == "" || d < least) {
			best, least = word, d
		}
	}
	return best
}

// distance is how many letters have to be changed, added or taken away, two
// neighbours changing places being one (Damerau, optimal string alignment).
func distance(a, b []rune) int {
	if len(a) > maxLabel || len(b) > maxLabel {
		return max(len(a), len(b))
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			same := 1
			if a[i] == b[j] {
				same = 0
			}
			row[j+1] = min(last[j]+same, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// isName reports whether an attribute's name can stand in an expression as it
// is: letters, digits and _, and no word of the language.
func isName(name string) bool {
	for i, r := range name {
		if !unicode.IsLetter(r) && r != '_' && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	_, field := wordOf(name)
	reserved := []string{"and", "or", "not", "in", "contains", "startsWith", "endsWith", "matches", "true", "false", "nil", "let", "if", "else"}
	return name != "" && !field && !slices.Contains(reserved, name) && !slices.Contains(functionWords(), strings.ToLower(name))
}
