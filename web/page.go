package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"pabal/audience"
)

//go:embed page.html preferences.html letter.html style.css letter.css
var files embed.FS

// kind is one of the pages.
type kind int

const (
	askPage           kind = iota // before: the button
	donePage                      // after it
	testPage                      // the link of a test mail
	failedPage                    // the opt-out could not be written
	missingPage                   // no such address
	unsavedPage                   // the preferences could not be read or written
	confirmPage                   // behind the mail that asks: the button
	confirmedPage                 // after it
	unconfirmedPage               // the yes could not be written
	previewGonePage               // a preview link that is wrong or over
	viewGonePage                  // the same, of a recipient
	reportGonePage                // a link to a report that is wrong or over
	reportUnshownPage             // a report that could not be made
	unshownPage                   // a letter that could not be read
)

// wording is the text of one page in one language.
type wording struct {
	Title  string
	Lines  []string
	Button string // "" for a page without one
}

// language is all texts in one language.
type language struct {
	Tag     string // BCP 47
	Name    string // what a link to it says
	Self    string // its name in itself
	Contact string // before the phone number
	Choose  string // the link from the unsubscribe page to the preference page
	pages   map[kind]wording

	preferences preferenceTexts
}

// preferenceTexts are those of the preference page.
type preferenceTexts struct {
	Title, Lead                   string
	Topics, Frequency, Language   string // of the groups
	FrequencyHint                 string
	Frequencies                   map[string]string // by what is stored
	Save, Off, OffLead, OffButton string
	OnButton                      string
	Out, Blocked, Gone            []string          // in place of the choices
	Done                          map[string]string // by action
}

// pages makes HTML of the texts.
type pages struct {
	template    *template.Template
	preferences *template.Template
	style       template.CSS
	policy      string // Content-Security-Policy

	letter       *template.Template
	letterStyle  template.CSS
	letterPolicy string
	languages    []language
}

func newPages() *pages {
	style, policy := styled("style.css")
	letterStyle, letterPolicy := styled("letter.css")
	languages := []language{korean(), english()}
	for _, l := range languages {
		maps.Copy(l.pages, confirmTexts(l.Tag))
		maps.Copy(l.pages, letterPages(l.Tag))
		maps.Copy(l.pages, reportPages(l.Tag))
	}
	return &pages{
		template:    template.Must(template.ParseFS(files, "page.html")),
		preferences: template.Must(template.ParseFS(files, "preferences.html")),
		style:       style,
		policy:      policy,
		languages:   languages,

		letter:       template.Must(template.ParseFS(files, "letter.html")),
		letterStyle:  letterStyle,
		letterPolicy: letterPolicy + "; frame-src 'self'",
	}
}

// styled is a style sheet and the policy of a page that has it in it.
func styled(name string) (template.CSS, string) {
	style, err := files.ReadFile(name)
	if err != nil {
		panic(name + " is part of the binary")
	}
	sum := sha256.Sum256(style)
	return template.CSS(style), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// view is what page.html shows: the page in the reader's language, and below it
// in the other.
type view struct {
	Style   template.CSS
	Company string
	Phone   string
	Choose  string // address of the preference page; "" for none
	Main    section
	Other   section
}

type section struct {
	language
	wording
}

// page writes one of the pages in the language the reader asked for.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, k kind) {
	main, other := s.pages.languages[0], s.pages.languages[1]
	if chosen(r) == other.Tag {
		main, other = other, main
	}
	choose := ""
	if token := r.PathValue("token"); k == askPage && tokenShape.MatchString(token) {
		choose = "../p/" + token
	}
	var out bytes.Buffer
	err := s.pages.template.Execute(&out, view{
		Style:   s.pages.style,
		Company: s.Company,
		Phone:   s.Phone,
		Choose:  choose,
		Main:    section{main, main.pages[k]},
		Other:   section{other, other.pages[k]},
	})
	if err != nil {
		s.log().Error("page not written", "err", err)
		plain(w, http.StatusInternalServerError, "The page could not be written.")
		return
	}
	send(w, status, main.Tag, out.Bytes())
}

// send writes a page in a language.
func send(w http.ResponseWriter, status int, language string, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", language)
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	w.Write(page) // the reader may have gone
}

// chosen is the language of the page: what ?lang says, else the one the browser
// prefers, else Korean.
func chosen(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); lang == "ko" || lang == "en" {
		return lang
	}
	best, weight := "ko", 0.0
	for _, item := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, q, _ := strings.Cut(strings.TrimSpace(item), ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if (primary == "ko" || primary == "en") && quality(q) > weight {
			best, weight = primary, quality(q)
		}
	}
	return best
}

// quality reads "q=0.8", RFC 9110 12.4.2; nothing means 1.
func quality(param string) float64 {
	value, ok := strings.CutPrefix(strings.TrimSpace(param), "q=")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

func onlyMethods(allowed string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allowed)
		plain(w, http.StatusMethodNotAllowed, "This address takes "+allowed+" only.")
	}
}

// detail is what the consent history says about an opt-out by link.
func detail(campaign uint64) string {
	if campaign == 0 {
		return audience.DetailUnsubscribe
	}
	return audience.DetailUnsubscribe + ofMail(campaign)
}

// ofMail names the mail a link was in: a campaign's, or an application's.
func ofMail(campaign uint64) string {
	if campaign >= audience.QueueMail {
		return audience.DetailOfMail + number(campaign-audience.QueueMail)
	}
	return audience.DetailOfCampaign + number(campaign)
}

// linked is ofMail for the log.
func linked(campaign uint64) slog.Attr {
	if campaign >= audience.QueueMail {
		return slog.String("message", "q"+number(campaign-audience.QueueMail))
	}
	return slog.Uint64("campaign", campaign)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
