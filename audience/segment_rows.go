package audience

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// conditionOf is a node as a condition row: what Condition writes, read back.
func conditionOf(n ast.Node, not bool) (Condition, bool) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if !not && (n.Operator == "not" || n.Operator == "!") {
			return conditionOf(n.Node, true)
		}
	case *ast.IdentifierNode:
		w, ok := wordOf(n.Value)
		return Condition{Field: w.name, Comparison: yesNo(not)}, ok && w.kind == KindFlag
	case *ast.CallNode:
		return calledCondition(n, not)
	case *ast.BinaryNode:
		return comparedCondition(n, not)
	}
	return Condition{}, false
}

func yesNo(not bool) Comparison {
	if not {
		return No
	}
	return Yes
}

func calledCondition(n *ast.CallNode, not bool) (Condition, bool) {
	name, _ := fieldOrAttribute(n.Callee)
	c := Condition{Field: strings.ToLower(name)}
	if c.Field == "tag" || c.Field == "topic" {
		text, ok := argument(n)
		c.Comparison, c.Values = yesNo(not), []string{text}
		return c, ok
	}
	if deedOf(c.Field) == 0 {
		return c, false
	}
	pick := func(is, isNot Comparison) { c.Comparison = map[bool]Comparison{false: is, true: isNot}[not] }
	if len(n.Arguments) == 0 {
		pick(Ever, Never)
		return c, true
	}
	if call, ok := n.Arguments[0].(*ast.CallNode); ok {
		lately, _ := fieldOrAttribute(call.Callee)
		number := "1"
		if len(call.Arguments) == 1 {
			number = call.Arguments[0].String()
		}
		if c.Values = []string{number}; strings.EqualFold(lately, "last") {
			pick(OfLast, NotOfLast)
		} else {
			pick(OfDays, NotOfDays)
		}
		return c, true
	}
	pick(Of, NotOf)
	for _, argument := range n.Arguments {
		switch v := argument.(type) {
		case *ast.IntegerNode:
			c.Values = append(c.Values, strconv.Itoa(v.Value))
		case *ast.StringNode:
			if _, err := strconv.ParseUint(v.Value, 10, 63); err == nil {
				return c, false // a name of digits would become a number
			}
			c.Values = append(c.Values, v.Value)
		}
	}
	return c, true
}

func comparedCondition(n *ast.BinaryNode, not bool) (Condition, bool) {
	c, kind := comparedField(n.Left)
	if kind == "" {
		return c, false
	}
	numeric := false
	switch right := n.Right.(type) {
	case *ast.StringNode:
		c.Values = []string{right.Value}
	case *ast.ArrayNode:
		for _, item := range right.Nodes {
			text, ok := item.(*ast.StringNode)
			if !ok {
				return c, false
			}
			c.Values = append(c.Values, text.Value)
		}
		if len(c.Values) == 0 || len(c.Values) > maxWished {
			return c, false
		}
	default:
		if numeric = isNumber(right); !numeric {
			return c, false
		}
		c.Values = []string{right.String()}
	}
	for _, s := range signs() {
		number := slices.Contains([]Comparison{Equals, More, Less, AtLeast, AtMost}, s.comparison)
		empty := s.comparison == Empty || s.comparison == NotEmpty
		if s.operator != n.Operator || s.not != not || number != numeric || empty != (len(c.Values) == 1 && c.Values[0] == "") {
			continue
		}
		if c.Comparison = s.comparison; !slices.Contains(kind.comparisons(), s.comparison) {
			continue
		}
		if empty {
			c.Values = nil
		}
		return c, c.Field != "frequency" || !empty
	}
	return c, false
}

// comparedField is the field left of a comparison; "" where it is none.
func comparedField(n ast.Node) (Condition, Kind) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if w, ok := wordOf(n.Value); ok {
			return Condition{Field: w.name}, w.kind
		}
		return Condition{Field: AttributeField, Attribute: n.Value}, KindValue
	case *ast.CallNode:
		name, _ := fieldOrAttribute(n.Callee)
		if text, ok := argument(n); ok && strings.EqualFold(name, "attr") {
			return Condition{Field: AttributeField, Attribute: text}, KindValue
		}
	}
	return Condition{}, ""
}
