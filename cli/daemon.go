package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"pabal/alarm"
	"pabal/audience"
	"pabal/audit"
	"pabal/campaign"
	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/store"
	"pabal/syncer"
	"pabal/web"
)

// daemon is all parts of a running pabal, wired.
type daemon struct {
	cfg    *Config
	logger *slog.Logger

	manager   *manager
	lock      *lock
	people    *audience.Store
	spool     *spool.Spool
	campaigns *campaign.Store
	ses       *sesclient.Client
	smtp      *smtpd.Server
	failures  *smtpd.Failures
	sync      *syncer.Syncer // nil: the audience has no source
	feedback  *sesclient.Feedback
	domains   *sesclient.DomainWatch
	control   *control.Server
	sites     []*site
	cert      *smtpd.Certificate // nil: SMTP without TLS
	webCert   *smtpd.Certificate // nil: the pages in the clear
	paceKept  []byte             // what the spool keeps of the pace
	retention *retention
	pulse     *pulse                 // of the loops that send
	pages     map[string]*web.Server // public and inside
	loaded    time.Time              // the configuration
	backedUp  atomic.Int64           // when the last backup was written, unix ms; 0 for none since the start
	alarms    *alarm.Watch
	audit     *audit.Log
	skew      atomic.Int64 // nanoseconds, SES's clock less ours, by the last comparison
}

// addresses is where a daemon can be reached; the ports are those it got.
type addresses struct {
	SMTP    []string `json:"smtp"`
	Web     string   `json:"web,omitempty"`
	WebTLS  bool     `json:"web_tls,omitempty"`
	Metrics string   `json:"metrics,omitempty"`
	Control string   `json:"control"`
}

// webURL is where the pages are.
func (w addresses) webURL() string {
	if w.WebTLS {
		return "https://" + w.Web
	}
	return "http://" + w.Web
}

// serve runs a daemon until ctx ends. ready is called once everything listens.
// Credentials other than zero take the place of AWS's default chain; m may be nil.
func serve(ctx context.Context, cfg *Config, logger *slog.Logger, keys sesclient.Credentials, m *manager, ready func(addresses)) (err error) {
	d := &daemon{cfg: cfg, logger: logger, manager: m, loaded: time.Now(), audit: audit.In(cfg.DataDir)}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(ctx, keys); err != nil {
		return err
	}
	where, err := d.bind()
	if err != nil {
		return err
	}
	return d.run(ctx, func() {
		ready(where)
		m.tell("READY=1")
		context.AfterFunc(ctx, func() { m.tell("STOPPING=1\nSTATUS=finishing open calls") })
	})
}

// open takes the lock, opens the stores and wires the parts.
func (d *daemon) open(ctx context.Context, keys sesclient.Credentials) (err error) {
	if d.lock, err = takeLock(d.cfg.DataDir); err != nil {
		return err
	}
	if err := unfinishedRestore(d.cfg.DataDir); err != nil {
		return err
	}
	if err := d.prove(ctx); err != nil {
		return err
	}
	if d.people, err = audience.Open(d.cfg.DataDir); err != nil {
		return d.cannotOpen("audience", err)
	}
	d.people.Zone = d.cfg.zone()
	d.people.Topics = d.cfg.topics()

	if d.spool, err = spool.Open(d.cfg.DataDir); err != nil {
		return d.cannotOpen("spool", err)
	}
	if err = d.reserveIDs(ctx); err != nil {
		return err
	}
	if d.campaigns, err = campaign.Open(d.cfg.DataDir, d.people, d.spool); err != nil {
		return d.cannotOpen("campaigns", err)
	}
	if d.ses, err = sesclient.New(ctx, d.sesOptions(keys)); err != nil {
		return err
	}
	d.recallPace()
	for _, note := range slices.Concat(d.people.Notes(), d.spool.Notes(), d.campaigns.Notes()) {
		d.logger.Warn("store opened", "text", note)
	}
	d.wireSpool()
	d.people.Past = d.campaigns
	d.campaigns.Settings = d.settings()
	d.campaigns.Accounts = accounts{d.ses, d.cfg}
	d.campaigns.Domains = accounts{d.ses, d.cfg}
	d.campaigns.Stored = d.ses
	if d.campaigns.Host, err = d.imageHost(); err != nil {
		return err
	}
	d.campaigns.Tracker = d.ses
	d.campaigns.Logger = d.logger
	if err := d.newSyncer(); err != nil {
		return err
	}
	if err := d.newFeedback(); err != nil {
		return err
	}
	if err := d.watchDomains(); err != nil {
		return err
	}
	if err := d.newSMTP(); err != nil {
		return err
	}
	d.newFailures()
	d.retention = d.newRetention()
	d.pulse = &pulse{drain: d.spool}
	d.control = &control.Server{Socket: d.cfg.Control.Socket, Version: version(), People: d.people, Campaigns: d.campaigns,
		Spool: d.spool, SES: d.ses, Sync: d.sync, Feedback: d.feedbackStatus, Domains: d.domains.Alarms, Audit: d.audit, Zone: d.cfg.zone(), Inbox: control.Inbox{Folder: d.cfg.inbox(), Target: d.cfg.Import.SCP},
		Alive: d.pulse.Alive, SMTP: func() any { return d.smtp.Stats() }, Failures: func() (any, error) { return d.failures.Status() }, Retention: d.retention, Logger: d.logger.With("part", "control")}
	d.control.Backup = d.archive
	return d.newAlarms()
}

// cannotOpen says what can be done about a store that does not open, where the
// store does not say so itself.
func (d *daemon) cannotOpen(part string, err error) error {
	var problem *eml.Problem
	if errors.As(err, &problem) {
		return err
	}
	return &eml.Problem{What: "the " + part + " cannot be opened: " + err.Error(),
		Hint: "see that " + d.cfg.DataDir + " belongs to this user; if a file in it is damaged, restore the folder from a backup", Err: err}
}

// prove has a process of its own walk the stores that were not closed well.
func (d *daemon) prove(ctx context.Context) error {
	doubtful := store.Doubtful(storePaths(d.cfg.DataDir)...)
	if len(doubtful) > 0 {
		d.logger.Warn("stores were not closed well, looking at them first", "stores", doubtful)
	}
	return proveStores(ctx, doubtful...)
}

func (d *daemon) sesOptions(keys sesclient.Credentials) sesclient.Options {
	c := d.cfg
	return sesclient.Options{Region: c.SES.Region, Endpoint: c.SES.Endpoint, ConfigurationSet: c.SES.ConfigurationSet,
		RateShare: c.SES.RateShare, Concurrency: c.SES.Concurrency,
		Resolver: c.DNS.Resolver, NoDNS: c.sesOnLoopback() && c.DNS.Resolver == "",
		TransactionalRateShare:    orNothing(c.Lanes.TransactionalRateShare),
		TransactionalQuotaReserve: orNothing(c.Lanes.TransactionalQuotaReserve),
		StoreID:                   d.spool.StoreID(), Zone: c.zone(), Logger: d.logger, Credentials: keys}
}

// orNothing is a share for sesclient, to which zero means the default: what a
// person wrote as 0 becomes too little to keep one mail back.
func orNothing(share float64) float64 { return max(share, 1e-18) }

// reserveIDs keeps the ids of those whom campaigns mailed from being given to
// others, should audience.db come from a backup that is older than the ledgers.
func (d *daemon) reserveIDs(ctx context.Context) error {
	ledgers, err := d.spool.Ledgers()
	if err != nil {
		return err
	}
	last := uint64(0)
	for _, l := range ledgers {
		last = max(last, l.Last)
	}
	return d.people.Reserve(ctx, last)
}

func (d *daemon) wireSpool() {
	d.spool.Sender = d.campaigns.Sender(d.ses.Pace, d.ses)
	d.spool.Pace = d.ses.Pace
	d.spool.ConfigurationSet = d.cfg.SES.ConfigurationSet // a hold on it holds applications' mail too
	d.spool.Addresses = d.campaigns
	d.people.Attempted = d.spool.Attempted
	d.spool.BulkResend = d.cfg.Lanes.BulkUnknown == "resend"
	d.spool.TransactionalLeave = d.cfg.Lanes.TransactionalUnknown == "leave"
	d.spool.BodyMemory = int64(d.cfg.BodyMemory)
	d.spool.MaxMessage = int64(d.cfg.SMTP.MaxMessageSize)
	d.spool.Logger = d.logger
}

func (d *daemon) settings() campaign.Settings {
	c := d.cfg
	return campaign.Settings{From: c.Campaign.From, ReplyTo: c.Campaign.ReplyTo, Zone: c.zone(),
		Company: c.Campaign.Company, Address: c.Campaign.Address, Phone: c.Campaign.Phone,
		Images: c.imageSettings(), PublicURL: c.Web.PublicURL, LoopbackSES: c.sesOnLoopback(), ConfigurationSet: c.SES.ConfigurationSet,
		Events:  c.feedbackOptions().Source() == sesclient.SourceSQS,
		BadNews: c.feedbackOptions().Source() != sesclient.SourceNone, Brake: c.brake(), PricePer1000: c.Campaign.PricePer1000, ViewFor: time.Duration(c.Web.ViewDays) * 24 * time.Hour, Checks: c.checks()}
}

// suppressed is why an application's mail to an address is not sent, "" if it is.
func (d *daemon) suppressed(address string) (string, error) {
	_, found, err := d.people.Suppressed(address)
	if found {
		return spool.SkipSuppressed, err
	}
	return "", err
}

// bind opens every listener, so that a port that is taken is found before
// anything is sent.
func (d *daemon) bind() (addresses, error) {
	where := addresses{Control: d.cfg.Control.Socket}
	if err := d.control.Bind(); err != nil {
		return where, err
	}
	public, inside := d.newWeb(), d.newWeb()
	d.pages = map[string]*web.Server{"public": public, "inside": inside}
	public.Ready = d.serving
	inside.Metrics, inside.Readyz = d.metrics, d.readyz // recipients need not know how much is sent
	var err error
	if d.webCert, err = d.certificate("web", d.cfg.Web.TLSCertificate, d.cfg.Web.TLSKey); err != nil {
		return where, err
	}
	where.WebTLS = d.webCert != nil
	if where.Web, err = d.listen("web.listen", d.cfg.Web.Listen, public, d.webTLS()); err != nil {
		return where, err
	}
	if where.Metrics, err = d.listen("web.metrics_listen", d.cfg.Web.MetricsListen, inside, nil); err != nil {
		return where, err
	}
	inherited, err := d.bindInherited()
	if err != nil {
		return where, err
	}
	if where.SMTP, err = d.smtp.Bind(); err != nil {
		return where, listenProblem("smtp.listen", err)
	}
	where.SMTP = append(inherited, where.SMTP...)
	if err := d.bindLocal(); err != nil {
		return where, err
	}
	if d.campaigns.Settings.PublicURL == "" && d.campaigns.Settings.LoopbackSES && where.Web != "" {
		d.campaigns.Settings.PublicURL = where.webURL() // mails that go no further than the emulator
	}
	return where, nil
}

func (d *daemon) newWeb() *web.Server {
	s := web.New(d.people, d.campaigns)
	s.Company, s.Logger = d.cfg.Campaign.Company, d.logger
	s.Mailed, s.Proxies = d.mailed, prefixes(d.cfg.Web.Proxies)
	return s
}

// mailed is the address that a link was mailed to, "" of a mail whose recipient
// was erased. An error if nobody can tell, as after retention and in a store that
// came from an older backup: no page may say that it is done.
func (d *daemon) mailed(subscriber, campaign uint64) (to string, err error) {
	var m spool.Message
	if campaign >= audience.QueueMail {
		m, err = d.spool.Message(fmt.Sprintf("q%d", campaign-audience.QueueMail))
	} else {
		m, err = d.spool.Recipient(campaign, subscriber)
	}
	return m.To, err
}

// run drains, listens and answers until ctx ends or one of the parts fails.
func (d *daemon) run(ctx context.Context, ready func()) error {
	group, ctx := errgroup.WithContext(ctx)
	hangups := d.hangups() // before anybody knows that we are ready
	group.Go(func() error { return d.ses.Run(ctx) })
	group.Go(func() error { return d.spool.Run(ctx) })
	group.Go(func() error { return d.campaigns.Run(ctx) })
	group.Go(func() error { return d.live(ctx, d.campaigns.RunSchedule) }) // the original may have started what is due
	group.Go(func() error { return d.smtp.Run(ctx) })
	group.Go(func() error { return d.failures.Run(ctx) })
	group.Go(func() error { return d.reloads(ctx, hangups) })
	group.Go(func() error { return d.control.Run(ctx) })
	group.Go(func() error { return watch(ctx, d.people.Broken(), d.people.Err) })
	group.Go(func() error { return watch(ctx, d.campaigns.Broken(), d.campaigns.Err) })
	group.Go(func() error { return d.keepPace(ctx) })
	group.Go(func() error { (&clockWatch{logger: d.logger, jumped: d.lookAnew}).run(ctx); return nil })
	group.Go(func() error { return d.finishErasures(ctx) })
	group.Go(func() error { return d.retention.run(ctx) })
	group.Go(func() error { return d.hear(ctx) })
	group.Go(func() error { return d.domains.Run(ctx) })
	group.Go(func() error { return d.alarms.Run(ctx) })
	group.Go(func() error { return d.watchClock(ctx) })
	group.Go(func() error { return d.finishImports(ctx) })
	group.Go(func() error { d.manager.report(ctx, d.pulse); return nil })
	if d.sync != nil {
		group.Go(func() error { return d.sync.Run(ctx) })
	}
	for _, s := range d.sites {
		group.Go(func() error { return s.run(ctx, d.logger) })
	}
	ready()
	err := group.Wait()
	d.savePace()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// finishImports goes on with the imports that the end of the daemon before this
// one interrupted. One that stops again is for a person to look at.
func (d *daemon) finishImports(ctx context.Context) error {
	if err := d.people.ResumeImports(ctx, nil); err != nil && ctx.Err() == nil {
		d.logger.Error("import stopped", "err", err)
	}
	return nil
}

// watch ends the daemon after a failed sync: nobody knows what is on disk then,
// and only opening the store anew finds out. The spool's Run ends by itself.
func watch(ctx context.Context, broken <-chan struct{}, why func() error) error {
	select {
	case <-broken:
		return why()
	case <-ctx.Done():
		return nil
	}
}

// close lets go of everything that was opened, the lock last.
func (d *daemon) close() error {
	var errs []error
	for _, s := range d.sites {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.control != nil {
		if err := d.control.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.campaigns != nil {
		errs = append(errs, d.campaigns.Close())
	}
	if d.spool != nil {
		errs = append(errs, d.spool.Close())
	}
	if d.people != nil {
		errs = append(errs, d.people.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.release())
	}
	return errors.Join(errs...)
}
