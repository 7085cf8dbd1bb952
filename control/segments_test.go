package control

import (
	"context"
	"errors"
	"strings"
	"testing"

	"pabal/audience"
)

func crowd(t *testing.T, r *rig, n int) {
	t.Helper()
	if _, err := r.Import(t.Context(), strings.NewReader(csvOf(n)), audience.ImportOptions{Name: "x.csv", Tags: []string{"vip"}}); err != nil {
		t.Fatal(err)
	}
}

func TestCountIsToldWhileItRuns(t *testing.T) {
	r := newRig(t)
	crowd(t, r, 3000)
	count, err := r.CountTold(t.Context(), `gender == "female"`, "", func(int64, int64) {})
	if err != nil || count.Selected != 1500 || count.Mailable != 1500 {
		t.Errorf("got %+v, %v", count, err)
	}
	_, err = r.CountTold(t.Context(), `gender = "female"`, "", nil)
	wantProblem(t, err, "column 8", "==", nil)
	_, err = r.Count(t.Context(), `opened(3)`, "")
	wantProblem(t, err, "there is no campaign 3", "campaign list", nil)
	r.server.People.Topics = []audience.Topic{{ID: "sale"}}
	_, err = r.Count(t.Context(), ``, "sales")
	wantProblem(t, err, "no topic", "sale", nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.CountTold(gone, "", "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestExplainByAddressAndByID(t *testing.T) {
	r := newRig(t)
	crowd(t, r, 10)
	byEmail, err := r.Explain(t.Context(), `gender == "female" and tag("vip")`, "", "USER000001@example.net", 0)
	if err != nil || byEmail.Selected || len(byEmail.Conditions) != 2 || !byEmail.Conditions[0].Decides || byEmail.Conditions[1].Decides {
		t.Errorf("got %+v, %v", byEmail, err)
	}
	byID, err := r.Explain(t.Context(), "", "", "", 1)
	if err != nil || !byID.Mailable || byID.Subscriber.Email != "user000000@example.net" || byID.Conditions == nil {
		t.Errorf("got %+v, %v", byID, err)
	}
	_, err = r.Explain(t.Context(), "", "", "", 99)
	wantProblem(t, err, "no subscriber 99", "subscriber list", audience.ErrNotFound)
	_, err = r.Explain(t.Context(), "", "", "nobody@example.net", 0)
	wantProblem(t, err, "no subscriber has", "subscriber list", audience.ErrNotFound)
}

func TestBuilderIsServed(t *testing.T) {
	r := newRig(t)
	crowd(t, r, 10)
	fields, err := r.SegmentFields(t.Context())
	if err != nil || len(fields) < 20 {
		t.Errorf("%d fields, %v", len(fields), err)
	}
	values, err := r.SegmentValues(t.Context(), "gender", "", 0)
	if err != nil || len(values.Values) != 2 || values.Values[0].Count != 5 {
		t.Errorf("got %+v, %v", values, err)
	}
	_, err = r.SegmentValues(t.Context(), "email", "", 0)
	wantProblem(t, err, "not listed", "attribute", nil)
	rows := audience.Conditions{Any: true, Rows: []audience.Condition{{Field: "tag", Comparison: audience.Yes, Values: []string{"vip"}},
		{Field: "opened", Comparison: audience.NotOfLast, Values: []string{"3"}}}}
	text, err := r.SegmentExpression(t.Context(), rows)
	if err != nil || text != `tag("vip") or not opened(last(3))` {
		t.Errorf("got %q, %v", text, err)
	}
	back, err := r.SegmentRows(t.Context(), text)
	if err != nil || !back.Fits || !back.Any || len(back.Conditions.Rows) != 2 {
		t.Errorf("got %+v, %v", back, err)
	}
	back, err = r.SegmentRows(t.Context(), `name == email`)
	if err == nil {
		t.Errorf("got %+v", back)
	}
	_, err = r.SegmentExpression(t.Context(), audience.Conditions{Rows: []audience.Condition{{Field: "x"}}})
	wantProblem(t, err, "condition 1", "choose a field", nil)
}

func TestSearchIsStreamed(t *testing.T) {
	r := newRig(t)
	crowd(t, r, 3000)
	hits, last := 0, audience.Found{}
	for found, err := range r.SearchAll(t.Context(), "00299") {
		if err != nil {
			t.Fatal(err)
		}
		if last = found; found.Subscriber != nil {
			hits++
		}
	}
	if hits != 11 || last.Done != 3000 || last.Total != 3000 {
		t.Errorf("%d hits, then %+v", hits, last)
	}
	first, err := r.Subscribers(t.Context(), "고객", "", 20)
	if err != nil || len(first) != 20 || first[19].ID != 20 {
		t.Errorf("%d hits of a prefix, %v", len(first), err)
	}
}
