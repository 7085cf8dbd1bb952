package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// sendInput is SendEmail's JSON, as far as the emulator knows it.
type sendInput struct {
	FromEmailAddress               string
	FeedbackForwardingEmailAddress string
	ReplyToAddresses               []string
	ConfigurationSetName           string
	EmailTags                      []tag
	Destination                    destination
	Content                        content
}

type tag struct{ Name, Value string }

type destination struct{ ToAddresses, CcAddresses, BccAddresses []string }

func (d destination) all() []string {
	out := make([]string, 0, len(d.ToAddresses)+len(d.CcAddresses)+len(d.BccAddresses))
	return append(append(append(out, d.ToAddresses...), d.CcAddresses...), d.BccAddresses...)
}

type content struct {
	Raw      *rawContent
	Simple   *simpleContent
	Template *json.RawMessage
}

type rawContent struct{ Data []byte }

type simpleContent struct {
	Subject     part7
	Body        struct{ Html, Text *part7 }
	Headers     []tag
	Attachments []attachment
}

// part7 is a text with its charset.
type part7 struct{ Data, Charset string }

type attachment struct {
	FileName                string
	RawContent              []byte
	ContentType             string
	ContentDisposition      string
	ContentId               string
	ContentTransferEncoding string
	ContentDescription      string
}

// decodeSend reads SendEmail's JSON. The raw message is decoded into buf's
// room where that is large enough: it is most of the bytes, and encoding/json
// would walk them three times.
func decodeSend(body, buf []byte) (*sendInput, error) {
	in := new(sendInput)
	data, rest, found := cutRawData(body)
	if err := json.Unmarshal(rest, in); err != nil {
		return nil, err
	}
	if !found {
		return in, nil
	}
	if in.Content.Raw == nil || len(in.Content.Raw.Data) > 0 {
		return nil, errors.New("Content.Raw is given twice")
	}
	if need := base64.StdEncoding.DecodedLen(len(data)); cap(buf) < need {
		buf = make([]byte, need)
	}
	n, err := base64.StdEncoding.Decode(buf[:cap(buf)], data)
	if err != nil {
		return nil, err
	}
	in.Content.Raw.Data = buf[:n]
	return in, nil
}

// cutRawData takes the string at Content.Raw.Data out of a JSON text without
// copying it: data is what stood between the quotes, rest the text with that
// string empty. Anything unusual (escapes, an odd shape) is left to
// encoding/json: found is false and rest is all. It checks no syntax.
func cutRawData(body []byte) (data, rest []byte, found bool) {
	path := []string{"Content", "Raw", "Data"}
	depth, at := 0, 0 // at: how many of path lead here
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			at = min(at, max(depth-1, 0))
		case '"':
			end := stringEnd(body, i)
			if end < 0 {
				return nil, body, false
			}
			next := skipSpace(body, end+1)
			key := next < len(body) && body[next] == ':'
			if !key || depth != at+1 || at >= len(path) || string(body[i+1:end]) != path[at] {
				i = end
				continue
			}
			value := skipSpace(body, next+1)
			if at == len(path)-1 {
				return cutString(body, value)
			}
			if value < len(body) && body[value] == '{' {
				at++
			}
			i = value - 1
		}
	}
	return nil, body, false
}

func cutString(body []byte, start int) (data, rest []byte, found bool) {
	if start >= len(body) || body[start] != '"' {
		return nil, body, false
	}
	end := stringEnd(body, start)
	if end < 0 {
		return nil, body, false
	}
	for _, odd := range []byte{'\\', '\r', '\n'} { // base64 would skip line ends that JSON forbids
		if bytes.IndexByte(body[start:end], odd) >= 0 {
			return nil, body, false
		}
	}
	rest = make([]byte, 0, len(body)-(end-start-1))
	rest = append(rest, body[:start+1]...)
	return body[start+1 : end], append(rest, body[end:]...), true
}

// stringEnd is the index of the quote that closes the string opened at start,
// -1 if none does.
func stringEnd(body []byte, start int) int {
	for i := start + 1; ; i++ {
		n := bytes.IndexByte(body[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for j := i - 1; j > start && body[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

func skipSpace(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r') {
		i++
	}
	return i
}
