package alarm

import (
	"context"
	"crypto/rand"
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
	lookEvery   = 10 * time.Second
	clearFactor = 5                  // an end is told after so many times After: what comes back meanwhile is the same alarm
	maxPending  = 100                // events that wait to be told
	keepPending = 3 * 24 * time.Hour // a place that does not answer so long is not told any more
)

// What happened to an alarm.
const (
	Began    = "began"
	GoesOn   = "goes_on" // a reminder, or it has become worse
	Ended    = "ended"
	TestMade = "test" // by pabal alarm test: nothing is wrong
)

// Event is what people are told. The Alarm in it is as it was then.
type Event struct {
	ID    string    `json:"id"` // the same whenever it is told again
	Event string    `json:"event"`
	At    time.Time `json:"at"`
	Host  string    `json:"host"`
	Alarm
}

// pending is an event with the places that have not been told yet.
type pending struct {
	Event
	Webhook bool `json:"webhook,omitempty"`
	Mail    bool `json:"mail,omitempty"`
}

// entry is an alarm with what is remembered of it.
type entry struct {
	Alarm
	Again time.Time `json:"again,omitzero"` // when people were last reminded
	Gone  time.Time `json:"gone,omitzero"`  // since when it is not there any more
}

// memory is what outlives the process, kept as JSON.
type memory struct {
	Alarms map[string]*entry `json:"alarms"` // by key
	Events []pending         `json:"events"`
}

// Keeper keeps the memory over restarts; implemented by spool.
type Keeper interface {
	SaveAlarms([]byte) error
	LoadAlarms() ([]byte, error) // nil before the first
}

// Mailer mails events to people.
type Mailer interface {
	// Open reports whether SES takes mail now, so that a mail would not wait.
	Open() bool
	// Mail queues one mail about all of them; of the same id only one.
	Mail(ctx context.Context, id string, events []Event) error
	// Mailed is told when a mail is remembered: its id does not come again.
	Mailed(id string)
}

// Watch remembers alarms and tells people. Set the exported fields before Run,
// which is called once; the other methods may be called at the same time.
type Watch struct {
	Look    func() Facts  // what is known now
	After   time.Duration // how long a condition lasts before people are told; kinds multiply it
	Repeat  time.Duration // people are reminded so often of one that goes on; 0: never
	Every   time.Duration // between two looks; zero means 10 s
	Host    string        // in events
	Webhook *Webhook      // nil: none
	Mailer  Mailer        // nil: none
	Logger  *slog.Logger  // the journal; nil: none

	keeper Keeper
	kick   chan struct{} // there is something for the webhook

	mu      sync.Mutex
	known   memory
	dirty   bool
	trouble string // why the webhook does not take events, "" while it does
}

// New is a watch with what is remembered. The error says that the memory cannot
// be read; the watch is one without memory then.
func New(keeper Keeper) (*Watch, error) {
	w := &Watch{keeper: keeper, kick: make(chan struct{}, 1)}
	kept, err := keeper.LoadAlarms()
	if err == nil && len(kept) > 0 {
		err = json.Unmarshal(kept, &w.known)
	}
	if err != nil {
		w.known, err = memory{}, fmt.Errorf("recall the alarms: %w", err)
	}
	if w.known.Alarms == nil {
		w.known.Alarms = map[string]*entry{}
	}
	for key, e := range w.known.Alarms { // written by hand, or damaged
		if e == nil {
			delete(w.known.Alarms, key)
		}
	}
	return w, err
}

// Run looks and tells until ctx ends, and returns nil then.
func (w *Watch) Run(ctx context.Context) error {
	var tellers sync.WaitGroup
	defer tellers.Wait()
	if w.Webhook != nil {
		tellers.Go(func() { w.tellWebhook(ctx) })
	}
	every := w.Every
	if every == 0 {
		every = lookEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		w.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// round is one look: what began and ended, told to the journal and kept for the
// other places.
func (w *Watch) round(ctx context.Context) {
	facts := w.facts()
	events := w.take(&facts)
	for i := range events {
		w.journal(&events[i])
	}
	w.save()
	if len(events) > 0 {
		w.wake()
	}
	w.mail(ctx, facts.At)
}

// facts are those of now.
func (w *Watch) facts() Facts {
	f := w.Look()
	if f.At.IsZero() {
		f.At = time.Now()
	}
	f.At = f.At.UTC().Truncate(time.Millisecond)
	return f
}

// find is which conditions there are. The caller holds the lock.
func (w *Watch) find(f *Facts) []Alarm {
	f.Undelivered = w.trouble
	return Look(f, func(name, subject string) bool {
		e := w.known.Alarms[(&Alarm{Name: name, Subject: subject}).key()]
		return e != nil && e.Gone.IsZero()
	})
}

// take merges what there is now into what is remembered and returns what
// people are to be told.
func (w *Watch) take(f *Facts) (events []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[string]bool{}
	for _, a := range w.find(f) {
		there[a.key()] = true
		if what := w.see(a, f.At); what != "" {
			events = append(events, w.event(what, w.known.Alarms[a.key()].Alarm, f.At))
		}
	}
	for key, e := range w.known.Alarms {
		if !there[key] && w.miss(key, e, f.At) {
			events = append(events, w.event(Ended, e.Alarm, f.At))
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return order(a.Alarm, b.Alarm) })
	w.pend(events, f.At)
	return events
}

// see takes a condition that is there, and returns what to tell of it.
func (w *Watch) see(a Alarm, now time.Time) string {
	e := w.known.Alarms[a.key()]
	if e == nil {
		e = &entry{Alarm: a}
		w.known.Alarms[a.key()] = e
		w.dirty = true
	}
	since, told, level := e.Since, e.Told, e.Level
	if !e.Gone.IsZero() {
		e.Gone, w.dirty = time.Time{}, true
	}
	e.Alarm = a
	e.Since, e.Told = sinceOf(since, now), told
	kind, _ := kindOf(a.Name)
	switch {
	case a.Level == Note:
		return ""
	case told.IsZero():
		if now.Sub(e.Since) < time.Duration(kind.Patience)*w.After {
			return ""
		}
		e.Told, w.dirty = now, true
		return Began
	case rank(a.Level) < rank(level), w.Repeat > 0 && now.Sub(later(told, e.Again)) >= w.Repeat:
		e.Again, w.dirty = now, true
		return GoesOn
	}
	return ""
}

// sinceOf is since when an alarm is there: since now if nobody knows, or if the
// clock was set back.
func sinceOf(since, now time.Time) time.Time {
	if since.IsZero() || since.After(now) {
		since = now
	}
	return since.UTC().Truncate(time.Millisecond)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// miss takes an alarm that is not there, and reports whether its end is to be
// told. What comes back soon has never been away.
func (w *Watch) miss(key string, e *entry, now time.Time) bool {
	if e.Gone.IsZero() || e.Gone.After(now) {
		e.Gone, w.dirty = now, true
	}
	patience := w.After
	if !e.Told.IsZero() {
		patience *= clearFactor
	}
	if now.Sub(e.Gone) < patience {
		return false
	}
	delete(w.known.Alarms, key)
	w.dirty = true
	return !e.Told.IsZero()
}

func (w *Watch) event(what string, a Alarm, now time.Time) Event {
	for _, text := range []*string{&a.What, &a.WhatKo, &a.Hint, &a.HintKo} {
		*text = eml.Mask(*text) // whoever is told may be a service of others
	}
	return Event{ID: strings.ToLower(rand.Text()[:16]), Event: what, At: now, Host: w.Host, Alarm: a}
}

// pend keeps events for the places that are told by and by.
func (w *Watch) pend(events []Event, now time.Time) {
	if w.Webhook == nil && w.Mailer == nil {
		w.known.Events = nil // of another configuration
		return
	}
	for _, e := range events {
		w.known.Events = append(w.known.Events, pending{Event: e, Webhook: w.Webhook != nil, Mail: w.Mailer != nil})
	}
	before := len(w.known.Events)
	w.known.Events = slices.DeleteFunc(w.known.Events, func(p pending) bool {
		return now.Sub(p.At) > keepPending || (!p.Webhook || w.Webhook == nil) && (!p.Mail || w.Mailer == nil)
	})
	w.known.Events = w.known.Events[max(0, len(w.known.Events)-maxPending):]
	if dropped := before - len(w.known.Events); dropped > 0 {
		w.dirty = true
		w.log().Warn("alarms were not delivered", "count", dropped, "hint", "try: pabal alarm test")
	}
}

// journal tells the log.
func (w *Watch) journal(e *Event) {
	log := w.log().With("alarm", e.Name, "subject", e.Subject, "alarm_level", string(e.Level), "reason", e.What)
	level := slog.LevelWarn
	if e.Level == Grave {
		level = slog.LevelError
	}
	switch e.Event {
	case Began:
		log.Log(context.Background(), level, "alarm began", "hint", e.Hint, "page", e.Page)
	case GoesOn:
		log.Log(context.Background(), level, "alarm goes on", "after", e.At.Sub(e.Since), "hint", e.Hint, "page", e.Page)
	case Ended:
		log.Info("alarm ended", "after", e.At.Sub(e.Since))
	}
}

// save writes the memory if it has changed. What cannot be written is tried
// again at the next look.
func (w *Watch) save() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty {
		return
	}
	kept, err := json.Marshal(w.known)
	if err == nil {
		err = w.keeper.SaveAlarms(kept)
	}
	if err != nil {
		w.log().Warn("alarms were not kept", "err", err)
		return
	}
	w.dirty = false
}

// Alarms are those there are at this instant, the worst first. It looks itself
// and remembers nothing: whoever has just mended something sees it at once.
func (w *Watch) Alarms() []Alarm {
	facts := w.facts()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append([]Alarm{}, w.find(&facts)...)
	for i := range all {
		a := &all[i]
		if e := w.known.Alarms[a.key()]; e != nil {
			a.Since, a.Told = e.Since, e.Told
		}
		a.Since = sinceOf(a.Since, facts.At)
	}
	return all
}

// Told are the alarms that people were told of and whose end they were not told
// of, the worst first: what /readyz and monitoring go by, since it does not
// change from one instant to the next.
func (w *Watch) Told() []Alarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []Alarm{}
	for _, e := range w.known.Alarms {
		if !e.Told.IsZero() {
			all = append(all, e.Alarm)
		}
	}
	slices.SortFunc(all, order)
	return all
}

func (w *Watch) log() *slog.Logger {
	if w.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.Logger.With("part", "alarm")
}
