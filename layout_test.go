package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"os"
)

// layout is the whole architecture: which of our packages a package may
// import. Anything not listed is an error, a new folder too: a reader should
// be able to guess where a line lives, and data flows one way.
var layout = map[string][]string{
	".":                  {"cli"},
	"eml":                {},
	"store":              {"eml"}, // one home for what every bbolt file needs: opening, commits, a full disk, formats
	"spool":              {"store", "eml"},
	"audience":           {"store", "eml"},
	"campaign":           {"audience", "spool", "store", "eml"},
	"sesclient":          {"spool", "eml"},
	"sesclient/emulator": {"eml"},
	"backup":             {"eml"}, // the archive of all stores: none of them could be its home
	"smtpd":              {"spool", "eml"},
	"syncer":             {"audience", "eml"},
	"web":                {"audience", "campaign", "eml"},
	"alarm":              {"campaign", "sesclient", "spool", "syncer", "eml"}, // one home for what is wrong: status, screens, /readyz, journal and webhook show the same list
	"audit":              {"eml"},                                             // who changed what: written by the socket and by commands without a daemon
	"control":            {"alarm", "audit", "audience", "campaign", "sesclient", "spool", "syncer", "eml"},
	"tui":                {"alarm", "audience", "campaign", "sesclient", "spool", "syncer", "eml"},
	"cli": {"alarm", "audit", "audience", "backup", "campaign", "control", "eml", "sesclient", "sesclient/emulator", "smtpd", "spool", "store",
		"syncer", "tui", "web", "testdata"},
	"testdata": {}, // sample data, embedded for the demo; faults for tests
}

// homes says which packages may import an outside module: one place to look
// when its behaviour matters.
var homes = map[string][]string{
	"go.etcd.io/bbolt":                  {"store", "spool", "audience", "campaign"},
	"github.com/aws/":                   {"sesclient"},
	"github.com/emersion/go-smtp":       {"smtpd"},
	"github.com/go-sql-driver/mysql":    {"syncer"},
	"charm.land/":                       {"tui"},
	"github.com/spf13/cobra":            {"cli"},
	"github.com/BurntSushi/toml":        {"cli"},
	"github.com/mailgun/raymond/v2":     {"campaign"},
	"github.com/expr-lang/expr":         {"audience"},
	"github.com/klauspost/compress":     {"backup"},
	"golang.org/x/text/encoding/korean": {"audience", "campaign", "eml", "smtpd"}, // campaign: names in zips made by Windows
}

// folders without Go files that may stand at the top.
var folders = []string{".git", ".ci", "packaging", "docs", "testdata"}

func TestLayout(t *testing.T) {
	seen := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return checkFolder(t, name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		seen[path.Dir(name)] = true
		return checkImports(t, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 10 {
		t.Fatalf("saw only %d packages: the walk is broken", len(seen))
	}
}

func checkFolder(t *testing.T, name string) error {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains(folders, top) && name != "testdata" {
		return fs.SkipDir
	}
	if strings.HasPrefix(path.Base(name), ".") && name != "." || path.Base(name) == "testdata" && name != "testdata" {
		return fs.SkipDir
	}
	if name == "bin" || name == "pabal-demo" { // build products, not tracked
		return fs.SkipDir
	}
	if _, ok := layout[name]; !ok && !embedsOnly(name) {
		t.Errorf("folder %s is not in the layout: give the line a home that exists, or change layout_test.go and say why", name)
	}
	return nil
}

// embedsOnly reports whether a folder holds no Go of ours (texts, pages).
func embedsOnly(name string) bool {
	entries, err := os.ReadDir(name)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") {
			return false
		}
	}
	_, owned := layout[path.Dir(name)]
	return owned && path.Dir(name) != "."
}

func checkImports(t *testing.T, name string) error {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	dir := path.Dir(name)
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if ours, ok := strings.CutPrefix(imported, "pabal/"); ok && !slices.Contains(layout[dir], ours) {
			t.Errorf("%s imports %s: %s may import only %v", name, imported, dir, layout[dir])
		}
		for prefix, home := range homes {
			if strings.HasPrefix(imported, prefix) && !slices.Contains(home, dir) {
				t.Errorf("%s imports %s, whose home is %v", name, imported, home)
			}
		}
	}
	return nil
}
