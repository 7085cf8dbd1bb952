package audience

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Limits of an expression.
const (
	maxExpression = 4096 // bytes
	maxNodes      = 500
)

// Segment is a parsed expression over subscribers. A nil *Segment is everyone.
// It may be used at the same time.
type Segment struct {
	Source string

	program *vm.Program
	slots   []slot
	zone    *time.Location
	at      time.Time // "now" of the expression; zero: when it is used
}

// At is the segment as it selects at an instant: "30 days ago" and days(30)
// are counted back from it, and campaigns that started later are not seen. A
// walk that a crash cut in two selects the same with both halves only so. A
// zero instant is the time of use.
func (g *Segment) At(t time.Time) *Segment {
	if g == nil {
		return nil
	}
	at := *g
	at.at = t
	return &at
}

// SegmentError has line and column (from 1) and what to do.
type SegmentError struct {
	Source  string
	Line    int
	Column  int
	Message string
	Hint    string
}

func (e *SegmentError) Error() string {
	return fmt.Sprintf("segment, line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// example is the hint where nothing better is known.
const example = `write for example: gender == "female" and created_at >= "2026-01-01" and tag("vip2026")`

// ParseSegment compiles an expression. It returns a *SegmentError.
//
// Fields are email, name, gender, created_at, updated_at, external_id,
// language, domain (of the e-mail), frequency, subscribed or opted_in (true
// while they consent), consent_source, consent_at and suppressed; every other
// name is an attribute, empty for who has none, as is attr("a name with
// spaces"). Names are the same in any case. tag("x") is whether they have a
// tag, topic("x") whether they have not switched that topic off. An attribute
// compared with a number is read as one ("12,500" is 12500; what is no number
// compares as false). A date field is compared with a date in quotes, in zone
// (nil is Asia/Seoul), or with "30 days ago", "today" and their like; a date
// without a time means the whole day, so <= "2026-01-31" has the 31st in it;
// who has no date matches no comparison but !=. Text is compared with == != <
// <= > >=, in [..], contains, startsWith, endsWith, matches (a regular
// expression); lower(), upper(), trim(), len(); and, or, not.
//
// received(), opened() and the other deeds (Deed) ask earlier campaigns: of
// all, of some by id or name as in opened(12, "Summer"), of the last ones as
// in opened(last(3)), or of the mails of the last days as in
// received(days(30)). Compared with a number they are how many campaigns that
// is true of. "" gives nil.
func ParseSegment(source string, zone *time.Location) (*Segment, error) {
	if strings.TrimSpace(source) == "" {
		return nil, nil
	}
	if len(source) > maxExpression {
		return nil, &SegmentError{source, 1, 1, fmt.Sprintf("the expression is over %d bytes", maxExpression), "put long lists into a tag: import them with --tag"}
	}
	config := segmentConfig()
	tree, err := parseTree(source, config)
	if err != nil {
		return nil, err
	}
	w := rewriter{source: source, zone: zoneOr(zone)}
	if err := w.truth(&tree.Node); err != nil {
		return nil, err
	}
	config.WithEnv(w.env())
	program, err := build(tree, config)
	if err != nil {
		return nil, asSegmentError(source, err)
	}
	return &Segment{Source: source, program: program, slots: w.slots, zone: w.zone}, nil
}

// parseTree parses, and lets not speak of the whole comparison behind it: in
// the library's grammar `not gender == "male"` is `(not gender) == "male"`.
func parseTree(source string, config *conf.Config) (*parser.Tree, error) {
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, asSegmentError(source, err)
	}
	ast.Walk(&tree.Node, notFirst{})
	return tree, nil
}

// notFirst moves a not from the left side of a comparison before it, where that
// side cannot be true or false by itself.
type notFirst struct{}

// Visit implements ast.Visitor.
func (notFirst) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BinaryNode)
	if !ok || !slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"}, b.Operator) {
		return
	}
	not, ok := b.Left.(*ast.UnaryNode)
	if !ok || not.Operator != "not" && not.Operator != "!" {
		return
	}
	_, kind := comparedField(not.Node)
	_, called := not.Node.(*ast.CallNode)
	if counted := called && isNumber(b.Right); (kind == "" || kind == KindFlag) && !counted {
		return
	}
	b.Left = not.Node
	ast.Patch(n, &ast.UnaryNode{Operator: not.Operator, Node: b})
}

func segmentConfig() *conf.Config {
	config := conf.CreateNew()
	for _, option := range []expr.Option{
		expr.DisableAllBuiltins(), expr.EnableBuiltin("len"), expr.EnableBuiltin("lower"),
		expr.EnableBuiltin("upper"), expr.EnableBuiltin("trim"), expr.AsBool(), expr.MaxNodes(maxNodes),
	} {
		option(config)
	}
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	return config
}

// build is the second half of expr.Compile: the first one ran before our rewriting.
func build(tree *parser.Tree, config *conf.Config) (*vm.Program, error) {
	if _, err := checker.Check(tree, config); err != nil {
		return nil, err
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return nil, err
	}
	return compiler.Compile(tree, config)
}

// asSegmentError turns the library's errors into ours.
func asSegmentError(source string, err error) error {
	e := &SegmentError{Source: source, Line: 1, Column: 1, Message: err.Error(), Hint: example}
	if f, ok := err.(*file.Error); ok {
		e.Line, e.Column = lineColumn(source, f.From)
		e.Message = f.Message
	}
	switch {
	case strings.Contains(source, "\u201c"), strings.Contains(source, "\u201d"), strings.Contains(source, "\u2018"), strings.Contains(source, "\u2019"):
		e.Hint = `use straight quotes: "`
	case strings.Contains(e.Message, "unexpected token EOF"):
		e.Message, e.Hint = "the expression ends too early", "close the brackets, and write what the last word is compared with, for example brand == \"zara\""
	case strings.Contains(e.Message, `Operator("=")`):
		e.Hint = "compare with =="
	case strings.Contains(e.Message, `Identifier("AND")`), strings.Contains(e.Message, `Identifier("OR")`), strings.Contains(e.Message, `Identifier("NOT")`):
		e.Hint = "write and, or, not in lower case"
	case strings.Contains(e.Message, "mismatched types"):
		e.Hint = `compare text with text ("vip") and an attribute with a number (points >= 100)`
	case strings.Contains(e.Message, "literal not terminated"):
		e.Hint = "close the quotes"
	case strings.HasPrefix(e.Message, "expected bool"):
		e.Message, e.Hint = "the expression has to be true or false for each subscriber", example
	}
	return e
}

// lineColumn of an offset in runes.
func lineColumn(source string, offset int) (line, column int) {
	line, column = 1, 1
	for _, r := range source {
		if offset--; offset < 0 {
			break
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// Names are the attributes the expression looks at, as written there. A name
// that Store.Attributes does not have is likely a mistake in writing.
func (g *Segment) Names() []string {
	if g == nil {
		return nil
	}
	var names []string
	for _, slot := range g.slots {
		if (slot.kind == textSlot || slot.kind == numberSlot) && !slices.Contains(names, slot.name) {
			names = append(names, slot.name)
		}
	}
	return names
}

// Match reports whether the segment selects a subscriber. What asks earlier
// campaigns or the suppression list cannot be told from the record alone: a
// *SegmentError; Store.Explain can.
func (g *Segment) Match(s *Subscriber) (bool, error) {
	if g == nil {
		return true, nil
	}
	for i := range g.slots {
		if slot := &g.slots[i]; slot.kind >= suppressedSlot {
			return false, slot.fault(g.Source, "this needs the whole store", "ask with: pabal segment explain")
		}
	}
	m := g.matcher(g.now(nil))
	for i := range m.slots {
		m.env[m.slots[i].key] = m.slots[i].of(s)
	}
	return m.run()
}

// now is the instant the segment selects at.
func (g *Segment) now(s *Store) time.Time {
	switch {
	case !g.at.IsZero():
		return g.at
	case s != nil:
		return s.now()
	}
	return time.Now()
}
