package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

const (
	barCells     = 30
	barInterval  = 100 * time.Millisecond
	clearLine    = "\r\x1b[K"
	defaultWidth = 80
)

// bar is a progress bar on a terminal; elsewhere it writes nothing.
type bar struct {
	w     io.Writer
	live  bool
	last  time.Time
	width int
}

func newBar(w io.Writer) *bar {
	return &bar{w: w, live: isTerminal(w), width: cmp.Or(widthOf(w), defaultWidth)}
}

// widthOf is how many columns a terminal has, 0 for what is none or does not say.
func widthOf(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// show draws done of total (0: not known) and a text, at most ten times a second.
func (b *bar) show(done, total int64, text string) {
	if !b.live || time.Since(b.last) < barInterval && done != total {
		return
	}
	b.last = time.Now()
	line := commas(done) + "  " + text
	if total > 0 {
		filled := int(min(done, total) * barCells / total)
		line = fmt.Sprintf("%s%s %3d%%  %s / %s  %s", strings.Repeat("█", filled), strings.Repeat("░", barCells-filled),
			min(done, total)*100/total, commas(done), commas(total), text)
	}
	_, _ = io.WriteString(b.w, clearLine+clip(line, b.width-1)) // a bar that cannot be drawn hurts nobody
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.live {
		_, _ = io.WriteString(b.w, clearLine)
	}
}

// isTerminal reports whether a stream is a person's terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
