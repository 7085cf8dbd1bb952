package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"pabal/alarm"
	"pabal/control"
	"pabal/eml"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/tui"
)

// AlertConfig is who is told of alarms besides the journal.
type AlertConfig struct {
	WebhookURL        string   `toml:"webhook_url"`         // https, or http on this host; "" for none. Whoever has it may post there
	WebhookFormat     string   `toml:"webhook_format"`      // json; slack: {"text"}; jandi
	WebhookSecretFile string   `toml:"webhook_secret_file"` // mode 0600; its content signs; "" for no signature
	MailTo            []string `toml:"mail_to"`             // addresses; mailed while SES takes mail
	After             Duration `toml:"after"`               // a condition lasts so long before people are told
	Repeat            Duration `toml:"repeat"`              // people are told again of what goes on so long; 0s for never
}

const (
	mostAlarmAfter  = time.Hour
	leastRepeat     = 10 * time.Minute
	maxAlarmMails   = 10      // addresses
	maxSecret       = 1 << 10 // bytes of a webhook's secret
	clockEvery      = time.Hour
	syncLateTimes   = 3 // of mysql.every: a good sync that long ago is old
	dailySyncOldest = 25 * time.Hour
	looksMost       = 10 * time.Second
	looksLeast      = time.Second
)

func (c *Config) alertRules() []rule {
	a := &c.Alert
	formats := []string{alarm.FormatJSON, alarm.FormatSlack, alarm.FormatJandi}
	after, repeat := time.Duration(a.After), time.Duration(a.Repeat)
	rules := []rule{
		{"alert.webhook_url", a.WebhookURL == "" || isHook(a.WebhookURL), "is no address that may be told", `https://…, or http://127.0.0.1… on this host`},
		{"alert.webhook_format", slices.Contains(formats, a.WebhookFormat), fmt.Sprintf("is %q", a.WebhookFormat), "json, slack or jandi"},
		{"alert.webhook_secret_file", a.WebhookSecretFile == "" || a.WebhookURL != "", "signs nothing: there is no webhook_url", "set webhook_url too"},
		{"alert.after", after >= 0 && after <= mostAlarmAfter, fmt.Sprintf("is %s", after), `from "0s" to "1h", for example after = "1m"`},
		{"alert.repeat", repeat == 0 || repeat >= leastRepeat, fmt.Sprintf("is %s", repeat), `at least "10m", or "0s" for never`},
		{"alert.mail_to", len(a.MailTo) <= maxAlarmMails, fmt.Sprintf("has %d addresses", len(a.MailTo)), "at most 10; a mailing list takes more people"},
		{"alert.mail_to", len(a.MailTo) == 0 || c.failuresFrom() != (eml.Mailbox{}), "has no sender: failures.from, smtp.default_from and campaign.from are empty",
			`set [failures] from = "파발 <noreply@example.com>", an address of a domain verified in SES`},
	}
	for _, address := range a.MailTo {
		_, err := eml.ParseAddress(address)
		rules = append(rules, rule{"alert.mail_to", err == nil, fmt.Sprintf("%q is not an address", address), `for example mail_to = ["ops@example.com"]`})
	}
	return rules
}

// isHook takes https, and http where nothing leaves this host.
func isHook(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()+":0")
}

// webhook is the configured one, nil for none.
func (c *Config) webhook() (*alarm.Webhook, error) {
	a := &c.Alert
	if a.WebhookURL == "" {
		return nil, nil
	}
	h := &alarm.Webhook{URL: a.WebhookURL, Format: a.WebhookFormat, Lang: (&app{environ: os.Environ()}).language(c), Agent: "pabal/" + version()}
	if a.WebhookSecretFile == "" {
		return h, nil
	}
	secret, err := readSecret(a.WebhookSecretFile)
	if err != nil {
		return nil, &eml.Problem{What: "alert.webhook_secret_file cannot be used: " + err.Error(), Hint: "one line, mode 0600, readable for the daemon", Err: err}
	}
	h.Secret = secret
	return h, nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return nil, errors.New(path + " can be read by everyone on this host")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	text = bytes.TrimSpace(text)
	switch {
	case err != nil:
		return nil, err
	case len(text) == 0:
		return nil, errors.New(path + " is empty")
	case len(text) > maxSecret:
		return nil, errors.New(path + " is larger than 1 KB")
	}
	return text, nil
}

// newAlarms wires the watch over what is wrong. A memory that cannot be read is
// begun anew: it costs alarms that are told again.
func (d *daemon) newAlarms() (err error) {
	if d.alarms, err = alarm.New(d.spool); err != nil {
		d.logger.Warn("alarms not recalled", "err", err)
	}
	w, a := d.alarms, &d.cfg.Alert
	w.Look, w.After, w.Repeat = d.facts, time.Duration(a.After), time.Duration(a.Repeat)
	w.Every = min(looksMost, max(looksLeast, w.After))
	w.Host, w.Logger = hostname(), d.logger
	if w.Webhook, err = d.cfg.webhook(); err != nil {
		return err
	}
	if len(a.MailTo) > 0 {
		w.Mailer = alarmMail{d}
	}
	d.control.Alarms = w
	return nil
}

// facts are what is known now of everything that could be wrong.
func (d *daemon) facts() alarm.Facts {
	f := alarm.Facts{At: time.Now(), Holds: d.spool.Holds(), Disk: d.spool.Disk(), Damaged: d.spool.Damaged(), SES: d.ses.Status(), SyncMost: d.cfg.syncOld(),
		Skew: time.Duration(d.skew.Load()), Audit: d.audit.Trouble(), Ends: map[string]time.Time{}}
	if st, err := d.spool.Status(); err == nil {
		f.Oldest = time.Duration(st.LaneOldest[spool.Transactional.String()]) * time.Second
		f.Untold = d.cfg.untold(&st.Applications)
	}
	if d.sync != nil {
		st := d.sync.Status()
		f.Sync = &st
		f.SyncKo.What, f.SyncKo.Hint, _ = tui.KoreanTrouble(st.Code, nil)
	}
	heard := d.feedbackStatus()
	f.Feedback = &heard
	if all, err := d.campaigns.Campaigns(); err == nil {
		f.Campaigns = all
	}
	for _, amiss := range d.domains.Alarms() {
		f.Domains = append(f.Domains, alarm.Domain{Name: amiss.Name, Since: amiss.Since, Error: amiss.Error, Findings: control.DomainFindings(amiss.Domain)})
	}
	for section, cert := range d.certificates() {
		f.Ends[section] = cert.Ends()
	}
	f.Retention = d.retention.failed()
	if drop := d.smtp.Stats().Drop; drop != nil {
		f.SetAside, f.Folder = drop.SetAside, drop.Folder
	}
	return f
}

// untold is how many applications' mails ended badly and were told of to nobody:
// a digest has no reader. Without reports that is somebody's choice.
func (c *Config) untold(n *spool.Counts) int64 {
	if c.Failures.Report != smtpd.FailuresDigest || c.Failures.Operator != "" {
		return 0
	}
	return n.Failed + n.Unknown
}

// syncOld is from when on the last good sync is too old, 0 for never.
func (c *Config) syncOld() time.Duration {
	if !c.syncs() {
		return 0
	}
	if c.MySQL.At != "" {
		return dailySyncOldest
	}
	return max(syncLateTimes*time.Duration(c.MySQL.Every), time.Duration(c.MySQL.MaxAgeAtStart))
}

// watchClock compares the clock with SES's every hour, until ctx ends: mail is
// refused when it is five minutes off. An SES that does not answer says nothing.
func (d *daemon) watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		if skew, err := clockOf(limited, d.cfg.endpointURL()); err == nil {
			d.skew.Store(int64(skew))
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// alarmMail mails alarms to people, by the way of every other mail.
type alarmMail struct{ d *daemon }

// Open reports whether a mail of ours would go now.
func (m alarmMail) Open() bool {
	from := spool.FromScope(strings.ToLower(eml.Domain(m.d.cfg.failuresFrom().Address)))
	for _, h := range m.d.spool.Holds() {
		if h.Scope == spool.ScopeAll || h.Scope == spool.LaneScope(spool.Transactional) || h.Scope == from || strings.HasPrefix(string(h.Scope), string(spool.ConfigurationSetScope(""))) {
			return false
		}
	}
	st := m.d.ses.Status()
	return st.CheckedAt.IsZero() || st.SendingEnabled
}

// Mail queues one mail about events.
func (m alarmMail) Mail(ctx context.Context, id string, events []alarm.Event) error {
	from := m.d.cfg.failuresFrom()
	for i, to := range m.d.cfg.Alert.MailTo {
		to, err := eml.ParseAddress(to)
		if err != nil {
			return err
		}
		mail := eml.Mail{From: from, To: eml.Mailbox{Address: to}, Subject: alarmSubject(events), Text: alarmText(events), Date: time.Now().In(m.d.cfg.zone()),
			MessageID: id + "@" + hostname(), Headers: [][2]string{{"Auto-Submitted", "auto-generated"}, {"X-Auto-Response-Suppress", "All"}}}
		raw, err := mail.AppendTo(nil)
		if err != nil {
			return fmt.Errorf("make a mail about alarms: %w", err)
		}
		env := spool.Envelope{FromDomain: eml.Domain(from.Address), To: []string{to}, Subject: mail.Subject, MessageID: mail.MessageID, Once: onceName(id, i)}
		if _, err := m.d.spool.Put(ctx, env, raw); err != nil {
			return err
		}
	}
	return nil
}

// Mailed forgets what kept the mail from being queued twice.
func (m alarmMail) Mailed(id string) {
	var names []string
	for i := range m.d.cfg.Alert.MailTo {
		names = append(names, onceName(id, i))
	}
	if err := m.d.spool.Forget(names); err != nil {
		m.d.logger.Warn("names of alarm mails not forgotten", "err", err)
	}
}

func onceName(id string, i int) string { return fmt.Sprintf("%s-%d", id, i) }

// alarmSubject is the worst event's line.
func alarmSubject(events []alarm.Event) string {
	line := events[0].Line("ko")
	if more := len(events) - 1; more > 0 {
		line += fmt.Sprintf(" (+%d)", more)
	}
	return eml.Cut(line, 200)
}

func alarmText(events []alarm.Event) string {
	var text strings.Builder
	for _, lang := range []string{"ko", "en"} {
		for i := range events {
			fmt.Fprintf(&text, "%s  %s\n\n", events[i].At.Format("2006-01-02 15:04:05 MST"), events[i].Text(lang))
		}
		if lang == "ko" {
			text.WriteString("----\n\n")
		}
	}
	return text.String()
}

// readiness is what /readyz says where monitoring asks.
type readiness struct {
	Ready  bool         `json:"ready"`
	Alarms []readyAlarm `json:"alarms"`
}

type readyAlarm struct {
	Name    string      `json:"name"`
	Subject string      `json:"subject,omitempty"`
	Level   alarm.Level `json:"level"`
	Since   time.Time   `json:"since"`
	Page    string      `json:"page"`
}

// maxReady is how many alarms /readyz names.
const maxReady = 20

// readyz answers 503 while people know of an alarm that keeps mail from going,
// or soon will.
func (d *daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	unready := alarm.Unready(d.alarms.Told())
	said := readiness{Ready: len(unready) == 0, Alarms: []readyAlarm{}}
	for _, a := range unready[:min(len(unready), maxReady)] {
		said.Alarms = append(said.Alarms, readyAlarm{a.Name, a.Subject, a.Level, a.Since, a.Page})
	}
	w.Header().Set("Content-Type", "application/json")
	if !said.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(said) // the asker has gone: nobody to tell
}

// serving is why the pages for recipients cannot do their work, nil if they
// can. Alarms are no reason: people must be able to unsubscribe whatever SES says.
func (d *daemon) serving() error { return errors.Join(d.people.Err(), d.campaigns.Err()) }
