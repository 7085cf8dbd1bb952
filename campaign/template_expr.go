package campaign

import (
	"slices"
	"strings"

	"github.com/mailgun/raymond/v2/ast"
)

// argument compiles a parameter: a path, a literal or a subexpression. Its
// fields are tested or have a default, so they may be without a value.
func (c *compiler) argument(n ast.Node) (*expr, error) {
	switch n := n.(type) {
	case *ast.SubExpression:
		return c.expression(n.Expression, n.Pos, false)
	case *ast.PathExpression:
		return c.path(n, false)
	case *ast.StringLiteral:
		return &expr{kind: exprLiteral, value: n.Value}, nil
	case *ast.NumberLiteral:
		return &expr{kind: exprLiteral, value: n.Number()}, nil
	case *ast.BooleanLiteral:
		return &expr{kind: exprLiteral, value: n.Value}, nil
	}
	return nil, c.fail(n.Location().Pos, "value", "this cannot be a value", "Use a field, a text in quotation marks or a number.")
}

// expression compiles what stands in a tag: a helper call or a path. needed
// says that a field without a value leaves a hole in the letter.
func (c *compiler) expression(e *ast.Expression, at int, needed bool) (*expr, error) {
	name := e.HelperName()
	if slices.Contains(callHelpers, name) {
		return c.call(e, name, at)
	}
	if slices.Contains(blockHelpers, name) {
		return nil, c.fail(at, "is_block", name+" is a block", "Write {{#"+name+" …}}…{{/"+name+"}}.", name)
	}
	if len(e.Params) > 0 || e.Hash != nil || slices.Contains(strangeHelpers, name) {
		return nil, c.unknownHelper(at, name)
	}
	if path := e.FieldPath(); path != nil {
		return c.path(path, needed)
	}
	return c.argument(e.Path)
}

func (c *compiler) unknownHelper(at int, name string) error {
	if slices.Contains(strangeHelpers, name) {
		return c.fail(at, "no_helper", "there is no helper called "+name,
			"Helpers are default, eq, lookup, if, unless, each, with. A field of that name is written with other capitals: "+strings.ToUpper(name[:1])+name[1:]+".", name)
	}
	return c.fail(at, "no_helper", "there is no helper called "+name,
		"Helpers are default, eq, lookup, if, unless, each, with. A field whose name has a space is written {{["+name+" …]}}.", name)
}

func (c *compiler) call(e *ast.Expression, name string, at int) (*expr, error) {
	if e.Hash != nil || len(e.Params) < 2 || name != "default" && len(e.Params) > 2 {
		how := map[string]string{"default": `{{default Name "고객"}}`, "eq": `(eq Gender "female")`, "lookup": `{{lookup this "Name"}}`}
		return nil, c.fail(at, "two_values", name+" takes two values", "Write "+how[name]+".", name)
	}
	call := &expr{kind: exprCall, call: name}
	for _, p := range e.Params {
		arg, err := c.argument(p)
		if err != nil {
			return nil, err
		}
		call.args = append(call.args, arg)
	}
	return call, nil
}

func (c *compiler) path(p *ast.PathExpression, needed bool) (*expr, error) {
	e := &expr{kind: exprPath, up: p.Depth, scoped: p.Scoped, data: p.Data}
	wasPlain := c.p.plain
	c.p.plain = false
	for _, part := range p.Parts {
		if len(part) >= 2 && part[0] == '[' && part[len(part)-1] == ']' {
			part = part[1 : len(part)-1]
		}
		e.path = append(e.path, fold(part))
	}
	if p.Data || len(e.path) == 0 || c.bound(e.path[0]) {
		return e, nil
	}
	outer := c.nested == 0 && !p.Scoped
	if len(e.path) > 1 || !outer {
		c.use(e.path[0], spelling(p.Parts[0]), p.Pos, outer && needed, c.nested > 0)
		return e, nil
	}
	c.p.plain = wasPlain
	e.kind, e.slot = exprField, c.use(e.path[0], spelling(p.Parts[0]), p.Pos, needed, false)
	return e, nil
}

func spelling(part string) string {
	if len(part) >= 2 && part[0] == '[' && part[len(part)-1] == ']' {
		return part[1 : len(part)-1]
	}
	return part
}

func (c *compiler) bound(name string) bool {
	for _, s := range c.scope {
		if s[name] {
			return true
		}
	}
	return false
}

// use notes a field. Inside each and with a name may belong to the item, so it
// is not listed as a field of the template.
func (c *compiler) use(key, spelled string, pos int, needed, item bool) int {
	if item {
		return -1
	}
	i, ok := c.index[key]
	if !ok {
		i = len(c.p.slots)
		c.index[key] = i
		c.p.slots = append(c.p.slots, slot{key: key, spelled: spelled, pos: c.whole.where(pos), optional: true})
	}
	if needed {
		c.p.slots[i].optional = false
	}
	return i
}
