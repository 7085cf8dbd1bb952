package campaign

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
	"pabal/spool"
	"pabal/store"
)

func TestAttachmentsGoWithEveryMail(t *testing.T) {
	for name, source := range map[string]string{"fields only": simple, "blocks": `{{#if Name}}` + simple + `{{/if}}`} {
		t.Run(name, func(t *testing.T) {
			h := open(t, t.TempDir())
			h.enrol(t, 3)
			pdf := bytes.Repeat([]byte("%PDF-1.7 봄\x00\xff"), 10_000)
			files := []Attachment{h.put(t, "2026년 봄 신상품 안내와 할인 행사 계획서 (최종).pdf", pdf), h.put(t, "쿠폰.txt", []byte("쿠폰\n"))}
			h.drain(t)
			c := h.draft(t, source, Campaign{Attachments: files})
			if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
				t.Fatal(err)
			}
			waitState(t, h.store, c.ID, spool.Done)
			if len(h.ses.mails) != 3 {
				t.Fatalf("%d mails", len(h.ses.mails))
			}
			for _, m := range h.ses.mails {
				got := readTree(t, m.Data)
				want := []string{"multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf", "text/plain"}
				if !slices.Equal(got.types(), want) {
					t.Fatalf("tree %q, want %q", got.types(), want)
				}
				for i, f := range files {
					if part := got.parts[4+i]; part.name != f.Name || part.disposition != "attachment" || int64(len(part.data)) != f.Bytes {
						t.Errorf("file %d is %q, %s, %d bytes", i, part.name, part.disposition, len(part.data))
					}
				}
				if !bytes.Equal(got.parts[4].data, pdf) {
					t.Error("the bytes of the file changed on the way")
				}
			}
		})
	}
}

// A coded letter has the tree that eml.Mail makes, with images too.
func TestCodedTreeIsThatOfMail(t *testing.T) {
	m := welcome(t)
	m.inline = []eml.Part{{Name: "로고.png", ContentType: "image/png", ContentID: "logo", Coded: eml.AppendBase64(nil, []byte("\x89PNG"))}}
	m.attach = []eml.Part{{Name: "쿠폰.pdf", ContentType: "application/pdf", Coded: eml.AppendBase64(nil, []byte("%PDF"))}}
	p := m.person(&minji, minji.Email, "TOKEN")
	fast, err := m.compose(nil, p, "tag-1", testDate)
	if err != nil {
		t.Fatal(err)
	}
	m.coded = nil
	slow, err := m.compose(nil, p, "tag-1", testDate)
	if err != nil {
		t.Fatal(err)
	}
	got, want := readTree(t, fast), readTree(t, slow)
	if !slices.Equal(got.types(), want.types()) || len(got.types()) != 7 {
		t.Fatalf("tree %q, want %q", got.types(), want.types())
	}
	for i := range want.parts {
		a, b := got.parts[i], want.parts[i]
		if a.name != b.name || a.id != b.id || a.disposition != b.disposition || !bytes.Equal(a.data, b.data) {
			t.Errorf("part %d: %s %q %q %s, want %s %q %q %s", i, a.kind, a.name, a.id, a.disposition, b.kind, b.name, b.id, b.disposition)
		}
	}
}

func TestAttachmentsAreRefused(t *testing.T) {
	h := open(t, t.TempDir())
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"setup.EXE", []byte("x"), "type .exe"},
		{"coupon.pdf.js ", []byte("x"), "type .js"},
		{"trick.exe. .", []byte("x"), "SES refuses"},
		{"../a.pdf", []byte("x"), "cannot be the name"},
		{"a\r\nBcc: x.pdf", []byte("x"), "cannot be the name"},
		{"", []byte("x"), "cannot be the name"},
		{strings.Repeat("가", 70) + ".pdf", []byte("x"), "longer than"},
		{"a.pdf", nil, "is empty"},
		{"a.pdf", make([]byte, MaxAttached+1), "more than 7 MB"},
	} {
		_, err := h.store.PutFile(t.Context(), c.name, c.data)
		var p *eml.Problem
		if !errors.As(err, &p) || !strings.Contains(p.What, c.want) || p.Hint == "" {
			t.Errorf("%q: %v, want %q", c.name, err, c.want)
		}
	}
	half := h.put(t, "half.bin", make([]byte, MaxAttached/2+1))
	other := half
	other.Name = "other.bin"
	h.draft(t, simple, Campaign{Attachments: []Attachment{half}})
	for want, files := range map[string][]Attachment{
		"more than 7 MB":    {half, other},
		"two attachments":   {half, half},
		"is not stored":     {{Name: "a.pdf", Hash: hashOf([]byte("nowhere"))}},
		"SES refuses mails": {{Name: "a.exe", Hash: half.Hash}},
	} {
		if _, err := h.store.Create(t.Context(), Campaign{Template: "t", Attachments: files}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// What the caller claims of a file is not believed.
func TestAttachmentFactsAreTheStores(t *testing.T) {
	h := open(t, t.TempDir())
	f := h.put(t, "a.pdf", []byte("%PDF"))
	f.Bytes, f.ContentType = 1, "text/html"
	c := h.draft(t, simple, Campaign{Attachments: []Attachment{f}})
	if got := c.Attachments[0]; got.Bytes != 4 || got.ContentType != "application/pdf" {
		t.Errorf("got %+v", got)
	}
}

func TestFilesAreStoredOnceAndDroppedUnused(t *testing.T) {
	h := open(t, t.TempDir())
	one, two := h.put(t, "one.pdf", []byte("same")), h.put(t, "two.pdf", []byte("same"))
	if one.Hash != two.Hash || h.files(t) != 1 {
		t.Errorf("%s, %s: %d files", one.Hash, two.Hash, h.files(t))
	}
	h.put(t, "unused.pdf", []byte("unused"))
	h.draft(t, simple, Campaign{Attachments: []Attachment{two}})
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{fileGrace - time.Minute, 2}, {fileGrace + time.Minute, 1}} {
		if _, err := h.store.dropFiles(time.Now().Add(c.after)); err != nil || h.files(t) != c.want {
			t.Errorf("after %s: %d files, %v, want %d", c.after, h.files(t), err, c.want)
		}
	}
	if _, err := h.store.file(one.Hash); err != nil {
		t.Error(err)
	}
}

func TestFlippedFileIsNotSent(t *testing.T) {
	h := open(t, t.TempDir())
	f := h.put(t, "a.pdf", []byte("%PDF"))
	c := h.draft(t, simple, Campaign{Attachments: []Attachment{f}})
	if err := h.store.update(0, flip(bucketFiles, fileKey(f.Hash), "data")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.mailing(c.ID); !errors.Is(err, errSeal) {
		t.Errorf("got %v", err)
	}
	faults, err := h.store.Check(t.Context())
	if err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, "its checksum") }) {
		t.Errorf("check: %q, %v", faults, err)
	}
	if err := h.store.update(0, func(tx *bolt.Tx) error { return tx.Bucket(bucketFiles).DeleteBucket(fileKey(f.Hash)) }); err != nil {
		t.Fatal(err)
	}
	if faults, _ = h.store.Check(t.Context()); len(faults) != 1 || !strings.Contains(faults[0], "attachment a.pdf is missing") {
		t.Errorf("check: %q", faults)
	}
}

func TestFileOfTheSecondFormatGetsAttachments(t *testing.T) {
	dir := t.TempDir()
	old, err := store.Open(filepath.Join(dir, FileName), store.Options{Kind: "campaign",
		Buckets:    [][]byte{bucketNames, bucketTemplates, bucketVersions, bucketCampaigns},
		Migrations: []func(*bolt.Tx) error{sealAll}})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	h := open(t, dir)
	defer h.close(t)
	h.put(t, "a.pdf", []byte("%PDF"))
}

// Large mails wait for memory; a stop ends the wait without an attempt.
func TestHeavyMailsShareMemory(t *testing.T) {
	h := open(t, t.TempDir())
	release, err := h.store.reserve(t.Context(), heavyMemory+1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *spool.SendError
	if _, err := h.store.reserve(ctx, ownMemory+1); !errors.As(err, &e) || e.Class != spool.Network || !e.NoCall {
		t.Errorf("got %v", err)
	}
	if _, err := h.store.reserve(ctx, ownMemory); err != nil {
		t.Errorf("a small mail waits: %v", err)
	}
	release()
	if _, err := h.store.reserve(t.Context(), heavyMemory); err != nil {
		t.Error(err)
	}
}

// put stores a file.
func (h *house) put(t *testing.T, name string, data []byte) Attachment {
	t.Helper()
	a, err := h.store.PutFile(t.Context(), name, data)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// files is how many are stored.
func (h *house) files(t *testing.T) (n int) {
	t.Helper()
	err := h.store.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketFiles).ForEachBucket(func([]byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A file from a Korean Windows is read as what it is.
func TestTextSaysItsCharset(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"쿠폰.txt", "쿠폰", "text/plain; charset=utf-8"},
		{"쿠폰.txt", "\xc4\xed\xc6\xf9", "text/plain; charset=euc-kr"},
		{"고객.csv", "a,\xc4\xed\xc6\xf9\r\n", "text/csv; charset=euc-kr"},
		{"memo.log", "\xc4\xed\xc6\xf9 \x8c\xee", "text/plain; charset=euc-kr"}, // the second is in CP949 only
		{"고객.csv", "\xff\xfea\x00,\x00", "text/csv; charset=utf-16le"},
		{"고객.csv", "a\x00\xc4", "application/octet-stream"},
		{"고객.csv", "caf\xe9", "application/octet-stream"},
		{"page.log", "<html><script>", "application/octet-stream"},
		{"a.pdf", "%PDF-1.7 \xff", "application/pdf"},
	} {
		if got := contentType(c.name, []byte(c.data)); got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.name, c.data, got, c.want)
		}
	}
}
