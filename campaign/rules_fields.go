package campaign

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// foreign are fields as other tools write them. The group is the name.
var foreign = regexp.MustCompile(`\*\|([\pL\pN_:]+)\|\*|%%([\pL\pN_ ]+)%%|\$\{([\pL\pN_.]+)\}|\[\[([\pL\pN_ ]+)\]\]|\[\$([\pL\pN_]+)\$?\]|#\{([\pL\pN_ ]+)\}|(?:^|[^{])\{([\pL\pN_]+)\}(?:[^}]|$)|%([A-Z][A-Z_]{2,})%`)

// syntaxData is where and what a template does not parse.
func (s *Store) syntaxData(e *TemplateError) []string {
	return append(s.saidBy(e), "part", e.Part, "at", strconv.Itoa(e.Line)+":"+strconv.Itoa(e.Column), "error", e.Message)
}

func (in *inspection) judgeFields() {
	unknown := in.judgeUnknown()
	names := make([]string, 0, len(in.missing))
	for name := range in.missing {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !unknown[name] {
			in.judgeMissing(in.missing[name], in.spelled(name))
		}
	}
	for _, name := range builtin {
		if _, ok := in.def.common.values[fold(name)]; ok {
			in.found(RuleShadowedValue, Warn).Name = name
		}
	}
	in.judgeForeign()
	if in.failed.n > 0 {
		in.tallied(RuleTemplateFails, Block, &in.failed, in.store.saidBy(in.cause)...)
	}
	if in.controls.n > 0 {
		in.tallied(RuleControls, Block, &in.controls)
	}
}

// judgeUnknown finds the fields nobody has, each with its places.
func (in *inspection) judgeUnknown() map[string]bool {
	unknown := map[string]bool{}
	for _, p := range in.def.letter.programs() {
		for _, s := range p.slots {
			if unknown[s.key] || in.knows(s.key) {
				continue
			}
			unknown[s.key] = true
			level := Block
			if s.optional { // everybody gets its default: a letter without a hole
				level = Warn
			}
			places := in.places(s.key)
			f := in.found(RuleUnknownField, level, "builtin", strings.Join(builtin, ", "), "at", strings.Join(places[:min(len(places), 3)], ", "))
			if f.Name, f.Examples = s.spelled, places; level == Warn {
				f.Case = "optional"
			}
		}
		if p.raw && p.part == partHTML {
			in.found(RuleUnescaped, Warn)
		}
	}
	return unknown
}

// places are where a field is used: "html 12:5".
func (in *inspection) places(key string) []string {
	var all []string
	for _, part := range []struct{ name, source string }{{partSubject, in.template.Subject}, {partHTML, in.template.HTML}, {partText, in.template.Text}} {
		tags, err := scanTags(part.name, part.source)
		if err != nil {
			continue
		}
		for _, t := range tags {
			if len(all) < examples && slices.Contains(fieldWords(part.source[t.pos:t.end]), key) {
				line, column := lineColumn(part.source, t.pos)
				all = append(all, part.name+" "+strconv.Itoa(line)+":"+strconv.Itoa(column))
			}
		}
	}
	return all
}

// fieldWords are the folded words of a tag outside of quotation marks.
func fieldWords(tag string) []string {
	quote := rune(0)
	return strings.FieldsFunc(fold(tag), func(r rune) bool {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
			return true
		case r == '"' || r == '\'':
			quote = r
			return true
		}
		return strings.ContainsRune("{}~&#^/()| \t\n", r)
	})
}

// judgeMissing tells a field that people lack from one the operator has not set.
func (in *inspection) judgeMissing(t *tally, name string) {
	setting := fold(name)
	if setting == "company" || setting == "address" || setting == "phone" {
		in.found(RuleMissingSetting, Block, "setting", setting, "variable", "PABAL_CAMPAIGN_"+strings.ToUpper(setting)).Name = name
		return
	}
	in.tallied(RuleMissingValue, Block, t).Name = name
}

// judgeForeign finds fields written as another tool would have them: {Name}
// would be mailed to everybody as it stands there.
func (in *inspection) judgeForeign() {
	var ours, others tally
	for _, text := range []string{in.letter.subject, in.reader} {
		for _, m := range foreign.FindAllStringSubmatch(text, -1) {
			name := ""
			for _, group := range m[1:] {
				name += group
			}
			if in.knows(fold(strings.TrimSpace(name))) {
				ours.add(strings.TrimSpace(m[0]))
			} else {
				others.add(strings.TrimSpace(m[0]))
			}
		}
	}
	if ours.n > 0 {
		in.tallied(RuleForeignField, Block, &ours)
	}
	if others.n > 0 {
		in.tallied(RuleForeignField, Warn, &others).Case = "other"
	}
}

func (in *inspection) knows(key string) bool {
	_, value := in.def.common.values[key]
	return value || in.known[key] || isBuiltin(key) && (key != "viewurl" || in.def.views)
}

func (in *inspection) spelled(key string) string {
	for _, name := range in.def.letter.shown {
		if fold(name) == key {
			return name
		}
	}
	return key
}
