package eml

import (
	"strings"
	"testing"
)

func TestMaskLeavesNoLocalPart(t *testing.T) {
	for in, want := range map[string]string{
		"kim@example.com":                        "k***@example.com",
		"RCPT TO:<kim.minji+x@example.com> 550":  "RCPT TO:<k***@example.com> 550",
		"a@b.c, bb@c.d":                          "a***@b.c, b***@c.d",
		`"a b"@example.com`:                      `"***@example.com`,
		"김민지@예시.한국 님":                            "김***@예시.한국 님",
		"o'hara/x=y@example.com":                 "o***@example.com",
		"no address":                             "no address",
		"@example.com and @":                     "@example.com and @",
		"q12: mail to kim@example.com was taken": "q12: mail to k***@example.com was taken",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("kim@example.com")
	f.Add(`"a b"@x, <c@d>`)
	f.Add("@@@")
	f.Fuzz(func(t *testing.T, text string) {
		got := Mask(text)
		if strings.Count(got, "@") != strings.Count(text, "@") {
			t.Errorf("Mask(%q) = %q: an @ was lost", text, got)
		}
		for _, part := range strings.SplitAfter(got, "@") {
			local, at := strings.CutSuffix(part, "@")
			if i := strings.LastIndexAny(local, " \t\r\n<>()[]{},;:"); at && local != "" && i < len(local)-1 && !strings.HasSuffix(local, "***") && !strings.HasSuffix(local, `"`) {
				t.Errorf("Mask(%q) = %q: %q is not hidden", text, got, local)
			}
		}
	})
}
