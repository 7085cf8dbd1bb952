package audience

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUnsubscribeIsInTheLogAndInTheStoreOnce(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openAt(t, dir), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{Name: "a.csv"})
	id := byEmail(t, s, "a@example.com").ID
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Unsubscribe(ctx, id, Person, "campaign 3"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := s.Unsubscribe(ctx, id, Operator, "again"); err != nil {
		t.Fatal(err)
	}
	h, err := s.History(id)
	if err != nil || len(h) != 2 || h[1].Source != Person || h[1].Detail != "campaign 3" || !h[1].Applied {
		t.Errorf("history: %+v %v", h, err)
	}
	if _, reason, err := s.Check(id, ""); err != nil || reason != "unsubscribed" {
		t.Errorf("check: %q %v", reason, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil || !bytes.Contains(log, []byte(`"id":1`)) || bytes.Contains(log, []byte("a@example")) || log[len(log)-1] != '\n' {
		t.Errorf("log: %q %v", log, err)
	}
	if from, err := s.replayFrom(); err != nil || from != int64(len(log)) {
		t.Errorf("the store knows %d of %d bytes of the log: %v", from, len(log), err)
	}
	if err := s.Unsubscribe(ctx, 99, Person, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	// The operator cannot undo what the person said, the person can.
	sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Name: ptr("새 이름")})
	if err != nil || sub.Consent.Subscribed || sub.Name != "새 이름" {
		t.Errorf("operator: %+v %v", sub, err)
	}
	sub, err = s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person})
	if err != nil || !sub.Consent.Subscribed || sub.Consent.Source != Person {
		t.Errorf("person: %+v %v", sub, err)
	}
	sound(t, s)
}

func TestARestoredBackupDoesNotForgetOptOuts(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openAt(t, dir), context.Background()
	importText(t, s, "email\na@example.com\nb@example.com\nc@example.com\nd@example.com\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	backup, err := os.ReadFile(filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if err := s.Unsubscribe(ctx, 2, Person, "campaign 9"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Set(ctx, Edit{Email: "c@example.com", Subscribed: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"d@example.com", "new@example.com"} {
		if err := s.Suppress(ctx, Suppression{Email: email, Reason: "complaint"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, dbName), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString("not json\n{\"at\":\"2026-"); err != nil { // torn by a crash
		t.Fatal(err)
	}
	_ = log.Close()
	for n := range int64(2) { // the second time there is nothing to do
		s = openAt(t, dir)
		if count, err := s.Count(ctx, nil, ""); err != nil || count.Skipped["unsubscribed"] != 4+n {
			t.Fatalf("got %+v %v", count, err)
		}
		h, err := s.History(2)
		if err != nil || len(h) != 2 || h[1].Detail != "campaign 9" {
			t.Errorf("history: %+v %v", h, err)
		}
		if res := importText(t, s, "email\nnew@example.com\n", ImportOptions{}); res.OptedOut != 1 {
			t.Errorf("an address that nobody had: %+v", res)
		}
		sound(t, s)
		if err := s.Unsubscribe(ctx, 2, Person, ""); err != nil { // appends behind the torn line
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSuppressionHoldsForEverySpelling(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	if err := s.Suppress(ctx, Suppression{Email: "A@Example.COM", Reason: "bounce", Detail: "550"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "later@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	importText(t, s, "email\nlater@example.com\n", ImportOptions{})
	if sup, ok, err := s.Suppressed("a@EXAMPLE.com"); !ok || err != nil || sup.Reason != "bounce" || sup.Detail != "550" || sup.At.IsZero() {
		t.Errorf("got %+v %v %v", sup, ok, err)
	}
	for id := range uint64(2) {
		if _, reason, err := s.Check(id+1, ""); err != nil || reason != "suppressed" {
			t.Errorf("check %d: %q %v", id+1, reason, err)
		}
	}
	var list []string
	for sup, err := range s.Suppressions() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sup.Email)
	}
	slices.Sort(list)
	if !slices.Equal(list, []string{"A@example.com", "later@example.com"}) {
		t.Errorf("list: %q", list)
	}
	for range s.Suppressions() {
		break
	}
	sound(t, s)
	if err := s.Unsuppress(ctx, "A@example.com"); err != nil {
		t.Fatal(err)
	}
	if _, reason, err := s.Check(1, ""); err != nil || reason != "" {
		t.Errorf("after: %q %v", reason, err)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	for _, bad := range []Suppression{{Email: "x", Reason: "bounce"}, {Email: "x@example.com", Reason: "whim"}} {
		if s.Suppress(ctx, bad) == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	sound(t, s)
}

func TestAComplaintEndsConsentForGood(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	for _, reason := range []string{"bounce", "complaint", "complaint"} {
		if err := s.Suppress(ctx, Suppression{Email: "a@example.com", Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	if sup, _, _ := s.Suppressed("a@example.com"); sup.Reason != "complaint" {
		t.Errorf("got %+v", sup)
	}
	if err := s.Unsuppress(ctx, "a@example.com"); err != nil {
		t.Fatal(err)
	}
	if sub, reason, err := s.Check(1, ""); err != nil || reason != "unsubscribed" || sub.Consent.Source != Complaint {
		t.Errorf("got %q %+v %v", reason, sub.Consent, err)
	}
}

func TestCheckGivesTheReasonAsOfNow(t *testing.T) {
	s := open(t)
	importText(t, s, "email,name\na@example.com,가\n", ImportOptions{})
	err := s.update(context.Background(), func(u *update) error {
		p, err := u.get(1)
		if err != nil {
			return err
		}
		id, err := u.s.names.need(topicName, "sale")
		if err != nil {
			return err
		}
		p.topics, p.freq, p.language = []uint32{id}, 1, 1
		u.s.names.count(topicName, id, 1)
		return u.put(p)
	})
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"": "", "sale": "topic_off", "news": ""} {
		sub, reason, err := s.Check(1, topic)
		if err != nil || reason != want || sub.Name != "가" || sub.Frequency != "weekly" || sub.Language != "ko" || !slices.Equal(sub.TopicsOff, []string{"sale"}) {
			t.Errorf("topic %q: %q %+v %v", topic, reason, sub, err)
		}
		count, err := s.Count(context.Background(), nil, topic)
		if err != nil || count.Skipped["topic_off"] != map[bool]int64{true: 1}[want == "topic_off"] {
			t.Errorf("topic %q: %+v %v", topic, count, err)
		}
	}
	if sub, reason, err := s.Check(42, ""); reason != "erased" || err != nil || sub.ID != 42 {
		t.Errorf("nobody: %+v %q %v", sub, reason, err)
	}
	if address, err := s.Address(1); err != nil || address != "a@example.com" {
		t.Errorf("address: %q %v", address, err)
	}
	if _, err := s.Address(42); !errors.Is(err, ErrNotFound) {
		t.Errorf("address of nobody: %v", err)
	}
	sound(t, s)
}

func TestListNarrowsByPrefixAndPosition(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email,name,gender\nkim@example.com,이순신,남\nLee@example.com,김유신,여\nkimchi@example.com,Éva,여\nx@example.com,Kim B,\n", ImportOptions{})
	women, err := ParseSegment(`gender == "female"`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after  uint64
		prefix string
		seg    *Segment
		want   string
	}{
		{0, "", nil, "1234"}, {1, "", nil, "234"}, {4, "", nil, ""}, {0, "KIM", nil, "134"}, {0, "김", nil, "2"},
		{0, "lee@", nil, "2"}, {0, "kim", women, "3"}, {0, "é", nil, "3"}, {0, "E\u0301", nil, "3"}, {^uint64(0), "", nil, ""}, {0, "zz", nil, ""},
	} {
		var got strings.Builder
		for sub, err := range s.List(ctx, c.after, c.prefix, c.seg) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&got, sub.ID)
		}
		if got.String() != c.want {
			t.Errorf("after %d, prefix %q: got %q, want %q", c.after, c.prefix, got.String(), c.want)
		}
	}
	for range s.List(ctx, 0, "", nil) {
		break // must not hang or panic
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range s.List(over, 4, "", nil) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestWalkIsOverOneSnapshotAndEndsWhereItIsTold(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email,a,b\n1@example.com,x,\n2@example.com,,y\n3@example.com,,\n4@example.com,,\n", ImportOptions{})
	var got []string
	err := s.Walk(ctx, nil, "", 1, 3, func(sub *Subscriber, skip string) error {
		if sub.ID == 2 { // not seen by this walk
			if err := s.Unsubscribe(ctx, 3, Person, ""); err != nil {
				return err
			}
		}
		got = append(got, fmt.Sprint(sub.ID, skip, sub.Attributes))
		return nil
	})
	if want := []string{"2map[b:y]", "3map[]"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
	boom := errors.New("boom")
	if err := s.Walk(ctx, nil, "", 0, 9, func(*Subscriber, string) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if err := s.Walk(ctx, nil, "", 0, 0, func(*Subscriber, string) error { return boom }); err != nil {
		t.Errorf("max 0: %v", err)
	}
}

func TestExportIsSafeAndComesBackTheSame(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	importText(t, s, "email,name,phone,=f,가입일,external_id\na@example.com,=1+1,+82-10,@x,2026-01-02,-7\nb@example.com,나,,,,\n", ImportOptions{Tags: []string{"t1", "t2"}})
	if err := s.Unsubscribe(ctx, 2, Person, ""); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := s.ExportCSV(ctx, &out, nil)
	if err != nil || n != 2 || !strings.HasPrefix(out.String(), "\uFEFFid,email,name,") {
		t.Fatalf("%d %v %q", n, err, out.String())
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\uFEFF"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && formula(cell[0]) {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
	if a := rows[1]; a[4] != "2026-01-02 00:00:00" || a[6] != "true" || a[7] != "import" || a[8] != "2026-05-01 12:00:00" || a[9] != "true" || a[14] != "t1|t2" {
		t.Errorf("row: %q", a)
	}
	other := open(t)
	res := importText(t, other, out.String(), ImportOptions{})
	if res.Created != 2 {
		t.Fatalf("got %+v", res)
	}
	a := byEmail(t, other, "a@example.com")
	if a.Name != "=1+1" || a.Attributes["phone"] != "+82-10" || a.ExternalID != "-7" || len(a.Tags) != 2 || a.Attributes["=f"] != "@x" || len(a.Attributes) != 2 || !a.CreatedAt.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, s.zone())) {
		t.Errorf("got %+v", a)
	}
	if byEmail(t, other, "b@example.com").Consent.Subscribed {
		t.Error("b came back as subscribed")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestExportAndReportTellOfAFullDisk(t *testing.T) {
	s := open(t)
	res, err := s.ImportCSV(context.Background(), strings.NewReader("email\na@example.com\nbad\n"), ImportOptions{Report: fullDisk{}})
	if err == nil || res.Created != 1 || res.Rejected != 1 {
		t.Errorf("import: %+v %v", res, err)
	}
	byEmail(t, s, "a@example.com")
	if _, err := s.ExportCSV(context.Background(), fullDisk{}, nil); err == nil {
		t.Error("export said nothing")
	}
}

func TestWritersAtTheSameTimeAllGetTheirOwn(t *testing.T) {
	s, ctx := open(t), context.Background()
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			for i := range 10 {
				if _, err := s.Set(ctx, Edit{Email: fmt.Sprintf("p%d-%d@example.com", n, i), Create: true, AddTags: []string{fmt.Sprint("t", i)}}); err != nil {
					t.Error(err)
				}
				if _, err := s.Set(ctx, Edit{Email: "shared@example.com", Create: true, Attributes: map[string]string{fmt.Sprint("a", n): "x"}}); err != nil {
					t.Error(err)
				}
				if _, err := s.Set(ctx, Edit{Email: "nobody@example.com"}); !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			}
		})
	}
	wait.Go(func() {
		if _, err := s.ImportCSV(ctx, io.MultiReader(strings.NewReader("email\nshared@example.com\ni@example.com\n")), ImportOptions{}); err != nil {
			t.Error(err)
		}
	})
	wait.Wait()
	if count, err := s.Count(ctx, nil, ""); err != nil || count.Selected != 162 {
		t.Errorf("got %+v %v", count, err)
	}
	if sub := byEmail(t, s, "shared@example.com"); len(sub.Attributes) != 16 {
		t.Errorf("got %+v", sub)
	}
	sound(t, s)
}

func TestCheckStoreFindsWhatDoesNotFit(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email,a\na@example.com,1\nb@example.com,2\n", ImportOptions{})
	h := s.hash("a@example.com")
	for want, breakIt := range map[string]func(u *update) error{
		"not in the e-mail index": func(u *update) error { return u.tx.Bucket(bucketEmail).Delete(emailKey(h.short(), 1)) },
		"another address":         func(u *update) error { return u.tx.Bucket(bucketEmail).Put(emailKey(77, 2), nil) },
		"record differ":           func(u *update) error { return u.blocked.Put(h[:], []byte("{}")) },
		"count of subscribers":    func(u *update) error { return u.tx.Bucket(bucketMeta).Put(metaCount, key64(9)) },
		"not of version":          func(u *update) error { return u.people.Put(key64(2), []byte("junk")) },
		"history":                 func(u *update) error { return u.tx.Bucket(bucketHistory).Put(key64(1), []byte("x")) },
		"opt-out":                 func(u *update) error { return u.optouts.Put([]byte("x"), []byte("x")) },
		"external id":             func(u *update) error { return u.tx.Bucket(bucketExternal).Put([]byte("x"), key64(1)) },
		"is counted":              func(u *update) error { u.s.names.count(attributeName, 1, 5); return nil },
	} {
		if err := s.update(ctx, breakIt); err != nil {
			t.Fatal(err)
		}
		faults, err := s.CheckStore(ctx)
		if err != nil || !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("want %q in %q, %v", want, faults, err)
		}
	}
}

func TestAnOptOutThatIsNotInTheLogIsNotAcknowledged(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\na@example.com\n", ImportOptions{})
	_ = s.optouts.f.Close()
	if err := s.Unsubscribe(ctx, 1, Person, ""); err == nil || !strings.Contains(err.Error(), logName) {
		t.Errorf("got %v", err)
	}
	if _, reason, err := s.Check(1, ""); reason != "" || err != nil {
		t.Errorf("got %q %v", reason, err)
	}
	if _, err := s.Set(ctx, Edit{Email: "b@example.com", Create: true}); err == nil || s.Err() == nil {
		t.Errorf("the store goes on: %v, %v", err, s.Err())
	}
}

func TestAFullDiskIsNotFinal(t *testing.T) {
	for _, err := range []error{unix.ENOSPC, fmt.Errorf("file resize error: %s", unix.ENOSPC), &os.PathError{Op: "write", Err: unix.EDQUOT}} {
		if !diskFull(err) {
			t.Errorf("%v is taken for another fault", err)
		}
	}
	if diskFull(unix.EIO) {
		t.Error("EIO is taken for a full disk")
	}
}

func TestAClockSetBackDoesNotMakeAPersonsWordOlder(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { now = now.Add(-time.Hour); return now }
	if _, err := s.Set(ctx, Edit{Email: "a@example.com", Create: true, Subscribed: ptr(true), Source: Person}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
			t.Fatal(err)
		}
		if _, reason, err := s.Check(1, ""); reason != "unsubscribed" || err != nil {
			t.Errorf("after the opt-out: %q %v", reason, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person}); err != nil || !sub.Consent.Subscribed {
			t.Errorf("after the return: %+v %v", sub, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(false), Source: Person}); err != nil || sub.Consent.Subscribed {
			t.Errorf("after the opt-out by an edit: %+v %v", sub, err)
		}
		if sub, err := s.Set(ctx, Edit{Email: "a@example.com", Subscribed: ptr(true), Source: Person}); err != nil || !sub.Consent.Subscribed {
			t.Errorf("after the second return: %+v %v", sub, err)
		}
	}
	sound(t, s)
}

func TestARolledBackRowIsNotPending(t *testing.T) {
	s := open(t)
	h, boom := s.hash("a@example.com"), errors.New("boom")
	err := s.update(context.Background(), func(u *update) error {
		return errors.Join(u.create(&person{email: "a@example.com"}, h, true), boom)
	})
	if !errors.Is(err, boom) || s.pending.size() != 0 {
		t.Errorf("got %v, %d pending", err, s.pending.size())
	}
}
