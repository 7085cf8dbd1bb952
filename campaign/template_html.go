package campaign

import "strings"

// htmlState follows HTML just closely enough to know where a merge field
// stands: in running text, inside a tag, or at the start of a link.
type htmlState struct {
	where  byte // 0 text, '<' in a tag, '"' or '\'' in a quoted value, '-' in a comment
	attr   string
	value  bool // after attr=
	filled bool // something of the value has been seen
}

func (h *htmlState) inTag() bool { return h.where != 0 }

// bare reports whether the next byte is of a value without quotation marks,
// which the next blank ends.
func (h *htmlState) bare() bool { return h.where == '<' && h.value }

// urlStart reports whether the next byte begins the value of an attribute that
// holds a link.
func (h *htmlState) urlStart() bool {
	if !h.value || h.filled {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(h.attr)) {
	case "href", "src", "action", "background", "formaction", "poster", "cite":
		return true
	}
	return false
}

// field notes that a merge field stands here.
func (h *htmlState) field() {
	if h.value {
		h.filled = true
	}
}

// advance takes the text up to the next tag of the template.
func (h *htmlState) advance(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch h.where {
		case 0:
			if c == '<' {
				h.open(text[i:])
			}
		case '-':
			if c == '>' && strings.HasSuffix(text[:i], "--") {
				h.where = 0
			}
		case '"', '\'':
			if c == h.where {
				h.where, h.value, h.filled, h.attr = '<', false, false, ""
			} else if c != ' ' {
				h.filled = true
			}
		default:
			h.insideTag(c)
		}
	}
}

func (h *htmlState) open(rest string) {
	if strings.HasPrefix(rest, "<!--") {
		h.where = '-'
		return
	}
	if len(rest) > 1 && (rest[1] == '/' || rest[1] == '!' || rest[1] >= 'a' && rest[1] <= 'z' || rest[1] >= 'A' && rest[1] <= 'Z') {
		h.where, h.value, h.filled, h.attr = '<', false, false, ""
	}
}

func (h *htmlState) insideTag(c byte) {
	switch {
	case c == '>':
		h.where, h.value, h.attr = 0, false, ""
	case (c == '"' || c == '\'') && h.value && !h.filled:
		h.where = c
	case c == '/' && h.value: // of an address without quotation marks
		h.filled = true
	case c == '=' && !h.value:
		h.value, h.filled = true, false
	case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '/':
		if h.value && !h.filled {
			return // href= "x"
		}
		if h.value || len(h.attr) > 0 && c == '/' {
			h.value, h.attr = false, ""
		}
		if !h.value && c != '/' && len(h.attr) > 0 {
			h.attr += " "
		}
	case h.value:
		h.filled = true
	default:
		if n := len(h.attr); n > 0 && h.attr[n-1] == ' ' {
			h.attr = ""
		}
		h.attr += string(rune(c))
	}
}
