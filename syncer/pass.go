package syncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pabal/audience"
	"pabal/eml"
)

const (
	firstRows = 1000 // of a chunk; it grows while the answers are small
	mostRows  = 5000 // of a chunk and a commit
	someRows  = 500  // ids in one query
	// A pass that would take out more than half of the rows, and more than
	// these, asks first: it is more often a wrong table than so many goodbyes.
	fewRows  = 100
	manyRows = 500_000 // kept in memory while they are counted
	// Counting is for the progress bar: 10M rows of MariaDB take a second or two.
	countTime = 5 * time.Second
)

// pass is one sync.
type pass struct {
	s       *Syncer
	server  *server
	table   *table
	mark    mark
	limit   int
	empty   bool            // no row was known when it began
	shrink  bool            // take out rows however many they are
	leaving map[string]bool // keys of rows that are known and leave, kept back until all is read
}

// read reads the rows of a query into a batch.
func (p *pass) read(ctx context.Context, batch *audience.SyncBatch, query string, args []any) (*reader, error) {
	ctx, cancel := context.WithTimeout(ctx, p.table.queryLimit())
	defer cancel()
	batch.Reset()
	p.server.tooMuch.Store(false)
	rows, err := p.server.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, p.why(ctx, err)
	}
	defer rows.Close()
	r := p.table.reader(batch)
	r.leaving = p.leaving
	for rows.Next() {
		if err := r.take(rows); err != nil {
			return nil, p.why(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, p.why(ctx, err)
	}
	if r.texts.wrong() {
		return nil, &eml.Problem{Code: CodeCharset, What: fmt.Sprintf("the names in %s are in another character set than their column declares (%d of %d on the way)", p.table.what(), r.texts.broken, r.texts.foreign),
			Hint: "mend the table, or read it with mysql.query: CONVERT(CAST(CONVERT(name USING latin1) AS BINARY) USING utf8mb4) AS name, or USING euckr"}
	}
	return r, nil
}

// now is the server's clock, unix µs.
func (p *pass) now(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.table.queryLimit())
	defer cancel()
	now, err := p.server.now(ctx)
	return now, p.why(ctx, err)
}

// why is what a query died of where the driver hides it.
func (p *pass) why(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if p.server.tooMuch.Load() {
		return errTooMuch
	}
	if cause := over(ctx); cause != nil {
		return cause
	}
	return err
}

// chunk reads the next rows by a query that takes a limit, fewer if they are too large.
func (p *pass) chunk(ctx context.Context, batch *audience.SyncBatch, query func(limit int) (string, []any)) (*reader, error) {
	for {
		limit := p.limit
		q, args := query(limit)
		r, err := p.read(ctx, batch, q, args)
		if errors.Is(err, errTooMuch) && limit > 1 {
			p.limit = max(1, limit/8)
			continue
		}
		if err == nil && batch.Size() < maxResponse/16 {
			p.limit = min(mostRows, 2*limit)
		}
		return r, err
	}
}

// batches gives two batches, so that one is read while the other is stored.
func (p *pass) batches(load bool) (pair [2]*audience.SyncBatch, err error) {
	t := p.table
	o := audience.SyncOptions{Attributes: t.names, NoName: t.name < 0, NoGender: t.gender < 0, NoCreated: t.created < 0,
		Trusted: t.TrustResubscribe, Apart: true, Load: load}
	for i := range pair {
		if pair[i], err = p.s.store.NewSyncBatch(o); err != nil {
			return pair, err
		}
	}
	return pair, nil
}

// pages are the queries of a walk.
type pages struct {
	query func(at *position, limit int) (string, []any)
	whole func(at *position) bool // nothing follows the rows of that query
}

// walk reads and stores chunk after chunk until there are no more rows: the
// next one is read while the last one is stored. Each is stored with the
// position after it.
func (p *pass) walk(ctx context.Context, pages pages) error {
	pair, err := p.batches(p.mark.Run.Full)
	if err != nil {
		return err
	}
	stored := make(chan error, 1)
	stored <- nil
	at := p.mark.Run.At
	for n := 0; ; n++ {
		batch := pair[n%2]
		limit, whole := 0, pages.whole(at)
		r, err := p.chunk(ctx, batch, func(most int) (string, []any) {
			limit = most
			return pages.query(at, most)
		})
		if err = errors.Join(<-stored, err); err == nil {
			err = p.keepBack(ctx, r.gone)
		}
		if err != nil {
			return err
		}
		if r.result.Read > 0 {
			next := r.last
			at = &next
			go func() { stored <- p.store(ctx, batch, r.result, &next) }()
		} else {
			stored <- nil
		}
		switch short := r.result.Read < int64(limit); {
		case short && whole:
			return <-stored
		case short:
			after := *at
			after.Past = true
			at = &after
		}
	}
}

// store stores a batch and the position after it.
func (p *pass) store(ctx context.Context, batch *audience.SyncBatch, read Result, at *position) error {
	next := *p.mark.Run
	next.At = at
	next.Result.Rejects = next.Result.Rejects[:len(next.Result.Rejects):len(next.Result.Rejects)]
	next.Result.add(read)
	_, err := p.s.store.Sync(ctx, batch, func(did audience.SyncResult) []byte {
		with := next
		with.Result.SyncResult.Add(did)
		p.mark.Run = &with
		return p.mark.bytes()
	})
	p.s.progress(p.mark.Run.Result.Read)
	return err
}

// save stores the mark alone.
func (p *pass) save(ctx context.Context) error {
	batch, err := p.s.store.NewSyncBatch(audience.SyncOptions{})
	if err == nil {
		_, err = p.s.store.Sync(ctx, batch, func(audience.SyncResult) []byte { return p.mark.bytes() })
	}
	return err
}

// full reads every row, then takes out those that vanished.
func (p *pass) full(ctx context.Context) error {
	if !p.mark.Run.Sweeping {
		p.s.phase(PhaseRows, p.mark.Run.Result.Read, p.total(ctx))
		err := p.walk(ctx, pages{func(at *position, limit int) (string, []any) {
			var after []byte
			if at != nil {
				after = at.Key
			}
			return p.table.chunk(after, limit)
		}, func(*position) bool { return true }})
		if err != nil {
			return err
		}
		if p.mark.Run.Result.Read == 0 {
			return p.noRows()
		}
		p.mark.Run.Sweeping, p.mark.Run.At = true, nil
		if p.empty && len(p.leaving) == 0 {
			return nil // what vanished since is seen by the daily pass
		}
	}
	return p.sweep(ctx)
}

// total asks how many rows there are, for the progress bar alone: 0 where that
// takes too long.
func (p *pass) total(ctx context.Context) (n int64) {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	if p.server.db.QueryRowContext(ctx, "SELECT COUNT(*)"+p.table.everybody()).Scan(&n) != nil {
		return 0
	}
	return n
}

// present is which of the keys the source has.
func (p *pass) present(ctx context.Context, keys [][]byte) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, p.table.queryLimit())
	defer cancel()
	query, args := p.table.present(keys)
	rows, err := p.server.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, p.why(ctx, err)
	}
	defer rows.Close()
	there := map[string]bool{}
	var raw sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&raw); err != nil {
			return nil, p.why(ctx, err)
		}
		there[string(p.table.key(nil, raw))] = true
	}
	return there, p.why(ctx, rows.Err())
}

// tick reads what changed since the watermark.
func (p *pass) tick(ctx context.Context) error {
	p.s.phase(PhaseChanges, p.mark.Run.Result.Read, 0)
	from := p.table.from(p.mark.Watermark-p.table.overlap().Microseconds(), p.mark.Run.Next)
	err := p.walk(ctx, pages{
		func(at *position, limit int) (string, []any) { return p.table.changes(from, at, limit) },
		func(at *position) bool { return at == nil || at.Past },
	})
	if err != nil {
		return err
	}
	if p.mark.Run.Result.Read == 0 {
		return p.anybody(ctx)
	}
	return p.leave(ctx)
}

// anybody is an error where the source has no rows at all: one that was emptied
// has no changes either.
func (p *pass) anybody(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.table.queryLimit())
	defer cancel()
	var one int
	err := p.server.db.QueryRowContext(ctx, "SELECT 1"+p.table.everybody()+" LIMIT 1").Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return p.noRows()
	}
	return p.why(ctx, err)
}

// reread reads rows that give a subscriber's fields in place of one that left.
func (p *pass) reread(ctx context.Context) error {
	pair, err := p.batches(false)
	if err != nil {
		return err
	}
	var after []byte
	for {
		keys, err := p.s.store.SyncReread(after, someRows)
		if err != nil || len(keys) == 0 {
			return err
		}
		after = keys[len(keys)-1]
		query, args := p.table.some(keys)
		r, err := p.read(ctx, pair[0], query, args)
		if err != nil {
			return err
		}
		there, err := p.present(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range r.gone {
			delete(there, string(key))
		}
		for _, key := range keys {
			if !there[string(key)] {
				pair[0].Add(&audience.SyncRow{Key: key, Gone: true})
			}
		}
		did, err := p.s.store.Sync(ctx, pair[0], nil)
		if err != nil {
			return err
		}
		p.mark.Run.Result.add(r.result)
		p.mark.Run.Result.SyncResult.Add(did)
	}
}
