//go:build release

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs a line of shell and returns what it prints; it fails the test where
// the line fails.
func shell(t *testing.T, line string, env ...string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", line)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", line, err, out.String(), errs.String())
	}
	return out.String()
}

// TestAReleaseIsWholeAndTheSameTwice builds it with another umask and time zone,
// and compares; then looks for the one binary in all it is packed into.
func TestAReleaseIsWholeAndTheSameTwice(t *testing.T) {
	dir := t.TempDir()
	env := []string{"DIR=" + dir, "ARCHITECTURES=amd64", "DEB_COMPRESSION=gzip"}
	shell(t, `
		./build "$DIR/first"
		umask 077
		TZ=Asia/Seoul ./build "$DIR/second"
		diff -r "$DIR/first" "$DIR/second"
		cd "$DIR/first" && sha256sum --quiet -c SHA256SUMS`, env...)
	names := shell(t, `cd "$DIR/first" && ls | sed 's/_[0-9][^_]*_/_V_/; s/-mta_V_/-mta_V_/' | LC_ALL=C sort`, env...)
	if want := "SHA256SUMS\npabal-mta_V_all.deb\npabal_V_amd64.deb\npabal_V_amd64_image.tar\npabal_V_linux_amd64.tar.gz\npabal_V_oci.tar\npabal_V_sbom.cdx.json\n"; names != want {
		t.Errorf("a release has\n%s, want\n%s", names, want)
	}
	if n := strings.Count(shell(t, `cat "$DIR/first/SHA256SUMS"`, env...), "\n"); n != strings.Count(names, "\n")-1 {
		t.Errorf("%d checksums of\n%s", n, names)
	}
	shell(t, `
		cd "$DIR" && mkdir tar deb image
		tar -C tar --strip-components=1 -xzf first/pabal_*_linux_amd64.tar.gz
		dpkg -x first/pabal_*_amd64.deb deb
		skopeo copy -q "docker-archive:$(ls "$PWD"/first/*_amd64_image.tar)" dir:image
		for layer in $(tar -xOf first/*_amd64_image.tar manifest.json | grep -o 'blobs/sha256/[0-9a-f]*' | tail -n +2); do
			tar -xOf first/*_amd64_image.tar "$layer" | tar -C image -xz
		done
		cmp tar/pabal deb/usr/bin/pabal
		cmp tar/pabal image/usr/bin/pabal
		[ -s tar/LICENSE ] && [ -s tar/pabal.toml ] && [ -s tar/packaging/image/compose.yaml ] && [ -s tar/packaging/systemd/pabal.service ]
		cd tar/docs
		for link in $(grep -oh '](ui/[^)#]*' *.md | cut -c 3- | sort -u); do
			[ -s "$link" ] || { echo "no $link" >&2; exit 1; }
		done`, env...)
	if _, err := os.Stat(filepath.Join(dir, "tar", "pabal")); err != nil {
		t.Error(err)
	}
}
