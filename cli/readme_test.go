package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReadmesFirstCampaignIsTrue types what the README tells a newcomer to
// type, in both languages, and looks for every line it shows in what came out.
func TestReadmesFirstCampaignIsTrue(t *testing.T) {
	for file, heading := range map[string]string{"README.md": "## First campaign", "README.ko.md": "## 5분 만에 첫 캠페인"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("../" + file)
			if err != nil {
				t.Fatal(err)
			}
			_, section, found := strings.Cut(string(text), heading)
			if !found {
				t.Fatalf("%s has no %q", file, heading)
			}
			section, _, _ = strings.Cut(section, "\n## ")
			blocks := strings.Split(section, "```\n")
			if len(blocks) < 7 {
				t.Fatalf("%d pieces, want three terminals", len(blocks))
			}
			newReader(t).follow(blocks[1], blocks[3], blocks[5])
		})
	}
}

// reader is a newcomer with a clone, three terminals and ports of their own.
type reader struct {
	t     *testing.T
	dir   string
	ports *strings.Replacer
	env   []string
}

func newReader(t *testing.T) *reader {
	dir, err := os.MkdirTemp("", "pabal") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, err := filepath.Abs("../testdata")
	if err == nil {
		err = os.Symlink(data, filepath.Join(dir, "testdata"))
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: dir}
	r.ports = strings.NewReplacer("127.0.0.1:4579", freePort(t), "bin/pabal", "pabal", "make build && ", "")
	r.env = append(r.env, "HOME="+dir, "PATH="+os.Getenv("PATH"), "LANG=en_US.UTF-8", "PABAL_SMTP_LISTEN="+freePort(t),
		"PABAL_WEB_LISTEN="+freePort(t), "PABAL_WEB_METRICS_LISTEN="+freePort(t), "AWS_EC2_METADATA_DISABLED=true")
	return r
}

func (r *reader) follow(emulator, daemon, own string) {
	for _, terminal := range []string{emulator, daemon} {
		defer r.leaveRunning(terminal)()
	}
	var before []string
	for _, step := range strings.Split("\n"+own, "\n$ ")[1:] {
		typed, shown, _ := strings.Cut(step, "\n")
		typed, _, _ = strings.Cut(typed, " # ")
		typed = strings.TrimSpace(r.ports.Replace(typed))
		switch {
		case strings.HasPrefix(typed, "export "):
			before = append(before, typed)
			continue
		case typed == "pabal": // the terminal UI
			continue
		}
		out, err := r.shell(r.t.Context(), strings.Join(append(before, typed), "\n")).CombinedOutput()
		if err != nil {
			r.t.Fatalf("%s: %v\n%s", typed, err, out)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(shown), "\n") {
			if !strings.Contains(string(out), line) {
				r.t.Errorf("%s: the README shows %q, it says\n%s", typed, line, out)
			}
		}
	}
}

func (r *reader) shell(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir, cmd.Env = r.dir, r.env
	return cmd
}

// leaveRunning starts a terminal whose last command goes on, and waits for it
// to be ready.
func (r *reader) leaveRunning(terminal string) (stop func()) {
	r.t.Helper()
	var script []string
	for line := range strings.SplitSeq(terminal, "\n") {
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			script = append(script, r.ports.Replace(typed))
		}
	}
	script[len(script)-1] = "exec " + strings.TrimPrefix(script[len(script)-1], "export PATH=$PWD/bin:$PATH && ")
	cmd := r.shell(context.WithoutCancel(r.t.Context()), strings.Join(script, "\n"))
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		line := make([]byte, 4096)
		n, _ := out.Read(line)
		ready <- string(line[:n])
	}()
	select {
	case line := <-ready:
		if !strings.Contains(line, "ready") {
			r.t.Fatalf("%s: said %q\n%s", script[len(script)-1], line, &log)
		}
	case <-time.After(readyWithin):
		_ = cmd.Process.Kill()
		r.t.Fatal(fmt.Errorf("%s: not ready", script[len(script)-1]))
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("%s: %v\n%s", script[len(script)-1], err, &log)
		}
	}
}
