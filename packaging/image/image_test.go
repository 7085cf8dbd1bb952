package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the Dockerfile anew")

// made is an archive as an engine reads it: names to contents.
type made map[string][]byte

// pack makes images of two architectures from binaries that are none.
func pack(t *testing.T) (folder string, b build) {
	t.Helper()
	folder, binaries := t.TempDir(), t.TempDir()
	var pairs []string
	for _, arch := range []string{"amd64", "arm64"} {
		path := filepath.Join(binaries, arch)
		if err := os.WriteFile(path, bytes.Repeat([]byte(arch+" "), 10_000), 0o600); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, arch+"="+path)
	}
	b = build{"1.2.3+git1", "0123abcd", time.Unix(1_790_000_000, 0).UTC()}
	if err := archives(b, folder, pairs); err != nil {
		t.Fatal(err)
	}
	return folder, b
}

func untar(t *testing.T, r io.Reader) (entries []*tar.Header, contents made) {
	t.Helper()
	contents = made{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err == io.EOF {
			return entries, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, h)
		contents[h.Name] = data
	}
}

func open(t *testing.T, path string) made {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read
	_, contents := untar(t, f)
	return contents
}

// blob returns what a descriptor points at, having checked that it is that.
func (m made) blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	data, found := m[blobPath(d.Digest)]
	if !found || digest(data) != d.Digest || int64(len(data)) != d.Size {
		t.Fatalf("%s %s: there %v, %d bytes with the digest %s, want %d", d.MediaType, d.Digest, found, len(data), digest(data), d.Size)
	}
	return data
}

func decode[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

func TestTheSameBinariesGiveTheSameBytes(t *testing.T) {
	first, _ := pack(t)
	second, _ := pack(t)
	names, err := os.ReadDir(first)
	if err != nil || len(names) != 3 {
		t.Fatalf("%d archives, %v", len(names), err)
	}
	for _, name := range names {
		a, err := os.ReadFile(filepath.Join(first, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(second, name.Name()))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs, %v", name.Name(), err)
		}
		for _, trace := range []string{first, second, os.TempDir() + "/"} {
			if bytes.Contains(a, []byte(trace)) {
				t.Errorf("%s tells of %s", name.Name(), trace)
			}
		}
	}
}

// TestDigestsLeadFromTheIndexToEveryFile walks an archive as an engine does.
func TestDigestsLeadFromTheIndexToEveryFile(t *testing.T) {
	folder, b := pack(t)
	all := open(t, filepath.Join(folder, "pabal_1.2.3+git1_oci.tar"))
	top := decode[index](t, all["index.json"])
	if len(top.Manifests) != 1 || top.Manifests[0].MediaType != typeIndex {
		t.Fatalf("the layout holds %+v, want one index", top.Manifests)
	}
	if got := top.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; got != "1.2.3-git1" {
		t.Errorf("the tag is %q", got)
	}
	used := map[string]bool{blobPath(top.Manifests[0].Digest): true}
	var archs []string
	for _, d := range decode[index](t, all.blob(t, top.Manifests[0])).Manifests {
		archs = append(archs, d.Platform.Architecture)
		m := decode[manifest](t, all.blob(t, d))
		c := decode[imageConfig](t, all.blob(t, m.Config))
		used[blobPath(d.Digest)], used[blobPath(m.Config.Digest)] = true, true
		if c.Architecture != d.Platform.Architecture || c.OS != "linux" || len(c.RootFS.DiffIDs) != len(m.Layers) || len(c.History) != len(m.Layers) {
			t.Errorf("%+v is said to be %+v with %d layers", d.Platform, c, len(m.Layers))
		}
		for i, layer := range m.Layers {
			used[blobPath(layer.Digest)] = true
			if got := digest(unzip(t, all.blob(t, layer))); got != c.RootFS.DiffIDs[i] {
				t.Errorf("layer %d of %s: %s, the configuration says %s", i, c.Architecture, got, c.RootFS.DiffIDs[i])
			}
		}
		if got := c.Config.Labels["org.opencontainers.image.version"]; got != b.version {
			t.Errorf("the version is %q", got)
		}
	}
	if !slices.Equal(archs, []string{"amd64", "arm64"}) {
		t.Errorf("architectures %q", archs)
	}
	for name := range all {
		if strings.HasPrefix(name, "blobs/sha256/") && name != "blobs/sha256/" && !used[name] {
			t.Errorf("nothing leads to %s", name)
		}
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestOneArchitectureIsAnArchiveOfDockersToo(t *testing.T) {
	folder, _ := pack(t)
	one := open(t, filepath.Join(folder, "pabal_1.2.3+git1_arm64_image.tar"))
	type entry struct {
		Config           string
		RepoTags, Layers []string
	}
	old := decode[[]entry](t, one["manifest.json"])
	if len(old) != 1 || len(old[0].Layers) != 2 || !slices.Equal(old[0].RepoTags, []string{"localhost/pabal:1.2.3-git1"}) {
		t.Fatalf("manifest.json is %+v", old)
	}
	if c := decode[imageConfig](t, one[old[0].Config]); c.Architecture != "arm64" {
		t.Errorf("it leads to %s", c.Architecture)
	}
	if d := decode[index](t, one["index.json"]).Manifests[0]; d.MediaType != typeManifest {
		t.Errorf("its index leads to %s", d.MediaType)
	}
}

// TestWhatTheImageHolds names every file with mode and owner: what pabal may
// write to belongs to its user, and nothing else does.
func TestWhatTheImageHolds(t *testing.T) {
	folder, b := pack(t)
	one := open(t, filepath.Join(folder, "pabal_1.2.3+git1_amd64_image.tar"))
	var got []string
	for _, layer := range decode[manifest](t, one.blob(t, decode[index](t, one["index.json"]).Manifests[0])).Layers {
		entries, contents := untar(t, bytes.NewReader(unzip(t, one.blob(t, layer))))
		for _, h := range entries {
			if !h.ModTime.Equal(b.epoch) || h.Uname != "" || h.Gid != h.Uid {
				t.Errorf("%s: time %v, owner %q %d:%d", h.Name, h.ModTime, h.Uname, h.Uid, h.Gid)
			}
			got = append(got, fmt.Sprintf("%04o %d %s", h.Mode, h.Uid, h.Name))
		}
		if text := contents[binaryPath]; text != nil && !bytes.HasPrefix(text, []byte("amd64 amd64 ")) {
			t.Errorf("the binary of another architecture")
		}
	}
	want := []string{
		"0755 0 etc/", "0644 0 etc/group", "0755 0 etc/pabal/", "0644 0 etc/passwd",
		"0755 0 etc/ssl/", "0755 0 etc/ssl/certs/", "0644 0 etc/ssl/certs/ca-certificates.crt",
		"0755 0 run/", "0750 65532 run/pabal/", "0755 65532 run/pabal-submit/", "1777 0 tmp/",
		"0755 0 usr/", "0755 0 usr/bin/", "0755 0 usr/share/", "0755 0 usr/share/doc/", "0755 0 usr/share/doc/pabal/", "0644 0 usr/share/doc/pabal/copyright",
		"0755 0 var/", "0755 0 var/lib/", "0700 65532 var/lib/pabal/",
		"0755 0 usr/bin/pabal",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAuthoritiesAreThoseOfAWSAndOthers(t *testing.T) {
	text, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		names[c.Subject.CommonName] = true
	}
	for _, name := range []string{"Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4"} {
		if !names[name] {
			t.Errorf("%s is not among %d authorities", name, len(names))
		}
	}
	if len(names) < 80 {
		t.Errorf("%d authorities", len(names))
	}
}

func TestTheDockerfileSaysWhatTheImageSays(t *testing.T) {
	if *update {
		if err := os.WriteFile("Dockerfile", []byte(dockerfile()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("Dockerfile")
	if err != nil || string(got) != dockerfile() {
		t.Errorf("the Dockerfile is another than it would be made, %v; write it with: go test -update .", err)
	}
}

func TestABuildNeedsATime(t *testing.T) {
	if _, err := buildOf(func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("got %v", err)
	}
	if err := archives(build{}, t.TempDir(), []string{"amd64"}); err == nil {
		t.Error("took an architecture without a binary")
	}
}
