package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/smtp"
	"strings"
	"time"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
)

const (
	liveWord = "mail"
	liveWait = 3 * time.Minute // for what SES says of a mail: events take seconds, one whose delivery broke comes again after 2 minutes
	livePoll = time.Second
)

// consent has a person type a word before mails leave the house.
func (a *app) consent() error {
	if !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return usage("doctor --live mails SES's simulator, and there is no terminal to ask on", "to do it without a question: pabal doctor --live --yes")
	}
	fmt.Fprintf(a.stderr, "Three mails go to SES's mailbox simulator by your account and count to its bill. Type %s to go on: ", liveWord)
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n') // no answer is no
	if strings.TrimSpace(answer) != liveWord {
		return &eml.Problem{What: "nothing was mailed", Hint: "type " + liveWord + " to go on"}
	}
	return nil
}

// liveMail is one to an address of SES's simulator and what must become of it.
type liveMail struct {
	box   string
	to    string
	heard func(*spool.Message) bool
}

// live submits as an application would, by SMTP, and waits for the answers. A
// label of its own keeps each run's addresses apart from those that an earlier
// one has suppressed.
func (e *examination) live(ctx context.Context) {
	box, err := mail.ParseAddress(e.cfg.Campaign.From)
	switch {
	case err != nil:
		e.say("live", checkSkip, "campaign.from is empty: there is no sender", "")
		return
	case e.daemon == nil:
		e.say("live", checkFail, "no daemon runs that could send", "start it: systemctl start pabal, or pabal serve")
		return
	}
	label := strings.ToLower(rand.Text()[:8])
	mails := []liveMail{{"success", "", func(m *spool.Message) bool { return m.Delivered }}, {"bounce", "", func(m *spool.Message) bool { return m.Bounced }},
		{"complaint", "", func(m *spool.Message) bool { return m.Complained }}}
	for i := range mails {
		mails[i].to = mails[i].box + "+" + label + "@simulator.amazonses.com"
		if err := e.submit(box.Address, mails[i].to); err != nil {
			e.say("live_"+mails[i].box, checkFail, "the daemon did not take it: "+err.Error(), "see what it says, and the log of the daemon")
			return
		}
	}
	for _, m := range mails {
		e.follow(ctx, m)
	}
}

// submit hands a mail in at the first SMTP listener of the daemon.
func (e *examination) submit(from, to string) error {
	at := e.smtpAddress()
	if at == "" {
		return errors.New("it listens for no SMTP on this host")
	}
	c, err := smtp.Dial(at)
	if err != nil {
		return err
	}
	defer c.Close() // after Quit there is nothing to close
	text := "From: " + from + "\r\nTo: " + to + "\r\nSubject: pabal doctor\r\n\r\nA mail to SES's simulator.\r\n"
	if err := errors.Join(c.Mail(from), c.Rcpt(to)); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = c.Quit() // the mail is taken
	return nil
}

// smtpAddress is the daemon's first SMTP listener, "" for none.
func (e *examination) smtpAddress() string {
	var stats smtpd.Stats
	if json.Unmarshal(e.daemon.SMTP, &stats) != nil || len(stats.Listen) == 0 {
		return ""
	}
	return stats.Listen[0]
}

// follow waits for a mail's outcome, and for feedback where it is heard.
func (e *examination) follow(ctx context.Context, m liveMail) {
	check := "live_" + m.box
	c := control.NewClient(e.cfg.Control.Socket, version())
	defer c.Close()
	events := e.cfg.feedbackOptions().Source() == sesclient.SourceSQS
	last, err := e.await(ctx, c, m, events)
	switch {
	case err != nil:
		what, how := parts(err)
		e.say(check, checkFail, what, how)
	case m.heard(&last):
		e.say(check, checkPass, m.to+": "+m.box+" was heard", "")
	case last.Outcome == spool.Accepted && !events:
		e.say(check, checkWarn, m.to+": SES took it; what became of it is not heard", "set a queue up: pabal feedback setup")
	case last.Outcome == spool.Accepted:
		e.say(check, checkFail, m.to+": SES took it, and nothing was heard within "+liveWait.String(), "see: pabal feedback status")
	default:
		e.say(check, checkFail, m.to+": "+last.Outcome.String()+" "+last.Reason, "see: pabal trace "+m.to)
	}
}

// await looks at a mail until nothing more is to come of it.
func (e *examination) await(ctx context.Context, c *control.Client, m liveMail, events bool) (last spool.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, liveWait)
	defer cancel()
	tick := time.NewTicker(livePoll)
	defer tick.Stop()
	for {
		for now, err := range c.Trace(ctx, m.to) {
			if err != nil {
				if ctx.Err() != nil {
					return last, nil
				}
				return last, err
			}
			last = now
		}
		open := last.Outcome == spool.Pending || last.Outcome == spool.Sending
		if m.heard(&last) || !open && (!events || last.Outcome != spool.Accepted) {
			return last, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, nil
		}
	}
}
