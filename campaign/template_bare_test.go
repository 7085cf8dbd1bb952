package campaign

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// A value in an attribute without quotation marks stays that attribute's.
func TestValueCannotAddAttributes(t *testing.T) {
	const value = "https://shop.example.com/?a=1 onclick=alert(1)\tstyle=color:red\n`x`/>"
	for _, source := range []string{"<a href={{x}} class=c>a</a>", "<a class=c href = {{x}}>a</a>", `<a class=c href="{{x}}">a</a>`, "<a class=c href=https://shop.example.com/{{x}}>a</a>"} {
		p, err := parseProgram(partHTML, source, true)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := p.append(nil, bag{"x": value})
		if err != nil {
			t.Fatal(err)
		}
		z := html.NewTokenizer(strings.NewReader(string(out)))
		z.Next()
		tag := z.Token()
		for _, a := range tag.Attr {
			if a.Key != "href" && (a.Key != "class" || a.Val != "c") || a.Key == "href" && !strings.Contains(a.Val, "?a=1 onclick=alert(1)") {
				t.Errorf("%s: %s has %s=%q", source, out, a.Key, a.Val)
			}
		}
		if len(tag.Attr) != 2 {
			t.Errorf("%s: %d attributes in %s", source, len(tag.Attr), out)
		}
	}
}
