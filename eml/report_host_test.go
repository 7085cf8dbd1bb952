//go:build host

package eml

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// reportReader prints what Python's e-mail package makes of a report on stdin.
const reportReader = `
import email, email.policy, json, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
text, status, headers = m.get_payload()
def defects(m):
    return [repr(d) for d in m.defects] + [repr(d) for v in m.values() for d in v.defects] + [
        d for p in (m.get_payload() if m.is_multipart() else []) for d in defects(p)]
json.dump({"kind": m.get_content_type(), "report": m.get_param("report-type"), "kinds": [p.get_content_type() for p in m.get_payload()],
    "text": text.get_content(), "blocks": [[[k, str(v)] for k, v in b.items()] for b in status.get_payload()],
    "headers": headers.get_content() if isinstance(headers.get_content(), str) else headers.get_content().decode(),
    "defects": defects(m)}, sys.stdout)
`

func TestPythonReadsAReport(t *testing.T) {
	r := sampleReport(t)
	raw, err := r.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", reportReader)
	cmd.Stdin = bytes.NewReader(raw)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s\n%s", err, stderr.Bytes(), raw)
	}
	var got struct {
		Kind, Report, Text, Headers string
		Kinds, Defects              []string
		Blocks                      [][][2]string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "multipart/report" || got.Report != "delivery-status" || strings.Join(got.Kinds, " ") != "text/plain message/delivery-status text/rfc822-headers" {
		t.Errorf("%s %s %q", got.Kind, got.Report, got.Kinds)
	}
	if len(got.Defects) > 0 {
		t.Errorf("defects %q", got.Defects)
	}
	if !strings.Contains(got.Text, "보내지 못했습니다.") || !strings.Contains(got.Headers, "Subject: =?utf-8?b?7KO866y4?=") {
		t.Errorf("text %q, header %q", got.Text, got.Headers)
	}
	var blocks [][][2]string
	for _, b := range got.Blocks {
		if len(b) > 0 { // the empty line before the boundary
			blocks = append(blocks, b)
		}
	}
	if len(blocks) != 3 || blocks[1][0] != [2]string{"Final-Recipient", "rfc822; kim@example.net"} || blocks[2][2] != [2]string{"Status", "5.0.0"} {
		t.Errorf("blocks %q", blocks)
	}
}
