package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"pabal/campaign"
)

// images are the images of letters; *campaign.Store has them.
type images interface {
	// ImageFile is one by its name. It is read by one reader, in pieces.
	ImageFile(name string) (contentType string, content io.ReadSeeker, err error)
}

type noImages struct{}

func (noImages) ImageFile(string) (string, io.ReadSeeker, error) {
	return "", nil, campaign.ErrNotFound
}

// imagePath begins the address of an image. The rest is the hash of its bytes,
// so what is there never changes.
const imagePath = "/i/"

// image serves an image to whoever reads a letter, to caches for ever. Mail
// providers fetch those of all their readers from few addresses, so that no
// limit by source holds here; nothing is written and nobody is looked up.
func (s *Server) image(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		onlyMethods("GET, HEAD")(w, r)
		return
	}
	kind, content, err := s.images.ImageFile(strings.TrimPrefix(r.URL.Path, imagePath))
	switch {
	case errors.Is(err, campaign.ErrNotFound):
		plain(w, http.StatusNotFound, "There is no such image.")
		return
	case err != nil:
		s.log().Error("image not served", "err", err)
		plain(w, http.StatusServiceUnavailable, "The image cannot be read; try again later.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "public, max-age=31536000, immutable") // a year: the longest that caches heed
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")         // readers on the web show it in their page
	h.Set("ETag", `"`+strings.TrimPrefix(r.URL.Path, imagePath)+`"`)
	h.Del("X-Frame-Options")
	http.ServeContent(w, r, "", time.Time{}, content)
}
