package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient/emulator"
	"pabal/spool"
	"pabal/testdata"
)

const (
	demoTemplate  = "welcome"
	demoSubject   = "{{Name}}님, {{Subject}}"
	demoPatience  = 30 * time.Second // for one mail to reach the emulator
	demoPollEvery = 50 * time.Millisecond
	excerptLines  = 8
	// demoApplication is an order mail of an application: two lines, the second
	// beginning with a dot.
	demoApplication = "From: =?UTF-8?B?7KO866y4IOyVjOumvA==?= <orders@example.com>\r\nTo: minji@example.net\r\nSubject: =?UTF-8?B?7KO866y47J20IOygkeyImOuQmOyXiOyKteuLiOuLpA==?=\r\n" +
		"Message-ID: <order-20260001@erp.example.com>\r\nDate: Mon, 02 Nov 2026 09:00:00 +0900\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"=EC=A3=BC=EB=AC=B8 =EB=B2=88=ED=98=B8 20260001=EC=9D=B4 =EC=A0=91=EC=88=\r\n" +
		"=98=EB=90=98=EC=97=88=EC=8A=B5=EB=8B=88=EB=8B=A4.\r\n.=EC=A0=90=EC=9C=BC=EB=A1=9C =EC=8B=9C=EC=9E=91=ED=95=98=EB=8A=94 =EC=A4=\r\n" +
		"=84=EB=8F=84 =EA=B7=B8=EB=8C=80=EB=A1=9C =EA=B0=91=EB=8B=88=EB=8B=A4.\r\n"
)

// story acts as people and applications do: through the control socket, SMTP
// and HTTP.
func (d *demo) story(ctx context.Context) error {
	d.say(d.texts.title, d.ses.State().Rate)
	id, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	if err := d.lookAhead(ctx, id); err != nil {
		return err
	}
	names, err := d.customers(ctx)
	if err != nil {
		return err
	}
	log, err := d.send(ctx, id)
	if err != nil {
		return err
	}
	if err := d.verify(ctx, id, names, log); err != nil {
		return err
	}
	if err := d.hear(ctx, id, log); err != nil {
		return err
	}
	if err := d.submit(ctx); err != nil {
		return err
	}
	gone, err := d.unsubscribe(ctx, log)
	if err != nil {
		return err
	}
	if err := d.secondCampaign(ctx, gone); err != nil {
		return err
	}
	if err := d.proveStores(ctx); err != nil {
		return err
	}
	return d.summarise()
}

// prepare imports the customers, stores the template and makes the draft.
func (d *demo) prepare(ctx context.Context) (uint64, error) {
	progress := newBar(d.app.stderr)
	imported, err := d.c.Import(ctx, bytes.NewReader(testdata.Customers), audience.ImportOptions{Name: "customers.csv", Tags: []string{"demo"},
		Progress: func(r audience.ImportResult) { progress.show(r.Rows, 0, "rows") }})
	progress.clear()
	if err != nil {
		return 0, err
	}
	d.say(d.texts.imported, commas(imported.Accepted), commas(imported.Created), commas(imported.Rejected))
	t, err := d.c.PutTemplate(ctx, campaign.Template{Name: demoTemplate, Subject: demoSubject, HTML: testdata.Welcome, Purpose: "demo"})
	if err != nil {
		return 0, err
	}
	d.say(d.texts.template, t.Name, t.Version, strings.Join(t.Fields, ", "))
	draft, err := d.draft(ctx, "환영 인사")
	return draft.ID, err
}

func (d *demo) draft(ctx context.Context, name string) (campaign.Campaign, error) {
	return d.c.CreateCampaign(ctx, campaign.Campaign{Name: name, Template: demoTemplate, Values: map[string]string{
		"Subject": "파발 상점에 오신 것을 환영합니다",
		"Body":    "가입해 주셔서 고맙습니다.\n첫 주문에 쓰실 수 있는 10% 할인 쿠폰을 드립니다.",
		"Coupon":  "PABAL10",
		"Points":  "1,000",
	}})
}

// lookAhead shows one letter, the preflight and the plan.
func (d *demo) lookAhead(ctx context.Context, id uint64) error {
	some, err := d.c.Subscribers(ctx, "", "", 1)
	if err != nil {
		return err
	}
	if len(some) == 0 {
		return &eml.Problem{What: "the sample data holds nobody", Hint: "this is a fault of the program: please report it"}
	}
	p, err := d.c.Preflight(ctx, id)
	if err != nil {
		return err
	}
	d.say(d.texts.campaign, id, commas(p.Audience.Mailable))
	letter, err := d.c.Preview(ctx, id, some[0].Email)
	if err != nil {
		return err
	}
	d.say(d.texts.preview, eml.Visible(some[0].Name))
	d.say("   %s", eml.Visible(letter.Subject))
	for _, line := range excerpt(letter.Text, excerptLines) {
		d.say("   | %s", clip(eml.Visible(line), 74))
	}
	if p.Blocked {
		return blocked(p.In(d.lang), d.lang)
	}
	d.say(d.texts.preflight, findings(p.In(d.lang)))
	plan, err := d.c.Plan(ctx, id)
	if err != nil {
		return err
	}
	d.say(d.texts.plan, commas(plan.Recipients), plan.Rate, span(plan.Seconds))
	return nil
}

// excerpt is the first n lines of a text that are not empty.
func excerpt(text string, n int) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && len(out) < n {
			out = append(out, line)
		}
	}
	return out
}

func findings(p campaign.Preflight) string {
	if len(p.Findings) == 0 {
		return "ok"
	}
	var out []string
	for _, f := range p.Findings {
		out = append(out, fmt.Sprintf("[%s] %s", f.Level, eml.Visible(f.What)))
	}
	return strings.Join(out, "; ")
}

// send starts a campaign, follows it to its end and returns what SES accepted of it.
func (d *demo) send(ctx context.Context, id uint64) ([]emulator.Accepted, error) {
	before, begun := len(d.ses.Accepted()), time.Now()
	p, err := d.c.Preflight(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err = d.c.Start(ctx, id, p.Audience.Mailable); err != nil {
		return nil, err
	}
	progress := newBar(d.app.stderr)
	defer progress.clear()
	var last campaign.Campaign
	for now, err := range d.c.Watch(ctx, id) {
		if err != nil {
			return nil, err
		}
		if now.State == spool.Held {
			return nil, &eml.Problem{What: "the campaign is held: " + now.Reason, Hint: "this is a fault of the program: please report it"}
		}
		last = now
		progress.show(now.Audience-now.Pending-now.Sending, now.Audience, d.texts.sending)
	}
	progress.clear()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if d.result.Accepted == 0 {
		d.result.Accepted, d.result.Seconds = last.Accepted, time.Since(begun).Seconds()
		d.say(d.texts.sent, commas(last.Accepted), commas(last.Failed), commas(last.Skipped), commas(last.Unknown), span(d.result.Seconds))
	}
	return d.ses.Accepted()[before:], nil
}

// submit is an application that knows nothing of SES.
func (d *demo) submit(ctx context.Context) error {
	before := len(d.ses.Accepted())
	err := smtp.SendMail(d.where.SMTP[0], nil, "erp@example.com", []string{"minji@example.net"}, []byte(demoApplication))
	if err != nil {
		return fmt.Errorf("submit a mail by SMTP: %w", err)
	}
	accepted, err := d.await(ctx, before)
	if err != nil {
		return err
	}
	d.say(d.texts.smtp, accepted.ID)
	raw, _ := d.ses.Raw(accepted.ID)
	_, body, _ := strings.Cut(demoApplication, "\r\n\r\n")
	_, arrived, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	d.check(d.texts.checks.smtp, string(arrived) == body && bytes.Contains(raw, []byte("Subject: =?UTF-8?B?7KO866y47J20IOygkeyImOuQmOyXiOyKteuLiOuLpA==?=")), "%s", accepted.ID)
	return nil
}

// await waits for the next mail after the first n of the log, and its text: the
// log has it first.
func (d *demo) await(ctx context.Context, n int) (emulator.Accepted, error) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	tick := time.NewTicker(demoPollEvery)
	defer tick.Stop()
	for {
		if log := d.ses.Accepted(); len(log) > n {
			if _, kept := d.ses.Raw(log[n].ID); kept {
				return log[n], nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return emulator.Accepted{}, &eml.Problem{What: "the mail did not reach SES", Hint: "this is a fault of the program: please report it", Err: ctx.Err()}
		}
	}
}

// unsubscribe is what a customer and their mail program do with the link.
func (d *demo) unsubscribe(ctx context.Context, log []emulator.Accepted) (string, error) {
	chosen := d.somebody(log)
	email := chosen.To[0]
	raw, _ := d.ses.Raw(chosen.ID)
	mail, err := readMail(raw)
	if err != nil {
		return "", err
	}
	if err := visit(ctx, http.MethodGet, mail.link, nil); err != nil {
		return "", err
	}
	person, err := d.c.Subscriber(ctx, email)
	if err != nil {
		return "", err
	}
	d.check(d.texts.checks.getHarmless, person.Consent.Subscribed, "%s", email)
	if err := visit(ctx, http.MethodPost, mail.link, url.Values{"List-Unsubscribe": {"One-Click"}}); err != nil {
		return "", err
	}
	if person, err = d.c.Subscriber(ctx, email); err != nil {
		return "", err
	}
	d.check(d.texts.checks.optOut, !person.Consent.Subscribed && person.Consent.Source == audience.Person, "%s", email)
	d.say(d.texts.unsubscribed, eml.Visible(person.Name))
	return email, nil
}

// somebody is a mail from the middle of the log to a person who has consent
// still: calls end in any order.
func (d *demo) somebody(log []emulator.Accepted) emulator.Accepted {
	for _, a := range log[len(log)/2:] {
		if a.To[0] != d.angry && !slices.Contains(d.dead, a.To[0]) {
			return a
		}
	}
	return log[len(log)/2]
}

func visit(ctx context.Context, method, link string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, method, link, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s %s answered %s", method, link, resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}

// secondCampaign mails everybody again, but for the one who left and those whom
// SES gave bad news of.
func (d *demo) secondCampaign(ctx context.Context, gone string) error {
	draft, err := d.draft(ctx, "두 번째 소식")
	if err != nil {
		return err
	}
	log, err := d.send(ctx, draft.ID)
	if err != nil {
		return err
	}
	now, err := d.c.Campaign(ctx, draft.ID)
	if err != nil {
		return err
	}
	out := append([]string{gone, d.angry}, d.dead...)
	mailed := false
	for _, a := range log {
		mailed = mailed || slices.Contains(out, a.To[0])
	}
	d.result.Second = now.Accepted
	d.say(d.texts.second, commas(now.Accepted), commas(now.Skipped))
	d.check(d.texts.checks.skipped, !mailed && now.Accepted == d.result.Accepted-int64(len(out)) && int64(len(log)) == now.Accepted,
		"%s: %d accepted, %d skipped", gone, now.Accepted, now.Skipped)
	return nil
}

func (d *demo) proveStores(ctx context.Context) error {
	report, err := d.c.Check(ctx)
	if err != nil {
		return err
	}
	d.check(d.texts.checks.stores, report.Clean(), "%d recipients, %d messages, %d faults", report.Rows, report.Messages, len(report.All()))
	return nil
}

// summarise shows what was checked; anything that did not hold is an error.
func (d *demo) summarise() error {
	bad := 0
	t := newTable("", d.texts.summary, "")
	t.whole = !isTerminal(d.out)
	for _, c := range d.result.Checks {
		mark := "ok"
		if !c.Good {
			mark, bad = "NO", bad+1
		}
		t.add(mark, c.Name, c.Seen)
	}
	d.result.Mails, d.result.Good = d.mails, bad == 0
	d.say("")
	if err := t.writeTo(d.out); err != nil {
		return err
	}
	d.say("")
	d.say(d.texts.mails, d.mails, filepath.Join(d.mails, "index.html"))
	if d.result.Data != "" {
		d.say(d.texts.data, d.result.Data)
	}
	if d.app.json {
		if err := writeJSON(d.app.stdout, d.result); err != nil {
			return err
		}
	}
	if bad > 0 {
		return &eml.Problem{What: fmt.Sprintf(d.texts.bad, bad, len(d.result.Checks)), Hint: "this is a fault of the program: please report it with the folder above"}
	}
	d.say(d.texts.good)
	return nil
}
