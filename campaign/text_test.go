package campaign

import (
	"strings"
	"testing"
)

func TestTextOfHTML(t *testing.T) {
	for _, c := range []struct{ name, html, want string }{
		{"link", `<p>지금 <a href="https://shop.example.com/">쇼핑하기</a>.</p>`, "지금 쇼핑하기 (https://shop.example.com/)."},
		{"bare link", `<a href="https://a.example/">https://a.example/</a>`, "https://a.example/"},
		{"image link", `<a href="https://a.example/"><img alt="새 상품"></a>`, "새 상품 (https://a.example/)"},
		{"empty link", `<p>x <a href="https://a.example/"></a></p>`, "x https://a.example/"},
		{"cells", `<table><tr><td>가격</td><td>10,000원</td></tr><tr><th>수량</th><td>2</td></tr></table>`, "가격 10,000원\n수량 2"},
		{"paragraphs", "<h1>제목</h1>\n<p>하나</p><p>둘<br>셋</p>", "제목\n\n하나\n\n둘\n셋"},
		{"list", `<ul><li>하나</li><li>둘</li></ul>`, "- 하나\n- 둘"},
		{"dropped", `<head><title>t</title><style>p{}</style></head><script>x</script><!-- c --><p>본문</p>`, "본문"},
		{"preheader", `<div style="display: none">숨김</div>보임`, "보임"},
		{"hidden in other ways", `<table><tr><td style="max-height:0px; overflow:hidden">a</td></tr></table><p style="VISIBILITY: hidden">b</p><a hidden href="https://x/">c</a><i style="opacity: 0 !important">d</i>보임`, "보임"},
		{"not hidden", `<table><tr><td style="font-size:0;max-height:10px;opacity:0.5"><span style="font-size:14px">보임</span></td></tr></table>`, "보임"},
		{"padding", "<p>미리보기&#847;&zwnj;&nbsp;&#8203;&shy;&#65279; 끝</p>", "미리보기 끝"},
		{"joined emoji", "<p>👨‍👩‍👧</p>", "👨‍👩‍👧"},
		{"numbers", `<ol><li>하나</li><li>둘</li></ol><ol start="5"><li>다섯</li></ol>`, "1. 하나\n2. 둘\n\n5. 다섯"},
		{"list in a list", `<ul><li>하나<ol><li>가</li><li>나</li></ol></li><li>둘</li></ul>`, "- 하나\n  1. 가\n  2. 나\n- 둘"},
		{"image map", `<img src="x" alt="가을 신상" usemap="#m"><map name="m"><area href="https://a.example/1" alt="니트"><area href="https://a.example/2" alt="코트"></map>`,
			"가을 신상\n니트 (https://a.example/1)\n코트 (https://a.example/2)"},
		{"nested tables", `<table><tr><td><table><tr><td>왼쪽</td></tr><tr><td>아래</td></tr></table></td><td><table><tr><td>오른쪽</td></tr></table></td></tr></table>`, "왼쪽\n아래\n오른쪽"},
		{"for Outlook only", `<!--[if mso]><table><tr><td>안 보임</td></tr></table><![endif]--><!--[if !mso]><!--><p>보임</p><!--<![endif]-->`, "보임"},
		{"entities", `a&nbsp;&amp; &lt;b&gt;`, "a & <b>"},
		{"space", "a <b> b </b>\n c", "a b c"},
		{"mail", `<a href="mailto:a@example.com">문의</a>`, "문의 (a@example.com)"},
		{"pre", "<pre>a\n  b</pre>", "a\n  b"},
	} {
		if got, err := htmlToText(c.html); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v\nwant %q", c.name, got, err, c.want)
		}
	}
}

func TestTextTemplateKeepsTags(t *testing.T) {
	for _, c := range []struct{ html, want string }{
		{`<p>안녕 {{Name}}님</p>`, "안녕 {{Name}}님"},
		{`<a href="{{UnsubscribeURL}}">거부</a>`, "거부 ({{UnsubscribeURL}})"},
		{`<a href="https://x/?n={{default Name "a"}}">x</a>`, `x (https://x/?n={{default Name "a"}})`},
		{`<table>{{#each Items}}<tr><td>{{t}}</td></tr>{{/each}}</table>`, "{{#each Items}}{{t}}\n{{/each}}"},
		{`<p>a</p>{{#if x}}<p>b</p>{{else}}c{{/if}}<p>d</p>`, "a\n\n{{#if x}}b\n\n{{else}}c{{/if}}\n\nd"},
		{`{{#if x}}<p>a</p>{{/if}}<p>b</p>`, "{{#if x}}a\n\n{{/if}}b"},
		{`<p>a {{#if x}}b{{else}}c{{/if}} d</p>`, "a {{#if x}}b{{else}}c{{/if}} d"},
		{`<p>a</p>{{#*inline "x"}}<p>in</p>{{/inline}}<p>b</p>{{> x}}`, "a\n\nb\n\nin"},
		{`<a href="tel:{{Phone}}">{{Phone}}</a>`, "{{Phone}}"},
		{`<ol>{{#each Items}}<li>{{t}}</li>{{/each}}</ol>`, "{{#each Items}}- {{t}}\n{{/each}}"},
		{`<!--[if mso]><p>{{a}}</p><![endif]--><p>b</p>`, "b"},
		{"<h1>a</h1>\n{{~#if x~}}\n<p>b</p>\n{{~else~}} <p>c</p>\n{{~/if~}}\n<p>d</p>", "a\n\n{{#if x}}b\n\n{{else}}c\n\n{{/if}}d"},
		{"<p>a {{~Name~}} b {{~{raw}~}} c {{~! note ~}} d</p>", "a{{Name}}b{{{raw}}}cd"},
		{`<a href="{{Site}}">{{~Site~}}</a>`, "{{Site}}"},
		{`<td class="{{#if a}}x{{/if}}">y</td>`, "y"},
		{`<p>{{! note }}\{{x}}</p>`, `\{{x}}`},
		{"<p>\uE0000\uE001{{a}}</p>", "0{{a}}"},
		{`<style>{{a}}</style><!-- {{b}} --><p>c</p>`, "c"},
	} {
		got, err := textTemplate(c.html)
		if err != nil || got != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.html, got, err, c.want)
		}
	}
}

// A value printed as HTML on purpose is text in the text part.
func TestTextPartOfMarkupValue(t *testing.T) {
	l, err := compile(Template{Subject: "s", HTML: `<p>{{{Body}}}</p>`})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"굵게", "둘째"} {
		got, err := l.fill(bag{"body": "<b>" + want + "</b>"})
		if err != nil || got.text != want || got.html != "<p><b>"+want+"</b></p>" {
			t.Errorf("got %+v, %v, want %q", got, err, want)
		}
	}
}

func TestTemplateWithoutPartsIsRefused(t *testing.T) {
	for _, bad := range []Template{{Subject: "s"}, {HTML: "x"}, {Subject: "s", HTML: `<div style="display:none">{{#if a}}</div>x{{/if}}`}} {
		if _, err := compile(bad); err == nil {
			t.Errorf("%+v compiled", bad)
		}
	}
}

func FuzzHTMLToText(f *testing.F) {
	for _, s := range []string{"<p>{{a}}</p>", "<table>{{#if a}}<tr><td>{{b}}{{/if}}", "<a href='{{x}}'>", "<!--{{x}}-->", "\uE0001\uE001", "<svg><p>", "\\{{{{x}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if _, err := htmlToText(source); err != nil {
			t.Fatal(err)
		}
		made, err := textTemplate(source)
		if err != nil {
			return
		}
		tags, err := scanTags(partText, made)
		if err != nil {
			return // blocks cut apart by hidden elements: reported to the author
		}
		if before, _ := scanTags(partHTML, source); len(tags) > 2*len(before) {
			t.Fatalf("%q: %d tags became %d in %q", source, len(before), len(tags), made)
		}
		if strings.ContainsAny(made, "\uE000\uE001") && !strings.ContainsAny(source, "\uE000\uE001&") {
			t.Fatalf("%q: marks left in %q", source, made)
		}
	})
}
