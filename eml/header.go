package eml

// AppendHeader appends one header field with its CRLF: value in RFC 2047
// B-words where it is not ASCII (a Korean space between two words survives),
// folded so that no line passes 76 octets where it can be, 998 never. The
// value must have passed CheckHeader; a CR, LF or NUL in it is a broken
// invariant and panics.
func AppendHeader(dst []byte, name, value string) []byte { panic("seam") }

// AppendRawHeader appends a field whose value is ASCII and already encoded
// (addresses from Mailbox.Header, ids, URLs), folding at spaces.
func AppendRawHeader(dst []byte, name, value string) []byte { panic("seam") }

// CheckHeader refuses a value that must never reach a header: CR, LF, NUL,
// other C0, DEL and C1 controls, invalid UTF-8.
func CheckHeader(value string) error { panic("seam") }

// DecodeHeader turns RFC 2047 words into text and unfolds; bytes that are in
// no charset we know become U+FFFD.
func DecodeHeader(value string) string { panic("seam") }

// Header is the header block of a raw message, field by field as received,
// so that a field not touched leaves byte for byte.
type Header struct {
	fields []Field
}

// Field is one header field. Raw holds all its lines with their CRLFs.
type Field struct {
	Name string
	Raw  []byte
}

// Value is the field's value, unfolded, not decoded.
func (f Field) Value() string { panic("seam") }

// Split parts a raw message (CRLF lines) into its header and its body without
// copying. A message with no empty line is all header. It returns an error
// when a header line is neither a field nor a continuation, or when the header
// passes 1 MB or 1,000 fields.
func Split(raw []byte) (Header, []byte, error) { panic("seam") }

// Fields are all fields in order.
func (h *Header) Fields() []Field { panic("seam") }

// Get is the unfolded value of the first field of that name, "" if none.
func (h *Header) Get(name string) string { panic("seam") }

// Has reports whether a field of that name is there.
func (h *Header) Has(name string) bool { panic("seam") }

// Remove takes out every field of the names and returns how many there were.
func (h *Header) Remove(names ...string) int { panic("seam") }

// Prepend puts a field made by AppendHeader or AppendRawHeader on top.
func (h *Header) Prepend(raw []byte) { panic("seam") }

// AppendTo appends the header, the empty line not included.
func (h *Header) AppendTo(dst []byte) []byte { panic("seam") }
