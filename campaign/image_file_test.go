package campaign

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/iotest"
	"time"
)

func TestPictureIsReadInPieces(t *testing.T) {
	h := open(t, t.TempDir())
	want := picture(t, 300, 40)
	i, err := h.store.putImage(t.Context(), "a.png", want)
	if err != nil {
		t.Fatal(err)
	}
	_, content, err := h.store.ImageFile(i.file())
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(content, want); err != nil {
		t.Error(err)
	}
	if _, err := content.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := h.store.dropFiles(time.Now().Add(48 * time.Hour)); n != 1 || err != nil {
		t.Fatalf("%d dropped, %v", n, err)
	}
	if _, err := content.Read(make([]byte, 10)); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a picture that was dropped meanwhile: %v", err)
	}
}

// slowReader takes the head of an answer and then its time.
type slowReader struct{ http.ResponseWriter }

func (slowReader) Write([]byte) (int, error) { return 0, errors.New("not now") }

// Anybody may ask for a picture, many times at once and slowly.
func TestPicturesCostNoMemoryOfTheirSize(t *testing.T) {
	h := open(t, t.TempDir())
	data := append(picture(t, 2, 2), bytes.Repeat([]byte{7}, 4<<20)...)
	i, err := h.store.putImage(t.Context(), "a.png", data)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		_, content, err := h.store.ImageFile(i.file())
		if err != nil {
			t.Fatal(err)
		}
		http.ServeContent(slowReader{httptest.NewRecorder()}, httptest.NewRequest("GET", "/i/x", nil), "", time.Time{}, content)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > uint64(len(data)) {
		t.Errorf("twenty readers of a picture of %d bytes took %d", len(data), got)
	}
}

// A field whose value is long, many times over, ends with an error as it does
// in a letter with blocks, not when the memory is full.
func TestCodedLetterStopsAtTheLimitOfALetter(t *testing.T) {
	const fields, value = 20_000, 10_000
	html := "<p>" + string(bytes.Repeat([]byte("{{Body}}"), fields)) + `</p><a href="{{UnsubscribeURL}}">수신거부</a>`
	m := definition(t, Template{Subject: "s", HTML: html, Text: "t"}, map[string]string{"Body": string(bytes.Repeat([]byte("가"), value/3))})
	if m.coded == nil {
		t.Fatal("this letter is not coded beforehand")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := m.compose(nil, m.person(&minji, minji.Email, "TOKEN"), "tag-1", testDate)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errOutput) || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 16*maxOutput {
		t.Errorf("it took %d MB to find out", took>>20)
	}
}
