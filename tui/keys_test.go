package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestNumbersOfTheTabsWorkFurtherInToo(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "down", "down", "enter")
	d.want("캠페인 3")
	d.press("3")
	d.want("customer001@example.com", "파발 › 구독자")
	d.press("enter", "7")
	d.want("일반 메일: 대기")
	d.press("1", "n", "3") // the steps of a wizard are no tabs
	d.want("보낼 템플릿을 고르세요")
	d.press("enter", "n")
	d.typeText("3")
	d.want("› 이름            │ 3")
}

func TestFooterLeavesOutFirstWhatDoesNothingNow(t *testing.T) {
	keys := []binding{{keys: []string{"a"}, help: "first", off: "no"}, {keys: []string{"b"}, help: "second", off: "no"}, {keys: []string{"c"}, help: "third"}, {keys: []string{"d"}, help: "fourth"}}
	for w, want := range map[int]string{80: "(a first: no)  (b second: no)  c third  d fourth", 42: "(a first)  (b second)  c third  d fourth", 40: "(a first)  c third  d fourth", 24: "(a first)  c third"} {
		got := strings.TrimSpace(ansi.Strip(newLook(false, false).footer(keys, nil, w)))
		if got != want {
			t.Errorf("%d cells: got %q, want %q", w, got, want)
		}
	}
	if len(keys) != 4 || keys[1].help != "second" {
		t.Errorf("the screen's own keys were changed: %+v", keys)
	}
}

func TestDoneCampaignShowsThatItCanBeCopied(t *testing.T) {
	d := newDriver(t, "ko")
	d.press("2", "down", "down", "down", "enter")
	d.want("c 복사", "o 보고서")
}
