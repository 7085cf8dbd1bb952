package campaign

import (
	"errors"
	"strings"
	"testing"
	"testing/quick"
)

func TestPartialsAreWrittenOut(t *testing.T) {
	fields := bag{"firstname": "민지", "lastname": "김", "list": `["가","나"]`, "who": `{"name":"서준"}`}
	for _, c := range []struct{ name, source, want string }{
		{"SES's own way of writing it", `{{#* inline "fullName"}}{{firstName}}{{#if lastName}} {{lastName}}{{/if}}{{/inline~}}` + "\nHello {{> fullName}}!", "Hello 민지 김!"},
		{"used before its definition", `{{> a}}{{#*inline "a"}}x{{/inline}}`, "x"},
		{"a partial in a partial", `{{#*inline "a"}}<{{> b}}>{{/inline}}{{#*inline "b"}}y{{/inline}}{{> a}}`, "<y>"},
		{"inside a loop it sees the item", `{{#*inline "li"}}<li>{{this}}</li>{{/inline}}{{#each list}}{{> li}}{{/each}}`, "<li>가</li><li>나</li>"},
		{"a context of its own", `{{#*inline "n"}}{{name}}{{/inline}}{{> n who}}`, "서준"},
		{"this as the context changes nothing", `{{#*inline "n"}}{{firstName}}{{/inline}}{{> n this}}`, "민지"},
		{"a definition holds in its block only", `{{#*inline "a"}}1{{/inline}}{{#if firstName}}{{#*inline "a"}}2{{/inline}}{{> a}}{{/if}}{{> a}}`, "21"},
		{"a partial block stands for itself", `{{#> nothere}}own {{firstName}}{{/nothere}}`, "own 민지"},
		{"a partial block gives way", `{{#*inline "a"}}x{{/inline}}{{#> a}}own{{/a}}`, "x"},
		{"a layout takes its block", `{{#*inline "box"}}[{{> @partial-block}}]{{/inline}}{{#> box}}in{{/box}}`, "[in]"},
		{"a layout takes definitions of its block", `{{#*inline "page"}}({{> nav}}){{/inline}}{{#> page}}{{#*inline "nav"}}home{{/inline}}{{/page}}`, "(home)"},
		{"two layouts inside each other", `{{#*inline "box"}}[{{> @partial-block}}]{{/inline}}{{#> box}}a{{#> box}}b{{/box}}{{/box}}`, "[a[b]]"},
		{"lines that hold nothing else leave nothing", "a\n{{#*inline \"x\"}}\nline\n{{/inline}}\nb\n{{> x}}\nc", "a\nb\nline\nc"},
		{"~ takes white space", "a  {{~> x ~}}  b{{#*inline 'x'}}-{{/inline}}", "a-b"},
		{"escaped as ever", `{{#*inline "a"}}{{x}}{{{x}}}{{/inline}}{{> a}}`, "&lt;b&gt;<b>"},
	} {
		fields["x"] = "<b>"
		p, err := parseProgram(partHTML, c.source, true)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, _, err := p.append(nil, fields)
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q gave %q, %v; want %q", c.name, c.source, out, err, c.want)
		}
	}
}

func TestPartialMistakesHaveTheirPlace(t *testing.T) {
	for _, c := range []struct {
		source    string
		line, col int
		word      string
	}{
		{"a\n {{> footer}}", 2, 2, "no partial called footer"},
		{`{{#*inline "a"}}{{> a}}{{/inline}}` + "\n{{> a}}", 1, 17, "includes itself"},
		{`{{#*inline "a"}}x`, 1, 1, "never closed"},
		{`{{#*inline a}}x{{/inline}}`, 1, 1, "no definition"},
		{`{{#*other "a"}}x{{/other}}`, 1, 1, "no definition"},
		{`{{> (lookup . "x")}}`, 1, 1, "name of the partial"},
		{`{{> a b=c}}`, 1, 1, "no values"},
		{`{{> @partial-block}}`, 1, 1, "no block"},
		{`{{#*inline "a"}}{{else}}{{/inline}}`, 1, 17, "outside a block"},
		{`{{#*inline "a"}}b{{/inline}}` + "\n\n{{> a}} {{shout Name}}", 3, 9, "no helper called shout"},
		{`{{#*inline "a"}}` + "\n{{shout Name}}{{/inline}}\n{{> a}}", 2, 1, "no helper called shout"},
	} {
		_, err := parseProgram(partHTML, c.source, true)
		var te *TemplateError
		if !errors.As(err, &te) || te.Line != c.line || te.Column != c.col || !strings.Contains(te.Message, c.word) || te.Hint == "" {
			t.Errorf("%q: got %v, want %d:%d …%s…", c.source, err, c.line, c.col, c.word)
		}
	}
}

// A template of a few hundred bytes must not become one of gigabytes, nor keep
// the parser busy while it becomes nothing.
func TestPartialsAreBounded(t *testing.T) {
	for _, body := range []string{"", strings.Repeat("x", 1000)} {
		var source strings.Builder
		for i := range 15 {
			source.WriteString(`{{#*inline "p` + string(rune('a'+i)) + `"}}` + strings.Repeat("{{> p"+string(rune('b'+i))+"}}", 9) + body + `{{/inline}}`)
		}
		source.WriteString(`{{#*inline "pp"}}{{/inline}}{{> pa}}`)
		if _, err := parseProgram(partHTML, source.String(), true); err == nil {
			t.Errorf("body of %d bytes: nine to the fifteenth partials were written out", len(body))
		}
	}
}

func TestPartialsAreInTheTextPartToo(t *testing.T) {
	got, err := textTemplate(`<p>{{> hi}}</p>{{#*inline "hi"}}<b>{{Name}}</b>님{{/inline}}`)
	if err != nil || got != "{{Name}}님" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestPlacesInAnExpandedPartAreThoseOfTheOriginal(t *testing.T) {
	check := func(a, b string) bool {
		clean := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r == '{' || r == '}' || r == '\\' || r == 0xFFFD {
					return 'x'
				}
				return r
			}, s)
		}
		source := clean(a) + `{{#*inline "p"}}` + clean(b) + `{{/inline}}` + clean(b) + "{{> p}}END"
		e, err := expand(partText, source)
		return err == nil && e.where(strings.LastIndex(e.source, "END")) == strings.LastIndex(source, "END")
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
}
