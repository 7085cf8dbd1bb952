//go:build host

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// shell runs a line of shell and returns what it prints; it fails the test
// where the line fails.
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

// packages makes the packages of this commit around a binary that `go test` has
// nearly built already, packed without patience.
var packages = sync.OnceValue(func() error {
	cmd := exec.Command("sh", "-euc", `
		(cd ../.. && go build -ldflags '-s -w' -o "$1/pabal-binary" .)
		export PABAL_BINARY="$1/pabal-binary" DEB_COMPRESSION=gzip
		./build "$1/first" amd64
		umask 077
		TZ=Asia/Seoul ./build "$1/second" amd64
		dpkg -x "$1"/first/pabal_*_amd64.deb "$1/root"
		dpkg -x "$1"/first/pabal-mta_*_all.deb "$1/mta"`, "sh", scratch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
})

// built is where the packages and what is in them are: first, second, root, mta.
func built(t *testing.T) string {
	t.Helper()
	if err := packages(); err != nil {
		t.Fatal(err)
	}
	return scratch
}

// TestTheSameCommitGivesTheSameBytes builds with another umask, time zone and
// working folder.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	shell(t, `cd "$DIR" && diff -r first second`, "DIR="+built(t))
}

// TestLintianFindsNothing takes the packages to Debian's own checker. What it
// says of the test's binary does not hold for the real one, which make
// release-test shows it.
func TestLintianFindsNothing(t *testing.T) {
	found := shell(t, `lintian --allow-root --info --display-info --fail-on error,warning \
		--suppress-tags missing-dependency-on-libc,hardening-no-pie,hardening-no-relro,hardening-no-bindnow,hardening-no-fortify-functions,statically-linked-binary "$DIR"/first/*.deb`,
		"DIR="+built(t))
	for line := range strings.Lines(found) {
		if strings.Contains(line, ": pabal") && !strings.Contains(line, "unused-override statically-linked-binary") {
			t.Errorf("lintian says: %s", line)
		}
	}
}

// TestWhatThePackagesHold names every folder with the files in it that people
// and programs rely on.
func TestWhatThePackagesHold(t *testing.T) {
	dir := built(t)
	for _, path := range []string{
		"root/usr/bin/pabal", "root/etc/pabal/pabal.toml", "root/etc/pabal/credentials",
		"root/lib/systemd/system/pabal.service", "root/lib/systemd/system/pabal-smtp.socket", "root/lib/systemd/system/pabal-submission.socket",
		"root/lib/systemd/system/pabal-backup.service", "root/lib/systemd/system/pabal-backup.timer",
		"root/usr/lib/sysusers.d/pabal.conf", "root/usr/lib/tmpfiles.d/pabal.conf",
		"root/usr/share/man/man1/pabal.1.gz", "root/usr/share/man/man5/pabal.toml.5.gz", "root/usr/share/man/man8/pabal.8.gz",
		"root/usr/share/bash-completion/completions/pabal", "root/usr/share/zsh/vendor-completions/_pabal", "root/usr/share/fish/vendor_completions.d/pabal.fish",
		"root/usr/share/doc/pabal/copyright", "root/usr/share/doc/pabal/docs/handbook.ko.md", "root/usr/share/doc/pabal/README.ko.md",
		"mta/usr/share/man/man8/sendmail.8.gz", "mta/usr/share/man/man1/mailq.1.gz", "mta/usr/share/man/man1/newaliases.1.gz",
	} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}
	for link, to := range map[string]string{"usr/sbin/sendmail": "../bin/pabal", "usr/lib/sendmail": "../sbin/sendmail", "usr/bin/mailq": "pabal", "usr/bin/newaliases": "pabal"} {
		if got, err := os.Readlink(filepath.Join(dir, "mta", link)); err != nil || got != to {
			t.Errorf("%s leads to %q, %v, want %s", link, got, err, to)
		}
	}
	fields := shell(t, `dpkg-deb -f "$DIR"/first/pabal-mta_*.deb Provides Conflicts Replaces Architecture; dpkg-deb -f "$DIR"/first/pabal_*.deb Conflicts`, "DIR="+dir)
	want := "Provides: mail-transport-agent\nConflicts: mail-transport-agent\nReplaces: mail-transport-agent\nArchitecture: all\n"
	if sorted(fields) != sorted(want) {
		t.Errorf("fields\n%s, want\n%s", fields, want)
	}
	if got := shell(t, `dpkg-deb -I "$DIR"/first/pabal_*.deb conffiles`, "DIR="+dir); got != "/etc/pabal/pabal.toml\n" {
		t.Errorf("conffiles %q", got)
	}
}

func sorted(lines string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(strings.TrimSpace(lines), "\n")), "\n")
}

var (
	inPage = regexp.MustCompile(`\]\(([^()\s#]+)|<img[^>]* src="([^"]+)"`)
	inCode = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	inUnit = regexp.MustCompile(`file://(\S+)`)
)

// TestTheInstalledPagesLeadToEachOther follows every relative link and picture of
// the pages as they lie on a host, and the units' Documentation=.
func TestTheInstalledPagesLeadToEachOther(t *testing.T) {
	root := filepath.Join(built(t), "root")
	var to []string
	walk := func(folder, suffix string, links func(path, text string)) {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, suffix) {
				return err
			}
			text, err := os.ReadFile(path)
			links(path, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	walk("usr/share/doc/pabal", ".md", func(path, text string) {
		for _, m := range inPage.FindAllStringSubmatch(inCode.ReplaceAllString(text, ""), -1) {
			if link := m[1] + m[2]; !strings.Contains(link, ":") {
				to = append(to, filepath.Join(filepath.Dir(path), link))
			}
		}
	})
	walk("lib/systemd/system", "", func(_, text string) {
		for _, m := range inUnit.FindAllStringSubmatch(text, -1) {
			to = append(to, filepath.Join(root, m[1]))
		}
	})
	slices.Sort(to)
	if to = slices.Compact(to); len(to) < 80 {
		t.Fatalf("only %d links: the search is broken", len(to))
	}
	for _, path := range to {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestUnitsAreValidAndConfined has systemd read the units, and count what the
// service could do to the host: at most 1.5 of 10.
func TestUnitsAreValidAndConfined(t *testing.T) {
	dir := built(t)
	shell(t, `
		mkdir "$DIR/units"
		cp "$DIR"/root/lib/systemd/system/* "$DIR/units"
		sed -i "s|^ExecStart=/usr/bin/pabal|ExecStart=$DIR/root/usr/bin/pabal|" "$DIR"/units/*.service
		said=$(systemd-analyze verify --man=no "$DIR"/units/* 2>&1)
		[ -z "$said" ] || { echo "$said"; exit 1; }
		systemd-analyze security --offline=true --threshold=15 --root="$DIR/root" pabal.service pabal-backup.service`, "DIR="+dir)
	unit, err := os.ReadFile(filepath.Join(dir, "root/lib/systemd/system/pabal.service"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(unit, []byte("\nPrivateUsers=")) {
		t.Error("PrivateUsers hides who submits and who asks")
	}
}

// TestVersionsRise makes commits and tags and compares their versions as dpkg does.
func TestVersionsRise(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	shell(t, `
		cd "$DIR" && git init -q . && git config user.name test && git config user.email test@localhost
		commit() { GIT_COMMITTER_DATE="$1" git commit -q --allow-empty -m "$1"; v=$("$HERE/version"); echo "$v"; }
		last=0
		later() { dpkg --compare-versions "$last" lt "$v" || { echo "$v is not later than $last"; exit 1; }; last=$v; }
		commit '2026-11-22T10:00:00Z'; later
		commit '2026-11-22T10:00:01Z'; later
		git tag v0.1.0; v=$("$HERE/version"); [ "$v" = 0.1.0 ]; later
		commit '2026-11-23T09:00:00Z'; later
		git tag nightly
		commit '2026-11-23T09:00:07Z'; later
		git tag -a -m x v0.1.1; v=$("$HERE/version"); [ "$v" = 0.1.1 ]; later`, "DIR="+t.TempDir(), "HERE="+here)
}
