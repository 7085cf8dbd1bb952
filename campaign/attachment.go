package campaign

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"

	"pabal/eml"
	"pabal/spool"
)

const (
	// MaxAttached is how many bytes the files of one campaign may have together:
	// coded they stay below 10 MB, above which SES slows mails down (SES quotas
	// page).
	MaxAttached    = 7 << 20
	maxAttachments = 20
	maxFileName    = 200      // bytes; SES takes 255 characters (SES API, Attachment)
	heavyMemory    = 64 << 20 // bytes of mails with attachments composed at the same time
	ownMemory      = 1 << 20  // bytes beside the letter that need no reservation
)

// Attachment is a file that goes with every mail of a campaign. Its bytes are
// stored once, under their hash.
type Attachment struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Bytes       int64  `json:"bytes"`
	Hash        string `json:"hash"` // SHA-256 of the bytes, hexadecimal
}

// PutFile stores a file that campaigns may name in Attachments and returns how.
// The same bytes are stored once. A file that no campaign names is dropped a
// day later. It returns a *eml.Problem for a name or type that mailboxes and
// SES refuse, and for one that is too large.
func (s *Store) PutFile(ctx context.Context, name string, data []byte) (Attachment, error) {
	name = norm.NFC.String(strings.TrimSpace(name))
	if err := checkFileName(name); err != nil {
		return Attachment{}, err
	}
	switch {
	case len(data) == 0:
		return Attachment{}, &eml.Problem{What: "the file " + name + " is empty", Hint: "choose another file"}
	case len(data) > MaxAttached:
		return Attachment{}, tooMuchAttached(name, int64(len(data)))
	}
	if err := ctx.Err(); err != nil {
		return Attachment{}, err
	}
	a := Attachment{Name: name, ContentType: contentType(name, data), Bytes: int64(len(data)), Hash: hashOf(data)}
	if err := s.keepFile(a.Hash, data); err != nil {
		return Attachment{}, fmt.Errorf("store file %s: %w", name, err)
	}
	return a, nil
}

func tooMuchAttached(what string, bytes int64) error {
	return &eml.Problem{What: fmt.Sprintf("%s: %.1f MB attached, more than %d MB", what, float64(bytes)/(1<<20), MaxAttached>>20),
		Hint: "put the file on a web server and link to it: mails over 10 MB are slowed down by SES and refused by many mailboxes"}
}

func checkFileName(name string) error {
	switch {
	case name == "" || name == "." || strings.ContainsAny(name, `/\`) || eml.CheckHeader(name) != nil:
		return &eml.Problem{What: fmt.Sprintf("%q cannot be the name of an attachment", eml.Visible(name)), Hint: "give the file a plain name, without a folder"}
	case len(name) > maxFileName:
		return &eml.Problem{What: fmt.Sprintf("the name of the attachment %.40s… is longer than %d bytes", eml.Visible(name), maxFileName), Hint: "give the file a shorter name"}
	case eml.ForbiddenExtension(name) != "":
		return &eml.Problem{What: "SES refuses mails with files of the type " + eml.ForbiddenExtension(name),
			Hint: "attach another type, for example PDF, or put the file on a web server and link to it"}
	}
	return nil
}

const unknownType = "application/octet-stream"

// contentType goes by the name, then by the bytes. A text part without a
// charset is read as US-ASCII, so it says which it has.
func contentType(name string, data []byte) string {
	found := http.DetectContentType(data)
	known, ok := fileTypes()[strings.ToLower(filepath.Ext(name))]
	if !ok {
		known = found
	}
	kind, params, err := mime.ParseMediaType(known)
	switch {
	case err != nil, kind == "text/html", kind == "text/xml":
		return unknownType // never a page a reader would run
	case params["charset"] == "utf-8" && !utf8.Valid(data):
		return legacyText(kind, found, data)
	}
	return mime.FormatMediaType(kind, params)
}

// legacyText is the type of a text that is not UTF-8: as Windows wrote it in
// Korea, or UTF-16, which begins with its mark.
func legacyText(kind, found string, data []byte) string {
	if _, params, err := mime.ParseMediaType(found); err == nil && strings.HasPrefix(params["charset"], "utf-16") {
		return mime.FormatMediaType(kind, params)
	}
	text, err := korean.EUCKR.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) || bytes.ContainsRune(data, 0) {
		return unknownType
	}
	return mime.FormatMediaType(kind, map[string]string{"charset": "euc-kr"})
}

// fileTypes is what a name says, the same on every host: the system's own table
// differs from one to the next. Sources: the IANA registry of media types.
func fileTypes() map[string]string {
	return map[string]string{
		".pdf": "application/pdf", ".zip": "application/zip", ".csv": "text/csv; charset=utf-8", ".txt": "text/plain; charset=utf-8",
		".ics": "text/calendar; charset=utf-8", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
		".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
		".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
		".hwp":  "application/x-hwp", ".hwpx": "application/haansofthwpx", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
		".html": "application/octet-stream", ".htm": "application/octet-stream", ".svg": "application/octet-stream", ".xml": "application/octet-stream",
	}
}

// checkAttachments proves that every file is there and that together they can
// be sent. What the store knows of a file wins over what the caller says.
func (s *Store) checkAttachments(all []Attachment) ([]Attachment, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if len(all) > maxAttachments {
		return nil, &eml.Problem{What: fmt.Sprintf("%d files are attached, more than %d", len(all), maxAttachments), Hint: "put them into one zip file"}
	}
	checked, total, names := make([]Attachment, 0, len(all)), int64(0), map[string]bool{}
	for _, a := range all {
		a.Name = norm.NFC.String(strings.TrimSpace(a.Name))
		if err := checkFileName(a.Name); err != nil {
			return nil, err
		}
		if names[strings.ToLower(a.Name)] {
			return nil, &eml.Problem{What: "two attachments are called " + a.Name, Hint: "give one of them another name"}
		}
		names[strings.ToLower(a.Name)] = true
		data, err := s.file(a.Hash)
		if err != nil {
			return nil, &eml.Problem{What: "the attachment " + a.Name + " is not stored here", Hint: "attach the file again", Err: err}
		}
		a.Bytes, a.ContentType = int64(len(data)), contentType(a.Name, data)
		total += a.Bytes
		checked = append(checked, a)
	}
	if total > MaxAttached {
		return nil, tooMuchAttached(fmt.Sprintf("%d files", len(all)), total)
	}
	return checked, nil
}

// attached are a campaign's files, coded to go into every mail.
func (s *Store) attached(all []Attachment) ([]eml.Part, error) {
	parts := make([]eml.Part, 0, len(all))
	for _, a := range all {
		data, err := s.file(a.Hash)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", a.Name, err)
		}
		parts = append(parts, eml.Part{Name: a.Name, ContentType: a.ContentType, Coded: eml.AppendBase64(nil, data)})
	}
	return parts, nil
}

// reserve waits for the memory of a mail with n bytes beside the letter; what
// is small needs none. No byte has been written when it fails.
func (s *Store) reserve(ctx context.Context, n int) (release func(), err error) {
	if n <= ownMemory {
		return func() {}, nil
	}
	weight := min(int64(n), heavyMemory)
	if err := s.memory.Acquire(ctx, weight); err != nil {
		return nil, ours(spool.Network, "stopped while waiting for memory: "+err.Error(), err)
	}
	return func() { s.memory.Release(weight) }, nil
}
