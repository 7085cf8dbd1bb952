package campaign

import (
	"errors"
	"fmt"
	"time"

	"pabal/audience"
	"pabal/spool"
)

// Address implements spool.Addresser over the audience: where a subscriber is
// mailed now, and since when another mail would be too many for them.
func (s *Store) Address(subscriber uint64) (to string, since time.Time, err error) {
	to, since, err = s.people.Address(subscriber)
	if errors.Is(err, audience.ErrNotFound) {
		return "", since, fmt.Errorf("subscriber %d: %w", subscriber, &spool.SkipError{Reason: spool.SkipErased})
	}
	return to, since, err
}
