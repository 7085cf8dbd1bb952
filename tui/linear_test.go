package tui

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPlainModeIsWorkedByLines does in plain mode what somebody with a screen
// reader does: reads the first screen, finds a person, unsubscribes them, looks
// at a campaign, and leaves.
func TestPlainModeIsWorkedByLines(t *testing.T) {
	in, keys := io.Pipe()
	out := &screenWriter{more: make(chan struct{}, 1)}
	back := newFake(testNow)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() { ended <- Run(ctx, back, Options{Lang: "ko", Plain: true, Input: in, Output: out}) }()
	out.wait(t, ctx, "키 > ")
	for _, step := range []struct{ line, see string }{
		{"3", "> customer001@example.com, 김하나, 여, 동의, vip2026 봄\n"},
		{"down 2", "> customer003@example.com, 박지우"},
		{"/", "글 > "},
		{"이서", "> customer002@example.com, 이서준"},
		{"", "키 > "}, // the filter is closed
		{"enter", "== 파발, 구독자 보기\n"},
		{"u", "이서준 <customer002@example.com>"},
		{"y", "! 수신 거부로 바꿨습니다."},
		{"?", "e, 수신 설정\n"},
		{"zzz", "그런 키가 없습니다: zzz"},
		{"esc", "== 파발, 구독자\n"},
		{"2", "블랙 프라이데이"},
		{"down 2", "> 3 회원 가입 환영"},
		{"enter", "초당 12.4통"},
	} {
		if _, err := io.WriteString(keys, step.line+"\n"); err != nil {
			t.Fatal(err)
		}
		out.wait(t, ctx, step.see)
	}
	if got := back.asked("Unsubscribe"); len(got) != 1 || got[0] != "Unsubscribe customer002@example.com" {
		t.Errorf("calls: %q", got)
	}
	if _, err := io.WriteString(keys, "esc\nq\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || ctx.Err() != nil {
		t.Fatalf("Run: %v, %v", err, ctx.Err())
	}
}

// TestPlainModeEndsWithItsInput: a pipe that ends is not waited for.
func TestPlainModeEndsWithItsInput(t *testing.T) {
	var out strings.Builder
	if err := Run(t.Context(), newFake(testNow), Options{Lang: "en", Plain: true, Input: strings.NewReader(""), Output: &out}); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsDrawnInPlainMode: on no screen is there an escape sequence, a
// drawn character or an empty frame.
func TestNothingIsDrawnInPlainMode(t *testing.T) {
	for i, s := range screens {
		for _, lang := range []string{"ko", "en"} {
			d := open(t, lang, i)
			d.m.look = newLook(true, false)
			d.m.look.linear = true
			lines := spoken(d.m.top().view(d.m.app, linearWidth, linearHeight).lines)
			if len(lines) == 0 {
				t.Errorf("%s (%s) says nothing", s.name, lang)
			}
			for _, l := range lines {
				if strings.ContainsAny(l, "\x1b"+drawn) || strings.Contains(l, "---") {
					t.Errorf("%s (%s) draws %q", s.name, lang, l)
				}
			}
		}
	}
}

func TestOnlyWhatChangedIsReadAgain(t *testing.T) {
	old := []string{"head", "> one", "two", "three 1"}
	got := strings.Join(changed(old, []string{"head", "one", "> two", "three 2"}), "|")
	if want := "> two|three 2"; got != want {
		t.Errorf("read: %q, want %q", got, want)
	}
}

// TestEveryKeyOfEveryScreenCanBeWrittenInPlainMode, by its name.
func TestEveryKeyOfEveryScreenCanBeWrittenInPlainMode(t *testing.T) {
	var l linear
	for i, s := range screens {
		d := open(t, "en", i)
		for _, b := range d.m.top().keys(d.m.app) {
			if b.do != nil && !slices.ContainsFunc(b.keys, l.known) {
				t.Errorf("%s: the key %s (%s) cannot be written", s.name, b.name(), b.help)
			}
		}
	}
}
