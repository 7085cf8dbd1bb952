package tui

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"pabal/campaign"
)

// isTemplateFile reports whether a file of the inbox can be a template: a page,
// or a folder packed as a zip.
func isTemplateFile(name string) bool {
	return slices.Contains([]string{".zip", ".html", ".htm"}, strings.ToLower(path.Ext(name)))
}

// newTemplateFile asks what a file of the inbox is to be called and makes a
// template of it.
func newTemplateFile(a *app, file InboxFile) screen {
	t := &a.t.Template
	name := strings.TrimSuffix(file.Name, path.Ext(file.Name))
	var made campaign.Template
	s := &form{head: t.FileHead, help: t.Make, lines: []string{safe(file.Name) + "  " + size(file.Size), t.FileText},
		fields: []field{{label: a.t.Name, in: newInput(name)}, {label: a.t.Subject, hint: t.SubjectHint}},
		do: func(ctx context.Context, v []string) (err error) {
			made, err = a.back.PutInboxTemplate(ctx, campaign.Template{Name: v[0], Subject: v[1]}, file.Name)
			return err
		},
		then: func(a *app, _ []string) tea.Cmd {
			return show(a, t.MadeVersion(safe(made.Name), comma(int64(made.Version))), tabTemplates, newTemplateShow(made.Name, 0))
		}}
	s.off = func(v []string) string {
		if v[0] == "" {
			return t.NoName
		}
		return ""
	}
	return s
}

// newTemplatePull asks for the name of a template that SES stores.
func newTemplatePull(a *app) screen {
	t := &a.t.Template
	var got campaign.PullResult
	s := &form{head: t.SESHead, help: t.Fetch, lines: []string{t.SESText},
		fields: []field{{label: t.SESName}, {label: t.Here, hint: t.HereHint}, {label: t.Again, choices: []option{{value: "", label: t.AgainNo}, {value: "yes", label: t.AgainYes}}}},
		do: func(ctx context.Context, v []string) (err error) {
			got, err = a.back.PullTemplate(ctx, v[0], campaign.PullOptions{As: v[1], Refresh: v[2] != ""})
			return err
		},
		then: func(a *app, _ []string) tea.Cmd {
			said := t.SameAsHere
			if got.New {
				said = t.MadeVersion(safe(got.Name), comma(int64(got.Version)))
			}
			return show(a, said, tabTemplates, newTemplateShow(got.Name, 0))
		}}
	s.off = func(v []string) string {
		if v[0] == "" {
			return t.NoName
		}
		return ""
	}
	return s
}

// versions is the list of a template's versions, newest first.
func (s *templateShow) versions(a *app) screen {
	name := s.name
	return &picker{head: a.t.Template.Versions, hint: safe(name), begin: strconv.Itoa(s.t.now.Version),
		load: func(ctx context.Context) ([]option, error) {
			all, err := a.back.TemplateVersions(ctx, name)
			var out []option
			for _, t := range all {
				out = append(out, option{value: strconv.Itoa(t.Version), label: comma(int64(t.Version)) + "  " + a.moment(t.CreatedAt), note: safe(t.Subject)})
			}
			return out, err
		},
		then: func(a *app, chosen []string) tea.Cmd {
			n, err := strconv.Atoi(chosen[0])
			if err != nil {
				return nil
			}
			s.version, s.scroll, s.t = n, scroll{}, shown[campaign.Template]{}
			return s.start(a)
		}}
}

// remove asks before a template goes with all its versions.
func (s *templateShow) remove(a *app) screen {
	name := s.name
	c := newConfirm(a.t.Template.Remove, []string{safe(name), a.t.Template.RemoveAsk}, 1, "", func(ctx context.Context) error { return a.back.RemoveTemplate(ctx, name) })
	c.then = func(a *app) tea.Cmd { return show(a, a.t.Template.Removed, tabTemplates) }
	return c
}
