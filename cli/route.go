package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/eml"
	"pabal/smtpd"
	"pabal/spool"
)

func (a *app) routeCommands() *cobra.Command {
	return a.group("route", "Rules for applications' mail, by sender, recipient, header or network", a.routeTest())
}

// maxTestMail bounds the mail that route test reads: it looks at the header.
const maxTestMail = 40 << 20

// testMail is what route test is asked about.
type testMail struct {
	from, sender, client, user, file string
	to, headers                      []string
	uid                              int64
}

func (a *app) routeTest() *cobra.Command {
	var t testMail
	cmd := a.command("test", "Say which rule matches a mail and what would become of it; nothing is sent",
		"pabal route test --from news@shop.example.com --to minji@example.net --header 'X-Mailer: PHPMailer 6.9'\npabal route test --mail mail.eml --to minji@example.net --uid 33",
		func(context.Context, []string) error {
			cfg, err := a.config()
			if err != nil {
				return err
			}
			all, err := t.ask(cfg)
			if err != nil {
				return err
			}
			for i := range all {
				if err := one(a, all[i], func(r *report) { describeDecision(r, &all[i], cfg) }); err != nil {
					return err
				}
			}
			return nil
		})
	flags := cmd.Flags()
	flags.StringVar(&t.from, "from", "", "`ADDRESS` of the From header (default: that of --mail)")
	flags.StringVar(&t.sender, "sender", "", "envelope sender `ADDRESS`, <> for none (default: --from)")
	flags.StringArrayVar(&t.to, "to", nil, "recipient `ADDRESS`; may be given more than once")
	flags.StringArrayVar(&t.headers, "header", nil, "header field `NAME: VALUE`; may be given more than once")
	flags.StringVar(&t.file, "mail", "", "`FILE` with a mail whose header counts too")
	flags.StringVar(&t.client, "client", "127.0.0.1", "`ADDRESS` of the client, for mail by TCP")
	flags.Int64Var(&t.uid, "uid", -1, "`UID` of the user of this host, for mail by sendmail: then there is no --client")
	flags.StringVar(&t.user, "user", "", "`NAME` the client logged in with")
	return cmd
}

// ask puts the question together and asks the rules of a configuration.
func (t *testMail) ask(cfg *Config) ([]smtpd.Decision, error) {
	if len(t.to) == 0 {
		return nil, usage("route test takes a recipient", "for example: pabal route test --from shop@example.com --to minji@example.net")
	}
	q := smtpd.Question{User: t.user, From: t.from}
	if err := t.where(&q); err != nil {
		return nil, err
	}
	if err := t.header(&q); err != nil {
		return nil, err
	}
	for _, to := range t.to {
		address, err := eml.ParseAddress(to)
		if err != nil {
			return nil, &eml.Problem{What: "--to: " + err.Error(), Hint: "one address without a name: minji@example.net"}
		}
		q.To = append(q.To, address)
	}
	if q.Sender = t.sender; t.sender == "" {
		q.Sender = q.From
	}
	if q.Sender == "<>" {
		q.Sender = ""
	}
	routes, err := cfg.routes()
	if err != nil {
		return nil, err
	}
	all, err := routes.Ask(q)
	var refused *smtpd.Refusal
	if errors.As(err, &refused) {
		return nil, &eml.Problem{What: "the mail would be refused: " + refused.Error(), Hint: "correct the header, or let a rule say headers = false"}
	}
	return all, err
}

// where says how the mail comes.
func (t *testMail) where(q *smtpd.Question) (err error) {
	if t.uid >= 0 {
		if t.uid > 1<<32-1 {
			return usage("--uid is too large", "see: id -u www-data")
		}
		uid := uint32(t.uid)
		q.UID = &uid
		return nil
	}
	if q.Addr, err = netip.ParseAddr(t.client); err != nil {
		return usage(fmt.Sprintf("--client %q is no address", t.client), "for example: --client 10.1.2.3")
	}
	return nil
}

// header reads the header fields of flags and file, and the author of them.
func (t *testMail) header(q *smtpd.Question) error {
	for _, line := range t.headers {
		name, value, found := strings.Cut(line, ":")
		if !found || eml.CheckHeader(line) != nil || strings.TrimSpace(name) == "" || strings.ContainsAny(name, " \t") {
			return usage(fmt.Sprintf("--header %q is no header field", line), "for example: --header 'X-Mailer: PHPMailer 6.9'")
		}
		q.Header = eml.AppendHeader(q.Header, name, strings.TrimSpace(value))
	}
	if t.file == "" {
		return nil
	}
	info, err := os.Stat(t.file)
	if err == nil && info.Size() > maxTestMail {
		err = fmt.Errorf("%s is larger than a mail may be", t.file)
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(t.file)
	if err != nil {
		return err
	}
	text = []byte(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n"))
	h, _, err := eml.Split(text)
	if err != nil {
		return err
	}
	if box, err := eml.ParseMailbox(h.Get("From")); err == nil && q.From == "" {
		q.From = box.Address
	}
	q.Header = h.AppendTo(q.Header)
	return nil
}

func describeDecision(r *report, d *smtpd.Decision, cfg *Config) {
	r.pair("to", d.To)
	rule := "none matches"
	if d.Rule > 0 {
		rule = fmt.Sprintf("%d  %s", d.Rule, d.Route)
	}
	r.pair("rule", rule)
	if d.Denied != "" {
		r.pair("refused", "550 at "+d.At+": "+d.Denied)
		return
	}
	r.pair("lane", d.Lane.String())
	r.pair("from", d.From)
	if d.Topic != "" {
		r.pair("topic", d.Topic+": consent is asked when it is sent, with a link to refuse")
	}
	set := d.ConfigurationSet
	if set == "" {
		set = cfg.SES.ConfigurationSet
	}
	r.pair("set", set)
	r.pair("tags", tagWords(d.Tags))
}

// tagWords are tags as X-Pabal-Tag has them.
func tagWords(tags map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		words = append(words, name+"="+tags[name])
	}
	return strings.Join(words, ", ")
}

// routeWords are what a rule or the mail itself asked for, for people.
func routeWords(m *spool.Message) string {
	var words []string
	add := func(name, value string) {
		if value != "" {
			words = append(words, name+" "+value)
		}
	}
	add("rule", m.Route)
	add("topic", m.Topic)
	add("set", m.ConfigurationSet)
	add("tags", tagWords(m.Tags))
	return strings.Join(words, "; ")
}
