package web

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"pabal/audience"
)

// maxForm bounds the form of the preference page: thirty topics, each named twice.
const maxForm = 8 << 10

// choosing is what the preference page needs of the audience.
type choosing interface {
	Get(id uint64) (audience.Subscriber, error)
	ByEmail(email string) (audience.Subscriber, error)
	Former(id uint64) (sub audience.Subscriber, known bool, err error)
	Suppressed(email string) (audience.Suppression, bool, error)
	Prefer(ctx context.Context, id uint64, p audience.Preferences, subscribed *bool, detail string) (audience.Subscriber, error)
}

// reader is whom a preference page is shown to. Behind a bad link is nobody,
// who is shown what a person is who never chose anything, and whose choices are
// shown as taken: neither tells whether a token is good.
type reader struct {
	id, campaign uint64 // 0: the link is bad
	sub          audience.Subscriber
	state        state
}

// state is which of its forms the preference page has.
type state string

const (
	choosingState state = "choose"  // topics, frequency, language, all off
	outState      state = "out"     // opted out: the way back
	blockedState  state = "blocked" // the address is suppressed: no choice helps
	goneState     state = "gone"    // nobody has that address any more
)

func nobody() *reader {
	return &reader{sub: audience.Subscriber{Consent: audience.Consent{Subscribed: true}}, state: choosingState}
}

// reader opens a link.
func (s *Server) reader(token string) (*reader, error) {
	who := nobody()
	if len(token) > maxToken {
		return who, nil
	}
	id, campaign, err := s.people.Verify(token)
	if errors.Is(err, audience.ErrToken) {
		s.log().Debug("preference page with a bad link")
		return who, nil
	}
	if err != nil {
		return nil, err
	}
	who.id, who.campaign = id, campaign
	sub, err := s.choices.Get(id)
	if errors.Is(err, audience.ErrNotFound) {
		sub, err = s.again(id, campaign)
		who.id = sub.ID
	}
	if errors.Is(err, audience.ErrNotFound) {
		who.state = goneState
		return who, nil
	}
	if err != nil {
		return nil, err
	}
	return who, s.become(who, sub)
}

// again is who has the address now that somebody had last whose id is gone, or
// else the one their mail went to. audience.ErrNotFound.
func (s *Server) again(id, campaign uint64) (audience.Subscriber, error) {
	sub, known, err := s.choices.Former(id)
	if err != nil || sub.ID != 0 {
		return sub, err
	}
	email, err := s.mailed(id, campaign)
	if err != nil && !known {
		return sub, err
	}
	if email == "" {
		return sub, audience.ErrNotFound
	}
	return s.choices.ByEmail(email)
}

// become looks at how somebody stands now.
func (s *Server) become(who *reader, sub audience.Subscriber) error {
	_, blocked, err := s.choices.Suppressed(sub.Email)
	who.sub, who.state = sub, choosingState
	switch {
	case blocked:
		who.state = blockedState
	case !sub.Consent.Subscribed:
		who.state = outState
	}
	return err
}

// showPreferences is the page as things stand. It changes nothing.
func (s *Server) showPreferences(w http.ResponseWriter, r *http.Request) {
	began := s.now()
	if r.PathValue("token") == testToken {
		s.page(w, r, http.StatusOK, testPage)
		return
	}
	who, err := s.reader(r.PathValue("token"))
	s.waitStep(r.Context(), began)
	if err != nil {
		s.log().Error("preferences not read", "err", err)
		s.page(w, r, http.StatusServiceUnavailable, unsavedPage)
		return
	}
	s.preferencePage(w, r, who, "")
}

// setPreferences acts on a POST of one of the page's forms; on anything else it
// shows the page.
func (s *Server) setPreferences(w http.ResponseWriter, r *http.Request) {
	began := s.now()
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var tooLong *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &tooLong) {
		plain(w, http.StatusRequestEntityTooLarge, "The request is too long.")
		return
	}
	if r.PathValue("token") == testToken {
		s.page(w, r, http.StatusOK, testPage)
		return
	}
	who, err := s.reader(r.PathValue("token"))
	did := ""
	if err == nil {
		did, err = s.act(r.Context(), who, r.PostForm)
	}
	s.waitStep(r.Context(), began)
	if err != nil {
		s.log().Error("preferences not recorded", "err", err)
		s.page(w, r, http.StatusServiceUnavailable, unsavedPage)
		return
	}
	s.preferencePage(w, r, who, did)
}

// act does what a form asks for and says what it was, "" for nothing. The
// browser going away does not stop it.
func (s *Server) act(ctx context.Context, who *reader, form url.Values) (did string, err error) {
	var p audience.Preferences
	var subscribed *bool
	yes, no := true, false
	switch did = form.Get("action"); {
	case did == "off" && who.state != goneState:
		subscribed = &no
	case did == "on" && who.state == outState:
		subscribed = &yes
	case did == "on" && who.state == choosingState: // back already, or nobody
		return did, nil
	case did == "save" && who.state == choosingState:
		p = s.chosen(form)
	default:
		return "", nil
	}
	if who.id == 0 {
		pretend(who, p, subscribed)
		return did, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	sub, err := s.choices.Prefer(ctx, who.id, p, subscribed, preferenceDetail(who.campaign))
	if errors.Is(err, audience.ErrNotFound) { // erased since
		who.state = goneState
		return "", nil
	}
	if err != nil {
		return "", err
	}
	s.log().Info("preferences set by link", linked(who.campaign), "act", did)
	return did, s.become(who, sub)
}

// chosen reads the form: a topic that the page did not show stays as it is, and
// what is no choice is none.
func (s *Server) chosen(form url.Values) audience.Preferences {
	p := audience.Preferences{Topics: map[string]bool{}}
	for _, t := range s.Topics {
		if slices.Contains(form["shown"], t.ID) {
			p.Topics[t.ID] = slices.Contains(form["topic"], t.ID)
		}
	}
	if f := form.Get("frequency"); f == "all" || f == "weekly" || f == "monthly" {
		p.Frequency = &f
	}
	if l := form.Get("language"); l == "ko" || l == "en" {
		p.Language = &l
	}
	return p
}

// pretend shows a bad link what a good one would be shown.
func pretend(who *reader, p audience.Preferences, subscribed *bool) {
	for id, on := range p.Topics {
		if on {
			who.sub.TopicsOn = append(who.sub.TopicsOn, id)
		} else {
			who.sub.TopicsOff = append(who.sub.TopicsOff, id)
		}
	}
	if p.Frequency != nil && *p.Frequency != "all" {
		who.sub.Frequency = *p.Frequency
	}
	if p.Language != nil {
		who.sub.Language = *p.Language
	}
	if subscribed != nil && !*subscribed {
		who.state = outState
	}
}

// choiceView is a box or a button of a group.
type choiceView struct {
	Value, Title, Lang string
	On                 bool
}

// preferenceView is what preferences.html shows.
type preferenceView struct {
	Style       template.CSS
	Company     string
	Phone       string
	Lang        string // of the page
	Contact     string
	Other       language
	T           preferenceTexts
	State       state
	Title       string // of the document: what was done comes first, for who cannot see the page
	Notice      string
	Topics      []choiceView
	Frequencies []choiceView
	Languages   []choiceView
}

// preferencePage writes the page for somebody, after what they did.
func (s *Server) preferencePage(w http.ResponseWriter, r *http.Request, who *reader, did string) {
	main, other := s.pages.languages[0], s.pages.languages[1]
	if pageLanguage(r, &who.sub, did) == other.Tag {
		main, other = other, main
	}
	t := main.preferences
	v := preferenceView{Style: s.pages.style, Company: s.Company, Phone: s.Phone, Lang: main.Tag, Contact: main.Contact, Other: other,
		T: t, State: who.state, Title: t.Title, Notice: t.Done[did]}
	if v.Notice != "" {
		v.Title = v.Notice + " " + t.Title
	}
	for _, topic := range s.Topics {
		v.Topics = append(v.Topics, choiceView{Value: topic.ID, Title: topic.Title(main.Tag), On: topic.Wants(&who.sub)})
	}
	for _, f := range []string{"", "weekly", "monthly"} {
		c := choiceView{Value: f, Title: t.Frequencies[f], On: who.sub.Frequency == f}
		if f == "" {
			c.Value = "all"
		}
		v.Frequencies = append(v.Frequencies, c)
	}
	speaks := who.sub.Language
	if speaks == "" {
		speaks = main.Tag
	}
	for _, l := range s.pages.languages {
		v.Languages = append(v.Languages, choiceView{Value: l.Tag, Title: l.Self, Lang: l.Tag, On: l.Tag == speaks})
	}
	var out bytes.Buffer
	if err := s.pages.preferences.Execute(&out, v); err != nil {
		s.log().Error("page not written", "err", err)
		plain(w, http.StatusInternalServerError, "The page could not be written.")
		return
	}
	send(w, http.StatusOK, main.Tag, out.Bytes())
}

// pageLanguage is the language just chosen, else what ?lang says, else the one
// the person chose before, else the browser's.
func pageLanguage(r *http.Request, sub *audience.Subscriber, did string) string {
	asked := r.URL.Query().Get("lang")
	if sub.Language != "" && (did == "save" || asked != "ko" && asked != "en") {
		return sub.Language
	}
	return chosen(r)
}

// preferenceDetail is what the history says about a change by link.
func preferenceDetail(campaign uint64) string {
	if campaign == 0 {
		return audience.DetailPreferences
	}
	return audience.DetailPageLink + ofMail(campaign)
}

// tokenShape is what a token is made of; a link is not made of anything else.
var tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
