//go:build bench

package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// benchPromise is the promise of 500 mails of 100 KB in five minutes with the
// real binary, real sockets and real time: about 40 seconds.
func benchPromise(t *testing.T) []row {
	h := newHost(t, emulator.Options{Rate: 14, Keep: -1})
	p := h.serve()
	c, ctx := h.client(), t.Context()
	if _, err := c.Import(ctx, strings.NewReader(people(500)), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
	page := `<p>{{Name}}님 <a href="{{UnsubscribeURL}}">수신거부</a></p>` + strings.Repeat("<p>가을 신상품을 소개합니다. 0123456789</p>\n", 700)
	if _, err := c.PutTemplate(ctx, campaign.Template{Name: "large", Subject: "{{Name}}님", HTML: page}); err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateCampaign(ctx, campaign.Campaign{Template: "large"})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := c.Plan(ctx, made.ID)
	if err != nil || !plan.FiveMinutes {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	start := time.Now()
	if _, err := c.Start(ctx, made.ID, 500); err != nil {
		t.Fatal(err)
	}
	for now, err := range c.Watch(ctx, made.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if now.State == spool.Done && now.Accepted != 500 {
			t.Errorf("got %+v", now.Counts)
		}
	}
	all := h.ses.Accepted()
	took := all[len(all)-1].At.Sub(start)
	const most = 41_666 * time.Millisecond // 1.05 × 500 ÷ (14 × 0.9)
	if len(all) != 500 || all[0].Bytes < 95<<10 || all[0].Bytes > 110<<10 {
		t.Errorf("%d mails of %d bytes, want 500 of 100 KB", len(all), all[0].Bytes)
	}
	h.stop(p)
	return []row{{"campaign of 500 mails of 100 KB at 14/s, start to the last answer", fmt.Sprintf("%.2f s", took.Seconds()), fmt.Sprintf("plan %.1f s", plan.Seconds),
		times(took.Seconds() / most.Seconds()), "≤ 41.7 s", took <= most}}
}
