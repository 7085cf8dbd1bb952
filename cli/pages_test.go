package cli

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

var updateReference = flag.Bool("update-reference", false, "write the commands and SES's answers of docs/reference.md anew")

// references are the pages that are held against the code, by language.
var references = map[string]string{"en": "../docs/reference.md", "ko": "../docs/reference.ko.md"}

// TestReferenceNamesWhatTheCodeHas compares the tables of the reference with
// the code in both directions: what is in one and not in the other is named.
func TestReferenceNamesWhatTheCodeHas(t *testing.T) {
	wanted := map[string][]string{
		"commands":        slices.Collect(maps.Keys(commandFlags())),
		"exit-codes":      exitCodes(t),
		"outcomes":        constants(t, "../spool/message.go", "outcomeNames"),
		"skip-reasons":    constants(t, "../spool/message.go", "Skip"),
		"campaign-states": constants(t, "../spool/ledger.go", "State"),
		"feedback":        constants(t, "../spool/feedback.go", "feedbackNames"),
		"classes":         everyClass(t),
		"scopes": {string(spool.ScopeAll), string(spool.ScopeRestored), string(spool.LaneScope(spool.Transactional)), string(spool.LaneScope(spool.Bulk)),
			string(spool.FromScope("DOMAIN")), string(spool.ConfigurationSetScope("NAME")), strings.TrimSuffix(string(spool.CampaignScope(0)), "0") + "ID"},
		"sync-codes": syncer.Codes(),
	}
	for section, want := range wanted {
		if len(want) < 3 {
			t.Errorf("%s: the code has only %v: the search is broken", section, want)
		}
	}
	for lang, name := range references {
		page := readPage(t, name)
		for section, want := range wanted {
			sameNames(t, lang+" "+section, firstCells(page, section), want)
		}
	}
}

// TestReferenceHasEveryFlag looks at the flags of each command, both ways.
func TestReferenceHasEveryFlag(t *testing.T) {
	for lang, name := range references {
		for _, row := range rows(readPage(t, name), "commands") {
			if flags, ok := commandFlags()[row[0]]; ok {
				sameNames(t, lang+" "+row[0], code(row[len(row)-1]), flags)
			}
			if strings.TrimSpace(row[1]) == "" {
				t.Errorf("%s: %s: nothing says what it does", lang, row[0])
			}
		}
	}
}

// TestReferenceHasTheTableOfAnswers holds SES's answers on the page against the
// table the program goes by, and what commands say of themselves.
func TestReferenceHasTheTableOfAnswers(t *testing.T) {
	const anew = "write it anew: go test ./cli -run TestReferenceIsWritten -update-reference"
	for lang, name := range references {
		page := readPage(t, name)
		if !strings.Contains(page, answerRows(handbookOf(name))+"<!-- end of answers -->") {
			t.Errorf("%s: the answers of SES are others than the code's; %s", lang, anew)
		}
		if lang == "en" && !strings.Contains(page, commandRows(nil)+"<!-- end of commands -->") {
			t.Errorf("the commands say other things of themselves; %s", anew)
		}
	}
}

// handbookOf is the handbook beside a page.
func handbookOf(name string) string {
	return strings.Replace(filepath.Base(name), "reference", "handbook", 1)
}

// TestHandbookHasAPlaceForEachClassAndPointer looks up what the program's output
// leads to, and that the handbook tells of no other class.
func TestHandbookHasAPlaceForEachClassAndPointer(t *testing.T) {
	var classes, places []string
	for _, class := range everyClass(t) {
		_, place, _ := strings.Cut(spool.Class(class).Page(), "#")
		classes = append(classes, place)
	}
	for _, page := range constants(t, "handbook.go", "page") {
		places = append(places, page)
	}
	if len(places) < 5 {
		t.Fatalf("only %d places: the search is broken", len(places))
	}
	for _, name := range []string{"docs/handbook.md", "docs/handbook.ko.md"} {
		page := readPage(t, "../"+name)
		var there []string
		for _, m := range regexp.MustCompile(`<a id="(hold-[a-z_]+)">`).FindAllStringSubmatch(page, -1) {
			there = append(there, m[1])
		}
		sameNames(t, name, there, classes)
		for _, place := range places {
			if _, id, _ := strings.Cut(place, "#"); !strings.Contains(page, `<a id="`+id+`">`) {
				t.Errorf("%s has no place %s", name, id)
			}
		}
	}
}

// everyClass is each class that a file of spool names.
func everyClass(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../spool/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			all = append(all, constants(t, file, "Class")...)
		}
	}
	return all
}

// TestHandbookPrintsThePolicy holds the policy to be pasted against the one that
// doctor prints.
func TestHandbookPrintsThePolicy(t *testing.T) {
	code, policy, errs := run(t, "doctor", "--policy")
	if code != exitDone {
		t.Fatal(errs)
	}
	for _, name := range []string{"../docs/handbook.md", "../docs/handbook.ko.md"} {
		if !strings.Contains(readPage(t, name), "```json\n"+policy+"```") {
			t.Errorf("%s prints another policy than: %s", name, policy)
		}
	}
}

// TestDoctorsPageNamesEachCheck compares docs/doctor.md with the checks made.
func TestDoctorsPageNamesEachCheck(t *testing.T) {
	said := regexp.MustCompile(`\b(?:say|problem)\("([a-z_]+[a-z])"`)
	var want []string
	names, err := filepath.Glob("doctor*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") || name == "doctor_live.go" }) {
		for _, m := range said.FindAllStringSubmatch(readPage(t, name), -1) {
			want = append(want, m[1])
		}
	}
	var got []string
	for _, row := range tableRows(readPage(t, "../docs/doctor.md")) {
		got = append(got, slices.DeleteFunc(code(row[0]), func(s string) bool { return strings.HasPrefix(s, "live_") })...)
	}
	sameNames(t, "docs/doctor.md", got, want)
}

// TestReferenceIsWritten writes the parts that are made of the code, when asked.
func TestReferenceIsWritten(t *testing.T) {
	if !*updateReference {
		return
	}
	for lang, name := range references {
		page := readPage(t, name)
		var said map[string]string // what is said in Korean stays, it is nowhere in the code
		if lang == "ko" {
			said = map[string]string{}
			for _, row := range rows(page, "commands") {
				said[row[0]] = row[1]
			}
		}
		page = replaced(page, "commands", commandRows(said))
		page = replaced(page, "answers", answerRows(handbookOf(name)))
		if err := os.WriteFile(name, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sameNames compares two sets of names.
func sameNames(t *testing.T, where string, got, want []string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s: the page lacks %s", where, name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s: the page has %s, the code does not", where, name)
		}
	}
}

// partOf is a page from the place of that name to the next heading.
func partOf(page, place string) string {
	_, text, _ := strings.Cut(page, `<a id="`+place+`">`)
	_, text, _ = strings.Cut(text, "\n## ")
	text, _, _ = strings.Cut(text, "\n<a id=")
	return text
}

// rows are the rows of a section's tables; the first cell is its first code.
func rows(page, place string) (all [][]string) {
	for _, row := range tableRows(partOf(page, place)) {
		if names := code(row[0]); len(names) > 0 {
			row[0] = names[0]
			all = append(all, row)
		}
	}
	return all
}

func firstCells(page, place string) (names []string) {
	for _, row := range rows(page, place) {
		names = append(names, row[0])
	}
	return names
}

// tableRows are the cells of each row of a page's tables.
func tableRows(text string) (all [][]string) {
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.ReplaceAll(strings.TrimSuffix(line[1:], "|"), `\|`, "\x00"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		all = append(all, cells)
	}
	return all
}

// code are the words of a cell that stand between backticks.
func code(cell string) (words []string) {
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			words = append(words, part)
		}
	}
	return words
}

// commandFlags are the flags of every command, without those that all have.
func commandFlags() map[string][]string {
	all := map[string][]string{}
	eachCommand(func(cmd *cobra.Command) {
		flags := []string{}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !f.Hidden {
				flags = append(flags, "--"+f.Name)
			}
		})
		all[useLine(cmd)] = flags
	})
	return all
}

// eachCommand is every command that does something, pabal alone first.
func eachCommand(do func(*cobra.Command)) {
	root := (&app{}).root()
	root.InitDefaultCompletionCmd()
	do(root)
	for _, top := range documented(root) {
		for _, leaf := range below(top) {
			do(leaf)
		}
	}
}

func useLine(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }

// commandRows are all commands, with what they say of themselves or, if said is
// not nil, with what it says of them.
func commandRows(said map[string]string) string {
	var b strings.Builder
	eachCommand(func(cmd *cobra.Command) {
		what := cmd.Short
		if said != nil {
			what = said[useLine(cmd)]
		}
		var flags []string
		for _, f := range commandFlags()[useLine(cmd)] {
			flags = append(flags, "`"+f+"`")
		}
		escape := strings.NewReplacer("|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", escape.Replace(useLine(cmd)), escape.Replace(what), strings.Join(flags, " "))
	})
	return b.String()
}

// answerRows is the table the program goes by, a row a row.
func answerRows(handbook string) string {
	var b strings.Builder
	for _, a := range sesclient.Answers() {
		names := a.Codes
		for _, status := range a.Status {
			names = append(names, "HTTP "+strconv.Itoa(status))
		}
		if names == nil {
			names = []string{"(" + string(a.Got) + ")"}
		}
		words := a.Example
		if a.Pattern != nil {
			words = "≈ " + words
		}
		fmt.Fprintf(&b, "| `%s` | [`%s`](%s#hold-%s) | %s |\n", strings.Join(names, "` `"), a.Class, handbook, a.Class, strings.ReplaceAll(words, "<", "&lt;"))
	}
	return b.String()
}

func replaced(page, part, text string) string {
	before, rest, _ := strings.Cut(page, "<!-- "+part+" -->\n")
	_, after, _ := strings.Cut(rest, "<!-- end of "+part+" -->\n")
	head, _, _ := strings.Cut(rest, "| `")
	return before + "<!-- " + part + " -->\n" + head + text + "<!-- end of " + part + " -->\n" + after
}

// exitCodes are the numbers of pabal and of sendmail.
func exitCodes(t *testing.T) []string {
	return append([]string{strconv.Itoa(exitDone), strconv.Itoa(exitFailed), strconv.Itoa(exitUsage)}, constants(t, "../smtpd/sendmail.go", "Exit")...)
}

// constants reads a file's constants of a type or with a prefix, or the strings of a
// variable of that name: what a list beside them could forget.
func constants(t *testing.T, file, name string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, typed := spec.Type.(*ast.Ident)
		for i, id := range spec.Names {
			if !(typed && kind.Name == name || strings.HasPrefix(id.Name, name)) || i >= len(spec.Values) {
				continue
			}
			values = append(values, literals(spec.Values[i])...)
		}
		return false
	})
	return values
}

func literals(e ast.Expr) (values []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			text := lit.Value
			if unquoted, err := strconv.Unquote(text); err == nil {
				text = unquoted
			}
			values = append(values, text)
		}
		return true
	})
	return values
}
