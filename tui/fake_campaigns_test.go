package tui

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/spool"
)

func (f *fakeBackend) Campaigns(context.Context) ([]campaign.Campaign, error) {
	return f.campaigns, f.did("Campaigns")
}
func (f *fakeBackend) Campaign(_ context.Context, id uint64) (campaign.Campaign, error) {
	if err := f.did("Campaign %d", id); err != nil {
		return campaign.Campaign{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	return *c, nil
}

func (f *fakeBackend) CreateCampaign(_ context.Context, c campaign.Campaign) (campaign.Campaign, error) {
	err := f.did("CreateCampaign %s|%s|%s|%s|%s|%v", c.Name, c.Template, c.Segment, c.From, c.Topic, c.Values)
	c.ID, c.State = 9, spool.Draft
	f.campaigns = append(f.campaigns, c)
	return c, err
}
func (f *fakeBackend) EditCampaign(_ context.Context, c campaign.Campaign) (campaign.Campaign, error) {
	if err := f.did("EditCampaign %d %s %v", c.ID, c.Name, c.Values); err != nil {
		return campaign.Campaign{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old, err := f.find(c.ID)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.State, c.Schedule, c.HeldFor, c.Reason = spool.Draft, nil, "", "" // as the daemon has it
	*old = c
	return c, nil
}
func (f *fakeBackend) PreflightTold(_ context.Context, id uint64, lang string, tell func(done, total int64)) (campaign.Preflight, error) {
	if f.slow {
		tell(42, 100)
	}
	return f.preflight.In(lang), f.did("Preflight %d", id)
}
func (f *fakeBackend) Plan(_ context.Context, id uint64) (campaign.Plan, error) {
	return f.plan, f.did("Plan %d", id)
}
func (f *fakeBackend) TestCampaigns(_ context.Context, id uint64, as string, to []string) ([]campaign.TestMail, error) {
	var sent []campaign.TestMail
	for _, t := range to {
		sent = append(sent, campaign.TestMail{To: t, Message: "q77"})
	}
	return sent, f.did("TestCampaigns %d %s %s", id, as, strings.Join(to, ","))
}

func (f *fakeBackend) change(what string, id uint64, to spool.State) (campaign.Campaign, error) {
	if err := f.did("%s %d", what, id); err != nil {
		return campaign.Campaign{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.State = to
	return *c, nil
}

func (f *fakeBackend) StartOver(_ context.Context, id uint64, expect int64, overrides []campaign.Override) (campaign.Campaign, error) {
	what := fmt.Sprintf("Start expect=%d", expect)
	for _, o := range overrides {
		what += " over " + o.Rule + ": " + o.Reason
	}
	return f.change(what, id, spool.Running)
}
func (f *fakeBackend) Schedule(_ context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Campaign, error) {
	c, err := f.change(fmt.Sprintf("Schedule %s %s late=%d expect=%d %s %s", o.At, o.Zone, o.LateSeconds, o.Expect, o.Hours, o.Days), id, spool.Scheduled)
	if kept, no := f.find(id); no == nil {
		kept.Schedule = &campaign.Schedule{Wall: o.At, Zone: o.Zone, Due: f.now.Add(20 * time.Hour)}
		c = *kept
	}
	return c, err
}
func (f *fakeBackend) Unschedule(_ context.Context, id uint64) (campaign.Campaign, error) {
	c, err := f.change("Unschedule", id, spool.Draft)
	c.Schedule = nil
	return c, err
}
func (f *fakeBackend) PlanSchedule(_ context.Context, id uint64, o campaign.ScheduleOrder) (campaign.Plan, error) {
	plan := f.plan
	plan.Start, plan.End = testNow.Add(22*time.Hour), testNow.Add(23*time.Hour) // not that of a start at once
	return plan, f.did("PlanSchedule %s %s %s %s %d", o.At, o.Zone, o.Hours, o.Days, id)
}
func (f *fakeBackend) SetBrake(_ context.Context, id uint64, b *spool.Brake) (campaign.Campaign, error) {
	words := "as configured"
	if b != nil {
		words = fmt.Sprintf("%+v", *b)
	}
	if err := f.did("SetBrake %d %s", id, words); err != nil {
		return campaign.Campaign{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.Brake = b
	return *c, nil
}
func (f *fakeBackend) SetWindow(_ context.Context, id uint64, w *spool.Window) (campaign.Campaign, error) {
	if err := f.did("SetWindow %d %v", id, w); err != nil {
		return campaign.Campaign{}, err
	}
	c, err := f.find(id)
	if err != nil {
		return campaign.Campaign{}, err
	}
	c.Window = w
	return *c, nil
}
func (f *fakeBackend) CopyCampaign(_ context.Context, id uint64, name string) (campaign.Copied, error) {
	c, err := f.find(id)
	if err != nil {
		return campaign.Copied{}, err
	}
	d := campaign.Campaign{ID: 9, Name: c.Name + " 2", State: spool.Draft, Template: c.Template}
	f.campaigns = append(f.campaigns, d)
	return campaign.Copied{Campaign: d, Changes: []campaign.Change{{Code: campaign.ChangedVersion, Was: "1", Is: "2"}, {Code: campaign.ChangedAudience, Was: "42820", Is: "44100"}}}, f.did("CopyCampaign %d %s", id, name)
}
func (f *fakeBackend) Pause(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Pause", id, spool.Paused)
}
func (f *fakeBackend) Resume(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Resume", id, spool.Running)
}
func (f *fakeBackend) Cancel(_ context.Context, id uint64) (campaign.Campaign, error) {
	return f.change("Cancel", id, spool.Cancelled)
}

func (f *fakeBackend) Resend(_ context.Context, id uint64, outcome string) (campaign.Campaign, int64, error) {
	c, err := f.change("Resend "+outcome, id, spool.Running)
	return c, c.Failed, err
}

func (f *fakeBackend) Watch(ctx context.Context, id uint64) iter.Seq2[campaign.Campaign, error] {
	return func(yield func(campaign.Campaign, error) bool) {
		if err := f.did("Watch %d", id); err != nil {
			yield(campaign.Campaign{}, err)
			return
		}
		for first := true; first || f.live != nil; first = false {
			c, err := f.Campaign(ctx, id)
			if !yield(c, err) || f.live == nil {
				return
			}
			select {
			case <-f.live:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *fakeBackend) Recipients(_ context.Context, id uint64, outcome string) iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		if err := f.did("Recipients %d %s", id, outcome); err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.rows {
			if (outcome == "" || outcomeWord[m.Outcome] == outcome) && !yield(m, nil) {
				return
			}
		}
	}
}

var outcomeWord = [...]string{"pending", "sending", "accepted", "failed", "skipped", "unknown"}
