package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
)

// sesHint is a refusal of SES with its hint where people look for one.
func sesHint(err error) error {
	var refused *spool.SendError
	if errors.As(err, &refused) {
		return &eml.Problem{What: refused.Error(), Hint: refused.Hint, Err: err}
	}
	return err
}

// checkDaemon asks the daemon how it is, if one runs.
func (e *examination) checkDaemon(ctx context.Context) {
	c := control.NewClient(e.cfg.Control.Socket, version())
	defer c.Close()
	st, err := c.Status(ctx)
	switch {
	case errors.Is(err, control.ErrNoDaemon):
		e.say("daemon", checkWarn, "no daemon runs", "start it: systemctl start pabal, or pabal serve")
		return
	case err != nil:
		what, how := parts(err)
		e.say("daemon", checkFail, what, how)
		return
	}
	e.daemon = &st
	if st.Version != version() {
		e.say("daemon", checkWarn, "the daemon's version is "+st.Version+", this command's is "+version(), "restart the daemon after an upgrade")
	}
	for _, h := range st.Spool.Held {
		e.say("daemon", checkWarn, "held: "+string(h.Scope)+": "+h.Reason, h.Hint)
	}
	if st.Spool.Store.NearlyFull {
		e.say("daemon", checkFail, "the disk is nearly full: new mail is refused", "free some space on it")
	}
	if st.Version == version() && len(st.Spool.Held) == 0 && !st.Spool.Store.NearlyFull {
		e.say("daemon", checkPass, fmt.Sprintf("it runs since %s, %s waiting", when(st.Started, e.cfg.zone()), commas(st.Spool.Pending)), "")
	}
}

// checkClock compares with SES's clock, and asks the kernel whether somebody
// keeps ours.
func (e *examination) checkClock(ctx context.Context) {
	kept := true
	if state, err := unix.Adjtimex(&unix.Timex{}); err == nil {
		kept = state != unix.TIME_ERROR
	}
	skew, err := clockOf(ctx, e.cfg.endpointURL())
	switch size := skew.Abs(); {
	case err != nil && kept:
		e.say("clock", checkSkip, "not compared with SES's: "+err.Error(), "")
	case size > skewRefused:
		e.say("clock", checkFail, fmt.Sprintf("the clock is %s off SES's: every signature is refused", size), "keep it right: timedatectl set-ntp true")
	case size > skewNoticed:
		e.say("clock", checkWarn, fmt.Sprintf("the clock is %s off SES's", size), "keep it right: timedatectl set-ntp true")
	case !kept:
		e.say("clock", checkWarn, "nothing keeps the clock right", "timedatectl set-ntp true; in a container the host does it")
	default:
		e.say("clock", checkPass, "within seconds of SES's", "")
	}
}

// endpointURL is where SES's API answers.
func (c *Config) endpointURL() string {
	if c.SES.Endpoint != "" {
		return c.SES.Endpoint
	}
	return "https://email." + c.SES.Region + ".amazonaws.com/"
}

// clockOf is how far a server's clock is ahead of ours, by its Date header: to a second.
func clockOf(ctx context.Context, address string) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close() // HEAD has none
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, errors.New("its answer has no date")
	}
	middle := began.Add(time.Since(began) / 2)
	return date.Sub(middle).Truncate(time.Second), nil
}

// errUntried is a right that this configuration does not use.
var errUntried = errors.New("not tried")

// checkAWS asks for the credentials and tries the rights that can be tried
// without doing anything.
func (e *examination) checkAWS(ctx context.Context) {
	o := sesclient.Options{Region: e.cfg.SES.Region, Endpoint: e.cfg.SES.Endpoint, ConfigurationSet: e.cfg.SES.ConfigurationSet, RateShare: e.cfg.SES.RateShare,
		Resolver: e.cfg.DNS.Resolver, NoDNS: e.cfg.sesOnLoopback() && e.cfg.DNS.Resolver == ""}
	if err := e.cfg.useAWSFiles(); err != nil {
		e.refused("aws", err)
		return
	}
	ses, err := sesclient.New(ctx, o)
	if err != nil {
		e.refused("aws", err)
		return
	}
	if _, err := ses.Account(ctx, 0); err != nil && e.daemonAlone(err) {
		what, _ := parts(err)
		e.say("aws", checkSkip, "SES answers the daemon, but not this user: "+what, "to try the daemon's keys: sudo pabal doctor")
		return
	} else if err != nil {
		what, how := parts(sesHint(err))
		e.say("aws", checkFail, what, how+" (the rights pabal needs: pabal doctor --policy)")
		return
	}
	e.ses = ses
	tried := []string{"ses:GetAccount"}
	for _, try := range []struct {
		action string
		do     func() error
	}{
		{"ses:ListEmailIdentities", func() error { _, err := ses.Identities(ctx); return err }},
		{"ses:ListSuppressedDestinations", func() error {
			for _, err := range ses.AccountList().All(ctx) {
				return err
			}
			return nil
		}},
		{"ses:GetConfigurationSetEventDestinations", func() error {
			if e.cfg.SES.ConfigurationSet == "" {
				return errUntried
			}
			_, _, err := ses.Tracks(ctx, e.cfg.SES.ConfigurationSet)
			return err
		}},
	} {
		switch err := try.do(); {
		case errors.Is(err, errUntried):
			continue
		case err != nil:
			what, how := parts(sesHint(err))
			e.say("aws", checkFail, try.action+": "+what, how+" (the rights pabal needs: pabal doctor --policy)")
			continue
		}
		tried = append(tried, try.action)
	}
	e.say("aws", checkPass, "the credentials are good, and may "+strings.Join(tried, ", ")+"; sending is tried by --live alone", "")
}

// daemonAlone reports whether the keys are missing here, and good where the
// daemon runs.
func (e *examination) daemonAlone(err error) bool {
	var refused *spool.SendError
	return errors.As(err, &refused) && refused.Class == spool.Credentials && e.daemon != nil && e.daemon.SES.Error == "" && !e.daemon.SES.CheckedAt.IsZero()
}

// checkAccount says what SES lets the account do.
func (e *examination) checkAccount(context.Context) {
	var st sesclient.Status
	switch {
	case e.ses != nil:
		st = e.ses.Status()
	case e.daemon != nil && e.daemon.SES.Error == "":
		st = e.daemon.SES
	default:
		e.say("account", checkSkip, "SES did not answer", "")
		return
	}
	text := fmt.Sprintf("%s, %.3g a second, %s", st.Region, st.Rate, quota(st.Sent24h, st.Quota24h))
	switch {
	case !st.SendingEnabled, strings.EqualFold(st.Enforcement, "SHUTDOWN"):
		e.say("account", checkFail, "SES has switched sending off for this account ("+st.Enforcement+")", "see the SES console for the reason and ask AWS to switch it on")
	case st.Sandbox:
		e.say("account", checkWarn, "the account is in the sandbox: "+text+", to verified addresses only", "ask for production access in the AWS console; till then: pabal domain verify-address EMAIL")
	case st.Enforcement != "" && !strings.EqualFold(st.Enforcement, "HEALTHY"):
		e.say("account", checkWarn, "SES watches the account's reputation ("+st.Enforcement+")", "bounces and complaints must go down: see the SES console")
	default:
		e.say("account", checkPass, text, "")
	}
}

// checkSender looks at the configured sender's domain as preflight does.
func (e *examination) checkSender(ctx context.Context) {
	box, err := mail.ParseAddress(e.cfg.Campaign.From)
	switch {
	case err != nil:
		e.say("sender", checkWarn, "campaign.from is empty: every campaign must name its sender", `set it: [campaign] from = "상호 <shop@example.com>"`)
		return
	case e.ses == nil:
		e.say("sender", checkSkip, "SES did not answer", "ask the daemon: pabal domain check")
		return
	}
	d, err := e.ses.DomainNow(ctx, box.Address)
	if err != nil {
		e.refused("sender", err)
		return
	}
	good := true
	for _, f := range control.DomainFindings(d) {
		f = f.In(e.lang)
		switch f.Level {
		case campaign.Block:
			e.say("sender", checkFail, f.What, f.How)
		case campaign.Warn:
			e.say("sender", checkWarn, f.What, f.How)
		default:
			continue
		}
		good = false
	}
	if good {
		e.say("sender", checkPass, "the domain of "+box.Address+" is set up at SES and in the DNS", "")
	}
}

// checkFeedback says whether anybody hears what becomes of mails.
func (e *examination) checkFeedback(context.Context) {
	source := e.cfg.feedbackOptions().Source()
	switch heard := e.daemon; {
	case source == sesclient.SourceNone:
		e.say("feedback", checkWarn, "nothing is heard of deliveries, bounces and complaints", "set a queue up: pabal feedback setup")
	case heard != nil && heard.Feedback != nil && heard.Feedback.Error != "":
		e.say("feedback", checkFail, heard.Feedback.Error, heard.Feedback.Hint)
	case source == sesclient.SourceSuppression:
		e.say("feedback", checkWarn, "bounces and complaints only are heard of, by SES's suppression list", "to hear of deliveries set a queue up: pabal feedback setup")
	case heard == nil:
		e.say("feedback", checkSkip, "the queue is read by the daemon alone", "")
	default:
		e.say("feedback", checkPass, "the queue is read", "")
	}
}

// checkMySQL connects and looks at the table and at what the account may do.
func (e *examination) checkMySQL(ctx context.Context) {
	if !e.cfg.syncs() {
		e.say("mysql", checkSkip, "there is no source of customers", "")
		return
	}
	source := e.cfg.source()
	warnings, err := source.Try(ctx)
	switch {
	case err != nil:
		what, how := parts(err)
		e.say("mysql", checkFail, what, how)
	case len(warnings) > 0:
		for _, text := range warnings {
			e.say("mysql", checkWarn, text, "see docs/mysql.md")
		}
	default:
		e.say("mysql", checkPass, "it answers, and the columns are there", "")
	}
}
