package campaign

import (
	"context"
	"errors"
	"fmt"

	"pabal/eml"
	"pabal/spool"
)

// errStopping ends a freeze when the store closes.
var errStopping = errors.New("pabal is stopping")

// claim makes the caller the only one who freezes a campaign, after whoever is
// at it now. It returns errStopping when the store closes, or ctx's error; else
// release has to follow.
func (s *Store) claim(ctx context.Context, id uint64) error {
	for {
		busy, err := s.tryClaim(id)
		if busy == nil {
			return err
		}
		select {
		case <-busy:
		case <-s.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryClaim claims, or returns what is closed when the campaign is free again.
func (s *Store) tryClaim(id uint64) (busy <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closing:
		return nil, errStopping
	default:
	}
	if other, taken := s.freezing[id]; taken {
		return other, nil
	}
	s.freezing[id] = make(chan struct{})
	s.work.Add(1)
	return nil, nil
}

func (s *Store) release(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.freezing[id])
	delete(s.freezing, id)
	s.work.Done()
}

// notFrozen is what a person reads whose start was sealed but not frozen: that
// it goes on without them, and how to prevent it.
func (s *Store) notFrozen(id uint64, err error) error {
	stopping := errors.Is(err, errStopping)
	select {
	case <-s.closing:
		stopping = true
	default:
	}
	cancel := fmt.Sprintf("; if it shall not, cancel it: pabal campaign cancel %d", id)
	switch {
	case errors.Is(err, spool.ErrFull):
		return &eml.Problem{What: fmt.Sprintf("campaign %d is started, but the disk has no room for its audience: %v", id, err),
			Hint: "free some space: it goes on by itself then, and mails" + cancel, Err: err}
	case stopping:
		return &eml.Problem{What: fmt.Sprintf("campaign %d is started, but pabal stopped before it had its audience", id),
			Hint: "it goes on when pabal serve runs again" + cancel, Err: err}
	}
	return err
}
