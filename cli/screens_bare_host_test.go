//go:build host

package cli

import (
	"os/exec"
	"testing"

	"pabal/sesclient/emulator"
)

// TestScreensNeedNothingAround: in a container there may be no HOME, no locale,
// no terminfo, no shell and no editor. The screens come up all the same, in
// ASCII where nothing says that the terminal knows more.
func TestScreensNeedNothingAround(t *testing.T) {
	h := newHost(t, emulator.Options{})
	h.serve()
	pabal, err := exec.LookPath("pabal")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name string
		env  string
		home string
		keys []string // to the domain's screen
		see  string
	}{
		{"empty environment", "", "pabal > Home", []string{"8"}, "Domains of senders"},
		{"no terminfo", "TERM=xterm TERMINFO=/nowhere TERMINFO_DIRS=/nowhere", "pabal > Home", []string{"8"}, "Domains of senders"},
		{"unknown terminal", "TERM=no-such-terminal LANG=C.UTF-8", "pabal › Home", []string{"8"}, "Domains of senders"},
		{"linux console", "TERM=linux LANG=ko_KR.UTF-8", "파발 > 홈", []string{"8"}, "보내는 도메인"},
		{"dumb terminal", "TERM=dumb LANG=ko_KR.UTF-8", "키 >", []string{"8", "Enter"}, "보내는 도메인:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := openTerminal(t, h, "80", "24", "exec env -i "+c.env+" "+pabal+" --socket "+h.socket())
			m.see(c.home)
			m.press(c.keys...)
			m.see(c.see)
			if i == 0 {
				m.picture("screen-bare")
			}
		})
	}
}
