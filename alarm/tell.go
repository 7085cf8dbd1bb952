package alarm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pabal/eml"
)

const (
	againFirst = 5 * time.Second
	againMost  = 10 * time.Minute
	mailGather = 30 * time.Second // events of one trouble go in one mail
)

// ErrNowhere is returned by Test when neither a webhook nor mail is configured.
var ErrNowhere = errors.New("nobody is told")

// wake has the webhook told.
func (w *Watch) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// tellWebhook tells the webhook what waits, in order, until ctx ends.
func (w *Watch) tellWebhook(ctx context.Context) {
	again := againFirst
	for {
		e, ok := w.next()
		wait := time.Duration(-1)
		if ok {
			err := w.Webhook.Post(ctx, e)
			if ctx.Err() != nil {
				return
			}
			w.answered(e.ID, err)
			if err == nil {
				again = againFirst
				continue
			}
			wait, again = again, min(2*again, againMost)
		}
		if !w.rest(ctx, wait) {
			return
		}
	}
}

// rest waits: for a while, or with a negative one for something to tell. It
// returns false when ctx ended.
func (w *Watch) rest(ctx context.Context, wait time.Duration) bool {
	if wait < 0 {
		select {
		case <-w.kick:
			return true
		case <-ctx.Done():
			return false
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// next is the first event the webhook was not told of.
func (w *Watch) next() (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.known.Events {
		if p.Webhook {
			return p.Event, true
		}
	}
	return Event{}, false
}

// answered takes the webhook's answer to an event.
func (w *Watch) answered(id string, err error) {
	w.mu.Lock()
	before := w.trouble
	w.trouble = ""
	if err != nil {
		w.trouble = err.Error()
	} else {
		w.settle(func(p *pending) {
			if p.ID == id {
				p.Webhook = false
			}
		})
	}
	w.mu.Unlock()
	switch {
	case err != nil && before == "":
		w.log().Warn("webhook does not take alarms", "err", err)
	case err == nil && before != "":
		w.log().Info("webhook takes alarms again")
	}
	w.save()
}

// settle marks events as told and forgets those that all places were told of.
// The caller holds the lock.
func (w *Watch) settle(mark func(*pending)) {
	kept := w.known.Events[:0]
	for _, p := range w.known.Events {
		mark(&p)
		if p.Webhook || p.Mail {
			kept = append(kept, p)
		}
	}
	w.known.Events, w.dirty = kept, true
}

// mail mails what waits, all in one, while SES takes mail.
func (w *Watch) mail(ctx context.Context, now time.Time) {
	if w.Mailer == nil {
		return
	}
	events := w.unmailed()
	if len(events) == 0 || now.Sub(events[0].At) < mailGather && now.After(events[0].At.Add(-mailGather)) || !w.Mailer.Open() {
		return
	}
	last := events[len(events)-1].ID
	if err := w.Mailer.Mail(ctx, "alarm-"+last, events); err != nil {
		w.log().Warn("alarms were not mailed", "err", err)
		return
	}
	told := map[string]bool{}
	for _, e := range events {
		told[e.ID] = true
	}
	w.mu.Lock()
	w.settle(func(p *pending) { p.Mail = p.Mail && !told[p.ID] })
	w.mu.Unlock()
	w.save()
	w.Mailer.Mailed("alarm-" + last)
}

func (w *Watch) unmailed() (events []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.known.Events {
		if p.Mail {
			events = append(events, p.Event)
		}
	}
	return events
}

// Trial is what became of a trial alarm at one place.
type Trial struct {
	Place string `json:"place"` // webhook or mail
	Good  bool   `json:"good"`
	Error string `json:"error,omitempty"`
}

// Test tells every place of an alarm that is none, now, and returns how that
// went. ErrNowhere when there is no place.
func (w *Watch) Test(ctx context.Context, by string) ([]Trial, error) {
	e := w.event(TestMade, Alarm{Name: TestMade, Level: Note, Since: time.Now().UTC().Truncate(time.Millisecond), Page: "docs/alarms.md",
		What: "this is a trial alarm of " + said(by) + ": nothing is wrong", WhatKo: "시험 경보입니다 (" + said(by) + "). 문제가 있는 것은 아닙니다.",
		Hint: "nothing to do", HintKo: "할 일이 없습니다."}, time.Now().UTC().Truncate(time.Millisecond))
	var trials []Trial
	try := func(place string, err error) {
		t := Trial{Place: place, Good: err == nil}
		if err != nil {
			t.Error = err.Error()
		}
		trials = append(trials, t)
	}
	if w.Webhook != nil {
		try("webhook", w.Webhook.Post(ctx, e))
	}
	if w.Mailer != nil && !w.Mailer.Open() {
		try("mail", errors.New("SES takes no mail now"))
	} else if w.Mailer != nil {
		try("mail", w.Mailer.Mail(ctx, "alarm-"+e.ID, []Event{e}))
	}
	if trials == nil {
		return nil, &eml.Problem{What: "there is nobody to tell: the journal alone has alarms", Hint: "set webhook_url or mail_to in [alert] of the configuration", Err: ErrNowhere}
	}
	return trials, nil
}

// Line is an event in one line for a person, in a language.
func (e *Event) Line(lang string) string {
	what, _ := e.In(lang)
	words := map[string]string{Began: "alarm began", GoesOn: "alarm goes on", Ended: "alarm ended", TestMade: "test"}
	if lang == "ko" {
		words = map[string]string{Began: "경보 시작", GoesOn: "경보 계속", Ended: "경보 끝", TestMade: "시험"}
	}
	return fmt.Sprintf("[pabal %s] %s: %s", eml.Visible(e.Host), words[e.Event], what)
}

// Text is an event for a person: what happened, and while it is on what to do.
func (e *Event) Text(lang string) string {
	lines := []string{e.Line(lang)}
	if _, hint := e.In(lang); e.Event == Began || e.Event == GoesOn {
		lines = append(lines, "→ "+hint, e.Page)
	}
	return strings.Join(lines, "\n")
}
