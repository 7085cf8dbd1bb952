package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// attachments is the list of files that go with every letter of a draft. They
// come from the inbox and are kept with the draft when its form is.
type attachments struct {
	d    *draft
	list list
}

func (s *attachments) title(a *app) string { return a.t.Attach.Title }
func (s *attachments) start(*app) tea.Cmd  { return nil }

func (s *attachments) update(a *app, msg tea.Msg) tea.Cmd {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		s.list.move(keyName(k), len(s.d.c.Attachments))
	}
	return nil
}

func (s *attachments) keys(a *app) []binding {
	add := &inbox{use: forAttachment, d: s.d}
	remove := binding{keys: []string{"d"}, help: a.t.Attach.Remove, do: func() tea.Cmd {
		at := min(s.list.at, len(s.d.c.Attachments)-1)
		s.d.c.Attachments = slices.Delete(slices.Clone(s.d.c.Attachments), at, at+1)
		return nil
	}}
	if len(s.d.c.Attachments) == 0 {
		remove.off = a.t.NothingHere
	}
	return []binding{{keys: []string{"n"}, help: a.t.Attach.Add, do: func() tea.Cmd { return push(a, add) }}, remove}
}

func (s *attachments) view(a *app, w, h int) page {
	p := page{lines: []string{" " + a.look.bold.Render(a.t.Attach.Head), ""}}
	files := s.d.c.Attachments
	if len(files) == 0 {
		p.lines = append(p.lines, a.instead("", true, true, a.t.Attach.None, w)[1:]...)
		return p
	}
	from, to := s.list.window(len(files), h-len(p.lines)-2)
	var sum int64
	for i, f := range files {
		sum += f.Bytes
		if i >= from && i < to {
			p.lines = append(p.lines, a.look.pickLine(row(column{safe(f.Name), w - 14}, column{size(f.Bytes), -10}), i == s.list.at, w))
		}
	}
	p.lines = append(p.lines, "", "  "+a.look.dim.Render(a.t.Attach.Sum(size(sum))))
	return p
}

// attachedMsg is a file of the inbox that the daemon has taken.
type attachedMsg struct {
	of   *inbox
	file campaign.Attachment
	err  error
}

// attach has the daemon take a file of the inbox for the draft.
func (s *inbox) attach(a *app, file InboxFile) tea.Cmd {
	return call(a, callTimeout, func(ctx context.Context) (campaign.Attachment, error) { return a.back.PutInboxFile(ctx, file.Name) },
		func(f campaign.Attachment, err error) tea.Msg { return attachedMsg{s, f, err} })
}

func (s *inbox) attached(a *app, m attachedMsg) tea.Cmd {
	if m.err != nil {
		why := a.problem(m.err)
		return func() tea.Msg { return flashMsg{why, true} }
	}
	files := slices.DeleteFunc(slices.Clone(s.d.c.Attachments), func(f campaign.Attachment) bool { return f.Name == m.file.Name })
	s.d.c.Attachments = append(files, m.file)
	return pop(a)
}
