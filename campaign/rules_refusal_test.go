package campaign

import (
	"fmt"
	"strings"
	"testing"
)

// A condition that leaves the link out for one person in hundreds is found, and
// who that is, however late in the audience.
func TestOneLetterWithoutALinkToRefuseIsFound(t *testing.T) {
	for _, c := range []struct {
		name, html, text string
		count            int64
		kind             string
	}{
		{"in a condition", `<p>{{Body}}</p>{{#unless (eq Email "p777@example.com")}}<a href="{{UnsubscribeURL}}">수신거부</a>{{/unless}}`, "", 1, "some"},
		{"in a condition for all", `<p>{{Body}}</p>{{#if Email}}<a href="{{PreferencesURL}}">수신 설정</a>{{/if}}`, "", 0, ""},
		{"outside, and in one", `<p>{{Body}}</p>{{#if Gender}}<a href="{{UnsubscribeURL}}">거부</a>{{/if}}<a href="{{UnsubscribeURL}}">수신거부</a>`, "", 0, ""},
		{"text in a condition", "", `{{Body}} {{#unless (eq Email "p777@example.com")}}{{UnsubscribeURL}}{{/unless}}`, 1, "some"},
		{"text", "", `{{#if Name}}{{Body}}{{/if}} {{UnsubscribeURL}}`, 0, ""},
		{"a link that shows nothing", `<p>{{Body}}</p><a href="{{UnsubscribeURL}}"> </a>`, "", -1, ""},
		{"an image for a link", `<p>{{Body}}</p><a href="{{UnsubscribeURL}}"><img src="https://shop.example.com/x.png" alt=""></a>`, "", 0, ""},
	} {
		h := open(t, t.TempDir())
		h.enrol(t, 900)
		made := h.draft(t, simple, Campaign{})
		if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "s", HTML: c.html, Text: c.text}); err != nil {
			t.Fatal(err)
		}
		p, found := findings(t, h, made)
		f, blocks := found[RuleNoUnsubscribe]
		if blocks != (c.count != 0) || p.Blocked != blocks || f.Case != c.kind || f.Count != max(c.count, 0) {
			t.Errorf("%s: got %+v", c.name, f)
		}
		if c.count == 1 && (fmt.Sprint(f.Examples) != "[p777@example.com]" || !strings.Contains(f.In("ko").What, "900명 가운데 1명")) {
			t.Errorf("%s: %+v, %s", c.name, f.Examples, f.In("ko").What)
		}
		h.close(t)
	}
}
