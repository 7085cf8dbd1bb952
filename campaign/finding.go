package campaign

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pabal/audience"
	"pabal/eml"
)

// Level of a finding.
type Level string

// The levels: Block keeps the campaign from starting.
const (
	Block Level = "block"
	Warn  Level = "warn"
	Note  Level = "note"
)

// Finding is one line of preflight. Rule is stable; What, Why and How are its
// words in one language, made of Rule, Case and Data: In gives those of another.
type Finding struct {
	Rule     string            `json:"rule"` // one of the Rule constants
	Level    Level             `json:"level"`
	Case     string            `json:"case,omitempty"` // which of several faults one rule finds
	Name     string            `json:"name,omitempty"` // the field, attribute or value it is about
	What     string            `json:"what"`
	Why      string            `json:"why"`
	How      string            `json:"how"`
	Count    int64             `json:"count,omitempty"`    // recipients, bytes or places, as What says
	Examples []string          `json:"examples,omitempty"` // the first ten addresses or places
	Data     map[string]string `json:"data,omitempty"`     // what stands in its words
	Final    bool              `json:"final,omitempty"`    // a block that no reason overrides
	Reason   string            `json:"reason,omitempty"`   // typed by the person who overrides this block
}

// Preflight is the whole check of one campaign over its real audience.
type Preflight struct {
	Campaign  uint64         `json:"campaign"`
	Audience  audience.Count `json:"audience"`
	Findings  []Finding      `json:"findings"`
	Blocked   bool           `json:"blocked"`
	MailBytes int64          `json:"mail_bytes"` // largest finished mail seen
}

// In is the same preflight in a language, "ko" or "en".
func (p Preflight) In(lang string) Preflight {
	p.Findings = slices.Clone(p.Findings)
	for i := range p.Findings {
		p.Findings[i] = p.Findings[i].In(lang)
	}
	return p
}

// In is the same finding in a language, "ko" or "en". One of a rule this
// version does not know stays as it is.
func (f Finding) In(lang string) Finding {
	words, ok := f.words(lang)
	if !ok {
		return f
	}
	fill := f.filler(lang)
	f.What, f.Why, f.How = fill.Replace(words.what), fill.Replace(words.why), fill.Replace(words.how)
	if f.Count == 1 && lang != "ko" {
		f.What = singular().Replace(f.What)
	}
	return f
}

// words are those of the case, else of the rule.
func (f *Finding) words(lang string) (words, bool) {
	all := englishWords()
	if lang == "ko" {
		all = koreanWords()
	}
	w, ok := all[f.Rule+"/"+f.Case]
	if !ok {
		w, ok = all[f.Rule]
	}
	return w, ok
}

// filler puts the finding's data in place of {count}, {name} and its other keys.
func (f *Finding) filler(lang string) *strings.Replacer {
	pairs := []string{"{count}", grouped(f.Count), "{name}", f.Name, "{reasons}", f.reasons(lang)}
	for _, key := range slices.Sorted(maps.Keys(f.Data)) {
		value := f.Data[key]
		switch own := f.Data[key+inKorean]; {
		case lang != "ko":
		case own != "":
			value = own
		case key == "error":
			value = AnswerIn(lang, value)
		case key == "status":
			value = cmp.Or(koreanStatuses()[value], value)
		}
		pairs = append(pairs, "{"+key+"}", value)
	}
	return strings.NewReplacer(pairs...)
}

// inKorean ends the keys of data that are another's words in Korean.
const inKorean = "_ko"

// saidBy is an error as data of a finding: error and hint, with the same in
// Korean where it has a code that somebody says in it.
func (s *Store) saidBy(err error) []string {
	data := []string{"error", eml.Visible(err.Error())}
	var p *eml.Problem
	if !errors.As(err, &p) {
		return data
	}
	if p.Hint != "" {
		data = append(data, "hint", p.Hint)
	}
	what, how, known := KoreanFault(p.Code, p.Args)
	if !known && s.Korean != nil && p.Code != "" {
		what, how, known = s.Korean(p.Code, p.Args)
	}
	if known {
		data = append(data, "error"+inKorean, what)
		if how != "" {
			data = append(data, "hint"+inKorean, how)
		}
	}
	return data
}

// reasons are why people are left out, with how many.
func (f *Finding) reasons(lang string) string {
	korean := map[string]string{"unsubscribed": "수신 거부", "topic_off": "주제 거부", "frequency": "받는 횟수", "suppressed": "발송 차단", "erased": "삭제됨", "invalid": "못 쓰는 주소", "cancelled": "취소"}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(f.Data)) {
		reason, ok := strings.CutPrefix(key, "skipped_")
		if !ok {
			continue
		}
		if word := korean[reason]; lang == "ko" && word != "" {
			reason = word
		}
		all = append(all, reason+" "+f.Data[key])
	}
	return strings.Join(all, ", ")
}

// words are a rule's what, why and how, with {keys} for what differs.
type words struct{ what, why, how string }

// grouped is a number as people read it: 12,345.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tally counts addresses or places and keeps the first ten.
type tally struct {
	n     int64
	first []string
}

func (t *tally) add(example string) {
	if t.n++; len(t.first) < examples {
		t.first = append(t.first, example)
	}
}

// found adds a finding of a rule; data are keys and values for its words. The
// pointer is good until the next one is added.
func (in *inspection) found(rule string, level Level, data ...string) *Finding {
	f := Finding{Rule: rule, Level: level, Final: level == Block && ruleOf(rule).Final}
	for i := 0; i+1 < len(data); i += 2 {
		if f.Data == nil {
			f.Data = map[string]string{}
		}
		f.Data[data[i]] = data[i+1]
	}
	in.findings = append(in.findings, f)
	return &in.findings[len(in.findings)-1]
}

// tallied adds a finding with its count and examples, if anything was counted.
func (in *inspection) tallied(rule string, level Level, t *tally, data ...string) *Finding {
	f := in.found(rule, level, data...)
	f.Count, f.Examples = t.n, t.first
	return f
}
