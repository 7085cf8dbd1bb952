package campaign

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mailgun/raymond/v2"
	"pgregory.net/rapid"
)

// bag is a source of fields for tests, by folded name.
type bag map[string]string

func (b bag) lookup(key, _ string) (string, bool) { v, ok := b[key]; return v, ok }

func render(t *testing.T, part, source string, fields bag) (string, []string) {
	t.Helper()
	p, err := parseProgram(part, source, part == partHTML)
	if err != nil {
		t.Fatalf("parse %q: %v", source, err)
	}
	out, missing, err := p.append(nil, fields)
	if err != nil {
		t.Fatalf("run %q: %v", source, err)
	}
	return string(out), missing
}

func TestTemplateRenders(t *testing.T) {
	fields := bag{"name": "김<b>철수</b>", "gender": "female", "body": "첫 줄\n둘째 & 줄", "coupon": "WELCOME",
		"empty": "", "items": `[{"title":"코트","price":1000},{"title":"셔츠","price":20.5}]`, "shop": "javascript:alert(1)",
		"link": "https://shop.example.com/?a=1&b=2", "내 이름": "영희"}
	for _, c := range []struct{ part, source, want, missing string }{
		{partHTML, `<p>{{Name}}</p>`, `<p>김&lt;b&gt;철수&lt;/b&gt;</p>`, ""},
		{partHTML, `{{nAmE}} {{NAME}}`, `김&lt;b&gt;철수&lt;/b&gt; 김&lt;b&gt;철수&lt;/b&gt;`, ""},
		{partText, `{{Name}}`, `김<b>철수</b>`, ""},
		{partSubject, `{{Name}} & {{default Nick "A&B"}}`, `김<b>철수</b> & A&B`, ""},
		{partHTML, `{{default Nick "A&B"}}`, `A&amp;B`, ""},
		{partHTML, `{{default Nick Other Coupon}}`, `WELCOME`, ""},
		{partHTML, `{{{Name}}}|{{&Name}}`, `김<b>철수</b>|김<b>철수</b>`, ""},
		{partHTML, `<p>{{Body}}</p>`, "<p>첫 줄<br>\n둘째 &amp; 줄</p>", ""},
		{partHTML, `<p title="{{Body}}">`, `<p title="첫 줄 둘째 &amp; 줄">`, ""},
		{partText, `{{Body}}`, "첫 줄\n둘째 & 줄", ""},
		{partHTML, `<a href="{{Shop}}">`, `<a href="#">`, ""},
		{partHTML, `<a href='{{Link}}'>`, `<a href='https://shop.example.com/?a=1&amp;b=2'>`, ""},
		{partHTML, `<a href="https://x/{{Shop}}">{{Shop}}`, `<a href="https://x/javascript:alert(1)">javascript:alert(1)`, ""},
		{partHTML, `<a href={{Shop}}>`, `<a href=#>`, ""},
		{partHTML, `<a href="{{#if Nick}}x{{else}}{{Shop}}{{/if}}">`, `<a href="#">`, ""},
		{partHTML, `<!-- > <a href="{{Shop}}" -->{{Body}}`, "<!-- > <a href=\"javascript:alert(1)\" -->첫 줄<br>\n둘째 &amp; 줄", ""},
		{partHTML, `{{#if (eq Gender "female")}}여{{else}}남{{/if}}`, `여`, ""},
		{partHTML, `{{#if Nick}}{{Nick}}{{else if Coupon}}c{{else}}n{{/if}}`, `c`, ""},
		{partHTML, `{{#unless Nick}}none{{/unless}}`, `none`, ""},
		{partHTML, `{{#each Items}}{{@index}}:{{title}} {{price}} {{Coupon}};{{/each}}`, `0:코트 1000 WELCOME;1:셔츠 20.5 WELCOME;`, ""},
		{partHTML, `{{#each Items as |it i|}}{{i}}{{it.title}}{{#unless @last}},{{/unless}}{{/each}}`, `0코트,1셔츠`, ""},
		{partHTML, `{{#each Nothing}}x{{else}}empty{{/each}}`, `empty`, ""},
		{partHTML, `{{#with Coupon}}[{{this}}]{{/with}}`, `[WELCOME]`, ""},
		{partHTML, `{{Items.[1].title}} {{Items.length}}`, `셔츠 2`, ""},
		{partHTML, `{{lookup this "coupon"}}`, `WELCOME`, ""},
		{partHTML, `{{[내 이름]}}`, `영희`, ""},
		{partHTML, `a {{! note }}{{!-- }} --}}b`, `a b`, ""},
		{partHTML, `a  {{~Coupon~}}  b`, `aWELCOMEb`, ""},
		{partHTML, `\{{Name}}`, `{{Name}}`, ""},
		{partHTML, `{{Empty}}.`, `.`, ""},
		{partHTML, `{{Nick}}{{nick}} {{Age}}`, ` `, "Nick Age"},
		{partHTML, `{{#if Nick}}{{Nick}}{{/if}}`, ``, ""},
		{partHTML, `<style>@media{a{b:c}}</style>{{Coupon}}`, `<style>@media{a{b:c}}</style>WELCOME`, ""},
		{partHTML, `{{@root.Coupon}}`, `WELCOME`, ""},
	} {
		got, missing := render(t, c.part, c.source, fields)
		if got != c.want || strings.Join(missing, " ") != c.missing {
			t.Errorf("%s %q:\n got %q missing %v\nwant %q missing %q", c.part, c.source, got, missing, c.want, c.missing)
		}
	}
}

// Data that looks like a template stays data.
func TestTemplateNeverRunsData(t *testing.T) {
	for _, source := range []string{`{{Name}}`, `{{{Name}}}`, `{{default Name "x"}}`, `{{#with Name}}{{this}}{{/with}}`} {
		if got, _ := render(t, partHTML, source, bag{"name": "{{Secret}}{{#if x}}", "secret": "leak"}); got != "{{Secret}}{{#if x}}" {
			t.Errorf("%s: got %q", source, got)
		}
	}
}

func TestTemplateErrorsHavePlaceAndHint(t *testing.T) {
	for _, c := range []struct {
		source    string
		line, col int
		word      string
	}{
		{"안녕 {{Name", 1, 4, "never closed"},
		{"a\n  {{Name} {{b}}", 2, 3, "not closed before"},
		{"{{#if Name}}\nx", 1, 1, "never closed"},
		{"x{{/if}}", 1, 2, "closes nothing"},
		{"{{#if a}}\n{{#each b}}{{/if}}", 2, 12, "closes the block"},
		{"{{else}}", 1, 1, "outside a block"},
		{"{{#if a}}{{else}}{{else}}{{/if}}", 1, 18, "second"},
		{"a\nb {{shout Name}}", 2, 3, "no helper called shout"},
		{"{{#shout Name}}{{/shout}}", 1, 1, "no helper called shout"},
		{"{{log}}", 1, 1, "no helper called log"},
		{"{{#if (loud Name)}}{{/if}}", 1, 7, "no helper called loud"},
		{"{{#eq a b}}{{/eq}}", 1, 1, "not a block"},
		{"{{if a}}", 1, 1, "is a block"},
		{"{{#if}}{{/if}}", 1, 1, "takes one value"},
		{"{{eq a}}", 1, 1, "takes two values"},
		{"{{}}", 1, 1, "nothing between"},
		{"{{> footer}}", 1, 1, "no partial called footer"},
		{"{{{Name}}", 1, 1, "closed with }}}"},
		{"{{Name}}}", 1, 1, "three braces"},
		{"{{default Name \"x}}", 1, 16, "quotation mark"},
		{"{{Name!}}", 1, 1, "cannot be read"},
		{"{{!-- x", 1, 1, "comment"},
		{"{{{{raw}}}}", 1, 1, "raw block"},
		{"{{elsewhere}}", 1, 1, "begins with else"},
		{"\xff{{Name}}", 1, 1, "UTF-8"},
		{strings.Repeat("{{#if a}}", 40), 1, 1 + 32*9, "inside each other"},
	} {
		_, err := parseProgram(partHTML, c.source, true)
		var te *TemplateError
		if !errors.As(err, &te) {
			t.Errorf("%q: got %v, want a *TemplateError", c.source, err)
			continue
		}
		if te.Line != c.line || te.Column != c.col || !strings.Contains(te.Message, c.word) || te.Hint == "" || te.Part != partHTML {
			t.Errorf("%q: got %d:%d %q hint %q, want %d:%d …%s…", c.source, te.Line, te.Column, te.Message, te.Hint, c.line, c.col, c.word)
		}
	}
}

func TestTemplateBoundsOutputAndSteps(t *testing.T) {
	big := bag{"x": strings.Repeat("가", 100_000), "list": "[" + strings.Repeat("1,", 200) + "1]"}
	for source, want := range map[string]error{
		strings.Repeat("{{x}}", 10): errOutput,
		"{{#each list}}{{#each ../list}}{{#each ../../list}}{{/each}}{{/each}}{{/each}}": errSteps,
	} {
		p, err := parseProgram(partHTML, source, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.append(nil, big); !errors.Is(err, want) {
			t.Errorf("%.40q: got %v, want %v", source, err, want)
		}
	}
}

// The module's own evaluator is the oracle: whatever both can do comes out the same.
func TestTemplateAgreesWithTheModule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := drawTemplate(t, 0)
		fields := bag{}
		context := map[string]any{}
		for _, name := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, "has") {
				fields[name] = rapid.SampledFrom([]string{"", "x", "<i>&\"", "한글", "0", "{{b}}"}).Draw(t, "value")
				context[name] = fields[name]
			}
		}
		p, err := parseProgram(partHTML, source, true)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		got, _, err := p.append(nil, fields)
		if err != nil {
			t.Fatal(err)
		}
		if want := oracle(t, source, context); string(got) != want {
			t.Fatalf("%q with %v:\n got %q\nwant %q", source, fields, got, want)
		}
	})
}

func oracle(t *rapid.T, source string, context map[string]any) string {
	tpl, err := raymond.Parse(source)
	if err != nil {
		t.Fatalf("%q: %v", source, err)
	}
	tpl.RegisterHelper("eq", func(a, b any) any { return raymond.Str(a) == raymond.Str(b) })
	tpl.RegisterHelper("default", func(a, b any) any {
		if raymond.IsTrue(a) {
			return a
		}
		return b
	})
	out, err := tpl.Exec(context)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out, "&apos;", "&#39;")
}

func drawTemplate(t *rapid.T, depth int) string {
	var b strings.Builder
	field := rapid.SampledFrom([]string{"a", "b", "c"})
	for range rapid.IntRange(0, 5).Draw(t, "statements") {
		kind := rapid.IntRange(0, 12).Draw(t, "kind")
		if depth > 2 {
			kind %= 7
		}
		strip := rapid.SampledFrom([]string{"", "", "", "~"}).Draw(t, "strip")
		f := field.Draw(t, "field")
		switch kind {
		case 0, 1, 2:
			b.WriteString(rapid.SampledFrom([]string{"text ", "\n", "  \n ", "<b>", "x}} ", "한글 ", " "}).Draw(t, "text"))
		case 3:
			fmt.Fprintf(&b, "{{%s%s}}", strip, f)
		case 4:
			fmt.Fprintf(&b, "{{{%s}}}", f)
		case 5:
			fmt.Fprintf(&b, "{{default %s \"d<e\"%s}}", f, strip)
		case 6:
			b.WriteString("{{! note }}")
		case 7:
			fmt.Fprintf(&b, "{{#if %s%s}}%s{{/if}}", f, strip, drawTemplate(t, depth+1))
		case 8:
			fmt.Fprintf(&b, "{{#if (eq %s \"x\")}}%s{{%selse}}%s{{/if}}", f, drawTemplate(t, depth+1), strip, drawTemplate(t, depth+1))
		case 9:
			fmt.Fprintf(&b, "{{#unless %s}}%s{{/unless%s}}", f, drawTemplate(t, depth+1), strip)
		case 10:
			fmt.Fprintf(&b, "{{#with %s}}%s[{{this}}]{{else}}%s{{/with}}", f, drawTemplate(t, depth+1), drawTemplate(t, depth+1))
		case 11:
			fmt.Fprintf(&b, "{{#if %s}}1{{else if %s}}%s{{else}}3{{/if}}", f, field.Draw(t, "second"), drawTemplate(t, depth+1))
		case 12:
			fmt.Fprintf(&b, "{{^%s}}%s{{/%s}}", f, drawTemplate(t, depth+1), f)
		}
	}
	return b.String()
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{Name}}", "{{#if (eq a \"b\")}}x{{else}}y{{/if}}", "{{{x}}}{{&y}}", "{{#each l as |a i|}}{{a.[0]}}{{@index}}{{/each}}",
		"\\{{x}} {{!-- }} --}}", "{{~#with a~}}{{../b}}{{/with}}", "<a href=\"{{x}}\">", "{{lookup this 1.5}}", "{{^a}}{{/a}}", "{{#*inline \"p\"}}{{> @partial-block}}{{/inline}}{{#> p}}x{{/p}}{{~> p x}}"} {
		f.Add(s, "[1,{\"x\":\"y\"}]")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		for _, part := range []string{partHTML, partText} {
			p, err := parseProgram(part, source, part == partHTML)
			var te *TemplateError
			if err != nil && (!errors.As(err, &te) || te.Hint == "" || te.Line < 1) {
				t.Fatalf("%q: error without place or hint: %#v", source, err)
			}
			if err != nil {
				continue
			}
			if _, _, err := p.append(nil, bag{"x": value, "l": value, "a": value}); err != nil && !errors.Is(err, errOutput) && !errors.Is(err, errSteps) {
				t.Fatalf("%q: %v", source, err)
			}
		}
	})
}
