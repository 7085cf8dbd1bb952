package cli

import (
	"bytes"
	"context"
	"net/mail"
	"time"
)

// paceEvery is how often the pace's memory goes to disk: the quota's window is
// counted by the minute.
const paceEvery = time.Minute

// recallPace gives the pace back what this store has sent in the last 24
// hours: SES tells how many were sent, not when, so without it nobody could
// say when the quota frees. A memory that cannot be read costs only that.
func (d *daemon) recallPace() {
	snapshot, err := d.spool.LoadPace()
	if err == nil {
		err = d.ses.Pace.Restore(snapshot)
	}
	if err != nil {
		d.logger.Warn("sending of the last 24 hours not recalled", "err", err)
	}
	d.paceKept = snapshot
}

// watchDomains wires the daily look at senders' domains. A memory that cannot
// be read is begun anew: it costs an alarm that is told again.
func (d *daemon) watchDomains() (err error) {
	own := ""
	if box, err := mail.ParseAddress(d.cfg.Campaign.From); err == nil { // the configuration was checked
		own = box.Address
	}
	if d.domains, err = d.ses.WatchDomains(own, d.spool); err == nil {
		return nil
	}
	d.logger.Warn("watch of domains not recalled", "err", err)
	if err := d.spool.SaveDomains(nil); err != nil {
		return err
	}
	d.domains, err = d.ses.WatchDomains(own, d.spool)
	return err
}

// keepPace saves it while the daemon runs; run saves it once more at the end.
func (d *daemon) keepPace(ctx context.Context) error {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.savePace()
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *daemon) savePace() {
	snapshot := d.ses.Pace.Snapshot()
	if bytes.Equal(snapshot, d.paceKept) {
		return
	}
	if err := d.spool.SavePace(snapshot); err != nil {
		d.logger.Warn("sending of the last 24 hours not saved", "err", err)
		return
	}
	d.paceKept = snapshot
}
