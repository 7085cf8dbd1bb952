package campaign

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// The parts of a template.
const (
	partSubject = "subject"
	partHTML    = "html"
	partText    = "text"
)

// letter is a template version ready to be filled: every part parsed once,
// the text part made from the HTML where the template has none. It is
// read-only and used by many senders at the same time.
type letter struct {
	subject *program
	html    *program // nil: a letter of text only
	text    *program
	shown   []string // fields used, as first spelled
	images  []Image  // the template's own
}

// compile parses a template. The error is a *TemplateError.
func compile(t Template) (*letter, error) {
	l := &letter{}
	var err error
	if strings.TrimSpace(t.Subject) == "" {
		return nil, &TemplateError{Code: "no_subject", Part: partSubject, Message: "the subject is empty", Hint: "Give the template a subject."}
	}
	if l.subject, err = parseProgram(partSubject, t.Subject, false); err != nil {
		return nil, err
	}
	if t.HTML != "" {
		if l.html, err = parseProgram(partHTML, t.HTML, true); err != nil {
			return nil, err
		}
	}
	switch {
	case t.Text != "":
		l.text, err = parseProgram(partText, t.Text, false)
	case t.HTML != "":
		l.text, err = madeText(t.HTML)
	default:
		err = &TemplateError{Code: "no_body", Part: partHTML, Message: "the template has neither HTML nor text", Hint: "Give it one of the two."}
	}
	if err != nil {
		return nil, err
	}
	l.shown = l.fields()
	return l, nil
}

// madeText is the text part of a template that has only HTML.
func madeText(html string) (*program, error) {
	source, err := textTemplate(html)
	if err == nil {
		var p *program
		if p, err = parseProgram(partText, source, false); err == nil {
			p.fromHTML = true
			return p, nil
		}
	}
	return nil, &TemplateError{Code: "no_text", Part: partText, Message: "no text part can be made from this HTML: " + err.Error(),
		Hint: "Blocks that begin inside a hidden element or a tag must end there; or give the template a text part."}
}

func (l *letter) programs() []*program {
	all := []*program{l.subject}
	if l.html != nil {
		all = append(all, l.html)
	}
	return append(all, l.text)
}

// fields are the merge fields of all parts in order of first use.
func (l *letter) fields() []string {
	names := []string{}
	seen := map[string]bool{}
	for _, p := range l.programs() {
		for _, s := range p.slots {
			if !seen[s.key] {
				seen[s.key] = true
				names = append(names, s.spelled)
			}
		}
	}
	return names
}

// uses reports whether a part prints a field, by its folded name.
func (l *letter) uses(key string) bool {
	return slices.ContainsFunc(l.programs(), func(p *program) bool { return p.uses(key) })
}

// plain reports whether no part has blocks.
func (l *letter) plain() bool {
	for _, p := range l.programs() {
		if !p.plain {
			return false
		}
	}
	return true
}

// content is a filled letter.
type content struct {
	subject, html, text string
	missing             []string
}

// fill makes the parts for one recipient.
func (l *letter) fill(fields source) (content, error) {
	var c content
	for _, part := range []struct {
		p  *program
		to *string
	}{{l.subject, &c.subject}, {l.html, &c.html}, {l.text, &c.text}} {
		if part.p == nil {
			continue
		}
		out, missing, err := part.p.append(make([]byte, 0, part.p.fixed+512), fields)
		if err != nil {
			return content{}, fmt.Errorf("fill %s: %w", part.p.part, err)
		}
		*part.to = string(out)
		c.missing = merge(c.missing, missing)
	}
	c.subject = strings.TrimSpace(c.subject)
	return c, nil
}

// merge adds names that are not there yet, whatever their case.
func merge(into, names []string) []string {
next:
	for _, name := range names {
		for _, have := range into {
			if fold(have) == fold(name) {
				continue next
			}
		}
		into = append(into, name)
	}
	return into
}

// normalize is how a source is kept: NFC (names typed on a Mac are not), LF
// line ends, no byte order mark.
func normalize(s string) string {
	s = strings.TrimPrefix(s, "\uFEFF")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	return norm.NFC.String(s)
}
