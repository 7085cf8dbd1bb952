package spool

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"pabal/eml"
)

const (
	outageRunLength = 3 // refusals of different messages in a row
	rateDelay       = time.Second
	networkDelay    = 2 * time.Second
	// heldDelay keeps a message whose hold somehow does not cover it from being
	// tried without a pause.
	heldDelay = 5 * time.Second
	maxReason = 300 // bytes of a reason kept in a record
	maxSESID  = 200 // bytes of an SES id kept; SES's own have 60

	lostThenSkipped = "an answer was lost, then skipped: " // before the skip reason
)

var defaultDelays = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

const maxJitter = 1.5

func jitter() float64 { return maxJitter - rand.Float64() }

// policy is what judging an answer depends on besides the answer.
type policy struct {
	maxTries int
	delays   []time.Duration
	resend   bool    // ambiguous answers of the lane are sent again
	outage   bool    // an outage is on: refusals use up no try
	jitter   float64 // 0.5-1.5
}

func (s *Spool) policy(l Lane) policy {
	p := policy{maxTries: s.maxTries(), delays: s.delays(), jitter: s.jitter(), outage: s.holds.outage()}
	p.resend = s.BulkResend
	if l == Transactional {
		p.resend = !s.TransactionalLeave
	}
	return p
}

func (s *Spool) delays() []time.Duration {
	if len(s.RetryDelays) == 0 {
		return defaultDelays
	}
	return s.RetryDelays
}

// verdict is what becomes of a message after one attempt.
type verdict struct {
	outcome    Outcome
	reason     string
	class      Class // "" when accepted or skipped
	usesTry    bool
	lastTry    bool          // its tries are used up, and nothing else ends it
	noCall     bool          // no call to SES was made
	delay      time.Duration // before the next try, when pending
	maybeTwice bool          // it goes again although it may have been sent
	hold       *Hold
}

// judge decides what an answer means. It is the whole of the table in the
// package comment and touches nothing.
func judge(m *Message, err error, p policy) verdict {
	if err == nil {
		return verdict{outcome: Accepted}
	}
	if skip, ok := errors.AsType[*SkipError](err); ok {
		return verdict{outcome: Skipped, reason: skip.Reason, noCall: true}
	}
	e := sendError(err)
	v := verdict{outcome: Pending, reason: eml.Cut(e.Error(), maxReason), class: e.Class, noCall: e.NoCall}
	switch e.Class {
	case Permanent:
		v.outcome = final(m)
	case Temporary:
		v.usesTry = !p.outage && !v.noCall
		if v.usesTry && m.Tries+1 >= p.maxTries {
			v.outcome, v.lastTry = final(m), true
		}
		v.delay = p.delay(m.Tries)
	case Ambiguous:
		v.ambiguous(m, p)
	case Rate:
		v.delay = scaled(rateDelay, p.jitter)
	case Network:
		v.delay = scaled(networkDelay, p.jitter)
	default:
		h := holdOf(e)
		v.hold, v.delay = &h, heldDelay
	}
	return v
}

// ambiguous is judge for an answer that was lost.
func (v *verdict) ambiguous(m *Message, p policy) {
	v.usesTry = !p.outage
	if v.lastTry = p.resend && v.usesTry && m.Tries+1 >= p.maxTries; v.lastTry || !p.resend {
		v.outcome = Unknown
		return
	}
	v.maybeTwice = true
	v.delay = p.delay(m.Tries)
}

// final is failed, or unknown when an earlier attempt may have been sent.
func final(m *Message) Outcome {
	if m.ambiguous {
		return Unknown
	}
	return Failed
}

func (p policy) delay(tries int) time.Duration {
	return scaled(p.delays[min(tries, len(p.delays)-1)], p.jitter)
}

func scaled(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * factor)
}

// apply changes a message by a verdict.
func (v verdict) apply(m *Message, sesID string, now time.Time) {
	if v.noCall {
		m.Attempts = max(m.Attempts-1, 0)
	}
	if v.outcome == Skipped {
		m.skip(v.reason, now)
		return
	}
	m.Outcome, m.Reason, m.At, m.NextTry = v.outcome, v.reason, now, time.Time{}
	if v.usesTry {
		m.Tries++
	}
	if v.class == Ambiguous {
		m.ambiguous = true
		m.MaybeTwice = m.MaybeTwice || v.maybeTwice
	}
	if v.outcome == Accepted {
		m.know(eml.Cut(sesID, maxSESID))
		m.Reason = ""
		m.Tries++
	}
	if v.outcome == Pending {
		m.NextTry = now.Add(v.delay)
	}
}

// outageRun counts refusals of different messages with no acceptance between.
type outageRun struct {
	mu    sync.Mutex
	spent map[string]spent
}

// spent is what one message lost to the run.
type spent struct {
	campaign uint64 // 0: a mail of the queue
	key      uint64
	tries    int
}

// refused counts one refusal. When the run reaches its length it returns what
// is to be given back, and the run begins anew.
func (r *outageRun) refused(m *Message, usedTry bool) (outage bool, cost []spent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spent == nil {
		r.spent = map[string]spent{}
	}
	e := r.spent[m.ID]
	e.campaign, e.key = m.Campaign, m.key()
	if usedTry {
		e.tries++
	}
	r.spent[m.ID] = e
	if len(r.spent) < outageRunLength {
		return false, nil
	}
	return true, r.take()
}

// take ends the run and returns what it cost.
func (r *outageRun) take() []spent {
	out := make([]spent, 0, len(r.spent))
	for _, e := range r.spent {
		if e.tries > 0 {
			out = append(out, e)
		}
	}
	r.spent = nil
	return out
}

// all ends the run and returns what it cost.
func (r *outageRun) all() []spent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.take()
}

// answered ends the run: SES took a mail or judged one on its merits.
func (r *outageRun) answered() {
	r.mu.Lock()
	r.spent = nil
	r.mu.Unlock()
}
