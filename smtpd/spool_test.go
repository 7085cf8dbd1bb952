package smtpd

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pabal/spool"
)

// stored opens a real spool, without a drain: what is put stays pending.
func stored(t *testing.T) *spool.Spool {
	t.Helper()
	sp, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	return sp
}

// messages are all in the queue, by address.
func messages(t *testing.T, sp *spool.Spool) map[string]spool.Message {
	t.Helper()
	all := map[string]spool.Message{}
	for m, err := range sp.Messages(nil) {
		if err != nil {
			t.Fatal(err)
		}
		all[m.To] = m
	}
	return all
}

func TestMailIsInTheSpoolWhenTheClientReads250(t *testing.T) {
	sp := stored(t)
	s := New(sp)
	s.Hostname = "mail.test"
	s.Suppressed = func(address string) (string, error) {
		if address == "gone@example.com" {
			return spool.SkipSuppressed, nil
		}
		return "", nil
	}
	reply := deliver(t, start(t, s), plain, "kim@example.com", "gone@example.com", "lee@example.com")
	all := messages(t, sp)
	if len(all) != 3 {
		t.Fatalf("%d messages, want 3", len(all))
	}
	kim, gone := all["kim@example.com"], all["gone@example.com"]
	if !strings.HasPrefix(reply, "250 2.0.0 queued as ") || !strings.Contains(reply, kim.ID) {
		t.Errorf("reply %q does not name %s", reply, kim.ID)
	}
	if kim.Outcome != spool.Pending || kim.FromDomain != "shop.example" || kim.Subject != "안녕" || kim.MessageID != "1@app.example" {
		t.Errorf("message %+v", kim)
	}
	if gone.Outcome != spool.Skipped || gone.Reason != spool.SkipSuppressed {
		t.Errorf("suppressed recipient's message %+v", gone)
	}
	var body bytes.Buffer
	if err := sp.Body(kim.ID, &body); err != nil || !strings.HasSuffix(body.String(), plain) {
		t.Errorf("body %q, %v", body.String(), err)
	}
}

// A mail to 1,000 people is 1,000 mails, and nobody sees the others.
func TestThousandRecipientsGetAMailEach(t *testing.T) {
	sp := stored(t)
	c := dial(t, start(t, New(sp)))
	c.play("< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250")
	for i := range defaultRecipients {
		c.send(fmt.Sprintf("RCPT TO:<to%d@example.com>\r\n", i))
	}
	for range defaultRecipients {
		c.play("< 250")
	}
	c.play("> RCPT TO:<one-more@example.com>\n< 452\n> DATA\n< 354")
	c.send(plain + ".\r\n")
	c.play("< 250 2.0.0 queued as")
	all := messages(t, sp)
	if len(all) != defaultRecipients {
		t.Fatalf("%d messages, want %d", len(all), defaultRecipients)
	}
	var got bytes.Buffer
	if err := sp.Body(all["to999@example.com"].ID, &got); err != nil || bytes.Contains(got.Bytes(), []byte("@example.com")) {
		t.Errorf("body %q, %v: names a recipient", got.String(), err)
	}
}

// TestClientsAtOnceKeepTheirMailsApart would see a buffer used again too soon.
func TestClientsAtOnceKeepTheirMailsApart(t *testing.T) {
	const clients, mails = 8, 20
	sp := stored(t)
	address := start(t, New(sp))
	var wg sync.WaitGroup
	for n := range clients {
		c := dial(t, address)
		wg.Go(func() {
			c.reply()
			c.send("EHLO c\r\n")
			c.reply()
			for i := range mails {
				c.send(fmt.Sprintf("MAIL FROM:<a@shop.example>\r\nRCPT TO:<to%d-%d@example.com>\r\nDATA\r\n", n, i))
				c.reply()
				c.reply()
				c.reply()
				c.send(body(n, i) + ".\r\n")
				if got := c.reply(); !strings.HasPrefix(got, "250") {
					t.Errorf("client %d, mail %d: %q", n, i, got)
				}
			}
		})
	}
	wg.Wait()
	all := messages(t, sp)
	for n := range clients {
		for i := range mails {
			var got bytes.Buffer
			m := all[fmt.Sprintf("to%d-%d@example.com", n, i)]
			if err := sp.Body(m.ID, &got); err != nil || !strings.HasSuffix(got.String(), body(n, i)) {
				t.Fatalf("mail %d of client %d: %.80q, %v", i, n, got.String(), err)
			}
		}
	}
}

// body is a text that no other mail has, of a size of its own.
func body(n, i int) string {
	return fmt.Sprintf("From: a@shop.example\r\nDate: x\r\nMessage-ID: <%d.%d@x>\r\n\r\n", n, i) +
		strings.Repeat(fmt.Sprintf("client %d mail %d\r\n", n, i), 1+(n*37+i*101)%2000)
}
