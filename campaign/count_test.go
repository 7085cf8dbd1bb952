package campaign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pabal/audience"
	"pabal/spool"
)

// town is a house in which much happens at random.
type town struct {
	*house
	ids uint64
}

func (w *town) anyone(t *rapid.T) string {
	return fmt.Sprintf("p%d@example.com", rapid.Uint64Range(1, max(1, w.ids)).Draw(t, "who"))
}

func must(t *rapid.T, err error) {
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		t.Fatal(err)
	}
}

func (w *town) enrol(t *rapid.T) {
	var csv strings.Builder
	csv.WriteString("email,name,gender,points,subscribed\n")
	for range rapid.IntRange(1, 8).Draw(t, "people") {
		w.ids++
		fmt.Fprintf(&csv, "p%d@example.com,손님,%s,%d,%s\n", w.ids, rapid.SampledFrom([]string{"m", "f", ""}).Draw(t, "gender"),
			rapid.IntRange(0, 9).Draw(t, "points"), rapid.SampledFrom([]string{"1", "1", "1", "0"}).Draw(t, "consent"))
	}
	_, err := w.people.ImportCSV(context.Background(), strings.NewReader(csv.String()), audience.ImportOptions{Name: "t.csv"})
	must(t, err)
}

func (w *town) optOut(t *rapid.T) {
	sub, err := w.people.ByEmail(w.anyone(t))
	must(t, err)
	if err == nil {
		must(t, w.people.Unsubscribe(context.Background(), sub.ID, rapid.SampledFrom([]audience.Source{audience.Person, audience.Operator}).Draw(t, "source"), ""))
	}
}

func (w *town) suppress(t *rapid.T) {
	email := w.anyone(t)
	if rapid.Bool().Draw(t, "off again") {
		must(t, w.people.Unsuppress(context.Background(), email))
		return
	}
	must(t, w.people.Suppress(context.Background(), audience.Suppression{Email: email, Reason: rapid.SampledFrom([]string{"bounce", "complaint", "operator"}).Draw(t, "reason")}))
}

func (w *town) choose(t *rapid.T) {
	sub, err := w.people.ByEmail(w.anyone(t))
	if err != nil {
		return
	}
	frequency := rapid.SampledFrom([]string{"", "weekly", "monthly"}).Draw(t, "frequency")
	topic, on := rapid.SampledFrom([]string{"sale", "news"}).Draw(t, "topic"), rapid.Bool().Draw(t, "on")
	_, err = w.people.Prefer(context.Background(), sub.ID, audience.Preferences{Frequency: &frequency, Topics: map[string]bool{topic: on}}, nil, "")
	must(t, err)
}

func (w *town) tag(t *rapid.T) {
	on := rapid.Bool().Draw(t, "subscribed")
	_, err := w.people.Set(context.Background(), audience.Edit{Email: w.anyone(t), AddTags: []string{"vip"}, Subscribed: &on})
	must(t, err)
}

// drawSegment is any segment of a few conditions.
func drawSegment(t *rapid.T, sent int) string {
	atoms := []string{`gender == "female"`, `points >= 5`, `tag("vip")`, `topic("sale")`, `topic("news")`, `frequency == "weekly"`, `opted_in`, `suppressed`,
		`consent_source == "person"`, `created_at == ""`, `received()`, `received(last())`, `received(days(3))`, `skipped(last(2))`, `selected() >= 2`, `consent_at >= "yesterday"`}
	if sent > 0 {
		atoms = append(atoms, fmt.Sprintf(`accepted(%d)`, rapid.IntRange(1, sent).Draw(t, "campaign")))
	}
	var parts []string
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		parts = append(parts, rapid.SampledFrom([]string{"", "not "}).Draw(t, "not")+rapid.SampledFrom(atoms).Draw(t, "atom"))
	}
	return strings.Join(parts, rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "joint"))
}

// send counts, starts, compares, and lets the mail go.
func (w *town) send(t *rapid.T, sent int) int {
	ctx := context.Background()
	segment, topic := drawSegment(t, sent), rapid.SampledFrom([]string{"", "sale", "news"}).Draw(t, "topic")
	seg, err := audience.ParseSegment(segment, nil)
	must(t, err)
	count, err := w.people.Count(ctx, seg, topic)
	must(t, err)
	c, err := w.store.Create(ctx, Campaign{Template: "t", Segment: segment, Topic: topic, Values: map[string]string{"Body": "b"}})
	must(t, err)
	started, err := w.store.Start(ctx, c.ID, count.Mailable)
	if count.Mailable == 0 {
		if !errors.Is(err, ErrBlocked) {
			t.Fatalf("%q about %q: nobody was counted and the start said %v", segment, topic, err)
		}
		return int(c.ID)
	}
	if err != nil {
		t.Fatalf("%q about %q counted %+v: %v", segment, topic, count, err)
	}
	if started.State == spool.Held || started.Audience != count.Selected || started.Pending != count.Mailable || !maps.Equal(nonNil(started.Skips), count.Skipped) {
		t.Fatalf("%q about %q counted %+v, frozen %s %+v", segment, topic, count, started.State, started.Counts)
	}
	w.letGo(t, c.ID)
	return int(c.ID)
}

func nonNil(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// letGo lets the spool send till the campaign is done.
func (w *town) letGo(t *rapid.T, id uint64) {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- w.spool.Run(ctx) }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for range look.C {
		if l, err := w.spool.Ledger(id); err != nil || l.State == spool.Done || ctx.Err() != nil {
			must(t, err)
			break
		}
	}
	stop()
	must(t, <-ended)
	if c, err := w.store.Campaign(id); err != nil || c.State != spool.Done {
		t.Fatalf("campaign %d is %s in the end, %v", id, c.State, err)
	}
}

// The count a person sees is what a start freezes: everyone selected, everyone
// to be mailed, and every reason against it.
func TestCountIsWhatAStartFreezes(t *testing.T) {
	towns := 0
	rapid.Check(t, func(rt *rapid.T) {
		if towns++; towns > 25 { // each is three stores and some thirty commits
			return
		}
		dir, err := os.MkdirTemp(t.TempDir(), "town")
		must(rt, err)
		w := &town{house: open(t, dir)}
		defer w.close(t)
		w.people.Past, w.people.Attempted = w.store, w.spool.Attempted
		w.people.Topics = []audience.Topic{{ID: "sale", Commercial: true, Default: true}, {ID: "news"}}
		w.store.Logger = nil
		w.draft(t, simple+footer, Campaign{})
		w.enrol(rt)
		sent := 0
		rt.Repeat(map[string]func(*rapid.T){
			"enrol": w.enrol, "opt out": w.optOut, "suppress": w.suppress, "choose": w.choose, "tag": w.tag,
			"send": func(t *rapid.T) { sent = w.send(t, sent) },
		})
	})
}
