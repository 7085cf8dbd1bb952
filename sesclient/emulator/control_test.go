package emulator

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func post(t *testing.T, url, path, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func TestControlCalls(t *testing.T) {
	s, url := start(t, Options{Verified: []string{"example.com"}})
	c := sdk(t, url, nil)
	for _, x := range [][2]string{
		{"fault", `{"kind":"error500","count":1,"delay":"1ms"}`},
		{"account", `{"rate":-1,"quota":2,"sandbox":true}`},
		{"verify", `{"identity":"example.net"}`},
		{"suppress", `{"address":"gone@example.net","reason":"BOUNCE","message_id":"m"}`},
	} {
		if code, text := post(t, url, "/_emulator/"+x[0], x[1]); code != 200 {
			t.Fatalf("%s: %d %s", x[0], code, text)
		}
	}
	_, err := send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "InternalServiceErrorException", "")
	mustSend(t, c, raw(mailText, "a@example.net"))
	id := mustSend(t, c, raw(mailText, "gone@example.net"))
	_, err = send(t, c, raw(mailText, "a@example.net"))
	wantCode(t, err, "LimitExceededException", "")

	_, text := get(t, url+"/_emulator/log")
	lines := bufio.NewScanner(strings.NewReader(text))
	var last map[string]any
	n := 0
	for ; lines.Scan(); n++ {
		last = nil
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
	}
	if n != 2 || last["id"] != id || last["x_pabal_id"] != "1-2-3-1" || last["body_sha256"] == "" || last["suppressed"] == nil {
		t.Errorf("%d lines, the last %v", n, last)
	}
	_, text = get(t, url+"/_emulator/state")
	var st State
	if err := json.Unmarshal([]byte(text), &st); err != nil || st.Accepted != 2 || !st.Sandbox || st.Quota != 2 || st.Calls["SendEmail"] != 4 {
		t.Errorf("state %s, %v", text, err)
	}
	post(t, url, "/_emulator/fault", `{"kind":"reset"}`)
	if len(s.State().Faults) != 1 {
		t.Errorf("faults %v", s.State().Faults)
	}
	post(t, url, "/_emulator/clear", "")
	if len(s.State().Faults) != 0 {
		t.Errorf("faults %v after clear", s.State().Faults)
	}
}

func TestControlRefusesNonsense(t *testing.T) {
	_, url := start(t, Options{})
	for path, body := range map[string]string{
		"fault": `{"kind":"explode"}`, "account": `{"rate":"fast"}`, "verify": `{}`, "suppress": `{"address":"a@b.kr"}`,
		"fault?1": `{"kind":"slow","delay":"long"}`, "fault?2": `{"kind":"custom","status":99}`, "fault?3": `{`,
		"fault?4": `{"kind":"slow","count":-1}`,
	} {
		if code, text := post(t, url, "/_emulator/"+path, body); code != 400 || !strings.Contains(text, `"error"`) {
			t.Errorf("%s %s: %d %s", path, body, code, text)
		}
	}
	req, _ := http.NewRequest("POST", url+"/_emulator/clear", nil)
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("a web page may control it: %v, %v", resp, err)
	}
}

func TestUnsignedCallIsRefused(t *testing.T) {
	_, url := start(t, Options{})
	for _, path := range []string{"/v2/email/outbound-emails", "/v2/email/list-identities"} {
		if code, text := post(t, url, path, "{}"); code != 403 || !strings.Contains(text, "Missing Authentication Token") {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

const evilSubject = "From: shop@example.com\r\nSubject: <script>alert(1)</script>\r\n\r\nx"

func TestMailsAreListedAndShown(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.eml"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"memory": "", "dir": filepath.Join(outside, "mails")} {
		_, url := start(t, Options{Dir: dir})
		c := sdk(t, url, nil)
		id := mustSend(t, c, raw(mailText, "a@example.net"))
		mustSend(t, c, raw(evilSubject, "b@example.net"))
		code, page := get(t, url+"/")
		if code != 200 || !strings.Contains(page, "안녕") || !strings.Contains(page, "a@example.net") || strings.Contains(page, "<script>") {
			t.Errorf("%s: list %d:\n%s", name, code, page)
		}
		for _, path := range []string{"/mail/" + id, "/" + id + ".eml"} {
			if code, text := get(t, url+path); code != 200 || !strings.HasSuffix(text, "\r\n\r\nhello\r\n") {
				t.Errorf("%s: %s: %d %q", name, path, code, text)
			}
		}
		for _, path := range []string{"/mail/nothing", "/mail/..%2fsecret", "/..%2fsecret.eml", "/favicon.ico"} {
			if code, _ := get(t, url+path); code != 404 {
				t.Errorf("%s: %s: %d, want 404", name, path, code)
			}
		}
	}
}

func TestIndexIsAppendedToByTheNextRun(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s, c := local(t, Options{Dir: dir})
		mustSend(t, c, raw(mailText, "a@example.net"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || strings.Count(string(index), "<h1>") != 1 || strings.Count(string(index), ".eml") != 2 {
		t.Errorf("index: %v\n%s", err, index)
	}
}

func TestKeepForgetsTheOldest(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "dir": t.TempDir()} {
		s, c := local(t, Options{Dir: dir, Keep: 2, Rate: -1})
		var ids []string
		for range 3 {
			ids = append(ids, mustSend(t, c, raw(mailText, "a@example.net")))
		}
		for i, want := range []bool{false, true, true} {
			if _, ok := s.Raw(ids[i]); ok != want {
				t.Errorf("%s: mail %d kept: %v", name, i, ok)
			}
		}
		if s.Count() != 3 {
			t.Errorf("%s: log has %d", name, s.Count())
		}
	}
	s, c := local(t, Options{Keep: -1})
	if _, ok := s.Raw(mustSend(t, c, raw(mailText, "a@example.net"))); ok {
		t.Error("a mail was kept with Keep -1")
	}
}

func TestMemoryHoldsBytesInBounds(t *testing.T) {
	m := mails{}
	m.open("", 0)
	body := make([]byte, 64<<20)
	for i := range 10 {
		m.remember(kept{id: string(rune('a' + i)), raw: body})
	}
	if m.bytes > memoryBytes || len(m.byID) != 4 {
		t.Errorf("%d bytes in %d mails kept", m.bytes, len(m.byID))
	}
}

func TestUnwritableDirIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: file}); err == nil {
		t.Error("New took a file as its folder")
	}
}

func TestListenWithoutHostStaysOnLoopback(t *testing.T) {
	s, _ := local(t, Options{})
	url, wait, err := s.Listen(t.Context(), ":0")
	if err != nil || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("listens on %s, %v", url, err)
	}
	s.Close()
	if err := wait(); err != nil {
		t.Errorf("wait: %v", err)
	}
}

func TestLogSpansChunks(t *testing.T) {
	s, _ := local(t, Options{})
	for i := range 2*logChunk + 1 {
		s.mu.Lock()
		s.ledger.add(record{id: string(rune(i)), at: s.now(), to: []string{"a@example.net"}})
		s.mu.Unlock()
	}
	log := s.Accepted()
	if len(log) != 2*logChunk+1 || log[logChunk].ID != string(rune(logChunk)) {
		t.Errorf("%d lines", len(log))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitAccepted(ctx, 1<<30); err != context.Canceled {
		t.Errorf("wait ended with %v", err)
	}
}
