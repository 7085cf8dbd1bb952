package cli

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pabal/control"
	"pabal/spool"
)

// TestASelectionIsActedOnTogether: one after the other, each would wait for a
// commit of its own.
func TestASelectionIsActedOnTogether(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ids := []string{"q1", "q2", "q3", "q4"}
	var asked sync.WaitGroup
	asked.Add(len(ids))
	together := make(chan struct{})
	go func() { asked.Wait(); close(together) }()
	h := handling{act: func(_ *control.Client, ctx context.Context, id string) (spool.Message, error) {
		asked.Done()
		select {
		case <-together:
		case <-ctx.Done():
			return spool.Message{}, ctx.Err()
		}
		if id == "q3" {
			return spool.Message{}, spool.ErrState
		}
		return spool.Message{ID: id}, nil
	}}
	for i, r := range h.atOnce(ctx, nil, ids) {
		if failed := ids[i] == "q3"; failed != errors.Is(r.err, spool.ErrState) || !failed && (r.err != nil || r.m.ID != ids[i]) {
			t.Errorf("%s: %+v, %v", ids[i], r.m.ID, r.err)
		}
	}
}
