//go:build host

package cli

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/testdata"
)

const (
	apiTimeout = 30 * time.Second      // of one line
	apiSettle  = 10 * time.Second      // until a GET says what the page shows: events come later
	apiPause   = 50 * time.Millisecond // between two looks
)

var (
	apiBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	apiName  = regexp.MustCompile(`"([^" ]+)": `)
	apiState = regexp.MustCompile(`"(?:state|outcome|code)": "[a-z_]+"`)
)

// TestTheLinesOfTheAPIPageAreTrue types every line of docs/api.md, in order,
// at a daemon, and compares the status and the fields of every answer with
// what the page shows.
func TestTheLinesOfTheAPIPageAreTrue(t *testing.T) {
	p := newAPIReader(t)
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, block := range apiBlock.FindAllStringSubmatch(string(text), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			p.step(step)
			lines++
		}
	}
	if lines < 100 {
		t.Errorf("%d lines were read off the page, want 100 or more", lines)
	}
}

// apiReader is somebody with a shell beside a daemon.
type apiReader struct {
	t    *testing.T
	h    *host
	vars []string // assignments typed so far
}

// newAPIReader makes what the page's lines need: an emulator that refuses three
// mails of an application, a topic, an inbox, and the files that are sent.
func newAPIReader(t *testing.T) *apiReader {
	h := newHost(t, emulator.Options{Rate: 100, Quota: -1, Keep: -1, Events: emulator.EventOptions{Sets: []string{"main"}},
		Templates: []emulator.Template{{Name: "welcome", Subject: "{{Name}}", HTML: "<p>{{Name}}</p>"}}},
		"PABAL_SES_CONFIGURATION_SET=main", "PABAL_CAMPAIGN_FROM=파발 상점 <shop@example.com>", "PABAL_CAMPAIGN_COMPANY=파발 상점",
		"PABAL_CAMPAIGN_ADDRESS=서울시 중구 세종대로 110", "PABAL_CAMPAIGN_PHONE=02-0000-0000", "PABAL_CAMPAIGN_PRICE_PER_1000=0.16",
		`PABAL_TOPIC=[{id = "sale", title_ko = "세일 소식", title_en = "Sales"}]`)
	for _, variable := range h.env {
		if url, ok := strings.CutPrefix(variable, "PABAL_SES_ENDPOINT="); ok {
			h.env = append(h.env, "PABAL_FEEDBACK_SQS_QUEUE_URL="+emulator.QueueURL(url, "main"))
		}
	}
	h.env = append(h.env, "PABAL_IMPORT_INBOX="+filepath.Join(h.dir, "inbox"))
	p := &apiReader{t: t, h: h}
	for name, data := range map[string][]byte{"customers.csv": testdata.Customers, "sale.zip": apiZip(t),
		"blocked.csv": []byte("email\nblocked@example.net\n"), "coupon.pdf": []byte("%PDF-1.4\n%%EOF\n")} {
		if err := os.WriteFile(filepath.Join(h.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.ses.SetFault(emulator.Fault{Kind: "bad_request", Count: 3})
	where := h.serve().where
	for _, n := range []string{"1", "2", "3"} {
		mail := "From: app@example.com\r\nTo: lee001@example.com\r\nMessage-ID: <order-" + n + "@shop.example.com>\r\nSubject: order\r\n\r\nthank you\r\n"
		if out, err := p.shell("curl -sS smtp://"+where.SMTP[0]+" --mail-from app@example.com --mail-rcpt lee001@example.com -T -", mail); err != nil {
			t.Fatalf("submit: %v\n%s", err, out)
		}
	}
	waitEmpty(t, h.client())
	return p
}

func apiZip(t *testing.T) []byte {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("index.html")
	if err == nil {
		_, err = w.Write([]byte("<title>(광고) 세일</title><p>{{Name}}님, 세일입니다.</p>"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// shell runs a script where the files are.
func (p *apiReader) shell(script, stdin string) (string, error) {
	cmd := exec.CommandContext(p.t.Context(), "timeout", apiTimeout.String(), "sh", "-c", strings.Join(append(p.vars, script), "\n"))
	cmd.Dir, cmd.Env, cmd.Stdin = p.h.dir, p.h.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// step types one line of the page, continued by lines that begin with "> ",
// and compares its answer with the lines that follow.
func (p *apiReader) step(text string) {
	p.t.Helper()
	var typed, shown []string
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "> "); i == 0 || ok && len(shown) == 0 {
			typed = append(typed, rest)
		} else {
			shown = append(shown, line)
		}
	}
	line, want, found := strings.Cut(strings.Join(typed, "\n"), "    # ")
	if !found {
		want = "200"
	}
	if !strings.HasPrefix(line, "curl ") {
		p.vars = append(p.vars, strings.ReplaceAll(line, "/run/pabal/control.sock", p.h.socket()))
		return
	}
	again := !strings.Contains(line, " -d ") && !strings.Contains(line, " -X ") && !strings.Contains(line, " --data-binary ")
	deadline, tick := time.After(apiSettle), time.NewTicker(apiPause)
	defer tick.Stop()
	for {
		fault := p.ask(line, want, strings.Join(shown, "\n"))
		if fault == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			again = false
		}
		if !again {
			p.t.Errorf("%s\n%s", line, fault)
			return
		}
	}
}

// ask types the line and says what is other than the page shows.
func (p *apiReader) ask(line, status, shown string) string {
	out, err := p.shell(line+` -w '\n%{http_code}'`, "")
	if err != nil {
		return err.Error() + "\n" + out
	}
	end := strings.LastIndex(out, "\n")
	body, got := out[:end], out[end+1:]
	if got != status {
		return "status " + got + ", want " + status + "\n" + body
	}
	for _, m := range apiName.FindAllStringSubmatch(shown, -1) {
		if !strings.Contains(body, `"`+m[1]+`":`) {
			return "no field " + m[1] + " in\n" + body
		}
	}
	for _, m := range apiState.FindAllString(shown, -1) {
		if !strings.Contains(strings.ReplaceAll(body, `": "`, `":"`), strings.Replace(m, `": "`, `":"`, 1)) {
			return "no " + m + " in\n" + body
		}
	}
	if strings.Contains(shown, "{") != strings.Contains(body, "{") && !strings.Contains(shown, "…") {
		return "the page shows " + shown + ", it answers\n" + body
	}
	return ""
}
