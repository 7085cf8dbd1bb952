package campaign

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// Limits of a template. SES takes 500 KB of stored template; the parser is
// recursive, so nesting is bounded before it sees the source.
const (
	maxSource = 1 << 20 // bytes of one part
	maxNested = 32      // blocks inside blocks
	maxParens = 16      // subexpressions inside subexpressions
)

// TemplateError is a template that does not parse: line and column from 1,
// the column in characters. Line 0 means the part as a whole.
type TemplateError struct {
	Part          string // subject, html, text
	Line, Column  int
	Message, Hint string
	Code          string   // stable, of the same in another language (template_ko.go)
	Names         []string // what it names: the block, helper or partial
}

func (e *TemplateError) Error() string {
	where := e.Part
	if e.Line > 0 {
		where = fmt.Sprintf("%s, line %d, column %d", e.Part, e.Line, e.Column)
	}
	return "template " + where + ": " + e.Message
}

// Unwrap returns the same as the *eml.Problem a person is shown.
func (e *TemplateError) Unwrap() error {
	return &eml.Problem{What: e.Error(), Hint: e.Hint, Code: templateCode + e.Code, Args: append([]string{e.Part, strconv.Itoa(e.Line), strconv.Itoa(e.Column)}, e.Names...)}
}

// tag is one {{…}} of a source, between pos and end.
type tag struct {
	pos, end int
	kind     tagKind
	name     string // first word inside: field, helper or block name
	partial  string // the partial that is defined, included or closed; "" for a tag of none
	context  string // what an included partial is given
}

type tagKind uint8

const (
	tagField        tagKind = iota // {{x}} {{{x}}} {{&x}}
	tagOpen                        // {{#x}}
	tagInverse                     // {{^x}}
	tagElse                        // {{else}} {{^}}
	tagChain                       // {{else if x}}
	tagClose                       // {{/x}}
	tagComment                     // {{! x }}
	tagPartial                     // {{> x}}
	tagPartialBlock                // {{#> x}}
	tagDefine                      // {{#*inline "x"}}
)

// scanner finds the tags of a source, so that a mistake is reported where it
// was made; the expressions inside are left to the parser.
type scanner struct {
	part   string
	source string
	pos    int
	tags   []tag
}

// scanTags returns every tag in order. Blocks are balanced when it succeeds.
func scanTags(part, source string) ([]tag, error) {
	s := &scanner{part: part, source: source}
	if len(source) > maxSource {
		return nil, &TemplateError{Code: "large", Part: part, Message: fmt.Sprintf("it has %d bytes, more than the %d allowed", len(source), maxSource),
			Hint: "Make it smaller: SES itself stops at 500 KB."}
	}
	if at := invalidUTF8(source); at >= 0 {
		return nil, s.fail(at, "utf8", "this is not valid UTF-8", "Save the file as UTF-8.")
	}
	for {
		found, err := s.next()
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
	}
	return s.tags, s.checkBlocks()
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return i
		}
	}
	return -1
}

func (s *scanner) fail(at int, code, message, hint string, names ...string) error {
	return errorAt(s.part, s.source, at, code, message, hint, names...)
}

// errorAt is a TemplateError at a byte offset of the source.
func errorAt(part, source string, at int, code, message, hint string, names ...string) error {
	line, column := lineColumn(source, at)
	return &TemplateError{Part: part, Line: line, Column: column, Message: message, Hint: hint, Code: code, Names: names}
}

// lineColumn is a byte offset for a person: from 1, the column in characters.
func lineColumn(source string, at int) (line, column int) {
	before := source[:min(at, len(source))]
	line = strings.Count(before, "\n")
	column = utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return line + 1, column + 1
}

// next steps over text to the next tag and reads it.
func (s *scanner) next() (bool, error) {
	for {
		i := strings.Index(s.source[s.pos:], "{{")
		if i < 0 {
			return false, nil
		}
		at := s.pos + i
		if at > 0 && s.source[at-1] == '\\' && (at < 2 || s.source[at-2] != '\\') {
			s.pos = at // \{{ is text
			for s.pos < len(s.source) && s.source[s.pos] == '{' {
				s.pos++
			}
			continue
		}
		return true, s.read(at)
	}
}

func (s *scanner) read(at int) error {
	rest := s.source[at:]
	switch {
	case strings.HasPrefix(rest, "{{{{"):
		return s.fail(at, "raw_block", "{{{{ }}}} (a raw block) is not supported", `Write \{{ where two braces shall stand in the mail.`)
	case strings.HasPrefix(rest, "{{!--"), strings.HasPrefix(rest, "{{~!--"):
		return s.comment(at, "--}}", "--~}}")
	case strings.HasPrefix(rest, "{{!"), strings.HasPrefix(rest, "{{~!"):
		return s.comment(at, "}}", "~}}")
	}
	inside, end, err := s.inside(at)
	if err != nil {
		return err
	}
	t := tag{pos: at, end: end}
	if err := s.classify(&t, inside); err != nil {
		return err
	}
	s.tags = append(s.tags, t)
	s.pos = end
	return nil
}

func (s *scanner) comment(at int, closes ...string) error {
	end := -1
	for _, c := range closes {
		if i := strings.Index(s.source[at:], c); i >= 0 && (end < 0 || at+i+len(c) < end) {
			end = at + i + len(c)
		}
	}
	if end < 0 {
		return s.fail(at, "comment", "this comment is never closed", "Close it with "+closes[0]+".")
	}
	s.tags = append(s.tags, tag{pos: at, end: end, kind: tagComment})
	s.pos = end
	return nil
}

// inside finds the end of the tag at at and returns what stands between its
// braces, without ~ and the inner braces of {{{ }}}.
func (s *scanner) inside(at int) (string, int, error) {
	triple := strings.HasPrefix(s.source[at:], "{{{") || strings.HasPrefix(s.source[at:], "{{~{")
	parens := 0
	for i := at + 2; i < len(s.source); i++ {
		switch c := s.source[i]; {
		case c == '"' || c == '\'':
			end := stringEnd(s.source, i)
			if end < 0 {
				return "", 0, s.fail(i, "quotation", "this quotation mark is never closed", "Close the text with the same mark, on the same line.")
			}
			i = end
		case c == '[':
			end := strings.IndexAny(s.source[i:], "]\n")
			if end < 0 || s.source[i+end] == '\n' {
				return "", 0, s.fail(i, "bracket", "this [ is never closed", "Close it with ] on the same line.")
			}
			i += end
		case c == '(':
			if parens++; parens > maxParens {
				return "", 0, s.fail(i, "parentheses", "too many ( inside each other", "Make the expression simpler.")
			}
		case strings.HasPrefix(s.source[i:], "{{") && i > at+2:
			return "", 0, s.fail(at, "open", "{{ is not closed before the next {{", "Close it with }}.")
		case strings.HasPrefix(s.source[i:], "}}"):
			return s.cut(at, i, triple)
		}
	}
	return "", 0, s.fail(at, "open", "{{ is never closed", "Close it with }}.")
}

// stringEnd is the index of the closing quotation mark, -1 if the line ends first.
func stringEnd(s string, open int) int {
	for i := open + 1; i < len(s) && s[i] != '\n'; i++ {
		if s[i] == s[open] && s[i-1] != '\\' {
			return i
		}
	}
	return -1
}

func (s *scanner) cut(at, close int, triple bool) (string, int, error) {
	end := close + 2
	if triple {
		rest := s.source[close:]
		switch {
		case strings.HasPrefix(rest, "}}}"):
			end = close + 3
		case strings.HasSuffix(s.source[:close], "}~"): // }~}}
		default:
			return "", 0, s.fail(at, "three_braces", "{{{ must be closed with }}}", "Close it with three braces, or open it with two.")
		}
	} else if strings.HasPrefix(s.source[close:], "}}}") {
		return "", 0, s.fail(at, "two_braces", "{{ is closed with three braces", "Close it with two braces, or open it with three.")
	}
	return strings.Trim(s.source[at+2:close], "~{}"), end, nil
}

// classify tells what kind of tag it is by its first character or word.
func (s *scanner) classify(t *tag, inside string) error {
	inside = strings.TrimLeft(inside, " \t\n")
	rest := inside
	switch {
	case strings.HasPrefix(inside, "#*"), strings.HasPrefix(inside, "*"):
		return s.define(t, inside)
	case strings.HasPrefix(inside, ">"):
		t.kind = tagPartial
		return s.partial(t, inside[1:])
	case strings.HasPrefix(inside, "#>"):
		t.kind = tagPartialBlock
		return s.partial(t, inside[2:])
	case strings.HasPrefix(inside, "#"):
		t.kind, rest = tagOpen, inside[1:]
	case strings.HasPrefix(inside, "/"):
		t.kind, rest = tagClose, inside[1:]
	case strings.HasPrefix(inside, "^"):
		t.kind, rest = tagInverse, inside[1:]
		if strings.TrimSpace(rest) == "" {
			t.kind = tagElse
		}
	case strings.HasPrefix(inside, "&"):
		rest = inside[1:]
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		if t.kind == tagElse {
			return nil
		}
		return s.fail(t.pos, "empty", "there is nothing between the braces", "Write the name of a field: {{Name}}.")
	}
	t.name = words[0]
	if t.kind != tagField || !strings.HasPrefix(t.name, "else") {
		return nil
	}
	if t.name != "else" {
		return s.fail(t.pos, "else_name", t.name+" cannot be used as a name: it begins with else", "Write it with a capital: field names do not depend on case.", t.name)
	}
	if t.kind = tagElse; len(words) > 1 {
		t.kind = tagChain
	}
	return nil
}

// define reads {{#*inline "x"}}, the one decorator SES has.
func (s *scanner) define(t *tag, inside string) error {
	words := strings.Fields(strings.TrimPrefix(inside, "#*"))
	if len(words) != 2 || words[0] != "inline" || len(words[1]) < 3 || !strings.ContainsAny(words[1][:1], `"'`) || words[1][len(words[1])-1] != words[1][0] {
		return s.fail(t.pos, "definition", "this is no definition of a partial", `Write {{#*inline "name"}}…{{/inline}}.`)
	}
	t.kind, t.name, t.partial = tagDefine, "inline", words[1][1:len(words[1])-1]
	return nil
}

// partial reads what stands after > in {{> x}} and {{#> x}}.
func (s *scanner) partial(t *tag, rest string) error {
	words := strings.Fields(rest)
	switch {
	case len(words) == 0 || strings.HasPrefix(words[0], "("):
		return s.fail(t.pos, "partial_name", "the name of the partial is missing", `Write {{> name}}, with {{#*inline "name"}}…{{/inline}} in the same part.`)
	case len(words) > 2 || len(words) == 2 && strings.ContainsAny(words[1], "=|("):
		return s.fail(t.pos, "partial_values", "a partial takes one context and no values", "Write {{> "+words[0]+"}}, or {{> "+words[0]+" Name}}; it sees the fields where it stands.")
	}
	t.name = words[0]
	t.partial = strings.Trim(words[0], `"'`)
	if len(words) == 2 {
		t.context = words[1]
	}
	return nil
}

// checkBlocks proves that every block is closed by its own name.
func (s *scanner) checkBlocks() error {
	type block struct {
		tag
		elseSeen bool
	}
	var open []block
	for i, t := range s.tags {
		switch t.kind {
		case tagOpen, tagInverse, tagPartialBlock, tagDefine:
			if len(open) == maxNested {
				return s.fail(t.pos, "deep", fmt.Sprintf("more than %d blocks inside each other", maxNested), "Make the template flatter.")
			}
			open = append(open, block{tag: t})
		case tagElse, tagChain:
			if len(open) == 0 || open[len(open)-1].partial != "" {
				return s.fail(t.pos, "else_outside", "{{else}} stands outside a block", "Open the block first, for example {{#if Name}}.")
			}
			if b := &open[len(open)-1]; b.elseSeen {
				return s.fail(t.pos, "else_twice", "a second {{else}} in the same block", "Take one of them out.")
			} else if t.kind == tagElse {
				b.elseSeen = true
			}
		case tagClose:
			if len(open) == 0 {
				return s.fail(t.pos, "closes_nothing", "{{/"+t.name+"}} closes nothing", "Open the block first with {{#"+t.name+"}}.", t.name)
			}
			if b := open[len(open)-1]; b.name != t.name {
				return s.fail(t.pos, "closes_other", "{{/"+t.name+"}} closes the block {{#"+b.name+"}}", "Close the inner block first: {{/"+b.name+"}}.", t.name, b.name)
			}
			s.tags[i].partial = open[len(open)-1].partial
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		b := open[len(open)-1]
		return s.fail(b.pos, "block_open", "the block {{#"+b.name+"}} is never closed", "Close it with {{/"+b.name+"}}.", b.name)
	}
	return nil
}
