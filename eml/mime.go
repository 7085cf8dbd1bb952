package eml

import (
	"fmt"
	"mime"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// writer appends the MIME tree of a message. Every leaf is base64, whose lines
// never begin with "-", so a boundary cannot occur in one.
type writer struct {
	dst  []byte
	seed string
}

// level is one multipart: open writes its header, next a delimiter before each
// part, close the last one.
type level struct{ boundary string }

func (w *writer) open(kind, params, suffix string) level {
	l := level{boundary: "=_" + w.seed + "_" + suffix}
	w.add("Content-Type: multipart/", kind, ";", params, "\r\n boundary=\"", l.boundary, "\"\r\n")
	return l
}

func (w *writer) next(l level) { w.add("\r\n--", l.boundary, "\r\n") }

func (w *writer) close(l level) { w.add("\r\n--", l.boundary, "--\r\n") }

func (w *writer) add(texts ...string) {
	for _, s := range texts {
		w.dst = append(w.dst, s...)
	}
}

func (w *writer) mixed(m *Mail, inline, attach []Part) {
	if len(attach) == 0 {
		w.alternative(m, inline)
		return
	}
	l := w.open("mixed", "", "m")
	w.next(l)
	w.alternative(m, inline)
	for i := range attach {
		w.next(l)
		w.part(&attach[i], "attachment")
	}
	w.close(l)
}

func (w *writer) alternative(m *Mail, inline []Part) {
	switch {
	case m.HTML == "":
		w.text("plain", m.Text)
	case m.Text == "":
		w.related(m.HTML, inline)
	default:
		l := w.open("alternative", "", "a")
		w.next(l)
		w.text("plain", m.Text)
		w.next(l)
		w.related(m.HTML, inline)
		w.close(l)
	}
}

func (w *writer) related(html string, inline []Part) {
	if len(inline) == 0 {
		w.text("html", html)
		return
	}
	l := w.open("related", " type=\"text/html\";", "r")
	w.next(l)
	w.text("html", html)
	for i := range inline {
		w.next(l)
		w.part(&inline[i], "inline")
	}
	w.close(l)
}

func (w *writer) text(subtype, text string) {
	w.add("Content-Type: text/", subtype, "; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	w.dst = appendText(w.dst, text)
}

func (w *writer) part(p *Part, disposition string) {
	name := norm.NFC.String(p.Name)
	contentType := p.ContentType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	w.add("Content-Type: ", contentType)
	if name != "" {
		w.dst = appendNameWord(append(w.dst, ";\r\n name="...), name) // for old Outlook, which knows no RFC 2231
	}
	w.add("\r\nContent-Transfer-Encoding: base64\r\n")
	if p.ContentID != "" {
		w.dst = AppendRawHeader(w.dst, "Content-ID", "<"+p.ContentID+">")
	}
	w.add("Content-Disposition: ", disposition)
	if name != "" {
		w.dst = appendFileName(w.dst, name)
	}
	w.add("\r\n\r\n")
	if p.Coded != nil {
		w.dst = append(w.dst, p.Coded...)
		return
	}
	w.dst = AppendBase64(w.dst, p.Data)
}

// appendNameWord appends a file name as a quoted string, in RFC 2047 words
// where it is long or not ASCII.
func appendNameWord(dst []byte, name string) []byte {
	if plainText(name) && len(name) <= maxSegment {
		return append(dst, quote(name)...)
	}
	return append(append(append(dst, '"'), strings.ReplaceAll(nameWords(name), " ", "\r\n ")...), '"')
}

// maxSegment is how many octets of a coded file name stand on one line.
const maxSegment = 54

// appendFileName appends the filename parameter (RFC 2231 3 and 4), in numbered
// segments where it is long or not ASCII.
func appendFileName(dst []byte, name string) []byte {
	if plainText(name) && len(name) <= maxSegment {
		return append(append(dst, ";\r\n filename="...), quote(name)...)
	}
	if coded := percentCode(name); len(coded) <= maxSegment {
		return append(append(dst, ";\r\n filename*=UTF-8''"...), coded...)
	}
	charset := "UTF-8''"
	for i := 0; name != ""; i++ {
		n := runesWithin(name, maxSegment/len("%XX")) // a segment holds whole characters: some readers decode each
		dst = fmt.Appendf(dst, ";\r\n filename*%d*=%s%s", i, charset, percentCode(name[:n]))
		name, charset = name[n:], ""
	}
	return dst
}

// percentCode codes all but attribute-char of RFC 5987 3.2.1.
func percentCode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		if isAtext(c) && !strings.ContainsRune(`*'%/=?{}`, rune(c)) || c == '.' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

// checkParts checks what parts put into headers.
func checkParts(lists ...[]Part) error {
	for _, p := range slices.Concat(lists...) {
		if err := CheckHeader(p.Name); err != nil {
			return about("the name of a file", err)
		}
		if len(p.Name) > maxFileName {
			return &Problem{
				What: fmt.Sprintf("file name %q… is longer than %d bytes", Visible(p.Name[:runesWithin(p.Name, 60)]), maxFileName),
				Hint: "give the file a shorter name",
			}
		}
		if p.ContentID != "" && !validID(p.ContentID) {
			return badID("content id", p.ContentID)
		}
		if p.ContentType == "" {
			continue
		}
		if _, _, err := mime.ParseMediaType(p.ContentType); err != nil || !isASCII(p.ContentType) ||
			CheckHeader(p.ContentType) != nil || len(p.ContentType) > maxContentType {
			return &Problem{
				What: fmt.Sprintf("file %q has the content type %q, which is none", Visible(p.Name), Visible(p.ContentType)),
				Hint: "use one like image/png",
				Err:  err,
			}
		}
	}
	return nil
}

const (
	maxFileName    = 1024 // octets; file systems end at 255
	maxContentType = 200  // octets, parameters included
)
