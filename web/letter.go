package web

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"regexp"

	"pabal/audience"
	"pabal/campaign"
)

// letters is what the pages that show letters need of the campaigns.
type letters interface {
	// OpenPreview is the letter behind a preview link; audience.ErrToken or
	// campaign.ErrNotFound when there is none (any more).
	OpenPreview(ctx context.Context, token string) (campaign.Letter, error)
	// OpenView is the same for the link in a recipient's mail.
	OpenView(ctx context.Context, token string) (campaign.Letter, error)
}

// letterPolicy is for a letter itself: pictures and styles as a mail program
// shows them, nothing that runs, and an origin of its own.
const letterPolicy = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' https:; font-src https: data:; " +
	"base-uri 'none'; form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors "

// showPreview is the page round a letter: who it is from and to, the HTML part
// in a frame as wide as a desktop or a phone, and the text part. It changes
// nothing.
func (s *Server) showPreview(w http.ResponseWriter, r *http.Request) {
	letter, ok := s.openLetter(w, r, previewGonePage, s.letters.OpenPreview)
	if !ok {
		return
	}
	lang := chosen(r)
	v := letterView{Style: s.pages.letterStyle, Lang: lang, T: letterTextsIn(lang), Letter: letter}
	if reason := v.T.Reasons[letter.Skip]; reason != "" {
		v.Letter.Skip = reason
	}
	if letter.HTML != "" {
		v.Frame = r.PathValue("token") + "/html"
	}
	var out bytes.Buffer
	if err := s.pages.letter.Execute(&out, v); err != nil {
		s.log().Error("page not written", "err", err)
		plain(w, http.StatusInternalServerError, "The page could not be written.")
		return
	}
	w.Header().Set("Content-Security-Policy", s.pages.letterPolicy)
	send(w, http.StatusOK, lang, out.Bytes())
}

// showPreviewFrame is the HTML part for the frame of showPreview. Its links
// open elsewhere, so that the letter stays.
func (s *Server) showPreviewFrame(w http.ResponseWriter, r *http.Request) {
	letter, ok := s.openLetter(w, r, previewGonePage, s.letters.OpenPreview)
	if !ok {
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", letterPolicy+"'self'")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.Write(outside(letter.Page())) // the reader may have gone
}

// showView is a letter for its recipient, as it is. It changes nothing.
func (s *Server) showView(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("token") == testToken {
		s.page(w, r, http.StatusOK, testPage)
		return
	}
	letter, ok := s.openLetter(w, r, viewGonePage, s.letters.OpenView)
	if !ok {
		return
	}
	page := letter.Page()
	if page == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(letter.Text)) // the reader may have gone
		return
	}
	w.Header().Set("Content-Security-Policy", letterPolicy+"'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(outside(page)) // the reader may have gone
}

// openLetter opens a link. For one that is wrong, over, or of somebody who is
// gone it has answered, always the same after the same time.
func (s *Server) openLetter(w http.ResponseWriter, r *http.Request, gone kind, open func(context.Context, string) (campaign.Letter, error)) (campaign.Letter, bool) {
	began := s.now()
	letter, err := open(r.Context(), r.PathValue("token"))
	if err == nil {
		return letter, true
	}
	s.waitStep(r.Context(), began)
	if errors.Is(err, audience.ErrToken) || errors.Is(err, campaign.ErrNotFound) {
		s.page(w, r, http.StatusNotFound, gone)
		return letter, false
	}
	s.log().Error("letter not shown", "err", err)
	s.page(w, r, http.StatusServiceUnavailable, unshownPage)
	return letter, false
}

// outside has the links of a letter open in a tab of their own: within the
// sandbox of a frame they would lead nowhere. A letter need not have a <head>: a
// browser makes one where a <base> comes first.
func outside(page string) []byte {
	at := headTag.FindStringIndex(page)
	if at == nil {
		at = beforeHead.FindStringIndex(page) // of nothing, at worst
	}
	return []byte(page[:at[1]] + `<base target="_blank">` + page[at[1]:])
}

var (
	headTag    = regexp.MustCompile(`(?i)<head(?:\s[^>]*)?>`)
	beforeHead = regexp.MustCompile(`(?i)^\s*(?:<!doctype[^>]*>)?\s*(?:<html(?:\s[^>]*)?>)?`)
)

// letterView is what letter.html shows.
type letterView struct {
	Style  template.CSS
	Lang   string
	T      letterTexts
	Letter campaign.Letter
	Frame  string // address of the HTML part; "" for a letter of text only
}

// letterTexts are those of the preview page.
type letterTexts struct {
	Title, Notice               string
	From, To, Subject, Missing  string
	File                        string
	Desktop, Phone, Text, Frame string
	Skip                        string
	Reasons                     map[string]string // why somebody is not mailed, by what is stored
}

// noLetters is for a server without campaigns: no link is good.
type noLetters struct{}

func (noLetters) OpenPreview(context.Context, string) (campaign.Letter, error) {
	return campaign.Letter{}, campaign.ErrNotFound
}

func (noLetters) OpenView(context.Context, string) (campaign.Letter, error) {
	return campaign.Letter{}, campaign.ErrNotFound
}
