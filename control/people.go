package control

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"os/user"
	"strconv"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// segment parses the request's segment; none means everyone.
func (s *Server) segment(r *http.Request) (*audience.Segment, error) {
	return audience.ParseSegment(r.URL.Query().Get("segment"), s.zone())
}

func (s *Server) subscribers(l *lines, r *http.Request) error {
	seg, err := s.segment(r)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit")
	if err != nil {
		return err
	}
	prefix := r.URL.Query().Get("prefix")
	if seg == nil && limit > 0 && limit <= audience.MaxSearch {
		hits, err := s.People.Search(r.Context(), prefix, limit)
		if err != nil {
			return err
		}
		return writeSlice(l, hits)
	}
	return writeAll(l, first(limit, s.People.List(r.Context(), 0, prefix, seg)))
}

// first ends a walk after n; zero means all of it.
func first[T any](n int, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := 0
		for v, err := range all {
			if !yield(v, err) {
				return
			}
			if seen++; seen == n {
				return
			}
		}
	}
}

func (s *Server) person(r *http.Request) (any, error) {
	sub, err := s.People.ByEmail(r.URL.Query().Get("email"))
	if err != nil {
		return nil, noSuchPerson(r.URL.Query().Get("email"), err)
	}
	p := Person{Subscriber: sub}
	if p.History, err = s.People.History(sub.ID); err != nil {
		return nil, err
	}
	sup, ok, err := s.People.Suppressed(sub.Email)
	if ok {
		p.Suppression = &sup
	}
	return p, err
}

func noSuchPerson(email string, err error) error {
	if !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	return &eml.Problem{What: "no subscriber has the address " + eml.Visible(email),
		Hint: "look for a part of it with: pabal subscriber list --prefix …", Err: err}
}

func (s *Server) setSubscriber(r *http.Request) (any, error) {
	e, err := read[audience.Edit](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if err := s.knownTopics(e.Preferences); err != nil {
		return nil, err
	}
	e.Source, e.Detail = audience.Operator, userName(r.Context())
	sub, err := s.People.Set(r.Context(), e)
	if err != nil {
		return nil, noSuchPerson(e.Email, err)
	}
	return sub, nil
}

// userName is the account at the other end of the socket, for histories.
func userName(ctx context.Context) string {
	uid := strconv.Itoa(peerOf(ctx).UID)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

func (s *Server) suppressions(l *lines, r *http.Request) error {
	return writeAll(l, s.People.Suppressions())
}

func (s *Server) suppress(r *http.Request) (any, error) {
	sup, err := read[audience.Suppression](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	if sup.Email, err = eml.ParseAddress(sup.Email); err != nil {
		return nil, err
	}
	sup.Reason, sup.At = "operator", time.Now().UTC().Truncate(time.Millisecond)
	if sup.Detail == "" {
		sup.Detail = userName(r.Context())
	}
	return sup, s.People.Suppress(r.Context(), sup)
}

func (s *Server) unsuppress(r *http.Request) (any, error) {
	email, err := eml.ParseAddress(r.URL.Query().Get("email"))
	if err != nil {
		return nil, err
	}
	if _, ok, err := s.People.Suppressed(email); err != nil || !ok {
		return nil, errors.Join(err, &eml.Problem{What: email + " is not suppressed", Hint: "see who is with: pabal suppression list", Err: audience.ErrNotFound})
	}
	return map[string]string{"email": email}, s.People.Unsuppress(r.Context(), email)
}
