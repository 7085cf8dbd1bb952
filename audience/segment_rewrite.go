package audience

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
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
	s.key = fmt.Sprintf("%d %s %d %d", s.kind, fold(attributeName, s.name), s.from, s.to)
	if s.kind == tagSlot {
		s.key = fmt.Sprintf("%d %s", s.kind, s.name)
	}
	known := false
	for _, have := range w.slots {
		known = known || have.key == s.key
	}
	if !known {
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
		return n, w.each(&n.Node)
	case *ast.ConditionalNode:
		return n, w.each(&n.Cond, &n.Exp1, &n.Exp2)
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
		return w.call(n)
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

// name is a field or an attribute.
func (w *rewriter) name(at ast.Node, name string) (ast.Node, error) {
	switch fieldName(name) {
	case "email":
		return w.use(at, slot{kind: emailSlot}), nil
	case "name":
		return w.use(at, slot{kind: nameSlot}), nil
	case "gender":
		return w.use(at, slot{kind: genderSlot}), nil
	case "external_id":
		return w.use(at, slot{kind: externalSlot}), nil
	case "language":
		return w.use(at, slot{kind: languageSlot}), nil
	case "domain":
		return w.use(at, slot{kind: domainSlot}), nil
	case "subscribed":
		return w.use(at, slot{kind: subscribedSlot}), nil
	case "created_at":
		return nil, w.fail(at, `write for example created_at >= "2026-01-01"`, "created_at has to be compared with a date in quotes")
	}
	return w.use(at, slot{kind: textSlot, name: name}), nil
}

// fieldName is the field behind a name in an expression, "" for an attribute.
func fieldName(name string) string {
	switch strings.ReplaceAll(strings.ToLower(name), "_", "") {
	case "email":
		return "email"
	case "name":
		return "name"
	case "gender":
		return "gender"
	case "createdat":
		return "created_at"
	case "externalid":
		return "external_id"
	case "language":
		return "language"
	case "domain":
		return "domain"
	case "subscribed", "optedin":
		return "subscribed"
	}
	return ""
}

// call is tag("x") or attr("x").
func (w *rewriter) call(n *ast.CallNode) (ast.Node, error) {
	const hint = `there are tag("x"), attr("x"), len(), lower(), upper() and trim()`
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil, w.fail(n, hint, "this cannot be called")
	}
	name := strings.ToLower(callee.Value)
	if name != "tag" && name != "attr" {
		return nil, w.fail(n.Callee, hint, "there is no function %s", callee.Value)
	}
	text, ok := argument(n)
	if !ok {
		return nil, w.fail(n, "write for example "+name+`("vip2026")`, "%s takes one text in quotes", name)
	}
	if name == "tag" {
		return w.use(n, slot{kind: tagSlot, name: text}), nil
	}
	return w.use(n, slot{kind: textSlot, name: text}), nil
}

func argument(n *ast.CallNode) (string, bool) {
	if len(n.Arguments) != 1 {
		return "", false
	}
	text, ok := n.Arguments[0].(*ast.StringNode)
	if !ok || text.Value == "" {
		return "", false
	}
	return text.Value, true
}

// binary is a comparison, or two conditions in one.
func (w *rewriter) binary(n *ast.BinaryNode) (ast.Node, error) {
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return w.comparison(n)
	case "and", "&&", "or", "||", "in", "contains", "startsWith", "endsWith", "+", "-", "*", "/", "%":
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

// comparison gives dates, numbers and genders their meaning.
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
	switch fieldName(left) {
	case "created_at":
		return w.date(n)
	case "gender":
		if text, ok := n.Right.(*ast.StringNode); ok {
			code, known := genderCode(text.Value)
			if !known {
				return nil, w.fail(text, `gender is "male", "female" or ""`, "nobody has the gender %q", text.Value)
			}
			text.Value = genderWords()[code]
		}
	}
	a, err := w.side(n.Left, n.Right)
	if err != nil {
		return nil, err
	}
	b, err := w.side(n.Right, n.Left)
	n.Left, n.Right = a, b
	return n, err
}

// side is one side of a comparison: an attribute is a number where the other
// side is one.
func (w *rewriter) side(n, other ast.Node) (ast.Node, error) {
	if !isNumber(other) {
		return w.condition(n)
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if fieldName(n.Value) == "" {
			return w.use(n, slot{kind: numberSlot, name: n.Value}), nil
		}
	case *ast.CallNode:
		callee, _ := fieldOrAttribute(n.Callee)
		if text, ok := argument(n); ok && strings.EqualFold(callee, "attr") {
			return w.use(n, slot{kind: numberSlot, name: text}), nil
		}
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

// date turns created_at OP "date" into a range of milliseconds. A date without
// a time is the whole day.
func (w *rewriter) date(n *ast.BinaryNode) (ast.Node, error) {
	const hint = `write for example "2026-01-31" or "2026-01-31 09:00"`
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return nil, w.fail(n.Right, hint, "created_at has to be compared with a date in quotes")
	}
	if text.Value == "" && (n.Operator == "==" || n.Operator == "!=") {
		return w.created(n, 0, 0, n.Operator == "=="), nil
	}
	from, dayOnly, ok := parseTime(text.Value, w.zone)
	if !ok {
		return nil, w.fail(text, hint, "%q is not a date", text.Value)
	}
	to := from.Add(time.Millisecond)
	if dayOnly {
		to = from.AddDate(0, 0, 1)
	}
	a, b := from.UnixMilli(), to.UnixMilli()
	switch n.Operator {
	case "<":
		return w.created(n, minMillis, a, false), nil
	case "<=":
		return w.created(n, minMillis, b, false), nil
	case ">":
		return w.created(n, b, maxMillis, false), nil
	case ">=":
		return w.created(n, a, maxMillis, false), nil
	}
	return w.created(n, a, b, n.Operator == "!="), nil
}

// created is whether created_at is known and from <= it < to, or the contrary.
// An empty range with 0 is "known at all".
func (w *rewriter) created(at ast.Node, from, to int64, not bool) ast.Node {
	if from == 0 && to == 0 {
		from, to = minMillis, maxMillis
	}
	node := w.use(at, slot{kind: createdSlot, from: from, to: to})
	if !not {
		return node
	}
	negated := &ast.UnaryNode{Operator: "not", Node: node}
	negated.SetLocation(at.Location())
	return negated
}
