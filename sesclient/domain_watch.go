package sesclient

// The domains of senders are looked at every day, since a record that somebody
// takes out of the DNS stops mail days later and says nothing. What is amiss is
// looked at once more before it is an alarm, and a DNS or SES that does not
// answer is one only after a day: an outage of theirs is not a fault of the
// domain. What is known is kept over restarts.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"pabal/eml"
)

const (
	watchFirst   = time.Minute      // after the start: mail goes first
	watchEvery   = 24 * time.Hour   // a domain that is right
	watchAgain   = 10 * time.Minute // one that was found amiss, to be sure
	watchAlarmed = time.Hour        // one that is known to be amiss, or that nobody knew of
	watchSilence = 24 * time.Hour   // nobody answers so long: an alarm
	watchedMost  = 20               // domains: each is a question to SES and a handful to the DNS
)

// DomainAlarm is a domain of a sender that is amiss.
type DomainAlarm struct {
	Domain           // as it was seen last, without its records; when nobody answered the last answer
	Since  time.Time `json:"since"`           // it was first found so
	Error  string    `json:"error,omitempty"` // nobody has answered for a day: what was said
}

// WatchKeeper keeps what a watch knows over restarts; implemented by spool.
type WatchKeeper interface {
	SaveDomains([]byte) error
	LoadDomains() ([]byte, error) // nil before the first
}

// DomainWatch looks at the domains of senders every day. Run is called once;
// the other methods may be called at the same time.
type DomainWatch struct {
	own    string // the configured sender's address; "" none
	keeper WatchKeeper
	log    *slog.Logger
	look   func(context.Context, string) (Domain, error)
	list   func(context.Context) ([]Identity, error)

	mu    sync.Mutex
	known map[string]*watched // by domain
}

// watched is what is known of one domain, kept as JSON.
type watched struct {
	Domain  Domain    `json:"domain"`           // of the last answer
	Due     time.Time `json:"due"`              // of the next look
	Amiss   time.Time `json:"amiss,omitzero"`   // since when; zero: all right
	Silent  time.Time `json:"silent,omitzero"`  // since when nobody answers
	Said    string    `json:"said,omitempty"`   // in place of an answer
	Alarmed bool      `json:"alarmed,omitzero"` // people are told
}

// WatchDomains makes the watch of a client's domains: that of the configured
// sender ("" for none) and those that SES has verified. What the client is
// asked besides counts as a look, so that an alarm ends when somebody mends
// something and checks. An error says that the kept state cannot be read.
func (c *Client) WatchDomains(own string, keeper WatchKeeper) (*DomainWatch, error) {
	w := &DomainWatch{own: own, keeper: keeper, log: c.log, look: c.DomainNow, list: c.Identities, known: map[string]*watched{}}
	kept, err := keeper.LoadDomains()
	if err == nil && len(kept) > 0 {
		err = json.Unmarshal(kept, &w.known)
	}
	if err != nil {
		return nil, fmt.Errorf("recall the watch of domains: %w", err)
	}
	c.domains.seen = func(d Domain) { w.saw(d, nil) }
	return w, nil
}

// Run looks till ctx ends, and returns nil then.
func (w *DomainWatch) Run(ctx context.Context) error {
	wait := watchFirst
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		w.round(ctx)
		wait = w.next()
	}
}

// next is how long nothing is due.
func (w *DomainWatch) next() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := watchAlarmed // also for domains that are verified meanwhile
	for _, k := range w.known {
		wait = min(wait, time.Until(k.Due))
	}
	return max(wait, watchFirst)
}

// round looks at every domain that is due.
func (w *DomainWatch) round(ctx context.Context) {
	for name, from := range w.senders(ctx) {
		if ctx.Err() != nil || !w.due(name) {
			continue
		}
		d, err := w.look(ctx, from)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // an answer came by the way of saw already
			d.Name = name
			w.saw(d, err)
		}
	}
}

func (w *DomainWatch) due(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.known[name]
	return k == nil || !time.Now().Before(k.Due)
}

// senders are the domains to watch, each with what is asked about. One that SES
// verified once is watched on when it no longer is.
func (w *DomainWatch) senders(ctx context.Context) map[string]string {
	out := map[string]string{}
	if w.own != "" {
		out[strings.ToLower(eml.Domain(w.own))] = w.own
	}
	list, err := w.list(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.known {
		gone := !slices.ContainsFunc(list, func(i Identity) bool { return strings.EqualFold(i.Name, name) })
		switch {
		case out[name] != "":
		case err == nil && gone: // somebody took it out of SES
			delete(w.known, name)
		default:
			out[name] = name
		}
	}
	for _, i := range list {
		if name := strings.ToLower(i.Name); i.Type == "domain" && i.Verified && out[name] == "" && len(out) < watchedMost {
			out[name] = name
		}
	}
	return out
}

// saw takes what a look found, tells people what they should know, and keeps it.
func (w *DomainWatch) saw(d Domain, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.known[d.Name]
	if k == nil {
		if !w.watches(d) {
			return
		}
		k = &watched{}
		w.known[d.Name] = k
	}
	before := k.Alarmed
	k.saw(d, err, time.Now())
	switch {
	case k.Alarmed && !before:
		w.log.Error("domain of a sender is amiss", "domain", d.Name, "faults", k.parts(), "err", k.Said)
	case before && !k.Alarmed:
		w.log.Info("domain of a sender mended", "domain", d.Name)
	}
	kept, err := json.Marshal(w.known)
	if err == nil {
		err = w.keeper.SaveDomains(kept)
	}
	if err != nil {
		w.log.Warn("watch of domains not kept", "err", err)
	}
}

// watches reports whether a domain that was asked about is one to watch: mail
// goes out by it. Others are looked at only because somebody is curious.
func (w *DomainWatch) watches(d Domain) bool {
	return d.Name == strings.ToLower(eml.Domain(w.own)) || d.Name == d.Identity && d.DKIM.Domain != "" && len(w.known) < watchedMost
}

// saw is the rule of when an alarm begins and ends.
func (k *watched) saw(d Domain, err error, now time.Time) {
	said := ""
	if err != nil {
		said = foreign(err.Error())
	} else if i := slices.IndexFunc(d.Faults, func(f Fault) bool { return f.Part == "dns_silent" }); i >= 0 {
		said = d.Faults[i].Data["error"]
	}
	k.Said = said
	if said != "" && !grave(d.Faults) {
		k.silent(d, now)
		return
	}
	k.Silent = time.Time{}
	d.Records = []Record{}
	k.Domain = d
	if d.Identity != "" && !grave(d.Faults) {
		k.Amiss, k.Alarmed, k.Due = time.Time{}, false, now.Add(watchEvery)
		return
	}
	if k.Amiss.IsZero() {
		k.Amiss, k.Due = now, now.Add(watchAgain)
		return
	}
	if now.Sub(k.Amiss) >= watchAgain {
		k.Alarmed = true
	}
	k.Due = now.Add(watchAgain)
	if k.Alarmed {
		k.Due = now.Add(watchAlarmed)
	}
}

// silent leaves what is known as it is, until nobody has answered for a day.
func (k *watched) silent(d Domain, now time.Time) {
	if k.Domain.Name == "" {
		k.Domain = Domain{Name: d.Name, Records: []Record{}, Faults: []Fault{}, At: now}
	}
	if k.Silent.IsZero() {
		k.Silent = now
	}
	if now.Sub(k.Silent) >= watchSilence {
		k.Alarmed = true
	}
	k.Due = now.Add(watchAlarmed)
}

// grave reports faults that a person must know of: not notes, not silence.
func grave(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.Part != "dns_silent" && f.Level != "note" })
}

// parts names the faults, for the log.
func (k *watched) parts() string {
	if k.Domain.Identity == "" && k.Said == "" {
		return "not verified"
	}
	var all []string
	for _, f := range k.Domain.Faults {
		if f.Level != "note" {
			all = append(all, f.Part+"/"+f.Case)
		}
	}
	return strings.Join(all, " ")
}

// Alarms are the domains that are amiss, by name.
func (w *DomainWatch) Alarms() []DomainAlarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []DomainAlarm{}
	for _, k := range w.known {
		if !k.Alarmed {
			continue
		}
		a := DomainAlarm{Domain: k.Domain, Since: k.Amiss}
		if k.Amiss.IsZero() {
			a.Since = k.Silent
		}
		if !k.Silent.IsZero() && time.Since(k.Silent) >= watchSilence {
			a.Error = k.Said
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(x, y DomainAlarm) int { return strings.Compare(x.Name, y.Name) })
	return out
}
