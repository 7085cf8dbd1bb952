package audience

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// in is field in ["a", "b"], or an attribute in [1, 2].
func (w *rewriter) in(n *ast.BinaryNode) (ast.Node, error) {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return n, w.each(&n.Left, &n.Right)
	}
	name, isName := fieldOrAttribute(n.Left)
	field, isField := wordOf(name)
	_, called := n.Left.(*ast.CallNode)
	if slices.ContainsFunc(list.Nodes, isNumber) && (isName && !isField || called) {
		return w.numbers(n.Left, list)
	}
	same := false
	for _, value := range list.Nodes {
		if isField && field.kind == KindChoice {
			if err := w.chosen(&field, value); err != nil {
				return nil, err
			}
		}
		same = sameAddress(name, value) || same
	}
	err := w.each(&n.Left, &n.Right)
	if same && err == nil {
		n.Left = lowered(n.Left)
	}
	return n, err
}

// numbers is a list of numbers as comparisons with each: so is an attribute a
// number.
func (w *rewriter) numbers(left ast.Node, list *ast.ArrayNode) (chain ast.Node, err error) {
	for _, value := range list.Nodes {
		if !isNumber(value) {
			return nil, w.fail(value, `write either numbers or texts: [1, 2] or ["a", "b"]`, "the list holds numbers and something else")
		}
		is := &ast.BinaryNode{Operator: "==", Left: left, Right: value}
		is.SetLocation(left.Location())
		one, err := w.comparison(is)
		if err != nil {
			return nil, err
		}
		if chain == nil {
			chain = one
			continue
		}
		chain = &ast.BinaryNode{Operator: "or", Left: chain, Right: one}
		chain.SetLocation(left.Location())
	}
	return chain, nil
}
