package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pabal/spool"
)

// poisoned are errors as other people's code makes them, and what must not be
// read in the log: of each of them neither the whole nor a part.
func poisoned() map[string]error {
	return map[string]error{
		"geheim":                   errors.New(`invalid DSN: pabal:geheim@tcp(db.example.com:3306)/crm: missing the slash`),
		"T0AB12/B0CD34/s3cr3tHook": fmt.Errorf("post an alarm: %w", errors.New(`Post "https://hooks.slack.com/services/T0AB12/B0CD34/s3cr3tHook": dial tcp: i/o timeout`)),
		"IOSFODNN7EXAMPLE":         errors.New("the security token of AKIAIOSFODNN7EXAMPLE is invalid"),
		"wJalrXUtnFEMI":            errors.New("sign with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY: no"),
		"lInKoFaLeTtEr":            errors.New("get https://mail.example.com/u/lInKoFaLeTtEr?x=1: EOF"),
	}
}

// TestLogHasNoSecretAtAnyLevelAndNoAddressUnlessDebug writes each of them by the
// daemon's own logger, in every place of a line.
func TestLogHasNoSecretAtAnyLevelAndNoAddressUnlessDebug(t *testing.T) {
	everywhere := func(level slog.Level, err error) string {
		var out bytes.Buffer
		log := newLogger(&out, level)
		text := err.Error()
		log.With("reason", text).WithGroup("g").Error("failed", "err", err, "subject", text, "stores", []string{"a", text}, "outcome", slog.StringValue(text),
			"joined", errors.Join(err, io.EOF), "scope", spool.Scope(text), "errs", []error{err}, "fields", struct{ Text string }{text}, slog.Group("h", "err", err),
			"raw", json.RawMessage(text), "at", &text)
		slog.NewLogLogger(log.Handler(), slog.LevelError).Print(text) // what net/http says
		return out.String()
	}
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		for secret, err := range poisoned() {
			if got := everywhere(level, err); strings.Contains(got, secret) || strings.Count(got, "[hidden]") < 10 {
				t.Errorf("at %s %q is hidden %d times, want 10:\n%s", level, secret, strings.Count(got, "[hidden]"), got)
			}
		}
	}
	address := fmt.Errorf("answer: %w", errors.New(`550 5.1.1 <minji.kim@example.com>: no such user`))
	if got := everywhere(slog.LevelInfo, address); strings.Contains(got, "minji") || strings.Count(got, "m***@example.com") < 10 {
		t.Errorf("the address is masked %d times, want 10:\n%s", strings.Count(got, "m***@example.com"), got)
	}
	if got := everywhere(slog.LevelDebug, address); strings.Count(got, "minji.kim@example.com") < 10 {
		t.Errorf("at debug the address is not there:\n%s", got)
	}
}

// TestLogLineHasItsTypes as docs/logs.md tells them.
func TestLogLineHasItsTypes(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out, slog.LevelInfo).Warn("clock jumped", "jump", -90*time.Second, "took", 1234567*time.Microsecond, "campaign", uint64(7), "manual", true,
		"listen", []string{"127.0.0.1:25"}, "lane", spool.Bulk, "ends", time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC), "err", error(nil))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"level": "WARN", "msg": "clock jumped", "jump": -90.0, "took": 1.235, "campaign": 7.0, "manual": true, "lane": "bulk",
		"ends": "2026-11-23T04:00:00Z", "listen": "[127.0.0.1:25]", "err": "<nil>"} {
		if have := got[key]; have != want && fmt.Sprint(have) != want {
			t.Errorf("%s is %v (%T), want %v", key, have, have, want)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["time"])); err != nil {
		t.Error(err)
	}
}
