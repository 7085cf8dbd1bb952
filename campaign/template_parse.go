package campaign

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mailgun/raymond/v2/ast"
	"github.com/mailgun/raymond/v2/parser"
)

// program is one part of a template, parsed once and run for each recipient.
// The syntax is Handlebars as the raymond module parses it; it is evaluated
// here, because a letter needs what that module's own evaluator does not give:
// names regardless of case, escaping by part, the fields that had no value in
// the branches really taken, bounds on output and steps, and 100 times its speed.
//
// A program is read-only and may be run at the same time.
type program struct {
	part  string // subject, html, text
	nodes []node
	slots []slot // merge fields, in order of first use
	fixed int    // bytes of text in nodes, blocks included
	plain bool   // only text, fields, default and eq: no blocks, no paths
	raw   bool   // has {{{ }}}

	fromHTML   bool // a text part made of the HTML: {{{ }}} values are HTML and become text
	lastMarkup atomic.Pointer[[2]string]
}

// slot is one merge field a program uses.
type slot struct {
	key      string // folded name
	spelled  string // as first written
	pos      int    // byte offset of its first use
	optional bool   // every use has a default or stands in a condition
}

// node is text, an expression to print, or a block.
type node struct {
	text  string
	print *expr
	block *block
}

type exprKind uint8

const (
	exprField   exprKind = iota // a merge field of the recipient: slot
	exprPath                    // this, ../x, x.y, @index
	exprLiteral                 // "text", 12, true
	exprCall                    // default, eq, lookup
)

// expr is one expression.
type expr struct {
	kind   exprKind
	slot   int
	path   []string // folded; exprPath
	up     int      // how many ../
	scoped bool     // begins with this, . or ..
	data   bool     // begins with @
	value  any      // exprLiteral
	call   string
	args   []*expr

	// how it is printed
	verbatim bool // not escaped: {{{ }}}, subject and text
	markup   bool // {{{ }}}: the value is HTML by its author's choice
	inTag    bool // stands inside an HTML tag: no <br>
	bare     bool // is of an attribute without quotation marks
	urlStart bool // begins the value of href or src
	name     string
}

// block is {{#x}}…{{else}}…{{/x}}.
type block struct {
	call   string // if, unless, each, with; "" for a block on a field
	arg    *expr
	body   []node
	orElse []node
	params []string // as |item index|, folded
}

// blocks and calls are the helpers a template may use: those of SES and ours.
var (
	blockHelpers = []string{"if", "unless", "each", "with"}
	callHelpers  = []string{"default", "eq", "lookup"}
	// strange are names the parser's own module would take for helpers SES does
	// not have; forbidden, so that no template depends on them.
	strangeHelpers = []string{"log", "equal", "ifGt", "ifLt", "ifEq", "ifMatchesRegexStr", "pluralize"}
)

// parseProgram parses one part. html says that values are escaped. The error
// is a *TemplateError.
func parseProgram(part, source string, html bool) (*program, error) {
	whole, err := expand(part, source)
	if err != nil {
		return nil, err
	}
	root, err := parseSafely(whole.source)
	if err != nil {
		return nil, &TemplateError{Code: "unreadable", Part: part, Line: 1, Column: 1, Message: parserText(err), Hint: "See the template page of the documentation."}
	}
	c := &compiler{p: &program{part: part, plain: true}, whole: whole, html: html, index: map[string]int{}}
	if c.p.nodes, err = c.body(root); err != nil {
		return nil, err
	}
	return c.p, nil
}

// checkTag parses one tag alone, so that a mistake in it has its place.
func checkTag(part, source string, t tag) error {
	text := source[t.pos:t.end]
	switch t.kind {
	case tagComment, tagElse, tagPartial, tagPartialBlock, tagDefine:
		return nil
	case tagChain:
		text = "{{#if x}}" + text + "{{/if}}"
	case tagOpen, tagInverse:
		text += "{{/" + t.name + "}}"
	case tagClose:
		return nil
	}
	if _, err := parseSafely(text); err != nil {
		return errorAt(part, source, t.pos, "unreadable", "this cannot be read: "+parserText(err), "Write {{Name}}, {{default Name \"text\"}} or {{#if Name}}…{{/if}}.")
	}
	return nil
}

// parseSafely is the module's parser with its panics turned into errors.
func parseSafely(source string) (root *ast.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser gave up: %v", r)
		}
	}()
	return parser.Parse(source)
}

// parserText is the readable line of a parser error.
func parserText(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[0], "Parse error") {
		lines = lines[1:]
	}
	text := lines[0]
	if len(lines) > 1 {
		text += " (" + strings.TrimSpace(lines[1]) + ")"
	}
	return text
}

// compiler turns the parser's tree into nodes.
type compiler struct {
	p      *program
	whole  *expanded
	html   bool
	index  map[string]int // folded name -> slot
	state  htmlState
	scope  []map[string]bool // names bound by as |x|
	nested int               // inside each or with: a name may be the item's
}

func (c *compiler) fail(at int, code, message, hint string, names ...string) error {
	return errorAt(c.p.part, c.whole.original, c.whole.where(at), code, message, hint, names...)
}

func (c *compiler) body(prog *ast.Program) ([]node, error) {
	if prog == nil {
		return nil, nil
	}
	var nodes []node
	for _, statement := range prog.Body {
		n, err := c.statement(statement)
		if err != nil {
			return nil, err
		}
		switch last := len(nodes) - 1; {
		case n == nil:
		case n.print == nil && n.block == nil && last >= 0 && nodes[last].print == nil && nodes[last].block == nil:
			nodes[last].text += n.text
		default:
			nodes = append(nodes, *n)
		}
	}
	return nodes, nil
}

func (c *compiler) statement(statement ast.Node) (*node, error) {
	switch s := statement.(type) {
	case *ast.ContentStatement:
		c.state.advance(s.Original)
		c.p.fixed += len(s.Value)
		if s.Value == "" {
			return nil, nil
		}
		return &node{text: s.Value}, nil
	case *ast.CommentStatement:
		return nil, nil
	case *ast.MustacheStatement:
		e, err := c.mustache(s)
		return &node{print: e}, err
	case *ast.BlockStatement:
		c.p.plain = false
		b, err := c.block(s)
		return &node{block: b}, err
	}
	return nil, c.fail(statement.Location().Pos, "not_here", "this cannot stand here", "Write the part out.")
}

func (c *compiler) mustache(s *ast.MustacheStatement) (*expr, error) {
	e, err := c.expression(s.Expression, s.Pos, true)
	if err != nil {
		return nil, err
	}
	if e.kind == exprLiteral {
		return nil, c.fail(s.Pos, "literal", "a text or number alone stands between the braces", "Write it without braces.")
	}
	printed := *e
	printed.verbatim, printed.markup = s.Unescaped || !c.html, s.Unescaped
	if path, ok := s.Expression.Path.(*ast.PathExpression); ok {
		printed.name = path.Original
	}
	if c.html {
		printed.inTag, printed.bare, printed.urlStart = c.state.inTag(), c.state.bare(), c.state.urlStart()
		c.state.field()
	}
	c.p.raw = c.p.raw || s.Unescaped
	return &printed, nil
}

func (c *compiler) block(s *ast.BlockStatement) (*block, error) {
	b := &block{}
	e := s.Expression
	name := e.HelperName()
	switch {
	case slices.Contains(blockHelpers, name):
		if len(e.Params) != 1 || e.Hash != nil {
			return nil, c.fail(s.Pos, "one_value", "{{#"+name+"}} takes one value", "Write {{#"+name+" Name}}; to compare, {{#if (eq Gender \"female\")}}.", name)
		}
		arg, err := c.argument(e.Params[0])
		if err != nil {
			return nil, err
		}
		b.call, b.arg = name, arg
	case slices.Contains(callHelpers, name):
		return nil, c.fail(s.Pos, "no_block", name+" is not a block", "Put it inside one: {{#if (eq Gender \"female\")}}…{{/if}}.", name)
	case len(e.Params) > 0 || e.Hash != nil || slices.Contains(strangeHelpers, name):
		return nil, c.unknownHelper(s.Pos, name)
	default:
		arg, err := c.expression(e, s.Pos, false)
		if err != nil {
			return nil, err
		}
		b.arg = arg
	}
	return b, c.branches(b, s)
}

// branches compiles both sides from the same place in the HTML.
func (c *compiler) branches(b *block, s *ast.BlockStatement) (err error) {
	if prog := s.Program; prog != nil && len(prog.BlockParams) > 0 {
		bound := map[string]bool{}
		for _, p := range prog.BlockParams {
			b.params = append(b.params, fold(p))
			bound[fold(p)] = true
		}
		c.scope = append(c.scope, bound)
		defer func() { c.scope = c.scope[:len(c.scope)-1] }()
	}
	inner := b.call == "each" || b.call == "with" || b.call == ""
	before := c.state
	if inner {
		c.nested++
	}
	b.body, err = c.body(s.Program)
	if inner {
		c.nested--
	}
	if err != nil {
		return err
	}
	after := c.state
	c.state = before
	b.orElse, err = c.body(s.Inverse)
	if s.Program != nil {
		c.state = after
	}
	return err
}
