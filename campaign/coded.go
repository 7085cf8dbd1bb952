package campaign

import (
	"bytes"
	"encoding/base64"
	"time"
)

// codedLetter composes a letter of fixed text and single fields without coding
// the fixed text again for every recipient.
//
// A base64 line may have any length that is a multiple of four (RFC 2045 6.8
// bounds it above only), so a stretch of fixed text can be kept coded, in
// three phases: with 0, 1 or 2 of its first bytes lent to the group of three
// that the field before it left open. Only fields and the bytes round them are
// coded per mail. The result decodes to what eml.Mail makes.
type codedLetter struct {
	letter *letter
	text   codedPart
	html   codedPart
}

// codedPart is one part in pieces: stretch, field, stretch, field, … stretch.
type codedPart struct {
	program   *program
	fields    []*expr
	stretches []stretch // len(fields)+1
	size      int       // about, coded
}

// stretch is fixed text. phase[n] is what is left of it after lending n bytes,
// up to the last whole group of three, in lines; tail[n] is the rest.
type stretch struct {
	lent  [3]string
	phase [3][]byte
	tail  [3]string
}

const (
	lineBytes = 57                // coded to the 76 characters of RFC 2045 6.8
	maxCoded  = maxOutput / 3 * 4 // bytes of one part, coded
	partHead  = "; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)

func newCodedLetter(l *letter) *codedLetter {
	return &codedLetter{letter: l, text: newCodedPart(l.text), html: newCodedPart(l.html)}
}

func newCodedPart(p *program) codedPart {
	c := codedPart{program: p}
	fixed := ""
	for i := range p.nodes {
		if n := &p.nodes[i]; n.print != nil {
			c.fields = append(c.fields, n.print)
			c.stretches = append(c.stretches, newStretch(fixed))
			fixed = ""
		} else {
			fixed += n.text
		}
	}
	c.stretches = append(c.stretches, newStretch(fixed))
	c.size = p.fixed*7/5 + 512
	return c
}

func newStretch(fixed string) stretch {
	var s stretch
	text := string(crlf(nil, []byte(fixed)))
	for n := range s.phase {
		lent := min(n, len(text))
		rest := text[lent:]
		whole := len(rest) / 3 * 3
		s.lent[n], s.tail[n] = text[:lent], rest[whole:]
		s.phase[n] = appendLines(nil, []byte(rest[:whole]))
	}
	return s
}

// appendLines appends base64 in whole lines; data that is not a multiple of
// three ends padded.
func appendLines(dst, data []byte) []byte {
	for len(data) > 0 {
		n := min(lineBytes, len(data))
		dst = base64.StdEncoding.AppendEncode(dst, data[:n])
		dst = append(dst, '\r', '\n')
		data = data[n:]
	}
	return dst
}

// crlf appends text with CRLF line ends.
func crlf(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		if i == 0 || text[i-1] != '\r' {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		text = text[i+1:]
	}
}

// compose appends the finished mail to one person; see mailing.compose.
func (c *codedLetter) compose(dst []byte, m *mailing, p *person, tag string, date time.Time) ([]byte, error) {
	before := len(dst)
	subject, missing, err := c.letter.subject.append(nil, p)
	if err != nil {
		return dst, err
	}
	head := m.head(p, string(bytes.TrimSpace(subject)), tag, date)
	if need := before + c.text.size + c.html.size + m.beside() + 2048; cap(dst) < need {
		dst = append(make([]byte, 0, need), dst...)
	}
	if dst, err = appendHead(dst, head); err != nil {
		return dst[:before], err
	}
	w := coder{dst: dst}
	more, err := w.tree(c, m, p, boundarySafe(head.MessageID))
	if missing = merge(missing, more); err == nil && len(w.dst)-before > maxMail {
		err = errOutput
	}
	if err == nil && len(missing) > 0 {
		err = missingProblem(missing)
	}
	if err != nil {
		return dst[:before], err
	}
	return w.dst, nil
}

// coder appends one part. open holds the bytes of a group not yet full and of
// the fields since.
type coder struct {
	dst  []byte
	open []byte
}

func (w *coder) add(texts ...string) {
	for _, s := range texts {
		w.dst = append(w.dst, s...)
	}
}

// part appends one part. It stops with errOutput where a letter with blocks
// does, before the memory is full.
func (w *coder) part(c *codedPart, p *person) (missing []string, err error) {
	start := len(w.dst)
	r := runner{p: c.program, fields: p, context: []any{root{}}}
	r.values = c.program.values(p)
	w.open = w.open[:0]
	for i := range c.stretches {
		w.stretch(&c.stretches[i])
		if i == len(c.fields) {
			break
		}
		r.out = r.out[:0]
		r.print(c.fields[i])
		w.open = crlf(w.open, r.out)
		if len(w.open)+len(w.dst)-start > maxCoded {
			return r.missing, errOutput
		}
	}
	w.dst = appendLines(w.dst, w.open)
	return r.missing, nil
}

// stretch closes what is open with the bytes lent, and copies the rest.
func (w *coder) stretch(s *stretch) {
	n := (3 - len(w.open)%3) % 3
	w.open = append(w.open, s.lent[n]...)
	if len(s.lent[n]) < n { // too short to fill the group
		return
	}
	w.dst = appendLines(w.dst, w.open)
	w.dst = append(w.dst, s.phase[n]...)
	w.open = append(w.open[:0], s.tail[n]...)
}
