package campaign

import (
	"slices"
	"strings"
)

// refusals are the fields by which a reader refuses, folded.
func refusals() []string { return []string{"unsubscribeurl", "preferencesurl"} }

// offersRefusal reports whether the template has the link where a reader finds
// it: in a link that shows something, or printed as text.
func (in *inspection) offersRefusal() bool {
	text := in.def.letter.text
	if in.page == nil {
		return slices.ContainsFunc(refusals(), text.uses)
	}
	if slices.ContainsFunc(in.page.links, func(l pageLink) bool { return in.page.refuses(&l) }) {
		return true
	}
	return text.fromHTML && slices.ContainsFunc(refusals(), text.uses) && !slices.ContainsFunc(in.page.links, func(l pageLink) bool { return in.page.uses(&l, refusals()...) })
}

// refuses reports whether a link leads out and can be seen.
func (p *sheet) refuses(l *pageLink) bool {
	return p.uses(l, refusals()...) && (l.text != "" || l.image || l.picture)
}

// refusalForAll reports whether the link stands outside every block, so that
// each letter has it. false says only that a condition may leave it out.
func (in *inspection) refusalForAll() bool {
	if in.page == nil {
		return plainlyPrints(partText, in.template.Text)
	}
	for i := range in.page.links {
		if l := &in.page.links[i]; in.page.refuses(l) && !slices.ContainsFunc(l.marks, in.page.inBlock) {
			return true
		}
	}
	return false
}

// plainlyPrints reports whether a part prints a field to refuse outside of
// blocks.
func plainlyPrints(part, source string) bool {
	tags, err := scanTags(part, source)
	if err != nil {
		return false
	}
	depth := 0
	for _, t := range tags {
		depth += t.deeper()
		refuses := func(word string) bool { return slices.Contains(refusals(), word) }
		if depth == 0 && t.kind == tagField && slices.ContainsFunc(fieldWords(source[t.pos:t.end]), refuses) {
			return true
		}
	}
	return false
}

// inBlock reports whether a mark stands inside a block.
func (p *sheet) inBlock(mark int) bool {
	depth := 0
	for i := range p.tags[:min(mark, len(p.tags))] {
		depth += p.tags[i].deeper()
	}
	return depth != 0
}

// deeper is how many blocks a tag opens, less those it closes.
func (t *tag) deeper() int {
	switch t.kind {
	case tagOpen, tagInverse, tagPartialBlock, tagDefine:
		return 1
	case tagClose:
		return -1
	}
	return 0
}

// refusable finishes one recipient's letter and looks whether it has a link to
// refuse. One that cannot be finished is counted by a rule of its own.
func (in *inspection) refusable(p *person) bool {
	c, err := in.def.letter.fill(p)
	body := c.html
	if in.page == nil {
		body = c.text
	}
	return err != nil || strings.Contains(body, p.link) || strings.Contains(body, p.base+"/p/"+p.token)
}
