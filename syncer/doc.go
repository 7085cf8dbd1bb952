// Package syncer keeps the audience in step with the customers' table of a
// MySQL or MariaDB server. It only reads there.
//
// A full pass walks the table in the order of its key, in chunks of one query
// and one commit each, then takes out the rows we know and the table does not
// have any more (a first load in one go has none). It is the first load, runs
// again once a day and whenever the configuration of the source changed. A tick
// reads what changed since the watermark, in the order of (updated_at, id), and again what changed in the
// Overlap before it: a transaction that committed late has an older time than
// its neighbours. The watermark is the server's own clock as it was before the
// pass began. How far a pass got is stored with the rows it stored, so that a
// killed one goes on where it was. A clock of the server that was set back, or
// two clocks that went apart, lead to a full pass.
//
// Where the rows are from is kept with the mark. From another source a pass only
// reads on if it has the same people under the same ids, or an order says that
// it is new (source.go).
//
// It promises: whoever the table does not say yes of (exactly one of
// Config.SubscribedYes) is not subscribed; MySQL never re-subscribes anybody
// (audience.Store.Sync); one bad row never stops the others; memory is bounded
// whatever the server sends; an error is in Status, with what to do, and the
// next try follows by itself.
//
// It does not know binary logs: what changes without updated_at changing is
// found by the daily pass.
package syncer
