package cli

import (
	"context"
	"slices"
	"time"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient/emulator"
)

const (
	demoSet     = "demo" // configuration set whose mails the emulator reports
	demoOpeners = 20     // of the first campaign
	demoClicks  = 5
	demoReading = 4 * time.Second // from the mail to its opening: sooner it would be a scanner's
)

// customers are the names of those who are to be mailed. It decides what will
// become of some of their mails: three addresses are dead, one person complains.
func (d *demo) customers(ctx context.Context) (names map[string]string, err error) {
	names = map[string]string{}
	for sub, err := range d.c.EachSubscriber(ctx, "", "", 0) {
		if err != nil {
			return nil, err
		}
		if !sub.Consent.Subscribed {
			continue
		}
		names[sub.Email] = sub.Name
		switch len(names) {
		case 10, 60, 160:
			d.dead = append(d.dead, sub.Email)
			err = d.ses.SetFate(emulator.Fate{Match: sub.Email, Events: []string{"Bounce"}})
		case 30:
			d.angry = sub.Email
			err = d.ses.SetFate(emulator.Fate{Match: sub.Email, Events: []string{"Delivery", "Complaint"}})
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// hear has some people open the first campaign and waits until all that SES
// says of it is in the ledger.
func (d *demo) hear(ctx context.Context, id uint64, log []emulator.Accepted) error {
	read := 0
	for _, a := range log {
		if read == demoOpeners {
			break
		}
		if a.To[0] == d.angry || slices.Contains(d.dead, a.To[0]) {
			continue
		}
		if read++; read <= demoClicks {
			if err := d.ses.Report(a.ID, "Click", a.At.Add(demoReading)); err != nil {
				return err
			}
		}
		if err := d.ses.Report(a.ID, "Open", a.At.Add(demoReading)); err != nil {
			return err
		}
	}
	now, err := d.heard(ctx, id, int64(len(log)), int64(read))
	if err != nil {
		return err
	}
	d.result.Delivered, d.result.Bounced, d.result.Complained, d.result.Opened = now.Delivered, now.Bounced, now.Complained, now.Opened
	d.say(d.texts.heard, commas(now.Delivered), commas(now.Bounced), commas(now.Complained), commas(now.Opened), commas(now.Clicked))
	d.check(d.texts.checks.heard, now.Delivered+now.Bounced == now.Accepted && now.Bounced == int64(len(d.dead)) && now.Complained == 1, "%d + %d = %d", now.Delivered, now.Bounced, now.Accepted)
	blocked := 0
	for s, err := range d.c.Suppressions(ctx) {
		if err != nil {
			return err
		}
		if s.Email == d.angry || slices.Contains(d.dead, s.Email) {
			blocked++
		}
	}
	d.check(d.texts.checks.blocked, blocked == len(d.dead)+1, "%d of %d", blocked, len(d.dead)+1)
	return nil
}

// heard waits for feedback on a campaign.
func (d *demo) heard(ctx context.Context, id uint64, mails, opened int64) (campaign.Campaign, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	tick := time.NewTicker(demoPollEvery)
	defer tick.Stop()
	for {
		now, err := d.c.Campaign(ctx, id)
		if err != nil || now.Delivered+now.Bounced >= mails && now.Complained > 0 && now.Opened >= opened {
			return now, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return now, &eml.Problem{What: "SES's events did not arrive", Hint: "this is a fault of the program: please report it", Err: ctx.Err()}
		}
	}
}
