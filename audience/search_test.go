package audience

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

// crowd are n people with names out of few letters, so that much begins alike.
func crowd(t testing.TB, s *Store, n int, rnd *rand.Rand) {
	t.Helper()
	letters := []rune("ab김가Éé")
	var csv strings.Builder
	csv.WriteString("email,name\n")
	for i := range n {
		name := make([]rune, 1+rnd.IntN(4))
		for j := range name {
			name[j] = letters[rnd.IntN(len(letters))]
		}
		fmt.Fprintf(&csv, "%c%d@example.com,%s\n", "abAB"[rnd.IntN(4)], i, string(name))
	}
	importText(t, s, csv.String(), ImportOptions{})
}

func TestSearchFindsWhatAWalkFinds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	s, ctx := open(t), context.Background()
	crowd(t, s, 20_000, rnd) // several parts
	var all []Subscriber
	for sub, err := range s.List(ctx, 0, "", nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sub)
	}
	texts := []string{"", "a", "A1", "b19999@example.com", "김", "가김", norm.NFD.String("김가"), "é", "É가", "없", " a77 ", "ab김", "zz"}
	for _, text := range texts {
		low := strings.ToLower(norm.NFC.String(strings.TrimSpace(text)))
		for _, limit := range []int{1, 20, 999} {
			var want []uint64
			for _, sub := range all {
				if strings.HasPrefix(strings.ToLower(sub.Email), low) || strings.HasPrefix(strings.ToLower(sub.Name), low) {
					if want = append(want, sub.ID); len(want) == limit {
						break
					}
				}
			}
			hits, err := s.Search(ctx, text, limit)
			var got []uint64
			for _, sub := range hits {
				got = append(got, sub.ID)
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the first %d of %q: %d %.60v, want %d %.60v, %v", limit, text, len(got), got, len(want), want, err)
			}
		}
		var want, got []uint64
		for _, sub := range all {
			if strings.Contains(strings.ToLower(sub.Email), low) || strings.Contains(strings.ToLower(sub.Name), low) {
				want = append(want, sub.ID)
			}
		}
		last := Found{}
		for found, err := range s.SearchAll(ctx, text) {
			if err != nil {
				t.Fatal(err)
			}
			if found.Subscriber != nil {
				got = append(got, found.Subscriber.ID)
			}
			if found.Done < last.Done || found.Done > found.Total {
				t.Fatalf("%q: progress went from %+v to %+v", text, last, found)
			}
			last = found
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("all of %q: %d %.60v, want %d %.60v", text, len(got), got, len(want), want)
		}
		if last.Done != int64(len(all)) || last.Total != last.Done {
			t.Errorf("%q ends with %+v", text, last)
		}
	}
}

func TestSearchOfNobodyAndOfOneWhoLeavesEarly(t *testing.T) {
	s, ctx := open(t), context.Background()
	if hits, err := s.Search(ctx, "a", 0); err != nil || len(hits) != 0 {
		t.Errorf("an empty store: %v %v", hits, err)
	}
	for found, err := range s.SearchAll(ctx, "a") {
		if err != nil || found.Subscriber != nil || found.Total != 0 {
			t.Errorf("an empty store: %+v %v", found, err)
		}
	}
	crowd(t, s, 5000, rand.New(rand.NewPCG(1, 1)))
	if hits, err := s.Search(ctx, "", 0); err != nil || len(hits) != 20 || hits[19].ID != 20 {
		t.Errorf("no text: %d hits, %v", len(hits), err)
	}
	if hits, err := s.Search(ctx, "", 1<<30); err != nil || len(hits) != MaxSearch {
		t.Errorf("no limit: %d hits, %v", len(hits), err)
	}
	for range s.SearchAll(ctx, "") {
		break
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Search(gone, "a", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("search after the end: %v", err)
	}
	for _, err := range s.SearchAll(gone, "a") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("search of all after the end: %v", err)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("kim", "Kim@example.com", "김철수")
	f.Add("é", "a@example.com", "É")
	f.Add("가", "a@example.com", "나가")
	f.Fuzz(func(t *testing.T, text, email, name string) {
		p := person{id: 1, email: email, name: norm.NFC.String(name)}
		v := p.pack(nil)
		n := newNeedle(text)
		if n.begins(v) && !n.within(v) {
			t.Fatalf("%q begins %q or %q and is not in it", text, email, p.name)
		}
		n.begins(v[:len(v)/2])
		n.within(v[:len(v)*2/3])
	})
}
