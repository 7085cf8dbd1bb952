//go:build bench

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

const (
	screenRate = 200 // mails a second of the campaign that runs meanwhile
	screenKeys = 100 // of each kind
)

// benchScreens is how long after a key the window shows what it does, in tmux,
// of a daemon with a million subscribers that sends to all of them meanwhile.
func benchScreens(t *testing.T) []row {
	h := newHost(t, emulator.Options{Rate: screenRate, Quota: -1, Keep: -1})
	p := h.serve()
	m := &million{t: t, h: h, p: p, c: h.client()}
	m.importPeople()
	if _, err := m.c.Start(t.Context(), m.draft("small", 1<<10, ""), millionPeople); err != nil {
		t.Fatal(err)
	}
	s := openScreens(t, h)
	s.see("Last events")
	var moves, pages []time.Duration
	for range screenKeys / 4 {
		for _, step := range [][]string{{"2", "pabal › Campaigns", "small"}, {"3", "─ user0000000@"}, {"7", "transactional: pending"}, {"1", "Last events"}} {
			pages = append(pages, s.press(step[0], step[1:]...))
		}
	}
	s.press("3", "─ user0000000@")
	for n := range screenKeys {
		moves = append(moves, s.press("j", fmt.Sprintf("─ user%07d@", n+1)))
	}
	s.press("2", "pabal › Campaigns", "small")
	s.press("Enter", "accepted")
	s.press("Enter", "─ user0000000@") // the ledger
	for n := range screenKeys {
		moves = append(moves, s.press("j", fmt.Sprintf("─ user%07d@", n+1)))
	}
	h.stop(p)
	const goal = 50 * time.Millisecond
	result := func(work string, took []time.Duration) row {
		p95 := quantile(took, 0.95)
		return row{work + ", p95", milliseconds(p95) + ", p50 " + milliseconds(median(took)), "at most 50 ms", times(float64(p95) / float64(goal)), "≤ 50 ms", p95 <= goal}
	}
	return []row{
		result("key to screen in tmux, moving in a list, while 1,000,000 are sent at 200/s", moves),
		result("key to screen in tmux, another screen with its data, while 1,000,000 are sent at 200/s", pages),
	}
}

// screenProbe presses keys in a tmux window and watches it through one control
// connection: a process for every key would take longer than the key.
type screenProbe struct {
	t   *testing.T
	ctx context.Context
	in  io.Writer
	out *bufio.Scanner
}

// openScreens opens the screens of a host's daemon at 80×24.
func openScreens(t *testing.T, h *host) *screenProbe {
	t.Helper()
	socket := filepath.Join(h.dir, "tmux")
	env := append(append([]string{}, h.env...), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=xterm-256color")
	open := exec.Command("tmux", "-S", socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "pabal --lang en")
	open.Env = env
	if out, err := open.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	control := exec.CommandContext(ctx, "tmux", "-S", socket, "-C", "attach-session")
	control.Env = env
	in, err := control.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := control.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill-server\n") // gone already: as well
		_ = control.Wait()                         // it ends with the server
	})
	s := &screenProbe{t: t, ctx: ctx, in: in, out: bufio.NewScanner(out)}
	s.answer() // of the attach itself
	return s
}

// ask gives tmux a command and returns what it answers.
func (s *screenProbe) ask(command string) string {
	s.t.Helper()
	if _, err := io.WriteString(s.in, command+"\n"); err != nil {
		s.t.Fatal(err)
	}
	return s.answer()
}

// answer is the next block between %begin and %end; news between blocks is
// passed over.
func (s *screenProbe) answer() string {
	s.t.Helper()
	var block []string
	inside := false
	for s.out.Scan() {
		line := s.out.Text()
		switch {
		case strings.HasPrefix(line, "%begin "):
			inside = true
		case strings.HasPrefix(line, "%end "):
			return strings.Join(block, "\n")
		case strings.HasPrefix(line, "%error "):
			s.t.Fatalf("tmux: %s", strings.Join(block, "\n"))
		case inside:
			block = append(block, line)
		}
	}
	s.t.Fatalf("tmux is gone: %v", s.out.Err())
	return ""
}

// see waits until the window shows all texts.
func (s *screenProbe) see(texts ...string) {
	s.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		shown := s.ask("capture-pane -p")
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(shown, text) }) {
			return
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.t.Fatalf("the window does not show %q:\n%s", texts, shown)
		}
	}
}

// press presses a key and returns after how long the window shows all texts.
func (s *screenProbe) press(key string, texts ...string) time.Duration {
	s.t.Helper()
	begun := time.Now()
	s.ask("send-keys " + key)
	s.see(texts...)
	return time.Since(begun)
}
