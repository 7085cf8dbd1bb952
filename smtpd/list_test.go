package smtpd

import (
	"strings"
	"testing"
)

func TestListsAreCutAndPutTogether(t *testing.T) {
	for value, want := range map[string]string{
		"kim@example.com": "kim@example.com",
		`"Kim, M" <kim@example.com>,lee@example.com (Lee, (J))`: "kim@example.com|lee@example.com",
		"a@x.kr; b@x.kr":                          "a@x.kr|b@x.kr",
		"Team: a@x.kr, B <b@x.kr>; c@x.kr":        "Team:|a@x.kr|b@x.kr|c@x.kr",
		"undisclosed-recipients:;":                "undisclosed-recipients:",
		"<@relay.kr:a@x.kr>":                      "a@x.kr",
		`"a b"@x.kr, \"quoted\" <c@x.kr`:          `"a b"@x.kr|c@x.kr`,
		"(only a comment)":                        "",
		" , ,a@x.kr,,":                            "a@x.kr",
		"홍길동 <root>, 김 <b@x.kr>":                  "root|b@x.kr",
		"\xc8\xab\xb1\xe6\xb5\xbf <root>, b@x.kr": "root|b@x.kr",
		`"unclosed <a@x.kr>`:                      "a@x.kr",
		"Kim (unclosed <a@x.kr>":                  "a@x.kr",
		"mailto:kim@example.com":                  "mailto:|kim@example.com",
	} {
		l := parseList(value)
		var got []string
		for _, e := range l.entries {
			if e.group {
				e.address = e.text
			}
			got = append(got, e.address)
		}
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: %q, want %q", value, s, want)
		}
		again := parseList(l.String())
		if len(again.entries) != len(l.entries) || again.odd || again.String() != l.String() {
			t.Errorf("%q: %q is read as %+v", value, l.String(), again)
		}
	}
}

func TestAddresseesAreMadeReadable(t *testing.T) {
	for value, want := range map[string][2]string{
		"root":                                   {"root@shop.example", ""},
		"Root <root@localhost>, \"B\"  <b@x.kr>": {`Root <root@shop.example>, "B"  <b@x.kr>`, ""},
		"www-data@web1 (Web)":                    {"Web <www-data@shop.example>", ""},
		"a@x.kr; b@x.kr;":                        {"a@x.kr, b@x.kr", ""},
		"undisclosed recipients":                 {"", "undisclosed recipients"},
		"undisclosed-recipients:":                {"undisclosed-recipients:;", ""},
		"undisclosed-recipients: ;":              {"undisclosed-recipients: ;", ""},
		"Team: a@x.kr, b c@x.kr; d@x.kr":         {"Team: a@x.kr; d@x.kr", "Team: a@x.kr, b c@x.kr; d@x.kr"},
		"Team: nobody at all; d@x.kr":            {"Team:; d@x.kr", "Team: nobody at all; d@x.kr"},
		"Team: a@x.kr; nobody at all":            {"Team: a@x.kr;", "Team: a@x.kr; nobody at all"},
		"kim@[192.0.2.1], lee@x.kr":              {"lee@x.kr", "kim@[192.0.2.1], lee@x.kr"},
		"=?utf-8?B?6rmAIDxraW1AeC5rcj4=?=":       {"=?UTF-8?B?6rmA?= <kim@x.kr>", ""},
		"kim@X.KR ,  Lee<lee@x.kr>":              {"kim@X.KR ,  Lee<lee@x.kr>", ""},
		"":                                       {"", ""},
	} {
		for _, name := range []string{"To", "Cc", "Reply-To"} {
			q := &memory{}
			if got := deliver(t, start(t, testServer(q)), "From: a@shop.example\r\n"+name+": "+value+"\r\n\r\nx\r\n", "kim@example.com"); !strings.HasPrefix(got, "250") {
				t.Errorf("%q: %s", value, got)
				continue
			}
			h := headerOf(t, q)
			if got, was := h.Get(name), h.Get("X-Original-"+name); got != want[0] || was != want[1] {
				t.Errorf("%s: %q: got %q and %q, want %q", name, value, got, was, want)
			}
			if _, there := h[name]; there && want[0] == "" {
				t.Errorf("%s: %q: an empty field is left", name, value)
			}
		}
	}
}

func FuzzList(f *testing.F) {
	for _, seed := range []string{"a@x.kr, B <b@x.kr>", "T: a; b", `"a, \" b" <c`, "(a (b) c) d, <e:f>;", "=?utf-8?q?a?= <b@c.kr>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ContainsAny(value, "\r\n\x00") {
			return
		}
		l := parseList(strings.Trim(value, " \t"))
		l.settle("x.example")
		once := l.String()
		second := parseList(once)
		if changed, dropped := second.settle("x.example"); changed || dropped || second.String() != once {
			t.Errorf("%q became %q, then %q", value, once, second.String())
		}
	})
}
