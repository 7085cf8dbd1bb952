package cli

import (
	"os"
	"path/filepath"
	"strings"
)

// installedPages is where the Debian package puts the folder docs.
const installedPages = "/usr/share/doc/pabal"

// The places of the operator's handbook that a command's output leads to, beside
// those of holds (spool.Class.Page).
const (
	pageDiskFull = "docs/handbook.md#disk-full"
	pageSync     = "docs/handbook.md#sync-stopped"
	pageFeedback = "docs/handbook.md#feedback-silent"
	pageStopped  = "docs/handbook.md#campaign-stopped"
	pageFailed   = "docs/handbook.md#failed"
	pageUnknown  = "docs/handbook.md#unknown"
)

// more is the line that leads to a place of the handbook, if something is amiss:
// in the reader's language, and on this host where the package is installed.
func (r *report) more(page, lang string, amiss bool) {
	if !amiss {
		return
	}
	name, place, _ := strings.Cut(page, "#")
	if lang == "ko" {
		name = strings.TrimSuffix(name, ".md") + ".ko.md"
	}
	if there := filepath.Join(installedPages, name); exists(there) {
		name = there
	}
	r.line("      more: %s#%s", name, place)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
