package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"pabal/store"
)

const (
	lostReason = "the process ended while the call to SES was open"
	recoverMax = 256 // leftovers settled in one commit
)

// settleLeftovers judges what the last process left in sending: nobody knows
// whether those calls were made. On a full disk it waits for room.
func (s *Spool) settleLeftovers(ctx context.Context) error {
	for _, l := range [...]Lane{Transactional, Bulk} {
		for {
			n, err := s.settleSome(l)
			if errors.Is(err, ErrFull) && wait(ctx, nil, time.Now().Add(fullRetry)) {
				continue
			}
			if err != nil {
				return fmt.Errorf("settle what a crash left open: %w", err)
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

// settleSome settles up to recoverMax leftovers of a lane and says how many
// there were.
func (s *Spool) settleSome(l Lane) (int, error) {
	st := s.store(l)
	keys, err := leftovers(st)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	lost := &SendError{Class: Ambiguous, Text: lostReason}
	judged := func(m *Message) verdict { return judge(m, lost, s.policy(m.Lane)) }
	err = st.Do(context.Background(), store.Job{Size: 256 * len(keys), Apply: func(tx *bbolt.Tx) error {
		for _, k := range keys {
			found, err := false, error(nil)
			if l == Transactional {
				found, err = s.settleMail(tx, number(k, 0), "", judged)
			} else {
				found, err = s.settleRow(tx, number(k, 0), number(k, 1), "", judged)
			}
			if !found && err == nil {
				err = fmt.Errorf("message %x is not in sending: %w", k, ErrNotFound)
			}
			if err := s.closeCall(tx, k, err); err != nil {
				return err
			}
		}
		return nil
	}})
	s.logger().Warn("answers were lost", "part", "spool", "lane", l, "messages", len(keys), "reason", lostReason)
	return len(keys), err
}

func leftovers(st *store.Store) (keys [][]byte, err error) {
	err = st.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bSending).Cursor()
		for k, _ := c.First(); k != nil && len(keys) < recoverMax; k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	return keys, err
}
