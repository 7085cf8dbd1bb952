package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/tui"
)

const (
	demoRate   = 50 // mails a second, a modest production account
	demoMarker = ".pabal-demo"
	demoFrom   = "파발 상점 <shop@example.com>"
)

// demo is one run of the story: everything real, but for SES.
type demo struct {
	app   *app
	out   io.Writer // the story; discarded with --json
	texts *demoTexts
	lang  string

	mails string // folder of the .eml files
	ses   *emulator.Server
	c     *control.Client
	where addresses
	dead  []string // addresses that do not exist
	angry string   // who calls the mail spam

	result demoResult
}

// demoResult is what --json prints.
type demoResult struct {
	Good       bool        `json:"good"` // every check held
	Checks     []demoCheck `json:"checks"`
	Accepted   int64       `json:"accepted"`  // of the first campaign
	Second     int64       `json:"second"`    // accepted of the second
	Delivered  int64       `json:"delivered"` // of the first, by SES's events
	Bounced    int64       `json:"bounced"`
	Complained int64       `json:"complained"`
	Opened     int64       `json:"opened"`
	Seconds    float64     `json:"seconds"`        // from start to the last acceptance of the first
	Mails      string      `json:"mails"`          // folder of the .eml files
	Data       string      `json:"data,omitempty"` // the store, when it was kept
}

// demoCheck is one thing that must hold.
type demoCheck struct {
	Name string `json:"name"`
	Good bool   `json:"good"`
	Seen string `json:"seen"`
}

func (a *app) demoCommand() *cobra.Command {
	var (
		keep string
		ui   bool
		rate float64
	)
	cmd := a.command("demo", "Show all of it: 200 sample customers, a campaign, what SES says of it, an application's mail, an unsubscribe",
		"pabal demo\npabal demo --keep pabal-demo --lang ko\npabal demo --tui", func(ctx context.Context, _ []string) error {
			d := &demo{app: a, out: a.stdout, lang: a.language(&Config{Language: "auto"})}
			d.texts = textsFor(d.lang)
			if a.json {
				d.out = io.Discard
			}
			return d.run(ctx, keep, ui, rate)
		})
	cmd.Flags().StringVar(&keep, "keep", "", "keep store and mails in `FOLDER`")
	cmd.Flags().BoolVar(&ui, "tui", false, "open the terminal UI on the sample data instead")
	cmd.Flags().Float64Var(&rate, "rate", demoRate, "mails a second the emulated account allows")
	return cmd
}

func (d *demo) run(ctx context.Context, keep string, ui bool, rate float64) (err error) {
	if rate <= 0 {
		return usage("--rate must be above 0", "for example --rate 50")
	}
	if ui && (!isTerminal(d.app.stdin) || !isTerminal(d.app.stdout)) {
		return usage("the terminal UI needs a terminal", "without it: pabal demo")
	}
	store, remove, err := d.folders(keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if d.ses, err = emulator.New(emulator.Options{Rate: rate, Dir: d.mails, Verified: []string{"example.com"},
		Events: emulator.EventOptions{Sets: []string{demoSet}}}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.ses.Close()) }()
	endpoint, _, err := d.ses.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the emulator: %w", err)
	}
	cfg, forget, err := demoConfig(store, endpoint)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, forget()) }()
	logFile, err := openLog(store)
	if err != nil {
		return err
	}
	defer logFile.Close() // only logs
	logger := newLogger(logFile, cfg.Log.level())
	keys := sesclient.Credentials{AccessKey: "demo", SecretKey: "demo"} // the real ones must not be used, not even on loopback
	return inside(ctx, cfg, logger, keys, func(ctx context.Context, where addresses) error {
		d.where, d.c = where, control.NewClient(where.Control, version())
		defer d.c.Close()
		if ui {
			return d.open(ctx)
		}
		return d.story(ctx)
	})
}

// folders makes the places for store and mails. The mails stay in any case:
// they are there to be looked at.
func (d *demo) folders(keep string) (store string, remove func() error, err error) {
	if keep == "" {
		base, err := os.MkdirTemp("", "pabal-demo-")
		if err != nil {
			return "", nil, err
		}
		d.mails, store = filepath.Join(base, "mails"), filepath.Join(base, "store")
		return store, func() error { return os.RemoveAll(store) }, nil
	}
	if keep, err = filepath.Abs(keep); err != nil {
		return "", nil, err
	}
	if err := emptied(keep); err != nil {
		return "", nil, err
	}
	d.mails, store = filepath.Join(keep, "mails"), filepath.Join(keep, "store")
	d.result.Data = store
	return store, func() error { return nil }, nil
}

// emptied makes a folder, or empties one that an earlier demo made. It never
// touches a folder of anybody else.
func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMarker)); err != nil {
			return &eml.Problem{What: dir + " is not empty and no earlier demo made it", Hint: "give --keep a new folder"}
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, demoMarker), nil, 0o600)
}

// demoConfig is a configuration that touches nothing of this host: ports the
// system chooses, and a socket in a folder of its own, whose path is short.
func demoConfig(store, endpoint string) (cfg *Config, forget func() error, err error) {
	run, err := os.MkdirTemp("", "pabal-run-")
	if err != nil {
		return nil, nil, err
	}
	cfg = defaults()
	cfg.from = &origin{}
	cfg.DataDir = store
	cfg.Control.Socket = filepath.Join(run, "control.sock")
	cfg.SMTP.Listen = []string{"127.0.0.1:0"}
	cfg.Web.Listen, cfg.Web.MetricsListen = "127.0.0.1:0", ""
	cfg.SES.Endpoint = endpoint
	cfg.SES.ConfigurationSet, cfg.Feedback.SQSQueueURL = demoSet, emulator.QueueURL(endpoint, demoSet)
	cfg.Topics = Topics{{ID: "sale", TitleKo: "세일 소식", TitleEn: "Sales"}, {ID: "news", TitleKo: "새 상품", TitleEn: "New arrivals"}}
	cfg.fillTopics()
	cfg.Campaign.From = demoFrom
	cfg.Campaign.Company, cfg.Campaign.Address, cfg.Campaign.Phone = "파발 상점", "서울특별시 성동구 아차산로 13길 11", "02-1234-5678"
	return cfg, func() error { return os.RemoveAll(run) }, cfg.validate()
}

// open prepares the sample data and a draft and hands over to the person.
func (d *demo) open(ctx context.Context) error {
	if _, err := d.prepare(ctx); err != nil {
		return err
	}
	err := tui.Run(ctx, screens{d.c}, tui.Options{Lang: d.lang, Zone: d.c.Zone(), NoColor: variable(d.app.environ, "NO_COLOR") != ""})
	d.say(d.texts.mails, d.mails, filepath.Join(d.mails, "index.html"))
	return err
}

// say writes a line of the story.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, format+"\n", args...) // a reader who left does not stop the checks
}

// check notes whether something holds.
func (d *demo) check(name string, good bool, format string, args ...any) {
	d.result.Checks = append(d.result.Checks, demoCheck{name, good, fmt.Sprintf(format, args...)})
}
