package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"time"

	page "golang.org/x/net/html"

	"pabal/eml"
)

// StoredSource gives a template that is stored in SES, with one call. The error
// says what to do; for a name that is not there it wraps nothing of ours.
type StoredSource interface {
	StoredTemplate(ctx context.Context, name string) (subject, html, text string, err error)
}

// TemplateChange is what was changed in a template that came from SES.
type TemplateChange struct {
	Part  string `json:"part"` // subject, html, text
	Line  int    `json:"line"` // of the part as SES has it, from 1
	Was   string `json:"was"`
	Is    string `json:"is"`
	Cause string `json:"cause"` // one of the Change constants
}

// Why something was changed.
const (
	ChangeSESLink = "ses_unsubscribe"  // SES's own tag, which no other sender fills in
	ChangeHash    = "unsubscribe_hash" // a link to # in the sentence about refusing
)

// PullOptions say how to pull a template.
type PullOptions struct {
	As      string `json:"as,omitempty"`      // what it is called here; "" means as in SES
	Refresh bool   `json:"refresh,omitempty"` // ask SES although it is here
}

// PullResult is a pulled template. Asked says whether SES was asked, New that a
// version was made: asked again, SES may have what is here.
type PullResult struct {
	Template
	Asked bool `json:"asked"`
	New   bool `json:"new"`
}

// PullTemplate imports the template that SES stores under name, once: one that
// is here is not asked for again, and campaigns are made of what is here. What
// only SES fills in is changed, and listed in Changes. It returns an
// *eml.Problem for a name that here is a template of other origin, ErrNotFound
// and what StoredSource says.
func (s *Store) PullTemplate(ctx context.Context, name string, o PullOptions) (PullResult, error) {
	local := strings.TrimSpace(normalize(o.As))
	if local == "" {
		local = strings.TrimSpace(normalize(name))
	}
	s.pulling.Lock() // two who pull the same ask once
	defer s.pulling.Unlock()
	old, err := s.Template(local, 0)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return PullResult{}, err
	case old.Pulled == "" && !o.Refresh:
		return PullResult{}, &eml.Problem{What: "there is a template " + eml.Visible(local) + " here that did not come from SES", Hint: "pull it under another name with --as, or make it the next version with --refresh"}
	case !o.Refresh:
		return PullResult{Template: old}, nil
	}
	if s.Stored == nil {
		return PullResult{}, &eml.Problem{What: "this daemon has no SES to pull from", Hint: "set [ses] in the configuration"}
	}
	t := Template{Name: local, Purpose: old.Purpose}
	if t.Subject, t.HTML, t.Text, err = s.Stored.StoredTemplate(ctx, name); err != nil {
		return PullResult{}, fmt.Errorf("pull template %s: %w", name, err)
	}
	t.Pulled = hashOf([]byte(t.Subject + "\x00" + t.HTML + "\x00" + t.Text))
	if t.Pulled == old.Pulled {
		return PullResult{Template: old, Asked: true}, nil
	}
	t.PulledAt = time.Now().UTC().Truncate(time.Millisecond)
	t, err = s.putTemplate(ctx, adapted(normalized(t)))
	return PullResult{Template: t, Asked: true, New: true}, err
}

// adapted is a template from SES with what only SES would fill in changed.
func adapted(t Template) Template {
	t.Changes = nil
	t.Subject = adaptTags(partSubject, t.Subject, &t.Changes)
	t.Text = adaptTags(partText, t.Text, &t.Changes)
	t.HTML = adaptLinks(adaptTags(partHTML, t.HTML, &t.Changes), &t.Changes)
	for _, name := range imageNames(t.HTML) {
		t.Images = append(t.Images, Image{Name: name, Missing: true})
	}
	return t
}

// sesLink is the tag that SES replaces by a link of its own (SES Developer
// Guide, "Using subscription management").
var sesLink = regexp.MustCompile(`(?i)\{\{\{?\s*amazonSESUnsubscribeUrl\s*\}?\}\}`)

const ourLink = "{{UnsubscribeURL}}"

func adaptTags(part, source string, changes *[]TemplateChange) string {
	at, line := 0, 1
	for _, found := range sesLink.FindAllStringIndex(source, -1) {
		line += strings.Count(source[at:found[0]], "\n")
		at = found[0]
		*changes = append(*changes, TemplateChange{Part: part, Line: line, Was: source[found[0]:found[1]], Is: ourLink, Cause: ChangeSESLink})
	}
	return sesLink.ReplaceAllString(source, ourLink)
}

// refusal are the words of the sentence that says how to refuse mail, in Korean
// and English.
var refusal = regexp.MustCompile(`(?i)수신\s*(?:을|를)?\s*거부|수신\s*(?:을|를)?\s*(?:더\s*이상\s*)?원(?:하|치)|구독\s*(?:을|를)?\s*(?:취소|해지|중지)|메일\s*(?:을|를)?\s*(?:더\s*이상\s*)?(?:받지|받고\s*싶지)|` +
	`un-?\s?subscri|opt(?:ing)?[\s-]?out|stop\s+receiving|no\s+longer\s+(?:wish|want)|do\s+not\s+(?:wish|want)\s+to\s+receive|don[’']t\s+want`)

// deadLink is a link to # with where it stands.
type deadLink struct {
	from, to int    // of the address in the source
	said     string // the text of the link
	sentence int    // which it stands in
	at       int    // where in the sentence
}

// adaptLinks gives the links to # in the sentence about refusing the link that
// refuses: the one whose own words say so; else the first behind these words,
// or the last before them.
func adaptLinks(source string, changes *[]TemplateChange) string {
	links, sentences := deadLinks(source)
	var b strings.Builder
	at, line := 0, 1
	for len(links) > 0 { // those of one sentence after the other
		n := slices.IndexFunc(links, func(l deadLink) bool { return l.sentence != links[0].sentence })
		if n < 0 {
			n = len(links)
		}
		for _, l := range meantLinks(links[:n], sentences[links[0].sentence]) {
			line += strings.Count(source[at:l.from], "\n")
			*changes = append(*changes, TemplateChange{Part: partHTML, Line: line, Was: source[l.from:l.to], Is: ourLink, Cause: ChangeHash})
			b.WriteString(source[at:l.from])
			b.WriteString(ourLink)
			line += strings.Count(source[l.from:l.to], "\n")
			at = l.to
		}
		links = links[n:]
	}
	b.WriteString(source[at:])
	slices.SortStableFunc(*changes, byPart)
	return b.String()
}

// byPart keeps the changes of a part together, in order of lines.
func byPart(a, b TemplateChange) int {
	order := []string{partSubject, partText, partHTML}
	return cmp.Or(slices.Index(order, a.Part)-slices.Index(order, b.Part), a.Line-b.Line)
}

// meantLinks are those links of a sentence that refuse mail.
func meantLinks(here []deadLink, sentence string) []deadLink {
	words := refusal.FindStringIndex(sentence)
	if words == nil {
		return nil
	}
	var own []deadLink
	for _, l := range here {
		if refusal.MatchString(l.said) {
			own = append(own, l)
		}
	}
	if len(own) > 0 {
		return own
	}
	for i, l := range here {
		if l.at >= words[0] {
			return here[i : i+1]
		}
	}
	return here[len(here)-1:]
}

// deadLinks are the links to # of a page, and its text in sentences. A sentence
// ends with its stop or with the element it stands in.
func deadLinks(source string) (links []deadLink, sentences []string) {
	z := page.NewTokenizer(strings.NewReader(source))
	var sentence, said strings.Builder
	var open *deadLink
	end := func() {
		linked := len(links) > 0 && links[len(links)-1].sentence == len(sentences)
		if linked || strings.TrimSpace(sentence.String()) != "" {
			sentences = append(sentences, sentence.String())
			sentence.Reset()
		}
	}
	closeLink := func() {
		if open != nil {
			open.said = said.String()
			links = append(links, *open)
			open = nil
		}
	}
	for at := 0; ; {
		kind := z.Next()
		raw := z.Raw()
		switch kind {
		case page.ErrorToken:
			closeLink()
			end()
			return links, sentences
		case page.TextToken:
			text := html.UnescapeString(string(raw))
			said.WriteString(text)
			for _, piece := range splitSentences(text) {
				sentence.WriteString(piece)
				if open == nil && endsSentence(piece) {
					end()
				}
			}
		case page.StartTagToken, page.EndTagToken, page.SelfClosingTagToken:
			name, _ := z.TagName()
			switch tag := string(name); {
			case tag == "a":
				closeLink()
				if from, to := hashLink(raw); kind == page.StartTagToken && from > 0 {
					said.Reset()
					open = &deadLink{from: at + from, to: at + to, sentence: len(sentences), at: sentence.Len()}
				}
			case !inlineElement(tag):
				closeLink()
				end()
			}
		}
		at += len(raw)
	}
}

func inlineElement(name string) bool {
	return slices.Contains([]string{"b", "strong", "i", "em", "u", "s", "span", "font", "small", "big", "img", "sub", "sup", "mark", "wbr"}, name)
}

// sentenceEnd is a stop with a space behind it, or a bar between links.
var sentenceEnd = regexp.MustCompile(`[.!?。](?:\s|$)|[|ㅣ│·]`)

// splitSentences keeps the stops.
func splitSentences(text string) (all []string) {
	for {
		at := sentenceEnd.FindStringIndex(text)
		if at == nil {
			return append(all, text)
		}
		all, text = append(all, text[:at[1]]), text[at[1]:]
	}
}

func endsSentence(piece string) bool {
	at := sentenceEnd.FindStringIndex(piece)
	return at != nil && at[1] == len(piece)
}

// hashLink is where the address of an <a> stands in its tag, 0 unless it is #.
func hashLink(raw []byte) (from, to int) {
	for i := len("<a"); i < len(raw); {
		var a attributeSpan
		if a, i = nextAttribute(raw, i); a.name == "href" {
			if v := strings.TrimSpace(string(raw[a.from:a.to])); v == "#" || strings.EqualFold(v, "#unsubscribe") {
				return a.from, a.to
			}
		}
	}
	return 0, 0
}
