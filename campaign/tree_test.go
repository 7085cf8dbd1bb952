package campaign

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"
)

// tree is a mail as Go's own reader sees it, parts in order, multiparts too.
type tree struct {
	header mail.Header
	parts  []treePart
}

type treePart struct {
	kind, name, id, disposition string
	data                        []byte
}

func (t tree) types() []string {
	var all []string
	for _, p := range t.parts {
		all = append(all, p.kind)
	}
	return all
}

func readTree(t interface{ Fatalf(string, ...any) }, raw []byte) tree {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("read mail: %v", err)
	}
	out := tree{header: message.Header}
	out.read(t, textproto.MIMEHeader(message.Header), message.Body)
	return out
}

func (out *tree) read(t interface{ Fatalf(string, ...any) }, h textproto.MIMEHeader, body io.Reader) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatalf("content type %q: %v", h.Get("Content-Type"), err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, body))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		disposition, named, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
		out.parts = append(out.parts, treePart{kind, named["filename"], h.Get("Content-Id"), disposition, data})
		return
	}
	out.parts = append(out.parts, treePart{kind: kind})
	for r := multipart.NewReader(body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		out.read(t, part.Header, part)
	}
}
