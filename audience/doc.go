// Package audience keeps who may be written to: subscribers, their consent and
// preferences, suppressed addresses, segments, and the signed tokens of
// unsubscribe links.
//
// It promises: a write is on disk when its method returns; an opt-out, a choice of
// topics and frequency, and a suppression (not for soft bounces) is also in optouts.log before that,
// and is read back from there when a restored audience.db does not know it; a lower source never re-subscribes anybody
// (see decide, the one place where consent is judged); a CSV or XLSX file that is
// broken anywhere changes nothing, and an import that was begun is finished, or
// can be, whatever ends the process meanwhile; memory does not grow with the audience, but
// for a set of short hashes of a file's addresses while it is imported (16 MB
// at 1M rows). It sends nothing and knows no
// campaign. All methods of Store may be called at the same time.
//
// audience.db is a bbolt file with these buckets; integers are big-endian,
// times int64 unix ms in UTC with 0 for none:
//
//	meta         salt (16 bytes); "key" + id byte -> HMAC key of 32
//	             bytes, the highest id signs; indexed: every subscriber up to
//	             this id is in email; optouts: offset in optouts.log;
//	             sync: the mark of the sync
//	subscribers  id u64 -> packed record (record.go); the sequence is the
//	             newest id, ids are never used twice; its count is in meta
//	email        address hash (first 8 bytes), id u64 -> nothing
//	external     external id -> id u64
//	suppressed   address hash (16 bytes) -> Suppression as JSON
//	optouts      address hash (16 bytes) -> source byte, time: the address
//	             stays out when the person is deleted and comes in again
//	history      id u64, sequence u64 -> Change as JSON. A subscriber without a
//	             line has the one that its record tells: import and consent
//	names        kind byte (a attribute, t tag, o topic), id u32 -> count u64, name
//	imports      number u32 -> importRecord as JSON: name, time, how far it is;
//	             number u32, row u64 -> why the store did not take that row,
//	             until the import is done
//	rows         key of a row of the customers' table -> its subscriber, change
//	             time and word about consent (store_sync_rows.go)
//	rowsof       subscriber id u64, key of a row -> nothing
//	feedback     address hash (16 bytes) -> what was fed of it since something
//	             went wrong there (feedback_entry.go)
//	delivered    sequence u64 -> deliveries of the last day (store_delivered.go)
//	erased       sequence u64 -> Erasure as JSON: tombstones (store_erase.go)
//	asked        address hash (16 bytes) -> time of the last mail that asked
//	             whether they want mail (store_confirm.go)
//	outs         time learned u64, id u64 -> nothing: opt-outs in the order they
//	             were learned (store_outs.go)
//	choices      address hash (16 bytes) -> topics and frequency chosen by who
//	             has or had the address, who chose and when (choices.go): the
//	             record of who has it says the same, and gets it from here
//	former       id u64 of who was removed -> hash of their last address (16
//	             bytes), nothing of who was erased (store_former.go)
//	reread       key of a row whose fields are to be read again -> nothing
//
// Beside it, the folder imports holds the rows of imports that are not finished
// (import_rows.go) and, for 30 days, the reports of rejected rows.
//
// What somebody chose is kept with the address, as their refusal of all mail is:
//
//   - It ends with no record: who comes again at the address, by a row, a file or
//     the operator, has it again, and the operator still cannot loosen it.
//   - A person who moves to another address takes all of it along; what they
//     refused stays refused at the old address too, and what was refused at the
//     new one holds. A row that leaves or joins others takes the refusals along.
//   - Of two words about one thing any refusal wins, but that at one address the
//     person's own later word wins over an older one (choices.hear, choices.carry).
//   - A line of optouts.log has all that person or operator changed, refusal or
//     wish, so that a restored backup forgets neither; not what files say.
//   - Erasing leaves the refusals with the hash, as it leaves an opt-out.
//
// An address with one choice takes 65 bytes of the file, one without none.
//
// The address hash is SHA-256 over the salt and eml.Key of the address.
package audience
