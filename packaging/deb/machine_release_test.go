//go:build release

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	suite    = "bookworm"
	patience = 2 * time.Minute // of one step in the machine
	look     = 200 * time.Millisecond
)

// base is a minimal Debian that can boot, as an archive.
var base = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "debian.tar")
	out, err := exec.Command("mmdebstrap", "--variant=minbase",
		"--include=systemd,systemd-sysv,dbus,adduser,ca-certificates,netcat-openbsd,procps,tmux", suite, path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("mmdebstrap: %w\n%s", err, out)
	}
	return path, nil
})

// debian makes a root folder of a fresh Debian with packages in /root.
func debian(t *testing.T, packages ...string) string {
	t.Helper()
	archive, err := base()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	output(t, "tar", "-C", root, "-xf", archive)
	output(t, "cp", append(packages, filepath.Join(root, "root"))...)
	return root
}

// machine is a Debian that systemd booted, without a network.
type machine struct {
	t      *testing.T
	root   string
	leader string // pid of its systemd, as this host sees it
}

func boot(t *testing.T, root string) *machine {
	t.Helper()
	console, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("systemd-nspawn", "-D", root, "--register=no", "--keep-unit", "--private-network", "--console=pipe", "-b")
	cmd.Stdout, cmd.Stderr = console, console
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, root: root}
	t.Cleanup(func() {
		if m.leader != "" {
			_, _ = m.try("systemctl poweroff") // nspawn ends with it
		}
		kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer kill.Stop()
		_ = cmd.Wait() // how it ended says nothing
		_ = console.Close()
	})
	m.until("the machine has booted", func() bool {
		out, err := exec.Command("pgrep", "-P", fmt.Sprint(cmd.Process.Pid)).Output()
		if err != nil {
			return false
		}
		m.leader = strings.TrimSpace(string(out))
		state, _ := m.try("systemctl is-system-running")
		return strings.HasPrefix(state, "running")
	})
	return m
}

// try runs a line of shell inside and returns what it prints.
func (m *machine) try(line string) (string, error) {
	cmd := exec.Command("nsenter", "-t", m.leader, "-m", "-u", "-i", "-n", "-p", "-C", "--", "sh", "-euc", line)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s%s", line, err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String()), err
}

// run is try for what has to go well.
func (m *machine) run(line string) string {
	m.t.Helper()
	out, err := m.try(line)
	if err != nil {
		log, _ := m.try("journalctl --no-pager -n 40 -u pabal")
		m.t.Fatalf("%v\n%s", err, log)
	}
	return out
}

// until looks again and again until something holds.
func (m *machine) until(what string, holds func() bool) {
	m.t.Helper()
	tick := time.NewTicker(look)
	defer tick.Stop()
	limit := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			log := ""
			if m.leader != "" {
				log, _ = m.try("systemctl --failed --no-pager; journalctl --no-pager -n 40 -u pabal -u ses")
			}
			m.t.Fatalf("%s: not within %v\n%s", what, patience, log)
		}
	}
}

// says waits until a line of shell prints a text.
func (m *machine) says(line, text string) {
	m.t.Helper()
	last := ""
	m.until(line+" says "+text, func() bool {
		var err error
		last, err = m.try(line)
		return err == nil && strings.Contains(last, text)
	})
}

// put writes a file inside.
func (m *machine) put(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, path), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// glob is the one path that matches.
func glob(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err == nil && len(paths) != 1 {
		err = errors.New("not one")
	}
	if err != nil {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths[0]
}
