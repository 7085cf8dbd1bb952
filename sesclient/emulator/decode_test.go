package emulator

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestRawDataIsCutOutWithoutEncodingJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"Content":{"Raw":{"Data":"aGk="}}}`:                                                "aGk=",
		`{"EmailTags":[{"Name":"Content","Value":"Raw"}],"Content":{"Raw":{"Data":"aGk="}}}`: "aGk=",
		` { "Content" : { "Simple" : {"Data":"no"} , "Raw" : { "Data" : "aGk=" } } } `:       "aGk=",
		`{"x":"\\\"{","Content":{"Raw":{"Data":"aGk="}},"Destination":{}}`:                   "aGk=",
		`{"x":{"Content":{"Raw":{"Data":"aGk="}}}}`:                                          "",
		`{"Content":{"Raw":{"Data":"a\u0047k="}}}`:                                           "",
		`{"Content":{"x":{"Raw":{"Data":"aGk="}}}}`:                                          "",
		`{"Content":[{"Raw":{"Data":"aGk="}}]}`:                                              "",
		`{"Content":{"Raw":{"Data":"aGk=`:                                                    "",
		`{"Content":{"Raw":{"Data":7}}}`:                                                     "",
	} {
		data, rest, found := cutRawData([]byte(in))
		if string(data) != want || found != (want != "") {
			t.Errorf("cut %s: %q, %v", in, data, found)
		}
		if found && string(rest) != strings.Replace(in, want, "", 1) {
			t.Errorf("rest of %s is %s", in, rest)
		}
	}
}

// FuzzSendEmail holds decodeSend against encoding/json and then runs the whole
// call, which must not panic.
func FuzzSendEmail(f *testing.F) {
	for _, seed := range []string{
		`{"Content":{"Raw":{"Data":"RnJvbTogYUBiLmtyDQoNCng="}},"Destination":{"ToAddresses":["a@b.kr"]}}`,
		`{"FromEmailAddress":"a@b.kr","Content":{"Simple":{"Subject":{"Data":"안녕"},"Body":{"Text":{"Data":"x"}}}}}`,
		`{"Content":{"Raw":{"Data":"\u0041="}},"EmailTags":[{"Name":"a","Value":"b"}]}`,
		`{"Content":{"Raw":{"Data":"QQ==\n"}}}`, `{"Content":null}`, `{"Content":{"Raw":null}}`, `[`, `{"a":"\"`, ``,
		`{"content":{"raw":{"data":"QQ=="}}}`, `{"Content":{"Raw":{"Data":"RnJvbTogIiwiLCAsQGENCg0K"}}}`,
	} {
		f.Add([]byte(seed))
	}
	s, err := New(Options{Keep: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, gotErr := decodeSend(body, nil)
		want := new(sendInput)
		wantErr := json.Unmarshal(body, want)
		if (gotErr == nil) != (wantErr == nil) && !repeats(body) {
			t.Fatalf("%s: got error %v, encoding/json %v", body, gotErr, wantErr)
		}
		if gotErr != nil {
			return
		}
		if !repeats(body) && !same(got, want) {
			t.Fatalf("%s: got %+v, want %+v", body, got, want)
		}
		d, refused := got.check()
		if refused != nil {
			return
		}
		s.mails.keep(d, &record{id: formatID(1, 2), to: d.to})
	})
}

// same compares what was decoded; nil and empty bytes are one.
func same(a, b *sendInput) bool {
	if (a.Content.Raw == nil) != (b.Content.Raw == nil) {
		return false
	}
	if a.Content.Raw != nil {
		if !bytes.Equal(a.Content.Raw.Data, b.Content.Raw.Data) {
			return false
		}
		b.Content.Raw = a.Content.Raw
	}
	return reflect.DeepEqual(a, b)
}

// repeats reports whether a text names one of the path's keys twice, in any
// spelling: which one wins is not worth a rule.
func repeats(body []byte) bool {
	low := bytes.ToLower(body)
	for _, key := range []string{"content", "raw", "data"} {
		if bytes.Count(low, []byte(key)) > 1 {
			return true
		}
	}
	return bytes.Contains(low, []byte(`\u`))
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(mailText))
	f.Add([]byte("From: a@b.kr\n\nx"))
	f.Add([]byte("From: a,b <c@d.kr>,\r\n <e@f\r\n\r\n"))
	f.Add([]byte(": \r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parseMessage(raw)
		if err != nil {
			return
		}
		m.addresses("from", "to", "cc", "bcc")
		out := m.stored("id", "", newClock().at)
		if !bytes.HasSuffix(out, raw[m.body:]) {
			t.Fatalf("body of %q changed in %q", raw, out)
		}
		again, err := parseMessage(out)
		if err != nil && !strings.Contains(err.message, "longer") && !strings.Contains(err.message, "many") {
			t.Fatalf("stored %q: %v", out, err)
		}
		if err == nil && (again.get("bcc") != "" || again.get("message-id") != "<id@email.amazonses.com>") {
			t.Fatalf("stored %q", out)
		}
	})
}
