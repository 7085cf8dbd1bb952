// Package backup is the archive in which pabal's data folder is kept elsewhere:
// how it is written, read and proved, and how old ones are removed. It knows
// nothing of what the files mean: the stores give snapshots, the command line
// checks what comes back.
//
// # The archive
//
// One file: a zstd skippable frame with the Head as JSON, then a zstd frame with
// a tar file. `zstd -d` and `tar --zstd` read it. The tar holds, in this order:
//
//	queue.db ledger.db campaign.db audience.db   snapshots, whole
//	optouts.log      read after audience.db: it knows at least as much
//	smtp-users       if it lies in the data folder
//	imports/…        rows of imports that are not finished, and reports
//	manifest.json    the Manifest: sizes and SHA-256 of all that is before it
//
// The snapshots are begun in that order before the first byte is copied, so
// little lies between them, and each later one may know more than those before
// it, never less: what a crash between two commits leaves (the order of commits
// between files), which the next start mends. Not so erasures, whose end
// audience.db may know before the others lost the address; a restore does those
// of the last day again.
//
// # What it promises
//
// Write fails or the archive is whole; Extract returns without an error only
// when every byte is what Write was given: zstd's checksum, the sums of the
// manifest and the end of the file have to agree. It makes no file outside its
// folder, none but those named above, and no link. Memory does not grow with the
// archive. A file gets its name (Create) when it is on disk and proved.
//
// # What it does not do
//
// The archive is not encrypted, and it holds personal data, mails that wait and
// the keys of unsubscribe links. What lies outside the data folder is not in it:
// configuration, AWS credentials, certificates, images in a bucket, and what SES,
// its queue of events and the customers' database know.
package backup

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"pabal/eml"
)

const (
	// Format is the archive's; a higher one is refused.
	Format = 1
	// ManifestName is the last file of the archive.
	ManifestName = "manifest.json"

	maxHead     = 4 << 10   // bytes
	maxManifest = 1 << 20   // bytes
	maxFiles    = 10_000    // in one archive
	maxWindow   = 128 << 20 // bytes of memory that a foreign archive may ask for
)

// Errors of this package; test with errors.Is.
var (
	ErrDamaged = errors.New("the backup is damaged")
	ErrForeign = errors.New("not a backup of pabal")
	ErrNewer   = errors.New("the backup is of a newer pabal")
)

// Head is what an archive says of itself in front, before anything is unpacked.
type Head struct {
	Format  int       `json:"pabal_backup"` // of the archive
	Version string    `json:"version"`      // of the pabal that wrote it
	Store   string    `json:"store"`        // whose data it is: the id of ledger.db
	Taken   time.Time `json:"taken"`        // the first snapshot: what was committed before it is in all files
	Bytes   int64     `json:"bytes"`        // unpacked
}

// File is one file of the archive. At, ID and Format are those of a store and
// zero for other files.
type File struct {
	Name   string    `json:"name"`
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256"` // in hex
	At     time.Time `json:"at,omitzero"`
	ID     string    `json:"id,omitempty"`
	Format uint32    `json:"format,omitempty"`
}

// Counts are what the stores hold, to be compared with what comes back.
type Counts struct {
	Subscribers int64 `json:"subscribers"`
	Campaigns   int   `json:"campaigns"` // that have a ledger
	Recipients  int64 `json:"recipients"`
	Messages    int64 `json:"messages"` // of applications, done ones too
}

// Manifest is the end of the archive.
type Manifest struct {
	Head
	Finished time.Time `json:"finished"` // the last snapshot
	Counts   Counts    `json:"counts"`
	Files    []File    `json:"files"`
}

// Part is one file on its way into an archive. Bytes, At, ID and Format of File
// are set; what WriteTo writes has to be of that size.
type Part struct {
	File
	io.WriterTo
}

// nameAllowed are the files an archive may hold besides the manifest.
var nameAllowed = regexp.MustCompile(`^(queue\.db|ledger\.db|campaign\.db|audience\.db|optouts\.log|smtp-users|imports/[A-Za-z0-9_][A-Za-z0-9._-]{0,199})$`)

// stores have to be in every archive, in this order.
func stores() []string { return []string{"queue.db", "ledger.db", "campaign.db", "audience.db"} }

func damaged(name, format string, args ...any) error {
	return &eml.Problem{What: eml.Visible(name) + " is damaged: " + fmt.Sprintf(format, args...),
		Hint: "nothing was restored from it; take another backup, or fetch the file anew from where it is kept", Err: ErrDamaged}
}

func foreign(name string) error {
	return &eml.Problem{What: eml.Visible(name) + " is not a backup made by pabal", Hint: "give a file that `pabal backup` wrote", Err: ErrForeign}
}
