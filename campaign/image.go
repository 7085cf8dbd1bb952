package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // what DecodeConfig knows
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// MaxImage is how many bytes an image may have to be stored at all; what may
// be sent is Settings.Images.Max.
const MaxImage = 5 << 20

const maxImages = 200 // of one version

// How recipients get the images of letters.
const (
	ImagesWeb    = "web"    // from pabal's own web listener, under /i/
	ImagesS3     = "s3"     // from a bucket
	ImagesInline = "inline" // in the mail itself
)

// ImageSettings is the [images] part of the configuration.
type ImageSettings struct {
	Mode    string // one of the Images constants; "" means web
	BaseURL string // s3: where recipients find the bucket, without a slash at the end
	Max     int64  // bytes an image may have to be sent; zero means no limit but MaxImage
}

// ImageHost keeps images where recipients load them, under names that never
// change their content. Put may be called again for a name that is there, and
// at the same time. The error says what to do.
type ImageHost interface {
	Put(ctx context.Context, name, contentType string, data []byte) error
}

// Image is an image of a template version. Its bytes are stored once under
// their hash, however many versions have it.
type Image struct {
	Name    string `json:"name"` // as the page names it, without folders above
	URL     string `json:"url"`  // where recipients load it, or cid:…; "" when nothing is known of that yet
	Type    string `json:"type,omitempty"`
	Bytes   int64  `json:"bytes"`
	Hash    string `json:"hash,omitempty"` // SHA-256, hexadecimal; "" when the image is missing
	Missing bool   `json:"missing,omitempty"`
}

// file is the image's name for recipients: hash and extension.
func (i Image) file() string { return i.Hash + imageExt(i.Type) }

func imageExt(kind string) string {
	switch kind {
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	case "image/gif":
		return ".gif"
	case "image/webp":
		return ".webp"
	}
	return ""
}

// imageType looks at the bytes: names lie. Only what mail programs show is
// taken; SVG, which may hold scripts, is not.
func imageType(name string, data []byte) (string, error) {
	kind := http.DetectContentType(data)
	if imageExt(kind) == "" {
		what := eml.Visible(name) + " is no image that mail programs show"
		if head := bytes.ToLower(data[:min(len(data), 1024)]); bytes.Contains(head, []byte("<svg")) {
			what = eml.Visible(name) + " is an SVG, which mail programs do not show"
		}
		return "", &eml.Problem{What: what, Hint: "save it as PNG, JPEG or GIF"}
	}
	if kind != "image/webp" {
		if _, _, err := image.DecodeConfig(bytes.NewReader(data)); err != nil {
			return "", &eml.Problem{What: eml.Visible(name) + " is damaged: " + err.Error(), Hint: "save it again as PNG, JPEG or GIF", Err: err}
		}
	}
	return kind, nil
}

func tooLargeImage(name string, bytes int64) error {
	return &eml.Problem{What: fmt.Sprintf("the image %s has %.1f MB, more than %d MB", eml.Visible(name), float64(bytes)/(1<<20), MaxImage>>20),
		Hint: "save it smaller: 1200 pixels wide and a few hundred KB are enough for a mail"}
}

// PutBundle stores a new version of the template called t.Name from a bundle,
// with the images its page names. Subject and Purpose of t win over the
// bundle's; without either the newest version's subject is kept. Images that
// are named and not there are listed as missing; a campaign does not start with
// them. Errors are those of PutTemplate, and an *eml.Problem for an image that
// mail programs do not show.
func (s *Store) PutBundle(ctx context.Context, t Template, b Bundle) (Template, error) {
	t.HTML, t.Text = b.HTML, b.Text
	if t.Subject == "" {
		t.Subject = b.Subject
	}
	t.Images = nil
	if err := s.oldSubject(&t); err != nil {
		return Template{}, err
	}
	if _, err := compile(normalized(t)); err != nil {
		return Template{}, err
	}
	names := imageNames(normalize(t.HTML))
	if err := checkImages(names); err != nil {
		return Template{}, err
	}
	for _, name := range names {
		data, ok := b.Files[name]
		if !ok {
			t.Images = append(t.Images, Image{Name: name, Missing: true})
			continue
		}
		i, err := s.putImage(ctx, name, data)
		if err != nil {
			return Template{}, err
		}
		t.Images = append(t.Images, i)
	}
	return s.putTemplate(ctx, t)
}

// checkImages bounds what one version may name.
func checkImages(names []string) error {
	if len(names) <= maxImages {
		return nil
	}
	return &eml.Problem{What: fmt.Sprintf("the page names %d images, more than %d", len(names), maxImages), Hint: "put several into one, or link to those on the web"}
}

// oldSubject takes the subject of the newest version where none is given.
func (s *Store) oldSubject(t *Template) error {
	if strings.TrimSpace(t.Subject) != "" {
		return nil
	}
	old, err := s.Template(strings.TrimSpace(normalize(t.Name)), 0)
	if errors.Is(err, ErrNotFound) {
		return &TemplateError{Code: "no_subject", Part: partSubject, Message: "there is no subject", Hint: "Give one, add subject.txt, or give the page a <title>."}
	}
	t.Subject = old.Subject
	return err
}

func (s *Store) putImage(ctx context.Context, name string, data []byte) (Image, error) {
	if err := ctx.Err(); err != nil {
		return Image{}, err
	}
	if len(data) > MaxImage {
		return Image{}, tooLargeImage(name, int64(len(data)))
	}
	kind, err := imageType(name, data)
	if err != nil {
		return Image{}, err
	}
	i := Image{Name: name, Type: kind, Bytes: int64(len(data)), Hash: hashOf(data)}
	if err := s.keepFile(i.Hash, data); err != nil {
		return Image{}, fmt.Errorf("store image %s: %w", name, err)
	}
	return i, nil
}

// inherit gives a version whose page was edited the images it had: those
// that t says, else those of the newest version, else they are missing.
func inherit(tx *bolt.Tx, t *Template) error {
	names := imageNames(t.HTML)
	if len(names) == 0 {
		t.Images = nil
		return nil
	}
	if err := checkImages(names); err != nil {
		return err
	}
	had := t.Images
	if id := tx.Bucket(bucketNames).Get([]byte(t.Name)); id != nil {
		var newest Template
		if err := readJSON(tx.Bucket(bucketTemplates).Get(id), &newest); err != nil {
			return fmt.Errorf("read template %s: %w", t.Name, err)
		}
		had = slices.Concat(had, newest.Images)
	}
	t.Images = make([]Image, 0, len(names))
	for _, name := range names {
		t.Images = append(t.Images, kept(tx, had, name))
	}
	return nil
}

// kept is the first of had that is called name and stored, checked by its bytes.
func kept(tx *bolt.Tx, had []Image, name string) Image {
	for _, i := range had {
		if i.Name != name || i.Missing {
			continue
		}
		if data, err := fileBytes(tx, fileKey(i.Hash)); err == nil {
			if kind, err := imageType(name, data); err == nil {
				return Image{Name: name, Type: kind, Bytes: int64(len(data)), Hash: i.Hash}
			}
		}
	}
	return Image{Name: name, Missing: true}
}

// located is a template with the addresses of its images.
func (s *Store) located(t Template) Template {
	t.Images = slices.Clone(t.Images)
	for i := range t.Images {
		t.Images[i].URL = s.imageURL(t.Images[i])
	}
	return t
}

func (s *Store) imageURL(i Image) string {
	if i.Missing {
		return ""
	}
	switch s.Settings.Images.Mode {
	case ImagesS3:
		return s.Settings.Images.BaseURL + "/" + i.file()
	case ImagesInline:
		return "cid:" + contentID(i)
	}
	if base := s.Settings.publicURL(); base != "" {
		return base + "/i/" + i.file()
	}
	return ""
}

// contentID names an image within a mail (RFC 2392).
func contentID(i Image) string { return i.Hash[:32] + "@images.pabal" }

// assemble compiles a version with its images' addresses in place. It is done
// once per version, never per mail.
func (s *Store) assemble(t Template) (*letter, error) {
	if len(t.Images) == 0 {
		return compile(t)
	}
	urls := map[string]string{}
	for _, i := range t.Images {
		urls[i.Name] = s.imageURL(i)
	}
	t.HTML = placeImages(t.HTML, func(name string) string { return urls[name] })
	l, err := compile(t)
	if err == nil {
		l.images = t.Images
	}
	return l, err
}

// inlined are the images that go into every mail of a letter, coded, each once.
func (s *Store) inlined(l *letter) ([]eml.Part, error) {
	if s.Settings.Images.Mode != ImagesInline {
		return nil, nil
	}
	var parts []eml.Part
	seen := map[string]bool{}
	for _, i := range l.images {
		if i.Missing || seen[i.Hash] {
			continue
		}
		seen[i.Hash] = true
		data, err := s.file(i.Hash)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", i.Name, err)
		}
		parts = append(parts, eml.Part{Name: path.Base(i.Name), ContentType: i.Type, ContentID: contentID(i), Coded: eml.AppendBase64(nil, data)})
	}
	return parts, nil
}

// published remembers what the host has taken since the daemon started.
type published struct {
	mu    sync.Mutex
	files map[string]bool
}

func (p *published) has(file string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[file]
}

func (p *published) add(file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files = map[string]bool{}
	}
	p.files[file] = true
}

// publish hands a letter's images to their host, those it has not taken yet.
// Without a host there is nothing to do: web serves them, or the mail has them.
func (s *Store) publish(ctx context.Context, l *letter) error {
	if s.Settings.Images.Mode != ImagesS3 || s.Host == nil {
		return nil
	}
	for _, i := range l.images {
		if i.Missing || s.published.has(i.file()) {
			continue
		}
		data, err := s.file(i.Hash)
		if err == nil {
			err = s.Host.Put(ctx, i.file(), i.Type, data)
		}
		if err != nil {
			return fmt.Errorf("publish image %s: %w", i.Name, err)
		}
		s.published.add(i.file())
	}
	return nil
}
