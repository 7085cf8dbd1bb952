package tui

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
	"pabal/eml"
)

// exported is where a report was written, and how it gets to one's PC.
type exported struct {
	path string
	scp  string // "" when nobody says how this host is called
}

// export asks as what the report is to be written, and writes it into the home
// folder of whoever sits at the screen.
func (s *report) export(a *app) screen {
	t, r := &a.t.Report, s.r.now
	return &picker{head: t.Export, hint: t.ExportAs, options: []option{{value: "csv", label: t.CSV, note: t.CSVNote}, {value: "html", label: t.HTML, note: t.HTMLNote}},
		then: func(a *app, chosen []string) tea.Cmd { return push(a, &exporting{r: r, kind: chosen[0]}) }}
}

// exporting is the screen that says where a report went.
type exporting struct {
	r    campaign.Report
	kind string
	done shown[exported]
}

func (s *exporting) title(a *app) string { return a.t.Report.Export }
func (s *exporting) leave()              { s.done.leave() }
func (s *exporting) keys(*app) []binding { return nil }
func (s *exporting) start(a *app) tea.Cmd {
	return askTurn(a, &s.done.turn, callTimeout, func(ctx context.Context) (exported, error) { return s.write(ctx, a) })
}

func (s *exporting) update(a *app, msg tea.Msg) tea.Cmd {
	if m, ok := msg.(answer[exported]); ok {
		s.done.take(a, m)
	}
	return nil
}

// write runs outside of Update. The file appears whole or not at all.
func (s *exporting) write(ctx context.Context, a *app) (exported, error) {
	var text bytes.Buffer
	var err error
	if s.kind == "csv" {
		err = s.r.WriteCSV(&text, true)
	} else {
		err = s.r.WriteHTML(&text, a.lang, a.zone)
	}
	if err != nil {
		return exported{}, fmt.Errorf("make the report: %w", err)
	}
	path := filepath.Join(a.folder, fmt.Sprintf("pabal-report-%d.%s", s.r.Campaign.ID, s.kind))
	if err := writeWhole(path, text.Bytes()); err != nil {
		// without the error itself: a folder that is gone is no daemon that is gone
		return exported{}, &eml.Problem{What: "the report cannot be written: " + err.Error(), Hint: "use the link or the mail instead, or: pabal campaign report --help"}
	}
	out := exported{path: path}
	if inbox, err := a.back.Inbox(ctx); err == nil {
		out.scp = scpFrom(inbox.SCP, path)
	}
	return out, nil
}

func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pabal-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	for _, step := range []func() error{f.Sync, f.Close, func() error { return os.Rename(f.Name(), path) }} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		_ = os.Remove(f.Name()) // err says what matters
	}
	return err
}

// scpFrom is the command that fetches a file of this host, made of the one that
// brings files here.
func scpFrom(scp, path string) string {
	for word := range strings.FieldsSeq(scp) {
		word = strings.Trim(word, `"`)
		if host, _, ok := strings.Cut(word, ":"); ok && strings.Contains(host, "@") {
			return `scp "` + host + ":" + path + `" .`
		}
	}
	return ""
}

func (s *exporting) view(a *app, w, h int) page {
	t := &a.t.Report
	p := page{lines: []string{""}}
	if lines := a.instead(s.done.why, s.done.have, false, "", w); lines != nil {
		return page{lines: lines}
	}
	p.lines = append(p.lines, "  "+a.look.good.Render("✓ "+t.Written), "")
	for _, l := range wrap(safe(s.done.now.path), w-6) {
		p.lines = append(p.lines, "    "+a.look.bold.Render(l))
	}
	if s.done.now.scp == "" {
		return p
	}
	p.lines = append(p.lines, "")
	for _, l := range wrap(t.FetchIt, w-4) {
		p.lines = append(p.lines, "  "+l)
	}
	p.lines = append(p.lines, "")
	for _, l := range wrap(safe(s.done.now.scp), w-6) {
		p.lines = append(p.lines, "    "+a.look.bold.Render(l))
	}
	return p
}
