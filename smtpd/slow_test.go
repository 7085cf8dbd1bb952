package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/spool"
)

// hang leaves a client in the middle of a text of so many bytes.
func hang(t testing.TB, address string, size int) {
	c := dial(t, address)
	c.reply()
	c.send("EHLO slow\r\nMAIL FROM:<a@shop.example>\r\nRCPT TO:<slow@example.com>\r\nDATA\r\n")
	for range 4 {
		c.reply()
	}
	go func() { // the server reads it when it has the memory, or never
		_, _ = io.Copy(c.conn, io.MultiReader(strings.NewReader(plain), bytes.NewReader(bytes.Repeat([]byte("slow text\r\n"), size/11))))
	}()
}

// A shop's order mails must not wait behind a few clients that are slow with
// large attachments and hold all the memory that such texts may have; nor may
// what leaves for SES.
func TestSlowClientsWithLargeTextsDoNotKeepSmallMailOut(t *testing.T) {
	sp := stored(t)
	sp.BodyMemory, sp.MaxMessage = 8<<20, 1<<20
	s := New(sp)
	s.MaxMessageSize = sp.MaxMessage
	address := start(t, s)
	for range 8 {
		hang(t, address, 900<<10)
	}
	full, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for { // until they hold what there is for texts of their size
		ctx, stop := context.WithTimeout(full, 20*time.Millisecond)
		release, err := sp.ReserveBody(ctx, spool.MediumBody)
		stop()
		if err != nil {
			break
		}
		release()
	}
	if full.Err() != nil {
		t.Fatal("the slow clients hold no memory: the test shows nothing")
	}
	begun := time.Now()
	for i := range 20 {
		if got := deliver(t, address, plain, fmt.Sprintf("c%d@example.com", i)); !strings.HasPrefix(got, "250") {
			t.Fatalf("mail %d: %q", i, got)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("20 small mails took %v", took)
	}
}

// BenchmarkFastClientsBesideOthers is 8 clients with mails of 10 KB, alone and
// beside 200 idle ones and 50 in the middle of a text.
func BenchmarkFastClientsBesideOthers(b *testing.B) {
	for _, idle := range []int{0, 200} {
		b.Run(fmt.Sprintf("%d-idle", idle), func(b *testing.B) {
			sp, err := spool.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer sp.Close()
			address := start(b, New(sp))
			for i := range idle {
				dial(b, address).reply()
				if i%4 == 0 {
					hang(b, address, 300<<10)
				}
			}
			text := "From: a@shop.example\r\n\r\n" + strings.Repeat("an order of ten articles\r\n", 400) + ".\r\n"
			var all sync.WaitGroup
			b.ResetTimer()
			for range 8 {
				c := dial(b, address)
				all.Go(func() {
					c.reply()
					c.send("EHLO fast\r\n")
					c.reply()
					for range b.N/8 + 1 {
						c.send("MAIL FROM:<a@shop.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n")
						c.reply()
						c.reply()
						c.reply()
						c.send(text)
						if got := c.reply(); !strings.HasPrefix(got, "250") {
							b.Error(got)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}
