package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// buildStage makes the files of the image in an engine: the same binary, placed by
// the same program. VERSION and REVISION are arguments of the build, and so is
// the image that has Go.
//
//go:embed build.dockerfile
var buildStage string

// dockerfile is the Dockerfile, whose last stage says of a container what the
// configuration of the image says.
func dockerfile() string {
	c := running()
	var out strings.Builder
	out.WriteString(buildStage)
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	for name, text := range sorted(labels(build{version: "$VERSION", revision: "$REVISION"})) {
		if name != "org.opencontainers.image.created" { // of the day it is built, not of the commit
			line("LABEL %s=%q", name, text)
		}
	}
	for _, pair := range c.Env {
		name, text, _ := strings.Cut(pair, "=")
		line("ENV %s=%q", name, text)
	}
	for port := range sorted(c.ExposedPorts) {
		line("EXPOSE %s", port)
	}
	for volume := range sorted(c.Volumes) {
		line("VOLUME %s", words(volume))
	}
	line("WORKDIR %s", c.WorkingDir)
	line("USER %s", c.User)
	line("STOPSIGNAL %s", c.StopSignal)
	h := c.Healthcheck
	line("HEALTHCHECK --interval=%s --timeout=%s --start-period=%s --retries=%d CMD %s", h.Interval, h.Timeout, h.StartPeriod, h.Retries, words(h.Test[1:]...))
	line("ENTRYPOINT %s", words(c.Entrypoint...))
	line("CMD %s", words(c.Cmd...))
	return out.String()
}

// words is the form of a command that no shell reads: there is none.
func words(list ...string) string {
	text, err := json.Marshal(list)
	if err != nil { // of strings: it has no way to fail
		return ""
	}
	return string(text)
}

func sorted[V any](m map[string]V) func(func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
