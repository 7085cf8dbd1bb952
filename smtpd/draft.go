package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"pabal/eml"
)

// readText reads a mail from stdin and gives its lines CRLF ends. A dot alone
// on a line ends it, unless keepDots. What is left after that is not read.
func readText(stdin io.Reader, keepDots bool) ([]byte, error) {
	r := bufio.NewReaderSize(stdin, readChunk)
	var text []byte
	for {
		line, err := r.ReadSlice('\n')
		whole := len(text) == 0 || text[len(text)-1] == '\n'
		if !keepDots && whole && (string(line) == ".\n" || string(line) == ".\r\n" || err == io.EOF && string(line) == ".") {
			return text, nil
		}
		text = append(text, line...)
		if err == nil {
			text = append(bytes.TrimSuffix(text[:len(text)-1], []byte("\r")), "\r\n"...)
		}
		if len(text) > maxTextBytes {
			return nil, exit(ExitUnavailable, fmt.Sprintf("the mail is larger than %d MB, which SES does not take", maxTextBytes>>20), "send a link to the file instead")
		}
		switch {
		case errors.Is(err, io.EOF):
			return endLine(text), nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, exit(ExitTempFail, "the mail cannot be read: "+err.Error(), "submit it again")
		}
	}
}

// endLine gives the last line its CRLF.
func endLine(text []byte) []byte {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return text
	}
	return append(bytes.TrimSuffix(text, []byte("\r")), "\r\n"...)
}

// draft is a text as programs write it: the header may be missing or run into
// the body without an empty line, as sendmail has always taken it.
type draft struct {
	header eml.Header
	body   []byte
}

// newDraft parts a text with CRLF lines. A line "From …" of an mbox in front is
// left out. A text that no server takes is a *eml.Problem.
func newDraft(text []byte) (*draft, error) {
	if bytes.IndexByte(text, 0) >= 0 || bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) {
		return nil, &eml.Problem{What: "the mail contains a NUL byte or a CR without LF", Hint: "end lines with LF or CRLF, and send binary content as an attachment in base64"}
	}
	if bytes.HasPrefix(text, []byte("From ")) || bytes.HasPrefix(text, []byte(">From ")) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	end := headerEnd(text)
	head := append(slices.Clone(text[:end]), "\r\n"...)
	body := bytes.TrimPrefix(text[end:], []byte("\r\n"))
	header, _, err := eml.Split(head)
	if err != nil { // too long: as text its hidden recipients would be seen
		return nil, err
	}
	return &draft{header, body}, nil
}

// headerEnd is where the first line begins that is neither a field nor more of
// one.
func headerEnd(text []byte) int {
	at := 0
	for at < len(text) {
		line, _, _ := bytes.Cut(text[at:], []byte("\n"))
		folded := at > 0 && len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		if !folded && !isField(line) {
			return at
		}
		at = min(at+len(line)+1, len(text))
	}
	return at
}

// isField reports whether a line begins a header field (RFC 5322 2.2).
func isField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	for _, c := range bytes.TrimRight(line[:colon], " \t") {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// recipients are those the header names: To, Cc and Bcc, or when the mail is
// resent (RFC 5322 3.6.6) the fields that say to whom.
func (d *draft) recipients() []string {
	names := []string{"To", "Cc", "Bcc"}
	if d.header.Has("Resent-To") || d.header.Has("Resent-Cc") || d.header.Has("Resent-Bcc") {
		names = []string{"Resent-To", "Resent-Cc", "Resent-Bcc"}
	}
	var out []string
	for _, f := range d.header.Fields() {
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, f.Name) }) {
			out = append(out, addressesIn(f.Value())...)
		}
	}
	return out
}

func (d *draft) remove(names ...string) { d.header.Remove(names...) }

// complete adds the From field, where there is none; the daemon adds the rest.
func (d *draft) complete(from eml.Mailbox) {
	if strings.TrimSpace(d.header.Get("From")) != "" {
		return
	}
	d.header.Remove("From")
	d.header.Prepend(eml.AppendRawHeader(nil, "From", from.Header()))
}

func (d *draft) bytes() []byte {
	return append(append(d.header.AppendTo(nil), "\r\n"...), d.body...)
}
