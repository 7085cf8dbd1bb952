package audience

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

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
		p.language = 1
		list := choices{{topic: id, value: 1, source: Person}, {value: 1, source: Person}}
		u.hold(p, list)
		return errors.Join(u.keepChoices(s.hash(p.email), list), u.put(p))
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
	if address, since, err := s.Address(1); err != nil || since.IsZero() || address != "a@example.com" {
		t.Errorf("address: %q %v", address, err)
	}
	if _, _, err := s.Address(42); !errors.Is(err, ErrNotFound) {
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
	n, err := s.ExportCSV(ctx, &out, ExportOptions{})
	if err != nil || n != 2 || !strings.HasPrefix(out.String(), "\uFEFFid,email,name,") {
		t.Fatalf("%d %v %q", n, err, out.String())
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\uFEFF"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
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

// TestEverythingExportedComesBackTheSame, by CSV and by XLSX: consent with who
// said it and when, preferences, suppression, and texts that look like formulas
// or like what keeps them from being one.
func TestEverythingExportedComesBackTheSame(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	importText(t, s, "email,name,id,frequency,언어,동의,q\na@example.com,'=1,x1,f,ko,Y,''=2\nb@example.com,\"+b, \"\"x\"\"\",,,,N,'\nc@example.com,_x0041_,,,,Y,_x\nd@example.com,다,,,en,Y,\"line\nbreak\"\ne@example.com,마,,,,Y,\n", ImportOptions{Tags: []string{"a,b", "t;2", "t|3", `\`, `|`, `c\|d\`, "two  spaces", "=tag"}})
	importText(t, s, "email\nassumed@example.com\n", ImportOptions{})
	now = now.Add(time.Hour)
	weekly, yes := "weekly", true
	s.Topics = []Topic{{ID: "sale", Default: true}, {ID: "news"}, {ID: "=news"}, {ID: `c\`}}
	id := func(email string) uint64 { return byEmail(t, s, email).ID }
	if _, err := s.Prefer(ctx, id("a@example.com"), Preferences{Topics: map[string]bool{"sale": false, "a|b": false, "news": true, `c\`: true}, Frequency: &weekly}, nil, ""); err != nil {
		t.Fatal(err)
	}
	monthly := "monthly"
	if _, err := s.Prefer(ctx, id("d@example.com"), Preferences{Topics: map[string]bool{"-sale": false, "=news": true}, Frequency: &monthly}, nil, ""); err != nil {
		t.Fatal(err)
	}
	for email, source := range map[string]Source{"c@example.com": Person, "d@example.com": Operator} {
		if err := s.Unsubscribe(ctx, id(email), source, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prefer(ctx, id("b@example.com"), Preferences{}, &yes, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(ctx, Suppression{Email: "e@example.com", Reason: "operator"}); err != nil {
		t.Fatal(err)
	}
	if a := byEmail(t, s, "a@example.com"); len(a.Tags) != 8 || len(a.TopicsOff) != 2 || len(a.TopicsOn) != 2 || a.Frequency != weekly {
		t.Fatalf("got %+v", a)
	}
	for name, export := range map[string]func(io.Writer) (int64, error){
		"csv":         func(w io.Writer) (int64, error) { return s.ExportCSV(ctx, w, ExportOptions{}) },
		"csv, no BOM": func(w io.Writer) (int64, error) { return s.ExportCSV(ctx, w, ExportOptions{NoBOM: true}) },
		"xlsx":        func(w io.Writer) (int64, error) { return s.ExportXLSX(ctx, w, ExportOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if n, err := export(&out); n != 6 || err != nil {
				t.Fatalf("%d %v", n, err)
			}
			if strings.HasPrefix(out.String(), "\uFEFF") != (name == "csv") {
				t.Errorf("it begins with %q", out.String()[:3])
			}
			other := open(t)
			later := now.Add(time.Hour)
			other.Now, other.Topics = func() time.Time { return later }, s.Topics
			for range 2 { // the second time nothing is new
				importText(t, other, out.String(), ImportOptions{Name: "export"})
				for sub, err := range s.List(ctx, 0, "", nil) {
					if err != nil {
						t.Fatal(err)
					}
					got := byEmail(t, other, sub.Email)
					got.UpdatedAt = sub.UpdatedAt
					if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", sub) {
						t.Errorf("got  %+v\nwant %+v", got, sub)
					}
				}
			}
			if _, ok, err := other.Suppressed("e@example.com"); !ok || err != nil {
				t.Error("e is not suppressed any more")
			}
			// The refusal is the person's: a file does not undo it.
			importText(t, other, "email,동의\nc@example.com,Y\n", ImportOptions{})
			if byEmail(t, other, "c@example.com").Consent.Subscribed {
				t.Error("c was subscribed by a file")
			}
			sound(t, other)
		})
	}
	// In the store it came from, an old export brings nobody back and changes no
	// preference.
	var old bytes.Buffer
	if _, err := s.ExportCSV(ctx, &old, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	all := ""
	if _, err := s.Prefer(ctx, id("a@example.com"), Preferences{Topics: map[string]bool{"sale": true, "a|b": true}, Frequency: &all}, nil, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Unsubscribe(ctx, id("b@example.com"), Person, "x"); err != nil {
		t.Fatal(err)
	}
	if err := s.Unsuppress(ctx, "e@example.com"); err != nil {
		t.Fatal(err)
	}
	importText(t, s, old.String(), ImportOptions{})
	a := byEmail(t, s, "a@example.com")
	if _, ok, _ := s.Suppressed("e@example.com"); len(a.TopicsOff) > 0 || a.Frequency != "" || byEmail(t, s, "b@example.com").Consent.Subscribed || ok {
		t.Errorf("an old export changed what people chose since: %+v", a)
	}
	sound(t, s)
}

// A person must not become another one on the way, whose opt-out is not known.
func TestAddressesThatLookLikeFormulasComeBackTheSame(t *testing.T) {
	s, ctx := open(t), context.Background()
	addresses := []string{"+a@example.com", "-b@example.com", "=c@example.com", "'d@example.com"}
	importText(t, s, "email,x\n"+strings.Join(addresses, ",＝1\n")+",＋2\n", ImportOptions{})
	if err := s.Unsubscribe(ctx, 1, Person, ""); err != nil {
		t.Fatal(err)
	}
	for name, export := range map[string]func(io.Writer) (int64, error){
		"csv":  func(w io.Writer) (int64, error) { return s.ExportCSV(ctx, w, ExportOptions{}) },
		"xlsx": func(w io.Writer) (int64, error) { return s.ExportXLSX(ctx, w, ExportOptions{}) },
	} {
		var out bytes.Buffer
		if _, err := export(&out); err != nil {
			t.Fatal(err)
		}
		if name == "csv" && (!strings.Contains(out.String(), ",'+a@") || !strings.Contains(out.String(), ",'＝1")) {
			t.Errorf("not safe: %s", out.String())
		}
		for other, created := range map[*Store]int64{open(t): 4, s: 0} {
			if res := importText(t, other, out.String(), ImportOptions{}); res.Accepted != 4 || res.Created != created {
				t.Errorf("%s: %+v", name, res)
			}
			for _, address := range addresses {
				if sub := byEmail(t, other, address); sub.Consent.Subscribed != (address != addresses[0]) || guarded(sub.Attributes["x"]) != true || sub.Attributes["x"][0] == '\'' {
					t.Errorf("%s: %+v", name, sub)
				}
			}
			sound(t, other)
		}
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
	if _, err := s.ExportCSV(context.Background(), fullDisk{}, ExportOptions{}); err == nil {
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
