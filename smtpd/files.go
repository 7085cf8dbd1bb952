package smtpd

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"

	"pabal/eml"
)

// maxMail is the largest mail SES takes: 40 MB counted in base64 (SES Developer
// Guide, "Service quotas"), less what is put in front on the way to it.
const maxMail = 40<<20/4*3 - 1<<10

// maxDecoded is how much of messages within messages is decoded: each coded
// once, twice or thrice is far below it.
const maxDecoded = 3 * maxMail

// files looks for files that SES refuses a mail for, in parts within parts and
// in messages within the message. It changes nothing.
type files struct {
	parts   int
	decoded int // octets of messages within
}

// allowed refuses a message or part with such a file. Its header is given as
// values of the three fields that matter.
func (f *files) allowed(h partHeader, body []byte, depth int) error {
	kind, params := parseParams(h.contentType)
	if err := f.named(params, h.disposition); err != nil {
		return err
	}
	multi := strings.HasPrefix(kind, "multipart/")
	if !multi && !strings.HasPrefix(kind, "message/") {
		return nil
	}
	if depth > maxDepth {
		return refusal(554, "5.6.3", "the message has parts within parts more than 100 deep; send it flatter")
	}
	if !multi {
		if !identityName(h.coding) {
			body = decoded(h.coding, body)
			if f.decoded += len(body); f.decoded > maxDecoded {
				return refusal(554, "5.6.3", "the message has coded messages within coded messages, over and over; send it without")
			}
		}
		inner, rest := cutHeader(body)
		return f.allowed(inner, rest, depth+1)
	}
	boundary := boundaryOf(h.contentType, params)
	if boundary == "" {
		return nil
	}
	return f.multipart(body, []byte("--"+boundary), boundary, depth)
}

func (f *files) multipart(body, delimiter []byte, boundary string, depth int) error {
	for inside := false; len(body) > 0; {
		content, line, rest := cutAtDelimiter(body, delimiter)
		if inside {
			if f.parts++; f.parts > maxParts {
				return refusal(554, "5.6.3", "the message has more than 1,000 parts; send several, or the files in an archive")
			}
			h, inner := cutHeader(content)
			if err := f.allowed(h, inner, depth+1); err != nil {
				return err
			}
		}
		inside = len(line) > 0 && !closes(line, boundary)
		body = rest
	}
	return nil
}

// named refuses a part by the names its parameters give it.
func (f *files) named(params []param, disposition string) error {
	if disposition != "" {
		_, more := parseParams(disposition)
		params = append(params[:len(params):len(params)], more...)
	}
	for _, name := range fileNames(params) {
		if ext := eml.ForbiddenExtension(name); ext != "" {
			return refusal(552, "5.7.0", "the attachment "+eml.Visible(eml.Cut(name, 100))+" cannot be sent: SES refuses "+ext+" files; send a link to it, or put it into a .zip archive")
		}
	}
	return nil
}

// decoded is a message within a message, which some programs code although
// RFC 2046 5.2.1 forbids it, as far as it can be decoded.
func decoded(coding string, body []byte) []byte {
	var r io.Reader
	switch coding {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	default:
		r = quotedprintable.NewReader(bytes.NewReader(body))
	}
	plain, _ := io.ReadAll(r) // what came before an error
	return plain
}

// partHeader is what a header says about the body behind it.
type partHeader struct{ contentType, disposition, coding string }

// headerOfPart reads the header of a message.
func headerOfPart(header *eml.Header) partHeader {
	return partHeader{header.Get("Content-Type"), header.Get("Content-Disposition"), coding(header)}
}

// cutHeader reads the header of a part line by line: a line that is no field,
// at which eml.Split stops, must not hide the ones behind it.
func cutHeader(part []byte) (h partHeader, body []byte) {
	var into *[]byte
	var raw [3][]byte
	for len(part) > 0 {
		line, rest, _ := bytes.Cut(part, []byte("\n"))
		part = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		switch {
		case len(line) == 0:
			return partHeaderOf(raw), part
		case line[0] == ' ' || line[0] == '\t':
			if into != nil && len(*into) < maxPartField {
				*into = append(*into, line...)
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		into = nil
		if i := partField(name); i >= 0 && len(raw[i]) == 0 {
			into = &raw[i]
			*into = append(*into, bytes.TrimSpace(value[:min(len(value), maxPartField)])...)
		}
	}
	return partHeaderOf(raw), nil
}

const maxPartField = 64 << 10 // bytes of a field of a part that are looked at

// partField is which of the three fields a name is, -1 for none.
func partField(name []byte) int {
	switch strings.ToLower(string(bytes.TrimSpace(name[:min(len(name), maxSingle)]))) {
	case "content-type":
		return 0
	case "content-disposition":
		return 1
	case "content-transfer-encoding":
		return 2
	}
	return -1
}

func partHeaderOf(raw [3][]byte) partHeader {
	return partHeader{string(raw[0]), string(raw[1]), codingName(string(raw[2]))}
}
