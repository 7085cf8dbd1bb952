// Package tui is pabal's terminal UI. It sees the rest of the program only
// through Backend and record types.
package tui

import (
	"context"
	"io"
)

// Options for Run.
type Options struct {
	Lang    string // ko, en
	ASCII   bool   // no box-drawing characters
	NoColor bool
	Input   io.Reader // nil: stdin
	Output  io.Writer // nil: stdout
}

// Run shows the UI until the person leaves or ctx ends.
func Run(ctx context.Context, b Backend, o Options) error { panic("seam") }
