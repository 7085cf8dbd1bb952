package campaign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const (
	maxValues     = 256 << 10 // bytes of all values of a campaign
	maxTopic      = 64        // bytes of a topic's name
	maxExpression = 16 << 10  // bytes of a segment
)

// Create stores a new draft and returns it with its id. ErrNotFound when the
// template does not exist; a *eml.Problem or *audience.SegmentError for what a
// person must mend.
func (s *Store) Create(ctx context.Context, c Campaign) (Campaign, error) {
	c, err := s.draft(ctx, c)
	if err != nil {
		return Campaign{}, err
	}
	c.CreatedAt = now()
	err = s.update(maxValues, func(tx *bolt.Tx) (err error) {
		b := tx.Bucket(bucketCampaigns)
		if tx.Bucket(bucketNames).Get([]byte(c.Template)) == nil { // removed since
			return fmt.Errorf("template %s: %w", c.Template, ErrNotFound)
		}
		if c.ID, err = b.NextSequence(); err != nil {
			return err
		}
		return putJSON(b, key(c.ID), c)
	})
	if err != nil {
		return Campaign{}, fmt.Errorf("store campaign: %w", err)
	}
	s.log().Info("campaign created", "campaign", c.ID, "template", c.Template)
	return c, nil
}

// Edit replaces what a person wrote in a draft. One that is scheduled, or was
// held at its time, becomes a draft without a schedule: what was confirmed is not
// what it is now. ErrNotFound, ErrState once it is sealed, and what Create returns.
func (s *Store) Edit(ctx context.Context, c Campaign) (Campaign, error) {
	edited, err := s.draft(ctx, c)
	if err != nil {
		return Campaign{}, err
	}
	edited.ID = c.ID
	return s.change(c.ID, func(old *Campaign) error {
		if !old.Sealed.IsZero() || old.State == spool.Cancelled {
			return fmt.Errorf("campaign %d is started and cannot be edited: %w", c.ID, ErrState)
		}
		edited.CreatedAt = old.CreatedAt
		if sc := old.Schedule; sc != nil && sc.Pinned && edited.TemplateVersion == old.TemplateVersion {
			edited.TemplateVersion = 0 // the schedule had fixed it
		}
		*old = edited
		return nil
	})
}

// draft checks what a person wrote and keeps only that.
func (s *Store) draft(ctx context.Context, c Campaign) (Campaign, error) {
	t, err := s.Template(c.Template, c.TemplateVersion)
	if err != nil {
		return c, err
	}
	c.Name = strings.TrimSpace(normalize(c.Name))
	if c.Name == "" {
		c.Name = t.Name
	}
	c = Campaign{Name: c.Name, State: spool.Draft, Template: t.Name, TemplateVersion: c.TemplateVersion, Segment: strings.TrimSpace(c.Segment),
		From: strings.TrimSpace(c.From), ReplyTo: strings.TrimSpace(c.ReplyTo), Topic: strings.TrimSpace(c.Topic), Values: c.Values, Attachments: c.Attachments, Window: c.Window, Brake: c.Brake}
	if err := checkName("campaign", c.Name); err != nil {
		return c, err
	}
	if len(c.Segment) > maxExpression || len(c.Topic) > maxTopic {
		return c, &eml.Problem{What: "the segment or topic is too long", Hint: fmt.Sprintf("A segment has at most %d bytes, a topic %d.", maxExpression, maxTopic)}
	}
	if err := eml.CheckHeader(c.Topic); err != nil {
		return c, &eml.Problem{What: "the topic has control characters", Hint: "Write it again without them.", Err: err}
	}
	if err := s.people.CheckTopic(c.Topic); err != nil {
		return c, err
	}
	segment, err := audience.ParseSegment(c.Segment, s.Settings.zone())
	if err != nil {
		return c, err
	}
	if err := s.people.Try(ctx, segment); err != nil {
		return c, err
	}
	for what, box := range map[string]string{"from": c.From, "reply-to": c.ReplyTo} {
		if _, err := eml.ParseMailbox(box); box != "" && err != nil {
			return c, &eml.Problem{What: fmt.Sprintf("the %s address cannot be read: %v", what, err), Hint: `Write it as shop@example.com or "상점 <shop@example.com>".`, Err: err}
		}
	}
	if c.Attachments, err = s.checkAttachments(c.Attachments); err != nil {
		return c, err
	}
	if err := c.checkSteering(s.zoneName()); err != nil {
		return c, err
	}
	c.Values, err = checkValues(c.Values)
	return c, err
}

// checkValues bounds the campaign's values and brings them into one form.
func checkValues(values map[string]string) (map[string]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	kept, size := make(map[string]string, len(values)), 0
	for name, value := range values {
		name, value = strings.TrimSpace(normalize(name)), normalize(value)
		if name == "" {
			return nil, &eml.Problem{What: "a value has no name", Hint: "Write Key=Value."}
		}
		for other := range kept {
			if strings.EqualFold(other, name) {
				return nil, &eml.Problem{What: "the values " + other + " and " + name + " are the same field", Hint: "Names do not depend on case: keep one of them."}
			}
		}
		kept[name] = value
		size += len(name) + len(value)
	}
	if size > maxValues {
		return nil, &eml.Problem{What: fmt.Sprintf("the values have %d bytes, more than %d", size, maxValues), Hint: "Move long text into the template."}
	}
	return kept, nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// change rewrites a campaign's record in one transaction.
func (s *Store) change(id uint64, fn func(*Campaign) error) (Campaign, error) {
	var c Campaign
	err := s.update(0, func(tx *bolt.Tx) error {
		c = Campaign{}
		b := tx.Bucket(bucketCampaigns)
		if err := decodeCampaign(b, id, &c); err != nil {
			return err
		}
		if err := fn(&c); err != nil {
			return err
		}
		return putJSON(b, key(id), c)
	})
	if err != nil {
		return Campaign{}, err
	}
	s.mailings.drop(id)
	s.heavy.drop(id)
	return c, nil
}

func decodeCampaign(b *bolt.Bucket, id uint64, c *Campaign) error {
	raw := b.Get(key(id))
	if raw == nil {
		return fmt.Errorf("campaign %d: %w", id, ErrNotFound)
	}
	if err := readCampaign(raw, id, c); err != nil {
		return &eml.Problem{What: fmt.Sprintf("the record of campaign %d is damaged: %v", id, err), Hint: damagedHint, Err: fmt.Errorf("read campaign %d: %w", id, err)}
	}
	return nil
}

// readCampaign reads a record that stands under an id.
func readCampaign(raw []byte, id uint64, c *Campaign) error {
	err := readJSON(raw, c)
	if err == nil && c.ID != id {
		err = fmt.Errorf("it says that it is campaign %d", c.ID)
	}
	return err
}

const damagedHint = "see what else is with: pabal check; its ledger is kept apart and whole, and the newest backup has the record"

// damagedCampaign stands in a list for one whose record cannot be read; what
// became of its recipients is in the ledger.
func (s *Store) damagedCampaign(id uint64) Campaign {
	c := Campaign{ID: id, Name: "(damaged)", Damaged: true, State: spool.Held, Reason: "its record in " + FileName + " is damaged"}
	if l, err := s.spool.Ledger(id); err == nil {
		c.Sealed, c.State, c.Started, c.First, c.Ended, c.Counts, c.Hold = l.Started, l.State, l.Started, l.First, l.Ended, l.Counts, l.Hold
	}
	return c
}

// record is a campaign as it stands in campaign.db.
func (s *Store) record(id uint64) (Campaign, error) {
	var c Campaign
	err := s.db.View(func(tx *bolt.Tx) error { return decodeCampaign(tx.Bucket(bucketCampaigns), id, &c) })
	return c, err
}

// Campaign returns one campaign with its state, counts and speed as of now.
// ErrNotFound.
func (s *Store) Campaign(id uint64) (Campaign, error) {
	c, err := s.record(id)
	if err != nil {
		return Campaign{}, err
	}
	return s.withLedger(c)
}

// Campaigns returns all campaigns, newest first. One whose record cannot be
// read is among them, Damaged, with what its ledger knows.
func (s *Store) Campaigns() ([]Campaign, error) {
	all := []Campaign{}
	err := s.db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(bucketCampaigns).Cursor()
		for k, raw := cursor.Last(); k != nil; k, raw = cursor.Prev() {
			if len(k) != 8 {
				continue // damaged: no key of ours, and `pabal check` names it
			}
			var c Campaign
			if id := binary.BigEndian.Uint64(k); readCampaign(raw, id, &c) != nil {
				c = Campaign{ID: id, Damaged: true}
			}
			all = append(all, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Damaged {
			all[i] = s.damagedCampaign(all[i].ID)
			continue
		}
		if all[i], err = s.withLedger(all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// States is how many campaigns are in each state. It reads the records of those
// that were never started only.
func (s *Store) States() (map[spool.State]int, error) {
	states := map[spool.State]int{}
	ledgers, _ := s.spool.States()
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucketCampaigns).ForEach(func(k, raw []byte) error {
			if len(k) != 8 {
				return nil // as Campaigns
			}
			id := binary.BigEndian.Uint64(k)
			state, sealed := ledgers[id]
			var c Campaign
			switch {
			case sealed:
			case readCampaign(raw, id, &c) != nil:
				return nil
			case c.Sealed.IsZero():
				state = c.withDue().State
			default:
				state = spool.Freezing
			}
			states[state]++
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count campaigns: %w", err)
	}
	return states, nil
}

// withLedger adds what the spool knows. A campaign that is sealed and has no
// ledger yet is about to be frozen.
func (s *Store) withLedger(c Campaign) (Campaign, error) {
	if c.Sealed.IsZero() {
		return c.withDue(), nil
	}
	c = c.withDue()
	l, err := s.spool.Ledger(c.ID)
	if errors.Is(err, spool.ErrNotFound) {
		c.State, c.Started = spool.Freezing, c.Sealed
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read ledger of campaign %d: %w", c.ID, err)
	}
	c.State, c.Started, c.First, c.Ended, c.Reason, c.Counts = l.State, l.Started, l.First, l.Ended, l.Reason, l.Counts
	c.Acts, c.Window, c.Brake, c.Braked = l.Acts, l.Window, l.Brake, l.Braked
	c.Hold, c.Removed = l.Hold, l.Removed
	c.PerSecond, c.ETA = s.progress.measure(&c, time.Now())
	if c.Hold != nil {
		c.ETA = time.Time{} // it stands; Hold.Until says when it goes on
	}
	return c, nil
}
