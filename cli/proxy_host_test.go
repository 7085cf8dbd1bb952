//go:build host

package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
	"pabal/sesclient/emulator"
	"pabal/smtpd"
)

// recipe is a configuration as docs/web.md has it; the Korean page has the same.
func recipe(t *testing.T, name string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)```" + name + "\n(.*?)\n```")
	var found []string
	for _, page := range []string{"../docs/web.md", "../docs/web.ko.md"} {
		text, err := os.ReadFile(page)
		m := block.FindSubmatch(text)
		if err != nil || m == nil {
			t.Fatalf("%s has no recipe for %s: %v", page, name, err)
		}
		found = append(found, string(m[1]))
	}
	if found[0] != found[1] {
		t.Errorf("the recipes for %s differ:\n%s\n%s", name, found[0], found[1])
	}
	return found[0]
}

// swapped replaces each old by its new, which has to be there.
func swapped(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the recipe has no %q:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// proxies are how each recipe is run on this host: at an address, before a
// server, with its files in a folder.
func proxies(t *testing.T) map[string]func(dir, at, before string) []string {
	return map[string]func(dir, at, before string) []string{
		"caddy": func(dir, at, before string) []string {
			text := swapped(t, recipe(t, "caddy"), "mail.example.com {", "https://localhost:"+port(at)+" {\n\tbind 127.0.0.1\n\ttls internal", "127.0.0.1:8080", before)
			put(t, dir, "Caddyfile", "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"+text)
			return []string{"env", "HOME=" + dir, "XDG_DATA_HOME=" + dir, "caddy", "run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "Caddyfile")}
		},
		"nginx": func(dir, at, before string) []string {
			cert := filepath.Join(dir, "tls.pem")
			if _, err := smtpd.SelfSigned("web", cert, "localhost"); err != nil {
				t.Fatal(err)
			}
			text := swapped(t, recipe(t, "nginx"), "listen 443", "listen "+at, "http://127.0.0.1:8080", "http://"+before,
				"/etc/letsencrypt/live/mail.example.com/fullchain.pem", cert, "/etc/letsencrypt/live/mail.example.com/privkey.pem", cert, "mail.example.com", "localhost")
			user := ""
			if os.Geteuid() == 0 {
				user = "user root;\n"
			}
			temp := ""
			for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
				temp += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
			}
			put(t, dir, "nginx.conf", user+"daemon off;\npid "+dir+"/pid;\nerror_log "+dir+"/error.log;\nevents {}\nhttp {\n"+temp+text+"\n}\n")
			return []string{"nginx", "-p", dir, "-e", dir + "/error.log", "-c", filepath.Join(dir, "nginx.conf")}
		},
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }

// through is a client behind the proxy at an address, as it comes from one of
// loopback's.
func through(at, from string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // made by the test
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp4", at) }}}
}

// TestProxyRecipes runs the recipes of docs/web.md before a daemon that has
// mailed somebody, and does what mailboxes, people and floods do.
func TestProxyRecipes(t *testing.T) {
	for name, run := range proxies(t) {
		t.Run(name, func(t *testing.T) {
			at := freePort(t)
			public := "https://localhost:" + port(at)
			h := newHost(t, emulator.Options{Rate: 200}, "PABAL_WEB_PUBLIC_URL="+public, "PABAL_CAMPAIGN_PHONE=02-123-4567", "PABAL_CAMPAIGN_ADDRESS=서울")
			p := h.serve()
			words := run(t.TempDir(), at, p.where.Web)
			cmd := exec.Command(words[0], words[1:]...)
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Signal(os.Interrupt)
				_ = cmd.Wait() // how it ends says nothing
				if t.Failed() {
					t.Log(said.String())
				}
			})
			client := through(at, "127.0.0.1")
			ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
			defer cancel()
			if err := eventually(ctx, func() bool {
				code, _, _ := askPage(client, http.MethodGet, public+"/healthz", "")
				return code == http.StatusOK
			}); err != nil {
				t.Fatalf("the proxy does not answer: %v", err)
			}
			useProxy(t, h, client, public)
			floodProxy(t, client, through(at, "127.0.0.2"), public)
			h.stop(p)
		})
	}
}

// askPage asks for a page; zero when nobody answers.
func askPage(client *http.Client, method, address, form string, headers ...string) (int, http.Header, string) {
	r, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		return 0, nil, err.Error()
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body) + fmt.Sprint(errors.Join(err, resp.Body.Close()))
}

// letterLink is a link of one kind in the mail that somebody got.
func letterLink(t *testing.T, h *host, kind string) string {
	t.Helper()
	for m := range h.ses.Log() {
		raw, _ := h.ses.Raw(m.ID)
		got, err := readMail(raw)
		if err != nil {
			t.Fatal(err)
		}
		if link := regexp.MustCompile(`https://localhost:\d+/` + kind + `/[A-Za-z0-9_-]+`).FindString(got.html); link != "" {
			return link
		}
	}
	t.Fatalf("no mail has a link to /%s/", kind)
	return ""
}

func useProxy(t *testing.T, h *host, client *http.Client, public string) {
	t.Helper()
	c := h.client()
	if _, err := c.Import(t.Context(), strings.NewReader(people(1)), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.PutTemplate(t.Context(), campaign.Template{Name: "sale", Subject: "(광고) 세일",
		HTML: `<p>` + strings.Repeat("파발이 갑니다. ", 16_000) + `</p><a href="{{UnsubscribeURL}}">수신거부</a> <a href="{{PreferencesURL}}">설정</a> <a href="{{ViewURL}}">보기</a> {{Company}} {{Address}} {{Phone}} unsubscribe help@example.com`})
	if err != nil {
		t.Fatal(err)
	}
	waitDone(t.Context(), t, c, mailTo(t, c, "", ""))

	code, header, body := askPage(client, http.MethodGet, letterLink(t, h, "v"), "")
	if code != http.StatusOK || len(body) < 300_000 {
		t.Errorf("the letter: %d, %d bytes", code, len(body))
	}
	for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "Strict-Transport-Security"} {
		if len(header.Values(name)) != 1 {
			t.Errorf("%s: %q, want one", name, header.Values(name))
		}
	}
	if code, _, body := askPage(client, http.MethodGet, letterLink(t, h, "p"), ""); code != http.StatusOK || !strings.Contains(body, "<form") {
		t.Errorf("the preference page: %d, %.200s", code, body)
	}
	for _, path := range []string{"/metrics", "/readyz", "/", "/u", "/v0/status"} {
		if code, _, _ := askPage(client, http.MethodGet, public+path, ""); code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, code)
		}
	}
	link := letterLink(t, h, "u")
	if code, _, _ := askPage(client, http.MethodPost, link, url.Values{"a": {strings.Repeat("x", 70<<10)}}.Encode()); code != http.StatusRequestEntityTooLarge {
		t.Errorf("70 KB: %d, want 413", code)
	}
	if code, _, body := askPage(client, http.MethodPost, link, "List-Unsubscribe=One-Click"); code != http.StatusOK || !strings.HasPrefix(body, "OK") {
		t.Errorf("one click: %d, %.200s", code, body)
	}
	who, err := c.Subscriber(t.Context(), "user00000@example.net")
	if err != nil || who.Consent.Subscribed {
		t.Errorf("after one click: %+v, %v", who, err)
	}
}

// floodProxy is somebody who asks too often under made-up addresses: none of
// them counts, and others are served.
func floodProxy(t *testing.T, client, other *http.Client, public string) {
	t.Helper()
	refused := 0
	for n := range 400 {
		code, _, _ := askPage(client, http.MethodGet, public+"/healthz", "", "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n%250))
		if code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a made-up address gets around the limit")
	}
	if code, _, body := askPage(other, http.MethodGet, public+"/healthz", ""); code != http.StatusOK {
		t.Errorf("somebody else: %d %s", code, body)
	}
}
