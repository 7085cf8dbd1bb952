package smtpd

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/spool"
)

func mustRoutes(t testing.TB, rules ...Rule) *Routes {
	t.Helper()
	r, err := NewRoutes(rules, []string{"sale", "event"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asked is a question with what most rules need.
func asked(q Question) Question {
	if q.From == "" {
		q.From = "shop@example.com"
	}
	if q.To == nil {
		q.To = []string{"kim@example.net"}
	}
	return q
}

func TestRulesMatchByWhatTheyName(t *testing.T) {
	www, other := uint32(33), uint32(1000)
	hangul, err := eml.ParseAddress("a@쇼핑.kr")
	if err != nil {
		t.Fatal(err)
	}
	header := func(lines string) []byte { return []byte(strings.ReplaceAll(lines, "\n", "\r\n")) }
	for _, c := range []struct {
		name string
		rule Rule
		q    Question
		want bool
	}{
		{"no condition", Rule{}, Question{}, true},
		{"address in any case", Rule{From: []string{"Shop@Example.COM"}}, Question{From: "shop@example.com"}, true},
		{"another address", Rule{From: []string{"shop@example.com"}}, Question{From: "shop2@example.com"}, false},
		{"domain", Rule{From: []string{"@example.com"}}, Question{From: "any@EXAMPLE.com"}, true},
		{"no part of a domain", Rule{From: []string{"@example.com"}}, Question{From: "any@badexample.com"}, false},
		{"no subdomain", Rule{From: []string{"@example.com"}}, Question{From: "any@mail.example.com"}, false},
		{"subdomains by a pattern", Rule{From: []string{"*@*.example.com"}}, Question{From: "any@a.b.example.com"}, true},
		{"a pattern is of the whole", Rule{From: []string{"*@example.co?"}}, Question{From: "any@example.com.evil.example"}, false},
		{"Hangul domain", Rule{From: []string{"@쇼핑.kr"}}, Question{From: hangul}, true},
		{"one of a list", Rule{From: []string{"a@x.example", "@example.com"}}, Question{}, true},
		{"all the lists", Rule{From: []string{"@example.com"}, To: []string{"@example.org"}}, Question{}, false},
		{"envelope sender", Rule{Sender: []string{"bounce+*@example.com"}}, Question{Sender: "bounce+17@example.com"}, true},
		{"null sender", Rule{Sender: []string{"<>"}}, Question{}, true},
		{"null sender is no pattern's", Rule{Sender: []string{"*@*"}}, Question{}, false},
		{"recipient", Rule{To: []string{"kim@*"}}, Question{}, true},
		{"header", Rule{Header: []string{"x-mailer: phpmailer*"}}, Question{Header: header("X-Mailer: PHPMailer 6.9\n")}, true},
		{"another value", Rule{Header: []string{"X-Mailer: PHPMailer*"}}, Question{Header: header("X-Mailer: mutt\n")}, false},
		{"a second field of the name", Rule{Header: []string{"X-T: b"}}, Question{Header: header("X-T: a\nX-T: b\n")}, true},
		{"a field that is there", Rule{Header: []string{"X-Mailer"}}, Question{Header: header("X-Mailer:\n")}, true},
		{"a field that is not", Rule{Header: []string{"X-Mailer"}}, Question{}, false},
		{"decoded", Rule{Header: []string{"Subject: *주문*"}}, Question{Header: header("Subject: =?UTF-8?B?7KO866y4IO2ZleyduA==?=\n")}, true},
		{"folded", Rule{Header: []string{"X-T: a b"}}, Question{Header: header("X-T: a\n b\n")}, true},
		{"network", Rule{Network: []string{"10.1.0.0/16"}}, Question{Addr: netip.MustParseAddr("10.1.9.9")}, true},
		{"mapped network", Rule{Network: []string{"10.1.0.0/16"}}, Question{Addr: netip.MustParseAddr("::ffff:10.1.9.9")}, true},
		{"one address", Rule{Network: []string{"::1"}}, Question{Addr: netip.MustParseAddr("::2")}, false},
		{"no network by socket", Rule{Network: []string{"0.0.0.0/0", "::/0"}}, Question{UID: &www}, false},
		{"uid", Rule{UID: []uint32{33, 34}}, Question{UID: &www}, true},
		{"another uid", Rule{UID: []uint32{33, 34}}, Question{UID: &other}, false},
		{"root is a uid", Rule{UID: []uint32{0}}, Question{Addr: netip.MustParseAddr("127.0.0.1")}, false},
		{"login", Rule{User: []string{"shop-?"}}, Question{User: "shop-2"}, true},
		{"no login", Rule{User: []string{"*"}}, Question{}, false},
	} {
		got, err := mustRoutes(t, c.rule).Ask(asked(c.q))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if (got[0].Rule == 1) != c.want {
			t.Errorf("%s: %+v is matched by rule %d", c.name, c.q, got[0].Rule)
		}
	}
}

func TestTheFirstRuleThatMatchesCountsForEachRecipient(t *testing.T) {
	off := false
	r := mustRoutes(t,
		Rule{Name: "vip", To: []string{"vip@example.net"}, Action: "allow"},
		Rule{Name: "spam", Header: []string{"X-Spam-Flag: yes"}, Action: "deny"},
		Rule{Name: "news", From: []string{"news@example.com"}, Lane: "bulk", Topic: "sale", ConfigurationSet: "news", Tags: map[string]string{"app": "shop"}, RewriteFrom: "파발 <shop@example.com>"},
		Rule{Name: "closed", To: []string{"@closed.example"}, Action: "deny", Text: "closed"},
		Rule{Name: "rest", Headers: &off},
	)
	ask := func(from, header string, to ...string) []Decision {
		t.Helper()
		got, err := r.Ask(Question{Sender: from, From: from, Header: []byte(header), To: to})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	tagged := "X-Pabal-Tag: mail=7, app=mine\r\nX-Pabal-Topic: event\r\n"
	got := ask("news@example.com", tagged, "vip@example.net", "kim@example.net")
	if d := got[0]; d.Route != "vip" || d.Lane != spool.Transactional || d.Topic != "event" || d.Tags["app"] != "mine" || d.From != "" {
		t.Errorf("by vip: %+v", d)
	}
	want := Decision{To: "kim@example.net", Rule: 3, Route: "news", Lane: spool.Bulk, Topic: "sale", ConfigurationSet: "news",
		Tags: map[string]string{"app": "shop", "mail": "7"}, From: "파발 <shop@example.com>", rewrite: eml.Mailbox{Name: "파발", Address: "shop@example.com"}}
	if !reflect.DeepEqual(got[1], want) {
		t.Errorf("by news: got %+v, want %+v", got[1], want)
	}
	got = ask("a@example.com", "X-Spam-Flag: YES\r\n", "vip@example.net", "kim@example.net")
	if got[0].Denied != "" || got[1].At != "DATA" || !strings.Contains(got[1].Denied, "spam in the configuration") {
		t.Errorf("spam: %+v", got)
	}
	// A header may still make it spam, which says another text.
	if d := ask("a@example.com", "", "x@closed.example")[0]; d.Denied != "closed" || d.At != "DATA" {
		t.Errorf("closed: %+v", d)
	}
	if d := ask("a@example.com", "X-Pabal-Topic: nonsense\r\n"+tagged, "kim@example.net")[0]; d.Route != "rest" || d.Topic != "" || d.Tags != nil {
		t.Errorf("headers = false: %+v", d)
	}
}

func TestADenialIsSaidAtRCPTWhereTheTextCannotChangeIt(t *testing.T) {
	r := mustRoutes(t, Rule{To: []string{"@a.example"}, Action: "deny"}, Rule{From: []string{"x@*"}}, Rule{To: []string{"@b.example"}, Action: "deny"})
	got, err := r.Ask(Question{From: "y@example.com", To: []string{"k@a.example", "k@b.example", "k@c.example"}})
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, d := range got {
		at = append(at, d.At)
	}
	if want := []string{"RCPT", "DATA", ""}; !slices.Equal(at, want) {
		t.Errorf("got %q, want %q", at, want)
	}
}

func TestWishesOfAMailAreHeldToWhatSESTakes(t *testing.T) {
	long := strings.Repeat("a", maxTagWord+1)
	var many []string
	for i := range maxTags + 1 {
		many = append(many, "t"+string(rune('a'+i))+"=1")
	}
	r := mustRoutes(t)
	for header, why := range map[string]string{
		"X-Pabal-Topic: ":                             `there is no topic ""`,
		"X-Pabal-Topic: SALE":                         "the topics are sale, event",
		"X-Pabal-Topic: \x1b[31m":                     "there is no topic",
		"X-Pabal-Topic: sale\r\nX-Pabal-Topic: event": "two X-Pabal-Topic",
		"X-Pabal-Tag: a b=c":                          "letters, digits",
		"X-Pabal-Tag: a=":                             "letters, digits",
		"X-Pabal-Tag: 주문=1":                           "letters, digits",
		"X-Pabal-Tag: a=" + long:                      "1 to 256",
		"X-Pabal-Tag: pabal=x":                        "pabal uses that name",
		"X-Pabal-Tag: a=1\r\nX-Pabal-Tag: a=2":        "another value",
		"X-Pabal-Tag: one, two":                       "another value",
		"X-Pabal-Tag: " + strings.Join(many, ","):     "may have 20",
	} {
		_, err := r.Ask(asked(Question{Header: []byte(header + "\r\n")}))
		if err == nil || !strings.Contains(err.Error(), why) || !printable(err.Error()) {
			t.Errorf("%q: %v, want %q", header, err, why)
		}
	}
	got, err := r.Ask(asked(Question{Header: []byte("x-pabal-topic:  sale \r\nX-Pabal-Tag: a=1,, b=2\r\nX-PABAL-TAG: welcome, a=1\r\n")}))
	want := map[string]string{"a": "1", "b": "2", "tag": "welcome"}
	if err != nil || got[0].Topic != "sale" || !reflect.DeepEqual(got[0].Tags, want) || got[0].Rule != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	r.NoTopics = "no page"
	if _, err := r.Ask(asked(Question{Header: []byte("X-Pabal-Topic: sale\r\n")})); err == nil || !strings.Contains(err.Error(), "no page") {
		t.Errorf("without a page: %v", err)
	}
}

func TestRulesThatCannotBeUsedAreNamedByTheirKey(t *testing.T) {
	for _, c := range []struct {
		key  string
		rule Rule
	}{
		{"sender", Rule{Sender: []string{}}},
		{"sender", Rule{Sender: []string{""}}},
		{"header", Rule{Header: []string{}}},
		{"network", Rule{Network: []string{}}},
		{"network", Rule{Network: []string{"::ffff:10.0.0.0/104"}}},
		{"uid", Rule{UID: []uint32{}}},
		{"uid", Rule{UID: make([]uint32, maxPatterns+1)}},
		{"from", Rule{From: []string{"shop"}}},
		{"from", Rule{From: []string{"<>"}}},
		{"from", Rule{From: []string{"a*@b@c"}}},
		{"from", Rule{From: []string{"*@쇼핑.kr"}}},
		{"to", Rule{To: []string{"[a-z]*@example.com"}}},
		{"to", Rule{To: []string{"@"}}},
		{"to", Rule{To: []string{"*" + strings.Repeat("a", maxPattern)}}},
		{"header", Rule{Header: []string{"X Mailer: a"}}},
		{"header", Rule{Header: []string{": a"}}},
		{"network", Rule{Network: []string{"10.1.0.0/33"}}},
		{"network", Rule{Network: []string{"localhost"}}},
		{"uid", Rule{UID: []uint32{1}, Network: []string{"127.0.0.1"}}},
		{"uid", Rule{UID: []uint32{1}, User: []string{"shop"}}},
		{"action", Rule{Action: "drop"}},
		{"action", Rule{Action: "deny", Topic: "sale"}},
		{"text", Rule{Text: "no"}},
		{"text", Rule{Action: "deny", Text: "안 됩니다"}},
		{"text", Rule{Action: "deny", Text: "a\r\nb"}},
		{"lane", Rule{Lane: "fast"}},
		{"topic", Rule{Topic: "sail"}},
		{"configuration_set", Rule{ConfigurationSet: "a b"}},
		{"tags", Rule{Tags: map[string]string{"a": "b c"}}},
		{"tags", Rule{Tags: map[string]string{"pabal": "1"}}},
		{"rewrite_from", Rule{RewriteFrom: "shop"}},
		{"name", Rule{Name: "a\nb"}},
		{"name", Rule{Name: "first"}},
	} {
		_, err := NewRoutes([]Rule{{Name: "first"}, c.rule}, []string{"sale"})
		wrong, ok := err.(*RuleError)
		if !ok || wrong.Key != c.key || wrong.Rule != 1 || wrong.What == "" || wrong.Hint == "" {
			t.Errorf("%+v: %v, want a complaint about %s", c.rule, err, c.key)
		}
	}
}

func TestRulesThatAreNeverAskedAreTold(t *testing.T) {
	from := []string{"@example.com"}
	for name, c := range map[string]struct {
		rules []Rule
		want  string
	}{
		"catch-all last":  {[]Rule{{From: from}, {Lane: "bulk"}}, ""},
		"catch-all first": {[]Rule{{Lane: "bulk"}, {From: from}}, "matches every mail: the 1 after it"},
		"twice the same":  {[]Rule{{From: from}, {To: from}, {From: from, Lane: "bulk"}}, `route "route 3" is never asked: "route 1"`},
	} {
		if got := strings.Join(mustRoutes(t, c.rules...).Warnings(), "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"*@*.example.com", "a@b.example.com"}, {"a?c", "a주c"}, {"", ""}, {"**", "x"}, {"?", "\xff"}, {"*a*b*c*", "aabbcc"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		got := matchGlob(pattern, text)
		if !strings.ContainsAny(pattern, "*?") && got != (pattern == text) {
			t.Errorf("%q against %q: %v", pattern, text, got)
		}
		if !matchGlob("*"+pattern+"*", text) && got {
			t.Errorf("%q matches %q and *%s* does not", pattern, text, pattern)
		}
	})
}

func FuzzWishes(f *testing.F) {
	f.Add("X-Pabal-Topic: sale\r\nX-Pabal-Tag: a=1, b\r\n")
	f.Add("X-Pabal-Tag: =\r\nX-Pabal-Tag:\r\n")
	f.Fuzz(func(t *testing.T, header string) {
		got, err := mustRoutes(t, Rule{Name: "r", Tags: map[string]string{"a": "mine"}}).Ask(asked(Question{Header: []byte(header)}))
		if err != nil {
			return
		}
		d := got[0]
		if d.Topic != "" && d.Topic != "sale" && d.Topic != "event" || d.Tags["a"] != "mine" || len(d.Tags) > maxTags+1 {
			t.Errorf("%q: %+v", header, d)
		}
		for name, value := range d.Tags {
			if badTag(name, value) != "" {
				t.Errorf("%q: tag %q=%q", header, name, value)
			}
		}
	})
}

// What the rules cost a mail: without any, two looks for a field.
func BenchmarkRules(b *testing.B) {
	header, _, err := eml.Split([]byte(plain))
	if err != nil {
		b.Fatal(err)
	}
	var many []Rule
	for i := range 20 {
		many = append(many, Rule{From: []string{"*@other" + string(rune('a'+i)) + ".example"}, Header: []string{"X-Mailer: PHPMailer*"}})
	}
	for name, r := range map[string]*Routes{"none": mustRoutes(b), "20": mustRoutes(b, many...)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := &facts{sender: "a@shop.example", from: "shop@shop.example", header: &header}
			for b.Loop() {
				if r.none() && !header.Has(topicField) && !header.Has(tagField) {
					continue
				}
				if _, err := r.decide(nil, f, []string{"kim@example.net"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
