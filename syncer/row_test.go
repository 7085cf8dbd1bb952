package syncer

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

func TestKeysOfNumbersAreInOrderAndComeBack(t *testing.T) {
	x := &table{forms: []form{asNumber}}
	var before []byte
	for _, id := range []string{"-9223372036854775808", "-5", "-1", "0", "1", "9", "10", "255", "256", "9223372036854775807", "9223372036854775808", "18446744073709551615"} {
		key := x.key(nil, []byte(id))
		if bytes.Compare(before, key) >= 0 {
			t.Errorf("%s is not after the one before", id)
		}
		var back string
		switch n := x.argument(key).(type) {
		case int64:
			back = strconv.FormatInt(n, 10)
		case uint64:
			back = strconv.FormatUint(n, 10)
		}
		if back != id {
			t.Errorf("%s comes back as %v", id, back)
		}
		before = key
	}
}

func FuzzKey(f *testing.F) {
	f.Add(uint8(asNumber), []byte("12"))
	f.Add(uint8(asNumber), []byte("x"))
	f.Add(uint8(asText), []byte("둘"))
	f.Add(uint8(asBytes), []byte{0xff, 0})
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		x := &table{forms: []form{form(kind % 7)}}
		key := x.key(nil, raw)
		switch v := x.argument(key).(type) {
		case string:
			if v != string(raw) {
				t.Errorf("%q became %q", raw, v)
			}
		case []byte:
			if !bytes.Equal(v, raw) {
				t.Errorf("%q became %q", raw, v)
			}
		case int64:
			if n, err := strconv.ParseInt(string(raw), 10, 64); err != nil || n != v {
				t.Errorf("%q became %d", raw, v)
			}
		case uint64:
			if n, err := strconv.ParseUint(string(raw), 10, 64); err != nil || n != v {
				t.Errorf("%q became %d", raw, v)
			}
		}
	})
}

// FuzzRow reads any values in columns of any form.
func FuzzRow(f *testing.F) {
	f.Add(uint32(0), "1", "a@example.com", "김", "true", "2026-01-01 00:00:00", "1700000000")
	f.Add(uint32(0xFFFF), "", "x", "\xff", "\x01", "0000-00-00", "1700000000.5")
	s, err := audience.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, forms uint32, id, email, name, ok, updated, created string) {
		c := Config{Zone: time.UTC}
		x := &table{Config: &c, id: 0, email: 1, name: 2, subscribed: 3, updated: 4, created: 5, gender: -1, consent: 5, deleted: -1, taken: -1, seconds: 1e6, yes: map[string]bool{"true": true}}
		for i := range 6 {
			x.forms = append(x.forms, form((forms>>(4*i)&0xF)%7))
		}
		batch, err := s.NewSyncBatch(audience.SyncOptions{Load: true})
		if err != nil {
			t.Fatal(err)
		}
		r := x.reader(batch)
		for i, v := range []string{id, email, name, ok, updated, created} {
			r.raw[i] = sql.RawBytes(v)
		}
		r.fill()
		if r.row.Subscribed && strings.ToLower(strings.TrimSpace(r.text(3))) != "true" {
			t.Errorf("%q is taken for a yes", ok)
		}
		if reason := batch.Add(&r.row); reason == "" {
			if _, err := eml.ParseAddress(email); err != nil {
				t.Errorf("%q is taken for an address", email)
			}
			if _, err := s.Sync(context.Background(), batch, nil); err != nil {
				t.Errorf("a row that was taken cannot be stored: %v", err)
			}
		}
	})
}

func TestMojibakeIsSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"ê¹€ë¯¼ìˆ˜":     true,  // 김민수, UTF-8 read as latin1
		"±è¹Î¼ö":        true,  // 김민수, EUC-KR read as latin1
		"김민수":           false, // right
		"José Müller":   false,
		"Kim":           false,
		"Çelik Ÿ":       false,
		"日本":            false,
		"Françoise Ébé": false,
	} {
		if got := mojibake(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestOneOddNameIsNotTheTablesFault(t *testing.T) {
	var x texts
	for _, name := range []string{"김민수", "ê¹€ë¯¼", "이영희", "Kim", "박서준", "ê¹€ë¯¼", "최수빈", "ê¹€ë¯¼", "정하늘"} {
		x.see([]byte(name))
	}
	if x.wrong() {
		t.Errorf("got %+v", x)
	}
}

// answers is a connection that reads from a script.
type answers struct {
	net.Conn
	bytes.Buffer
}

func (a *answers) Read(b []byte) (int, error)  { return a.Buffer.Read(b) }
func (a *answers) Write(b []byte) (int, error) { return len(b), nil }

func TestAnAnswerIsBounded(t *testing.T) {
	read := func(answer []byte, size int) error {
		s := &server{tooMuch: &atomic.Bool{}}
		c := &cappedConn{Conn: &answers{Buffer: *bytes.NewBuffer(answer)}, tooMuch: s.tooMuch}
		if _, err := c.Write([]byte("query")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, size)
		for {
			if _, err := c.Read(buf); err != nil {
				if errors.Is(err, errTooMuch) != s.tooMuch.Load() {
					t.Error("the flag and the error differ")
				}
				return err
			}
		}
	}
	packet := func(payload ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(payload))|1<<24), payload...)
	}
	for _, size := range []int{1, 3, 4096} {
		if err := read(packet(0xFE, 0, 0, 0, 0, 1, 0, 0, 0), size); !errors.Is(err, errTooMuch) {
			t.Errorf("2^32 columns, reads of %d: %v", size, err)
		}
		if err := read(packet(0xFD, 0, 0, 16), size); !errors.Is(err, errTooMuch) {
			t.Errorf("2^20 columns, reads of %d: %v", size, err)
		}
		if err := read(packet(0xFC, 0, 1), size); errors.Is(err, errTooMuch) {
			t.Errorf("256 columns, reads of %d: %v", size, err)
		}
	}
	if err := read(make([]byte, maxResponse+1), 1<<16); !errors.Is(err, errTooMuch) {
		t.Errorf("a large answer: %v", err)
	}
	if err := read(make([]byte, maxResponse), 1<<16); errors.Is(err, errTooMuch) {
		t.Errorf("an answer of the largest size: %v", err)
	}
}
