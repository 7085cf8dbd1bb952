//go:build release

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	patience = time.Minute
	look     = 200 * time.Millisecond
)

// scratch is a folder for what several tests use; TestMain makes and removes it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "pabal-image"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	for _, args := range [][]string{{"rm", "--all", "--force", "-t", "5"}, {"image", "unmount", "--all"}} {
		_ = exec.Command("podman", podmanArgs(args...)...).Run() // lets go of its mounts
	}
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// podmanArgs keep what podman stores apart from that of the host. The host's
// limits may not be raised where there is no CAP_SYS_RESOURCE.
func podmanArgs(args ...string) []string {
	return append([]string{"--root", filepath.Join(scratch, "storage"), "--runroot", filepath.Join(scratch, "run"), "--runtime", "runc", "--cgroup-manager", "cgroupfs"}, args...)
}

// podman runs a command of podman's and returns what it prints.
func podman(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryPodman(args...)
	if err != nil {
		logs, _ := tryPodman("logs", "pabal")
		t.Fatalf("%v\n%s", err, logs)
	}
	return out
}

func tryPodman(args ...string) (string, error) {
	cmd := exec.Command("podman", podmanArgs(args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("podman %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// until looks again and again until something holds.
func until(t *testing.T, what string, holds func() error) {
	t.Helper()
	tick := time.NewTicker(look)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		err := holds()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			logs, _ := tryPodman("logs", "pabal")
			t.Fatalf("%s: not within %v: %v\n%s", what, patience, err, logs)
		}
	}
}

// says is that a text is in what podman prints.
func says(text string, args ...string) func() error {
	return func() error {
		out, err := tryPodman(args...)
		if err == nil && !strings.Contains(out, text) {
			err = fmt.Errorf("%q is not in %s", text, out)
		}
		return err
	}
}

// program is the binary of this commit.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "pabal")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X pabal/cli.released=1.2.3", "-o", path, ".")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build pabal: %w\n%s", err, out)
	}
	return path, nil
})

// archive is the image of this commit, of all architectures.
var archive = sync.OnceValues(func() (string, error) {
	path, err := program()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("./build", filepath.Join(scratch, "image"))
	cmd.Env = append(os.Environ(), "PABAL_BINARY="+path, "IMAGE_VERSION=1.2.3", "SOURCE_DATE_EPOCH=1790000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return filepath.Join(scratch, "image", "pabal_1.2.3_oci.tar"), nil
})

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it held the port until nobody else had it
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// emulate runs SES's stand-in on this host.
func emulate(t *testing.T) (endpoint string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + freePort(t)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "ses-emulator", "--listen", address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // killed
	})
	return "http://" + address
}

// TestAContainerLivesAsOperatorsRunIt runs the image as docs/container.md does:
// read-only, without capabilities, secrets in files; then mails, looks, opens the
// screens, stops, and starts again with the same volume.
func TestAContainerLivesAsOperatorsRunIt(t *testing.T) {
	image, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	podman(t, "load", "-q", "-i", image)
	secret := filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(secret, []byte("파발 상점 <shop@example.com>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	podman(t, "secret", "create", "from", secret)
	ses, mail, web, metrics := emulate(t), freePort(t), freePort(t), freePort(t)
	options := func(name string) []string {
		return []string{"--name", name, "--network=host", "--read-only", "--cap-drop=all", "--security-opt", "no-new-privileges",
			"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck", "-v", "data:/var/lib/pabal",
			"--secret", "from", "--tmpfs", "/run/secrets", // podman 4 cannot place one below its own read-only /run/secrets
			"-e", "PABAL_CAMPAIGN_FROM_FILE=/run/secrets/from", "-e", "PABAL_SES_ENDPOINT=" + ses, "-e", "AWS_ACCESS_KEY_ID=x", "-e", "AWS_SECRET_ACCESS_KEY=x",
			"-e", "PABAL_SMTP_LISTEN=127.0.0.1:" + mail, "-e", "PABAL_WEB_LISTEN=127.0.0.1:" + web, "-e", "PABAL_WEB_METRICS_LISTEN=127.0.0.1:" + metrics,
			"localhost/pabal:1.2.3"}
	}
	podman(t, append([]string{"run", "-d"}, options("pabal")...)...)
	until(t, "the daemon lives", says("alive: 1.2.3", "exec", "pabal", "pabal", "healthcheck"))
	confined(t)
	if err := says("# campaign.from is set by PABAL_CAMPAIGN_FROM_FILE", "exec", "pabal", "pabal", "config", "show")(); err != nil {
		t.Error(err)
	}
	text := "From: shop@example.com\r\nTo: minji@example.net\r\nSubject: order\r\n\r\nyours\r\n"
	until(t, "a mail is taken", func() error {
		return smtp.SendMail("127.0.0.1:"+mail, nil, "shop@example.com", []string{"minji@example.net"}, []byte(text))
	})
	until(t, "SES has the mail", says(`"outcome":"accepted"`, "exec", "pabal", "pabal", "trace", "minji@example.net", "--json"))
	screens(t)

	if out, err := tryPodman(append([]string{"run"}, options("second")...)...); err == nil || !strings.Contains(err.Error(), "is using /var/lib/pabal") {
		t.Errorf("a second daemon on the volume: %s, %v", out, err)
	}
	podman(t, "stop", "-t", "45", "pabal")
	if got := podman(t, "inspect", "--format", "{{.State.ExitCode}}", "pabal"); got != "0" {
		t.Errorf("it ended with %s", got)
	}
	podman(t, "start", "pabal")
	until(t, "the daemon lives again", says("alive: 1.2.3", "exec", "pabal", "pabal", "healthcheck"))
	if err := says(`"outcome":"accepted"`, "exec", "pabal", "pabal", "trace", "minji@example.net", "--json")(); err != nil {
		t.Errorf("what the volume keeps is gone: %v", err)
	}
	podman(t, "rm", "-f", "-t", "20", "pabal", "second")
}

// confined looks at the daemon from outside: its user, and what it may do.
func confined(t *testing.T) {
	t.Helper()
	pid := podman(t, "inspect", "--format", "{{.State.Pid}}", "pabal")
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("%q is not in\n%s", want, status)
		}
	}
	if err := os.WriteFile("/proc/"+pid+"/root/etc/pabal/pabal.toml", nil, 0o644); err == nil {
		t.Error("the root of the container can be written")
	}
}

// screens opens the terminal UI as a person does, in 80 columns of 24 lines.
func screens(t *testing.T) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "tmux")
	tmux := func(args ...string) (string, error) {
		out, err := exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", socket}, args...)...).CombinedOutput()
		return string(out), err
	}
	line := "podman " + strings.Join(podmanArgs("exec", "-it", "pabal", "pabal"), " ")
	if out, err := tmux("new-session", "-d", "-x", "80", "-y", "24", line); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer func() { _, _ = tmux("kill-server") }() // it may have ended with the screens
	until(t, "the screens open", func() error {
		out, err := tmux("capture-pane", "-p")
		if err == nil && (!strings.Contains(out, "?") || !strings.Contains(strings.ToLower(out), "campaign")) {
			err = fmt.Errorf("the screen shows\n%s", out)
		}
		return err
	})
}
