package sesclient

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/sesclient/emulator"
)

func TestBucketTakesAPictureOnce(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{})
	b, err := c.NewBucket(BucketOptions{Name: "pictures", Endpoint: c.endpoint + "/_s3"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := b.Put(t.Context(), "abc.png", "image/png", []byte("\x89PNG hero")); err != nil {
			t.Fatal(err)
		}
	}
	o, ok := server.Object("pictures/abc.png")
	if !ok || o.Puts != 1 || string(o.Data) != "\x89PNG hero" || o.ContentType != "image/png" || !strings.Contains(o.CacheControl, "immutable") {
		t.Errorf("the bucket has %v: %q %+v; want one put, the bytes, image/png, immutable", server.Objects(), o.Data, o)
	}
	resp, err := http.Get(c.endpoint + "/_s3/pictures/abc.png") // as a reader of the mail does
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("a reader gets %s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}

// A put that was cut off left something shorter under the name, with other
// servers than S3.
func TestBucketPutsAgainWhatIsNotWhole(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{})
	b, err := c.NewBucket(BucketOptions{Name: "pictures", Endpoint: c.endpoint + "/_s3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"half", "the whole"} {
		if err := b.Put(t.Context(), "abc.png", "image/png", []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if o, _ := server.Object("pictures/abc.png"); string(o.Data) != "the whole" {
		t.Errorf("the bucket has %q", o.Data)
	}
}

func TestBucketSaysWhatToDo(t *testing.T) {
	c, _ := onEmulator(t, emulator.Options{})
	b, err := c.NewBucket(BucketOptions{Name: "pictures", Endpoint: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	var problem *eml.Problem
	if err := b.Put(t.Context(), "a.png", "image/png", []byte("x")); !errors.As(err, &problem) || !strings.Contains(problem.Hint, "[images]") {
		t.Errorf("got %v", err)
	}
	if _, err := c.NewBucket(BucketOptions{Name: "x", Endpoint: "nowhere"}); err == nil {
		t.Error("took an endpoint that is no URL")
	}
}

func TestStoredTemplateIsOneCall(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{})
	server.PutTemplate("welcome", "{{Name}}님", "<p>{{Name}}</p>", "{{Name}}")
	subject, html, text, err := c.StoredTemplate(t.Context(), "welcome")
	if err != nil || subject != "{{Name}}님" || html != "<p>{{Name}}</p>" || text != "{{Name}}" {
		t.Errorf("got %q %q %q, %v", subject, html, text, err)
	}
	if n := server.Calls("GetEmailTemplate"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	var problem *eml.Problem
	if _, _, _, err := c.StoredTemplate(t.Context(), "nothere"); !errors.As(err, &problem) || !strings.Contains(problem.What, "nothere") || problem.Hint == "" {
		t.Errorf("of a name that is not there: %v", err)
	}
}

// Everything but sends is held to one call a second, whoever makes it.
func TestStoredTemplateWaitsForItsTurn(t *testing.T) {
	c, server := onEmulator(t, emulator.Options{})
	server.PutTemplate("welcome", "s", "<p>x</p>", "")
	server.SetFault(emulator.Fault{Op: "GetEmailTemplate", Kind: "throttle", Count: 1})
	if _, html, _, err := c.StoredTemplate(t.Context(), "welcome"); err != nil || html != "<p>x</p>" {
		t.Errorf("got %q, %v", html, err)
	}
	if n := server.Calls("GetEmailTemplate"); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
