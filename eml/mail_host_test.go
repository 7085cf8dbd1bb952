//go:build host

package eml

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// reader prints what Python's e-mail package makes of the message on stdin.
const reader = `
import email, email.policy, json, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = []
for p in m.walk():
    if p.is_multipart():
        parts.append([p.get_content_type()])
        continue
    data = p.get_content()
    if isinstance(data, bytes):
        data = data.decode("latin-1")
    parts.append([p.get_content_type(), p.get_filename() or "", str(p["Content-ID"] or ""), data])
def defects(m):
    return [str(d) or repr(d) for d in m.defects] + [str(d) or repr(d) for v in m.values() for d in v.defects] + [
        d for p in (m.iter_parts() if m.is_multipart() else []) for d in defects(p)]
known = {"encoded word inside quoted string", "missing trailing whitespace after encoded-word"}  # name="=?…?=", see mime.go
json.dump({"headers": [[k, str(v)] for k, v in m.items()], "parts": parts, "defects": [d for d in defects(m) if d not in known]}, sys.stdout)
`

// TestPythonReadsWhatWeWrite: another language's reader, known to be strict,
// sees the same texts, names and files, and finds no defect.
func TestPythonReadsWhatWeWrite(t *testing.T) {
	m := sample()
	m.Subject = strings.Repeat("(광고) 봄 신상품 안내 🎉  두 칸 ", 6) + "끝"
	m.To.Name = "한 낱말에 드는 이름"
	m.From.Name = `(주)무신사, "스토어"`
	m.Inline = []Part{{Name: "로고.png", ContentType: "image/png", ContentID: "logo", Data: []byte("\x89PNG")}}
	m.Attach = []Part{{Name: "2026년 봄 신상품 안내와 할인 행사 계획서 (최종).pdf", ContentType: "application/pdf", Data: []byte("%PDF")}}
	raw, err := m.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", reader)
	cmd.Stdin = bytes.NewReader(raw)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, stderr.Bytes())
	}
	var got struct {
		Headers [][2]string
		Parts   [][]string
		Defects []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Defects) > 0 {
		t.Errorf("defects: %q", got.Defects)
	}
	headers := map[string]string{}
	for _, h := range got.Headers {
		headers[h[0]] = h[1]
	}
	for name, want := range map[string]string{
		"Subject": m.Subject, "To": m.To.String(), "From": `"(주)무신사, \"스토어\"" <shop@example.com>`,
		"Reply-To": m.ReplyTo, "Date": "Sun, 22 Nov 2026 09:30:00 +0900",
		"List-Unsubscribe": m.Headers[0][1], "X-Campaign": "봄 세일",
	} {
		if headers[name] != want {
			t.Errorf("%s is %q, want %q", name, headers[name], want)
		}
	}
	crlf := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n") }
	want := [][]string{
		{"multipart/mixed"}, {"multipart/alternative"},
		{"text/plain", "", "", crlf(m.Text)},
		{"multipart/related"},
		{"text/html", "", "", crlf(m.HTML)},
		{"image/png", m.Inline[0].Name, "<logo>", "\u0089PNG"},
		{"application/pdf", m.Attach[0].Name, "", "%PDF"},
	}
	if !reflect.DeepEqual(got.Parts, want) {
		t.Errorf("parts:\n%q, want\n%q", got.Parts, want)
	}
}
