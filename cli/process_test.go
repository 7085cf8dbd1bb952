package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/control"
	"pabal/sesclient/emulator"
)

// host is a place where the real binary can be started, killed and started
// again: a store, a socket, and an SES that outlives it.
type host struct {
	t       testing.TB
	dir     string
	env     []string
	sockets []*os.File // what serve inherits, from descriptor 3 on
	ses     *emulator.Server
}

func newHost(t testing.TB, o emulator.Options, env ...string) *host {
	t.Helper()
	o.Verified = append(o.Verified, "example.com")
	ses, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := ses.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ses.Close(); err != nil {
			t.Error(err)
		}
	})
	dir, err := os.MkdirTemp("", "pabal") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h := &host{t: t, dir: dir, ses: ses}
	h.env = append(h.env, "HOME="+dir, "PATH="+os.Getenv("PATH"), "LANG=en_US.UTF-8", "PABAL_DATA_DIR="+filepath.Join(dir, "data"), "PABAL_CONTROL_SOCKET="+h.socket(),
		"PABAL_SES_ENDPOINT="+url, "PABAL_SMTP_LISTEN=127.0.0.1:0", "PABAL_WEB_LISTEN=127.0.0.1:0", "PABAL_WEB_METRICS_LISTEN=",
		"PABAL_CAMPAIGN_FROM=shop@example.com", "PABAL_CAMPAIGN_COMPANY=Shop",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	if name := os.Getenv(profiling); name != "" {
		h.env = append(h.env, profiling+"="+name)
	}
	h.env = append(h.env, env...)
	return h
}

func (h *host) socket() string { return filepath.Join(h.dir, "run", "c.sock") }

func (h *host) client() *control.Client {
	c := control.NewClient(h.socket(), "test")
	h.t.Cleanup(c.Close)
	return c
}

// readyWithin is how long a start may take before it counts as hanging.
const readyWithin = 30 * time.Second

// process is a `pabal serve` that was started.
type process struct {
	*exec.Cmd
	where addresses
	ended chan struct{} // closed when the process is gone; ProcessState is set then
}

// serve starts the binary and returns when it says that it is ready.
func (h *host) serve() *process {
	h.t.Helper()
	p, err := h.start()
	if err != nil {
		h.t.Fatalf("serve: %v\n%s", err, h.log())
	}
	return p
}

// start starts the binary behind the words of a wrapper, if any, that ends as
// the same process. It returns when the daemon says that it is ready, or with
// an error when it ended or hung before; p then tells how it ended.
func (h *host) start(wrapper ...string) (p *process, err error) {
	h.t.Helper()
	stderr, err := os.OpenFile(filepath.Join(h.dir, "stderr"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer stderr.Close() // the process has its own
	stdout, in, err := os.Pipe()
	if err != nil {
		h.t.Fatal(err)
	}
	words := append(slices.Clone(wrapper), "pabal", "serve", "--json")
	p = &process{Cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
	p.Env, p.Stdout, p.Stderr, p.ExtraFiles = h.env, in, stderr, h.sockets
	err = p.Start()
	in.Close()
	if err != nil {
		stdout.Close()
		h.t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	h.t.Cleanup(p.kill)
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n') // nothing: the process ended
		stdout.Close()
		line <- text
	}()
	select {
	case text := <-line:
		if err := json.Unmarshal([]byte(text), &p.where); err != nil {
			<-p.ended
			return p, fmt.Errorf("it ended (%v) without being ready", p.ProcessState)
		}
		return p, nil
	case <-time.After(readyWithin):
		p.kill()
		return p, fmt.Errorf("it was not ready after %v", readyWithin)
	}
}

// pabal runs a command beside the daemon and returns what it said.
func (h *host) pabal(words ...string) string {
	h.t.Helper()
	out, err := h.command(words...).CombinedOutput()
	if err != nil {
		h.t.Errorf("pabal %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// command is one beside the daemon, not yet started.
func (h *host) command(words ...string) *exec.Cmd {
	cmd := exec.Command("pabal", words...)
	cmd.Env = h.env
	return cmd
}

// kill is SIGKILL, by pid; nothing to a process that has ended.
func (p *process) kill() {
	_ = p.Process.Kill() // it has ended already, or it will
	<-p.ended
}

// stop is SIGINT; it returns how long the process took to end well.
func (h *host) stop(p *process) time.Duration {
	h.t.Helper()
	begun := time.Now()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		h.t.Fatal(err)
	}
	<-p.ended
	if !p.ProcessState.Success() {
		h.t.Fatalf("serve ended with %v\n%s", p.ProcessState, h.log())
	}
	return time.Since(begun)
}

// log is the end of what the daemons logged.
func (h *host) log() string {
	text, err := os.ReadFile(filepath.Join(h.dir, "stderr"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// people is a CSV file of n customers.
func people(n int) string {
	var out strings.Builder
	out.WriteString("email,name,subscribed\n")
	for i := range n {
		fmt.Fprintf(&out, "user%05d@example.net,고객%05d,yes\n", i, i)
	}
	return out.String()
}
