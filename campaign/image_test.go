package campaign

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// picture is a PNG of about n KB that no other seed makes.
func picture(t testing.TB, seed uint64, kb int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	side := max(8, int(18*float64(kb)/10))
	img := image.NewRGBA(image.Rect(0, 0, side, kb*1024/4/side+8))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.Uint32())
	}
	img.Set(0, 0, color.White)
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const twoPictures = `<html><head><title>여름 세일</title><style>.h{background:url(img/bg.png)}</style></head><body><img src="img/hero.png" alt="여름">
<p>{{Name}}님</p><img src="img/hero.png" alt=""><a href="{{UnsubscribeURL}}">수신거부</a></body></html>`

func twoPictureFolder(t testing.TB) fstest.MapFS {
	return fstest.MapFS{
		"shop/index.html":   {Data: []byte(twoPictures)},
		"shop/img/hero.png": {Data: picture(t, 1, 20)}, "shop/img/bg.png": {Data: picture(t, 2, 4)},
		"shop/img/unused.png": {Data: picture(t, 3, 4)}, "shop/readme.txt": {Data: []byte("for the designer")},
		"shop/.DS_Store": {Data: []byte("x")}, "__MACOSX/shop/._index.html": {Data: []byte("x")},
	}
}

func putFolder(t testing.TB, h *house, name string, folder fstest.MapFS) Template {
	t.Helper()
	b, err := ReadFolder(folder)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := h.store.PutBundle(t.Context(), Template{Name: name}, b)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func someone(t testing.TB, h *house) audience.Subscriber {
	t.Helper()
	h.enrol(t, 1)
	sub, err := h.people.ByEmail("p1@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func TestPicturesOfAFolderAreServedByWeb(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.PublicURL = "https://mail.example.com/"
	stored := putFolder(t, h, "sale", twoPictureFolder(t))
	if stored.Subject != "여름 세일" || stored.Text != "" || len(stored.Images) != 2 {
		t.Fatalf("stored %+v", stored)
	}
	for i, name := range []string{"img/bg.png", "img/hero.png"} {
		got := stored.Images[i]
		kind, content, err := h.store.ImageFile(strings.TrimPrefix(got.URL, "https://mail.example.com/i/"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil || kind != "image/png" || got.Name != name || int64(len(data)) != got.Bytes || got.Missing {
			t.Errorf("%s: %+v serves %s of %d bytes, %v", name, got, kind, len(data), err)
		}
	}
	letter, err := h.store.Render(t.Context(), "sale", 0, someone(t, h), nil)
	if err != nil || strings.Count(letter.HTML, stored.Images[1].URL) != 2 || strings.Count(letter.HTML, "url("+stored.Images[0].URL) != 1 || strings.Contains(letter.HTML, "img/") {
		t.Errorf("the letter is %q, %v", letter.HTML, err)
	}
	if again, err := h.store.Template("sale", 1); err != nil || again.HTML != twoPictures {
		t.Errorf("the stored page was changed: %q, %v", again.HTML, err)
	}
}

func TestPicturesGoInline(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.Images.Mode = ImagesInline
	stored := putFolder(t, h, "sale", twoPictureFolder(t))
	someone(t, h)
	h.drain(t)
	c, err := h.store.Create(t.Context(), Campaign{Template: "sale"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.store.Preflight(t.Context(), c.ID)
	if err != nil || p.Blocked || p.MailBytes < (stored.Images[0].Bytes+stored.Images[1].Bytes)*4/3 {
		t.Fatalf("preflight %+v, %v", p, err)
	}
	if _, err := h.store.Start(t.Context(), c.ID, 1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	mail := string(h.ses.mails[0].Data)
	for _, i := range stored.Images {
		if !strings.HasPrefix(i.URL, "cid:") || strings.Count(mail, "<"+strings.TrimPrefix(i.URL, "cid:")+">") != 1 {
			t.Errorf("%s is not in the mail once as %s", i.Name, i.URL)
		}
	}
	got := readTree(t, h.ses.mails[0].Data)
	want := []string{"multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png", "image/png"}
	if !slices.Equal(got.types(), want) {
		t.Fatalf("the mail is %v, want %v", got.types(), want)
	}
	if page := string(got.parts[3].data); !strings.Contains(page, `src="`+stored.Images[1].URL+`"`) {
		t.Errorf("the page names no part of the mail: %s", page)
	}
	if hero := got.parts[5]; !bytes.Equal(hero.data, picture(t, 1, 20)) || hero.name != "hero.png" || hero.disposition != "inline" {
		t.Errorf("the picture is %d bytes called %s, %s", len(hero.data), hero.name, hero.disposition)
	}
	if p.MailBytes < int64(len(mail)) || p.MailBytes > int64(len(mail))+4096 {
		t.Errorf("preflight says %d bytes, the mail has %d", p.MailBytes, len(mail))
	}
}

// bucket is a host of pictures that remembers.
type bucket struct {
	names []string
	fail  error
}

func (b *bucket) Put(_ context.Context, name, kind string, data []byte) error {
	if b.fail == nil {
		b.names = append(b.names, name+" "+kind)
	}
	return b.fail
}

func TestPicturesAreInTheBucketBeforeTheStart(t *testing.T) {
	h := open(t, t.TempDir())
	host := &bucket{fail: &eml.Problem{What: "access denied", Hint: "allow s3:PutObject"}}
	h.store.Host = host
	h.store.Settings.Images = ImageSettings{Mode: ImagesS3, BaseURL: "https://cdn.example.com/p"}
	stored := putFolder(t, h, "sale", twoPictureFolder(t))
	someone(t, h)
	c, err := h.store.Create(t.Context(), Campaign{Template: "sale"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.store.Preflight(t.Context(), c.ID)
	if err != nil || !p.Blocked || !has(p, RuleImageUnhosted) {
		t.Fatalf("with a bucket that refuses: %+v, %v", p, err)
	}
	host.fail = nil
	for range 2 {
		if p, err = h.store.Preflight(t.Context(), c.ID); err != nil || p.Blocked {
			t.Fatalf("with a bucket that takes: %+v, %v", p, err)
		}
	}
	want := []string{stored.Images[0].file() + " image/png", stored.Images[1].file() + " image/png"}
	if !slices.Equal(host.names, want) || stored.Images[0].URL != "https://cdn.example.com/p/"+stored.Images[0].file() {
		t.Errorf("the bucket got %v, want %v; the address is %s", host.names, want, stored.Images[0].URL)
	}
}

func has(p Preflight, rule string) bool {
	return slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Rule == rule })
}

func TestMissingAndLargePicturesBlock(t *testing.T) {
	h := open(t, t.TempDir())
	h.store.Settings.Images.Max = 10 << 10
	folder := twoPictureFolder(t)
	delete(folder, "shop/img/bg.png")
	stored := putFolder(t, h, "sale", folder)
	if !stored.Images[0].Missing || stored.Images[0].URL != "" || stored.Images[1].Missing {
		t.Errorf("images %+v", stored.Images)
	}
	someone(t, h)
	c, err := h.store.Create(t.Context(), Campaign{Template: "sale"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.store.Preflight(t.Context(), c.ID)
	if err != nil || !p.Blocked || !has(p, RuleImageMissing) || !has(p, RuleImageLarge) {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestEditedPageKeepsItsPictures(t *testing.T) {
	h := open(t, t.TempDir())
	first := putFolder(t, h, "sale", twoPictureFolder(t))
	edited := first
	edited.HTML = strings.Replace(first.HTML, "{{Name}}님", "{{Name}}님 <img src=new.png>", 1)
	edited.Images = nil
	second, err := h.store.PutTemplate(t.Context(), edited)
	if err != nil || second.Version != 2 || len(second.Images) != 3 || second.Images[1].Hash != first.Images[1].Hash || !second.Images[2].Missing {
		t.Fatalf("%+v, %v", second.Images, err)
	}
	forged := edited
	forged.Images = []Image{{Name: "new.png", Hash: strings.Repeat("a", 64), Bytes: 3}}
	if third, err := h.store.PutTemplate(t.Context(), forged); err != nil || !third.Images[2].Missing {
		t.Errorf("a picture that is not stored was taken: %+v, %v", third.Images, err)
	}
}

func TestPicturesAreKeptAsLongAsAVersionNamesThem(t *testing.T) {
	h := open(t, t.TempDir())
	stored := putFolder(t, h, "sale", twoPictureFolder(t))
	if n, err := h.store.dropFiles(time.Now().Add(48 * time.Hour)); n != 0 || err != nil {
		t.Fatalf("%d pictures in use were dropped, %v", n, err)
	}
	if err := h.store.RemoveTemplate(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	if n, err := h.store.dropFiles(time.Now()); n != 0 || err != nil {
		t.Fatalf("%d pictures were dropped within the day, %v", n, err)
	}
	if n, err := h.store.dropFiles(time.Now().Add(48 * time.Hour)); n != 2 || err != nil {
		t.Fatalf("%d pictures dropped, want 2, %v", n, err)
	}
	if _, _, err := h.store.ImageFile(stored.Images[0].file()); !errors.Is(err, ErrNotFound) {
		t.Errorf("still served: %v", err)
	}
}

// A process that died between the pictures and the version leaves files that
// nothing names, and a store that holds.
func TestCheckFindsALostPicture(t *testing.T) {
	h := open(t, t.TempDir())
	stored := putFolder(t, h, "sale", twoPictureFolder(t))
	if _, err := h.store.putImage(t.Context(), "left.png", picture(t, 9, 4)); err != nil {
		t.Fatal(err)
	}
	if faults, err := h.store.Check(t.Context()); err != nil || len(faults) > 0 {
		t.Fatalf("%v, %v", faults, err)
	}
	err := h.store.update(0, func(tx *bolt.Tx) error { return tx.Bucket(bucketFiles).DeleteBucket(fileKey(stored.Images[0].Hash)) })
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := h.store.Check(t.Context()); err != nil || len(faults) != 1 || !strings.Contains(faults[0], "img/bg.png") {
		t.Fatalf("%v, %v", faults, err)
	}
}

func TestOnlyPicturesAreServed(t *testing.T) {
	h := open(t, t.TempDir())
	a, err := h.store.PutFile(t.Context(), "list.pdf", []byte("%PDF-1.4 prices"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := h.store.putImage(t.Context(), "a.png", picture(t, 1, 4))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{a.Hash + ".pdf", a.Hash + ".png", a.Hash, i.Hash, i.Hash + ".jpg", strings.ToUpper(i.Hash) + ".png", i.Hash[:32] + ".png", "", "..", "x.png"} {
		if _, _, err := h.store.ImageFile(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPicturesMailProgramsDoNotShowAreRefused(t *testing.T) {
	h := open(t, t.TempDir())
	whole := picture(t, 1, 4)
	for name, data := range map[string][]byte{
		"logo.svg": []byte(`<?xml version="1.0"?><svg onload="alert(1)">`), "a.png": []byte("hello"), "b.png": whole[:20], "c.bmp": []byte("BM" + strings.Repeat("x", 60)), "empty.png": nil,
	} {
		folder := fstest.MapFS{"index.html": {Data: []byte(`<title>x</title><img src="` + name + `">`)}, name: {Data: data}}
		b, err := ReadFolder(folder)
		if err == nil {
			_, err = h.store.PutBundle(t.Context(), Template{Name: "x"}, b)
		}
		var problem *eml.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.What, name) || problem.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := h.store.Templates(); err != nil || len(all) > 0 {
		t.Errorf("stored %v, %v", all, err)
	}
}

func TestTemplateThatACampaignNamesIsNotRemoved(t *testing.T) {
	h := open(t, t.TempDir())
	putFolder(t, h, "sale", twoPictureFolder(t))
	putFolder(t, h, "sale", twoPictureFolder(t))
	versions, err := h.store.Versions("sale")
	if err != nil || len(versions) != 2 || versions[0].Version != 2 || versions[0].HTML != "" || len(versions[1].Images) != 2 {
		t.Fatalf("%+v, %v", versions, err)
	}
	if _, err := h.store.Create(t.Context(), Campaign{Template: "sale"}); err != nil {
		t.Fatal(err)
	}
	var problem *eml.Problem
	if err := h.store.RemoveTemplate(t.Context(), "sale"); !errors.As(err, &problem) || !strings.Contains(problem.What, "campaign 1") {
		t.Errorf("removed: %v", err)
	}
	if err := h.store.RemoveTemplate(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no template: %v", err)
	}
}

func TestFolderOnDiskLeadsNowhereElse(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "secret.png")
	inside := filepath.Join(dir, "template")
	if err := errors.Join(os.WriteFile(outside, picture(t, 1, 4), 0o600), os.Mkdir(inside, 0o700),
		os.WriteFile(filepath.Join(inside, "index.html"), []byte(`<title>x</title><img src="a.png"><img src="../secret.png">`), 0o600),
		os.Symlink(outside, filepath.Join(inside, "a.png"))); err != nil {
		t.Fatal(err)
	}
	b, err := ReadFolder(os.DirFS(inside))
	if err != nil || len(b.Files) != 0 {
		t.Errorf("took %d files, %v", len(b.Files), err)
	}
}
