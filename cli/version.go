package cli

import (
	"cmp"
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// released is set by the linker (-X pabal/cli.released=…), which needs a
// variable.
var released string

// version is the release, or the commit this was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if released != "" || !ok {
		return cmp.Or(released, "unknown")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return cmp.Or(info.Main.Version, "unknown")
}

func (a *app) versionCommand() *cobra.Command {
	return a.command("version", "Say which version this is", "pabal version --json", func(context.Context, []string) error {
		v := struct {
			Version string `json:"version"`
			Go      string `json:"go"`
			OS      string `json:"os"`
			Arch    string `json:"arch"`
		}{version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
		return one(a, v, func(r *report) { r.line("pabal %s (%s, %s/%s)", v.Version, v.Go, v.OS, v.Arch) })
	})
}
