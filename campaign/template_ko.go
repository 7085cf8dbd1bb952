package campaign

import (
	"slices"
	"strings"

	"pabal/eml"
)

// templateCode is what the codes of a TemplateError begin with as an
// eml.Problem, whose Args are the part, its line and column (0 for the part as a
// whole), and what the mistake names.
const templateCode = "template_"

// fault is what is wrong and what to do, {1} and {2} for what it names.
type fault struct{ what, how string }

// koreanFaults are the mistakes of templates by their codes.
func koreanFaults() map[string]fault {
	return map[string]fault{
		"value":          {"여기에는 값이 올 수 없습니다", "필드, 따옴표로 묶은 글, 숫자 가운데 하나를 쓰세요."},
		"is_block":       {"{1}은(는) 블록입니다", "{{#{1} …}}…{{/{1}}}로 쓰세요."},
		"no_helper":      {"{1}(이)라는 기능은 없습니다", "default, eq, lookup, if, unless, each, with만 쓸 수 있습니다. 이름에 빈칸이 있는 필드는 {{[이름 …]}}으로 쓰세요."},
		"two_values":     {"{1}에는 값이 두 개 필요합니다", "예: {{default Name \"고객\"}}, (eq Gender \"female\"), {{lookup this \"Name\"}}"},
		"one_value":      {"{{#{1}}}에는 값이 하나만 옵니다", "{{#{1} Name}}으로 쓰세요. 비교는 {{#if (eq Gender \"female\")}}입니다."},
		"no_block":       {"{1}은(는) 블록이 아닙니다", "블록 안에 쓰세요: {{#if (eq Gender \"female\")}}…{{/if}}"},
		"unreadable":     {"읽을 수 없습니다", "괄호와 따옴표를 확인하세요: {{Name}}, {{default Name \"고객\"}}, {{#if Name}}…{{/if}}"},
		"not_here":       {"여기에는 쓸 수 없습니다", "이 부분을 풀어서 쓰세요."},
		"literal":        {"중괄호 안에 글이나 숫자만 있습니다", "중괄호 없이 쓰세요."},
		"partials_large": {"끼워 넣은 조각(partial)을 펼치면 너무 큽니다(1 MB 초과)", "조각을 줄이거나 덜 끼워 넣으세요."},
		"partial_loop":   {"조각 {1}이(가) 자기 자신이나 너무 많은 조각을 끼워 넣습니다", "목록은 {{#each}}로 쓰세요."},
		"partial_block":  {"여기에 넣을 블록이 없습니다", "{{> @partial-block}}은 {{#> 이름}}…{{/이름}}으로 끼워 넣는 조각 안에 씁니다."},
		"no_partial":     {"{1}(이)라는 조각(partial)이 없습니다", "같은 부분에 정의하세요: {{#*inline \"{1}\"}}…{{/inline}}"},
		"utf8":           {"글자를 읽을 수 없습니다(UTF-8이 아님)", "파일을 UTF-8로 저장하세요."},
		"raw_block":      {"{{{{ }}}}은 쓸 수 없습니다", "메일에 중괄호를 그대로 쓰려면 \\{{로 쓰세요."},
		"comment":        {"주석이 닫히지 않았습니다", "}} 또는 --}}로 닫으세요."},
		"quotation":      {"따옴표가 닫히지 않았습니다", "같은 따옴표로 같은 줄에서 닫으세요."},
		"bracket":        {"[가 닫히지 않았습니다", "같은 줄에서 ]로 닫으세요."},
		"parentheses":    {"괄호 안에 괄호가 너무 많습니다", "식을 짧게 나누세요."},
		"open":           {"{{가 닫히지 않았습니다", "}}로 닫으세요."},
		"three_braces":   {"{{{는 }}}로 닫아야 합니다", "세 개로 닫거나, 두 개로 여세요."},
		"two_braces":     {"{{를 중괄호 세 개로 닫았습니다", "두 개로 닫거나, 세 개로 여세요."},
		"empty":          {"중괄호 안이 비어 있습니다", "필드 이름을 쓰세요: {{Name}}"},
		"else_name":      {"{1}은(는) else로 시작해 이름으로 쓸 수 없습니다", "첫 글자를 대문자로 쓰세요. 필드 이름은 대소문자를 가리지 않습니다."},
		"definition":     {"조각(partial)의 정의가 아닙니다", "{{#*inline \"이름\"}}…{{/inline}}으로 쓰세요."},
		"partial_name":   {"조각(partial)의 이름이 없습니다", "{{> 이름}}으로 쓰고, 같은 부분에 {{#*inline \"이름\"}}…{{/inline}}을 두세요."},
		"partial_values": {"조각(partial)에는 값을 하나만 줄 수 있습니다", "{{> 이름}} 또는 {{> 이름 Name}}으로 쓰세요."},
		"deep":           {"블록 안의 블록이 너무 깊습니다", "템플릿을 더 단순하게 쓰세요."},
		"else_outside":   {"{{else}}가 블록 밖에 있습니다", "먼저 블록을 여세요. 예: {{#if Name}}"},
		"else_twice":     {"한 블록에 {{else}}가 두 번 있습니다", "하나를 빼세요."},
		"closes_nothing": {"{{/{1}}}가 닫을 블록이 없습니다", "먼저 {{#{1}}}로 여세요."},
		"closes_other":   {"{{/{1}}}가 {{#{2}}} 블록을 닫습니다", "안쪽 블록부터 닫으세요: {{/{2}}}"},
		"block_open":     {"{{#{1}}} 블록이 닫히지 않았습니다", "{{/{1}}}로 닫으세요."},
		"large":          {"너무 큽니다(1 MB 초과)", "줄이세요. SES는 500 KB까지만 받습니다."},
		"no_subject":     {"제목이 없습니다", "제목을 쓰거나, subject.txt를 넣거나, HTML에 <title>을 쓰세요."},
		"no_body":        {"HTML도 글자 본문도 없습니다", "둘 중 하나를 넣으세요."},
		"no_text":        {"이 HTML로는 글자 본문을 만들 수 없습니다", "숨긴 요소나 태그 안에서 연 블록은 그 안에서 닫으세요. 아니면 글자 본문을 따로 넣으세요."},
	}
}

// KoreanFault is a mistake of a template in Korean, by the code and args of its
// eml.Problem. known is false for any other problem.
func KoreanFault(code string, args []string) (what, how string, known bool) {
	code, ours := strings.CutPrefix(code, templateCode)
	f, known := koreanFaults()[code]
	if !ours || !known || len(args) < 3 {
		return "", "", false
	}
	names := []string{}
	for i, name := range append(slices.Clone(args[3:]), "", "")[:2] {
		names = append(names, "{"+string(rune('1'+i))+"}", eml.Visible(name))
	}
	fill := strings.NewReplacer(names...)
	where := map[string]string{partSubject: "제목", partHTML: "HTML", partText: "글자 본문"}[args[0]]
	if args[1] != "0" {
		where += " " + args[1] + "행 " + args[2] + "번째 글자"
	}
	return where + ": " + fill.Replace(f.what), fill.Replace(f.how), true
}
