package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// released builds pabal as it is released.
func released(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pabal")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build pabal: %v\n%s", err, out)
	}
	return path
}

// TestTheBillNamesEveryModuleOfTheBinary and none besides.
func TestTheBillNamesEveryModuleOfTheBinary(t *testing.T) {
	path := released(t)
	var first, second bytes.Buffer
	args := []string{path, path, "example.org/roots@v1.2.3"}
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(out, "1790000000", "1.2.3+git1", args); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same binaries give two bills")
	}
	var b bill
	in := json.NewDecoder(&first)
	in.DisallowUnknownFields()
	if err := in.Decode(&b); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range b.Components {
		if _, twice := got[c.Name]; twice {
			t.Errorf("%s is listed twice", c.Name)
		}
		got[c.Name] = c.Version
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"std": strings.TrimPrefix(info.GoVersion, "go"), "example.org/roots": "v1.2.3"}
	for _, m := range info.Deps {
		want[m.Path] = m.Version
	}
	if len(want) < 30 || want["go.etcd.io/bbolt"] == "" {
		t.Fatalf("the binary names %d modules", len(want))
	}
	for name, version := range want {
		if got[name] != version {
			t.Errorf("%s %s is listed as %q", name, version, got[name])
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("%s is not in the binary", name)
		}
	}
	if len(b.Dependencies) != len(b.Components)+1 || len(b.Dependencies[0].DependsOn) != len(b.Components) {
		t.Errorf("%d dependencies of %d components", len(b.Dependencies), len(b.Components))
	}
}

func TestTheBillIsWhatReadersExpect(t *testing.T) {
	b := newBill("1.2.3+git1", parsed(t), []component{newPart("library", "github.com/BurntSushi/toml", "v1.5.0"), newPart("library", "a.b/c", "v2.0.0+incompatible")})
	if b.Format != "CycloneDX" || b.SpecVersion != "1.6" || b.Version != 1 || b.Metadata.Timestamp != "2026-09-21T14:13:20Z" {
		t.Errorf("got %+v", b)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.SerialNumber) {
		t.Errorf("the serial number is %s", b.SerialNumber)
	}
	for i, want := range []string{"pkg:golang/a.b/c@v2.0.0%2Bincompatible", "pkg:golang/github.com/burntsushi/toml@v1.5.0"} {
		if got := b.Components[i]; got.PURL != want || got.Ref != want {
			t.Errorf("got %s, want %s", got.PURL, want)
		}
	}
	if got := b.Metadata.Component; got.Type != "application" || got.PURL != "pkg:golang/pabal@1.2.3%2Bgit1" || got.Licenses[0].License.ID != "MIT" {
		t.Errorf("the whole is %+v", got)
	}
	if other := newBill("1.2.4", parsed(t), nil); other.SerialNumber == b.SerialNumber {
		t.Error("two releases have one serial number")
	}
}

func TestWhatIsNoBinaryIsNamed(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, "1790000000", "1", []string{"go.mod"}); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("got %v", err)
	}
	if err := run(&out, "", "1", nil); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("got %v", err)
	}
}

func parsed(t *testing.T) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, "2026-09-21T14:13:20Z")
	if err != nil {
		t.Fatal(err)
	}
	return when
}
