// Package cli has the commands, the configuration and the wiring.
package cli

import "io"

// Main runs one command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int { panic("seam") }
