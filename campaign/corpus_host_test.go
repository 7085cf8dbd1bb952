//go:build host

package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pabal/eml"
)

// python reads every file named on stdin with the e-mail package, which is known
// to be strict, and prints what it sees of each as a line of JSON. The defects
// left out are those of name="=?…?=", which stands there for old mail programs
// beside the filename of RFC 2231.
const python = `
import email, email.policy, json, sys
known = {"encoded word inside quoted string", "missing trailing whitespace after encoded-word"}
def defects(m):
    return [str(d) or repr(d) for d in m.defects] + [str(d) or repr(d) for v in m.values() for d in v.defects] + [
        d for p in (m.iter_parts() if m.is_multipart() else []) for d in defects(p)]
for path in sys.stdin.read().split("\n"):
    with open(path, "rb") as f:
        m = email.message_from_binary_file(f, policy=email.policy.default)
    parts = []
    for p in m.walk():
        if not p.is_multipart():
            data = p.get_payload(decode=True)
            parts.append({"kind": p.get_content_type(), "name": p.get_filename() or "", "id": str(p["Content-ID"] or ""), "data": data.decode("latin-1"),
                "charset": p.get_content_charset() or ""})
    boxes = {h: [[a.display_name, a.addr_spec] for a in m[h].addresses] for h in ("From", "To", "Reply-To")}
    json.dump({"headers": [[k, str(v)] for k, v in m.items()], "boxes": boxes, "parts": parts, "defects": [d for d in defects(m) if d not in known]}, sys.stdout)
    print()
`

// TestPythonReadsTheCorpusAsItWasMeant: another language's reader sees the same
// headers, texts, file names and bytes as Go's, and finds no defect.
func TestPythonReadsTheCorpusAsItWasMeant(t *testing.T) {
	dir, mails := t.TempDir(), corpus(t)
	var names bytes.Buffer
	for i, m := range mails {
		path := filepath.Join(dir, fmt.Sprint(i, ".eml"))
		if err := os.WriteFile(path, m.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			names.WriteByte('\n')
		}
		names.WriteString(path)
	}
	cmd := exec.Command("python3", "-c", python)
	cmd.Stdin = &names
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, stderr.Bytes())
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	for _, m := range mails {
		var got seenByPython
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		got.compare(t, m)
	}
	t.Logf("%d mails", len(mails))
}

type seenByPython struct {
	Headers [][2]string
	Boxes   map[string][][2]string
	Parts   []struct {
		corpusPart
		Charset string `json:"charset"`
	}
	Defects []string
}

func (got *seenByPython) compare(t *testing.T, m corpusMail) {
	t.Helper()
	if len(got.Defects) > 0 {
		t.Errorf("%s: defects %q", m.name, got.Defects)
	}
	seen := map[string]int{}
	for _, h := range got.Headers {
		seen[h[0]]++
		want, known := m.headers[h[0]]
		if boxes := got.Boxes[h[0]]; boxes != nil {
			if box, want := fmt.Sprintf("%q", boxes), wantBox(t, want); box != want && !(len(want) > longName && spaceless(box) == spaceless(want)) {
				t.Errorf("%s: %s is %s, want %s", m.name, h[0], box, want)
			}
			continue
		}
		if known && h[1] != want {
			t.Errorf("%s: %s is %q, want %q", m.name, h[0], h[1], want)
		}
	}
	for name := range m.headers {
		if seen[name] != 1 {
			t.Errorf("%s: %s stands there %d times", m.name, name, seen[name])
		}
	}
	var parts []corpusPart
	for i, p := range got.Parts {
		if i < 2 && p.Charset != "utf-8" {
			t.Errorf("%s: part %d is in %q", m.name, i, p.Charset)
		}
		p.Data = latin1(p.Data)
		parts = append(parts, p.corpusPart)
	}
	compareParts(t, m, parts)
}

// wantBox is a mailbox as a list of a name and an address.
func wantBox(t *testing.T, box string) string {
	t.Helper()
	b, err := eml.ParseMailbox(box)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", [][2]string{{b.Name, b.Address}})
}

// longName is from where a name takes more than one encoded word. Between the
// words of a display name Python leaves the space that is to be dropped
// (RFC 2047 6.2), which it does drop in a subject; no way of writing such a name
// reads the same in it and in everybody else's reader.
const longName = 60

func spaceless(s string) string { return strings.ReplaceAll(s, " ", "") }

// latin1 gives back the bytes that Python wrote as characters.
func latin1(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		out = append(out, byte(r))
	}
	return string(out)
}
