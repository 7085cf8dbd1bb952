package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// sendBody is the JSON of a raw send of about size bytes.
func sendBody(size int) []byte {
	text := mailText + strings.Repeat(strings.Repeat("x", 76)+"\r\n", size/78)
	body, _ := json.Marshal(map[string]any{
		"Content":     map[string]any{"Raw": map[string]any{"Data": base64.StdEncoding.EncodeToString([]byte(text))}},
		"Destination": map[string]any{"ToAddresses": []string{"a@example.net"}},
		"EmailTags":   []map[string]string{{"Name": "pabal", "Value": "1-2-3-1"}},
	})
	return body
}

func call(url string, body []byte) *http.Request {
	r, err := http.NewRequest("POST", url+"/v2/email/outbound-emails", bytes.NewReader(body))
	if err != nil {
		panic(err) // the URL is ours
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=A/20260101/ap-northeast-2/ses/aws4_request, Signature=0")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// BenchmarkHandler is the emulator's own work on a send.
func BenchmarkHandler(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
		o     Options
	}{
		{"1KB", 1 << 10, Options{}}, {"1KB-none-kept", 1 << 10, Options{Keep: -1, NoHash: true}},
		{"100KB", 100 << 10, Options{}}, {"100KB-none-kept", 100 << 10, Options{Keep: -1, NoHash: true}},
	} {
		b.Run(size.name, func(b *testing.B) {
			size.o.Rate, size.o.Quota = -1, -1
			s, err := New(size.o)
			if err != nil {
				b.Fatal(err)
			}
			body := sendBody(size.bytes)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, call("", body))
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}

// BenchmarkLoopback is 16 keep-alive clients in the same process; their cost
// is in it.
func BenchmarkLoopback(b *testing.B) {
	s, url := start(b, Options{Rate: -1, Quota: -1})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	body := sendBody(1 << 10)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Do(call(url, body))
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 200 {
				b.Errorf("status %d", resp.StatusCode)
			}
		}
	})
	b.ReportMetric(float64(s.Count())/b.Elapsed().Seconds(), "mails/s")
}
