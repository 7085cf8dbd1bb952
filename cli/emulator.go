package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient/emulator"
)

func (a *app) emulatorCommand() *cobra.Command {
	var (
		o      emulator.Options
		listen string
		faults []string
		fates  []string
		stored []string
		dns    string
	)
	cmd := a.command("ses-emulator", "Run a fake SES with SES's rules and faults, for tries and tests",
		"pabal ses-emulator --listen 127.0.0.1:9090 --rate 50 --dir mails\npabal ses-emulator --sandbox --verified shop@example.com --fault throttle:20\npabal ses-emulator --events main --fate vip=Delivery,Open,Click --fate bad=Bounce",

		func(ctx context.Context, _ []string) error {
			var strikes []emulator.Fault
			for _, text := range faults {
				f, err := parseFault(text)
				if err != nil {
					return err
				}
				strikes = append(strikes, f)
			}
			ends, err := parseFates(fates)
			if err != nil {
				return err
			}
			if o.Templates, err = storedTemplates(stored); err != nil {
				return err
			}
			return a.emulate(ctx, o, listen, dns, strikes, ends)
		})
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:9090", "`HOST:PORT`; port 0 takes any")
	flags.Float64Var(&o.Rate, "rate", 0, "mails a second, -1 for no limit (default 14; 1 in the sandbox)")
	flags.Float64Var(&o.Quota, "quota", 0, "mails in 24 hours, -1 for no limit (default 50000; 200 in the sandbox)")
	flags.DurationVar(&o.QuotaWindow, "quota-window", 0, "what counts as 24 hours (default 24h); pabal knows SES's 24 hours and foretells by them")
	flags.BoolVar(&o.Sandbox, "sandbox", false, "verified recipients only, as a new account")
	flags.StringSliceVar(&o.Verified, "verified", []string{"example.com"}, "verified address or `DOMAIN`; may be given more than once")
	flags.DurationVar(&o.Latency, "latency", 0, "time a call takes")
	flags.BoolVar(&o.RandomIDs, "random-ids", false, "message ids in no order")
	flags.StringVar(&o.Dir, "dir", "", "`FOLDER` for the mails as .eml and a list of them")
	flags.StringSliceVar(&o.Events.Sets, "events", nil, "configuration `SET` whose mails are reported to a queue like SQS's; may be given more than once")
	flags.DurationVar(&o.Events.Delay, "events-delay", 0, "`TIME` between a mail and its events")
	flags.IntVar(&o.Events.Duplicate, "events-duplicate", 0, "each `N`th event comes twice")
	flags.BoolVar(&o.Events.Shuffle, "events-shuffle", false, "events come in any order")
	flags.BoolVar(&o.Events.Raw, "events-raw", false, "events without SNS's envelope")
	flags.BoolVar(&o.Events.Notifications, "events-notifications", false, "as notifications of an identity: bounces, complaints and deliveries, without tags")
	flags.StringArrayVar(&fates, "fate", nil, "`TEXT=EVENT,...`: what becomes of mails to addresses with TEXT in them; else Delivery, and at simulator.amazonses.com what SES's mailbox simulator does: "+
		"Delivery, DeliveryDelay, Bounce, SoftBounce, Complaint, NotSpam, Reject, Open, MachineOpen, Click")
	flags.StringArrayVar(&stored, "template", nil, "`NAME=FILE` of a template that is stored in it, HTML with the subject as <title>")
	flags.StringVar(&o.Zone, "zone", "", "`FILE` of DNS records that domains are verified by, as pabal domain setup --format bind prints them; it is read at every question")
	flags.StringVar(&dns, "dns", "", "`HOST:PORT` where the records of --zone are served as a DNS server would, for [dns] resolver")
	flags.StringArrayVar(&faults, "fault", nil, "`KIND[:COUNT]` that strikes the next calls: "+strings.Join(emulator.FaultKinds(), ", "))
	return cmd
}

// storedTemplates reads the pages of name=file.
func storedTemplates(pairs []string) (all []emulator.Template, err error) {
	for _, pair := range pairs {
		name, path, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage("a template is given as NAME=FILE, not "+eml.Visible(pair), "for example --template welcome=welcome.html")
		}
		html, err := readText(path, control.MaxTemplateBytes)
		if err != nil {
			return nil, err
		}
		b, err := campaign.PageBundle(html, func(string) ([]byte, bool, error) { return nil, false, nil })
		if err != nil {
			return nil, err
		}
		all = append(all, emulator.Template{Name: name, Subject: b.Subject, HTML: html})
	}
	return all, nil
}

// parseFault reads kind or kind:count.
func parseFault(text string) (emulator.Fault, error) {
	kind, count, counted := strings.Cut(text, ":")
	f := emulator.Fault{Kind: kind}
	if !slices.Contains(emulator.FaultKinds(), kind) {
		return f, usage("there is no fault "+eml.Visible(kind), "one of "+strings.Join(emulator.FaultKinds(), ", "))
	}
	if !counted {
		return f, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return f, usage("a fault strikes a number of calls, not "+eml.Visible(count), "for example --fault throttle:20")
	}
	f.Count = n
	return f, nil
}

// parseFates reads text=event,event.
func parseFates(texts []string) (fates []emulator.Fate, err error) {
	for _, text := range texts {
		match, events, found := strings.Cut(text, "=")
		if !found {
			return nil, usage("a fate is TEXT=EVENT,..., not "+eml.Visible(text), "for example --fate vip=Delivery,Open")
		}
		f := emulator.Fate{Match: match}
		if events != "" {
			f.Events = strings.Split(events, ",")
		}
		fates = append(fates, f)
	}
	return fates, nil
}

func (a *app) emulate(ctx context.Context, o emulator.Options, listen, dns string, faults []emulator.Fault, fates []emulator.Fate) error {
	o.Logger = newLogger(a.stderr, slog.LevelInfo)
	server, err := emulator.New(o)
	if err != nil {
		return err
	}
	for _, f := range faults {
		server.SetFault(f)
	}
	for _, f := range fates {
		if err := server.SetFate(f); err != nil {
			return usage(err.Error(), "for example --fate vip=Delivery,Open")
		}
	}
	url, wait, err := server.Listen(ctx, listen)
	if err != nil {
		return &eml.Problem{What: "the emulator cannot listen: " + err.Error(), Hint: "choose another --listen, 127.0.0.1:0 takes any port", Err: err}
	}
	if dns != "" {
		if _, _, err := server.ListenDNS(ctx, dns); err != nil {
			return &eml.Problem{What: "the emulator's DNS cannot listen: " + err.Error(), Hint: "choose another --dns", Err: err}
		}
	}
	if a.json {
		queues := []string{}
		for _, set := range o.Events.Sets {
			queues = append(queues, emulator.QueueURL(url, set))
		}
		err = writeJSON(a.stdout, map[string]any{"url": url, "queues": queues})
	} else {
		_, err = fmt.Fprintf(a.stdout, "SES emulator is ready: %s\n", url)
		for _, set := range o.Events.Sets {
			fmt.Fprintf(a.stdout, "mails with the configuration set %s are reported to the queue %s\n", set, emulator.QueueURL(url, set))
		}
	}
	if err != nil {
		return err
	}
	return wait()
}
