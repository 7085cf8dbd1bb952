package campaign

import (
	"slices"
	"strconv"
	"strings"
)

const (
	minText      = 20 // letters: below, a text part says nothing
	minImageText = 60 // letters beside images
)

// judgeParts looks at what the letter is made of.
func (in *inspection) judgeParts() {
	in.judgeText()
	in.judgeAlt()
	in.judgeActive()
	in.judgeDraft()
	switch html := int64(len(in.letter.html)); {
	case in.bytes > maxMail:
		in.found(RuleSize, Block, "size", kilobytes(in.bytes)).Count = in.bytes
	case html > clipMail:
		in.found(RuleClip, Warn, "size", kilobytes(html)).Count = html
	}
}

func kilobytes(n int64) string { return grouped(n >> 10) }

// judgeText looks at the text part, given or made of the HTML.
func (in *inspection) judgeText() {
	if in.page == nil || in.letter.html == "" {
		return
	}
	if n := letters(in.letter.text); n < minText && (in.page.visible >= minText || len(in.page.images) > 0) {
		in.found(RuleTextPart, Warn, "letters", strconv.Itoa(n))
	}
	if len(in.page.images) > 0 && in.page.visible < minImageText {
		in.found(RuleImageOnly, Warn, "letters", strconv.Itoa(in.page.visible)).Count = int64(len(in.page.images))
	}
}

// letters counts what is not white space.
func letters(s string) int { return len([]rune(strings.Join(strings.Fields(s), ""))) }

// judgeAlt looks for images that say nothing where images are off: without
// alt, or alone in a link with an empty one. An empty alt elsewhere is decoration.
func (in *inspection) judgeAlt() {
	var t tally
	for _, p := range in.pages() {
		for _, i := range p.images {
			if !i.hasAlt || i.linked && i.empty && !p.linkSpeaks(i.at) {
				t.add(p.place(i.at) + " " + cutText(i.what))
			}
		}
	}
	if t.n > 0 {
		in.tallied(RuleImageAlt, Warn, &t)
	}
}

// linkSpeaks reports whether the link round an image says where it leads by
// other means.
func (p *sheet) linkSpeaks(image int) bool {
	for _, l := range slices.Backward(p.links) {
		if l.at < image {
			return l.picture || l.text != ""
		}
	}
	return false
}

// judgeActive looks for what mailboxes take out.
func (in *inspection) judgeActive() {
	var t tally
	for _, p := range in.pages() {
		for _, s := range p.active {
			t.add(p.place(s.at) + " " + s.what)
		}
	}
	if t.n > 0 {
		in.tallied(RuleActiveContent, Warn, &t)
	}
}

// judgeDraft looks for words that stand where the real ones should.
func (in *inspection) judgeDraft() {
	var t tally
	for _, text := range []string{in.letter.subject, in.reader} {
		for _, found := range draftPattern.FindAllString(text, -1) {
			t.add(found)
		}
	}
	if t.n > 0 {
		in.tallied(RuleDraftText, Warn, &t)
	}
}
