package tui

import (
	"context"
	"net/netip"
	"net/url"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// linkShown is a screen with an address to be opened in a browser on one's own
// machine. The address stands alone on its lines, from the left edge on, so
// that it can be taken with the mouse as a whole.
type linkShown struct {
	head, text string
	ask        func(context.Context) (campaign.Link, error)
	link       shown[campaign.Link]
}

func (s *linkShown) title(*app) string { return s.head }
func (s *linkShown) leave()            { s.link.leave() }

func (s *linkShown) start(a *app) tea.Cmd { return askTurn(a, &s.link.turn, callTimeout, s.ask) }

func (s *linkShown) update(a *app, msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tickMsg:
		if s.link.lost() && s.link.why == "" {
			return s.start(a)
		}
	case answer[campaign.Link]:
		s.link.take(a, msg)
	}
	return nil
}

func (s *linkShown) keys(a *app) []binding {
	copied := binding{keys: []string{"c"}, help: a.t.Letter.Copy, do: func() tea.Cmd {
		said := func() tea.Msg { return flashMsg{text: a.t.Letter.Copied} }
		return tea.Batch(tea.SetClipboard(s.link.now.URL), said)
	}}
	if !s.link.have {
		copied.off = a.t.NothingHere
	}
	return []binding{copied}
}

func (s *linkShown) view(a *app, w, h int) page {
	p := page{lines: []string{""}}
	for _, l := range wrap(s.text, w-4) {
		p.lines = append(p.lines, "  "+l)
	}
	p.lines = append(p.lines, "")
	if lines := a.instead(s.link.why, s.link.have, false, "", w); lines != nil {
		p.lines = append(p.lines, lines...)
		return p
	}
	address := safe(s.link.now.URL)
	for address != "" {
		line := cutAt(address, w)
		p.lines = append(p.lines, a.look.key.Render(line))
		address = address[len(line):]
	}
	p.lines = append(p.lines, "", "  "+a.t.Letter.Until(a.moment(s.link.now.Until)), "")
	if onlyHere(s.link.now.URL) {
		for _, l := range wrap("! "+a.t.Letter.OnlyHere, w-4) {
			p.lines = append(p.lines, "  "+a.look.warn.Render(l))
		}
		p.lines = append(p.lines, "")
	}
	for _, l := range wrap(a.t.Letter.CopyHint, w-4) {
		p.lines = append(p.lines, "  "+a.look.dim.Render(l))
	}
	return p
}

// onlyHere reports whether an address opens on the daemon's own host alone.
func onlyHere(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// cutAt is as much of the beginning of s as takes at most w cells, at least one
// letter.
func cutAt(s string, w int) string {
	n, used := 0, 0
	for n < len(s) {
		letter := firstLetter(s[n:])
		if used += cells(letter); used > w && n > 0 {
			break
		}
		n += len(letter)
	}
	return s[:n]
}
