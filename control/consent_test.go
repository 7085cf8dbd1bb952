package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

func enrol(t *testing.T, r *rig, text string) {
	t.Helper()
	if _, err := r.Import(t.Context(), strings.NewReader(text), audience.ImportOptions{Name: "people.csv"}); err != nil {
		t.Fatal(err)
	}
}

func clean(t *testing.T, r *rig) {
	t.Helper()
	if c, err := r.Check(t.Context()); err != nil || len(c.All()) > 0 {
		t.Errorf("check: %q %v", c.All(), err)
	}
}

// mailed gives the person a campaign's row and two mails in the queue.
func mailed(t *testing.T, r *rig, id uint64, email string) {
	t.Helper()
	ctx, sp := t.Context(), r.server.Spool
	if err := sp.Begin(ctx, spool.Ledger{Campaign: 1, FromDomain: "example.com", MaxID: 9, Expect: -1}); err != nil {
		t.Fatal(err)
	}
	if err := sp.PutBatch(ctx, 1, []spool.Row{{Subscriber: id}, {Subscriber: id + 1}}, spool.Mark{Subscriber: id + 1, Done: true}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := sp.Put(ctx, spool.Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{email}, Subject: "주문 확인"}, []byte("Subject: x\r\n\r\nbody\r\n")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExportGivesAPersonEverythingAndEraseLeavesNothingOfIt(t *testing.T) {
	r := newRig(t)
	enrol(t, r, "email,name,point\nminji@example.com,김민지,1200\nother@example.com,이,1\n")
	mailed(t, r, 1, "minji@example.com")
	if _, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "minji@example.com", Subscribed: new(bool)}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Suppress(t.Context(), "minji@example.com", "asked by phone"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.ExportPerson(t.Context(), &out, "MINJI@example.com"); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Email       string
		Subscriber  audience.Subscriber
		History     []audience.Change
		Suppression audience.Suppression
		Address     audience.Known
		Campaigns   []Received
		Messages    []spool.Message
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if doc.Subscriber.Attributes["point"] != "1200" || len(doc.History) != 2 || doc.Suppression.Detail != "asked by phone" || doc.Address.OptOut == nil ||
		len(doc.Campaigns) != 1 || doc.Campaigns[0].Subscriber != 1 || len(doc.Messages) != 2 || doc.Messages[0].Subject != "주문 확인" {
		t.Errorf("document %s", out.Bytes())
	}

	e, err := r.Erase(t.Context(), "1")
	if err != nil || !e.Done || e.Subscriber != 1 || e.Email != "" || e.Rows != 1 || e.Messages != 2 || e.Dropped != 3 {
		t.Errorf("erased: %+v %v", e, err)
	}
	out.Reset()
	if err := r.ExportPerson(t.Context(), &out, "minji@example.com"); err != nil || strings.Contains(out.String(), "김민지") || strings.Contains(out.String(), "주문") {
		t.Errorf("afterwards: %s %v", out.String(), err)
	}
	found, err := collect(r.Trace(t.Context(), "minji@example.com"))
	if err != nil || len(found) != 0 {
		t.Errorf("trace: %+v %v", found, err)
	}
	if _, err := r.Subscriber(t.Context(), "minji@example.com"); !errors.Is(err, audience.ErrNotFound) {
		t.Errorf("show: %v", err)
	}
	if _, err := r.Erase(t.Context(), "1"); !errors.Is(err, audience.ErrNotFound) {
		t.Errorf("again by id: %v", err)
	}
	if e, err := r.Erase(t.Context(), "minji@example.com"); err != nil || !e.Done || e.Rows+e.Messages != 0 {
		t.Errorf("again by address: %+v %v", e, err)
	}
	clean(t, r)
}

func TestARestartFinishesAnErasure(t *testing.T) {
	r := newRig(t)
	enrol(t, r, "email\nminji@example.com\nother@example.com\n")
	mailed(t, r, 1, "minji@example.com")
	if _, err := r.server.People.Erase(t.Context(), "minji@example.com", "kim"); err != nil { // killed here
		t.Fatal(err)
	}
	for range 2 {
		if err := r.server.FinishErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := r.server.People.Erasing(); err != nil || len(list) != 0 {
		t.Errorf("left: %+v %v", list, err)
	}
	if l, err := r.server.Spool.Ledger(1); err != nil || l.Skips[spool.SkipErased] != 1 {
		t.Errorf("ledger %+v %v", l.Counts, err)
	}
	clean(t, r)
}

func TestWhoIsNotAskedIsToldWhy(t *testing.T) {
	r := newRig(t)
	r.server.Campaigns.Settings.From, r.server.Campaigns.Settings.LoopbackSES = "shop@example.com", true
	enrol(t, r, "email\na@example.com\nb@example.com\n")
	if _, err := r.Suppress(t.Context(), "a@example.com", ""); err != nil {
		t.Fatal(err)
	}
	_, err := r.Ask(t.Context(), "a@example.com")
	wantProblem(t, err, "suppressed (operator)", "suppression remove", audience.ErrSuppressed)
	if asked, err := r.Ask(t.Context(), "b@example.com"); err != nil || asked.Message == "" {
		t.Errorf("%+v %v", asked, err)
	}
	_, err = r.Ask(t.Context(), "b@example.com")
	wantProblem(t, err, "was asked", "a day is enough", audience.ErrAsked)
	_, err = r.Ask(t.Context(), "nobody@example.com")
	wantProblem(t, err, "no subscriber", "", audience.ErrNotFound)
}

func TestTheShopAsksForOptOutsByTimeOrDate(t *testing.T) {
	r := newRig(t)
	enrol(t, r, "email\na@example.com\nb@example.com\n")
	if _, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "a@example.com", Subscribed: new(bool)}); err != nil {
		t.Fatal(err)
	}
	first, err := collect(r.OptOuts(t.Context(), "2020-01-01"))
	if err != nil || len(first) != 1 || first[0].Source != audience.Operator {
		t.Fatalf("%+v %v", first, err)
	}
	again, err := collect(r.OptOuts(t.Context(), first[0].RecordedAt.Format(time.RFC3339Nano)))
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("%+v %v", again, err)
	}
	if later, err := collect(r.OptOuts(t.Context(), first[0].RecordedAt.Add(time.Millisecond).Format(time.RFC3339Nano))); err != nil || len(later) != 0 {
		t.Errorf("%+v %v", later, err)
	}
	_, err = collect(r.OptOuts(t.Context(), "yesterday"))
	wantProblem(t, err, "no point in time", "2026-11-20", nil)
}

func TestAnOperatorsListIsTakenWithAReportOfBadLines(t *testing.T) {
	r := newRig(t)
	enrol(t, r, "email\na@example.com\nb@example.com\n")
	var bad bytes.Buffer
	text := "\uFEFFEmailAddress,Reason,Created\nA@example.com,BOUNCE,2026-01-01\nb@example.com,\"asked, by phone\",\nnobody,,\nb@example.com,again,\n\n\"x,\n"
	res, err := r.ImportSuppressions(t.Context(), strings.NewReader(text), "list.csv", &bad, nil)
	if err != nil || res.Lines != 5 || res.Added != 2 || res.Known != 1 || res.Rejected != 2 || len(res.Rejects) != 2 || res.Rejects[0].Line != 4 {
		t.Errorf("%+v %v", res, err)
	}
	if !strings.Contains(bad.String(), "4,nobody,") {
		t.Errorf("report %q", bad.String())
	}
	a, err := r.Subscriber(t.Context(), "a@example.com")
	if err != nil || a.Suppression == nil || a.Suppression.Reason != "bounce" || a.Consent.Source != audience.Bounce {
		t.Errorf("%+v %v", a, err)
	}
	b, err := r.Subscriber(t.Context(), "b@example.com")
	if err != nil || b.Suppression == nil || b.Suppression.Detail != "asked, by phone" || !b.Consent.Subscribed {
		t.Errorf("%+v %v", b, err)
	}
	windows := "\xc0\xcc\xb8\xde\xc0\xcf,\xbb\xe7\xc0\xaf\r\nk@example.com,\xc0\xfc\xc8\xad\r\n\xc0\xfc,\r\nl@example.com,\xff\xff\r\n" // 이메일,사유 k@…,전화 전, in CP949
	old, err := r.ImportSuppressions(t.Context(), strings.NewReader(windows), "", nil, nil)
	if err != nil || old.Lines != 3 || old.Added != 2 || old.Rejected != 1 || old.Rejects[0].ReasonKo == "" || old.Rejects[0].Code != "address_no_at" {
		t.Errorf("a list of a Korean Windows: %+v %v", old, err)
	}
	for sup, err := range r.Suppressions(t.Context()) {
		if err != nil || sup.Email == "k@example.com" && sup.Detail != "전화" {
			t.Errorf("%+v %v", sup, err)
		}
	}
	plain, err := r.ImportSuppressions(t.Context(), strings.NewReader("c@example.com\r\na@example.com\r\n"), "", nil, nil)
	if err != nil || plain.Added != 1 || plain.Known != 1 {
		t.Errorf("an address a line: %+v %v", plain, err)
	}
	if _, err := r.ImportSuppressions(t.Context(), strings.NewReader(strings.Repeat("x", 100_000)), "", nil, nil); err == nil {
		t.Error("a line without end was taken")
	}
	clean(t, r)
}

// onEmulator points a rig at an emulated account.
func onEmulator(t *testing.T, r *rig) *emulator.Server {
	t.Helper()
	server, err := emulator.New(emulator.Options{Rate: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	url, wait, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
	r.server.SES, err = sesclient.New(t.Context(), sesclient.Options{Region: "ap-northeast-2", Endpoint: url, Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestTheAccountsListIsMirroredBothWays(t *testing.T) {
	r := newRig(t)
	ses := onEmulator(t, r)
	people, ctx := r.server.People, t.Context()
	enrol(t, r, "email\nbounced@example.com\nspam@example.com\nback@example.com\n")
	ses.Suppress("bounced@example.com", "BOUNCE", "0100-1")
	ses.Suppress("spam@example.com", "COMPLAINT", "0100-2")
	ses.Suppress("back@example.com", "BOUNCE", "0100-3")

	dry, err := r.PullSuppressions(ctx, true, nil)
	if want := (Mirrored{Account: 3, Added: 3, DryRun: true}); err != nil || dry != want {
		t.Errorf("dry pull: %+v %v, want %+v", dry, err, want)
	}
	if _, ok, _ := people.Suppressed("bounced@example.com"); ok {
		t.Error("a dry run did something")
	}
	if m, err := r.PullSuppressions(ctx, false, nil); err != nil || m.Added != 3 {
		t.Errorf("pull: %+v %v", m, err)
	}
	for email, source := range map[string]audience.Source{"bounced@example.com": audience.Bounce, "spam@example.com": audience.Complaint} {
		p, err := r.Subscriber(ctx, email)
		if err != nil || p.Suppression == nil || p.Consent.Source != source {
			t.Errorf("%s: %+v %v", email, p, err)
		}
	}
	// The operator takes one off and adds one; an application's mail bounces.
	if err := r.Unsuppress(ctx, "back@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Suppress(ctx, "mine@example.com", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Bounced(ctx, "e9", "new@example.com", true, time.Now(), ""); err != nil {
		t.Fatal(err)
	}
	if m, err := r.PullSuppressions(ctx, false, nil); err != nil || m.Kept != 1 || m.Known != 2 || m.Added != 0 {
		t.Errorf("pull after the operator's word: %+v %v", m, err)
	}
	want := Mirrored{Account: 3, Known: 2, Added: 1, Removed: 1, Ours: 1, ToDo: 2, DryRun: true}
	if m, err := r.PushSuppressions(ctx, true, nil); err != nil || m != want {
		t.Errorf("dry push: %+v %v, want %+v", m, err, want)
	}
	var told []string
	m, err := r.PushSuppressions(ctx, false, func(m Mirrored) { told = append(told, fmt.Sprint(m.Removed, "/", m.ToDo)) })
	if want.DryRun = false; err != nil || m != want || len(told) == 0 {
		t.Errorf("push: %+v %v, told %q, want %+v", m, err, told, want)
	}
	if m, err := r.PushSuppressions(ctx, true, nil); err != nil || m.ToDo != 0 || m.Account != 3 || m.Known != 3 {
		t.Errorf("afterwards: %+v %v", m, err)
	}
	if _, ok, _ := people.Suppressed("back@example.com"); ok {
		t.Error("what the operator took off came back")
	}
	clean(t, r)
}
