package spool

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anyMessage(t *rapid.T, lane Lane) Message {
	text := func(name string) string { return rapid.StringN(0, 30, 60).Draw(t, name) }
	when := func(name string) time.Time { return fromMillis(rapid.Uint64Range(0, 1<<42).Draw(t, name)) }
	m := Message{
		Lane: lane, Outcome: Outcome(rapid.IntRange(0, 5).Draw(t, "outcome")),
		Attempts: rapid.IntRange(0, maxAttempts).Draw(t, "attempts"), Tries: rapid.IntRange(0, 255).Draw(t, "tries"),
		At: when("at"), NextTry: when("next"), To: text("to"), Reason: text("reason"), SESID: text("ses"),
		MaybeTwice: rapid.Bool().Draw(t, "twice"), ambiguous: rapid.Bool().Draw(t, "ambiguous"),
		Delivered: rapid.Bool().Draw(t, "delivered"), Bounced: rapid.Bool().Draw(t, "bounced"),
		Complained: rapid.Bool().Draw(t, "complained"), Delayed: rapid.Bool().Draw(t, "delayed"),
		Rejected: rapid.Bool().Draw(t, "rejected"), Opened: rapid.Bool().Draw(t, "opened"),
		MachineOpened: rapid.Bool().Draw(t, "machine"), Clicked: rapid.Bool().Draw(t, "clicked"), News: text("news"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "also") {
		m.Also = append(m.Also, rapid.StringMatching(`[0-9a-f]{16}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-000000|[a-z]{1,40}`).Draw(t, "id"))
	}
	if lane == Bulk {
		m.Campaign, m.Subscriber = 3, 1234
		m.ID = rowID(3, 1234)
		return m
	}
	m.seq, m.ID = 17, queueID(17)
	m.Received, m.body, m.Size = when("received"), rapid.Uint64().Draw(t, "body"), rapid.IntRange(0, 1<<30).Draw(t, "size")
	m.From, m.FromDomain, m.Subject, m.MessageID = text("from"), text("domain"), text("subject"), text("id")
	return m
}

func TestRecordsReadBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := anyMessage(t, Bulk)
		got, err := readRow(appendRow(nil, &row), 3, 1234)
		if err != nil || !reflect.DeepEqual(got, row) {
			t.Fatalf("row: got %+v, %v; want %+v", got, err, row)
		}
		mail := anyMessage(t, Transactional)
		got, err = readMail(appendMail(nil, &mail), 17)
		if err != nil || !reflect.DeepEqual(got, mail) {
			t.Fatalf("mail: got %+v, %v; want %+v", got, err, mail)
		}
	})
}

// DESIGN: a frozen row is under 100 bytes, and a million sent ones under 210 MB.
func TestRowsAreSmall(t *testing.T) {
	frozen := Message{At: time.Now()}
	if n := len(appendRow(nil, &frozen)); n != recordFixed {
		t.Errorf("frozen row: %d bytes, want %d", n, recordFixed)
	}
	sent := Message{Outcome: Accepted, At: time.Now(), To: "someone.somewhere@example.com",
		SESID: "0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000"}
	if n := len(appendRow(nil, &sent)); n > 80 {
		t.Errorf("sent row: %d bytes, want at most 80", n)
	}
}

func TestSESIDsReadBackAsWritten(t *testing.T) {
	for _, id := range []string{
		"", "x", "0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000",
		"0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-123456",
		"0100019A3B2C7D9A-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000", // upper case stays
		"0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1_c2d3e4f50617-000000",
		"0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-00000x",
		"\x01abc", "0123456789",
	} {
		p := packSESID(id)
		if got := unpackSESID(p); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
		if len(id) == sesIDLength && len(p) > sesIDLength+1 {
			t.Errorf("%q packs to %d bytes", id, len(p))
		}
	}
	if n := len(packSESID("0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000")); n != packedLength {
		t.Errorf("packed to %d bytes, want %d", n, packedLength)
	}
}

func FuzzReadRecord(f *testing.F) {
	m := Message{Outcome: Accepted, At: time.Now(), To: "a@example.com", SESID: "x", Reason: "y"}
	f.Add(appendRow(nil, &m))
	f.Add(appendMail(nil, &m))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := readRow(b, 1, 2); err == nil {
			if _, err := readRow(appendRow(nil, &m), 1, 2); err != nil {
				t.Errorf("row written anew does not read: %v", err)
			}
		}
		if m, err := readMail(b, 1); err == nil {
			if _, err := readMail(appendMail(nil, &m), 1); err != nil {
				t.Errorf("mail written anew does not read: %v", err)
			}
		}
	})
}

func FuzzSESID(f *testing.F) {
	f.Add("0100019a3b2c7d9a-1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617-000000")
	f.Add("\x00\x01")
	f.Fuzz(func(t *testing.T, id string) {
		if got := unpackSESID(packSESID(id)); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	})
}

func FuzzReadHeader(f *testing.F) {
	f.Add([]byte(`{"campaign":1,"state":"running","from_domain":"example.com","next":2,"audience":3,"pending":1,"skips":{"erased":2}}`))
	f.Add([]byte(`{"campaign":1,"state":"cancelling","resend":{"outcome":"failed","mark":7},"acts":[{"what":"pause"}]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := readHeader(b)
		if err != nil {
			return
		}
		l.scopes()
		l.conclude(time.Now())
		l.clone()
		again, err := json.Marshal(l)
		if err != nil {
			return // a time JSON cannot write
		}
		if _, err := readHeader(again); err != nil {
			t.Errorf("written anew as %s it does not read: %v", again, err)
		}
	})
}

func FuzzReadOrphan(f *testing.F) {
	f.Add(append(make([]byte, orphanFixed), "news"...))
	f.Add([]byte{1})
	f.Fuzz(func(_ *testing.T, b []byte) { readOrphan(b) })
}
