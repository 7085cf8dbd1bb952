package campaign

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/width"
)

const (
	maxSubjectCells = 90  // about what a mailbox on a screen shows; a letter of Hangul takes two
	maxSubjectBytes = 300 // of UTF-8: four lines of a folded header
)

var (
	// adMark is the mark of advertising in whatever spelling people give it.
	adMark       = regexp.MustCompile(`(?i)[\(\[\{<【〔〈《「『（［｛＜⟨]?[\s\p{Cf}.·_-]*광[\s\p{Cf}.·_-]*고[\s\p{Cf}.·_-]*[\)\]\}>】〕〉》」』）］｝＞⟩]?`)
	adBracket    = regexp.MustCompile(`[\(\[\{<【〔〈《「『（［｛＜⟨][\s\p{Cf}.·_-]*광[\s\p{Cf}.·_-]*고[\s\p{Cf}.·_-]*[\)\]\}>】〕〉》」』）］｝＞⟩]`)
	adEnglish    = regexp.MustCompile(`(?i)^[\(\[【（［]\s*(?:AD|Advertisement|PR|홍보)\s*[\)\]】）］]`)
	refuseKorean = regexp.MustCompile(`수신\s*거부|수신\s*거절|수신을\s*(?:거부|원치|원하지|중단)|수신\s*동의(?:를)?\s*철회|구독\s*(?:취소|해지|중지)|구독을\s*(?:취소|해지|중지)|받고\s*싶지\s*않|받지\s*않으(?:시려|려)|받기를\s*원하지`)
	refuseEnglis = regexp.MustCompile(`(?i)unsubscribe|opt[\s-]?out|(?:do not|don't|no longer) (?:want|wish) to receive`)
	phonePattern = regexp.MustCompile(`(?:\+82|\b0)[\d) .-]{7,13}\d|\b1[5-9]\d{2}[ -]?\d{4}\b|\+\d[\d ().-]{7,16}\d`)
	mailPattern  = regexp.MustCompile(`[\w.+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	draftPattern = regexp.MustCompile(`(?i)lorem ipsum|\bTODO\b|\bTBD\b|\bFIXME\b|\bXXXX+|여기에\s*(?:내용|제목|문구|텍스트)|(?:내용|제목|문구)을?\s*입력(?:하세요|해\s*주세요)|(?:상품명|가격|○○|OOO)\s*입력|샘플\s*텍스트|\[\s*(?:테스트|TEST|초안|draft)\s*\]`)
)

// subjects is what the walk finds in the subjects of all letters.
type subjects struct {
	label string // what advertising begins with, "" for nothing

	empty, unmarked tally
	wrong           string // the first subject without the mark
	first           string
	longest         string
	cells           int
	long            tally // over the limit
	bytes           int
}

// look takes one recipient's subject.
func (s *subjects) look(subject, address string) {
	if s.first == "" {
		s.first = subject
	}
	if subject == "" {
		s.empty.add(address)
	}
	if !strings.HasPrefix(subject, s.label) {
		if s.unmarked.add(address); s.unmarked.n == 1 {
			s.wrong = subject
		}
	}
	if len(subject) <= maxSubjectCells {
		return // a letter takes no more cells than bytes
	}
	cells := cellsOf(subject)
	if cells > maxSubjectCells || len(subject) > maxSubjectBytes {
		s.long.add(address)
	}
	if cells > s.cells {
		s.cells, s.longest, s.bytes = cells, subject, len(subject)
	}
}

// cellsOf is how wide a text is: letters of Korean, Chinese and Japanese, and
// emoji, take two cells.
func cellsOf(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case k == width.EastAsianWide, k == width.EastAsianFullwidth:
			n += 2
		case r == '\u200d' || r >= '\ufe00' && r <= '\ufe0f':
		default:
			n++
		}
	}
	return n
}

// adFault is how a subject fails to begin with the mark of advertising: the
// case and what stands there instead. place: it is right but not at the start.
func adFault(subject, label string) (fault, found string) {
	if strings.Contains(subject, label) {
		return "place", label
	}
	if found = adBracket.FindString(subject); found != "" {
		return "variant", strings.TrimSpace(found)
	}
	if found = adMark.FindString(subject); found != "" && strings.HasPrefix(strings.TrimSpace(subject), strings.TrimSpace(found)) {
		return "variant", strings.TrimSpace(found)
	}
	if found = adEnglish.FindString(subject); found != "" {
		return "variant", found
	}
	return "", ""
}

func (in *inspection) judgeSubject() {
	s := &in.subjects
	if s.empty.n > 0 {
		in.tallied(RuleSubjectEmpty, Block, &s.empty)
	}
	if s.long.n > 0 {
		f := in.tallied(RuleSubjectLength, Warn, &s.long, "cells", strconv.Itoa(s.cells), "bytes", strconv.Itoa(s.bytes),
			"most", strconv.Itoa(maxSubjectCells), "subject", cutText(s.longest))
		if s.bytes > maxSubjectBytes {
			f.Case = "bytes"
			f.Data["most"] = strconv.Itoa(maxSubjectBytes)
		}
	}
	in.judgeAd()
}

// judgeAd demands the mark where the topic is advertising; elsewhere it names
// one that somebody tried to write and did not get right.
func (in *inspection) judgeAd() {
	s := &in.subjects
	if s.label == "" || s.unmarked.n == 0 || in.kind() == service {
		return
	}
	fault, found := adFault(s.wrong, s.label)
	level := Block
	if in.kind() != commercial {
		if fault == "" || !strings.Contains(fault+found, "(") && fault == "variant" && !adBracket.MatchString(found) {
			return
		}
		level = Warn
	}
	f := in.tallied(RuleSubjectAd, level, &s.unmarked, "label", s.label, "found", found, "subject", cutText(s.wrong), "topic", in.c.Topic)
	f.Case = fault
}

// judgeRefusal looks for the way to refuse, and for words that say so in both
// languages.
func (in *inspection) judgeRefusal() {
	in.judgeUnsubscribe()
	s := &in.store.Settings
	switch {
	case s.LoopbackSES || strings.HasPrefix(s.PublicURL, "https://"):
	case s.PublicURL == "":
		in.found(RulePublicURL, Block)
	default:
		in.found(RulePublicURL, Block).Case = "http"
	}
	if in.kind() == service || in.reader == "" {
		return
	}
	if !refuseKorean.MatchString(in.reader) {
		in.found(RuleRefusal, Warn).Case = "ko"
	}
	if !refuseEnglis.MatchString(in.reader) {
		in.found(RuleRefusal, Warn).Case = "en"
	}
}

// judgeUnsubscribe wants a link to refuse in every letter.
func (in *inspection) judgeUnsubscribe() {
	switch {
	case !in.offersRefusal():
		in.found(RuleNoUnsubscribe, Block)
	case in.trapped.n > 0:
		in.tallied(RuleNoUnsubscribe, Block, &in.trapped, "looked", grouped(in.count.Mailable)).Case = "some"
	case in.template.Text != "" && in.page != nil && !in.def.letter.text.uses("unsubscribeurl") && !in.def.letter.text.uses("preferencesurl"):
		in.found(RuleNoUnsubscribe, Warn).Case = "text"
	}
}

// judgeSenderBlock looks in the finished letter for who sends it: company,
// address, telephone and e-mail.
func (in *inspection) judgeSenderBlock() {
	kind := in.kind()
	if kind == service || in.reader == "" {
		return
	}
	level := Warn
	if kind == commercial {
		level = Block
	}
	s := &in.store.Settings
	seen := squeeze(in.reader)
	has := func(value string) bool { return value != "" && strings.Contains(seen, squeeze(value)) }
	company := firstOf(s.Company, in.def.from.Name)
	for _, part := range []struct {
		name string
		ok   bool
	}{
		{"company", has(company)},
		{"address", has(s.Address) || s.Address == "" && hasAddress(in.reader)},
		{"phone", has(s.Phone) || phonePattern.MatchString(in.reader)},
		{"email", in.hasMail()},
	} {
		if !part.ok {
			in.found(RuleSenderBlock, level, "company", company).Case = part.name
		}
	}
}

// hasMail reports an address of the sender in the letter: any but the reader's.
func (in *inspection) hasMail() bool {
	for _, address := range mailPattern.FindAllString(in.reader, -1) {
		if !strings.EqualFold(address, nobody) {
			return true
		}
	}
	for _, p := range in.pages() {
		for i := range p.links {
			if strings.HasPrefix(strings.ToLower(p.links[i].what), "mailto:") {
				return true
			}
		}
	}
	return false
}

// postal is a Korean or Western postal address, roughly.
var postal = regexp.MustCompile(`[가-힣]+(?:시|도)\s+[가-힣]+(?:시|군|구)\s|[가-힣\d]+(?:로|길)\s*\d+|\b\d+\s+[\w.]+(?:\s[\w.]+)?\s(?:St|Street|Rd|Road|Ave|Avenue|Blvd|-ro|-gil)\b|\d+,?\s+[\w-]+-(?:ro|gil|daero)\b`)

func hasAddress(text string) bool { return postal.MatchString(text) }

// squeeze is a text without white space and in lower case: designers break
// addresses as they like.
func squeeze(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// uses reports whether a part prints a field, by its folded name.
func (p *program) uses(key string) bool {
	return slices.ContainsFunc(p.slots, func(s slot) bool { return s.key == key })
}
