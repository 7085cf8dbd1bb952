package audience

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"pabal/eml"
)

// rewriter turns the names of an expression into slots: what a row is asked.
// It lets through only what a condition needs, so that an expression cannot
// loop or grow.
type rewriter struct {
	source string
	zone   *time.Location
	slots  []slot
}

func (w *rewriter) fail(n ast.Node, hint, format string, args ...any) error {
	line, column := lineColumn(w.source, n.Location().From)
	return &SegmentError{w.source, line, column, fmt.Sprintf(format, args...), hint}
}

// env is a sample of the slots' types for the checker.
func (w *rewriter) env() map[string]any {
	env := map[string]any{}
	for _, s := range w.slots {
		env[s.key] = s.of(&Subscriber{})
	}
	return env
}

// use is an identifier of a slot.
func (w *rewriter) use(at ast.Node, s slot) ast.Node {
	name := s.name
	if s.kind == textSlot || s.kind == numberSlot {
		name = fold(attributeName, name)
	}
	s.key = fmt.Sprintf("%d %s %d %v %s", s.kind, name, s.date, s.span, s.wish.String())
	s.offset = at.Location().From
	if !slices.ContainsFunc(w.slots, func(have slot) bool { return have.key == s.key }) {
		w.slots = append(w.slots, s)
	}
	node := &ast.IdentifierNode{Value: s.key}
	node.SetLocation(at.Location())
	return node
}

// condition rewrites a node and what is below it.
func (w *rewriter) condition(n ast.Node) (ast.Node, error) {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.ConstantNode:
		return n, nil
	case *ast.IdentifierNode:
		return w.name(n, n.Value)
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return n, w.truth(&n.Node)
		}
		return n, w.each(&n.Node)
	case *ast.ConditionalNode:
		if err := w.truth(&n.Cond); err != nil {
			return nil, err
		}
		return n, w.each(&n.Exp1, &n.Exp2)
	case *ast.ArrayNode:
		for i := range n.Nodes {
			if err := w.each(&n.Nodes[i]); err != nil {
				return nil, err
			}
		}
		return n, nil
	case *ast.BuiltinNode:
		for i := range n.Arguments {
			if err := w.each(&n.Arguments[i]); err != nil {
				return nil, err
			}
		}
		return n, nil
	case *ast.CallNode:
		return w.call(n, false)
	case *ast.BinaryNode:
		return w.binary(n)
	}
	return nil, w.fail(n, example, "this is more than a segment can hold")
}

func (w *rewriter) each(nodes ...*ast.Node) (err error) {
	for _, n := range nodes {
		if *n, err = w.condition(*n); err != nil {
			return err
		}
	}
	return nil
}

// truth is each for nodes that have to be true or false.
func (w *rewriter) truth(nodes ...*ast.Node) error {
	for _, n := range nodes {
		name, ok := (*n).(*ast.IdentifierNode)
		if !ok {
			continue
		}
		field, isField := wordOf(name.Value)
		switch {
		case deedOf(name.Value) != 0:
			return w.fail(*n, fmt.Sprintf("write for example %s(last(3)), %[1]s(days(30)) or %[1]s(12)", strings.ToLower(name.Value)), "%s has to say of which campaigns", name.Value)
		case isField && field.kind == KindDate:
			continue // it says better what it lacks
		case !isField || field.kind != KindFlag:
			return w.fail(*n, fmt.Sprintf("compare it with something: %s == \"…\"", name.Value),
				"%s alone is not true or false", name.Value)
		}
	}
	return w.each(nodes...)
}

// name is a field or an attribute.
func (w *rewriter) name(at ast.Node, name string) (ast.Node, error) {
	field, ok := wordOf(name)
	switch {
	case !ok:
		return w.use(at, slot{kind: textSlot, name: name}), nil
	case field.kind == KindDate:
		return nil, w.fail(at, fmt.Sprintf(`write for example %s >= "2026-01-01"`, field.name), "%s has to be compared with a date in quotes", field.name)
	}
	return w.use(at, field.slot), nil
}

// binary is a comparison, or two conditions in one.
func (w *rewriter) binary(n *ast.BinaryNode) (ast.Node, error) {
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return w.comparison(n)
	case "and", "&&", "or", "||":
		return n, w.truth(&n.Left, &n.Right)
	case "in":
		return w.in(n)
	case "contains", "startsWith", "endsWith", "+", "-", "*", "/", "%":
		return n, w.each(&n.Left, &n.Right)
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			return nil, w.fail(n.Right, `write for example email matches "^shop"`, "matches takes a pattern in quotes")
		}
		if _, err := regexp.Compile(pattern.Value); err != nil {
			return nil, w.fail(n.Right, "put a backslash before characters such as ( [ * + ?", "the pattern is broken: %v", err)
		}
		return n, w.each(&n.Left)
	}
	return nil, w.fail(n, example, "%s cannot be used here", n.Operator)
}

// comparison gives dates, numbers and choices their meaning.
func (w *rewriter) comparison(n *ast.BinaryNode) (ast.Node, error) {
	left, isName := fieldOrAttribute(n.Left)
	right, alsoName := fieldOrAttribute(n.Right)
	if isName && alsoName {
		return nil, w.fail(n.Right, fmt.Sprintf("put text in quotes: %q; for an attribute write attr(%[1]q)", right), "%s stands without quotes", right)
	}
	if alsoName { // "2026-01-01" <= created_at
		n.Left, n.Right, n.Operator = n.Right, n.Left, turned(n.Operator)
		left = right
	}
	if field, ok := wordOf(left); ok {
		switch field.kind {
		case KindDate:
			return w.date(n, field)
		case KindChoice:
			if err := w.chosen(&field, n.Right); err != nil {
				return nil, err
			}
		}
	}
	same := (n.Operator == "==" || n.Operator == "!=") && sameAddress(left, n.Right)
	a, err := w.side(n.Left, n.Right)
	if err != nil {
		return nil, err
	}
	b, err := w.side(n.Right, n.Left)
	if n.Left, n.Right = a, b; same {
		n.Left = lowered(a)
	}
	return n, err
}

// lowered is a text in lower case.
func lowered(n ast.Node) ast.Node {
	low := &ast.BuiltinNode{Name: "lower", Arguments: []ast.Node{n}}
	low.SetLocation(n.Location())
	return low
}

// sameAddress brings a text that an address or a domain is compared with into
// the form that all spellings share, and reports whether the address has to be
// in lower case for it, which it is not always stored in.
func sameAddress(name string, n ast.Node) bool {
	field, _ := wordOf(name)
	text, ok := n.(*ast.StringNode)
	if !ok || field.name != "email" && field.name != "domain" {
		return false
	}
	if field.name == "domain" {
		if address, err := eml.ParseAddress("x@" + text.Value); err == nil {
			text.Value = eml.Domain(address)
		}
		return false
	}
	if address, err := eml.ParseAddress(text.Value); err == nil {
		text.Value = address
	}
	text.Value = eml.Key(text.Value)
	return true
}

// chosen brings a text compared with a field of a few words into the stored form.
func (w *rewriter) chosen(field *word, n ast.Node) error {
	text, ok := n.(*ast.StringNode)
	if !ok {
		return nil
	}
	value, known := field.choice(text.Value)
	if !known {
		list := `"` + strings.Join(field.choices, `", "`) + `"`
		if field.slot.kind != frequencySlot {
			list += ` or ""`
		}
		return w.fail(text, meant(text.Value, field.choices, field.name+" is "+list), "nobody has the %s %q", field.name, text.Value)
	}
	text.Value = value
	return nil
}

// side is one side of a comparison: an attribute or a deed is a number where
// the other side is one.
func (w *rewriter) side(n, other ast.Node) (ast.Node, error) {
	if !isNumber(other) {
		return w.condition(n)
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if _, ok := wordOf(n.Value); !ok {
			return w.use(n, slot{kind: numberSlot, name: n.Value}), nil
		}
	case *ast.CallNode:
		return w.call(n, true)
	}
	return w.condition(n)
}

// fieldOrAttribute is the bare name at a node.
func fieldOrAttribute(n ast.Node) (string, bool) {
	name, ok := n.(*ast.IdentifierNode)
	if !ok {
		return "", false
	}
	return name.Value, true
}

// turned is the operator that means the same with its sides changed.
func turned(operator string) string {
	if s := strings.NewReplacer("<", ">", ">", "<").Replace(operator); operator != "!=" {
		return s
	}
	return operator
}

func isNumber(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-" && isNumber(n.Node)
	}
	return false
}
