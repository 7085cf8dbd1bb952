package syncer

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// TestWhatCountsAsConsent: exactly one of the configured values, in any case.
func TestWhatCountsAsConsent(t *testing.T) {
	c := Config{}
	for _, x := range []struct {
		value   sql.RawBytes
		form    form
		yes     bool
		counted string
	}{
		{sql.RawBytes("true"), asText, true, "subscribed"},
		{sql.RawBytes("TRUE"), asText, true, "subscribed"},
		{sql.RawBytes(" Y "), asText, true, "subscribed"},
		{sql.RawBytes("동의"), asText, true, "subscribed"},
		{sql.RawBytes("1"), asNumber, true, "subscribed"},
		{sql.RawBytes("\x01"), asBits, true, "subscribed"},
		{sql.RawBytes("\x00"), asBits, false, "refused"},
		{sql.RawBytes("0"), asNumber, false, "refused"},
		{sql.RawBytes("false"), asText, false, "refused"},
		{sql.RawBytes("수신거부"), asText, false, "refused"},
		{nil, asText, false, "unclear"},
		{sql.RawBytes(""), asText, false, "unclear"},
		{sql.RawBytes("2"), asNumber, false, "unclear"},
		{sql.RawBytes("yes, please"), asText, false, "unclear"},
		{sql.RawBytes("true\x00"), asText, false, "unclear"},
		{sql.RawBytes("미동의"), asText, false, "refused"},
	} {
		r := &reader{table: &table{Config: &c, subscribed: 0, forms: []form{x.form}, yes: map[string]bool{"true": true, "1": true, "y": true, "동의": true}}, raw: []sql.RawBytes{x.value}}
		got := r.consents()
		counts := map[string]int64{"subscribed": r.result.Subscribed, "refused": r.result.Refused, "unclear": r.result.Unclear}
		if got != x.yes || counts[x.counted] != 1 || counts["subscribed"]+counts["refused"]+counts["unclear"] != 1 {
			t.Errorf("%q: got %v, counted as %v; want %v, %s", x.value, got, counts, x.yes, x.counted)
		}
	}
}

// TestChangesArePagedWithoutTuples: a tuple comparison reads from the beginning
// for every page.
func TestChangesArePagedWithoutTuples(t *testing.T) {
	c := Config{Table: "User", Columns: Columns{ID: "id", UpdatedAt: "update_at"}}
	x := &table{Config: &c, list: "`id`", forms: []form{asNumber, asUTC}, id: 0, updated: 1}
	key := x.key(nil, []byte("7"))
	for _, p := range []struct {
		at    *position
		where string
		args  []any
	}{
		{nil, "`update_at` >= ?", []any{"from"}},
		{&position{Key: key, Raw: "2026-01-02 00:00:00"}, "`update_at` = ? AND `id` > ?", []any{"2026-01-02 00:00:00", int64(7)}},
		{&position{Key: key, Raw: "2026-01-02 00:00:00", Past: true}, "`update_at` > ?", []any{"2026-01-02 00:00:00"}},
	} {
		query, args := x.changes("from", p.at, 5)
		want := "SELECT `id` FROM `User` WHERE " + p.where + " AND `id` IS NOT NULL ORDER BY `update_at`, `id` LIMIT 5"
		if query != want || !slices.Equal(args, p.args) {
			t.Errorf("got %s with %v\nwant %s", query, args, want)
		}
	}
}

// TestAHostileServerIsOneProblemAndEnds: whatever answers at the DSN's port.
func TestAHostileServerIsOneProblemAndEnds(t *testing.T) {
	store, err := audience.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	greeting := "\x0a5.5.5-10.11\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcdefghijkl\x00mysql_native_password\x00"
	hello := string([]byte{byte(len(greeting)), 0, 0, 0}) + greeting
	for name, serve := range map[string]func(net.Conn){
		"silent":           func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"closes at once":   func(net.Conn) {},
		"another protocol": func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"zeros":            func(conn net.Conn) { _, _ = conn.Write(make([]byte, 1<<16)) },
		"endless packet": func(conn net.Conn) {
			_, _ = io.WriteString(conn, "\xff\xff\xff\x00\x0a")
			for block := make([]byte, 1<<16); ; {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
		},
		"says yes to everything": func(conn net.Conn) {
			_, _ = io.WriteString(conn, hello)
			for buf := make([]byte, 4096); ; {
				n, err := conn.Read(buf)
				if err != nil || n < 4 {
					return
				}
				if _, err := conn.Write([]byte{7, 0, 0, buf[3] + 1, 0, 0, 0, 2, 0, 0, 0}); err != nil {
					return
				}
			}
		},
		"asks for a file of ours": func(conn net.Conn) {
			_, _ = io.WriteString(conn, hello)
			for n, buf := 0, make([]byte, 4096); ; n++ {
				size, err := conn.Read(buf)
				if err != nil || size < 4 {
					return
				}
				answer := []byte{7, 0, 0, buf[3] + 1, 0, 0, 0, 2, 0, 0, 0}
				if n > 0 {
					answer = append([]byte{12, 0, 0, buf[3] + 1, 0xFB}, "/etc/passwd"...)
				}
				if strings.Contains(string(buf[:size]), "root:") {
					t.Error("the file was sent")
				}
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var open sync.WaitGroup
			defer open.Wait()
			defer listener.Close()
			open.Go(func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					open.Go(func() {
						defer conn.Close()
						serve(conn)
					})
				}
			})
			c := good()
			c.DSN, c.QueryLimit = "u:p@tcp("+listener.Addr().String()+")/shop", 300*time.Millisecond
			s, err := New(store, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			_, err = s.Sync(context.Background(), Order{})
			var problem *eml.Problem
			if !errors.As(err, &problem) || problem.Hint == "" || s.Status().State != "failing" {
				t.Errorf("got %v, %+v", err, s.Status())
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
