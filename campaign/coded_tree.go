package campaign

import (
	"bytes"

	"pabal/eml"
)

// The MIME tree of a coded letter is that of eml.Mail:
//
//	multipart/mixed              with attachments
//	  multipart/alternative
//	    text/plain
//	    multipart/related        with inline images
//	      text/html
//	      images
//	  attachments
//
// What stands beside the letter was coded once for the campaign.

// beside is about how many bytes images and attachments add to every mail.
func (m *mailing) beside() int {
	size := 0
	for _, parts := range [][]eml.Part{m.inline, m.attach} {
		for _, p := range parts {
			size += len(p.Coded) + 512
		}
	}
	return size
}

// appendHead appends the header of a mail but for its content: that of the
// same mail with one empty part, up to where its type stands.
func appendHead(dst []byte, mail eml.Mail) ([]byte, error) {
	before := len(dst)
	mail.Inline, mail.Attach = nil, nil
	dst, err := mail.AppendTo(dst)
	if err != nil {
		return dst, err
	}
	return dst[:before+bytes.LastIndex(dst[before:], []byte("Content-Type: text/plain"))], nil
}

// boundarySafe is at most 60 characters of an id that may stand in a boundary.
// Nothing of a part can look like one: base64 has no "_".
func boundarySafe(id string) string {
	out := make([]byte, 0, 60)
	for i := 0; i < len(id) && len(out) < cap(out); i++ {
		c := id[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' {
			out = append(out, c)
		}
	}
	return string(out)
}

// tree appends the content of a mail from its Content-Type on. missing are the
// fields without a value.
func (w *coder) tree(c *codedLetter, m *mailing, p *person, seed string) (missing []string, err error) {
	mixed, alternative, related := "=_"+seed+"_m", "=_"+seed+"_a", "=_"+seed+"_r"
	if len(m.attach) > 0 {
		w.begin("mixed", mixed)
		w.next(mixed)
	}
	w.begin("alternative", alternative)
	w.next(alternative)
	if missing, err = w.text("plain", &c.text, p); err != nil {
		return missing, err
	}
	w.next(alternative)
	if len(m.inline) > 0 {
		w.begin(`related; type="text/html"`, related)
		w.next(related)
	}
	more, err := w.text("html", &c.html, p)
	if missing = merge(missing, more); err != nil {
		return missing, err
	}
	if err := w.parts(m.inline, related, "inline"); err != nil {
		return missing, err
	}
	w.add("\r\n--", alternative, "--\r\n")
	return missing, w.parts(m.attach, mixed, "attachment")
}

func (w *coder) begin(kind, boundary string) {
	w.add("Content-Type: multipart/", kind, ";\r\n boundary=\"", boundary, "\"\r\n")
}

func (w *coder) next(boundary string) { w.add("\r\n--", boundary, "\r\n") }

func (w *coder) text(kind string, part *codedPart, p *person) (missing []string, err error) {
	w.add("Content-Type: text/", kind, partHead)
	return w.part(part, p)
}

// parts appends the parts that follow the first in a multipart, and ends it.
func (w *coder) parts(parts []eml.Part, boundary, disposition string) (err error) {
	if len(parts) == 0 {
		return nil
	}
	for i := range parts {
		w.next(boundary)
		if w.dst, err = eml.AppendPart(w.dst, parts[i], disposition); err != nil {
			return err
		}
	}
	w.add("\r\n--", boundary, "--\r\n")
	return nil
}
