package audience

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// call is tag("x"), topic("x"), attr("x") or a deed; numeric where it is
// compared with a number.
func (w *rewriter) call(n *ast.CallNode, numeric bool) (ast.Node, error) {
	const hint = `there are tag("x"), topic("x"), attr("x"), len(), lower(), upper(), trim(), and of earlier campaigns received(), opened(), clicked(), bounced() and more`
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil, w.fail(n, hint, "this cannot be called")
	}
	name := strings.ToLower(callee.Value)
	if deed := deedOf(name); deed != 0 {
		return w.deed(n, name, deed, numeric)
	}
	switch name {
	case "tag", "topic", "attr":
	case "last", "days":
		return nil, w.fail(n.Callee, fmt.Sprintf("write for example opened(%s(3))", name), "%s() stands only inside a deed such as opened()", name)
	default:
		return nil, w.fail(n.Callee, meant(callee.Value, functionWords(), hint), "there is no function %s", callee.Value)
	}
	text, ok := argument(n)
	if !ok {
		return nil, w.fail(n, "write for example "+name+`("vip2026")`, "%s takes one text in quotes", name)
	}
	switch {
	case name == "tag":
		return w.use(n, slot{kind: tagSlot, name: text}), nil
	case name == "topic":
		return w.use(n, slot{kind: topicSlot, name: text}), nil
	case numeric:
		return w.use(n, slot{kind: numberSlot, name: text}), nil
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

// deed is what became of earlier campaigns.
func (w *rewriter) deed(n *ast.CallNode, name string, deed Deed, numeric bool) (ast.Node, error) {
	s := slot{kind: deedSlot, wish: wish{deed: deed}}
	if numeric {
		s.kind = deedsSlot
	}
	if len(n.Arguments) > maxWished {
		return nil, w.fail(n, "use last(), days() or none for all", "%s names more than %d campaigns", name, maxWished)
	}
	for _, argument := range n.Arguments {
		if err := w.wished(&s.wish, argument, name, len(n.Arguments) == 1); err != nil {
			return nil, err
		}
	}
	return w.use(n, s), nil
}

// wished reads one argument of a deed.
func (w *rewriter) wished(to *wish, n ast.Node, deed string, alone bool) error {
	hint := fmt.Sprintf(`write %s() for any campaign, %[1]s(12) or %[1]s("Summer sale") for one, %[1]s(last(3)) or %[1]s(days(30))`, deed)
	switch n := n.(type) {
	case *ast.IntegerNode:
		if n.Value > 0 {
			to.ids = append(to.ids, uint64(n.Value))
			return nil
		}
	case *ast.StringNode:
		if n.Value != "" {
			to.names = append(to.names, n.Value)
			return nil
		}
	case *ast.CallNode:
		return w.lately(to, n, hint, alone)
	}
	return w.fail(n, hint, "%s takes campaigns: their numbers, or their names in quotes", deed)
}

// lately reads last(n) and days(n), which stand alone.
func (w *rewriter) lately(to *wish, n *ast.CallNode, hint string, alone bool) error {
	callee, _ := fieldOrAttribute(n.Callee)
	name, count := strings.ToLower(callee), 1
	limit := map[string]int{"last": maxWished, "days": maxDays}[name]
	if limit == 0 || !alone {
		return w.fail(n, hint, "this does not say which campaigns")
	}
	number := &ast.IntegerNode{Value: 1}
	if len(n.Arguments) > 0 {
		number, _ = n.Arguments[0].(*ast.IntegerNode)
	}
	if len(n.Arguments) > 1 || number == nil || name == "days" && len(n.Arguments) == 0 {
		return w.fail(n, hint, "%s takes one number", name)
	}
	if count = number.Value; count < 1 || count > limit {
		return w.fail(n, hint, "%s takes a number from 1 to %d", name, limit)
	}
	if name == "last" {
		to.last = count
	} else {
		to.days = count
	}
	return nil
}
