package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

func (s *Server) health(*http.Request) (any, error) {
	return Health{Version: s.Version, PID: os.Getpid(), Started: s.started.UTC().Truncate(time.Millisecond), Alive: s.Alive == nil || s.Alive()}, nil
}

func (s *Server) status(r *http.Request) (any, error) {
	sp, err := s.Spool.Status()
	if err != nil {
		return nil, err
	}
	st := Status{Version: s.Version, PID: os.Getpid(), Started: s.started.UTC().Truncate(time.Millisecond), Spool: sp, SES: s.SES.Status(), Sync: s.syncing()}
	if s.Feedback != nil {
		said := s.Feedback()
		st.Feedback = &said
	}
	st.Domains, st.Alarms = s.domainAlarms(), s.alarmsNow()
	if s.Retention != nil {
		state := s.Retention.State()
		st.Retention = &state
	}
	if s.SMTP != nil {
		if st.SMTP, err = json.Marshal(s.SMTP()); err != nil {
			return nil, err
		}
	}
	if s.Failures == nil {
		return st, nil
	}
	said, err := s.Failures()
	if err != nil {
		return nil, err
	}
	st.Failures, err = json.Marshal(said)
	return st, err
}

func (s *Server) spoolStatus(*http.Request) (any, error) { return s.Spool.Status() }

func (s *Server) sesStatus(*http.Request) (any, error) { return s.SES.Status(), nil }

func (s *Server) events(*http.Request) (any, error) {
	return append([]spool.Event{}, s.Spool.Events()...), nil
}

func (s *Server) check(r *http.Request) (any, error) {
	report, err := s.Spool.Check(r.Context())
	if err != nil {
		return nil, err
	}
	people, err := s.People.CheckStore(r.Context())
	if err != nil {
		return nil, err
	}
	campaigns, err := s.Campaigns.Check(r.Context())
	report.Faults = append([]string{}, report.Faults...) // an empty list, not null
	return Check{CheckReport: report, Audience: append([]string{}, people...), Campaign: campaigns}, err
}

// DeadLetters asks Messages, in place of an outcome, for what failed or is
// unknown and whose text is kept.
const DeadLetters = "dead"

func (s *Server) messages(l *lines, r *http.Request) error {
	if r.URL.Query().Get("outcome") == DeadLetters {
		return writeAll(l, s.dead())
	}
	outcome, err := outcomeOf(r)
	if err != nil {
		return err
	}
	return writeAll(l, s.Spool.Messages(outcome))
}

func (s *Server) dead() iter.Seq2[spool.Message, error] {
	return func(yield func(spool.Message, error) bool) {
		for m, err := range s.Spool.Messages(nil) {
			if (err != nil || m.Dead()) && !yield(m, err) {
				return
			}
		}
	}
}

func noSuchMessage(id string, err error) error {
	if errors.Is(err, spool.ErrState) && hintOf(err) == "" {
		return &eml.Problem{What: err.Error(), Hint: "see its outcome with: pabal spool show " + eml.Visible(id), Err: err}
	}
	if errors.Is(err, spool.ErrRemoved) {
		return &eml.Problem{What: eml.Visible(id) + " is not kept any more: retention has removed it", Hint: "how long mail is kept: pabal retention show", Err: err}
	}
	if !errors.Is(err, spool.ErrNotFound) {
		return err
	}
	return &eml.Problem{What: "there is no message " + eml.Visible(id), Hint: "see which there are with: pabal spool list", Err: err}
}

func (s *Server) message(r *http.Request) (any, error) {
	m, err := s.Spool.Message(r.PathValue("id"))
	if err != nil {
		return nil, noSuchMessage(r.PathValue("id"), err)
	}
	return m, nil
}

func (s *Server) body(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "message/rfc822")
	id := r.PathValue("id")
	err := s.Spool.Body(id, w)
	if errors.Is(err, spool.ErrNotFound) {
		if m, known := s.Spool.Message(id); known == nil {
			err = &eml.Problem{What: fmt.Sprintf("the text of %s is not kept any more: it is %s", m.ID, m.Outcome), Hint: "see what became of it with: pabal spool show " + m.ID, Err: err}
			refuse(w, err)
			return
		}
	}
	if err != nil {
		refuse(w, noSuchMessage(id, err))
	}
}

// onMessage changes the message that the path names and answers with it as it is then.
func (s *Server) onMessage(act func(context.Context, string) error) answer {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		if err := act(r.Context(), id); err != nil {
			return nil, noSuchMessage(id, err)
		}
		m, err := s.Spool.Message(id)
		if errors.Is(err, spool.ErrNotFound) { // discarded for good
			return spool.Message{ID: id, Outcome: spool.Failed, Reason: "discarded"}, nil
		}
		return m, err
	}
}

// EditRequest is where a message is sent in place of its own recipient.
type EditRequest struct {
	To string `json:"to"`
}

// edit sends a message to another address and answers with the new one.
func (s *Server) edit(r *http.Request) (any, error) {
	q, err := read[EditRequest](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	to, err := eml.ParseAddress(q.To)
	if err != nil {
		return nil, err
	}
	_, suppressed, err := s.People.Suppressed(to)
	if err != nil {
		return nil, err
	}
	if suppressed {
		return nil, &eml.Problem{What: to + " is suppressed: it would not be mailed", Hint: "see why with: pabal suppression list; take it off with: pabal suppression remove " + to, Err: errInvalid}
	}
	id, err := s.Spool.Edit(r.Context(), r.PathValue("id"), to)
	if err != nil {
		return nil, noSuchMessage(r.PathValue("id"), err)
	}
	return s.Spool.Message(id)
}

func (s *Server) holds(l *lines, _ *http.Request) error { return writeSlice(l, s.Spool.Holds()) }

func (s *Server) hold(r *http.Request) (any, error) {
	h, err := read[spool.Hold](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if err := checkScope(h.Scope); err != nil {
		return nil, err
	}
	if h.Reason == "" {
		h.Reason = "held by " + userName(r.Context())
	}
	h.Class, h.Manual, h.Since = spool.Operator, true, time.Now().UTC().Truncate(time.Millisecond)
	return h, s.Spool.Hold(r.Context(), h)
}

func (s *Server) release(r *http.Request) (any, error) {
	scope := spool.Scope(r.URL.Query().Get("scope"))
	for _, h := range s.Spool.Holds() {
		if h.Scope == scope {
			return h, s.Spool.Release(r.Context(), scope)
		}
	}
	return nil, &eml.Problem{What: "nothing is held as " + eml.Visible(string(scope)), Hint: "see what is with: pabal status", Err: spool.ErrNotFound}
}

// trace finds every mail to or by an address, an SES id or a Message-ID.
func (s *Server) trace(l *lines, r *http.Request) error {
	query := r.URL.Query().Get("q")
	if query == "" {
		return invalid("nothing to look for", "give an address, an SES id or a Message-ID")
	}
	var ids []uint64
	sub, err := s.People.ByEmail(query)
	if err == nil {
		ids = append(ids, sub.ID)
	} else if !errors.Is(err, audience.ErrNotFound) && !outsideInput(err) {
		return err
	}
	found, err := s.Spool.Find(r.Context(), query, ids)
	if err != nil {
		return err
	}
	return writeSlice(l, found)
}
