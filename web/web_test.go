package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/audience"
)

// list stands for the audience: the token "good" is subscriber 7 in campaign 3.
type list struct {
	mu    sync.Mutex
	out   []string
	err   error
	delay time.Duration
}

func (l *list) Verify(token string) (uint64, uint64, error) {
	if token == "good" {
		return 7, 3, nil
	}
	return 0, 0, fmt.Errorf("token: %w", audience.ErrToken)
}

func (l *list) Unsubscribe(ctx context.Context, id uint64, source audience.Source, detail string) error {
	if l.delay > 0 {
		timer := time.NewTimer(l.delay)
		defer timer.Stop()
		<-timer.C
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.out = append(l.out, fmt.Sprint(id, " ", source, " ", detail))
	}
	return errors.Join(l.err, ctx.Err())
}

func (l *list) UnsubscribeAddress(ctx context.Context, email string, source audience.Source, detail string) error {
	return l.Unsubscribe(ctx, 0, source, detail)
}

func (l *list) UnsubscribeFormer(context.Context, uint64, audience.Source, string) (bool, error) {
	return false, nil
}

func (l *list) outs() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.out...)
}

// answer is what one request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func testPages(l *list) *Server {
	s := newServer(l, l)
	s.Company, s.Phone = "무신사 & <Co>", "02-123-4567"
	s.step = time.Millisecond
	return s
}

func ask(t *testing.T, s *Server, method, target, contentType, body string) answer {
	t.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := srv.Client().Transport.RoundTrip(req) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(got)}
}

const form = "application/x-www-form-urlencoded"

func TestGETChangesNothing(t *testing.T) {
	l := &list{}
	s := testPages(l)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, target := range []string{"/u/good", "/u/good?lang=en", "/u/good?List-Unsubscribe=One-Click", "/u/bad"} {
			if got := ask(t, s, method, target, "", ""); got.status != 200 {
				t.Errorf("%s %s: %d", method, target, got.status)
			}
		}
	}
	if out := l.outs(); len(out) != 0 {
		t.Errorf("somebody was unsubscribed: %v", out)
	}
}

func TestPOSTUnsubscribes(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body, wantType, want string }{
		"the button":          {form, "", "text/html; charset=utf-8", "<h1>수신거부 요청을 처리했습니다</h1>"},
		"one click":           {form, "List-Unsubscribe=One-Click", "text/plain; charset=utf-8", "OK\n"},
		"one click multipart": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n", "text/plain; charset=utf-8", "OK\n"},
		"no body, no type":    {"", "", "text/html; charset=utf-8", "<h1>"},
		"broken body":         {form, "%zz=%", "text/html; charset=utf-8", "<h1>"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &list{}
			got := ask(t, testPages(l), http.MethodPost, "/u/good", c.contentType, c.body)
			if got.status != 200 || got.header.Get("Content-Type") != c.wantType || !strings.Contains(got.body, c.want) {
				t.Errorf("%d %s %q", got.status, got.header.Get("Content-Type"), got.body)
			}
			if out := l.outs(); len(out) != 1 || out[0] != "7 person unsubscribe link of campaign 3" {
				t.Errorf("unsubscribed %q, want subscriber 7 by themselves", out)
			}
			if got.header.Get("Set-Cookie") != "" || got.header.Get("Location") != "" {
				t.Errorf("a cookie or a redirect: %v", got.header)
			}
		})
	}
}

func TestGoodAndBadTokensGetTheSameAnswer(t *testing.T) {
	l := &list{}
	s := testPages(l)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, body := range []string{"", "List-Unsubscribe=One-Click"} {
			good := ask(t, s, method, "/u/good", form, body)
			for _, token := range []string{"bad", "goods", "%00", "..%2f", strings.Repeat("x", 3000)} {
				bad := ask(t, s, method, "/u/"+token, form, body)
				for _, a := range []answer{good, bad} {
					a.header.Del("Date")
					a.header.Del("Content-Length") // the page links to the preferences of its own token
				}
				if good.status != bad.status || withoutLink(good.body) != withoutLink(bad.body) || fmt.Sprint(good.header) != fmt.Sprint(bad.header) {
					t.Errorf("%s with token %.20q: %d %v, a good one %d %v", method, token, bad.status, bad.header, good.status, good.header)
				}
			}
		}
	}
	if out := l.outs(); len(out) != 2 {
		t.Errorf("unsubscribed %v, want the two of the good token", out)
	}
}

var preferenceLink = regexp.MustCompile(`<p><a href="../p/[A-Za-z0-9_-]+">[^<]+</a></p>\n`)

func withoutLink(page string) string { return preferenceLink.ReplaceAllString(page, "") }

func TestAnswerLeavesAtTheStep(t *testing.T) {
	const step = 60 * time.Millisecond
	for token, want := range map[string]time.Duration{"good": step, "bad": step} {
		s := testPages(&list{delay: 5 * time.Millisecond})
		s.step = step
		began := time.Now()
		ask(t, s, http.MethodPost, "/u/"+token, form, "")
		if took := time.Since(began); took < want {
			t.Errorf("a %s token took %v, want %v at least", token, took, want)
		}
	}
}

func TestOptOutThatIsNotStoredIsNo200(t *testing.T) {
	s := testPages(&list{err: errors.New("disk full")})
	page := ask(t, s, http.MethodPost, "/u/good", form, "")
	if page.status != 503 || !strings.Contains(page.body, "수신거부를 기록하지 못했습니다") || strings.Contains(page.body, "disk full") {
		t.Errorf("page: %d %s", page.status, page.body)
	}
	if click := ask(t, s, http.MethodPost, "/u/good", form, "List-Unsubscribe=One-Click"); click.status != 503 {
		t.Errorf("one click: %d, want 503", click.status)
	}
}

func TestErasedPersonGetsThePageToo(t *testing.T) {
	s := testPages(&list{err: fmt.Errorf("subscriber 7: %w", audience.ErrNotFound)})
	if got := ask(t, s, http.MethodPost, "/u/good", form, ""); got.status != 200 {
		t.Errorf("%d, want 200", got.status)
	}
}

func TestOptOutGoesOnWhenTheBrowserLeaves(t *testing.T) {
	l := &list{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/u/good", nil)
	testPages(l).ServeHTTP(httptest.NewRecorder(), r)
	if out := l.outs(); len(out) != 1 {
		t.Errorf("unsubscribed %v, want one", out)
	}
}

func TestOtherAddressesAndMethods(t *testing.T) {
	s := testPages(&list{})
	for request, want := range map[string]int{
		"GET /":           404,
		"GET /u/":         404,
		"GET /u/good/x":   404,
		"POST /healthz":   404,
		"GET /metrics":    404,
		"GET /healthz":    200,
		"GET /readyz":     200,
		"PUT /u/good":     405,
		"DELETE /u/good":  405,
		"OPTIONS /u/good": 405,
	} {
		method, target, _ := strings.Cut(request, " ")
		if got := ask(t, s, method, target, "", ""); got.status != want {
			t.Errorf("%s: %d, want %d", request, got.status, want)
		}
	}
}

func TestReadyzFollowsReady(t *testing.T) {
	s := testPages(&list{})
	s.Ready = func() error { return errors.New("secret reason") }
	got := ask(t, s, http.MethodGet, "/readyz", "", "")
	if got.status != 503 || strings.Contains(got.body, "secret") {
		t.Errorf("%d %q, want 503 without the reason", got.status, got.body)
	}
}

func TestMetricsWhenThereAreAny(t *testing.T) {
	s := testPages(&list{})
	s.Metrics = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "pabal_up 1\n") }
	if got := ask(t, s, http.MethodGet, "/metrics", "", ""); got.status != 200 || got.body != "pabal_up 1\n" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestTestMailsLinkIsDead(t *testing.T) {
	l := &list{}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		got := ask(t, testPages(l), method, "/u/test", "", "")
		if got.status != 200 || !strings.Contains(got.body, "테스트 메일") || strings.Contains(got.body, "<button") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
}

func TestLongBodyIsRefused(t *testing.T) {
	l := &list{}
	for kind, body := range map[string]string{
		form:                              "a=" + strings.Repeat("x", maxBody),
		"multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + strings.Repeat("x", maxBody) + "\r\n--x--\r\n",
	} {
		if got := ask(t, testPages(l), http.MethodPost, "/u/good", kind, body); got.status != 413 {
			t.Errorf("%s: %d, want 413", kind, got.status)
		}
	}
	if out := l.outs(); len(out) != 0 {
		t.Errorf("unsubscribed %v", out)
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	s := testPages(&list{})
	for _, request := range []string{"GET /u/good", "POST /u/good", "PUT /u/good", "GET /", "GET /healthz"} {
		method, target, _ := strings.Cut(request, " ")
		got := ask(t, s, method, target, "", "")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"X-Robots-Tag":            "noindex",
			"Cache-Control":           "no-store",
		} {
			if !strings.HasPrefix(got.header.Get(name), want) {
				t.Errorf("%s: %s is %q, want %s", request, name, got.header.Get(name), want)
			}
		}
	}
}

func TestStyleMatchesThePolicy(t *testing.T) {
	got := ask(t, testPages(&list{}), http.MethodGet, "/u/good", "", "")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(got.body)
	if style == nil {
		t.Fatal("no style in the page")
	}
	sum := sha256.Sum256([]byte(style[1]))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(got.header.Get("Content-Security-Policy"), want) {
		t.Errorf("policy %q lacks %s", got.header.Get("Content-Security-Policy"), want)
	}
	for _, active := range []string{"<script", "javascript:", "http:", "https:", "src=", "style="} {
		if strings.Contains(strings.ReplaceAll(got.body, style[0], ""), active) {
			t.Errorf("the page has %s", active)
		}
	}
}

func TestCompanyIsEscaped(t *testing.T) {
	got := ask(t, testPages(&list{}), http.MethodGet, "/u/good", "", "")
	if !strings.Contains(got.body, "무신사 &amp; &lt;Co&gt;") || strings.Contains(got.body, "<Co>") {
		t.Errorf("company in %s", got.body)
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "ko"},
		{"", "fr", "ko"},
		{"", "en-US,en;q=0.9,ko;q=0.8", "en"},
		{"", "ko-KR,ko;q=0.9,en-US;q=0.8", "ko"},
		{"", "en;q=0.3, ko;q=0.7", "ko"},
		{"", "en;q=x", "ko"},
		{"", "fr, EN;q=0.1", "en"},
		{"?lang=en", "ko", "en"},
		{"?lang=ko", "en", "ko"},
		{"?lang=xx", "en", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/u/good"+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		w := httptest.NewRecorder()
		testPages(&list{}).ServeHTTP(w, r)
		body := w.Body.String()
		if !strings.Contains(body, `<html lang="`+c.want+`">`) || w.Header().Get("Content-Language") != c.want {
			t.Errorf("%q, %q: %s, want %s", c.query, c.accept, w.Header().Get("Content-Language"), c.want)
		}
		if !strings.Contains(body, "수신거부") || !strings.Contains(body, "Unsubscribe") {
			t.Errorf("%q, %q: not both languages in %s", c.query, c.accept, body)
		}
	}
}

func TestEveryPageHasBothLanguages(t *testing.T) {
	for _, lang := range newPages().languages {
		for k := askPage; k <= unconfirmedPage; k++ {
			if w := lang.pages[k]; w.Title == "" || len(w.Lines) == 0 {
				t.Errorf("page %d has no text in %s", k, lang.Tag)
			}
		}
	}
}
