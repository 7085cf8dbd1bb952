package campaign

import (
	"errors"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pabal/eml"
)

// codesInSource are the codes of every TemplateError this package makes.
func codesInSource(t *testing.T) map[string]bool {
	t.Helper()
	codes := map[string]bool{}
	for _, file := range []string{"template_scan.go", "template_parse.go", "template_expr.go", "template_partial.go", "letter.go", "image.go"} {
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		take := func(e ast.Expr) {
			if l, ok := e.(*ast.BasicLit); ok && l.Kind == gotoken.STRING {
				code, _ := strconv.Unquote(l.Value)
				codes[code] = true
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				switch fn := n.Fun.(type) {
				case *ast.SelectorExpr:
					if fn.Sel.Name == "fail" {
						take(n.Args[1])
					}
				case *ast.Ident:
					if fn.Name == "errorAt" {
						take(n.Args[3])
					}
				}
			case *ast.CompositeLit:
				if name, ok := n.Type.(*ast.Ident); ok && name.Name == "TemplateError" {
					for _, e := range n.Elts {
						if kv := e.(*ast.KeyValueExpr); kv.Key.(*ast.Ident).Name == "Code" {
							take(kv.Value)
						}
					}
				}
			}
			return true
		})
	}
	return codes
}

// Every mistake of a template is said in Korean, and nothing else is.
func TestEveryMistakeOfATemplateIsSaidInKorean(t *testing.T) {
	codes := codesInSource(t)
	for code := range codes {
		if f := koreanFaults()[code]; f.what == "" || f.how == "" {
			t.Errorf("%s is not said", code)
		}
	}
	for code := range koreanFaults() {
		if !codes[code] {
			t.Errorf("%s is no code", code)
		}
	}
	latin := regexp.MustCompile(`\b(this|the|is|never|write|close|open)\b`)
	for source, want := range map[string]string{
		"{{#if Name}}x":                      "HTML 1행 1번째 글자: {{#if}} 블록이 닫히지 않았습니다 | {{/if}}로 닫으세요.",
		"가\n나 {{/each}}":                     "HTML 2행 3번째 글자: {{/each}}가 닫을 블록이 없습니다 | 먼저 {{#each}}로 여세요.",
		"{{#if A}}{{#each B}}{{/if}}":        "HTML 1행 21번째 글자: {{/if}}가 {{#each}} 블록을 닫습니다 | 안쪽 블록부터 닫으세요: {{/each}}",
		"{{shout Name}}":                     "HTML 1행 1번째 글자: shout(이)라는 기능은 없습니다 | ",
		"{{> foot}}":                         "HTML 1행 1번째 글자: foot(이)라는 조각(partial)이 없습니다 | ",
		"{{Name":                             "HTML 1행 1번째 글자: {{가 닫히지 않았습니다 | }}로 닫으세요.",
		"{{}}":                               "HTML 1행 1번째 글자: 중괄호 안이 비어 있습니다 | ",
		"x" + strings.Repeat("y", maxSource): "HTML: 너무 큽니다(1 MB 초과) | ",
	} {
		_, err := compile(Template{Subject: "s", HTML: source})
		var p *eml.Problem
		if !errors.As(err, &p) {
			t.Errorf("%.40q: %v", source, err)
			continue
		}
		what, how, known := KoreanFault(p.Code, p.Args)
		if got := what + " | " + how; !known || !strings.HasPrefix(got, want) || latin.MatchString(got) {
			t.Errorf("%.40q: got %q, want %q", source, got, want)
		}
	}
	if _, _, known := KoreanFault("unreachable", nil); known {
		t.Error("a code of somebody else is known")
	}
}

// What the source of the customers and the parser say stands in a finding in
// the language it is read in, and only there.
func TestFindingsQuoteOthersInTheReadersLanguage(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 3)
	h.store.Korean = func(code string, _ []string) (string, string, bool) {
		return "고객 표가 없음", "표를 되살리세요.", code == "table"
	}
	c := h.draft(t, simple, Campaign{})
	h.store.Source = &customers{err: &eml.Problem{What: "the table is not there", Hint: "bring it back", Code: "table"}}
	_, found := findings(t, h, c)
	f := found[RuleNotInStep]
	if ko := f.In("ko"); ko.Why != "고객 표가 없음" || !strings.HasSuffix(ko.How, "표를 되살리세요.") || strings.Contains(ko.How, "bring") {
		t.Errorf("in Korean: %+v", ko)
	}
	if en := f.In("ko").In("en"); en.Why != "the table is not there" || en.How != "bring it back" {
		t.Errorf("in English: %+v", en)
	}
	_, broken := compile(Template{Subject: "s", HTML: "{{#if Name}}x"})
	var fault *TemplateError
	errors.As(broken, &fault)
	p, err := h.store.unreadable(t.Context(), c, fault)
	if err != nil {
		t.Fatal(err)
	}
	if ko := p.Findings[0].In("ko"); ko.Why != "HTML 1행 1번째 글자: {{#if}} 블록이 닫히지 않았습니다" || ko.How != "{{/if}}로 닫으세요." {
		t.Errorf("template: %+v", ko)
	}
	if en := p.Findings[0]; en.Why != "the block {{#if}} is never closed" || !strings.Contains(en.What, "html 1:1") {
		t.Errorf("template: %+v", en)
	}
}
