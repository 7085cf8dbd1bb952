package audience

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawPerson(t *rapid.T) *person {
	ids := rapid.Custom(func(t *rapid.T) []uint32 {
		return rapid.SliceOfNDistinct(rapid.Uint32Range(1, maxNameID), 0, 5, rapid.ID).Draw(t, "ids")
	})
	p := &person{
		id: rapid.Uint64().Draw(t, "id"), email: rapid.String().Draw(t, "email"), name: rapid.String().Draw(t, "name"), external: rapid.String().Draw(t, "external"),
		gender: rapid.ByteRange(0, 2).Draw(t, "gender"), freq: rapid.ByteRange(0, 2).Draw(t, "freq"), language: rapid.ByteRange(0, 2).Draw(t, "language"),
		created: rapid.Int64().Draw(t, "created"), updated: rapid.Int64().Draw(t, "updated"),
		consent:    Consent{Subscribed: rapid.Bool().Draw(t, "yes"), Assumed: rapid.Bool().Draw(t, "assumed"), Source: rapid.SampledFrom(slices.Collect(slices.Values(sourceWords()))).Draw(t, "source"), At: fromMillis(rapid.Int64Range(-1<<40, 1<<45).Draw(t, "at"))},
		suppressed: rapid.Bool().Draw(t, "suppressed"), origin: rapid.Uint32().Draw(t, "origin"),
	}
	if p.tags = ids.Draw(t, "tags"); len(p.tags) == 0 {
		p.tags = nil
	}
	if p.topics = ids.Draw(t, "topics"); len(p.topics) == 0 {
		p.topics = nil
	}
	if p.on = ids.Draw(t, "on"); len(p.on) == 0 {
		p.on = nil
	}
	for _, id := range ids.Draw(t, "attributes") {
		p.set(id, rapid.StringN(1, 300, -1).Draw(t, "value"))
	}
	return p
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPerson(t)
		b := p.pack(nil)
		got, err := unpack(p.id, b)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("got %+v %v, want %+v", got, err, p)
		}
		r, err := parse(p.id, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.attributes {
			if string(r.value(a.id)) != a.value {
				t.Fatalf("attribute %d: got %q, want %q", a.id, r.value(a.id), a.value)
			}
		}
		for _, id := range p.tags {
			if !hasID(r.tagIDs, id) {
				t.Fatalf("tag %d is not seen", id)
			}
		}
	})
}

func TestAMissingTailIsEmptyAndALongerOneIsKeptOut(t *testing.T) {
	p := &person{id: 1, email: "a@example.com", name: "가", consent: Consent{Source: Import}}
	b := p.pack(nil)
	for end := fixedSize; end < len(b); end++ {
		got, err := unpack(1, b[:end])
		whole := end == fixedSize || end == fixedSize+14 || end >= fixedSize+14+4
		if (err == nil) != whole {
			t.Fatalf("%d of %d bytes: %+v %v", end, len(b), got, err)
		}
	}
	if got, err := unpack(1, append(append(b, 0), "of a later version"...)); err != nil || !reflect.DeepEqual(got, p) {
		t.Fatalf("got %+v %v", got, err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add((&person{email: "a@example.com", tags: []uint32{1}, attributes: []attribute{{1, "x"}}}).pack(nil))
	f.Add(bytes.Repeat([]byte{1}, 60))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parse(1, b)
		if err != nil {
			return
		}
		r.value(1)
		hasID(r.tagIDs, 1)
		r.skip(subject{id: 1})
		p, err := unpack(1, b)
		if err != nil {
			return
		}
		if again, err := unpack(1, p.pack(nil)); err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("%x: %+v %v, want %+v", b, again, err, p)
		}
	})
}

func TestDatesAreReadInEveryForm(t *testing.T) {
	seoul := zoneOr(nil)
	day, noon := time.Date(2026, 1, 2, 0, 0, 0, 0, seoul), time.Date(2026, 1, 2, 15, 4, 0, 0, seoul)
	for text, want := range map[string]time.Time{
		"2026-01-02": day, "2026.01.02": day, "2026. 1. 2.": day, "2026/1/2": day, "2026년 1월 2일": day, "20260102": day, " 2026-01-02 ": day,
		"2026-01-02 15:04": noon, "2026-01-02T15:04:00": noon, "2026-01-02 오후 3:04:00": noon, "2026. 1. 2. 오후 3:04": noon, "2026-01-02 3:04 PM": noon,
		"2026-01-02T06:04:00Z": noon, "2026-01-02T15:04:00.000+09:00": noon, "2026-01-02 15:04:00+0900": noon, "2026-01-02 06:04:00 UTC": noon,
		"20260102150400": noon, "202601021504": noon, "996592000000": time.UnixMilli(996592000000), "1767333840": noon, "1767333840000": noon, "2026-01-02 오전 12:30": day.Add(30 * time.Minute),
	} {
		got, dayOnly, ok := parseTime(text, seoul)
		if !ok || !got.Equal(want) || dayOnly != want.Equal(day) {
			t.Errorf("%q: got %v (day %v, %v), want %v", text, got, dayOnly, ok, want)
		}
	}
	for _, text := range []string{"", "x", "2026", "2026-13-01", "2026-02-30", "26-01-02", "2026-01-02 25:00", "2026-01-02 15:04x", "2026-01-02 오후 13:00", "2026-01-02+09:00:00", "-20260102", "2026-01-02 15:04 +9", "1800-01-01", "99999999999999999999"} {
		if got, _, ok := parseTime(text, seoul); ok {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func FuzzDate(f *testing.F) {
	f.Add("2026-01-02 오후 3:04:05.123")
	f.Add("2026-01-02T15:04:05+09:00")
	f.Fuzz(func(t *testing.T, text string) {
		got, _, ok := parseTime(text, time.UTC)
		if again, _, still := parseTime(got.Format(time.RFC3339Nano), time.UTC); ok && got.Year() >= 1900 && got.Year() <= 2200 && (!still || !again.Equal(got)) {
			t.Fatalf("%q: %v, then %v %v", text, got, again, still)
		}
	})
}

func TestTokensOpenOnlyWhatTheStoreMade(t *testing.T) {
	s, other := open(t), open(t)
	for _, ids := range [][2]uint64{{0, 0}, {1, 1}, {1 << 62, 1 << 62}, {1<<63 - 1, 1<<63 - 1}} {
		token := s.Token(ids[0], ids[1])
		if len(token) > 48 || strings.ContainsAny(token, "+/=@") {
			t.Errorf("token %q of %d characters", token, len(token))
		}
		if a, b, err := s.Verify(token); err != nil || a != ids[0] || b != ids[1] {
			t.Errorf("%v: got %d %d %v", ids, a, b, err)
		}
		if _, _, err := other.Verify(token); err != ErrToken {
			t.Errorf("another store: %v", err)
		}
		for i := range token {
			changed := []byte(token)
			changed[i] = "AB"[map[bool]int{true: 1}[changed[i] == 'A']]
			if _, _, err := s.Verify(string(changed)); err != ErrToken {
				t.Errorf("character %d of %q changed: %v", i, token, err)
			}
		}
	}
}

func TestOldKeysStillVerify(t *testing.T) {
	s := open(t)
	token := s.Token(5, 6)
	s.keys[2], s.sign = bytes.Repeat([]byte{7}, 32), 2
	if newer := s.Token(5, 6); newer == token {
		t.Error("the new key does not sign")
	}
	if a, b, err := s.Verify(token); a != 5 || b != 6 || err != nil {
		t.Errorf("got %d %d %v", a, b, err)
	}
}

func FuzzToken(f *testing.F) {
	s, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Add(s.Token(1, 2))
	f.Add("")
	f.Add("EAEB" + strings.Repeat("A", 22))
	f.Fuzz(func(t *testing.T, token string) {
		a, b, err := s.Verify(token)
		if err == nil && s.Token(a, b) != token {
			t.Fatalf("%q was taken for %d %d", token, a, b)
		}
		if err != nil && err != ErrToken {
			t.Fatal(err)
		}
	})
}

// The small records beside a person's own.
func FuzzSmallRecords(f *testing.F) {
	f.Add(sourceRow{person: 1, updated: 2, yes: true, consentAt: 3}.pack(nil))
	f.Add(packPiece(5, []delivery{{7, 8}, {1, 2}}))
	f.Add([]byte(`{"at":"2026-01-02T03:04:05Z","address":"00","source":"person"}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := readSourceRow(b); ok {
			if again, ok := readSourceRow(r.pack(nil)); !ok || again != r {
				t.Errorf("%+v came back as %+v", r, again)
			}
		}
		if list := readPiece(b); len(list) > 0 {
			if again := readPiece(packPiece(0, list)); len(again) != len(list) {
				t.Errorf("%d came back as %d", len(list), len(again))
			}
		}
		readOptOut(b)
	})
}
