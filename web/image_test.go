package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"pabal/campaign"
)

// album has one picture, and one that cannot be read.
type album struct{}

const picture = "\x89PNG\r\n\x1a\nhero"

func (album) ImageFile(name string) (string, io.ReadSeeker, error) {
	switch name {
	case "abc.png":
		return "image/png", strings.NewReader(picture), nil
	case "bad.png":
		return "", nil, errors.New("its checksum does not fit")
	}
	return "", nil, campaign.ErrNotFound
}

func TestPictureIsServedForEver(t *testing.T) {
	s := testPages(&list{})
	s.images = album{}
	got := ask(t, s, http.MethodGet, "/i/abc.png", "", "")
	if got.status != 200 || got.body != picture {
		t.Fatalf("%d %q", got.status, got.body)
	}
	for name, want := range map[string]string{"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=31536000, immutable",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "cross-origin", "Etag": `"abc.png"`, "Content-Length": "12"} {
		if h := got.header.Get(name); h != want {
			t.Errorf("%s: %q, want %q", name, h, want)
		}
	}
	if head := ask(t, s, http.MethodHead, "/i/abc.png", "", ""); head.status != 200 || head.body != "" {
		t.Errorf("HEAD: %d %q", head.status, head.body)
	}
	if post := ask(t, s, http.MethodPost, "/i/abc.png", form, "x"); post.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.status)
	}
}

func TestPictureThatIsNotThere(t *testing.T) {
	s := testPages(&list{})
	s.images = album{}
	for target, status := range map[string]int{"/i/": 404, "/i/other.png": 404, "/i/a/b.png": 404, "/i/bad.png": 503} {
		got := ask(t, s, http.MethodGet, target, "", "")
		if got.status != status || got.header.Get("Cache-Control") != "no-store" || strings.Contains(got.body, "checksum") {
			t.Errorf("%s: %d, %q, %q", target, got.status, got.header.Get("Cache-Control"), got.body)
		}
	}
}

// A mail provider fetches the pictures of all its readers from few addresses.
func TestPicturesAreNotLimitedBySource(t *testing.T) {
	s := testPages(&list{})
	s.images = album{}
	for range burst + 100 {
		if got := ask(t, s, http.MethodGet, "/i/abc.png", "", ""); got.status != 200 {
			t.Fatalf("%d", got.status)
		}
	}
}
