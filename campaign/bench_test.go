package campaign

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process has used on all cores: a number that a busy
// machine does not change.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkComposeWelcome makes the retailer's letter of 100 KB: as campaigns
// do, without text kept coded, and as html/template and base64 would; memcpy
// is the floor.
func BenchmarkComposeWelcome(b *testing.B) {
	coded, plain := welcome(b), welcome(b)
	plain.coded = nil
	letter := func(m *mailing) func(b *testing.B, dst []byte) []byte {
		return func(b *testing.B, dst []byte) []byte {
			dst, err := m.compose(dst, m.person(&minji, minji.Email, "TOKEN"), "abc123-7-42-1", testDate)
			if err != nil {
				b.Fatal(err)
			}
			return dst
		}
	}
	done := letter(coded)(b, nil)
	for _, c := range []struct {
		name string
		make func(b *testing.B, dst []byte) []byte
	}{
		{"coded", letter(coded)}, {"plain", letter(plain)}, {"stdlib", stdlibLetter(b)},
		{"memcpy", func(_ *testing.B, dst []byte) []byte { return append(dst, done...) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			buf := c.make(b, nil)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			cpu := cpuTime(b)
			for b.Loop() {
				buf = c.make(b, buf[:0])
			}
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
		})
	}
}

// stdlibLetter fills in the same page with html/template and codes it, lines
// and all; it makes no header and no text part.
func stdlibLetter(b *testing.B) func(b *testing.B, dst []byte) []byte {
	b.Helper()
	var source strings.Builder
	for rest := readFile(b, "../testdata/welcome.html"); ; {
		before, after, found := strings.Cut(rest, "{{")
		source.WriteString(before)
		if !found {
			break
		}
		_, rest, _ = strings.Cut(after, "}}")
		source.WriteString("{{.Name}}")
	}
	t, err := template.New("welcome").Parse(source.String())
	if err != nil {
		b.Fatal(err)
	}
	var page bytes.Buffer
	return func(b *testing.B, dst []byte) []byte {
		page.Reset()
		if err := t.Execute(&page, struct{ Name string }{"김민지"}); err != nil {
			b.Fatal(err)
		}
		for data := page.Bytes(); len(data) > 0; {
			n := min(lineBytes, len(data))
			dst = append(base64.StdEncoding.AppendEncode(dst, data[:n]), '\r', '\n')
			data = data[n:]
		}
		return dst
	}
}

func BenchmarkFillWelcome(b *testing.B) {
	m := welcome(b)
	p := m.person(&minji, minji.Email, "TOKEN")
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _, _ = m.letter.html.append(buf[:0], p)
	}
}
