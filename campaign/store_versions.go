package campaign

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// errUsed is a template that a campaign names.
var errUsed = errors.New("a campaign is made of it")

// Versions returns every version of a template without its bodies, the newest
// first. ErrNotFound.
func (s *Store) Versions(name string) ([]Template, error) {
	all := []Template{}
	err := s.db.View(func(tx *bolt.Tx) error {
		id := tx.Bucket(bucketNames).Get([]byte(normalize(name)))
		if id == nil {
			return fmt.Errorf("template %s: %w", name, ErrNotFound)
		}
		var newest Template
		if err := readJSON(tx.Bucket(bucketTemplates).Get(id), &newest); err != nil {
			return fmt.Errorf("read template %s: %w", name, err)
		}
		for version := newest.Version; version > 0; version-- {
			b := tx.Bucket(bucketVersions).Bucket(versionName(newest.ID, version))
			if b == nil {
				return fmt.Errorf("template %s version %d: %w", name, version, ErrNotFound)
			}
			var t Template
			if err := readJSON(b.Get([]byte("head")), &t); err != nil {
				return fmt.Errorf("read template %s version %d: %w", name, version, err)
			}
			all = append(all, s.located(t))
		}
		return nil
	})
	return all, err
}

// RemoveTemplate removes a template with all its versions, if no campaign was
// ever made of it: what was mailed, or is about to be, is kept. It returns an
// *eml.Problem that names the campaign otherwise, and ErrNotFound.
func (s *Store) RemoveTemplate(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name = normalize(name)
	err := s.update(0, func(tx *bolt.Tx) error {
		id := tx.Bucket(bucketNames).Get([]byte(name))
		if id == nil {
			return fmt.Errorf("template %s: %w", name, ErrNotFound)
		}
		if err := unused(tx, name); err != nil {
			return err
		}
		var newest Template
		if err := readJSON(tx.Bucket(bucketTemplates).Get(id), &newest); err != nil {
			return fmt.Errorf("read template %s: %w", name, err)
		}
		versions := tx.Bucket(bucketVersions)
		for version := 1; version <= newest.Version; version++ {
			if err := versions.DeleteBucket(versionName(newest.ID, version)); err != nil && !errors.Is(err, bolt.ErrBucketNotFound) {
				return fmt.Errorf("remove version %d of template %s: %w", version, name, err)
			}
		}
		return errors.Join(tx.Bucket(bucketTemplates).Delete(key(newest.ID)), tx.Bucket(bucketNames).Delete([]byte(name)))
	})
	if err != nil {
		return err
	}
	s.log().Info("template removed", "template", name)
	return nil
}

// unused refuses a template that a campaign names.
func unused(tx *bolt.Tx, name string) error {
	return tx.Bucket(bucketCampaigns).ForEach(func(k, raw []byte) error {
		var c Campaign
		if err := readJSON(raw, &c); err != nil {
			return &eml.Problem{What: fmt.Sprintf("the record of campaign %x is damaged, and may be made of this template", k), Hint: damagedHint, Err: err}
		}
		if c.Template != name {
			return nil
		}
		return &eml.Problem{What: fmt.Sprintf("the template %s belongs to campaign %d (%s)", eml.Visible(name), c.ID, eml.Visible(c.Name)),
			Hint: "templates that campaigns are made of are kept: what was mailed can be looked at later", Err: errUsed}
	})
}
