package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherwise are Korean pages that show other blocks than the English ones on
// purpose, and why.
var otherwise = map[string]string{
	"performance": "it points to the table that make bench writes, and has no second one",
	"reliability": "it points to the table that make torture writes, and has no second one",
	"container":   "its shop has a Korean name and screen",
	"domain":      "its commands ask for Korean answers",
	"preflight":   "configuration and JSON stand in the English page, to which it points",
}

var (
	fencedBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	firstCell   = regexp.MustCompile("(?m)^\\| *((?:`(?:[^`|]|\\\\\\|)+`[, ]*)+)\\|")
	pageLink    = regexp.MustCompile(`\[([^\]]*)\]\(([a-z/-]+)\.md[)#]`)
	shellRemark = regexp.MustCompile(`(?m) +# .*$`)
)

// TestKoreanPagesAreTwins holds what a machine reads in a Korean page (blocks
// of commands, configuration and answers, names in the first column of tables)
// to be the English page's, and wants each page to lead to the other.
func TestKoreanPagesAreTwins(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	twins := 0
	for _, name := range pages {
		base, korean := strings.CutSuffix(name, ".ko.md")
		base = strings.TrimPrefix(strings.TrimSuffix(base, ".md"), "docs/")
		if korean {
			continue
		}
		if _, err := os.Stat("docs/" + base + ".ko.md"); err != nil {
			t.Errorf("docs/%s.md has no Korean twin", base)
			continue
		}
		twins++
		if _, ok := otherwise[base]; !ok {
			sameBlocks(t, base)
		}
	}
	if twins < 5 {
		t.Errorf("%d twins were compared, want 5 or more", twins)
	}
}

// TestKoreanPagesLeadToKoreanOnes holds the links of a Korean page to the twins
// of the pages they lead to; but to the page's own English twin, and where the
// words in brackets say that it is English.
func TestKoreanPagesLeadToKoreanOnes(t *testing.T) {
	for name, text := range pages(t) {
		if !strings.HasSuffix(name, ".ko.md") {
			continue
		}
		for _, m := range pageLink.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target := filepath.Join(filepath.Dir(name), m[2])
			if target+".ko.md" == name || strings.Contains(m[1], "English") {
				continue
			}
			if _, err := os.Stat(target + ".ko.md"); err == nil {
				t.Errorf("%s leads to %s.md, which is in Korean too", name, target)
			}
		}
	}
}

func sameBlocks(t *testing.T, base string) {
	t.Helper()
	english, korean := read(t, base+".md"), read(t, base+".ko.md")
	ours, theirs := fencedBlock.FindAllString(english, -1), fencedBlock.FindAllString(korean, -1)
	if len(ours) != len(theirs) {
		t.Errorf("docs/%s.md has %d blocks, its twin %d", base, len(ours), len(theirs))
		return
	}
	for i := range ours { // remarks may be translated, and answers asked for in Korean
		if !strings.Contains(theirs[i], "--lang ko") && shellRemark.ReplaceAllString(ours[i], "") != shellRemark.ReplaceAllString(theirs[i], "") {
			t.Errorf("docs/%s.ko.md has another block than docs/%s.md:\n%s\n%s", base, base, theirs[i], ours[i])
		}
	}
	want, got := cells(english), cells(korean)
	for cell := range maps.Keys(want) {
		if want[cell] != got[cell] {
			t.Errorf("docs/%s.ko.md has %d rows of %s, docs/%s.md %d", base, got[cell], cell, base, want[cell])
		}
	}
	for cell := range maps.Keys(got) {
		if want[cell] == 0 {
			t.Errorf("docs/%s.ko.md has a row of %s, docs/%s.md has none", base, cell, base)
		}
	}
}

// cells counts the rows of tables by the names they begin with.
func cells(text string) map[string]int {
	out := map[string]int{}
	for _, m := range firstCell.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
		out[m[1]]++
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
