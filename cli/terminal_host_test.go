//go:build host

package cli

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// terminal is tmux with one window in which pabal's screens run, as somebody
// sees them over ssh.
type terminal struct {
	t        *testing.T
	socket   string
	env      []string
	pictures string // folder for pictures; "" takes none
}

const terminalPatience = 60 * time.Second

// newTerminal opens the screens of a host's daemon in a window of w×h.
func newTerminal(t *testing.T, h *host, w, height, lang string) *terminal {
	t.Helper()
	return openTerminal(t, h, w, height, "pabal --lang "+lang)
}

// openTerminal runs a command in a window of w×h.
func openTerminal(t *testing.T, h *host, w, height, command string) *terminal {
	t.Helper()
	// One that ends may still hold a socket of the same name.
	term := &terminal{t: t, socket: filepath.Join(h.dir, "tmux-"+rand.Text()[:8]), pictures: os.Getenv("UI_PICTURES"),
		env: append(append([]string{}, h.env...), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TERM=xterm-256color")}
	config := filepath.Join(h.dir, "tmux.conf")
	lines := "set -g default-terminal tmux-256color\nset -g remain-on-exit on\nset -sg escape-time 5\nset -g status off\n"
	if err := os.WriteFile(config, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	term.tmux("-f", config, "new-session", "-d", "-x", w, "-y", height, command)
	t.Cleanup(func() { term.tmux("kill-server") })
	return term
}

func (m *terminal) tmux(words ...string) string {
	m.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", m.socket}, words...)...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// screen is what the window shows.
func (m *terminal) screen() string { return m.tmux("capture-pane", "-p") }

// press sends keys by their names, write letters.
func (m *terminal) press(keys ...string) {
	m.t.Helper()
	for _, k := range keys {
		m.tmux("send-keys", k)
	}
}

func (m *terminal) write(text string) {
	m.t.Helper()
	m.tmux("send-keys", "-l", text)
}

// see waits until all texts are on the screen, and checks that its frames are
// closed: the right edge of every box in one column.
func (m *terminal) see(texts ...string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), terminalPatience)
	defer cancel()
	last := ""
	err := eventually(ctx, func() bool {
		last = m.screen()
		for _, text := range texts {
			if !strings.Contains(last, text) {
				return false
			}
		}
		return true
	})
	if err != nil {
		m.t.Fatalf("the screen does not show %q:\n%s", texts, last)
	}
	m.aligned(last)
}

// aligned checks the columns at which the frames of a screen end.
func (m *terminal) aligned(screen string) {
	m.t.Helper()
	right := -1
	for line := range strings.SplitSeq(screen, "\n") {
		line = strings.TrimRight(line, " ")
		switch end := ansi.StringWidth(line) - 1; {
		case strings.HasSuffix(line, "╮"):
			right = end
		case strings.HasSuffix(line, "╯"):
			if end != right {
				m.t.Errorf("a frame ends at column %d, it began at %d:\n%s", end, right, screen)
			}
			right = -1
		case right >= 0 && (!strings.HasSuffix(line, "│") || end != right):
			m.t.Errorf("a frame is open at %q:\n%s", line, screen)
		}
	}
}

// picture keeps what the window shows as a PNG, where pictures are wanted.
func (m *terminal) picture(name string) {
	m.t.Helper()
	if m.pictures == "" {
		return
	}
	out := filepath.Join(m.pictures, name+".png")
	cmd := exec.Command("../testdata/ui/picture.sh", m.socket, ":", out)
	if text, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("picture %s: %v\n%s", name, err, text)
	}
}
