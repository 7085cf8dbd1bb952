//go:build bench

package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"pabal/spool"
)

const (
	writtenMails = 200
	writtenSize  = 100 << 10
)

// benchWritten is how many bytes one mail of 100 KB makes the spool hand to
// write(2): by its intake, and with its lease, its outcome and the end of its
// body. (The kernel's own count of bytes dirtied, write_bytes, is of whole
// folios and says three times as much.)
func benchWritten(t *testing.T) (rows []row) {
	const intakeGoal, wholeGoal = 1.3, 1.8
	for _, c := range []struct {
		how     string
		clients int
		backlog int
	}{{"each alone, the queue empty", 1, 1}, {fmt.Sprintf("each alone, then a backlog of %d", writtenMails), 1, writtenMails},
		{fmt.Sprintf("%d clients, then a backlog of %d", intakeClients, writtenMails), intakeClients, writtenMails}} {
		intake, whole := writtenBy(t, c.clients, c.backlog)
		for _, r := range []struct {
			what     string
			is, goal float64
		}{{"intake", intake, intakeGoal}, {"whole life", whole, wholeGoal}} {
			rows = append(rows, row{"bytes written per 100-KB mail, " + r.what + ": " + c.how, fmt.Sprintf("%.0f KB", r.is*writtenSize/1024),
				"the mail, 100 KB", times(r.is), fmt.Sprintf("≤ %.1f ×", r.goal), r.is <= r.goal})
		}
	}
	return rows
}

// writtenBy puts mails until there is a backlog, drains it, and begins again,
// and returns what was written, as multiples of the mails.
func writtenBy(t *testing.T, clients, backlog int) (intake, whole float64) {
	t.Helper()
	s, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	begun := written(t)
	for range writtenMails / backlog {
		before := written(t)
		putMails(t, s, clients, backlog)
		intake += float64(written(t) - before)
		drainAll(t, s, backlog)
	}
	whole = float64(written(t) - begun)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return intake / writtenMails / writtenSize, whole / writtenMails / writtenSize
}

func written(t *testing.T) int64 { return procField(t, os.Getpid(), "io", "wchar:") }

func putMails(t *testing.T, s *spool.Spool, clients, n int) {
	t.Helper()
	var wait sync.WaitGroup
	env, body := spool.Envelope{From: "app@example.com", FromDomain: "example.com", To: []string{"minji@example.net"},
		Subject: "Order", MessageID: "1@example.com"}, make([]byte, writtenSize)
	for i := range clients {
		wait.Go(func() {
			for range (n + clients - 1 - i) / clients {
				if _, err := s.Put(t.Context(), env, body); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// drainAll runs the drain until n mails are accepted.
func drainAll(t *testing.T, s *spool.Spool, n int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.Sender, s.Pace = &instantSender{id: risingID, left: int64(n), all: stop}, openPace{drainWorkers}
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if st, err := s.Status(); err != nil || st.Pending+st.Sending != 0 {
		t.Fatalf("%+v, %v", st, err)
	}
}
