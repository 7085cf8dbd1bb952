package control

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
)

func TestLettersAreLookedAtAcrossTheSocket(t *testing.T) {
	r, ctx := ready(t), t.Context()
	pdf := bytes.Repeat([]byte("%PDF\x00"), 1000)
	file, err := r.PutFile(ctx, "쿠폰 1.pdf", bytes.NewReader(pdf))
	if err != nil || file.Name != "쿠폰 1.pdf" || file.Bytes != int64(len(pdf)) || file.ContentType != "application/pdf" {
		t.Fatalf("%+v, %v", file, err)
	}
	_, err = r.PutFile(ctx, "a.exe", strings.NewReader("x"))
	wantProblem(t, err, "type .exe", "attach another type", nil)
	_, err = r.PutFile(ctx, "big.bin", bytes.NewReader(make([]byte, campaign.MaxAttached+1)))
	wantProblem(t, err, "more than 7 MB", "web server", nil)
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Template: "hello", Values: map[string]string{"Body": "one"}, Attachments: []campaign.Attachment{file}})
	if err != nil || len(made.Attachments) != 1 || made.Attachments[0] != file {
		t.Fatalf("%+v, %v", made, err)
	}
	for _, c := range []struct {
		whom campaign.Whom
		want string
	}{{campaign.Whom{}, "user000000@example.net"}, {campaign.Whom{Nth: 3}, "user000002@example.net"}, {campaign.Whom{After: 3}, "user000003@example.net"},
		{campaign.Whom{Before: 3}, "user000001@example.net"}, {campaign.Whom{Email: "user000004@example.net"}, "user000004@example.net"}} {
		if l, err := r.PreviewAs(ctx, made.ID, c.whom); err != nil || l.Email != c.want || l.Bytes < int64(len(pdf)) {
			t.Errorf("%+v: %+v, %v, want %s", c.whom, l, err, c.want)
		}
	}
	_, err = r.PreviewAs(ctx, made.ID, campaign.Whom{Nth: 6})
	wantProblem(t, err, "only 5", "", campaign.ErrNotFound)
	link, err := r.PreviewLink(ctx, made.ID, campaign.Whom{Nth: 2})
	if err != nil || !strings.HasPrefix(link.URL, "http://127.0.0.1:1/l/") || link.Email != "user000001@example.net" || time.Until(link.Until) > campaign.PreviewFor {
		t.Errorf("%+v, %v", link, err)
	}
}

func TestTestsAndDryRunsAcrossTheSocket(t *testing.T) {
	r, ctx := ready(t), t.Context()
	made, err := r.CreateCampaign(ctx, campaign.Campaign{Template: "hello", Values: map[string]string{"Body": "one"}})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := r.TestCampaigns(ctx, made.ID, "", []string{"me@example.com", "boss@example.com"})
	if err != nil || len(sent) != 2 || sent[1].To != "boss@example.com" || sent[1].Message == "" {
		t.Errorf("%+v, %v", sent, err)
	}
	if id, err := r.TestCampaign(ctx, made.ID, "", "you@example.com"); err != nil || id == "" {
		t.Errorf("%s, %v", id, err)
	}
	_, err = r.TestCampaign(ctx, made.ID, "nobody@example.net", "you@example.com")
	wantProblem(t, err, "nobody@example.net", "", audience.ErrNotFound)
	for limit, want := range map[int64]int{0: 5, 2: 2} {
		all, err := collect(r.DryRun(ctx, made.ID, limit))
		if err != nil || len(all) != want || !bytes.Contains(all[0].Mail, []byte("Subject: ")) || all[0].Email != "user000000@example.net" {
			t.Errorf("limit %d: %d letters, %v", limit, len(all), err)
		}
	}
	for range r.DryRun(ctx, made.ID, 0) {
		break // leaving early ends it
	}
	_, err = collect(r.DryRun(ctx, 99, 0))
	wantProblem(t, err, "there is no campaign 99", "", campaign.ErrNotFound)
}
