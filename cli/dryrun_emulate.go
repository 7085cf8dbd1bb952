package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	maxSpeed      = 1000
	emulatedEvery = 100 * time.Millisecond // between two looks at how far it is
	tooSlow       = 1.1                    // of the plan: it is within a tenth (measured: 0.99 to 1.01)
	emulatedFrom  = "example.com"
	emulatedID    = 1 // of the campaign in the spool of an emulated run
)

// emulated is what an emulated run came to, as --json has it. Its times are of
// the account, whatever the speed was.
type emulated struct {
	Recipients     int64            `json:"recipients"`
	Accepted       int64            `json:"accepted"`
	Failed         map[string]int64 `json:"failed"`          // by reason
	Refused        int64            `json:"refused"`         // calls the emulator refused, most of them for their rate
	Waits          int64            `json:"waits"`           // recipients beyond the 24-hour quota, which were left out
	Rate           float64          `json:"rate"`            // mails a second of the account
	Seconds        float64          `json:"seconds"`         // from the start to the last acceptance
	PlannedSeconds float64          `json:"planned_seconds"` // the same as the flight plan has it
	Speed          float64          `json:"speed"`
}

func (e *emulated) describe(w *report) {
	w.pair("emulated", commas(e.Accepted)+" of "+commas(e.Recipients)+" accepted in "+span(e.Seconds)+"; planned "+span(e.PlannedSeconds))
	if e.Speed > 1 && e.Seconds > e.PlannedSeconds*tooSlow && e.Seconds-e.PlannedSeconds > e.Speed { // a second of this machine's is no sign
		w.line("This machine may not keep up with %g times the account's rate; a lower --speed tells more.", e.Speed)
	}
	if e.Refused > 0 {
		w.pair("refused calls", commas(e.Refused))
	}
	if e.Waits > 0 {
		w.pair("left out", commas(e.Waits)+", who would wait for the 24-hour quota")
	}
	describeTally(w, "failed", e.Failed)
}

// emulation sends the mails of a folder through an emulator in this process:
// the spool, pace and client of a daemon, on a store of its own that is thrown
// away. The daemon only says what its account allows; neither its stores nor
// SES learn of it.
//
// At a higher speed the emulated account has so many times the rate: every
// window of a second is a shorter one, but the pace is kept in the same way.
// The 24-hour quota does not fit into that, so that who would wait for it is
// left out and counted.
type emulation struct {
	app   *app
	c     *control.Client
	dir   string
	speed float64
	ids   []uint64 // of the mails, rising
	wire  wire     // nil: TCP on loopback

	result emulated
	ses    *emulator.Server
	client *sesclient.Client
	spool  *spool.Spool
}

// wire serves an emulator and says how it is reached; tests have one on which
// fake time can pass.
type wire func(ctx context.Context, ses *emulator.Server) (endpoint string, dial sesclient.Dial, err error)

func loopback(ctx context.Context, ses *emulator.Server) (string, sesclient.Dial, error) {
	endpoint, _, err := ses.Listen(ctx, "127.0.0.1:0")
	return endpoint, nil, err
}

func (e *emulation) run(ctx context.Context, id uint64) error {
	account, err := e.account(ctx, id)
	if err != nil || len(e.ids) == 0 {
		return err
	}
	if e.wire == nil {
		e.wire = loopback
	}
	return e.rehearse(ctx, account)
}

// rehearse makes account, store and client, and sends.
func (e *emulation) rehearse(ctx context.Context, account allowance) (err error) {
	if e.ses, err = emulator.New(emulator.Options{Rate: account.Rate * e.speed, Quota: -1, Keep: -1, NoHash: true}); err != nil {
		return fmt.Errorf("start the emulator: %w", err)
	}
	defer func() { err = errors.Join(err, e.ses.Close()) }()
	endpoint, dial, err := e.wire(ctx, e.ses)
	if err != nil {
		return fmt.Errorf("start the emulator: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	e.client, err = sesclient.New(ctx, sesclient.Options{Region: "ap-northeast-2", Endpoint: endpoint, RateShare: account.Aim, Logger: quiet, Dial: dial,
		Credentials: sesclient.Credentials{AccessKey: "dry", SecretKey: "run"}}) // never the real ones
	if err != nil {
		return err
	}
	store, err := os.MkdirTemp("", "pabal-dryrun-")
	if err != nil {
		return fmt.Errorf("make a store for the emulated run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(store)) }()
	if e.spool, err = spool.Open(store); err != nil {
		return fmt.Errorf("make a store for the emulated run: %w", err)
	}
	defer func() { err = errors.Join(err, e.spool.Close()) }()
	e.spool.Sender, e.spool.Pace, e.spool.Logger = e, e.client.Pace, quiet
	return e.drain(ctx)
}

// allowance is what the account allows a campaign: its rate, and the share of it
// that is aimed at.
type allowance struct{ Rate, Aim float64 }

// account asks the daemon, and leaves out who would wait for the quota.
func (e *emulation) account(ctx context.Context, id uint64) (allowance, error) {
	plan, err := e.c.Plan(ctx, id) // asks SES, where nobody has yet
	if err != nil {
		return allowance{}, err
	}
	ses, err := e.c.SESStatus(ctx)
	if err != nil {
		return allowance{}, err
	}
	if ses.Rate <= 0 || plan.Rate <= 0 {
		return allowance{}, &eml.Problem{What: "the account's rate is not known, so nothing can be emulated", Hint: "see: pabal status"}
	}
	if ses.Quota24h >= 0 {
		left := int64(max(ses.Quota24h*ses.BulkShare-ses.Sent24h, 0))
		if n := int64(len(e.ids)); n > left {
			e.result.Waits, e.ids = n-left, e.ids[:left]
		}
	}
	n := int64(len(e.ids))
	e.result = emulated{Recipients: n, Failed: map[string]int64{}, Waits: e.result.Waits, Rate: ses.Rate, Speed: e.speed, PlannedSeconds: float64(n) / plan.Rate}
	return allowance{Rate: ses.Rate, Aim: min(plan.Rate/ses.Rate, 1)}, nil
}

// drain runs the spool until everyone is done. The facts of the account are
// read first: until then a client sends one mail a second.
func (e *emulation) drain(ctx context.Context) error {
	if _, err := e.client.Account(ctx, 0); err != nil {
		return fmt.Errorf("ask the emulator: %w", err)
	}
	if err := e.freeze(ctx); err != nil {
		return err
	}
	began, calls := time.Now(), e.ses.Calls("SendEmail")
	run, stop := context.WithCancel(ctx)
	defer stop()
	group, run := errgroup.WithContext(run)
	group.Go(func() error { return e.client.Run(run) })
	group.Go(func() error { return e.spool.Run(run) })
	last, err := e.await(run)
	stop()
	if stopped := group.Wait(); stopped != nil && !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	if ctx.Err() != nil {
		return &eml.Problem{What: "the emulated run was stopped after " + commas(last.Accepted) + " mails; nobody was mailed", Hint: "the letters made are in " + e.dir, Err: ctx.Err()}
	}
	if err != nil {
		return err
	}
	e.result.Accepted = last.Accepted
	e.result.Refused = int64(e.ses.Calls("SendEmail")-calls) - last.Accepted
	e.result.Seconds = last.Ended.Sub(began).Seconds() * e.speed
	return e.failures()
}

// freeze puts the mails into the ledger.
func (e *emulation) freeze(ctx context.Context) error {
	if err := e.spool.Begin(ctx, spool.Ledger{Campaign: emulatedID, FromDomain: emulatedFrom, MaxID: e.ids[len(e.ids)-1], Expect: -1, Unlimited: true}); err != nil {
		return fmt.Errorf("prepare the emulated run: %w", err)
	}
	for at := 0; at < len(e.ids); at += spool.MaxBatch {
		batch := e.ids[at:min(at+spool.MaxBatch, len(e.ids))]
		rows := make([]spool.Row, 0, len(batch))
		for _, id := range batch {
			rows = append(rows, spool.Row{Subscriber: id})
		}
		mark := spool.Mark{Subscriber: batch[len(batch)-1], Done: at+len(batch) == len(e.ids)}
		if err := e.spool.PutBatch(ctx, emulatedID, rows, mark); err != nil {
			return fmt.Errorf("prepare the emulated run: %w", err)
		}
	}
	return nil
}

// await shows how far it is until everyone is done.
func (e *emulation) await(ctx context.Context) (last spool.Ledger, err error) {
	progress := newBar(e.app.stderr)
	defer progress.clear()
	tick := time.NewTicker(emulatedEvery)
	defer tick.Stop()
	for {
		if last, err = e.spool.Ledger(emulatedID); err != nil || last.State == spool.Done {
			return last, err
		}
		progress.show(last.Accepted+last.Failed+last.Unknown, last.Audience, "emulated")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last, nil
		}
	}
}

// failures counts what was not accepted by its reason.
func (e *emulation) failures() error {
	for _, outcome := range []spool.Outcome{spool.Failed, spool.Unknown} {
		for m, err := range e.spool.Recipients(emulatedID, &outcome, 0) {
			if err != nil {
				return fmt.Errorf("read what was emulated: %w", err)
			}
			e.result.Failed[m.Reason]++
		}
	}
	return nil
}

// Send implements spool.Sender: it reads the mail from the folder, waits for
// its turn, and hands it to the emulator.
func (e *emulation) Send(ctx context.Context, m *spool.Message) (string, error) {
	data, err := os.ReadFile(filepath.Join(e.dir, dryName(m.Subscriber)))
	if err != nil {
		return "", &spool.SendError{Class: spool.Permanent, NoCall: true, Text: "the mail cannot be read: " + err.Error(), Err: err}
	}
	head, err := mail.ReadMessage(bytes.NewReader(data))
	if err == nil {
		var to *mail.Address
		if to, err = mail.ParseAddress(head.Header.Get("To")); err == nil {
			m.To = to.Address
		}
	}
	if err != nil {
		return "", &spool.SendError{Class: spool.Permanent, NoCall: true, Text: "the mail cannot be read: " + err.Error(), Err: err}
	}
	if _, err := e.client.Pace.Wait(ctx); err != nil {
		return "", &spool.SendError{Class: spool.Network, NoCall: true, Text: "stopped while waiting for its turn", Err: err}
	}
	m.Data = data
	defer func() { m.Data = nil }()
	return e.client.Send(ctx, m)
}
