package cli

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// run is one command line without a daemon.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(append([]string{"pabal"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitCodesAndTwoPartErrors(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	for _, c := range []struct {
		args       string
		code       int
		what, hint string
	}{
		{"campain", exitUsage, "no command pabal campain", "did you mean pabal campaign?"},
		{"campaign shwo", exitUsage, "no command pabal campaign shwo", "did you mean"},
		{"campaign", exitUsage, "say what to do", "one of: create"},
		{"campaign show", exitUsage, "takes ID", "pabal campaign show 7"},
		{"campaign show seven", exitUsage, "is a number, not seven", "campaign list"},
		{"campaign start --nope", exitUsage, "unknown flag: --nope", "pabal campaign start --help"},
		{"campaign start 1 --socket " + socket, exitUsage, "no terminal to ask on", "--yes"},
		{"campaign create", exitUsage, "needs --template", "template list"},
		{"ses-emulator --fault boo", exitUsage, "no fault boo", "throttle"},
		{"subscriber import a.csv --map email", exitUsage, "--map takes KEY=VALUE", "email=이메일"},
		{"status --socket " + socket, exitFailed, "no pabal daemon answers on " + socket, "pabal serve"},
		{"config check --config /none/pabal.toml", exitFailed, "cannot be read", "config init"},
		{"", exitUsage, "needs a terminal", "--help"},
	} {
		t.Run(c.args, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(c.args)...)
			if code != c.code || stdout != "" {
				t.Errorf("code %d, want %d; stdout %q", code, c.code, stdout)
			}
			lines := strings.Split(stderr, "\n")
			if len(lines) < 2 || !strings.Contains(lines[0], c.what) || !strings.Contains(lines[1], c.hint) {
				t.Errorf("got %q, want %q and %q", stderr, c.what, c.hint)
			}
			_, _, stderr = run(t, append(strings.Fields(c.args), "--json")...)
			var both struct{ Error, Hint string }
			if err := json.Unmarshal([]byte(stderr), &both); err != nil || !strings.Contains(both.Error, c.what) || !strings.Contains(both.Hint, c.hint) {
				t.Errorf("--json: %v, got %q", err, stderr)
			}
		})
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !cmd.HasSubCommands() && cmd.Name() != "help" && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.Short == "" {
			t.Errorf("%s has no short text", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk((&app{}).root())
}

func TestHelpGoesToStdout(t *testing.T) {
	code, stdout, stderr := run(t, "campaign", "start", "--help")
	if code != exitDone || stderr != "" || !strings.Contains(stdout, "--expect") {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
