package smtpd

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"pabal/spool"
)

// routedServer has rules and a queue that remembers.
func routedServer(t *testing.T, rules ...Rule) (*memory, string) {
	t.Helper()
	q := &memory{}
	s := testServer(q)
	s.Routes = mustRoutes(t, rules...)
	return q, start(t, s)
}

func TestAMailThatNoRuleMatchesIsStoredAsWithoutRules(t *testing.T) {
	bare := &memory{}
	deliver(t, start(t, testServer(bare)), plain, "kim@example.net", "lee@example.net")
	q, address := routedServer(t, Rule{From: []string{"@other.example"}, Lane: "bulk", RewriteFrom: "x@shop.example"})
	deliver(t, address, plain, "kim@example.net", "lee@example.net")
	without, with := bare.all(), q.all()
	if len(with) != 1 || with[0].env.Routing != nil {
		t.Fatalf("stored %+v", with)
	}
	tail := func(p put) string { _, rest, _ := strings.Cut(p.body, "\r\n"); return rest } // behind Received's first line
	if a, b := tail(without[0]), tail(with[0]); !strings.HasSuffix(a, plain) || !strings.HasSuffix(b, plain) {
		t.Errorf("got %q, want %q", b, a)
	}
}

func TestRecipientsOfSeveralRulesGetWhatEachSays(t *testing.T) {
	q, address := routedServer(t,
		Rule{Name: "a", To: []string{"@a.example"}, Topic: "sale", Tags: map[string]string{"n": "1"}},
		Rule{Name: "b", To: []string{"@b.example"}, RewriteFrom: "파발 <b@shop.example>"},
		Rule{Name: "c", To: []string{"@c.example"}, Lane: "bulk"})
	text := "From: A <a@shop.example>\r\nTo: all@shop.example\r\nList-Unsubscribe: <mailto:own@shop.example>\r\nX-Pabal-Tag: mail=7\r\n\r\nhello\r\n"
	if got := deliver(t, address, text, "1@a.example", "2@b.example", "3@c.example", "4@d.example", "5@a.example"); !strings.HasPrefix(got, "250") {
		t.Fatal(got)
	}
	want := map[string]spool.Routing{
		"1@a.example": {Route: "a", Topic: "sale", Tags: map[string]string{"n": "1", "mail": "7"}},
		"5@a.example": {Route: "a", Topic: "sale", Tags: map[string]string{"n": "1", "mail": "7"}},
		"2@b.example": {Route: "b", Tags: map[string]string{"mail": "7"}},
		"3@c.example": {Route: "c", Lane: spool.Bulk, Tags: map[string]string{"mail": "7"}},
		"4@d.example": {Tags: map[string]string{"mail": "7"}},
	}
	seen := 0
	for _, p := range q.all() {
		for _, to := range p.env.To {
			seen++
			if got, w := p.env.Routing[to], want[to]; got.Route != w.Route || got.Lane != w.Lane || got.Topic != w.Topic || !maps.Equal(got.Tags, w.Tags) {
				t.Errorf("%s: %+v, want %+v", to, got, w)
			}
			rewritten := strings.Contains(p.body, "\r\nFrom: A <b@shop.example>\r\n") && strings.Contains(p.body, "\r\nReply-To: A <a@shop.example>\r\n")
			if listed := strings.Contains(p.body, "List-Unsubscribe: <mailto:own"); listed != (want[to].Topic == "") || rewritten != (to == "2@b.example") {
				t.Errorf("%s gets\n%s", to, p.body)
			}
			if strings.Contains(p.body, "X-Pabal-") || !strings.HasSuffix(p.body, "\r\n\r\nhello\r\n") {
				t.Errorf("%s gets\n%s", to, p.body)
			}
		}
	}
	if seen != 5 || len(q.all()) != 3 {
		t.Errorf("%d recipients in %d texts, want 5 in 3", seen, len(q.all()))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.reserved != 0 {
		t.Errorf("%d bytes of memory were not given back", q.reserved)
	}
}

func TestADenialIsAnsweredAtRCPTOrAfterTheText(t *testing.T) {
	q, address := routedServer(t, Rule{To: []string{"@closed.example"}, Action: "deny", Text: "closed for good"},
		Rule{Name: "spam", Header: []string{"X-Spam: *"}, Action: "deny"})
	c := dial(t, address)
	c.play(`
		< 220
		> EHLO client.test
		< 250
		> MAIL FROM:<a@shop.example>
		< 250
		> RCPT TO:<x@closed.example>
		< 550 5.7.1 closed for good
		> RCPT TO:<x@open.example>
		< 250
		> DATA
		< 354
		> From: a@shop.example
		> X-Spam: 9
		> 
		> buy
		> .
		< 550 5.7.1 mail to x@open.example is not taken from here (spam in the configuration of pabal)
		> RSET
		< 250
		> MAIL FROM:<a@shop.example>
		< 250
		> RCPT TO:<x@open.example>
		< 250
		> DATA
		< 354
		> From: a@shop.example
		> X-Pabal-Topic: nonsense
		> 
		> buy
		> .
		< 550 5.6.0 there is no topic "nonsense" in X-Pabal-Topic; the topics are sale, event
		> QUIT
		< 221`)
	if got := q.all(); len(got) != 0 {
		t.Errorf("stored %+v", got)
	}
}

func TestARewrittenSenderHasToBeVerified(t *testing.T) {
	_, address := routedServer(t, Rule{RewriteFrom: "x@foreign.example"})
	if got := deliver(t, address, plain, "kim@example.net"); !strings.HasPrefix(got, "550 5.7.1 SES may not send for x@foreign.example") {
		t.Errorf("got %q", got)
	}
	q, address := routedServer(t, Rule{From: []string{"*@foreign.example"}, RewriteFrom: "x@shop.example"})
	text := "From: F <f@foreign.example>\r\n\r\nx\r\n"
	if got := deliver(t, address, text, "kim@example.net"); !strings.HasPrefix(got, "250") || q.all()[0].env.FromDomain != "shop.example" {
		t.Errorf("got %q, %+v", got, q.all())
	}
}

func TestRulesKnowWhereAMailComesFrom(t *testing.T) {
	q, address := routedServer(t, Rule{Name: "local", Network: []string{"127.0.0.0/8"}}, Rule{Name: "rest"})
	deliver(t, address, plain, "kim@example.net")
	if got := q.all()[0].env.Routing["kim@example.net"].Route; got != "local" {
		t.Errorf("by TCP: %q", got)
	}
	b := newBox(t)
	b.Routes = mustRoutes(t, Rule{Name: "net", Network: []string{"0.0.0.0/0", "::/0"}}, Rule{Name: "me", UID: []uint32{uint32(os.Getuid())}, Topic: "sale"})
	b.put(Letter{From: "a@example.com", To: []string{"kim@example.net"}, Text: []byte("From: a@example.com\n\nhi\n")})
	b.takeUp()
	for m, err := range b.sp.Messages(nil) {
		if err != nil || m.Route != "me" || m.Topic != "sale" {
			t.Errorf("by the drop folder: %+v, %v", m, err)
		}
	}
	b.close()
}

// A drop that a rule denies is set aside, where a person sees it.
func TestADeniedDropIsSetAside(t *testing.T) {
	b := newBox(t)
	b.Routes = mustRoutes(t, Rule{To: []string{"@closed.example"}, Action: "deny"})
	b.put(Letter{From: "a@example.com", To: []string{"kim@closed.example"}, Text: []byte("From: a@example.com\n\nhi\n")})
	b.takeUp()
	for m := range b.sp.Messages(nil) {
		t.Errorf("stored %+v", m)
	}
	if st := b.Stats().Drop; st.SetAside != 1 {
		t.Errorf("%+v", st)
	}
	b.close()
}

// The largest mail fits twice, and one that many rules make many of is refused
// for good instead of being put off for ever.
func TestRulesMaySplitTheLargestMail(t *testing.T) {
	sp := stored(t)
	s := New(sp)
	s.Routes = mustRoutes(t, Rule{To: []string{"@topic.example"}, Topic: "sale"})
	text := plain + strings.Repeat(strings.Repeat("x", 98)+"\r\n", (defaultMessageSize-1<<10)/100)
	address := start(t, s)
	for range 2 { // the memory is given back
		if got := deliver(t, address, text, "kim@topic.example", "lee@example.net"); !strings.HasPrefix(got, "250") {
			t.Fatal(got)
		}
	}
	if n := len(messages(t, sp)); n != 2 {
		t.Errorf("stored for %d addresses", n)
	}
	if !s.splits.TryAcquire(splitMemory) {
		t.Error("memory was not given back")
	}
}

func TestAMailThatRulesSplitTooOftenIsRefusedForGood(t *testing.T) {
	var rules []Rule
	var to []string
	for i := range 9 {
		to = append(to, fmt.Sprintf("kim@%d.example", i))
		rules = append(rules, Rule{To: []string{to[i]}, RewriteFrom: fmt.Sprintf("a%d@shop.example", i)})
	}
	q := &memory{}
	s := testServer(q)
	s.MaxMessageSize, s.Routes = defaultMessageSize, mustRoutes(t, rules...)
	address := start(t, s)
	text := plain + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 9<<20/100)
	if got := deliver(t, address, text, to...); !strings.HasPrefix(got, "552 5.3.4 the routing rules make several texts") || !strings.Contains(got, "one by one") || len(got) > 512 {
		t.Errorf("got %q", got)
	}
	if got := deliver(t, address, text, to[:2]...); !strings.HasPrefix(got, "250") || len(q.all()) != 2 {
		t.Errorf("two: %q", got)
	}
}

// Which From a rule sees is which the mail is sent with, and looking changes nothing.
func TestTheFromThatIsLookedAtIsTheOneThatIsSent(t *testing.T) {
	for name, c := range map[string]struct{ from, want string }{
		"the first of two":      {"From: <a@shop.example>\r\nFrom: <b@shop.example>\r\n", "a@shop.example"},
		"behind an empty one":   {"From: \r\nFrom: <b@shop.example>\r\n", "b@shop.example"},
		"in one encoded word":   {"From: =?UTF-8?Q?Kim_<b@shop.example>?=\r\n", "b@shop.example"},
		"none: envelope sender": {"", "bounce@shop.example"},
	} {
		text := c.from + "Subject: x\r\n\r\nx\r\n"
		q, address := routedServer(t, Rule{Name: "it", From: []string{c.want}}, Rule{Name: "rest"})
		deliver(t, address, text, "kim@example.net")
		bare := &memory{}
		deliver(t, start(t, testServer(bare)), text, "kim@example.net")
		for _, stored := range [][]put{q.all(), bare.all()} {
			if len(stored) != 1 || !strings.Contains(stored[0].body, c.want) || strings.Count(stored[0].body, "From: ") != 1 {
				t.Errorf("%s: stored %+v", name, stored)
			}
		}
		if got := q.all()[0].env.Routing["kim@example.net"].Route; got != "it" {
			t.Errorf("%s: the rule is %q", name, got)
		}
	}
}

// Of several recipients the client is told which is denied, and that nobody
// gets the mail, in one line of a reply.
func TestADenialOfOneOfSeveralSaysWhomAndThatNobodyGetsIt(t *testing.T) {
	long := strings.Repeat("k", 60) + "@" + strings.Repeat(strings.Repeat("d", 60)+".", 3) + "example"
	q, address := routedServer(t,
		Rule{Name: "a", To: []string{"*@a.example"}, Header: []string{"X-T"}, Action: "deny", Text: "closed for good"},
		Rule{Name: "d", To: []string{long}, Header: []string{"X-T"}, Action: "deny", Text: strings.Repeat("t", maxDenyText)})
	text := "From: a@shop.example\r\nX-T: 1\r\n\r\nx\r\n"
	want := "550 5.7.1 closed for good (x@a.example); none of the recipients gets this mail: send it without that one\r\n"
	if got := deliver(t, address, text, "kim@example.net", "x@a.example"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := deliver(t, address, text, "x@a.example"); got != "550 5.7.1 closed for good\r\n" {
		t.Errorf("alone: %q", got)
	}
	if got := deliver(t, address, text, "kim@example.net", long); len(got) > 512 || !strings.HasSuffix(got, "("+long+want[strings.Index(want, "); none"):]) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if len(q.all()) != 0 {
		t.Errorf("stored %+v", q.all())
	}
}
