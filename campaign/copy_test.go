package campaign

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"pabal/spool"
)

func TestCopySendsLastMonthsAgain(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 5)
	h.drain(t)
	c := h.draft(t, simple, Campaign{Name: "가을 세일", Segment: `city == "서울"`, Topic: "sale", ReplyTo: "cs@example.com",
		Window: &spool.Window{Hours: "00-24", Zone: "Asia/Seoul"}, Brake: &slow})
	if _, err := h.store.Start(t.Context(), c.ID, -1); err != nil {
		t.Fatal(err)
	}
	waitState(t, h.store, c.ID, spool.Done)
	same, err := h.store.Copy(t.Context(), c.ID, "")
	if err != nil || len(same.Changes) != 0 || same.Name != "가을 세일 (2)" {
		t.Fatalf("a copy at once: %q, %+v, %v", same.Name, same.Changes, err)
	}
	if same.State != spool.Draft || same.Segment != c.Segment || same.Topic != "sale" || same.ReplyTo != "cs@example.com" || !maps.Equal(same.Values, c.Values) ||
		same.Window == nil || *same.Window != (spool.Window{Hours: "00:00-24:00", Zone: "Asia/Seoul"}) || same.Brake == nil || *same.Brake != slow || !same.Sealed.IsZero() || same.TemplateVersion != 0 || same.Accepted != 0 {
		t.Errorf("copy %+v", same.Campaign)
	}
	h.enrolMore(t, 3)
	if _, err := h.store.PutTemplate(t.Context(), Template{Name: "t", Subject: "새 제목", HTML: simple}); err != nil {
		t.Fatal(err)
	}
	later, err := h.store.Copy(t.Context(), c.ID, "")
	want := []Change{{ChangedVersion, "1", "2"}, {ChangedSubject, "{{Name}}님", "새 제목"}, {ChangedAudience, "5", "8"}}
	if err != nil || !slices.Equal(later.Changes, want) || later.Name != "가을 세일 (3)" {
		t.Errorf("a month later: %q, %+v, %v; want %+v", later.Name, later.Changes, err, want)
	}
	if again, err := h.store.Copy(t.Context(), later.ID, ""); err != nil || again.Name != "가을 세일 (4)" || len(again.Changes) != 0 {
		t.Errorf("copy of a draft: %q, %+v, %v", again.Name, again.Changes, err)
	}
	if named, err := h.store.Copy(t.Context(), c.ID, "겨울"); err != nil || named.Name != "겨울" {
		t.Errorf("named: %q, %v", named.Name, err)
	}
	if _, err := h.store.Copy(t.Context(), 99, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("copy of none: %v", err)
	}
}
