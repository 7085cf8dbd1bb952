package audience

import (
	"os"
	"strings"
	"testing"
	"time"
)

// consentTable reads a table of docs/consent.md: row source -> column source -> cell.
func consentTable(t *testing.T, name string) map[Source]map[Source]string {
	t.Helper()
	b, err := os.ReadFile("../docs/consent.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "<!-- table: "+name+" -->\n")
	if !found {
		t.Fatalf("docs/consent.md has no table %q", name)
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	lines := strings.Split(rest, "\n")
	cells := func(line string) []string {
		parts := strings.Split(strings.Trim(line, "|"), "|")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	}
	head, table := cells(lines[0]), map[Source]map[Source]string{}
	for _, line := range lines[2:] {
		row := cells(line)
		if len(row) != len(head) {
			t.Fatalf("%s: %q has %d cells, want %d", name, line, len(row), len(head))
		}
		table[Source(row[0])] = map[Source]string{}
		for i, cell := range row[1:] {
			table[Source(row[0])][Source(head[i+1])] = cell
		}
	}
	if len(table) != len(sources()) {
		t.Fatalf("%s: %d rows, want %d", name, len(table), len(sources()))
	}
	return table
}

func sources() []Source { return sourceWords()[1:] }

// everyPair calls fn with all pairs of sources, times and kinds.
func everyPair(fn func(a, b Source, before, at time.Time, k kind)) {
	noon := time.UnixMilli(10_000)
	for _, a := range sources() {
		for _, b := range sources() {
			for _, at := range []time.Time{noon.Add(-time.Second), noon, noon.Add(time.Second)} {
				for _, k := range []kind{stated, dated, trusted} {
					fn(a, b, noon, at, k)
				}
			}
		}
	}
}

// TestNoSourceResubscribesOverAStrongerOne holds decide to the table of who
// may bring back whom.
func TestNoSourceResubscribesOverAStrongerOne(t *testing.T) {
	table := consentTable(t, "returns")
	pairs := 0
	everyPair(func(a, b Source, before, at time.Time, k kind) {
		pairs++
		may := false
		for word := range strings.FieldsSeq(table[a][b]) {
			switch word {
			case "newer":
				may = may || !at.Before(before)
			case "dated":
				may = may || k == dated && at.After(before)
			case "trusted":
				may = may || k == trusted
			case "yes":
				may = true
			case "-":
			default:
				t.Fatalf("cell %q", table[a][b])
			}
		}
		now, next := Consent{false, a, before, false}, Consent{true, b, at, false}
		want, wantVerdict := now, refused
		if may {
			want, wantVerdict = next, applied
		}
		if got, v := decide(now, next, k); got != want || v != wantVerdict {
			t.Errorf("%s said no at %d, %s says yes at %d (kind %d): got %+v %v, want %+v", a, before.UnixMilli(), b, at.UnixMilli(), k, got, v, want)
		}
	})
	if pairs != 7*7*3*3 {
		t.Errorf("%d pairs", pairs)
	}
}

func TestAnySourceUnsubscribes(t *testing.T) {
	table := consentTable(t, "refusals")
	everyPair(func(a, b Source, before, at time.Time, k kind) {
		now, next := Consent{true, a, before, false}, Consent{false, b, at, false}
		want, wantVerdict := next, applied
		if table[a][b] == "newer" && at.Before(before) {
			want, wantVerdict = now, refused
		}
		if got, v := decide(now, next, k); got != want || v != wantVerdict {
			t.Errorf("%s said yes at %d, %s says no at %d: got %+v %v, want %+v", a, before.UnixMilli(), b, at.UnixMilli(), got, v, want)
		}
	})
}

func TestOfTwoRefusalsTheStrongerCountsAndTheLaterTime(t *testing.T) {
	table := consentTable(t, "both out")
	everyPair(func(a, b Source, before, at time.Time, k kind) {
		now, next := Consent{false, a, before, false}, Consent{false, b, at, false}
		want := now
		switch cell := table[a][b]; {
		case cell == "new", cell == "later" && at.After(before):
			want = next
		}
		lists := func(s Source) bool { return s == MySQL || s == Import || s == SMTP }
		switch {
		case !lists(a) && !lists(b) && at.After(before):
			want.At = at
		case !lists(a) && !lists(b):
			want.At = before
		}
		got, v := decide(now, next, k)
		if got != want || (v == applied) != (got != now) || v == refused {
			t.Errorf("%s said no at %d, %s says no at %d: got %+v %v, want %+v", a, before.UnixMilli(), b, at.UnixMilli(), got, v, want)
		}
		if back, _ := decide(next, now, k); !lists(a) && !lists(b) && before != at && back != got {
			t.Errorf("%s and %s said no: %+v one way, %+v the other", a, b, got, back)
		}
	})
}

func TestOfTwoWhoSayYesTheStrongerIsKept(t *testing.T) {
	everyPair(func(a, b Source, before, at time.Time, k kind) {
		now, next := Consent{true, a, before, false}, Consent{true, b, at, false}
		want := now
		if b.strength() > a.strength() || a == Person && b == Person && at.After(before) {
			want = next
		}
		if got, _ := decide(now, next, k); got != want {
			t.Errorf("%s said yes at %d, %s says yes at %d: got %+v, want %+v", a, before.UnixMilli(), b, at.UnixMilli(), got, want)
		}
	})
}

func TestTheFirstWordCounts(t *testing.T) {
	everyPair(func(_, b Source, _, at time.Time, k kind) {
		for _, yes := range []bool{true, false} {
			next := Consent{yes, b, at, false}
			if got, v := decide(Consent{}, next, k); got != next || v != applied {
				t.Errorf("%+v: got %+v %v", next, got, v)
			}
		}
	})
}

func TestTheOrderOfTheSourcesIsTheIssues(t *testing.T) {
	order := [][]Source{{Person, Complaint}, {Bounce}, {Operator}, {MySQL, Import, SMTP}}
	for i, group := range order {
		for _, s := range group {
			if s.strength() != len(order)-i {
				t.Errorf("%s has strength %d, want %d", s, s.strength(), len(order)-i)
			}
		}
	}
	if Source("me").strength() != 0 {
		t.Error("an unknown source has a strength")
	}
}
