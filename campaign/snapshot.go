package campaign

import (
	"context"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"pabal/spool"
	"pabal/store"
)

// idJump is how far the ids of new campaigns lie behind those of a backup: what
// the original started since must not be mixed up with another campaign here.
const idJump = 1000

// Snapshot is campaign.db as it is now; it has to be closed.
func (s *Store) Snapshot() (*store.Snapshot, error) { return s.db.Snapshot() }

// OpenSnapshot is that of the file in dir, which no daemon has open.
func OpenSnapshot(dir string) (*store.Snapshot, error) {
	return store.OpenSnapshot(filepath.Join(dir, FileName), fileOptions())
}

// Restored does what a store that came from a backup needs before it is used: ids
// of new campaigns begin far behind. It returns the newest one.
func (s *Store) Restored(context.Context) (last uint64, err error) {
	err = s.update(0, func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketCampaigns)
		last = b.Sequence()
		return b.SetSequence(last + idJump)
	})
	if err != nil {
		return 0, fmt.Errorf("keep the ids that the original gave out: %w", err)
	}
	return last, nil
}

// Overdue are the scheduled campaigns whose time has come while the store, which
// came from a backup, was held or before: the original may have started them.
func (s *Store) Overdue() ([]Campaign, error) {
	due, _, err := s.dueNow()
	return due, err
}

// UnscheduleOverdue makes them drafts again and returns them as they are then.
func (s *Store) UnscheduleOverdue(ctx context.Context) ([]Campaign, error) {
	due, err := s.Overdue()
	if err != nil {
		return nil, err
	}
	out := make([]Campaign, 0, len(due))
	for _, c := range due {
		now, err := s.Unschedule(ctx, c.ID)
		if err != nil {
			return out, fmt.Errorf("take campaign %d off its schedule: %w", c.ID, err)
		}
		out = append(out, now)
	}
	return out, nil
}

// DraftsBy are the drafts with ids up to last, and those scheduled for a time that
// has not come: of a store that came from a backup those that a person may have
// started since.
func (s *Store) DraftsBy(last uint64) ([]Campaign, error) {
	all, err := s.Campaigns()
	var out []Campaign
	for _, c := range all {
		later := c.State == spool.Scheduled && c.Schedule != nil && c.Schedule.Due.After(s.time())
		if c.ID <= last && (c.State == spool.Draft || later) {
			out = append(out, c)
		}
	}
	return out, err
}
