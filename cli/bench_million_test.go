//go:build bench

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	millionPeople = 1_000_000
	fewPeople     = 20_000 // of them, for letters of 100 KB
	statusEvery   = 20 * time.Millisecond
)

// benchMillion is a campaign to a million through the whole daemon at an SES
// without limits: the freeze, a lone mail and the status meanwhile, and memory.
func benchMillion(t *testing.T) []row {
	ses := startFarSES(t)
	h := newHost(t, emulator.Options{Keep: -1}, "PABAL_SES_ENDPOINT="+ses.Plain)
	p := h.serve()
	m := &million{t: t, h: h, p: p, c: h.client()}
	m.importPeople()
	m.hold(spool.LaneScope(spool.Bulk)) // so that the freeze is measured alone
	memory := watched(statusEvery, func() float64 { return anonymous(t, p.Process.Pid) })
	status := watched(statusEvery, m.status)

	rows := m.freeze(m.draft("small", 1<<10, ""))
	rate := m.drain(millionPeople)
	small := memory()
	memory = watched(statusEvery, func() float64 { return anonymous(t, p.Process.Pid) })
	if _, err := m.c.Start(t.Context(), m.draft("large", 100<<10, `tag("few")`), fewPeople); err != nil {
		t.Fatal(err)
	}
	largeRate := m.drain(fewPeople)
	large, slowest := memory(), status()
	h.stop(p)
	const memoryGoal, statusGoal = 64, 100
	return append(rows,
		row{"RssAnon while 1,000,000 are sent, 1 KB each", fmt.Sprintf("%.0f MB (%.0f/s)", small, rate), "at most 64 MB", times(small / memoryGoal), "≤ 64 MB", small <= memoryGoal},
		row{fmt.Sprintf("RssAnon while %d are sent, 100 KB each", fewPeople), fmt.Sprintf("%.0f MB (%.0f/s)", large, largeRate), "at most 64 MB", times(large / memoryGoal), "≤ 64 MB", large <= memoryGoal},
		row{"slowest status answer all the while", fmt.Sprintf("%.0f ms", slowest), "at most 100 ms", times(slowest / statusGoal), "< 100 ms", slowest < statusGoal})
}

// million is the daemon under measurement.
type million struct {
	t *testing.T
	h *host
	p *process
	c *control.Client
}

func (m *million) importPeople() {
	m.t.Helper()
	for _, part := range []struct {
		n    int
		tags []string
	}{{fewPeople, []string{"few"}}, {millionPeople, nil}} {
		got, err := m.c.Import(m.t.Context(), manyPeople(part.n), audience.ImportOptions{Name: "people.csv", Tags: part.tags})
		if err != nil || got.Accepted != int64(part.n) {
			m.t.Fatalf("imported %+v: %v", got, err)
		}
	}
}

// manyPeople is people without holding them in memory.
func manyPeople(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "email,name,subscribed\n")
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "user%07d@example.net,고객%07d,yes\n", i, i)
		}
		_ = w.CloseWithError(err) // always nil (io.Pipe)
	}()
	return r
}

func (m *million) hold(s spool.Scope) {
	m.t.Helper()
	if _, err := m.c.Hold(m.t.Context(), s, "bench"); err != nil {
		m.t.Fatal(err)
	}
}

// draft makes a campaign with letters of a size.
func (m *million) draft(name string, size int, segment string) uint64 {
	m.t.Helper()
	html := `<p>{{Name}}님</p>` + strings.Repeat("<p>가을 신상품을 만나 보세요</p>\n", size*3/4/44) + `<a href="{{UnsubscribeURL}}">수신거부</a>`
	_, err := m.c.PutTemplate(m.t.Context(), campaign.Template{Name: name, Subject: "{{Name}}님", HTML: html, Text: "{{Name}}님 {{UnsubscribeURL}}"})
	if err != nil {
		m.t.Fatal(err)
	}
	made, err := m.c.CreateCampaign(m.t.Context(), campaign.Campaign{Name: name, Template: name, Segment: segment})
	if err != nil {
		m.t.Fatal(err)
	}
	return made.ID
}

// status asks once and returns how long that took, in ms.
func (m *million) status() float64 {
	begun := time.Now()
	if _, err := m.c.Status(context.WithoutCancel(m.t.Context())); err != nil {
		m.t.Error(err)
	}
	return float64(time.Since(begun)) / 1e6
}

// freeze starts the campaign while one client submits mail after mail.
func (m *million) freeze(id uint64) []row {
	m.t.Helper()
	address := m.p.where.SMTP[0]
	idle := latencies(m.t, address, 1<<10, func(sent int) bool { return sent < loneMails })
	frozen := make(chan struct{})
	var took time.Duration
	var failed error
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(frozen)
		begun := time.Now()
		_, failed = m.c.Start(m.t.Context(), id, millionPeople)
		took = time.Since(begun)
	})
	during := latencies(m.t, address, 1<<10, func(int) bool {
		select {
		case <-frozen:
			return false
		default:
			return true
		}
	})
	wait.Wait()
	if failed != nil {
		m.t.Fatal(failed)
	}
	const goal, loneGoal = 15 * time.Second, 3
	ratio := float64(median(during)) / float64(median(idle))
	return []row{
		{"freeze of 1,000,000 recipients, checks and walk included", fmt.Sprintf("%.1f s", took.Seconds()), "at most 15 s", times(took.Seconds() / goal.Seconds()), "≤ 15 s", took <= goal},
		{"lone SMTP mail during the freeze, p50", milliseconds(median(during)) + ", p99 " + milliseconds(quantile(during, 0.99)), "idle " + milliseconds(median(idle)) + ", p99 " + milliseconds(quantile(idle, 0.99)),
			times(ratio), fmt.Sprintf("≤ %d ×", loneGoal), ratio <= loneGoal},
	}
}

// drain lets the bulk lane go until n more are accepted, and returns mails/s.
func (m *million) drain(n int) float64 {
	m.t.Helper()
	begun := time.Now()
	if err := m.c.Release(m.t.Context(), spool.LaneScope(spool.Bulk)); err != nil && !errors.Is(err, spool.ErrNotFound) {
		m.t.Fatal(err)
	}
	awaitDrained(m.t, m.c)
	return float64(n) / time.Since(begun).Seconds()
}
