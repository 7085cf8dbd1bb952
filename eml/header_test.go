package eml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const received = "Return-Path: <a@example.com>\r\n" +
	"received: from x\r\n\tby y;\r\n  Mon, 1 Jan 2026\r\n" +
	"SUBJECT:no blank \r\n" +
	"X-Odd : blank before the colon\r\n" +
	"Received: second\r\n" +
	"X-8bit: \xb9\xab\r\n" +
	"Empty:\r\n"

func TestSplitKeepsEveryByte(t *testing.T) {
	h, body, err := Split([]byte(received + "\r\nbody\r\n\r\nmore"))
	if err != nil || string(body) != "body\r\n\r\nmore" {
		t.Fatalf("body %q, %v", body, err)
	}
	if got := string(h.AppendTo([]byte(">"))); got != ">"+received {
		t.Errorf("header came back as %q", got)
	}
	for name, want := range map[string]string{
		"Received": "from x\tby y;  Mon, 1 Jan 2026", "subject": "no blank", "x-odd": "blank before the colon",
		"X-8BIT": "\xb9\xab", "empty": "", "absent": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("Get(%s) = %q, want %q", name, got, want)
		}
	}
	if !h.Has("Empty") || h.Has("absent") || len(h.Fields()) != 7 {
		t.Errorf("fields: %q", h.Fields())
	}
}

func TestHeaderChangesOnlyWhatItIsTold(t *testing.T) {
	h, _, err := Split([]byte(received))
	if err != nil {
		t.Fatal(err)
	}
	if n := h.Remove("RECEIVED", "Return-Path", "none"); n != 3 {
		t.Errorf("removed %d, want 3", n)
	}
	h.Prepend(AppendHeader(nil, "Received", "by us"))
	h.Replace(AppendHeader(nil, "Subject", "new"))
	h.Replace(AppendHeader(nil, "Date", "today"))
	h.Add(AppendHeader(nil, "X-Last", "1"))
	want := "Received: by us\r\nSubject: new\r\nX-Odd : blank before the colon\r\nX-8bit: \xb9\xab\r\nEmpty:\r\nDate: today\r\nX-Last: 1\r\n"
	if got := string(h.AppendTo(nil)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h.Add(AppendHeader(nil, "subject", "double"))
	h.Replace(AppendHeader(nil, "Subject", "one"))
	if got := string(h.AppendTo(nil)); strings.Count(strings.ToLower(got), "subject:") != 1 || h.Get("Subject") != "one" || len(h.Fields()) != 7 || !strings.HasSuffix(got, "X-Last: 1\r\n") {
		t.Errorf("after Replace of a double: %q", got)
	}
}

func TestAppendingToAFieldSpoilsNoOther(t *testing.T) {
	h, body, err := Split([]byte("A: 1\r\nB: 2\r\n\r\nbody"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range h.Fields() {
		_ = append(f.Raw, "XXXXXXXX"...)
	}
	if got := string(h.AppendTo(nil)) + string(body); got != "A: 1\r\nB: 2\r\nbody" {
		t.Errorf("got %q", got)
	}
}

func TestSplitEndings(t *testing.T) {
	for _, c := range []struct {
		raw, header string
		body        []byte
	}{
		{"", "", nil},
		{"\r\nbody", "", []byte("body")},
		{"A: 1\r\n", "A: 1\r\n", nil},
		{"A: 1\r\n\r\n", "A: 1\r\n", []byte{}},
		{"A: 1", "A: 1\r\n", nil},
		{"A: 1\r\n b", "A: 1\r\n b\r\n", nil},
	} {
		h, body, err := Split([]byte(c.raw))
		if err != nil || string(h.AppendTo(nil)) != c.header || !bytes.Equal(body, c.body) {
			t.Errorf("Split(%q) = %q, %q, %v", c.raw, h.AppendTo(nil), body, err)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	var many strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, "X-%d: 1\r\n", i)
	}
	for what, c := range map[string]struct{ raw, want string }{
		"no colon":          {"A: 1\r\nhello\r\n\r\n", "line 2"},
		"continuation":      {" a\r\n\r\n", "continuation"},
		"blank in the name": {"A b: 1\r\n\r\n", "not a header field"},
		"no name":           {": 1\r\n\r\n", "not a header field"},
		"8-bit name":        {"가: 1\r\n\r\n", "not a header field"},
		"bare LF":           {"A: 1\nB: 2\r\n\r\n", "bare CR or LF"},
		"bare CR":           {"A: 1\rB: 2\r\n\r\n", "bare CR or LF"},
		"empty line by LF":  {"A: 1\r\n\nbody", "bare CR or LF"},
		"fields":            {many.String() + "\r\n", "1000 fields"},
		"size":              {"A: 1\r\n" + strings.Repeat(" "+strings.Repeat("a", 900)+"\r\n", 1200) + "\r\n", "1048576 bytes"},
	} {
		_, _, err := Split([]byte(c.raw))
		var p *Problem
		if !errors.As(err, &p) || !strings.Contains(p.What, c.want) || p.Hint == "" {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

func TestPrependedFieldMustBeWhole(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("half a field was taken")
		}
	}()
	new(Header).Prepend([]byte("no field"))
}

// FuzzSplit: header and body together are the message again.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{received + "\r\nbody", "A: 1", "A: 1\r\n b\r\n\r\n", "\r\n", "A: 1\n\nb", " x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, body, err := Split(raw)
		if err != nil {
			return
		}
		whole := h.AppendTo(nil)
		if body != nil {
			whole = append(append(whole, "\r\n"...), body...)
		}
		if !bytes.Equal(whole, raw) && !bytes.Equal(whole, append(bytes.Clone(raw), "\r\n"...)) {
			t.Fatalf("%q came back as %q", raw, whole)
		}
		for _, field := range h.Fields() {
			if !h.Has(field.Name) || strings.ContainsAny(field.Value(), "\r\n") {
				t.Fatalf("field %q of %q", field, raw)
			}
		}
	})
}
