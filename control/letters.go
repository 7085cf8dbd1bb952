package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"pabal/campaign"
	"pabal/eml"
)

// putFile stores a file to be attached; the body is its bytes.
func (s *Server) putFile(r *http.Request) (any, error) {
	if name := r.URL.Query().Get("inbox"); name != "" {
		return s.putInboxFile(r.Context(), name)
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, campaign.MaxAttached))
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return nil, &eml.Problem{What: fmt.Sprintf("the file has more than %d MB", campaign.MaxAttached>>20),
			Hint: "put it on a web server and link to it", Err: errTooLarge}
	}
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return s.Campaigns.PutFile(r.Context(), r.URL.Query().Get("name"), data)
}

// putInboxFile stores a file of the inbox to be attached.
func (s *Server) putInboxFile(ctx context.Context, name string) (any, error) {
	f, err := s.Inbox.open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, campaign.MaxAttached+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return s.Campaigns.PutFile(ctx, name, data) // it refuses what is too large
}

// preview is the letter as one of the audience would get it.
func (s *Server) preview(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Letter, error) {
		whom, err := s.whom(r)
		if err != nil {
			return campaign.Letter{}, err
		}
		return s.Campaigns.PreviewAs(r.Context(), id, whom)
	})
}

// previewLink makes an address on the web listener; it keeps nothing.
func (s *Server) previewLink(r *http.Request) (any, error) {
	return on(r, func(id uint64) (campaign.Link, error) {
		whom, err := s.whom(r)
		if err != nil {
			return campaign.Link{}, err
		}
		return s.Campaigns.PreviewLink(r.Context(), id, whom)
	})
}

// whom reads who of the audience is meant.
func (s *Server) whom(r *http.Request) (w campaign.Whom, err error) {
	q := r.URL.Query()
	w.Email = q.Get("email")
	for name, to := range map[string]*uint64{"after": &w.After, "before": &w.Before} {
		if text := q.Get(name); text != "" {
			if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
				return w, invalid(name+" must be the id of a subscriber, not "+eml.Visible(text), "write digits only")
			}
		}
	}
	nth, err := number(r, "nth")
	if w.Nth = int64(nth); err != nil {
		return w, err
	}
	return w, s.known(w.Email)
}

// TestResult is what became of a test. Message is the first of Mails.
type TestResult struct {
	Message string              `json:"message"`
	Mails   []campaign.TestMail `json:"mails"`
}

func (s *Server) testCampaign(r *http.Request) (any, error) {
	return on(r, func(id uint64) (TestResult, error) {
		q, err := read[TestRequest](r, MaxRequestBytes)
		if err != nil {
			return TestResult{}, err
		}
		if err := s.known(q.As); err != nil {
			return TestResult{}, err
		}
		sent, err := s.Campaigns.Tests(r.Context(), id, q.As, strings.FieldsFunc(q.To, func(c rune) bool { return c == ',' || c == ';' || c == '\n' }))
		if err != nil {
			return TestResult{}, err
		}
		return TestResult{Message: sent[0].Message, Mails: sent}, nil
	})
}

// dryRun makes the letters of the whole audience, one a line. The peer reads
// them as fast as it can write them.
func (s *Server) dryRun(l *lines, r *http.Request) error {
	id, err := campaignID(r)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.running, cancel)()
	return aboutCampaign(id, s.Campaigns.DryRun(ctx, id, int64(limit), func(d *campaign.DryLetter) error { return l.write(d) }))
}
