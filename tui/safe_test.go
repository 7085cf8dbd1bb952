package tui

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"pabal/spool"
)

// hostile is text that would take over a terminal: OSC 52 writes the
// clipboard, OSC 0 the title, the others move the cursor or turn text round.
const hostile = "evil\x1b]52;c;aGFjaw==\x07\x1b]0;x\x07\x1b[2J\u009b31m\u202egnp.exe\r\n\x00\xff"

// poison puts hostile text into every string of a value that came from
// outside, in place. Words of our own (states, scopes) keep their meaning.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		poison(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				poison(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String && !v.IsNil() {
			v.SetMapIndex(reflect.ValueOf(hostile).Convert(v.Type().Key()), reflect.ValueOf(hostile))
		}
		if v.Type().Elem().Kind() == reflect.Int64 && !v.IsNil() {
			v.SetMapIndex(reflect.ValueOf(hostile), reflect.ValueOf(int64(7)))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(v.String() + hostile)
		}
	}
}

func poisonAll(f *fakeBackend) {
	states := map[uint64]spool.State{}
	for _, c := range f.campaigns {
		states[c.ID] = c.State
	}
	for _, v := range []any{&f.status, &f.ses, &f.events, &f.campaigns, &f.templates, &f.people, &f.count, &f.preflight, &f.plan, &f.letter, &f.link, &f.report, &f.rows,
		f.heard, &f.topics, &f.mails, &f.queued, &f.senders, &f.amiss, &f.history, &f.suppressed, &f.fields, &f.values, &f.inbox, &f.seen, &f.result, &f.listed} {
		poison(reflect.ValueOf(v))
	}
	for i := range f.campaigns { // else the keys would do something else
		f.campaigns[i].State = states[f.campaigns[i].ID]
		f.campaigns[i].Template = f.templates[0].Name
	}
}

func TestForeignTextNeverReachesTheTerminalRaw(t *testing.T) {
	for i, s := range screens {
		for _, lang := range []string{"ko", "en"} {
			d := newDriver(t, lang, func(f *fakeBackend) {
				if s.set != nil {
					s.set(f)
				}
				poisonAll(f)
			})
			screens[i].goTo(d)
			v := d.m.View()
			rest := styles(v.Content)
			for _, bad := range []string{"\x1b", "\x07", "\r", "\x00", "\u009b", "\u202e", "\xff"} {
				if strings.Contains(rest, bad) {
					t.Errorf("%s (%s) lets %q through:\n%q", s.name, lang, bad, rest)
				}
			}
			fits(t, d, 80, 24)
		}
	}
}

func TestHostileErrorIsMadeVisible(t *testing.T) {
	d := newDriver(t, "en")
	toStart(d)
	d.press("enter")
	d.back.down = errors.New(hostile)
	d.press("y")
	d.want("evil\\x1b]52")
}

// styles takes our own colours out; what is left may hold no escape.
func styles(s string) string {
	parts := strings.Split(s, "\x1b[")
	for i, p := range parts[1:] {
		codes, rest, ok := strings.Cut(p, "m")
		if ok && strings.Trim(codes, "0123456789;") == "" {
			parts[i+1] = rest
		} else {
			parts[i+1] = "\x1b[" + p
		}
	}
	return strings.Join(parts, "")
}

func TestBothLanguagesHaveEveryText(t *testing.T) {
	sameTexts(t, "", reflect.ValueOf(*korean()), reflect.ValueOf(*english()))
}

// sameTexts compares what two languages have, screen by screen.
func sameTexts(t *testing.T, at string, ko, en reflect.Value) {
	for i := range ko.NumField() {
		name := at + ko.Type().Field(i).Name
		k, e := ko.Field(i), en.Field(i)
		if k.Kind() == reflect.Struct {
			sameTexts(t, name+".", k, e)
			continue
		}
		for lang, v := range map[string]reflect.Value{"ko": k, "en": e} {
			for _, fault := range gaps(v) {
				t.Errorf("%s: %s %s", lang, name, fault)
			}
		}
		if k.Kind() == reflect.Map || k.Kind() == reflect.Slice {
			if k.Len() != e.Len() {
				t.Errorf("%s has %d entries in Korean and %d in English", name, k.Len(), e.Len())
			}
			if k.Kind() == reflect.Map {
				for _, key := range k.MapKeys() {
					if !e.MapIndex(key).IsValid() {
						t.Errorf("%s[%v] is missing in English", name, key)
					}
				}
			}
		}
	}
}

// gaps are the empty strings and missing functions in v.
func gaps(v reflect.Value) (faults []string) {
	switch v.Kind() {
	case reflect.String:
		if v.String() == "" {
			return []string{"is empty"}
		}
	case reflect.Func:
		if v.IsNil() {
			return []string{"is nil"}
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			faults = append(faults, gaps(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			faults = append(faults, gaps(v.Field(i))...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			faults = append(faults, gaps(v.MapIndex(k))...)
		}
	}
	return faults
}

func TestEveryWordOfTheTradeIsNamed(t *testing.T) {
	for _, lang := range []string{"ko", "en"} {
		words := textsOf(lang)
		for _, s := range []spool.State{spool.Draft, spool.Scheduled, spool.Freezing, spool.Running, spool.Paused, spool.Held, spool.Cancelling, spool.Cancelled, spool.Done} {
			if words.States[s] == "" {
				t.Errorf("%s: state %s has no word", lang, s)
			}
		}
		for _, r := range []string{spool.SkipUnsubscribed, spool.SkipTopicOff, spool.SkipFrequency, spool.SkipSuppressed, spool.SkipErased, spool.SkipInvalid, spool.SkipCancelled} {
			if words.Reasons[r] == "" {
				t.Errorf("%s: skip reason %s has no word", lang, r)
			}
		}
	}
}

func TestEnvironmentChoosesTheDrawing(t *testing.T) {
	for _, c := range []struct {
		env            map[string]string
		ascii, noColor bool
	}{
		{map[string]string{"TERM": "xterm-256color", "LANG": "ko_KR.UTF-8"}, false, false},
		{map[string]string{"TERM": "xterm", "LANG": "C.utf8"}, false, false},
		{map[string]string{"TERM": "linux", "LANG": "ko_KR.UTF-8"}, true, false},
		{map[string]string{"TERM": "dumb", "LANG": "ko_KR.UTF-8"}, true, false},
		{map[string]string{"TERM": "xterm", "LANG": "ko_KR.EUC-KR"}, true, false},
		{map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, true, false},
		{map[string]string{"TERM": "xterm", "LC_CTYPE": "C.UTF-8"}, false, false},
		{map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"}, false, true},
	} {
		o := Options{}.fromEnviron(func(name string) string { return c.env[name] })
		if o.ASCII != c.ascii || o.NoColor != c.noColor {
			t.Errorf("%v: ASCII %v, no colour %v; want %v, %v", c.env, o.ASCII, o.NoColor, c.ascii, c.noColor)
		}
	}
}

// TestRunTypesAndLeaves runs the whole program over a pipe: typed keys come
// in, a screen and the terminal's cursor go out, q ends it.
func TestRunTypesAndLeaves(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("LC_ALL", "C.UTF-8")
	in, keys := io.Pipe()
	out := &screenWriter{more: make(chan struct{}, 1)}
	back := newFake(testNow)
	back.live = make(chan struct{})
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() {
		ended <- run(ctx, back, Options{Lang: "ko", Input: in, Output: out}, tea.WithWindowSize(80, 24))
	}()
	out.wait(t, ctx, "파발")
	for _, step := range []struct{ keys, see string }{{"2", "블랙"}, {"jj\r", "환영"}} {
		if _, err := io.WriteString(keys, step.keys); err != nil {
			t.Fatal(err)
		}
		out.wait(t, ctx, step.see)
	}
	back.mu.Lock()
	back.campaigns[2].Accepted = 999
	back.mu.Unlock()
	select {
	case back.live <- struct{}{}:
	case <-ctx.Done():
		t.Fatal("nobody watches the campaign")
	}
	out.wait(t, ctx, "999")
	if _, err := io.WriteString(keys, "qqq"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatalf("Run: %v", err)
	}
	if ctx.Err() != nil {
		t.Fatal("Run ended by the clock only")
	}
}
