//go:build host

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
	"pabal/spool"
)

// The page of a report in a real browser, scripts off: what was counted is
// there, charts have names, it fits a phone, and both schemes can be read. With
// WEB_PICTURES set it leaves pictures.
func TestReportInABrowser(t *testing.T) {
	_, _, c := newShop(t, emulator.Options{}, 200)
	id := mailTo(t, c, "", "")
	for r, err := range c.Watch(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if r.State == spool.Done {
			break
		}
	}
	link, err := c.ReportLink(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	for _, lang := range []string{"ko", "en"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int{390, 960} {
				b.window(width, 900, scheme)
				b.open(link.URL + "?lang=" + lang)
				b.accessible(width)
				b.charts(200)
				if width == 960 {
					b.picture("report-" + lang + "-" + scheme)
				}
			}
		}
	}
	rep, err := c.Report(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := rep.WriteHTML(&page, "ko", time.UTC); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open("file://" + file)
	b.charts(200)
}

// charts fails the test unless the page shows its charts, each with a name, and
// the number accepted beside them; and its style, which a wrong policy would
// have kept away.
func (b *browser) charts(accepted int) {
	b.t.Helper()
	charts := b.all("svg[role=img]")
	if len(charts) != 3 {
		b.t.Errorf("%d charts, want 3", len(charts))
	}
	for _, node := range charts {
		if !strings.Contains(b.html(node), `aria-label="`) {
			b.t.Errorf("a chart has no name: %.80s", b.html(node))
		}
	}
	found := false
	for _, node := range b.all("td") {
		found = found || strings.Contains(b.html(node), ">"+strconv.Itoa(accepted)+"<")
	}
	if !found {
		b.t.Errorf("no table says that %d were accepted", accepted)
	}
	if ratio := b.contrast(b.all("h1")[0]); ratio < 10 {
		b.t.Errorf("the heading has a contrast of %.1f: is the style there?", ratio)
	}
}
