package smtpd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// textState is where the reader of a text stands within a line. The states are
// those of RFC 5321 4.5.2 read strictly: a line ends with CR LF, where that CR
// does not itself follow a CR, so that CR CR LF . CR LF ends nothing.
type textState uint8

const (
	lineStart textState = iota
	afterDot            // the line's first byte was a dot, left out
	afterDotCR
	inLine
	afterCR
	textEnd
)

// textReader finds the end of a text and takes the stuffed dots out.
type textReader struct {
	state  textState
	lines  int  // CRLFs kept
	loneCR bool // one was left out with its dot
}

// feed appends the text in chunk to dst and returns how much of the chunk was
// used: all of it, unless the end came. dst may end where chunk begins: no more
// is ever appended than was read.
func (t *textReader) feed(dst, chunk []byte) ([]byte, int) {
	i := 0
	for i < len(chunk) && t.state != textEnd {
		c := chunk[i]
		switch t.state {
		case lineStart:
			t.state = inLine
			if c == '.' {
				t.state = afterDot
				i++
			}
		case afterDot:
			t.state = inLine
			if c == '\r' {
				t.state = afterDotCR
				i++
			}
		case afterDotCR:
			t.state = textEnd
			if c != '\n' {
				t.state, t.loneCR = inLine, true
				dst = append(dst, c)
			}
			i++
		case inLine:
			end := bytes.IndexByte(chunk[i:], '\r') + 1
			if end == 0 {
				end = len(chunk) - i
			} else {
				t.state = afterCR
			}
			dst = append(dst, chunk[i:i+end]...)
			i += end
		case afterCR:
			t.state = inLine
			if c == '\n' {
				t.state = lineStart
				t.lines++
			}
			dst = append(dst, c)
			i++
		}
	}
	return dst, i
}

// tidy turns lone LFs into CRLFs and refuses a lone CR and NUL, which SES would
// refuse later or, worse, another server read as a line end. headroom bytes in
// front are not text.
func (t *textReader) tidy(buf []byte, headroom int) ([]byte, error) {
	text := buf[headroom:]
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, refusal(550, "5.6.0", "the message contains a NUL byte; send binary content as an attachment in base64")
	}
	if t.loneCR || bytes.Count(text, []byte{'\r'}) != t.lines {
		return nil, refusal(550, "5.6.0", "the message contains a CR without LF; end lines with CRLF")
	}
	lone := bytes.Count(text, []byte{'\n'}) - t.lines
	if lone == 0 {
		return buf, nil
	}
	out := make([]byte, headroom, len(buf)+lone)
	for i, c := range text {
		if c == '\n' && (i == 0 || text[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out, nil
}

var errNoEnd = errors.New("no end of data")

// takeText reads the text that follows 354 into buf, behind what is in it
// already, and leaves the connection behind the final dot. room is asked before
// each read for a buffer with free space; once it refuses, the text is read to
// its end and forgotten and the refusal returned, so that the conversation
// stays in step. Any other error has ended the connection, with a reply where
// one was possible.
func (w *wire) takeText(buf []byte, limit int64, room func(buf []byte) ([]byte, error)) ([]byte, error) {
	t, headroom, began := textReader{}, len(buf), time.Now()
	var refused error
	buf, used := t.feed(buf, w.in)
	received := used
	w.in = w.in[used:]
	for t.state != textEnd {
		if refused == nil {
			refused = fits(len(buf)-headroom, limit)
		}
		if refused == nil {
			buf, refused = room(buf)
		}
		if refused != nil {
			if int64(received) > 4*limit+readChunk {
				return nil, w.endless()
			}
			buf = slices.Grow(buf[:headroom], readChunk)
		}
		w.textEnds = began.Add(w.server.text + time.Duration(received/textPace)*time.Second)
		free := buf[len(buf):min(cap(buf), len(buf)+readChunk)]
		n, err := w.receive(free)
		if err != nil {
			return nil, w.cutText(err, received)
		}
		received += n
		buf, used = t.feed(buf, free[:n])
		w.keep(free[used:n])
	}
	w.inText = false
	w.line = []byte(".\r\n") // go-smtp's own reader of texts finds its end here
	if refused == nil {
		refused = fits(len(buf)-headroom, limit)
	}
	if refused != nil {
		return nil, refused
	}
	return t.tidy(buf, headroom)
}

func fits(size int, limit int64) error {
	if int64(size) <= limit {
		return nil
	}
	return refusal(552, "5.3.4", fmt.Sprintf("the message is larger than %d bytes; send a link to the file instead", limit))
}

// endless ends a connection that goes on long after its text became too big.
func (w *wire) endless() error {
	w.end("552 5.3.4 the message is far too large")
	return errNoEnd
}

// cutText ends a connection whose text did not arrive. A client that waits for
// a reply after an end that is none (LF . LF) stands out in the log.
func (w *wire) cutText(err error, received int) error {
	w.server.log().Warn("text of a message broke off", "err", err, "bytes", received, "client", w.RemoteAddr().String())
	reply := "421 4.4.2 the connection broke"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		reply = "421 4.4.2 no end of data: end the message with CRLF . CRLF"
		err = errNoEnd
	}
	if _, stopping := w.server.stopping(); stopping {
		reply = "421 4.3.2 the mail server is stopping, try again later"
	}
	w.end(reply)
	return fmt.Errorf("%w after %d bytes", err, received)
}
