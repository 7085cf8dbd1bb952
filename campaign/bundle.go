package campaign

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	page "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// Limits of a template that comes as a folder or a zip.
const (
	MaxBundle      = 20 << 20 // bytes of the zip
	maxUnpacked    = 40 << 20 // bytes of what is taken out of it
	maxBundleFiles = 1000     // files, those that are not taken too
	maxRatio       = 200      // unpacked to packed, of a file over ratioFrom bytes
	ratioFrom      = 1 << 20
	maxBundleDepth = 10 // folders inside folders
)

// Bundle is a template as a designer hands it over: a page, its images beside
// it, and what else is there. Nothing of it is stored yet.
type Bundle struct {
	Subject string // of subject.txt, else the page's title; "" for none
	HTML    string
	Text    string            // "" for none
	Files   map[string][]byte // images by their path beside the page
}

// entry is a file of a bundle that may be taken.
type entry struct {
	name string // its path, with slashes, NFC
	size int64
	read func() ([]byte, error)
}

// ReadZip reads a bundle from a zip. It returns an *eml.Problem for one that is
// none, that is too large when unpacked, or whose names lead out of it.
func ReadZip(data []byte) (Bundle, error) {
	if len(data) > MaxBundle {
		return Bundle{}, bundleProblem(fmt.Sprintf("the zip has more than %d MB", MaxBundle>>20), "make the images smaller: a mail's should have a few hundred KB")
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return Bundle{}, &eml.Problem{What: "this is no zip file that can be read: " + err.Error(), Hint: "pack the folder again as .zip", Err: err}
	}
	var all []entry
	for _, f := range archive.File {
		name, err := zipName(f)
		if err != nil {
			return Bundle{}, err
		}
		if !f.Mode().IsRegular() {
			continue // folders; links are not followed
		}
		if f.Flags&1 != 0 {
			return Bundle{}, bundleProblem("the zip is encrypted", "pack the folder again without a password")
		}
		if f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
			return Bundle{}, bundleProblem(eml.Visible(name)+" is packed more tightly than any image or page", "pack the folder again")
		}
		all = append(all, entry{name, int64(min(f.UncompressedSize64, maxUnpacked+1)), func() ([]byte, error) { return unpack(f) }})
	}
	return assemble(all)
}

func bundleProblem(what, hint string) error { return &eml.Problem{What: what, Hint: hint} }

// zipName is a name that stays in the folder. Windows in Korean writes names in
// CP949 without saying so.
func zipName(f *zip.File) (string, error) {
	name := f.Name
	if !utf8.ValidString(name) {
		if decoded, err := korean.EUCKR.NewDecoder().String(name); err == nil {
			name = decoded
		}
	}
	name = norm.NFC.String(strings.ReplaceAll(name, `\`, "/"))
	if strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) || scheme.MatchString(name) || slices.Contains(strings.Split(name, "/"), "..") {
		return "", bundleProblem("the zip has a file that would lie outside it: "+eml.Visible(name), "pack the folder again")
	}
	return path.Clean(name), nil
}

// unpack reads a file of a zip, at most as much as its head says it has.
func unpack(f *zip.File) (data []byte, err error) {
	r, err := f.Open()
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(r, int64(min(f.UncompressedSize64, maxUnpacked))+1))
		err = errors.Join(err, r.Close())
	}
	if err == nil && uint64(len(data)) != f.UncompressedSize64 {
		err = errors.New("it does not have the size it says")
	}
	if err != nil {
		return nil, &eml.Problem{What: "the zip is damaged: " + eml.Visible(f.Name) + ": " + err.Error(), Hint: "pack the folder again", Err: err}
	}
	return data, nil
}

// ReadFolder reads a bundle from a folder. Its errors are those of ReadZip, and
// those of the file system.
func ReadFolder(folder fs.FS) (Bundle, error) {
	var all []entry
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.Count(name, "/") >= maxBundleDepth || hiddenName(name) {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if len(all) > maxBundleFiles {
			return fs.SkipAll
		}
		all = append(all, entry{norm.NFC.String(name), info.Size(), func() ([]byte, error) { return readEntry(folder, name) }})
		return nil
	})
	if err != nil {
		return Bundle{}, &eml.Problem{What: "the folder cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	return assemble(all)
}

func readEntry(folder fs.FS, name string) (data []byte, err error) {
	f, err := folder.Open(name)
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(f, maxUnpacked+1))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, &eml.Problem{What: "the file cannot be read: " + err.Error(), Hint: "check the name and the permissions", Err: err}
	}
	return data, nil
}

// PageBundle is a page with the images it names, as find gives them; find says
// false for one that is not there.
func PageBundle(source string, find func(name string) (data []byte, found bool, err error)) (Bundle, error) {
	if len(source) > maxSource {
		return Bundle{}, bundleProblem(fmt.Sprintf("the page has more than %d KB", maxSource>>10), "make it smaller: mailboxes cut letters off after 102 KB")
	}
	b := Bundle{HTML: source, Subject: title(source), Files: map[string][]byte{}}
	left := int64(maxUnpacked)
	for _, name := range imageNames(normalize(source)) {
		data, found, err := find(name)
		if err != nil {
			return b, err
		}
		if !found {
			continue
		}
		if left -= int64(len(data)); left < 0 {
			return b, bundleProblem(fmt.Sprintf("the images have more than %d MB", maxUnpacked>>20), "make them smaller: a mail's should have a few hundred KB")
		}
		b.Files[name] = data
	}
	return b, nil
}

// hiddenName reports what an operating system leaves in folders.
func hiddenName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part != "." && strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// assemble chooses the page, the text and the subject, and takes the images
// that the page names.
func assemble(all []entry) (Bundle, error) {
	if len(all) > maxBundleFiles {
		return Bundle{}, bundleProblem(fmt.Sprintf("there are more than %d files", maxBundleFiles), "leave only the page and its images")
	}
	all = slices.DeleteFunc(all, func(e entry) bool { return hiddenName(e.name) })
	r := &bundleReader{left: maxUnpacked}
	p, err := choosePage(all)
	if err != nil {
		return Bundle{}, err
	}
	var b Bundle
	dir := "."
	if p != nil {
		dir = path.Dir(p.name)
		if b.HTML, err = r.text(*p); err != nil {
			return b, err
		}
	}
	for _, e := range all {
		switch {
		case path.Dir(e.name) != dir && p != nil:
		case strings.EqualFold(path.Base(e.name), "subject.txt"):
			if b.Subject, err = r.text(e); err != nil {
				return b, err
			}
		case isTextPart(e.name, p):
			if b.Text, err = r.text(e); err != nil {
				return b, err
			}
		}
	}
	if p == nil && b.Text == "" {
		return b, bundleProblem("there is no page in it", "add the page as index.html")
	}
	if b.Subject = strings.TrimSpace(b.Subject); b.Subject == "" {
		b.Subject = title(b.HTML)
	}
	b.Files, err = r.images(all, dir, imageNames(normalize(b.HTML)))
	return b, err
}

// choosePage is the page nearest to the top; of several index.html. nil: none.
func choosePage(all []entry) (*entry, error) {
	var pages []entry
	for _, e := range all {
		if ext := strings.ToLower(path.Ext(e.name)); ext == ".html" || ext == ".htm" {
			pages = append(pages, e)
		}
	}
	isIndex := func(e entry) int {
		if base := strings.ToLower(path.Base(e.name)); base == "index.html" || base == "index.htm" {
			return 0
		}
		return 1
	}
	depth := func(e entry) int { return strings.Count(e.name, "/") }
	slices.SortFunc(pages, func(a, b entry) int {
		return cmp.Or(depth(a)-depth(b), isIndex(a)-isIndex(b), strings.Compare(a.name, b.name))
	})
	switch {
	case len(pages) == 0:
		return nil, nil
	case len(pages) > 1 && depth(pages[0]) == depth(pages[1]) && isIndex(pages[0]) == isIndex(pages[1]):
		return nil, bundleProblem(fmt.Sprintf("there are several pages: %s and %s", eml.Visible(pages[0].name), eml.Visible(pages[1].name)), "call the one to send index.html")
	}
	return &pages[0], nil
}

// isTextPart reports the file that holds the text part: text.txt, or the
// page's name with .txt. Other texts (readme.txt) are not mailed.
func isTextPart(name string, p *entry) bool {
	base := strings.ToLower(path.Base(name))
	return base == "text.txt" || p != nil && base == strings.ToLower(strings.TrimSuffix(path.Base(p.name), path.Ext(p.name)))+".txt"
}

// title is what a page calls itself.
func title(source string) string {
	z := page.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case page.ErrorToken:
			return ""
		case page.StartTagToken:
			if t := z.Token(); t.DataAtom != atom.Title {
				continue
			}
			if z.Next() == page.TextToken {
				return strings.Join(strings.Fields(z.Token().Data), " ")
			}
			return ""
		}
	}
}

// bundleReader reads files up to a limit for all together.
type bundleReader struct{ left int64 }

func (r *bundleReader) read(e entry) ([]byte, error) {
	if r.left -= e.size; r.left < 0 {
		return nil, bundleProblem(fmt.Sprintf("unpacked it has more than %d MB", maxUnpacked>>20), "make the images smaller: a mail's should have a few hundred KB")
	}
	return e.read()
}

func (r *bundleReader) text(e entry) (string, error) {
	if e.size > maxSource {
		return "", bundleProblem(fmt.Sprintf("%s has more than %d KB", eml.Visible(e.name), maxSource>>10), "make the page smaller: mailboxes cut letters off after 102 KB")
	}
	data, err := r.read(e)
	return string(data), err
}

// images are the files that the page names, by that name.
func (r *bundleReader) images(all []entry, dir string, names []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range names {
		e := findEntry(all, dir, name)
		if e == nil {
			continue
		}
		if e.size > MaxImage {
			return nil, tooLargeImage(name, e.size)
		}
		data, err := r.read(*e)
		if err != nil {
			return nil, err
		}
		files[name] = data
	}
	return files, nil
}

// findEntry is the file that a page in dir calls name: beside it, or from the
// top, whatever the case; else the only one that ends so.
func findEntry(all []entry, dir, name string) *entry {
	for _, want := range []string{path.Join(dir, name), name} {
		for i := range all {
			if strings.EqualFold(all[i].name, want) {
				return &all[i]
			}
		}
	}
	var found *entry
	for i := range all {
		if strings.EqualFold(path.Base(all[i].name), path.Base(name)) {
			if found != nil {
				return nil
			}
			found = &all[i]
		}
	}
	return found
}

// WriteZip writes a bundle as a zip that ReadZip reads back.
func (b Bundle) WriteZip(w io.Writer) error {
	z := zip.NewWriter(w)
	add := func(name string, data []byte, method uint16) error {
		if len(data) == 0 {
			return nil
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = f.Write(data)
		}
		return err
	}
	err := errors.Join(add("index.html", []byte(b.HTML), zip.Store), add("text.txt", []byte(b.Text), zip.Store), add("subject.txt", []byte(b.Subject), zip.Store))
	for name, data := range b.Files {
		err = errors.Join(err, add(name, data, zip.Store))
	}
	return errors.Join(err, z.Close())
}
