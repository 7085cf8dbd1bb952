//go:build host || release

package main

import (
	"fmt"
	"os"
	"testing"
)

// scratch is a folder for what several tests use; TestMain makes and removes it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "pabal-deb"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch) // a temporary folder
	os.Exit(code)
}
