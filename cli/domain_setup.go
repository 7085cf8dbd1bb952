package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
)

// domainSetup prints records and changes nothing at the DNS host; at SES it
// makes what is not there, and asks before it overwrites.
func (a *app) domainSetup() *cobra.Command {
	var (
		o      sesclient.SetUpOrder
		format string
		zone   string
	)
	cmd := a.asking("setup DOMAIN", "Create or read a domain's identity at SES and print the records to publish",
		"pabal domain setup example.com --format gabia\npabal domain setup example.com --format bind > records.zone",
		func(ctx context.Context, c *control.Client, args []string) error {
			if o.MailFrom != "" && o.NoMailFrom {
				return usage("--mail-from and --no-mail-from contradict each other", "give one of them")
			}
			if !slices.Contains(recordFormats(), format) {
				return usage("there is no format "+eml.Visible(format), "one of: "+strings.Join(recordFormats(), ", "))
			}
			a.json = a.json || format == "json"
			o.Domain = args[0]
			did, err := a.setUpDomain(ctx, c, o)
			if err != nil {
				return err
			}
			if zone != "" {
				did.Zone = strings.ToLower(strings.TrimSuffix(zone, "."))
			}
			return a.showSetup(did, format)
		})
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "table", "form of the records: "+strings.Join(recordFormats(), ", "))
	flags.StringVar(&zone, "zone", "", "`DOMAIN` that the DNS host manages, where it is not the one that was registered")
	flags.StringVar(&o.MailFrom, "mail-from", "", "`DOMAIN` of the envelope sender (default: the one that is set, else bounce.DOMAIN)")
	flags.BoolVar(&o.NoMailFrom, "no-mail-from", false, "leave the MAIL FROM domain as it is")
	flags.BoolVar(&o.Replace, "replace", false, "put --mail-from in the place of another that is set, without asking")
	flags.BoolVar(&o.Own, "own", false, "an identity of its own, although a domain above it is verified")
	return cmd
}

// recordFormats are the words of --format.
func recordFormats() []string {
	formats := []string{"bind", "json"}
	for _, h := range sesclient.DNSHosts() {
		formats = append(formats, h.ID)
	}
	return formats
}

// setUpDomain asks a person before a MAIL FROM domain is overwritten.
func (a *app) setUpDomain(ctx context.Context, c *control.Client, o sesclient.SetUpOrder) (control.SenderSetup, error) {
	did, err := c.SetUpDomain(ctx, o, a.preflightLanguage())
	var problem *eml.Problem
	if !errors.As(err, &problem) || problem.Code != "mail_from_set" || !isTerminal(a.stdin) || !isTerminal(a.stderr) {
		return did, err
	}
	if a.ask(eml.Visible(problem.What)+". Put "+eml.Visible(o.MailFrom)+" in its place?") != nil {
		return did, err
	}
	o.Replace = true
	return c.SetUpDomain(ctx, o, a.preflightLanguage())
}

// setupShown is what domain setup --json prints.
type setupShown struct {
	control.SenderSetup
	Format string             `json:"format"`
	Paste  []sesclient.Pasted `json:"paste"` // the records in that form; of bind and json as in table
}

func (a *app) showSetup(did control.SenderSetup, format string) error {
	host := sesclient.DNSHosts()[0]
	for _, h := range sesclient.DNSHosts() {
		if h.ID == format {
			host = h
		}
	}
	if a.json {
		shown := setupShown{did, format, []sesclient.Pasted{}}
		for _, r := range did.Records {
			shown.Paste = append(shown.Paste, host.Paste(r, did.Zone))
		}
		return writeJSON(a.stdout, shown)
	}
	t := domainTexts(a.preflightLanguage())
	if format == "bind" {
		for _, r := range did.Records {
			if _, err := fmt.Fprintln(a.stdout, eml.Visible(r.BIND())); err != nil {
				return fmt.Errorf("write output: %w", err)
			}
		}
		return a.sayNext(t, did.Name)
	}
	r := &report{zone: a.zone()}
	t.setup(r, did, host)
	if err := r.writeTo(a.stdout); err != nil {
		return err
	}
	if err := t.records(did, host).writeTo(a.stdout); err != nil {
		return err
	}
	return a.sayNext(t, did.Name)
}

// sayNext says what comes after, for a person.
func (a *app) sayNext(t *domainText, name string) error {
	_, err := fmt.Fprintf(a.stderr, "\n%s\n"+t.check+"\n", t.publish, eml.Visible(name))
	return err
}

func (t *domainText) setup(r *report, did control.SenderSetup, host sesclient.DNSHost) {
	how := t.known
	if did.Created {
		how = t.made
	}
	r.pair(t.identity, did.Name+": "+how+", DKIM "+did.DKIM.Status)
	mailFrom := did.MailFrom.Domain
	if did.MailFromSet {
		mailFrom += ": " + t.mailFromSet
	}
	if mailFrom != "" {
		r.pair(t.mailFrom, mailFrom+", "+did.MailFrom.Status)
	}
	r.line("")
	r.line(t.typeIn, host.Name, eml.Visible(did.Zone))
	r.line("")
}

// records is the table to type in, with the host's own words above.
func (t *domainText) records(did control.SenderSetup, host sesclient.DNSHost) *table {
	head := []string{host.TypeField, host.HostField, host.ValueField, ""}
	if host.PriorityField != "" {
		head = slices.Insert(head, 3, host.PriorityField)
	}
	rows := newTable(head...)
	rows.whole = true // whoever copies a value needs all of it
	for _, r := range did.Records {
		p := host.Paste(r, did.Zone)
		row := []string{p.Type, p.Host, p.Value, "(" + t.states[r.State] + ")"}
		if host.PriorityField != "" {
			row = slices.Insert(row, 3, p.Priority)
		}
		rows.add(row...)
	}
	return rows
}

// domainVerifyAddress is for the sandbox, where every recipient must be verified.
func (a *app) domainVerifyAddress() *cobra.Command {
	return a.asking("verify-address [EMAIL]...", "Have SES verify addresses, which the sandbox wants of recipients; without one, list them",
		"pabal domain verify-address kim@example.net\npabal domain verify-address",
		func(ctx context.Context, c *control.Client, args []string) error {
			if len(args) == 0 {
				return a.listAddresses(ctx, c)
			}
			t := domainTexts(a.preflightLanguage())
			known, err := c.Identities(ctx)
			if err != nil {
				return err
			}
			for _, address := range args {
				i, err := c.VerifyAddress(ctx, address)
				if err != nil {
					return err
				}
				waited := slices.ContainsFunc(known, func(k sesclient.Identity) bool { return k.Name == i.Name })
				if err := one(a, i, func(r *report) { r.line(t.address(i, waited), eml.Visible(i.Name)) }); err != nil {
					return err
				}
			}
			return nil
		})
}

// address is what became of an address, with a place for it.
func (t *domainText) address(i sesclient.Identity, waited bool) string {
	switch {
	case i.Verified:
		return t.addressGood
	case waited:
		return t.addressWaits
	}
	return t.addressSent
}

func (a *app) listAddresses(ctx context.Context, c *control.Client) error {
	all, err := c.Identities(ctx)
	addresses := slices.DeleteFunc(all, func(i sesclient.Identity) bool { return i.Type != "address" })
	return show(a, each(addresses, err), func() *table { return newTable("EMAIL", "STATUS") },
		func(i sesclient.Identity) []string { return []string{i.Name, i.Status} })
}
