package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manualFiles is what pabal manual writes, by name.
func manualFiles(t *testing.T) (string, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	if code, out, errs := run(t, "manual", dir); code != exitDone || out != "" {
		t.Fatalf("code %d, %q, %s", code, out, errs)
	}
	files := map[string]string{}
	for _, pattern := range []string{"*", "man/*/*", "completions/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if text, err := os.ReadFile(path); err == nil {
				name, _ := filepath.Rel(dir, path)
				files[name] = string(text)
			}
		}
	}
	return dir, files
}

// TestEveryCommandFlagAndSettingIsInTheManual holds the pages against the
// commands and settings that there are.
func TestEveryCommandFlagAndSettingIsInTheManual(t *testing.T) {
	_, files := manualFiles(t)
	root := (&app{}).root()
	root.InitDefaultCompletionCmd()
	for _, top := range documented(root) {
		page, ok := files["man/man1/pabal-"+top.Name()+".1"]
		if !ok {
			t.Errorf("%s has no page", top.CommandPath())
			continue
		}
		if !strings.Contains(files["man/man1/pabal.1"], `\fB`+roff("pabal "+top.Name())+`\fR`) {
			t.Errorf("pabal(1) does not name %s", top.CommandPath())
		}
		eachLeaf(top, func(cmd *cobra.Command) {
			if !strings.Contains(page, roff(cmd.CommandPath())) || !strings.Contains(page, roff(strings.TrimSpace(cmd.Example))) {
				t.Errorf("the page of %s lacks %s or its example", top.Name(), cmd.CommandPath())
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" && !f.Hidden && !strings.Contains(page, roff("--"+f.Name)) {
					t.Errorf("the page of %s lacks --%s of %s", top.Name(), f.Name, cmd.CommandPath())
				}
			})
		})
	}
	page := files["man/man5/pabal.toml.5"]
	for _, s := range defaults().settings() {
		key := s.key[strings.LastIndex(s.key, ".")+1:]
		if s.key != "topic" && s.key != "route" && (!strings.Contains(page, roff(key+" = ")) || !strings.Contains(page, roff(s.variable()+"."))) {
			t.Errorf("pabal.toml(5) lacks %s", s.key)
		}
	}
}

func eachLeaf(cmd *cobra.Command, do func(*cobra.Command)) {
	if !cmd.HasSubCommands() {
		do(cmd)
	}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			eachLeaf(sub, do)
		}
	}
}

// TestThePackagedConfigurationIsGood is the file that every installed pabal
// begins with.
func TestThePackagedConfigurationIsGood(t *testing.T) {
	dir, files := manualFiles(t)
	if code, _, errs := run(t, "config", "check", "--config", filepath.Join(dir, "pabal.toml")); code != exitDone {
		t.Errorf("code %d: %s", code, errs)
	}
	if !strings.Contains(files["pabal.toml"], `data_dir = "/var/lib/pabal"`) || !strings.Contains(files["pabal.toml"], `socket = "/run/pabal/control.sock"`) {
		t.Error("not the places of an installed pabal")
	}
	for _, name := range []string{"completions/pabal.bash", "completions/_pabal", "completions/pabal.fish"} {
		if !strings.Contains(files[name], "__complete") {
			t.Errorf("%s asks nobody", name)
		}
	}
}

func TestManualTextMeansItself(t *testing.T) {
	p := newPage("x", "1", "b")
	p.item(`a = ["1", "2"]`, ".5 of C:\\new is -1")
	p.line(".SS %s", `say "hi" ~`)
	want := ".TP\n\\fBa = [\"1\", \"2\"]\\fR\n\\&.5 of C:\\enew is \\-1\n.SS \"say \\(dqhi\\(dq \\(ti\"\n"
	if !strings.HasSuffix(p.String(), want) {
		t.Errorf("got  %q\nwant %q", p.String(), want)
	}
}
