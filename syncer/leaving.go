package syncer

import (
	"context"
	"fmt"

	"pabal/audience"
	"pabal/eml"
)

// keepBack notes rows that leave. They leave when all is read and they are not
// too many: a wrong column or a table that lost its addresses makes every row
// one that leaves.
func (p *pass) keepBack(ctx context.Context, gone [][]byte) error {
	known, err := p.s.store.SyncKnown(gone)
	if err != nil || len(known) == 0 {
		return err
	}
	if p.shrink {
		batch, err := p.s.store.NewSyncBatch(audience.SyncOptions{Trusted: p.table.TrustResubscribe})
		if err != nil {
			return err
		}
		return p.remove(ctx, batch, known)
	}
	for _, key := range known {
		p.leaving[string(key)] = true
	}
	p.mark.Run.Again = true
	if len(p.leaving) >= manyRows {
		return p.tooMany(len(p.leaving), "more")
	}
	return nil
}

// tooMany is about more rows gone than can be believed.
func (p *pass) tooMany(gone int, of string) error {
	return &eml.Problem{Code: CodeShrunk, What: fmt.Sprintf("%d of %s rows are not in %s any more, or are nobody to write to now: too many to be believed", gone, of, p.table.what()),
		Hint: "is it the right database, table and e-mail column? nobody was removed; if it is right: pabal sync --full --shrink", Err: ErrShrunk}
}

// leave takes out the rows kept back by a tick.
func (p *pass) leave(ctx context.Context) (err error) {
	known := len(p.leaving)
	if known > fewRows {
		if known, err = p.s.store.SyncRows(); err != nil {
			return err
		}
	}
	return p.takeOut(ctx, known, nil)
}

// noRows is about a source that has nobody: more often a wrong one than a shop
// without customers.
func (p *pass) noRows() error {
	return &eml.Problem{Code: CodeNoRows, What: p.table.what() + " has no rows" + map[bool]string{true: " that mysql.where takes"}[p.table.Where != ""],
		Hint: "is it the right database and table? nobody was removed", Err: ErrShrunk}
}

// sweep takes out rows that we know and the source does not have.
func (p *pass) sweep(ctx context.Context) error {
	known, gone, err := p.vanished(ctx)
	if err != nil {
		return err
	}
	return p.takeOut(ctx, known, gone)
}

// takeOut takes out those rows and those kept back, if they are not too many
// of the known ones.
func (p *pass) takeOut(ctx context.Context, known int, gone [][]byte) error {
	for key := range p.leaving {
		gone = append(gone, []byte(key))
	}
	if most := max(fewRows, known/2); !p.shrink && (len(gone) > most || len(gone) >= manyRows) {
		return p.tooMany(len(gone), itoa(int64(known)))
	}
	pair, err := p.batches(false)
	if err != nil {
		return err
	}
	for len(gone) > 0 {
		n := min(len(gone), 1000)
		if err := p.remove(ctx, pair[0], gone[:n]); err != nil {
			return err
		}
		gone = gone[n:]
	}
	clear(p.leaving)
	return nil
}

// remove takes rows out.
func (p *pass) remove(ctx context.Context, batch *audience.SyncBatch, keys [][]byte) error {
	batch.Reset()
	for _, key := range keys {
		batch.Add(&audience.SyncRow{Key: key, Gone: true})
	}
	did, err := p.s.store.Sync(ctx, batch, nil)
	p.mark.Run.Result.SyncResult.Add(did)
	return err
}

// vanished walks the rows we know, and asks for each whether it is there.
func (p *pass) vanished(ctx context.Context) (known int, gone [][]byte, err error) {
	var after []byte
	p.s.phase(PhaseGone, 0, p.mark.Run.Result.Read) // about as many as were read
	for {
		p.s.progress(int64(known))
		keys, err := p.s.store.SyncKeys(after, someRows)
		if err != nil || len(keys) == 0 {
			return known, gone, err
		}
		known, after = known+len(keys), keys[len(keys)-1]
		there, err := p.present(ctx, keys)
		if err != nil {
			return known, gone, err
		}
		for _, key := range keys {
			if !there[string(key)] && len(gone) < manyRows {
				gone = append(gone, key)
			}
		}
	}
}
