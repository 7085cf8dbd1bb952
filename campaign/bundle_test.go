package campaign

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/text/encoding/korean"

	"pabal/eml"
)

// zipped packs files in order; a name that begins with ! is written in CP949.
func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i+1 < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Deflate}
		if name, ok := strings.CutPrefix(files[i], "!"); ok {
			coded, err := korean.EUCKR.NewEncoder().String(name)
			if err != nil {
				t.Fatal(err)
			}
			h.Name, h.NonUTF8 = coded, true
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestZipIsReadAsItsFolderIs(t *testing.T) {
	hero := string(picture(t, 1, 4))
	page := `<title> 여름
 세일 </title><img src="사진/히어로.png"><img src=./a.png>`
	for name, c := range map[string]struct {
		files []string
		want  Bundle
	}{
		"a folder in the zip": {[]string{"shop/", "", "shop/index.html", page, "shop/사진/히어로.png", hero, "shop/a.png", hero, "__MACOSX/shop/._index.html", "x"},
			Bundle{Subject: "여름 세일", HTML: page, Files: map[string][]byte{"사진/히어로.png": []byte(hero), "a.png": []byte(hero)}}},
		"made by Windows in Korean": {[]string{"!메일.html", page, `!사진\히어로.png`, hero},
			Bundle{Subject: "여름 세일", HTML: page, Files: map[string][]byte{"사진/히어로.png": []byte(hero)}}},
		"subject and text beside it": {[]string{"index.html", page, "subject.txt", "{{Name}}님\n", "index.txt", "글", "readme.txt", "no"},
			Bundle{Subject: "{{Name}}님", HTML: page, Text: "글", Files: map[string][]byte{}}},
		"index.html among other pages": {[]string{"a.html", "x", "index.html", page, "old/index.html", "y", "A.PNG", hero},
			Bundle{Subject: "여름 세일", HTML: page, Files: map[string][]byte{"a.png": []byte(hero)}}},
		"pictures elsewhere in the zip": {[]string{"html/index.html", page, "assets/img/a.png", hero, "assets/x/히어로.png", hero, "assets/y/히어로.png", hero},
			Bundle{Subject: "여름 세일", HTML: page, Files: map[string][]byte{"a.png": []byte(hero)}}},
		"text only": {[]string{"text.txt", "글", "subject.txt", "제목"}, Bundle{Subject: "제목", Text: "글", Files: map[string][]byte{}}},
	} {
		got, err := ReadZip(zipped(t, c.files...))
		if err != nil || got.Subject != c.want.Subject || got.HTML != c.want.HTML || got.Text != c.want.Text || !maps.EqualFunc(got.Files, c.want.Files, bytes.Equal) {
			t.Errorf("%s: %v\ngot  %q %q %q %v\nwant %q %q %q %v", name, err, got.Subject, got.HTML, got.Text, slices.Sorted(maps.Keys(got.Files)),
				c.want.Subject, c.want.HTML, c.want.Text, slices.Sorted(maps.Keys(c.want.Files)))
		}
		var out bytes.Buffer
		if err := got.WriteZip(&out); err != nil {
			t.Fatal(err)
		}
		again, err := ReadZip(out.Bytes())
		if err != nil || again.HTML != got.HTML || again.Subject != got.Subject || again.Text != got.Text || !maps.EqualFunc(again.Files, got.Files, bytes.Equal) {
			t.Errorf("%s: written and read again it is another: %v", name, err)
		}
	}
}

func TestBadBundlesAreRefused(t *testing.T) {
	many := fstest.MapFS{"index.html": {Data: []byte("x")}}
	for i := range maxBundleFiles + 1 {
		many[fmt.Sprintf("%d.png", i)] = &fstest.MapFile{Data: []byte("x")}
	}
	secret := zipped(t, "index.html", "<p>x</p>")
	secret[bytes.Index(secret, []byte("PK\x01\x02"))+8] |= 1 // the flag in the directory
	damaged := zipped(t, "index.html", strings.Repeat("<p>x</p>", 100))
	damaged[40] ^= 0xFF
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"no zip":               {[]byte("<html>"), "no zip"},
		"a name that leads up": {zipped(t, "../index.html", "x"), "outside"},
		"a hidden way up":      {zipped(t, "index.html", "x", `img\..\..\a.png`, "x"), "outside"},
		"an absolute name":     {zipped(t, "/etc/index.html", "x"), "outside"},
		"a drive":              {zipped(t, `C:\index.html`, "x"), "outside"},
		"no page":              {zipped(t, "a.png", "x"), "no page"},
		"two pages":            {zipped(t, "a.html", "x", "b.html", "y"), "several pages"},
		"a bomb":               {zipped(t, "index.html", "<img src=a.png>", "a.png", strings.Repeat("\x00", 4<<20)), "tightly"},
		"a large picture":      {zipped(t, "index.html", "<img src=a.png>", "a.png", string(picture(t, 1, 6000))), "5 MB"},
		"a large page":         {zipped(t, "index.html", string(picture(t, 1, 1200))), "KB"},
		"a password":           {secret, "encrypted"},
		"damage":               {damaged, "damaged"},
	} {
		_, err := ReadZip(c.data)
		var problem *eml.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.What, c.says) || problem.Hint == "" {
			t.Errorf("%s: got %v, want …%s…", name, err, c.says)
		}
	}
	if _, err := ReadFolder(many); err == nil || !strings.Contains(err.Error(), "files") {
		t.Errorf("%d files: %v", len(many), err)
	}
	if _, err := ReadZip(make([]byte, MaxBundle+1)); err == nil {
		t.Error("took a zip over the limit")
	}
}

func FuzzReadZip(f *testing.F) {
	f.Add(zipped(f, "shop/index.html", `<title>x</title><img src="a/b.png">`, "shop/a/b.png", "x", "shop/subject.txt", "y"))
	f.Add(zipped(f, "!메일.html", "x", "text.txt", "y"))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ReadZip(data)
		if err != nil {
			if problem, ok := errors.AsType[*eml.Problem](err); !ok || problem.Hint == "" {
				t.Fatalf("error without a hint: %v", err)
			}
			return
		}
		for name := range b.Files {
			if strings.HasPrefix(name, "/") || slices.Contains(strings.Split(name, "/"), "..") {
				t.Fatalf("%q leads out of the template", name)
			}
		}
	})
}
