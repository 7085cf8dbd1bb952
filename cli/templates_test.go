package cli

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pabal/campaign"
	"pabal/sesclient/emulator"
)

// pictureFolder makes a template with one picture in dir and returns the
// picture's bytes.
func pictureFolder(t *testing.T, dir string) []byte {
	t.Helper()
	var hero bytes.Buffer
	if err := png.Encode(&hero, image.NewGray(image.Rect(0, 0, 600, 200))); err != nil {
		t.Fatal(err)
	}
	page := `<title>{{Name}}님, 여름 세일</title><img src="img/히어로.png" alt="여름"><p>{{Name}}</p><a href="{{UnsubscribeURL}}">수신거부</a>`
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "img"), 0o700), os.WriteFile(filepath.Join(dir, "index.html"), []byte(page), 0o600),
		os.WriteFile(filepath.Join(dir, "img", "히어로.png"), hero.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return hero.Bytes()
}

func zipFolder(t *testing.T, dir, to string) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.Close(), os.WriteFile(to, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// customers writes a file of n customers.
func customers(t *testing.T, dir string, n int) string {
	t.Helper()
	var csv strings.Builder
	csv.WriteString("email,name,subscribed\n")
	for i := range n {
		fmt.Fprintf(&csv, "p%d@example.com,손님%d,yes\n", i+1, i+1)
	}
	path := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(path, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fetch(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// The original was throttled by SES because it asked for the template with
// every mail.
func TestCampaignOfAPulledTemplateAsksSESOnce(t *testing.T) {
	h := newHost(t, emulator.Options{Rate: 500, Templates: []emulator.Template{{Name: "welcome", Subject: "{{Name}}님",
		HTML: `<p>{{Name}}님</p><p>수신을 원하지 않으시면 <a href="#">여기</a>를 눌러 주세요.</p>`}}})
	p := h.serve()
	h.pabal("subscriber", "import", customers(t, h.dir, 200))
	h.pabal("template", "pull", "welcome")
	h.pabal("campaign", "create", "--template", "welcome")
	h.pabal("campaign", "start", "1", "--yes", "--wait")
	if c, err := h.client().Campaign(t.Context(), 1); err != nil || c.Accepted != 200 {
		t.Errorf("%+v, %v", c.Counts, err)
	}
	if n := h.ses.Calls("GetEmailTemplate"); n != 1 {
		t.Errorf("GetEmailTemplate was called %d times, want once", n)
	}
	h.stop(p)
}

// A picture goes the whole way in each mode: from a folder and a zip to where
// the recipient's mail program finds it, and it outlives a restart.
func TestPictureReachesTheReader(t *testing.T) {
	for _, mode := range []string{campaign.ImagesWeb, campaign.ImagesS3, campaign.ImagesInline} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t, emulator.Options{Rate: 200})
			for _, pair := range h.env {
				if endpoint, ok := strings.CutPrefix(pair, "PABAL_SES_ENDPOINT="); ok && mode == campaign.ImagesS3 {
					h.env = append(h.env, "PABAL_IMAGES_S3_BUCKET=pictures", "PABAL_IMAGES_S3_ENDPOINT="+endpoint+"/_s3")
				}
			}
			h.env = append(h.env, "PABAL_IMAGES_MODE="+mode)
			dir := filepath.Join(h.dir, "여름 세일")
			hero := pictureFolder(t, dir)
			zipFolder(t, dir, filepath.Join(h.dir, "sale.zip"))
			p := h.serve()
			h.pabal("subscriber", "import", customers(t, h.dir, 3))
			h.pabal("template", "put", "sale", "--html", dir)
			h.pabal("template", "put", "sale", "--html", filepath.Join(dir, "index.html"))
			h.pabal("template", "put", "sale", "--html", filepath.Join(h.dir, "sale.zip"))
			h.stop(p)
			p = h.serve()
			versions, err := h.client().TemplateVersions(t.Context(), "sale")
			if err != nil || len(versions) != 3 || versions[0].Images[0].Hash != versions[2].Images[0].Hash {
				t.Fatalf("versions %+v, %v", versions, err)
			}
			h.pabal("campaign", "create", "--template", "sale")
			h.pabal("campaign", "start", "1", "--yes", "--wait")
			proveReader(t, h, mode, versions[0].Images[0].URL, hero)
			h.stop(p)
			if out := h.pabal("check"); strings.Contains(out, "does not hold") {
				t.Error(out)
			}
		})
	}
}

// proveReader reads a mail and follows its picture.
func proveReader(t *testing.T, h *host, mode, url string, hero []byte) {
	t.Helper()
	if mode == campaign.ImagesInline {
		return // campaign's own tests read the parts back
	}
	resp, body := fetch(t, url)
	if resp.StatusCode != http.StatusOK || !bytes.Equal(body, hero) || resp.Header.Get("Content-Type") != "image/png" || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s gives %s, %d bytes, %v", url, resp.Status, len(body), resp.Header)
	}
	if n := len(h.ses.Objects()); mode == campaign.ImagesS3 && n != 1 {
		t.Errorf("the bucket has %v", h.ses.Objects())
	}
	for _, name := range h.ses.Objects() {
		if o, _ := h.ses.Object(name); o.Puts != 1 {
			t.Errorf("%s was put %d times", name, o.Puts)
		}
	}
}
