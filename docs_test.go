package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// pages are the texts for people, by their path: both READMEs and all of docs.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d pages, %v", len(names), err)
	}
	texts := map[string]string{}
	for _, name := range append(names, "README.md", "README.ko.md", "CHANGELOG.md") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	return texts
}

var (
	fence      = regexp.MustCompile("(?ms)^ *```.*?^ *```[^\n]*$")
	code       = regexp.MustCompile("`[^`\n]*`")
	link       = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	image      = regexp.MustCompile(`<img[^>]* src="([^"]+)"`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	ownID      = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
	inLink     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	testName   = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]*)")
	testFile   = regexp.MustCompile("`([a-z0-9_/]+(?:_test\\.go|\\.txtar))`")
	testInFile = regexp.MustCompile("`([a-z0-9_/]+_test\\.go)` `(Test[A-Z][A-Za-z0-9_]*)")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// anchors are what a page can be entered at: its headings as GitHub names them,
// and names of its own.
func anchors(text string) map[string]bool {
	text = fence.ReplaceAllString(text, "")
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := slug(inLink.ReplaceAllString(m[1], "$1"))
		for n := 1; found[name]; n++ {
			name = fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", n-1)), n)
		}
		found[name] = true
	}
	for _, m := range ownID.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// TestEveryLinkOfThePagesLeadsSomewhere follows each relative link and anchor.
func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	texts, links := pages(t), 0
	for name, text := range texts {
		text = code.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
		for _, m := range slices.Concat(link.FindAllStringSubmatch(text, -1), image.FindAllStringSubmatch(text, -1)) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			if why := dead(texts, name, m[1]); why != "" {
				t.Errorf("%s: %s: %s", name, m[1], why)
			}
		}
	}
	if links < 100 {
		t.Errorf("saw only %d links: the search is broken", links)
	}
}

// dead says why a link of a page leads nowhere, "" if it does not.
func dead(texts map[string]string, from, to string) string {
	path, anchor, _ := strings.Cut(to, "#")
	target := from
	if path != "" {
		target = filepath.Join(filepath.Dir(from), path)
	}
	if _, err := os.Stat(target); err != nil {
		return "there is no such file"
	}
	if anchor != "" && !anchors(texts[target])[anchor] {
		return target + " has no such place"
	}
	return ""
}

// TestEveryPageIsInBothLanguagesAndListed wants a Korean twin of each page, the
// same places to enter at in both, and both READMEs to name their pages.
func TestEveryPageIsInBothLanguagesAndListed(t *testing.T) {
	texts := pages(t)
	for name, text := range texts {
		if filepath.Dir(name) != "docs" || strings.HasSuffix(name, ".ko.md") {
			continue
		}
		korean := strings.TrimSuffix(name, ".md") + ".ko.md"
		twin, there := texts[korean]
		if !there {
			t.Errorf("%s has no Korean twin", name)
		} else if a, b := ids(text), ids(twin); !slices.Equal(a, b) {
			t.Errorf("%s and its twin have different places: %v", name, differing(a, b))
		}
		if !strings.Contains(texts["README.md"], "]("+name+")") {
			t.Errorf("README.md does not lead to %s", name)
		}
		if !strings.Contains(texts["README.ko.md"], "]("+korean+")") {
			t.Errorf("README.ko.md does not lead to %s", korean)
		}
	}
	for name := range texts {
		if base, korean := strings.CutSuffix(name, ".ko.md"); korean && texts[base+".md"] == "" {
			t.Errorf("%s has no English twin", name)
		}
	}
}

// ids are the places of a page that have a name of their own, sorted.
func ids(text string) (all []string) {
	for _, m := range ownID.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

func differing(a, b []string) (only []string) {
	for _, s := range slices.Concat(a, b) {
		if slices.Contains(a, s) != slices.Contains(b, s) {
			only = append(only, s)
		}
	}
	return only
}

// TestEveryTestThePagesNameExists looks for each test, and each file of tests,
// that a page shows as the proof of something. A test that stands right behind
// a file is in that file.
func TestEveryTestThePagesNameExists(t *testing.T) {
	files, all, named := testsByFile(t), []string{}, 0
	for _, tests := range files {
		all = append(all, tests...)
	}
	for page, text := range pages(t) {
		for _, m := range testFile.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			if named++; !slices.Contains(all, m[1]) {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, m := range testInFile.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(files[m[1]], m[2]) {
				t.Errorf("%s: %s is not in %s", page, m[2], m[1])
			}
		}
	}
	if named < 50 {
		t.Errorf("saw only %d names of tests: the search is broken", named)
	}
}

func testsByFile(t *testing.T) map[string][]string {
	where := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		where[path] = []string{}
		for _, m := range testFunc.FindAllStringSubmatch(string(b), -1) {
			where[path] = append(where[path], m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}
