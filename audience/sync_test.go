package audience

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pabal/store"
)

// table is a customers' table as the sync sees it.
type table struct {
	t       testing.TB
	s       *Store
	options SyncOptions
}

type tableRow struct {
	id      string
	email   string
	yes     bool
	updated int64 // seconds
	name    string
	consent time.Time
	gone    bool
}

func (x table) sync(rows ...tableRow) SyncResult {
	x.t.Helper()
	b, err := x.s.NewSyncBatch(x.options)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, r := range rows {
		b.Add(&SyncRow{Key: []byte("s" + r.id), ID: r.id, Gone: r.gone, Email: r.email, Name: r.name, UpdatedAt: r.updated * 1e6, Subscribed: r.yes, ConsentAt: r.consent})
	}
	result, err := x.s.Sync(context.Background(), b, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	sound(x.t, x.s)
	return result
}

// again are the rows asked for once more.
func (x table) again() []string {
	x.t.Helper()
	keys, err := x.s.SyncReread(nil, 100)
	if err != nil {
		x.t.Fatal(err)
	}
	var out []string
	for _, k := range keys {
		out = append(out, string(k[1:]))
	}
	return out
}

// people are those subscribed (with a +) and not (with a -), with their names.
func (x table) people() map[string]string {
	x.t.Helper()
	out := map[string]string{}
	for sub, err := range x.s.List(context.Background(), 0, "", nil) {
		if err != nil {
			x.t.Fatal(err)
		}
		out[sub.Email] = map[bool]string{true: "+", false: "-"}[sub.Consent.Subscribed] + sub.Name
	}
	return out
}

func (x table) want(want map[string]string) {
	x.t.Helper()
	if got := x.people(); !maps.Equal(got, want) {
		x.t.Errorf("got %v, want %v", got, want)
	}
}

func newTable(t testing.TB) table { return table{t: t, s: open(t)} }

func TestSyncStoresRowsAndCountsThem(t *testing.T) {
	x := newTable(t)
	got := x.sync(tableRow{id: "1", email: "A@example.com", yes: true, updated: 1, name: "김"}, tableRow{id: "2", email: "b@example.com", updated: 1}, tableRow{id: "3", email: "no address"})
	if want := (SyncResult{Created: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	x.want(map[string]string{"A@example.com": "+김", "b@example.com": "-"})
	got = x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 2, name: "이"}, tableRow{id: "2", email: "b@example.com", updated: 1})
	if want := (SyncResult{Updated: 1, Unchanged: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if sub := byEmail(t, x.s, "a@example.com"); sub.ExternalID != "1" || sub.Consent.Source != MySQL || sub.Email != "a@example.com" {
		t.Errorf("got %+v", sub)
	}
}

func TestSyncKeepsTheMarkWithTheRows(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	b, err := s.NewSyncBatch(SyncOptions{Load: true})
	if err != nil {
		t.Fatal(err)
	}
	b.Add(&SyncRow{Key: []byte("s1"), ID: "1", Email: "a@example.com"})
	if _, err := s.Sync(context.Background(), b, func(SyncResult) []byte { return []byte("here") }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if mark, err := s.SyncMark(); err != nil || string(mark) != "here" {
		t.Errorf("got %q, %v", mark, err)
	}
	byEmail(t, s, "a@example.com") // the index is made good
	sound(t, s)
}

func TestSeveralRowsOfAnAddressAreOneSubscriber(t *testing.T) {
	x := newTable(t)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 5, name: "new"}, tableRow{id: "2", email: "A@example.com", yes: true, updated: 3, name: "old"})
	x.want(map[string]string{"a@example.com": "+new"})
	x.sync(tableRow{id: "2", email: "a@example.com", updated: 3, name: "old"})
	x.want(map[string]string{"a@example.com": "-new"})
	x.sync(tableRow{id: "2", email: "a@example.com", updated: 5, name: "tie"}) // the higher id
	x.want(map[string]string{"a@example.com": "-tie"})
	x.sync(tableRow{id: "2", email: "a@example.com", updated: 4, name: "back"})
	if got := x.again(); !slices.Equal(got, []string{"1"}) {
		t.Fatalf("to be read again: %v, want row 1, which gives the fields now", got)
	}
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 5, name: "new"})
	x.want(map[string]string{"a@example.com": "-new"})
	x.sync(tableRow{id: "1", gone: true})
	if got := x.again(); !slices.Equal(got, []string{"2"}) {
		t.Fatalf("to be read again: %v", got)
	}
	x.sync(tableRow{id: "2", gone: true})
	x.want(map[string]string{})
	if got := x.again(); len(got) != 0 {
		t.Errorf("to be read again: %v", got)
	}
}

func TestAChangedAddressTakesThePersonAlong(t *testing.T) {
	ctx := context.Background()
	x := newTable(t)
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1}, tableRow{id: "2", email: "b@example.com", yes: true, updated: 1})
	a := byEmail(t, x.s, "a@example.com")
	if err := x.s.Unsubscribe(ctx, a.ID, Person, "link"); err != nil {
		t.Fatal(err)
	}
	x.sync(tableRow{id: "1", email: "c@example.com", yes: true, updated: 2})
	if c := byEmail(t, x.s, "c@example.com"); c.ID != a.ID || c.Consent.Subscribed || c.Consent.Source != Person {
		t.Errorf("got %+v", c)
	}
	x.sync(tableRow{id: "3", email: "a@example.com", yes: true, updated: 3}) // somebody else gets the old one
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "+", "c@example.com": "-"})
	x.sync(tableRow{id: "1", email: "b@example.com", yes: true, updated: 4}) // joins who is there
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "-"})
	x.sync(tableRow{id: "1", email: "d@example.com", yes: true, updated: 5}) // and leaves again
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "-", "d@example.com": "-"})
	x.sync(tableRow{id: "1", email: "", yes: true, updated: 6})
	x.want(map[string]string{"a@example.com": "-", "b@example.com": "-"})
}

func TestWhoCameFromAFileStaysWhenTheRowGoes(t *testing.T) {
	x := newTable(t)
	importText(t, x.s, "email,name,external_id\na@example.com,file,77\n", ImportOptions{Tags: []string{"vip"}})
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1, name: "row"})
	x.want(map[string]string{"a@example.com": "+row"})
	if sub := byEmail(t, x.s, "a@example.com"); sub.ExternalID != "1" || len(sub.Tags) != 1 {
		t.Errorf("got %+v", sub)
	}
	x.sync(tableRow{id: "1", gone: true})
	x.want(map[string]string{"a@example.com": "-row"}) // MySQL's yes was stronger than the assumed one, and is gone
}

func TestALoadMovesWhoIsNotInTheIndexYet(t *testing.T) {
	x := newTable(t)
	x.options.Load = true
	b, err := x.s.NewSyncBatch(x.options)
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} { // one key twice in a batch: a query may do that
		b.Add(&SyncRow{Key: []byte("s1"), ID: "1", Email: email, Subscribed: true})
		if email != "b@example.com" {
			if _, err := x.s.Sync(context.Background(), b, nil); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	sound(t, x.s)
	x.want(map[string]string{"c@example.com": "+"})
}

func TestSyncReadsAttributes(t *testing.T) {
	x := newTable(t)
	o := SyncOptions{Attributes: []string{"grade", "city"}, NoName: true}
	for _, values := range [][]string{{"gold", "Seoul"}, {"", "Busan"}} {
		b, err := x.s.NewSyncBatch(o)
		if err != nil {
			t.Fatal(err)
		}
		b.Add(&SyncRow{Key: []byte("s1"), ID: "1", Email: "a@example.com", Values: values})
		if _, err := x.s.Sync(context.Background(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := byEmail(t, x.s, "a@example.com").Attributes; !maps.Equal(got, map[string]string{"city": "Busan"}) {
		t.Errorf("got %v", got)
	}
	sound(t, x.s)
	if _, err := x.s.NewSyncBatch(SyncOptions{Attributes: []string{"email"}}); err == nil {
		t.Error("a field is taken for an attribute")
	}
}

func TestAnOlderFileGetsTheBucketsOfTheSync(t *testing.T) {
	dir := t.TempDir()
	old, err := store.Open(filepath.Join(dir, FileName), store.Options{Kind: "audience", Init: initialise,
		Buckets: [][]byte{bucketMeta, bucketSubscribers, bucketEmail, bucketExternal, bucketSuppressed, bucketOptOuts, bucketHistory, bucketNames, bucketImports}})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	x := table{t: t, s: openAt(t, dir)}
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true})
	x.want(map[string]string{"a@example.com": "+"})
}

func BenchmarkSyncLoad(b *testing.B) {
	const rows, batch = 100_000, 5000
	for range b.N {
		s := open(b)
		x, err := s.NewSyncBatch(SyncOptions{Load: true})
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			x.Add(&SyncRow{Key: fmt.Appendf(nil, "%08d", i), ID: fmt.Sprint(i), Email: fmt.Sprintf("user%d@example.com", i*7919%rows), Name: "김민수", Gender: "M", UpdatedAt: int64(i), Subscribed: true})
			if x.Len() == batch {
				if _, err := s.Sync(context.Background(), x, func(SyncResult) []byte { return []byte("mark") }); err != nil {
					b.Fatal(err)
				}
				x.Reset()
			}
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// TestALoadFindsWhomItMadeItself: addresses that come again in the same batch,
// in a later one, and of people from elsewhere, while a filter says who is new.
func TestALoadFindsWhomItMadeItself(t *testing.T) {
	x := newTable(t)
	importText(t, x.s, "email,subscribed\nfile@example.com,yes\n", ImportOptions{})
	x.options.Load = true
	x.sync(tableRow{id: "1", email: "a@example.com", yes: true, updated: 1}, tableRow{id: "2", email: "A@example.com", yes: true, updated: 2, name: "second"})
	x.sync(tableRow{id: "3", email: "FILE@example.com", yes: true, updated: 1, name: "both"}, tableRow{id: "4", email: "a@example.com", yes: true, updated: 3, name: "third"})
	importText(t, x.s, "email,subscribed\nmeanwhile@example.com,yes\n", ImportOptions{})
	got := x.sync(tableRow{id: "5", email: "meanwhile@example.com", yes: true, updated: 1, name: "later"})
	if got.Created != 0 {
		t.Errorf("got %+v", got)
	}
	x.want(map[string]string{"a@example.com": "+third", "FILE@example.com": "+both", "meanwhile@example.com": "+later"})
}
