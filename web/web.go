// Package web serves the pages that recipients of mail reach: the unsubscribe
// and the preference page, and health for the machines around it.
//
//	GET  /u/TOKEN   a page with one button; changes nothing, however often a link scanner calls it
//	POST /u/TOKEN   unsubscribes: the button, and the one-click call of mail providers (RFC 8058)
//	GET  /p/TOKEN   what the person gets: topics, how often, language; changes nothing
//	POST /p/TOKEN   saves it, ends all mail, or takes the person back
//	GET  /c/TOKEN   asks whether the person wants mail; changes nothing
//	POST /c/TOKEN   takes their yes
//	GET  /l/TOKEN   a letter as somebody would get it, for a colleague: who it is from and to, its
//	                HTML part (/l/TOKEN/html, in a frame) and its text part
//	GET  /v/TOKEN   a letter for its recipient, who cannot read it in their mail program
//	GET  /i/NAME    an image of a letter; the name is the hash of its bytes
//	GET  /r/TOKEN   a campaign's report, for 15 minutes; changes nothing
//	GET  /healthz   200 while the process lives
//	GET  /readyz    200 while it can do its work; where monitoring asks, no alarm is on either
//	GET  /metrics   if there are any
//
// The token in the address is the only authority: no login, no cookie, no
// redirect. An opt-out is on disk before its 200 leaves; when it cannot be
// written the answer is 503 and says so. A good and a bad token get the same
// page after the same time, so that tokens cannot be tried out; the page says
// what to do if the link was not complete. The preference page of a bad token is
// that of a person who never chose anything, and shows what it is told to save
// as saved. An address that is suppressed and a person who was erased get a page
// that says so: only who holds their link sees it.
//
// A letter is foreign HTML: it has an origin of its own (sandbox), runs nothing,
// and loads images without saying from where. Its tokens are kinds of their
// own, none of which unsubscribes anybody; one that is wrong, over, or of
// somebody who was erased gets the same answer after the same time.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"pabal/audience"
	"pabal/campaign"
)

const (
	maxBody   = 4 << 10 // an unsubscribe form has a few bytes
	maxHeader = 8 << 10
	maxToken  = 200 // far above what Token makes
	// answerStep hides how long an opt-out took: the answer leaves at a multiple
	// of it, counted from the request. A commit takes well under one.
	answerStep = 100 * time.Millisecond
	writeLimit = 10 * time.Second // for an opt-out, once asked for
	testToken  = "test"           // the dead link of test mails
)

// Server is an http.Handler. Set the exported fields before it serves.
type Server struct {
	Company string                                       // shown on the pages; "" leaves it out
	Phone   string                                       // whom to call, shown on the pages; "" leaves it out
	Topics  []audience.Topic                             // to choose from; nil: none
	Ready   func() error                                 // for /readyz; nil: always
	Readyz  func(w http.ResponseWriter, r *http.Request) // answers /readyz in place of Ready; nil: none
	Metrics func(w http.ResponseWriter, r *http.Request) // nil: none
	Logger  *slog.Logger                                 // nil: none
	Proxies []netip.Prefix                               // whose X-Forwarded-For is believed, besides this host's; nil: none
	// Mailed is the address that a campaign's mail to a subscriber went to, or an
	// application's mail (its number and audience.QueueMail for the campaign), ""
	// when nobody knows: whose link it is when the subscriber's id is gone. nil:
	// nobody knows of any.
	Mailed func(subscriber, campaign uint64) (string, error)

	people   optOuts
	choices  choosing
	confirms confirming // nil: no link is good
	letters  letters
	images   images
	reports  reports // nil: no link is good
	mux      *http.ServeMux
	pages    *pages
	limit    limiter
	requests requests
	now      func() time.Time
	step     time.Duration
}

// optOuts is what this package needs of the audience.
type optOuts interface {
	Verify(token string) (subscriber, campaign uint64, err error)
	Unsubscribe(ctx context.Context, id uint64, source audience.Source, detail string) error
	UnsubscribeAddress(ctx context.Context, email string, source audience.Source, detail string) error
	UnsubscribeFormer(ctx context.Context, id uint64, source audience.Source, detail string) (known bool, err error)
}

// New makes the pages over the audience. Campaigns may be nil: the unsubscribe
// page needs nothing of them.
func New(people *audience.Store, campaigns *campaign.Store) *Server {
	s := newServer(people, people)
	s.confirms = people
	s.Topics = people.Topics
	if campaigns != nil {
		s.Company, s.Phone = campaigns.Settings.Company, campaigns.Settings.Phone
		s.letters, s.images, s.reports = campaigns, campaigns, campaigns
	}
	return s
}

func newServer(people optOuts, choices choosing) *Server {
	s := &Server{people: people, choices: choices, letters: noLetters{}, images: noImages{}, mux: http.NewServeMux(), pages: newPages(), now: time.Now, step: answerStep}
	s.mux.HandleFunc("GET /u/{token}", s.show)
	s.mux.HandleFunc("POST /u/{token}", s.unsubscribe)
	s.mux.HandleFunc("/u/{token}", onlyMethods("GET, HEAD, POST"))
	s.mux.HandleFunc("GET /p/{token}", s.showPreferences)
	s.mux.HandleFunc("POST /p/{token}", s.setPreferences)
	s.mux.HandleFunc("/p/{token}", onlyMethods("GET, HEAD, POST"))
	s.mux.HandleFunc("GET /c/{token}", s.showConfirm)
	s.mux.HandleFunc("POST /c/{token}", s.confirm)
	s.mux.HandleFunc("/c/{token}", onlyMethods("GET, HEAD, POST"))
	s.mux.HandleFunc("GET /l/{token}", s.showPreview)
	s.mux.HandleFunc("/l/{token}", onlyMethods("GET, HEAD"))
	s.mux.HandleFunc("GET /l/{token}/html", s.showPreviewFrame)
	s.mux.HandleFunc("/l/{token}/html", onlyMethods("GET, HEAD"))
	s.mux.HandleFunc("GET /v/{token}", s.showView)
	s.mux.HandleFunc("/v/{token}", onlyMethods("GET, HEAD"))
	s.mux.HandleFunc("GET /r/{token}", s.showReport)
	s.mux.HandleFunc("/r/{token}", onlyMethods("GET, HEAD"))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("GET /metrics", s.metrics)
	s.mux.HandleFunc("/", s.notFound)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &coded{ResponseWriter: w}
	defer func() {
		c.implied()
		s.requests.add(c.code)
	}()
	s.answer(c, r)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.pages.policy)
	h.Set("Referrer-Policy", "no-referrer") // the address holds the token
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil { // a proxy says this itself
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if strings.HasPrefix(r.URL.Path, imagePath) {
		s.image(w, r)
		return
	}
	if !s.limit.allow(s.source(r), s.now()) {
		h.Set("Retry-After", "10")
		plain(w, http.StatusTooManyRequests, "Too many requests; try again in ten seconds.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// HTTPServer is an http.Server for these pages with the limits a public
// address needs. It does not listen yet.
func (s *Server) HTTPServer(addr string) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log().Handler(), slog.LevelDebug),
	}
}

// show is the page with the button. It looks at no token but the test mails'.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	kind := askPage
	if r.PathValue("token") == testToken {
		kind = testPage
	}
	s.page(w, r, http.StatusOK, kind)
}

// unsubscribe acts on a POST, whatever its body says.
func (s *Server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	began := s.now()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var tooLong *http.MaxBytesError
	if err := errors.Join(r.ParseForm(), r.ParseMultipartForm(maxBody)); errors.As(err, &tooLong) {
		plain(w, http.StatusRequestEntityTooLarge, "The request is too long.")
		return
	}
	oneClick := r.PostForm.Get("List-Unsubscribe") == "One-Click"
	if r.PathValue("token") == testToken {
		s.page(w, r, http.StatusOK, testPage)
		return
	}
	err := s.optOut(r.Context(), r.PathValue("token"))
	s.waitStep(r.Context(), began)
	switch {
	case err != nil && oneClick:
		plain(w, http.StatusServiceUnavailable, "The request could not be recorded; try again later.")
	case err != nil:
		s.page(w, r, http.StatusServiceUnavailable, failedPage)
	case oneClick:
		plain(w, http.StatusOK, "OK")
	default:
		s.page(w, r, http.StatusOK, donePage)
	}
}

// optOut records the opt-out of a good token; a bad one, and one of a person
// who has been erased, are no error. The browser going away does not stop it.
func (s *Server) optOut(ctx context.Context, token string) error {
	if len(token) > maxToken {
		return nil
	}
	subscriber, campaign, err := s.people.Verify(token)
	if errors.Is(err, audience.ErrToken) {
		s.log().Debug("opt-out with a bad link")
		return nil
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
		defer cancel()
		err = s.people.Unsubscribe(ctx, subscriber, audience.Person, detail(campaign))
		if errors.Is(err, audience.ErrNotFound) {
			err = s.optOutFormer(ctx, subscriber, campaign)
		}
	}
	if err != nil {
		s.log().Error("opt-out not recorded", "err", err)
		return err
	}
	s.log().Info("opted out", linked(campaign))
	return nil
}

// optOutFormer records the opt-out of somebody whose id is gone: a row that was
// deleted and inserted again is the same person to who gets the mail. They refuse
// mail to the address they had last, and to the one the mail went to if that is
// still known. Of an erased person no address is known any more.
func (s *Server) optOutFormer(ctx context.Context, subscriber, campaign uint64) error {
	known, err := s.people.UnsubscribeFormer(ctx, subscriber, audience.Person, detail(campaign))
	if err != nil {
		return err
	}
	email, err := s.mailed(subscriber, campaign)
	if err != nil && known {
		s.log().Debug("nobody knows whom a link was mailed to", linked(campaign), "err", err)
		return nil
	}
	if err != nil || email == "" {
		return err
	}
	return s.people.UnsubscribeAddress(ctx, email, audience.Person, detail(campaign))
}

func (s *Server) mailed(subscriber, campaign uint64) (string, error) {
	if s.Mailed == nil || campaign == 0 {
		return "", nil
	}
	return s.Mailed(subscriber, campaign)
}

// waitStep waits until a whole number of steps has passed since began.
func (s *Server) waitStep(ctx context.Context, began time.Time) {
	spent := s.now().Sub(began)
	timer := time.NewTimer(s.step - spent%s.step)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.Readyz != nil {
		s.Readyz(w, r)
		return
	}
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			s.log().Debug("not ready", "err", err) // the reason is not for everybody
			plain(w, http.StatusServiceUnavailable, "not ready")
			return
		}
	}
	plain(w, http.StatusOK, "ready")
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	if s.Metrics == nil {
		s.notFound(w, r)
		return
	}
	s.Metrics(w, r)
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.page(w, r, http.StatusNotFound, missingPage)
}

func (s *Server) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger.With("part", "web")
}
