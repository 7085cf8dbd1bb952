package tui

import (
	"context"
	"errors"
	"time"

	"pabal/campaign"
	"pabal/eml"
)

func (f *fakeBackend) Templates(context.Context) ([]campaign.Template, error) {
	return f.templates, f.did("Templates")
}
func (f *fakeBackend) Template(_ context.Context, name string, version int) (campaign.Template, error) {
	err := f.did("Template %s %d", name, version)
	for _, t := range f.templates {
		if t.Name == name {
			return t, err
		}
	}
	return campaign.Template{}, errors.Join(err, campaign.ErrNotFound)
}
func (f *fakeBackend) PutTemplate(_ context.Context, t campaign.Template) (campaign.Template, error) {
	err := f.did("PutTemplate %s|%s|%s|%s", t.Name, t.Subject, t.Text, t.HTML)
	for i := range f.templates {
		if f.templates[i].Name == t.Name && err == nil {
			t.ID, t.Version, t.Fields, t.CreatedAt = f.templates[i].ID, f.templates[i].Version+1, f.templates[i].Fields, f.now
			f.templates[i] = t
		}
	}
	return t, err
}

func (f *fakeBackend) PutInboxFile(_ context.Context, file string) (campaign.Attachment, error) {
	return campaign.Attachment{Name: file, ContentType: "text/csv", Bytes: 88_100}, f.did("PutInboxFile %s", file)
}
func (f *fakeBackend) TemplateVersions(_ context.Context, name string) ([]campaign.Template, error) {
	var all []campaign.Template
	for _, t := range f.templates {
		for v := t.Version; t.Name == name && v > 0; v-- {
			all = append(all, campaign.Template{Name: name, Version: v, Subject: t.Subject, CreatedAt: t.CreatedAt.Add(time.Duration(v-t.Version) * 70 * time.Hour)})
		}
	}
	return all, f.did("TemplateVersions %s", name)
}
func (f *fakeBackend) PutInboxTemplate(_ context.Context, t campaign.Template, file string) (campaign.Template, error) {
	t.Version, t.HTML, t.CreatedAt = 1, "<p>{{Name}}</p>", f.now
	f.templates = append(f.templates, t)
	return t, f.did("PutInboxTemplate %s|%s|%s", t.Name, t.Subject, file)
}
func (f *fakeBackend) PullTemplate(_ context.Context, name string, o campaign.PullOptions) (campaign.PullResult, error) {
	return campaign.PullResult{Template: f.templates[0], Asked: true, New: true}, f.did("PullTemplate %s as %q again=%v", name, o.As, o.Refresh)
}
func (f *fakeBackend) RemoveTemplate(_ context.Context, name string) error {
	return f.did("RemoveTemplate %s", name)
}
func (f *fakeBackend) Report(_ context.Context, id uint64) (campaign.Report, error) {
	c, err := f.find(id)
	if err != nil {
		return campaign.Report{}, err
	}
	r := f.report
	r.Campaign, r.Final = *c, c.State.Final()
	return r, f.did("Report %d", id)
}
func (f *fakeBackend) ReportLink(_ context.Context, id uint64) (campaign.Link, error) {
	return f.link, f.did("ReportLink %d", id)
}
func (f *fakeBackend) MailReport(_ context.Context, id uint64, to, lang string) (string, error) {
	return "q78", f.did("MailReport %d %s %s", id, to, lang)
}

// PreviewAs steps through all people; it knows no segment.
func (f *fakeBackend) PreviewAs(_ context.Context, id uint64, w campaign.Whom) (campaign.Letter, error) {
	err := f.did("Preview %d %s%d>%d<%d", id, w.Email, w.Nth, w.After, w.Before)
	l := f.letter
	for i, p := range f.people {
		n := uint64(i + 1)
		if w.Email == p.Email || w.Email == "" && (w.After+1 == n && w.Before == 0 && w.Nth == 0 || w.Before == n+1 || w.Nth == int64(n)) {
			l.To, l.Email, l.Subscriber = p.Email, p.Email, n
			return l, err
		}
	}
	return l, errors.Join(err, &eml.Problem{What: "the audience ends here", Err: campaign.ErrNotFound})
}
func (f *fakeBackend) PreviewLink(_ context.Context, id uint64, w campaign.Whom) (campaign.Link, error) {
	return f.link, f.did("PreviewLink %d %s", id, w.Email)
}
