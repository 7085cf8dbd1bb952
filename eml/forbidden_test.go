package eml

import "testing"

func TestForbiddenExtensionLooksAtTheLastOne(t *testing.T) {
	for name, want := range map[string]string{
		"setup.exe": ".exe", "SETUP.EXE": ".exe", "보고서.pdf.js": ".js", "a.vbs. .": ".vbs", `C:\x\a.lnk`: ".lnk", "dir/a.reg": ".reg", ".url": ".url",
		"a.ade": ".ade", "a.xnk": ".xnk", "a.ps1xml": ".ps1xml",
		"a.pdf": "", "exe": "", "a.exe.zip": "", "a.": "", "": "", "a.e xe": "", "a. exe": "", "exe/a": "", "a.ex": "", "보고서": "",
	} {
		if got := ForbiddenExtension(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
