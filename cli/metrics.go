package cli

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// metrics writes the sums of the spool and the facts of the account in
// Prometheus' text format.
func (d *daemon) metrics(w http.ResponseWriter, _ *http.Request) {
	status, err := d.spool.Status()
	if err != nil {
		http.Error(w, "the spool does not answer", http.StatusServiceUnavailable)
		return
	}
	var out bytes.Buffer
	gauge := func(name, help string, value float64) {
		fmt.Fprintf(&out, "# HELP pabal_%s %s\n# TYPE pabal_%s gauge\npabal_%s %v\n", name, help, name, name, value)
	}
	gauge("pending", "messages that wait", float64(status.Pending))
	gauge("sending", "calls to SES that are open", float64(status.Sending))
	gauge("oldest_seconds", "age of the oldest message that waits", float64(status.OldestSeconds))
	gauge("holds", "scopes that are held", float64(len(status.Held)))
	fmt.Fprint(&out, "# HELP pabal_hold a scope that is held, and why\n# TYPE pabal_hold gauge\n")
	for _, h := range status.Held {
		fmt.Fprintf(&out, "pabal_hold{scope=%q,class=%q,manual=\"%t\"} 1\n", h.Scope, h.Class, h.Manual)
	}
	gauge("store_free_bytes", "free for the stores: on the volume and in their unused pages", float64(status.Store.FreeBytes))
	gauge("store_reserve_bytes", "with less than this free nothing new is taken", float64(status.Store.ReserveBytes))
	gauge("store_nearly_full", "1 while new mail is refused because the disk is nearly full", number(status.Store.NearlyFull))
	gauge("store_no_campaigns", "1 while no campaign can start for want of space", number(status.Store.NoCampaigns))
	gauge("accepted_per_second", "accepted by SES, mean of the last seconds", status.PerSecond)
	fmt.Fprint(&out, "# HELP pabal_messages messages by lane and outcome\n# TYPE pabal_messages gauge\n")
	for _, lane := range slices.Sorted(maps.Keys(status.Lanes)) {
		n := status.Lanes[lane]
		for _, row := range []struct {
			outcome string
			n       int64
		}{{"pending", n.Pending}, {"sending", n.Sending}, {"accepted", n.Accepted}, {"failed", n.Failed}, {"skipped", n.Skipped}, {"unknown", n.Unknown}} {
			fmt.Fprintf(&out, "pabal_messages{lane=%q,outcome=%q} %d\n", lane, row.outcome, row.n)
		}
	}
	fmt.Fprint(&out, "# HELP pabal_feedback messages SES said something of, by lane and word\n# TYPE pabal_feedback gauge\n")
	for _, lane := range slices.Sorted(maps.Keys(status.Lanes)) {
		n := status.Lanes[lane]
		for _, row := range []struct {
			word string
			n    int64
		}{{"delivered", n.Delivered}, {"delayed", n.Delayed}, {"bounced", n.Bounced}, {"complained", n.Complained}, {"rejected", n.Rejected},
			{"opened", n.Opened}, {"machine_opened", n.MachineOpened}, {"clicked", n.Clicked}, {"sent_twice", n.SentTwice}} {
			fmt.Fprintf(&out, "pabal_feedback{lane=%q,word=%q} %d\n", lane, row.word, row.n)
		}
	}
	heard := d.feedbackStatus()
	gauge("feedback_events", "events taken since the start", float64(heard.Events))
	gauge("feedback_lag_seconds", "between an event and its being on disk, of the last batch", heard.LagSeconds)
	gauge("feedback_waiting", "messages in the queue, about; -1: not known", float64(heard.Waiting))
	gauge("feedback_garbage", "messages of the queue that are no events", float64(heard.Garbage))
	gauge("feedback_orphans", "feedback kept of mails not known yet", float64(heard.Orphans))
	gauge("feedback_failing", "1 while the source does not answer", failing(heard.Error))
	gauge("domains_amiss", "domains of senders that are not set up right, or that nobody answers about", float64(len(d.domains.Alarms())))
	ses, smtp := d.ses.Status(), d.smtp.Stats()
	gauge("ses_rate", "mails a second the account allows", ses.Rate)
	gauge("ses_quota_24h", "mails in 24 hours the account allows, -1 without limit", ses.Quota24h)
	gauge("ses_sent_24h", "mails sent in the last 24 hours", ses.Sent24h)
	gauge("smtp_accepted", "mails taken from applications since the start", float64(smtp.Accepted))
	gauge("smtp_refused", "mails refused since the start", float64(smtp.Refused))
	gauge("smtp_bad_logins", "logins refused since the start", float64(smtp.BadLogins))
	if drop := smtp.Drop; drop != nil {
		gauge("drop_taken", "mails taken up from the drop folder since the start", float64(drop.Taken))
		gauge("drop_waiting", "mails left in the drop folder by the last look", float64(drop.Waiting))
		gauge("drop_set_aside", "mails of the drop folder that could not be sent", float64(drop.SetAside))
		gauge("drop_failing", "1 while the drop folder cannot be taken up", failing(drop.Error))
	}
	if d.sync != nil {
		syncMetrics(&out, gauge, d.sync.Status(), time.Now())
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // the reader has gone: nobody to tell
}

// number is a condition as a metric.
func number(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

func failing(trouble string) float64 {
	if trouble != "" {
		return 1
	}
	return 0
}
