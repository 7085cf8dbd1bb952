package smtpd

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pabal/spool"
)

func testServer(q *memory) *Server {
	s := newServer(q)
	s.Hostname = "mail.test"
	s.MaxMessageSize = 100_000
	s.SenderAllowed = func(_ context.Context, address string) (bool, error) {
		return !strings.HasSuffix(address, "@foreign.example"), nil
	}
	return s
}

func TestBeforeEHLO(t *testing.T) {
	address := start(t, testServer(&memory{}))
	for _, script := range []string{
		"< 220\n> GET / HTTP/1.0\n< 421\n< END",
		"< 220\n> Host: example.com\n< 421\n< END",
		"< 220\n> MAIL FROM:<a@b.c>\n< 502",
		"< 220\n> HELO client\n< 250 2.0.0 Hello client\n> MAIL FROM:<a@b.c>\n< 250",
	} {
		dial(t, address).play(script)
	}
}

func TestEHLOOffersWhatHolds(t *testing.T) {
	c := dial(t, start(t, testServer(&memory{})))
	c.reply()
	c.send("EHLO client\r\n")
	want := "250-Hello client\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n" +
		"250-SIZE 100000\r\n250 LIMITS RCPTMAX=1000\r\n"
	if got := c.reply(); got != want {
		t.Errorf("EHLO answered %q, want %q", got, want)
	}
}

// deliver sends one text to the recipients and returns the last reply.
func deliver(t *testing.T, address, text string, to ...string) string {
	t.Helper()
	c := dial(t, address)
	c.play("< 220\n> EHLO client.test\n< 250\n> MAIL FROM:<bounce@shop.example>\n< 250")
	for _, r := range to {
		c.play("> RCPT TO:<" + r + ">\n< 250")
	}
	c.play("> DATA\n< 354")
	c.send(text + ".\r\n")
	return c.reply()
}

const plain = "From: =?UTF-8?B?66y07Iug7IKs?= <Shop@Shop.Example>\r\n" +
	"Date: Sun, 22 Nov 2026 10:00:00 +0900\r\n" +
	"Message-ID: <1@app.example>\r\n" +
	"Subject: =?UTF-8?B?7JWI64WV?=\r\n" +
	"X-Odd:   kept   as it is \r\n\tand folded\r\n" +
	"\r\n" +
	"hello\r\n\r\n  trailing blanks  \r\n"

func TestMessageGoesByteForByteBehindReceived(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.now = func() time.Time { return time.Date(2026, 11, 22, 1, 2, 3, 0, time.FixedZone("", 9*3600)) }
	got := deliver(t, start(t, s), plain, "Kim@Example.COM", "lee@example.com", "KIM@example.com")
	if got != "250 2.0.0 queued as q100 q101\r\n" {
		t.Errorf("reply %q", got)
	}
	puts := q.all()
	if len(puts) != 1 {
		t.Fatalf("%d puts, want 1", len(puts))
	}
	want := spool.Envelope{
		From:       "bounce@shop.example",
		FromDomain: "shop.example",
		To:         []string{"Kim@example.com", "lee@example.com"},
		Subject:    "안녕",
		MessageID:  "1@app.example",
	}
	if !reflect.DeepEqual(puts[0].env, want) {
		t.Errorf("envelope %+v, want %+v", puts[0].env, want)
	}
	received, ok := strings.CutSuffix(puts[0].body, plain)
	if !ok {
		t.Fatalf("body %q does not end with what was sent, %q", puts[0].body, plain)
	}
	unfolded := strings.ReplaceAll(received, "\r\n ", " ")
	trace := regexp.MustCompile(`^Received: from client\.test \(\[127\.0\.0\.1\]\) by mail\.test with ESMTP id [a-z0-9]{16}; Sun, 22 Nov 2026 01:02:03 \+0900\r\n$`)
	if !trace.MatchString(unfolded) {
		t.Errorf("trace field %q", received)
	}
	if st := s.Stats(); st.Accepted != 2 || st.Refused != 0 || st.Connections < 0 {
		t.Errorf("stats %+v, want 2 accepted", st)
	}
}

func TestHeadersThatMustNotGoOnAreRemoved(t *testing.T) {
	q := &memory{}
	text := "Return-Path: <x@y.z>\r\nDKIM-Signature: v=1;\r\n b=abc\r\nBcc: secret@example.com\r\n" +
		"From: a@shop.example\r\nresent-bcc: secret@example.com\r\nX-SES-Configuration-Set: evil\r\n" +
		"x-ses-message-tags: a=b\r\nX-Pabal-Id: fake\r\nTo: kim@example.com\r\n\r\nBcc: stays in the body\r\n"
	if got := deliver(t, start(t, testServer(q)), text, "kim@example.com"); !strings.HasPrefix(got, "250") {
		t.Fatalf("reply %q", got)
	}
	body := q.all()[0].body
	if want := "From: a@shop.example\r\nTo: kim@example.com\r\n\r\nBcc: stays in the body\r\n"; !strings.HasSuffix(body, want) {
		t.Errorf("body %q does not end with %q", body, want)
	}
	for _, gone := range []string{"secret", "DKIM", "b=abc", "X-SES", "x-ses", "Return-Path", "X-Pabal"} {
		if strings.Contains(body, gone) {
			t.Errorf("%s is still in %q", gone, body)
		}
	}
}

func TestMissingDateAndMessageIDAreAdded(t *testing.T) {
	q := &memory{}
	deliver(t, start(t, testServer(q)), "From: a@shop.example\r\n\r\nx\r\n", "kim@example.com")
	p := q.all()[0]
	for _, field := range []string{`\r\nDate: \w{3}, \d+ \w{3} \d{4} [0-9:]{8} [+-]\d{4}\r\n`, `\r\nMessage-ID: <[a-z0-9]{16}@mail\.test>\r\n`} {
		if !regexp.MustCompile(field).MatchString(p.body) {
			t.Errorf("no %s in %q", field, p.body)
		}
	}
	if !strings.Contains(p.body, "<"+p.env.MessageID+">") {
		t.Errorf("message id %q is not the one in %q", p.env.MessageID, p.body)
	}
}

func TestLongSubjectAndMessageIDAreCutForTheEnvelope(t *testing.T) {
	q := &memory{}
	text := "From: a@shop.example\r\nSubject: =?UTF-8?B?7JWI64WV?=" + strings.Repeat("\r\n =?UTF-8?B?7JWI64WV?=", 200) +
		"\r\nMessage-ID: <" + strings.Repeat("x", 900) + "@y>\r\n\r\nx\r\n"
	deliver(t, start(t, testServer(q)), text, "kim@example.com")
	env := q.all()[0].env
	if n := len(env.Subject); n > maxSubject || n < maxSubject-3 || !utf8.ValidString(env.Subject) || len(env.MessageID) != maxMessageID {
		t.Errorf("subject of %d bytes %q, message id of %d", n, env.Subject, len(env.MessageID))
	}
	if !strings.HasSuffix(q.all()[0].body, text) {
		t.Error("the message itself was changed")
	}
}

func TestLoopIsRefused(t *testing.T) {
	q := &memory{}
	address := start(t, testServer(q))
	hop := "Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0900\r\n"
	if got := deliver(t, address, strings.Repeat(hop, 99)+plain, "kim@example.com"); !strings.HasPrefix(got, "250") {
		t.Errorf("99 hops: %q", got)
	}
	if got := deliver(t, address, strings.Repeat(hop, 100)+plain, "kim@example.com"); !strings.HasPrefix(got, "554 5.4.6") {
		t.Errorf("100 hops: %q", got)
	}
}

func TestSuppressedRecipientsAreStoredAsSkipped(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.Suppressed = func(address string) (string, error) {
		if address == "gone@example.com" {
			return spool.SkipSuppressed, nil
		}
		return "", nil
	}
	deliver(t, start(t, s), plain, "kim@example.com", "gone@example.com")
	env := q.all()[0].env
	if want := map[string]string{"gone@example.com": "suppressed"}; !reflect.DeepEqual(env.Skip, want) || len(env.To) != 2 {
		t.Errorf("to %v, skip %v, want both and %v", env.To, env.Skip, want)
	}
}

func TestFailuresOfOursAreTemporary(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("put: %w", err) }
	for name, c := range map[string]struct {
		queue      *memory
		suppressed error
		want       string
	}{
		"disk full":       {queue: &memory{err: wrapped(spool.ErrFull)}, want: "452 4.3.1"},
		"sync failed":     {queue: &memory{err: wrapped(spool.ErrBroken)}, want: "451 4.3.0"},
		"anything else":   {queue: &memory{err: errors.New("odd")}, want: "451 4.3.0"},
		"no memory":       {queue: &memory{full: context.DeadlineExceeded}, want: "452 4.3.1"},
		"list unreadable": {queue: &memory{}, suppressed: errors.New("odd"), want: "451 4.3.0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testServer(c.queue)
			s.Suppressed = func(string) (string, error) { return "", c.suppressed }
			if got := deliver(t, start(t, s), plain, "kim@example.com"); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %s", got, c.want)
			}
			if n := len(c.queue.all()); n != 0 {
				t.Errorf("%d messages stored", n)
			}
			if got := s.Stats().Refused; got != 1 {
				t.Errorf("%d refused in stats, want 1", got)
			}
		})
	}
}

func TestNotKnowingTheSenderAccepts(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.SenderAllowed = func(context.Context, string) (bool, error) { return false, errors.New("SES is away") }
	if got := deliver(t, start(t, s), plain, "kim@example.com"); !strings.HasPrefix(got, "250") {
		t.Errorf("got %q, want 250", got)
	}
}

func TestTooBigTextKeepsTheConversationInStep(t *testing.T) {
	q := &memory{}
	c := dial(t, start(t, testServer(q)))
	c.play("< 220\n> EHLO c\n< 250")
	begin := "> MAIL FROM:<a@b.c>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354"
	c.play(begin)
	c.send("From: a@shop.example\r\n\r\n" + strings.Repeat("0123456789abcde\r\n", 10_000) + ".\r\n")
	c.play("< 552 5.3.4")
	c.play(begin)
	c.send(plain + ".\r\n")
	c.play("< 250")
	if n := len(q.all()); n != 1 {
		t.Errorf("%d messages stored, want the second only", n)
	}
	if q.reserved != 0 {
		t.Errorf("%d bytes of memory not given back", q.reserved)
	}
}

func TestEndlessTextIsCutOff(t *testing.T) {
	c := dial(t, start(t, testServer(&memory{})))
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354")
	go c.conn.Write([]byte(strings.Repeat("0123456789abcde\r\n", 60_000)))
	c.play("< 552 5.3.4")
}

func TestLargeTextArrivesWhole(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.MaxMessageSize = 0
	text := "From: a@shop.example\r\nDate: x\r\nMessage-ID: <1@x>\r\n\r\n" + strings.Repeat("0123456789\r\n..dotted\r\n", 100_000)
	stuffed := strings.ReplaceAll(text, "\r\n.", "\r\n..")
	if got := deliver(t, start(t, s), stuffed, "kim@example.com"); !strings.HasPrefix(got, "250") {
		t.Fatalf("reply %q", got)
	}
	if body := q.all()[0].body; !strings.HasSuffix(body, text) {
		t.Errorf("%d bytes stored, want %d behind a trace field", len(body), len(text))
	}
	if q.most > defaultMessageSize || q.most < int64(len(text)) || q.reserved != 0 {
		t.Errorf("%d bytes reserved at most, %d still, for a text of %d", q.most, q.reserved, len(text))
	}
}

func TestPipelinedMailsStayInStep(t *testing.T) {
	q := &memory{}
	c := dial(t, start(t, testServer(q)))
	mail := "MAIL FROM:<a@b.c>\r\nRCPT TO:<kim@example.com>\r\nDATA\r\n" + plain + ".\r\n"
	c.send("EHLO c\r\n" + mail + mail + "MAIL FROM:<a@b.c>\r\nRCPT TO:<b d>\r\nDATA\r\nNOOP\r\nQUIT\r\n")
	c.play("< 220\n< 250")
	c.play(strings.Repeat("< 250\n< 250\n< 354\n< 250 2.0.0 queued\n", 2))
	c.play("< 250\n< 501\n< 502\n< 250\n< 221\n< END")
	if n := len(q.all()); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func TestRecipientsPastTheLimitGet452(t *testing.T) {
	s := testServer(&memory{})
	s.MaxRecipients = 2
	dial(t, start(t, s)).play(`
		< 220
		> EHLO c
		< 250
		> MAIL FROM:<a@b.c>
		< 250
		> RCPT TO:<a@example.com>
		< 250
		> RCPT TO:<b@example.com>
		< 250
		> RCPT TO:<c@example.com>
		< 452 4.5.3`)
}

func TestManyIDsFitOneReplyLine(t *testing.T) {
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("q%d", 1<<60+i))
	}
	if text := queued(ids).Message; len(text) > 490 || !strings.HasSuffix(text, " and 990 more") {
		t.Errorf("%d octets: %q", len(text), text)
	}
}

// A client learns at MAIL that there is no room, before it has sent a text of
// megabytes, and is served in the same session once there is.
func TestNearlyFullDiskIsSaidAtMAIL(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	c := dial(t, start(t, s))
	c.play("< 220\n> EHLO client\n< 250")
	for name, err := range map[string]error{"452 4.3.1": fmt.Errorf("room: %w", spool.ErrFull), "451 4.3.0": fmt.Errorf("room: %w", spool.ErrBroken)} {
		q.room(err)
		c.play("> MAIL FROM:<a@shop.example> SIZE=50000\n< " + name + "\n> MAIL FROM:<a@shop.example>\n< " + name + "\n> RCPT TO:<b@example.com>\n< 502")
	}
	if got := s.Stats().Refused; got != 4 {
		t.Errorf("%d refused, want 4", got)
	}
	q.room(nil)
	c.play("> MAIL FROM:<a@shop.example> SIZE=50000\n< 250\n> RCPT TO:<b@example.com>\n< 250\n> DATA\n< 354")
	c.send(plain + ".\r\n")
	if got := c.reply(); !strings.HasPrefix(got, "250") {
		t.Errorf("then %q", got)
	}
}
