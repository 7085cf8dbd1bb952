package control

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// progressEvery is how often a count or a search says how far it is.
const progressEvery = 100 * time.Millisecond

// CountLine is one line of a count that is watched; exactly one field is set.
type CountLine struct {
	Progress *CountProgress  `json:"progress,omitempty"`
	Result   *audience.Count `json:"result,omitempty"` // the last line
}

// CountProgress is how many subscribers were looked at.
type CountProgress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

// RowsAnswer is an expression as rows of a builder.
type RowsAnswer struct {
	Fits bool `json:"builder"` // false: it is not of that form, the rows mean nothing
	audience.Conditions
}

// ExpressionAnswer is what a builder's rows make.
type ExpressionAnswer struct {
	Segment string `json:"segment"`
}

func (s *Server) count(r *http.Request) (any, error) {
	seg, topic, err := s.asked(r)
	if err != nil {
		return nil, err
	}
	return s.People.Count(r.Context(), seg, topic)
}

// asked is the segment and the topic of a request.
func (s *Server) asked(r *http.Request) (*audience.Segment, string, error) {
	topic := r.URL.Query().Get("topic")
	if err := s.People.CheckTopic(topic); err != nil {
		return nil, "", err
	}
	seg, err := s.segment(r)
	return seg, topic, err
}

// watchCount is count with its progress; it ends when the client has gone.
func (s *Server) watchCount(l *lines, r *http.Request) error {
	seg, topic, err := s.asked(r)
	if err != nil {
		return err
	}
	l.live = true
	last := time.Now()
	count, err := s.People.CountTold(r.Context(), seg, topic, func(done, total int64) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		_ = l.write(CountLine{Progress: &CountProgress{done, total}}) // a client that has gone ends the request's context
	})
	if err != nil {
		return err
	}
	return l.write(CountLine{Result: &count})
}

func (s *Server) explain(r *http.Request) (any, error) {
	seg, topic, err := s.asked(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	id, err := strconv.ParseUint(q.Get("id"), 10, 64)
	switch {
	case q.Get("id") == "":
		sub, err := s.People.ByEmail(q.Get("email"))
		if err != nil {
			return nil, noSuchPerson(q.Get("email"), err)
		}
		id = sub.ID
	case err != nil || id == 0:
		return nil, invalid("a subscriber's id is a number, not "+eml.Visible(q.Get("id")), "see the ids with: pabal subscriber list")
	}
	x, err := s.People.Explain(r.Context(), seg, topic, id)
	if err != nil {
		return nil, noSuchID(id, err)
	}
	return x, nil
}

func noSuchID(id uint64, err error) error {
	if hintOf(err) != "" {
		return err
	}
	if _, status := failure(err); status != http.StatusNotFound {
		return err
	}
	return &eml.Problem{What: fmt.Sprintf("there is no subscriber %d", id), Hint: "see the ids with: pabal subscriber list", Err: err}
}

func (s *Server) fields(l *lines, _ *http.Request) error {
	all, err := s.People.Fields()
	if err != nil {
		return err
	}
	return writeSlice(l, all)
}

func (s *Server) values(r *http.Request) (any, error) {
	limit, err := number(r, "limit")
	if err != nil {
		return nil, err
	}
	return s.People.Values(r.Context(), r.URL.Query().Get("field"), r.URL.Query().Get("attribute"), limit)
}

func (s *Server) rows(r *http.Request) (any, error) {
	if _, err := s.segment(r); err != nil {
		return nil, err
	}
	c, ok := audience.ParseConditions(r.URL.Query().Get("segment"))
	return RowsAnswer{ok, c}, nil
}

func (s *Server) expression(r *http.Request) (any, error) {
	c, err := read[audience.Conditions](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	text, err := c.Expression()
	return ExpressionAnswer{text}, err
}

// search streams who has a text anywhere in e-mail or name.
func (s *Server) search(l *lines, r *http.Request) error {
	last := time.Now()
	for found, err := range s.People.SearchAll(r.Context(), r.URL.Query().Get("text")) {
		switch {
		case err != nil:
			return err
		case found.Subscriber == nil && found.Done != found.Total && time.Since(last) < progressEvery:
			continue
		}
		if l.live = found.Subscriber == nil; l.live { // many hits go together
			last = time.Now()
		}
		if err := l.write(found); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
	return nil
}
