package tui

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"pabal/audience"
	"pabal/spool"
	"pabal/syncer"
)

func (f *fakeBackend) Subscribers(_ context.Context, prefix, segment string, limit int) ([]audience.Subscriber, error) {
	err := f.did("Subscribers %q %s %d", prefix, segment, limit)
	var out []audience.Subscriber
	for _, p := range f.people {
		if (strings.HasPrefix(p.Email, prefix) || strings.HasPrefix(p.Name, prefix)) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, err
}
func (f *fakeBackend) SearchAll(_ context.Context, text string) iter.Seq2[audience.Found, error] {
	err := f.did("SearchAll %s", text)
	return func(yield func(audience.Found, error) bool) {
		if err != nil {
			yield(audience.Found{}, err)
			return
		}
		for i, p := range f.people {
			found := audience.Found{Done: int64(i + 1), Total: int64(len(f.people))}
			if strings.Contains(p.Email, text) || strings.Contains(p.Name, text) {
				found.Subscriber = &p
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) SegmentFields(context.Context) ([]audience.Field, error) {
	return f.fields, f.did("SegmentFields")
}
func (f *fakeBackend) SegmentValues(_ context.Context, field, attribute string, limit int) (audience.FieldValues, error) {
	return audience.FieldValues{Values: f.values}, f.did("SegmentValues %s %s %d", field, attribute, limit)
}
func (f *fakeBackend) CountTold(_ context.Context, segment, topic string, tell func(done, total int64)) (audience.Count, error) {
	if strings.Contains(segment, "==") && !strings.Contains(segment, `"`) {
		return audience.Count{}, errors.New("line 1, column 8: a value in quotes is missing")
	}
	if f.slow {
		tell(42, 100)
	}
	return f.count, f.did("Count %s %s", segment, topic)
}
func (f *fakeBackend) Inbox(context.Context) (Inbox, error) { return f.inbox, f.did("Inbox") }

// skipped are the columns nothing is taken of.
func skipped(o audience.ImportOptions) string {
	if len(o.Skip) == 0 {
		return ""
	}
	return " without " + strings.Join(o.Skip, ",")
}
func (f *fakeBackend) PreviewInbox(_ context.Context, name string, o audience.ImportOptions) (audience.ImportPreview, error) {
	return f.seen, f.did("PreviewInbox %s %v %s %s%s", name, o.Map, o.Encoding, o.Sheet, skipped(o))
}
func (f *fakeBackend) ImportInbox(_ context.Context, name string, o audience.ImportOptions) (audience.ImportResult, error) {
	err := f.did("ImportInbox %s %v %v%s", name, o.Map, o.Tags, skipped(o))
	half := f.result
	half.Rows, half.Created, half.Rejects = half.Total/2, half.Created/2, nil
	o.Progress(half)
	return f.result, err
}
func (f *fakeBackend) DiscardImport(_ context.Context, id uint32) error {
	return f.did("DiscardImport %d", id)
}
func (f *fakeBackend) Person(_ context.Context, email string) (Person, error) {
	err := f.did("Person %s", email)
	for _, p := range f.people {
		if p.Email == email {
			return Person{Subscriber: p, Suppression: f.blocked[email], History: f.history}, err
		}
	}
	return Person{}, errors.Join(err, audience.ErrNotFound)
}
func (f *fakeBackend) Topics(context.Context) ([]audience.Topic, error) {
	return f.topics, f.did("Topics")
}
func (f *fakeBackend) Trace(_ context.Context, query string) iter.Seq2[spool.Message, error] {
	err := f.did("Trace %s", query)
	return func(yield func(spool.Message, error) bool) {
		if err != nil {
			yield(spool.Message{}, err)
			return
		}
		for _, m := range f.mails {
			if !yield(m, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Unsubscribe(_ context.Context, email string) error {
	return f.did("Unsubscribe %s", email)
}
func (f *fakeBackend) AskConfirm(_ context.Context, email string) error {
	return f.did("AskConfirm %s", email)
}
func (f *fakeBackend) Erase(_ context.Context, email string) error { return f.did("Erase %s", email) }
func (f *fakeBackend) SuppressInbox(_ context.Context, name string) (audience.SuppressResult, error) {
	return f.listed, f.did("SuppressInbox %s", name)
}
func (f *fakeBackend) Prefer(_ context.Context, email string, p audience.Preferences) error {
	text := fmt.Sprint(p.Topics)
	for _, v := range []*string{p.Frequency, p.Language} {
		if v == nil {
			v = new(string)
			*v = "-"
		}
		text += " " + *v
	}
	return f.did("Prefer %s %s", email, text)
}
func (f *fakeBackend) Suppressions(context.Context) iter.Seq2[audience.Suppression, error] {
	err := f.did("Suppressions")
	return func(yield func(audience.Suppression, error) bool) {
		if err != nil {
			yield(audience.Suppression{}, err)
			return
		}
		for _, s := range f.suppressed {
			if !yield(s, nil) {
				return
			}
		}
	}
}
func (f *fakeBackend) Suppress(_ context.Context, email, detail string) error {
	return f.did("Suppress %s %s", email, detail)
}
func (f *fakeBackend) Unsuppress(_ context.Context, email string) error {
	return f.did("Unsuppress %s", email)
}
func (f *fakeBackend) Sync(_ context.Context, o syncer.Order) (syncer.Result, error) {
	return syncer.Result{Read: 120, SyncResult: audience.SyncResult{Created: 3, Updated: 9, Removed: 1}}, f.did("Sync full=%v", o.Full)
}
