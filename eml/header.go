package eml

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	maxHeader = 1 << 20 // octets of a header block Split takes
	maxFields = 1000    // fields of a header block Split takes
)

// Header is the header block of a raw message, field by field as received,
// so that a field not touched leaves byte for byte. The zero value is an empty
// header. It may not be changed by two goroutines at a time.
type Header struct {
	fields []Field
}

// Field is one header field. Raw holds all its lines with their CRLFs.
type Field struct {
	Name string
	Raw  []byte
}

// Value is the field's value, unfolded, not decoded.
func (f Field) Value() string {
	value := f.Raw[bytes.IndexByte(f.Raw, ':')+1:]
	if bytes.IndexByte(value, '\r') < len(value)-len("\r\n") {
		value = bytes.ReplaceAll(value, []byte("\r\n"), nil)
	}
	return string(bytes.Trim(value, " \t\r\n"))
}

// Split parts a raw message (CRLF lines) into its header and its body without
// copying. A message with no empty line is all header; a last header line
// without its CRLF gets one. It returns a *Problem when a header line is
// neither a field nor a continuation (a bare CR or LF in it included), or when
// the header passes 1 MB or 1,000 fields.
func Split(raw []byte) (Header, []byte, error) {
	var h Header
	rest := raw
	for line := 1; len(rest) > 0; line++ {
		n, fault := lineLen(rest)
		switch {
		case fault != "":
			return Header{}, nil, headerProblem(line, fault)
		case n == len("\r\n") && rest[0] == '\r':
			h.settle()
			return h, rest[n:], nil
		case len(raw)-len(rest)+n > maxHeader:
			return Header{}, nil, headerProblem(line, fmt.Sprintf("lies beyond the limit of %d bytes", maxHeader))
		}
		if fault := h.take(rest[:n]); fault != "" {
			return Header{}, nil, headerProblem(line, fault)
		}
		rest = rest[n:]
	}
	h.settle()
	return h, nil, nil
}

// lineLen is the length of the first line of rest with its CRLF.
func lineLen(rest []byte) (n int, fault string) {
	n = bytes.IndexByte(rest, '\n') + 1
	if n == 0 {
		n = len(rest)
	}
	line := bytes.TrimSuffix(rest[:n], []byte("\r\n"))
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 {
		return 0, "has a bare CR or LF"
	}
	return n, ""
}

// take adds a line: a field of its own, or more of the last one.
func (h *Header) take(line []byte) (fault string) {
	if line[0] == ' ' || line[0] == '\t' {
		if len(h.fields) == 0 {
			return "is a continuation of nothing"
		}
		last := &h.fields[len(h.fields)-1]
		last.Raw = last.Raw[:len(last.Raw)+len(line)] // the lines lie side by side in raw
		return ""
	}
	name := fieldName(line)
	if name == "" {
		return "is not a header field"
	}
	if len(h.fields) == maxFields {
		return fmt.Sprintf("is past the limit of %d fields", maxFields)
	}
	h.fields = append(h.fields, Field{Name: name, Raw: line})
	return ""
}

// fieldName is the name before the colon, "" if there is no valid one. Blanks
// before the colon are taken, as RFC 5322 4.5 asks of a reader.
func fieldName(line []byte) string {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return ""
	}
	name := bytes.TrimRight(line[:colon], " \t")
	if !validName(name) {
		return ""
	}
	return string(name)
}

// validName reports whether a field may be called so (RFC 5322 2.2).
func validName[T string | []byte](name T) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return len(name) > 0
}

func headerProblem(line int, fault string) error {
	return &Problem{
		What: fmt.Sprintf("line %d of the message's header %s", line, fault),
		Hint: "send a message whose header lines are `Name: value` with CRLF line ends (RFC 5322)",
	}
}

// settle cuts the fields off from the bytes behind them, which an append would
// overwrite, and gives the last line its CRLF.
func (h *Header) settle() {
	for i := range h.fields {
		h.fields[i].Raw = slices.Clip(h.fields[i].Raw)
	}
	if n := len(h.fields); n > 0 && !bytes.HasSuffix(h.fields[n-1].Raw, []byte("\r\n")) {
		h.fields[n-1].Raw = append(h.fields[n-1].Raw, "\r\n"...)
	}
}

// Fields are all fields in order; not to be changed.
func (h *Header) Fields() []Field { return h.fields }

// Get is the unfolded value of the first field of that name, "" if none.
func (h *Header) Get(name string) string {
	i := h.index(name)
	if i < 0 {
		return ""
	}
	return h.fields[i].Value()
}

// Has reports whether a field of that name is there.
func (h *Header) Has(name string) bool { return h.index(name) >= 0 }

func (h *Header) index(name string) int {
	return slices.IndexFunc(h.fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// Remove takes out every field of the names and returns how many there were.
func (h *Header) Remove(names ...string) int {
	before := len(h.fields)
	h.fields = slices.DeleteFunc(h.fields, func(f Field) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(f.Name, name) })
	})
	return before - len(h.fields)
}

// Prepend puts a field made by AppendHeader or AppendRawHeader on top.
func (h *Header) Prepend(raw []byte) {
	h.fields = slices.Insert(h.fields, 0, Field{Name: mustName(raw), Raw: raw})
}

// Add puts a field made by AppendHeader or AppendRawHeader at the end.
func (h *Header) Add(raw []byte) {
	h.fields = append(h.fields, Field{Name: mustName(raw), Raw: raw})
}

// Replace puts a field made by AppendHeader or AppendRawHeader where the first
// one of its name stands and takes out the others; without one it adds it.
func (h *Header) Replace(raw []byte) {
	name := mustName(raw)
	i := h.index(name)
	if i < 0 {
		h.Add(raw)
		return
	}
	h.fields[i] = Field{Name: name, Raw: raw}
	rest := Header{fields: h.fields[i+1:]}
	h.fields = h.fields[:len(h.fields)-rest.Remove(name)]
}

func mustName(raw []byte) string {
	name := fieldName(raw)
	if name == "" || !bytes.HasSuffix(raw, []byte("\r\n")) {
		panic(fmt.Sprintf("eml: %q is no header field with its CRLF: it must come from AppendHeader", raw))
	}
	return name
}

// AppendTo appends the header, the empty line not included.
func (h *Header) AppendTo(dst []byte) []byte {
	for _, f := range h.fields {
		dst = append(dst, f.Raw...)
	}
	return dst
}
