package emulator

import (
	"bytes"
	"encoding/base64"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
)

// compose makes the MIME message of simple content, as SES does: text and HTML
// as alternatives, attachments after them.
func (in *sendInput) compose() ([]byte, *apiError) {
	c := in.Content.Simple
	if in.FromEmailAddress == "" {
		return nil, badRequest("Missing required field FromEmailAddress.")
	}
	if c.Body.Html == nil && c.Body.Text == nil {
		return nil, badRequest("Body must hold Html or Text.")
	}
	var b bytes.Buffer
	head := []tag{
		{"From", in.FromEmailAddress}, {"To", strings.Join(in.Destination.ToAddresses, ", ")},
		{"Cc", strings.Join(in.Destination.CcAddresses, ", ")},
		{"Reply-To", strings.Join(in.ReplyToAddresses, ", ")},
		{"Subject", mime.BEncoding.Encode("UTF-8", c.Subject.Data)}, {"MIME-Version", "1.0"},
	}
	for _, h := range append(head, c.Headers...) {
		if !fieldName([]byte(h.Name)) || strings.ContainsAny(h.Name, ": ") || strings.ContainsAny(h.Value, "\r\n\x00") ||
			len(h.Name) > 126 || len(h.Name)+len(h.Value) > 996 && !slices.Contains(head, h) { // ours may be folded
			return nil, badRequest("Invalid header '%s'.", h.Name)
		}
		if h.Value != "" {
			b.WriteString(h.Name + ": " + strings.ReplaceAll(h.Value, "?= =?", "?=\r\n =?") + "\r\n")
		}
	}
	writeBody(&b, c)
	return b.Bytes(), nil
}

func writeBody(b *bytes.Buffer, c *simpleContent) {
	alternative := func(w *multipart.Writer) {
		for _, p := range []struct {
			text *part7
			kind string
		}{{c.Body.Text, "text/plain"}, {c.Body.Html, "text/html"}} {
			if p.text != nil {
				writePart(w, textproto.MIMEHeader{"Content-Type": {p.kind + "; charset=UTF-8"}}, []byte(p.text.Data))
			}
		}
	}
	outer := multipart.NewWriter(b)
	if len(c.Attachments) == 0 {
		b.WriteString("Content-Type: multipart/alternative; boundary=" + outer.Boundary() + "\r\n\r\n")
		alternative(outer)
		outer.Close() // writing to a buffer cannot go wrong
		return
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=" + outer.Boundary() + "\r\n\r\n")
	inner := multipart.NewWriter(b)
	outer.CreatePart(textproto.MIMEHeader{"Content-Type": {"multipart/alternative; boundary=" + inner.Boundary()}})
	alternative(inner)
	inner.Close()
	for _, a := range c.Attachments {
		writePart(outer, a.header(), a.RawContent)
	}
	outer.Close()
}

func (a attachment) header() textproto.MIMEHeader {
	kind, how := a.ContentType, strings.ToLower(a.ContentDisposition)
	if kind == "" {
		kind = "application/octet-stream"
	}
	if how != "inline" {
		how = "attachment"
	}
	h := textproto.MIMEHeader{
		"Content-Type":        {oneLine(kind)},
		"Content-Disposition": {mime.FormatMediaType(how, map[string]string{"filename": oneLine(a.FileName)})},
	}
	if a.ContentId != "" {
		h.Set("Content-ID", "<"+oneLine(a.ContentId)+">")
	}
	return h
}

func oneLine(s string) string {
	return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s)
}

// writePart writes data in base64 lines of 76 (RFC 2045, 6.8).
func writePart(w *multipart.Writer, h textproto.MIMEHeader, data []byte) {
	h.Set("Content-Transfer-Encoding", "base64")
	p, err := w.CreatePart(h)
	if err != nil {
		return // a buffer takes everything
	}
	coded := base64.StdEncoding.EncodeToString(data)
	for len(coded) > 0 {
		n := min(76, len(coded))
		p.Write([]byte(coded[:n] + "\r\n"))
		coded = coded[n:]
	}
}
