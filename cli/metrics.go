package cli

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"pabal/alarm"
	"pabal/control"
	"pabal/sesclient"
	"pabal/smtpd"
	"pabal/spool"
	"pabal/syncer"
)

// reading is what one scrape read of every part, once each. It is sums that
// the parts keep anyway: no scrape walks over messages or subscribers.
type reading struct {
	now       time.Time
	spool     spool.Status
	totals    spool.Totals
	campaigns map[spool.State]int
	braked    int
	body      [2]int64 // bytes of body_memory in use, and its limit
	ses       sesclient.Status
	calls     sesclient.Calls
	domains   int // amiss
	feedback  sesclient.FeedbackStatus
	smtp      smtpd.Stats
	sync      *syncer.Status // nil: the audience has no source
	files     []control.StoreSize
	web       map[string]map[int]int64 // answers by code, by site
	ends      map[string]time.Time     // of certificates, by use
	loaded    time.Time                // the configuration
	backup    int64                    // when the last backup was written, unix ms; 0 for none
	process   processFacts
	alarms    []alarm.Alarm // people were told of
}

// read asks every part.
func (d *daemon) read() (r *reading, err error) {
	r = &reading{now: time.Now(), totals: d.spool.Totals(), ses: d.ses.Status(), calls: d.ses.Calls(), domains: len(d.domains.Alarms()),
		feedback: d.feedbackStatus(), smtp: d.smtp.Stats(), loaded: d.loaded, backup: d.backedUp.Load(), process: readProcess(),
		body: [2]int64{d.spool.BodyMemoryUsed(), int64(d.cfg.BodyMemory)}, web: map[string]map[int]int64{}, ends: map[string]time.Time{}}
	if r.spool, err = d.spool.Status(); err != nil {
		return nil, err
	}
	if r.campaigns, err = d.campaigns.States(); err != nil {
		return nil, err
	}
	_, r.braked = d.spool.States()
	r.files = sizes(d.spool, d.people, d.campaigns)
	if d.sync != nil {
		status := d.sync.Status()
		r.sync = &status
	}
	for name, pages := range d.pages {
		r.web[name] = pages.Requests()
	}
	for use, cert := range d.certificates() {
		r.ends[use] = cert.Ends()
	}
	if d.alarms != nil {
		r.alarms = d.alarms.Told()
	}
	return r, nil
}

// metrics answers a scrape.
func (d *daemon) metrics(w http.ResponseWriter, _ *http.Request) {
	r, err := d.read()
	if err != nil {
		d.logger.Error("metrics not read", "part", "web", "err", err)
		http.Error(w, "the stores do not answer", http.StatusServiceUnavailable)
		return
	}
	var out bytes.Buffer
	writeMetrics(&out, metricList(), r)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(out.Bytes()) // the reader has gone: nobody to tell
}

// metricList is all of /metrics, in the order of the documentation.
func metricList() []metric {
	return slices.Concat(spoolMetrics(), sesMetrics(), feedbackMetrics(), smtpMetrics(), syncMetrics(), storeMetrics(), daemonMetrics())
}
