package campaign

import (
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Bounds on what one part of one letter may become.
const (
	maxOutput = 2 << 20 // bytes
	maxSteps  = 200_000 // nodes visited: stops loops inside loops inside loops
)

var (
	errOutput = errors.New("the letter passes 2 MB")
	errSteps  = errors.New("the template's loops do not end in reasonable time")
)

// source gives the value of a merge field by its folded name. ok is false when
// the recipient has none; an empty value that was set on purpose is ok.
type source interface {
	lookup(key, spelled string) (value string, ok bool)
}

// root stands for the recipient's fields where a template says this.
type root struct{}

// frame holds @index and its like of one round of a loop.
type frame map[string]any

// runner fills one part for one recipient. It is used once and not shared.
type runner struct {
	p       *program
	fields  source
	out     []byte
	values  []field // by slot
	context []any   // innermost last; [0] is root{}
	frames  []frame
	binds   []map[string]any
	missing []string
	steps   int
	dry     bool // nothing is kept of the output but its length
	length  int
}

// field is a merge field's value for one recipient.
type field struct {
	value string
	ok    bool
}

// append fills the program with the recipient's fields and appends the result.
// missing are the fields printed that had no value, as spelled, each once.
func (p *program) append(dst []byte, fields source) (out []byte, missing []string, err error) {
	r := &runner{p: p, fields: fields, out: dst}
	r.values = p.values(fields)
	start := len(dst)
	r.context = []any{root{}}
	if err := r.run(p.nodes, start); err != nil {
		return dst, nil, err
	}
	return r.out, r.missing, nil
}

// try is append that keeps nothing: the fields without a value and the length.
// It costs what the blocks and fields cost, not the bytes between them.
func (p *program) try(fields source) (missing []string, length int, err error) {
	r := &runner{p: p, fields: fields, context: []any{root{}}, dry: true}
	r.values = p.values(fields)
	if err := r.run(p.nodes, 0); err != nil {
		return nil, 0, err
	}
	return r.missing, r.length, nil
}

// values are one recipient's fields, by slot.
func (p *program) values(fields source) []field {
	values := make([]field, len(p.slots))
	for i := range p.slots {
		values[i].value, values[i].ok = fields.lookup(p.slots[i].key, p.slots[i].spelled)
	}
	return values
}

func (r *runner) run(nodes []node, start int) error {
	for i := range nodes {
		n := &nodes[i]
		if r.steps++; r.steps > maxSteps {
			return errSteps
		}
		switch {
		case n.print != nil:
			r.print(n.print)
		case n.block != nil:
			if err := r.block(n.block, start); err != nil {
				return err
			}
		case r.dry:
			r.length += len(n.text)
		default:
			r.out = append(r.out, n.text...)
		}
		if r.dry {
			r.length += len(r.out)
			r.out = r.out[:0]
		}
		if len(r.out)-start+r.length > maxOutput {
			return errOutput
		}
	}
	return nil
}

func (r *runner) print(e *expr) {
	var s string
	if e.kind == exprField {
		f := r.values[e.slot]
		if !f.ok {
			r.miss(r.p.slots[e.slot].spelled)
		}
		s = f.value
	} else {
		v := r.eval(e)
		if v == nil && e.kind == exprPath {
			r.miss(e.name)
		}
		s = text(v)
	}
	if e.markup && r.p.fromHTML {
		s = r.p.markupText(s)
	}
	r.out = appendValue(r.out, s, e)
}

// markupText is a value in HTML as text. The last one is kept: it is mostly the
// campaign's, the same for every recipient, and reading HTML is slow.
func (p *program) markupText(s string) string {
	if last := p.lastMarkup.Load(); last != nil && last[0] == s {
		return last[1]
	}
	converted, err := htmlToText(s)
	if err != nil {
		converted = s
	}
	p.lastMarkup.Store(&[2]string{s, converted})
	return converted
}

func (r *runner) miss(name string) {
	if !slices.Contains(r.missing, name) {
		r.missing = append(r.missing, name)
	}
}

// text is how a value is printed.
func text(v any) string {
	switch v := v.(type) {
	case nil, root:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var b strings.Builder
		for _, item := range v {
			b.WriteString(text(item))
		}
		return b.String()
	}
	return ""
}

// truth is what {{#if}} asks: a value that is not empty, zero or false.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

func (r *runner) eval(e *expr) any {
	switch e.kind {
	case exprLiteral:
		return e.value
	case exprField:
		if f := r.values[e.slot]; f.ok {
			return f.value
		}
		return nil
	case exprCall:
		return r.callHelper(e)
	}
	return r.path(e)
}

func (r *runner) callHelper(e *expr) any {
	switch e.call {
	case "eq":
		return text(r.eval(e.args[0])) == text(r.eval(e.args[1]))
	case "lookup":
		return r.step(r.eval(e.args[0]), fold(text(r.eval(e.args[1]))))
	}
	var v any
	for _, arg := range e.args {
		if v = r.eval(arg); truth(v) {
			return v
		}
	}
	return v
}

// path follows this, ../x, x.y and @index. A name the innermost context does
// not have is looked for in those around it.
func (r *runner) path(e *expr) any {
	if e.data {
		return r.dataPath(e)
	}
	if !e.scoped && len(e.path) > 0 {
		for i := len(r.binds) - 1; i >= 0; i-- {
			if v, ok := r.binds[i][e.path[0]]; ok {
				return r.follow(v, e.path[1:])
			}
		}
	}
	depth := len(r.context) - 1 - e.up
	if depth < 0 {
		return nil
	}
	if len(e.path) == 0 {
		return r.context[depth]
	}
	for ; depth >= 0; depth-- {
		if v := r.step(r.context[depth], e.path[0]); v != nil {
			return r.follow(v, e.path[1:])
		}
	}
	return nil
}

func (r *runner) dataPath(e *expr) any {
	if len(e.path) == 0 { // @..
		return nil
	}
	if e.path[0] == "root" {
		return r.follow(root{}, e.path[1:])
	}
	i := len(r.frames) - 1 - e.up
	if i < 0 {
		return nil
	}
	return r.follow(r.frames[i][e.path[0]], e.path[1:])
}

func (r *runner) follow(v any, path []string) any {
	for _, name := range path {
		if v = r.step(v, name); v == nil {
			return nil
		}
	}
	return v
}

// step is one name further: a field of the recipient, a key of an object, an
// index or the length of a list. A text in JSON is opened for it.
func (r *runner) step(v any, name string) any {
	switch v := r.open(v).(type) {
	case root:
		if s, ok := r.fields.lookup(name, name); ok {
			return s
		}
	case map[string]any:
		if got, ok := v[name]; ok {
			return got
		}
		for _, key := range keys(v) {
			if fold(key) == name {
				return v[key]
			}
		}
	case []any:
		if name == "length" {
			return len(v)
		}
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// open turns a text that is a JSON list or object into one, so that #each and
// paths reach inside values; any other value is returned as it is. Reading is
// charged as steps by length, so that a loop cannot read a long text for ever.
func (r *runner) open(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	trimmed := strings.TrimSpace(s)
	if trimmed == "" || trimmed[0] != '[' && trimmed[0] != '{' {
		return v
	}
	if r.steps += len(trimmed) / 64; r.steps > maxSteps {
		return v
	}
	var opened any
	if json.Unmarshal([]byte(trimmed), &opened) != nil {
		return v
	}
	return opened
}

func keys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}
