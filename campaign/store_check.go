package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"pabal/store"
)

const maxFaults = 100

// Check walks campaign.db: its structure, every template with its name and
// versions, every campaign and the template it was made of. faults is empty for
// a good store and ends at 100; err means that the walk itself did not end.
func (s *Store) Check(ctx context.Context) (faults []string, err error) { return checkFile(ctx, s.db) }

// CheckFile is Check for a campaign.db in dir that no daemon has open. It
// changes nothing.
func CheckFile(ctx context.Context, dir string) (faults []string, err error) {
	db, err := openFile(dir, true)
	if err != nil {
		return nil, err
	}
	faults, err = checkFile(ctx, db)
	return faults, errors.Join(err, db.Close())
}

func checkFile(ctx context.Context, db *store.Store) ([]string, error) {
	c := &check{faults: []string{}}
	err := db.Check(ctx)
	if err == nil {
		err = db.Guard(func(tx *bolt.Tx) error {
			return errors.Join(c.templates(ctx, tx), c.campaigns(ctx, tx), c.files(ctx, tx))
		})
	}
	if errors.Is(err, store.ErrDamaged) {
		c.fault("%v", err)
		err = nil
	}
	return c.faults, err
}

type check struct{ faults []string }

func (c *check) fault(format string, args ...any) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// templates proves that names and templates name each other and that all
// versions up to the newest are there.
func (c *check) templates(ctx context.Context, tx *bolt.Tx) error {
	names, templates, count := tx.Bucket(bucketNames), tx.Bucket(bucketTemplates), 0
	err := templates.ForEach(func(k, raw []byte) error {
		count++
		var t Template
		if err := readJSON(raw, &t); err != nil || !bytes.Equal(key(t.ID), k) {
			c.fault("template %x cannot be read: %v", k, err)
			return ctx.Err()
		}
		if !bytes.Equal(names.Get([]byte(t.Name)), k) {
			c.fault("template %s is not in the index of names", t.Name)
		}
		for version := 1; version <= t.Version; version++ {
			c.version(tx, t, version)
		}
		return ctx.Err()
	})
	if n := names.Stats().KeyN; err == nil && n != count {
		c.fault("%d names of templates, %d templates", n, count)
	}
	return err
}

func (c *check) version(tx *bolt.Tx, t Template, version int) {
	var head Template
	b := tx.Bucket(bucketVersions).Bucket(versionName(t.ID, version))
	switch {
	case b == nil:
		c.fault("template %s: version %d is missing", t.Name, version)
	default:
		if err := readVersion(b, &head); err != nil || head.Version != version {
			c.fault("template %s: version %d cannot be read: %v", t.Name, version, err)
		}
		for _, i := range head.Images {
			if k := fileKey(i.Hash); !i.Missing && (k == nil || tx.Bucket(bucketFiles).Bucket(k) == nil) {
				c.fault("template %s: image %s of version %d is missing", t.Name, i.Name, version)
			}
		}
	}
}

// campaigns proves that every campaign can be read and has its template.
func (c *check) campaigns(ctx context.Context, tx *bolt.Tx) error {
	names, versions := tx.Bucket(bucketNames), tx.Bucket(bucketVersions)
	return tx.Bucket(bucketCampaigns).ForEach(func(k, raw []byte) error {
		var one Campaign
		if err := readJSON(raw, &one); err != nil || !bytes.Equal(key(one.ID), k) {
			c.fault("campaign %x cannot be read: %v", k, err)
			return ctx.Err()
		}
		id := names.Get([]byte(one.Template))
		if len(id) != 8 || versions.Bucket(append(bytes.Clone(id), versionName(0, max(one.TemplateVersion, 1))[8:]...)) == nil {
			c.fault("campaign %d: its template %s version %d is missing", one.ID, one.Template, one.TemplateVersion)
		}
		for _, a := range one.Attachments {
			if k := fileKey(a.Hash); k == nil || tx.Bucket(bucketFiles).Bucket(k) == nil {
				c.fault("campaign %d: its attachment %s is missing", one.ID, a.Name)
			}
		}
		return ctx.Err()
	})
}

// files proves that every file is what its hash says.
func (c *check) files(ctx context.Context, tx *bolt.Tx) error {
	return tx.Bucket(bucketFiles).ForEachBucket(func(k []byte) error {
		if _, err := fileBytes(tx, k); err != nil {
			c.fault("%v", err)
		}
		return ctx.Err()
	})
}
