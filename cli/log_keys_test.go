package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logCalls are the methods of slog.Logger that write or add attributes, and the
// place of their message among the arguments (-1: none); attributes follow it.
var logCalls = map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
	"Log": 2, "LogAttrs": 2, "With": -1}

// attrOf are the functions of slog that make an attribute of a key and a value.
var attrOf = []string{"String", "Int", "Int64", "Uint64", "Float64", "Bool", "Time", "Duration", "Any", "Group"}

// logWalk is what is said to the log in some code: the keys and where each
// stands, and what breaks the rules.
type logWalk struct {
	keys   map[string][]string
	faults []string
	calls  int
	fset   *token.FileSet
}

func newLogWalk() *logWalk { return &logWalk{keys: map[string][]string{}, fset: token.NewFileSet()} }

func (w *logWalk) source(name string, text any) error {
	f, err := parser.ParseFile(w.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	packages := map[string]bool{}
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			packages[path.Base(p)] = true
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			w.call(n, packages)
		case *ast.CompositeLit:
			if f, ok := n.Type.(*ast.SelectorExpr); ok && packageOf(f) == "slog" && f.Sel.Name == "Attr" {
				w.fault(n, "an attribute is made by slog.String and its kin, so that its key can be seen")
			}
		}
		return true
	})
	return nil
}

// call looks at one call: of a logger, or of a function that makes an attribute.
// With so few arguments it is something else's method: err.Error(), entry.Info().
func (w *logWalk) call(c *ast.CallExpr, packages map[string]bool) {
	f, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	from := packageOf(f)
	if from == "slog" && slices.Contains(attrOf, f.Sel.Name) {
		w.key(c.Args[0])
		return
	}
	message, ok := logCalls[f.Sel.Name]
	if !ok || len(c.Args) <= message || len(c.Args) == 0 || packages[from] && from != "slog" {
		return
	}
	if from == "slog" {
		w.fault(c, "the global logger is not used")
	}
	w.calls++
	if message >= 0 {
		if text, ok := literal(c.Args[message]); !ok || text == "" {
			w.fault(c, "a message is a constant: what varies is an attribute")
		}
	}
	if c.Ellipsis.IsValid() {
		if f.Sel.Name != "LogAttrs" { // whose attributes were made by slog.String and its kin
			w.fault(c, "keys cannot be seen in a slice")
		}
		return
	}
	for rest := c.Args[message+1:]; len(rest) > 0; {
		if _, made := rest[0].(*ast.CallExpr); made {
			rest = rest[1:] // an attribute: seen where it is made
			continue
		}
		w.key(rest[0])
		rest = rest[min(2, len(rest)):]
	}
}

func (w *logWalk) key(e ast.Expr) {
	name, ok := literal(e)
	if !ok {
		w.fault(e, "a key is a constant")
		return
	}
	w.keys[name] = append(w.keys[name], w.fset.Position(e.Pos()).String())
}

func (w *logWalk) fault(n ast.Node, what string) {
	w.faults = append(w.faults, w.fset.Position(n.Pos()).String()+": "+what)
}

// packageOf is the name before the dot, "" if there is none.
func packageOf(e ast.Expr) string {
	if f, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name
		}
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// TestKeysOfTheLogAreTheListed walks every call of a logger in every package:
// each key is in the list, each key of the list is used, messages are constant.
func TestKeysOfTheLogAreTheListed(t *testing.T) {
	w := newLogWalk()
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		return w.source("../"+name, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.calls < 120 {
		t.Fatalf("saw only %d calls of a logger: the walk is broken", w.calls)
	}
	for _, f := range w.faults {
		t.Error(f)
	}
	listed := map[string]bool{}
	for _, k := range logKeys() {
		if listed[k.name] {
			t.Errorf("%s is listed twice", k.name)
		}
		if listed[k.name] = true; w.keys[k.name] == nil {
			t.Errorf("%s is listed, and no call uses it", k.name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.keys)) {
		if !listed[key] {
			t.Errorf("%s is not in the list of log_keys.go, and stands at %s", key, strings.Join(w.keys[key], ", "))
		}
	}
}

// TestWalkOfTheLogSeesEveryWayToSayAKey, and what it does not allow.
func TestWalkOfTheLogSeesEveryWayToSayAKey(t *testing.T) {
	const head = "package x\nimport (\"log/slog\"; \"net/http\"; \"errors\")\nfunc f(log *slog.Logger, e error, k string, all []any) {\n"
	for _, c := range []struct{ line, keys, fault string }{
		{`log.Info("done", "a", 1, "b", e)`, "a b", ""},
		{`log.With("a", 1).Warn("done", slog.String("b", "x"), "c", 2)`, "a b c", ""},
		{`log.ErrorContext(nil, "done", "a", 1)`, "a", ""},
		{`log.Log(nil, slog.LevelInfo, "done", "a", 1)`, "a", ""},
		{`log.LogAttrs(nil, slog.LevelInfo, "done", slog.Group("a", slog.Int("b", 1)))`, "a b", ""},
		{`log.LogAttrs(nil, slog.LevelInfo, "done", attrs...)`, "", ""},
		{`log.Debug("done", "a", slog.StringValue("x"))`, "a", ""},
		{`http.Error(w, e.Error(), 500); errors.Join(e)`, "", ""},
		{`log.Info(k)`, "", "constant"},
		{`log.Info("done "+k)`, "", "constant"},
		{`log.Info("done", k, 1)`, "", "a key is a constant"},
		{`log.Info("done", all...)`, "", "slice"},
		{`_ = slog.Attr{Key: k}`, "", "slog.String"},
		{`slog.Info("done", "a", 1)`, "a", "global"},
	} {
		w := newLogWalk()
		if err := w.source("x.go", head+c.line+"\n}\n"); err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(w.keys)), " "); got != c.keys {
			t.Errorf("%s: keys %q, want %q", c.line, got, c.keys)
		}
		if got := strings.Join(w.faults, "\n"); (got == "") != (c.fault == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%s: faults %q, want %q", c.line, got, c.fault)
		}
	}
}

// logRow is a row of the pages' table of keys: name, type, unit, meaning.
var logRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]*) \\| ([^|]*) \\| (.+) \\|$")

// TestPagesNameEveryKeyOfTheLogAndNoOther, in the order of the list.
func TestPagesNameEveryKeyOfTheLogAndNoOther(t *testing.T) {
	for _, page := range []string{"../docs/logs.md", "../docs/logs.ko.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		korean := strings.HasSuffix(page, ".ko.md")
		var got, want []string
		for _, row := range logRow.FindAllStringSubmatch(string(text), -1) {
			if korean {
				row[4] = ""
			}
			got = append(got, strings.Join(row[1:], "|"))
		}
		for _, k := range logKeys() {
			if korean {
				k.meaning = ""
			}
			want = append(want, fmt.Sprintf("%s|%s|%s|%s", k.name, k.kind, k.unit, k.meaning))
		}
		for i := range max(len(got), len(want)) {
			if a, b := at(got, i), at(want, i); a != b {
				t.Fatalf("%s, row %d of the table of keys:\ngot  %s\nwant %s", page, i+1, a, b)
			}
		}
	}
}

func at(lines []string, i int) string {
	if i >= len(lines) {
		return "nothing"
	}
	return lines[i]
}
