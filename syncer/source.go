package syncer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"pabal/eml"
)

// identity is a mark of where ids are from: server, database, table or query,
// and column. Under another one the same id may be another person's.
func (c *Config) identity() (string, error) {
	d, err := c.driver()
	if err != nil {
		return "", err
	}
	table := c.Table
	if c.Query != "" {
		table = ""
	}
	b, err := json.Marshal([]string{d.Net, d.Addr, d.DBName, table, c.Query, c.Columns.ID})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

// another is how many of a hundred known rows may have another address before a
// source with another identity is one of other people.
const another = 5

// knownSource lets a pass go on if the rows it will read are those known.
// Otherwise every address that changed would take its person, with consent and
// preferences, to a stranger. A server that moved, or a query that was mended,
// has the same people under the same ids, and needs no word from anybody; a
// source of others is an error until an order says that it is new: then the
// rows known are forgotten, and people are found by their addresses.
func (s *Syncer) knownSource(ctx context.Context, p *pass, o *Order) error {
	id, err := s.config.identity()
	if err != nil {
		return err
	}
	if p.mark.Source == id && !o.New {
		return nil
	}
	if p.mark.Source != "" || o.New { // else a store from before identities were kept, or an empty one
		if o.New {
			err = p.forget(ctx)
		} else {
			err = p.samePeople(ctx)
		}
		if err != nil {
			return err
		}
		s.log.Info("source of the sync changed", "forgotten", o.New)
		p.mark.Run, p.mark.Watermark = nil, 0 // every row is read again
	}
	p.mark.Source = id // stored with the first rows
	return nil
}

// forgetting is the identity of no source: whatever pass comes after a crash
// looks at the rows that are known still.
const forgetting = "forgetting"

// forget forgets the rows known.
func (p *pass) forget(ctx context.Context) error {
	p.mark.Source, p.mark.Run, p.mark.Watermark = forgetting, nil, 0
	if err := p.save(ctx); err != nil {
		return err
	}
	return p.s.store.SyncForget(ctx)
}

// samePeople compares some of the rows known with those of the source.
func (p *pass) samePeople(ctx context.Context) error {
	keys, err := p.s.store.SyncSample(someRows)
	if err != nil || len(keys) == 0 {
		return err
	}
	pair, err := p.batches(false)
	if err != nil {
		return err
	}
	query, args := p.table.some(keys)
	if _, err := p.read(ctx, pair[0], query, args); err != nil {
		return err
	}
	same, other, err := p.s.store.SyncSame(pair[0])
	if err != nil {
		return err
	}
	if same > 0 && other*100 <= (same+other)*another {
		return nil
	}
	return &eml.Problem{Code: CodeSource, What: fmt.Sprintf("%s is not where the customers were read from before, and its ids are those of other people (of %d rows looked at %d have the known address)", p.table.what(), len(keys), same),
		Hint: "if it is a mistake, mend the DSN, mysql.table or mysql.query: nothing was changed; if the customers are there now: pabal sync --full --new-source"}
}
