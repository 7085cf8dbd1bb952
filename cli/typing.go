package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// errNoAnswer is that somebody ended a question with Ctrl-C or Ctrl-D.
var errNoAnswer = errors.New("no answer")

const (
	maxTyped  = 4 << 10 // bytes of one answer
	keyStop   = 3       // Ctrl-C
	keyEnd    = 4       // Ctrl-D
	keyErase  = 127
	keyBack   = 8
	keyWipe   = 21 // Ctrl-U
	keyEscape = 27
)

// typist reads lines from a terminal. The terminal's own line editing takes a
// Hangul syllable for one column when it is erased, and half of it stays to be
// seen; this one knows that it has two.
type typist struct {
	in   *os.File
	out  io.Writer
	keys chan rune // nil before the first line
}

// line is one answer; secret is not shown. The terminal is as before when it
// returns.
func (t *typist) line(ctx context.Context, prompt string, secret bool) (string, error) {
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask on the terminal: %w", err)
	}
	defer term.Restore(int(t.in.Fd()), before)
	t.listen()
	fmt.Fprint(t.out, prompt)
	l := typed{secret: secret}
	for {
		select {
		case <-ctx.Done():
			fmt.Fprint(t.out, "\r\n")
			return "", errNoAnswer
		case r, open := <-t.keys:
			if !open {
				r = keyStop
			}
			echo, done, err := l.press(r)
			fmt.Fprint(t.out, echo)
			if done || err != nil {
				return strings.TrimSpace(string(l.text)), err
			}
		}
	}
}

// listen begins to read. What reads ends with the process: a read from a
// terminal cannot be taken back.
func (t *typist) listen() {
	if t.keys != nil {
		return
	}
	t.keys = make(chan rune)
	go func() {
		defer close(t.keys)
		in := bufio.NewReader(t.in)
		for {
			r, _, err := in.ReadRune()
			if err != nil {
				return
			}
			t.keys <- r
		}
	}()
}

// typed is a line in the making.
type typed struct {
	text   []rune
	secret bool
	escape int // within a key that sends several: 1 after ESC, 2 after ESC [ or ESC O
}

// press takes one key and says what to show for it. It is done at Enter;
// errNoAnswer is Ctrl-C, and Ctrl-D on an empty line.
func (l *typed) press(r rune) (echo string, done bool, err error) {
	if l.escape > 0 {
		l.skip(r)
		return "", false, nil
	}
	switch {
	case r == '\r' || r == '\n':
		return "\r\n", true, nil
	case r == keyStop, r == keyEnd && len(l.text) == 0:
		return "\r\n", false, errNoAnswer
	case r == keyErase || r == keyBack:
		return l.erase(1), false, nil
	case r == keyWipe:
		return l.erase(len(l.text)), false, nil
	case r == keyEscape:
		l.escape = 1
	case r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || len(string(l.text))+utf8.RuneLen(r) > maxTyped:
		return "\a", false, nil
	default:
		l.text = append(l.text, r)
		if !l.secret {
			return string(r), false, nil
		}
	}
	return "", false, nil
}

// skip passes over the keys that move: ESC [ … letter.
func (l *typed) skip(r rune) {
	switch {
	case l.escape == 1 && (r == '[' || r == 'O'):
		l.escape = 2
	case l.escape == 1 || r >= 0x40 && r <= 0x7e:
		l.escape = 0
	}
}

// erase takes the last n off the line and the screen.
func (l *typed) erase(n int) string {
	n = min(n, len(l.text))
	gone := l.text[len(l.text)-n:]
	l.text = l.text[:len(l.text)-n]
	if l.secret {
		return ""
	}
	return strings.Repeat("\b \b", cells(string(gone)))
}
