package campaign

import (
	"fmt"
	"sort"
	"strings"
)

// Limits on what partials may become.
const (
	maxIncluded  = 16     // partials inside partials
	maxInclusion = 10_000 // partials of one part, however small
)

// expanded is a part with its partials written out. Partials are those of one
// part, as SES has them: {{#*inline "x"}}…{{/inline}} defines, {{> x}} includes,
// {{#> x}}…{{/x}} includes with a block of its own, or stands for itself where
// there is no such partial. A definition holds in the block it stands in,
// before it too.
type expanded struct {
	source   string
	original string
	marks    []partMark // where stretches of source come from; empty: nothing was changed
}

// partMark says that from out on source is original from at.
type partMark struct{ out, at int }

// where is the place in the original of one in the source.
func (e *expanded) where(out int) int {
	i := sort.Search(len(e.marks), func(i int) bool { return e.marks[i].out > out })
	if i == 0 {
		return out
	}
	m := e.marks[i-1]
	return min(m.at+out-m.out, len(e.original))
}

// expand checks the tags of a part and writes its partials out. The error is a
// *TemplateError.
func expand(part, source string) (*expanded, error) {
	tags, err := scanTags(part, source)
	if err != nil {
		return nil, err
	}
	special := false
	for _, t := range tags {
		if err := checkTag(part, source, t); err != nil {
			return nil, err
		}
		special = special || t.kind == tagPartial || t.kind == tagPartialBlock || t.kind == tagDefine
	}
	e := &expanded{source: source, original: source}
	if !special {
		return e, nil
	}
	w := &includer{part: part, source: source, tags: tags}
	if err := w.include(w.pieces(0, len(source)), &partScope{}, 0); err != nil {
		return nil, err
	}
	e.source, e.marks = w.out.String(), w.marks
	if _, err := scanTags(part, e.source); err != nil {
		return nil, &TemplateError{Code: "unreadable", Part: part, Message: "with its partials written out: " + err.Error(), Hint: "Make the template flatter, or its partials smaller."}
	}
	return e, nil
}

// piece is a stretch of a part: text with plain tags, a block with what is
// inside, or a partial.
type piece struct {
	kind     tagKind // tagField for text
	tag      tag
	from, to int // text: its stretch; a block: its first tag
	end      int // a block: where its closing tag ends
	close    int // a block: where its closing tag begins
	body     []piece
}

// includer writes a part out.
type includer struct {
	part   string
	source string
	tags   []tag
	next   int // of tags
	count  int // inclusions
	out    strings.Builder
	marks  []partMark
}

// partScope is what {{> x}} can mean at some place.
type partScope struct {
	outer   *partScope
	defined map[string][]piece
	block   []piece // what {{> @partial-block}} stands for
	within  *partScope
	has     bool // block is set
}

func (s *partScope) find(name string) ([]piece, bool) {
	for ; s != nil; s = s.outer {
		if body, ok := s.defined[name]; ok {
			return body, true
		}
	}
	return nil, false
}

func (s *partScope) partialBlock() (*partScope, bool) {
	for ; s != nil; s = s.outer {
		if s.has {
			return s, true
		}
	}
	return nil, false
}

// pieces reads the tags from w.next up to the end of the block they stand in,
// at most to limit.
func (w *includer) pieces(at, limit int) []piece {
	var all []piece
	text := func(to int) {
		if to > at {
			all = append(all, piece{from: at, to: to})
		}
	}
	for w.next < len(w.tags) {
		t := w.tags[w.next]
		switch t.kind {
		case tagClose:
			text(w.left(t))
			return all
		case tagOpen, tagInverse, tagPartialBlock, tagDefine:
			text(w.left(t))
			w.next++
			p := piece{kind: t.kind, tag: t, from: t.pos, to: t.end}
			p.body = w.pieces(w.right(t), limit)
			closing := w.tags[w.next] // scanTags has proved that there is one
			p.close, p.end = closing.pos, closing.end
			all = append(all, p)
			at = w.right(closing)
			if t.kind == tagOpen || t.kind == tagInverse {
				at = closing.end
			}
		case tagPartial:
			text(w.left(t))
			all = append(all, piece{kind: t.kind, tag: t, from: t.pos, to: t.end})
			at = w.right(t)
		}
		w.next++
	}
	text(limit)
	return all
}

// left is where the text before a tag ends. The tags of partials take the white
// space with them that ~ asks for, or that of a line that has nothing else.
func (w *includer) left(t tag) int {
	if !w.vanishes(t) {
		return t.pos
	}
	before := w.source[:t.pos]
	if strings.HasPrefix(w.source[t.pos:], "{{~") {
		return len(strings.TrimRight(before, " \t\r\n"))
	}
	if w.alone(t) {
		return len(strings.TrimRight(before, " \t"))
	}
	return t.pos
}

// right is where the text after a tag begins.
func (w *includer) right(t tag) int {
	if !w.vanishes(t) {
		return t.end
	}
	after := w.source[t.end:]
	if strings.HasSuffix(w.source[:t.end], "~}}") {
		return len(w.source) - len(strings.TrimLeft(after, " \t\r\n"))
	}
	if w.alone(t) {
		rest := strings.TrimLeft(after, " \t")
		return len(w.source) - len(strings.TrimPrefix(rest, "\n"))
	}
	return t.end
}

// vanishes reports a tag that does not stand in the result: one of a partial.
func (w *includer) vanishes(t tag) bool {
	return t.kind == tagPartial || t.kind == tagPartialBlock || t.kind == tagDefine || t.kind == tagClose && t.partial != ""
}

// alone reports a tag that has its line to itself.
func (w *includer) alone(t tag) bool {
	before, after := strings.TrimRight(w.source[:t.pos], " \t"), strings.TrimLeft(w.source[t.end:], " \t")
	return (before == "" || before[len(before)-1] == '\n') && (after == "" || after[0] == '\n')
}

func (w *includer) fail(at int, code, message, hint string, names ...string) error {
	return errorAt(w.part, w.source, at, code, message, hint, names...)
}

func (w *includer) copy(from, to int) {
	w.marks = append(w.marks, partMark{w.out.Len(), from})
	w.out.WriteString(w.source[from:to])
}

// include writes pieces out, in the scope they are used in.
func (w *includer) include(all []piece, scope *partScope, depth int) error {
	scope = defines(all, scope)
	for _, p := range all {
		var err error
		switch p.kind {
		case tagDefine:
		case tagPartial, tagPartialBlock:
			err = w.partial(p, scope, depth)
		case tagOpen, tagInverse:
			w.copy(p.from, p.to)
			if err = w.include(p.body, scope, depth); err == nil {
				w.copy(p.close, p.end)
			}
		default:
			w.copy(p.from, p.to)
		}
		if err != nil {
			return err
		}
		if w.out.Len() > maxSource {
			return w.fail(p.from, "partials_large", fmt.Sprintf("with its partials written out the part has more than %d bytes", maxSource), "Make the partials smaller, or include them less often.")
		}
	}
	return nil
}

// defines is a scope with the definitions among the pieces.
func defines(all []piece, outer *partScope) *partScope {
	scope := outer
	for _, p := range all {
		if p.kind != tagDefine {
			continue
		}
		if scope == outer {
			scope = &partScope{outer: outer, defined: map[string][]piece{}}
		}
		scope.defined[p.tag.partial] = p.body
	}
	return scope
}

// partial writes one {{> x}} or {{#> x}} out.
func (w *includer) partial(p piece, scope *partScope, depth int) error {
	if w.count++; depth == maxIncluded || w.count > maxInclusion {
		return w.fail(p.from, "partial_loop", "the partial "+p.tag.partial+" includes itself, or too many others", "A partial cannot repeat itself: write a list with {{#each}}.", p.tag.partial)
	}
	if p.tag.partial == "@partial-block" {
		s, ok := scope.partialBlock()
		if !ok {
			return w.fail(p.from, "partial_block", "there is no block to put here", "{{> @partial-block}} stands in a partial that is included with {{#> name}}…{{/name}}.")
		}
		return w.include(s.block, s.within, depth+1)
	}
	body, ok := scope.find(p.tag.partial)
	switch {
	case !ok && p.kind == tagPartialBlock:
		return w.include(p.body, scope, depth+1)
	case !ok:
		return w.fail(p.from, "no_partial", "there is no partial called "+p.tag.partial,
			`Define it in the same part: {{#*inline "`+p.tag.partial+`"}}…{{/inline}}. The parts of a template share none.`, p.tag.partial)
	}
	inner := &partScope{outer: scope}
	if p.kind == tagPartialBlock {
		inner = &partScope{outer: defines(p.body, scope), block: p.body, within: scope, has: true}
	}
	return w.with(p, func() error { return w.include(body, inner, depth+1) })
}

// with puts the context a partial is given round it.
func (w *includer) with(p piece, write func() error) error {
	context := p.tag.context
	if context == "" || context == "this" || context == "." {
		return write()
	}
	w.marks = append(w.marks, partMark{w.out.Len(), p.from})
	w.out.WriteString("{{#with " + context + "}}")
	if err := write(); err != nil {
		return err
	}
	w.marks = append(w.marks, partMark{w.out.Len(), p.from})
	w.out.WriteString("{{/with}}")
	return nil
}
