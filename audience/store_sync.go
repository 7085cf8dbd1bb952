package audience

import (
	"bytes"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// fromSync is the origin of those whom a row made.
const fromSync = ^uint32(0)

// syncRun is a batch inside a commit.
type syncRun struct {
	*update
	rows, rowsOf, again *bolt.Bucket

	options  *SyncOptions
	later    bool     // new addresses go into the e-mail index after the commit
	columns  []uint32 // numbers of the attributes, 0 before first use
	newest   []byte   // the last key of rows: what is after it is not known
	rereads  bool     // there are rows to be read again
	erasures bool     // somebody was erased
	result   SyncResult
	places   places
	moving   map[uint64]choices // what those chose who lost their address and whose row is still to come
}

// sync stores a batch and the mark.
func (u *update) sync(b *SyncBatch, mark func(SyncResult) []byte, later bool) (SyncResult, error) {
	run := u.syncing(&b.options, later)
	run.places.rows = b.rows
	for i := range b.rows {
		run.places.at = i
		if err := run.row(&b.rows[i]); err != nil {
			return SyncResult{}, fmt.Errorf("row %s: %w", eml.Visible(b.rows[i].id), err)
		}
	}
	if mark == nil {
		return run.result, nil
	}
	return run.result, u.tx.Bucket(bucketMeta).Put(metaSync, mark(run.result))
}

func (u *update) syncing(o *SyncOptions, later bool) *syncRun {
	run := &syncRun{
		update: u, options: o, later: later, columns: make([]uint32, len(o.Attributes)), moving: map[uint64]choices{},
		rows: u.tx.Bucket(bucketRows), rowsOf: u.tx.Bucket(bucketRowsOf), again: u.tx.Bucket(bucketReread),
	}
	run.rows.FillPercent, run.rowsOf.FillPercent = 0.9, 0.9 // a first load is in key order
	run.newest = bytes.Clone(end(run.rows))
	run.rereads = end(run.again) != nil
	run.erasures = end(u.tx.Bucket(bucketErased)) != nil
	if !o.Load {
		u.s.seen = nil
	}
	return run
}

// row stores one row.
func (u *syncRun) row(r *syncRow) error {
	if u.rereads {
		if err := u.again.Delete(r.key); err != nil {
			return err
		}
	}
	old, known := u.entry(r.key)
	switch {
	case r.gone && !known:
		return nil
	case !r.gone && u.erasures && u.erased(r.hash):
		u.result.Erased++
		if !known {
			return nil
		}
		fallthrough
	case r.gone:
		u.result.Removed++
		return u.vanish(r.key, old)
	}
	was, err := u.owner(old, known)
	if err != nil {
		return err
	}
	if was != nil && eml.Key(was.email) == eml.Key(r.email) {
		return u.stay(was, r, old)
	}
	if known && was == nil { // erased
		if err := u.rowsOf.Delete(append(key64(old.person), r.key...)); err != nil {
			return err
		}
	}
	if u.options.Load {
		u.watch()
	}
	p, err := u.holder(r)
	switch {
	case err != nil:
		return err
	case was != nil:
		return u.move(was, p, r, old)
	case p == nil:
		return u.fresh(r, refusals{})
	}
	return u.join(p, r, true, refusals{})
}

// owner is who a known row belonged to, nil if nobody or somebody erased.
func (u *syncRun) owner(old sourceRow, known bool) (*person, error) {
	if !known {
		return nil, nil
	}
	p, err := u.get(old.person)
	if err == ErrNotFound {
		return nil, nil
	}
	return p, err
}

// fresh makes a subscriber of a row; said is what its person refused under another address.
func (u *syncRun) fresh(r *syncRow, said refusals) error {
	p := &person{email: r.email, origin: fromSync}
	if _, err := u.fields(p, r); err != nil {
		return err
	}
	c, k := u.said(p, r, r.yes, r.consentAt)
	var v verdict
	p.consent, v = decide(u.addressConsent(r.hash), c, k)
	if v == applied && c.Subscribed {
		if err := u.optouts.Delete(r.hash[:]); err != nil {
			return err
		}
	}
	if err := u.create(p, r.hash, u.later); err != nil {
		return err
	}
	if v == refused {
		if err := u.remember(p, Change{At: fromMillis(millis(c.At)), Subscribed: c.Subscribed, Source: MySQL, Detail: detail(r)}); err != nil {
			return err
		}
	}
	u.result.Created++
	if v == refused && r.yes {
		u.result.KeptOut++
	}
	if err := u.enter(r, p.id); err != nil {
		return err
	}
	changed, err := u.refused(p, r, said)
	if err != nil || !changed {
		return err
	}
	return u.put(p)
}

// stay stores a row whose address did not change.
func (u *syncRun) stay(p *person, r *syncRow, old sourceRow) error {
	if old == (sourceRow{p.id, r.updated, r.yes, r.consentAt}) {
		return u.settle(p, r, old, false, false)
	}
	if err := u.enter(r, p.id); err != nil {
		return err
	}
	return u.settle(p, r, old, old.yes != r.yes || old.consentAt != r.consentAt, false)
}

// join makes a row one of p's; said is what its person refused under another address.
func (u *syncRun) join(p *person, r *syncRow, news bool, said refusals) error {
	if err := u.enter(r, p.id); err != nil {
		return err
	}
	changed, err := u.refused(p, r, said)
	if err != nil {
		return err
	}
	return u.settle(p, r, sourceRow{}, news, changed)
}

// move stores a row whose address changed from was's to p's, or to nobody's.
func (u *syncRun) move(was, p *person, r *syncRow, old sourceRow) error {
	alone := len(u.members(was.id)) == 1
	if p == nil && alone {
		return u.rename(was, r, old)
	}
	list, lost, err := u.chosenBy(was)
	if err != nil {
		return err
	}
	said := refusals{carried(was.consent), list.refusals()}
	if err := u.leave(r.key, old, was); err != nil {
		return err
	}
	if alone && !lost && was.origin == fromSync { // what was wished for at the old address is not the next one's wish
		if err := u.keepRefusals(u.s.hash(was.email)); err != nil {
			return err
		}
	}
	if p == nil {
		return u.fresh(r, said)
	}
	return u.join(p, r, true, said)
}

// carried is the refusal that goes with a person to another address. A bounce
// is of the address.
func carried(c Consent) Consent {
	if !c.refuses() || c.Source == Bounce {
		return Consent{}
	}
	return c
}

// rename gives a person another address. What they refused stays on the old one too.
func (u *syncRun) rename(p *person, r *syncRow, old sourceRow) error {
	before := u.s.hash(p.email)
	if err := u.unindex(p.id, before); err != nil {
		return err
	}
	if err := u.keepRefusal(before, p.consent); err != nil {
		return err
	}
	if err := u.rehome(p, r); err != nil {
		return err
	}
	p.email, p.suppressed = r.email, u.blocked.Get(r.hash[:]) != nil
	if err := u.indexNow(r.hash, p.id); err != nil {
		return err
	}
	p.consent = carriedOr(p.consent)
	if err := u.meet(p, r); err != nil {
		return err
	}
	if err := u.enter(r, p.id); err != nil {
		return err
	}
	news := old.yes != r.yes || old.consentAt != r.consentAt || p.consent.Unsaid()
	return u.settle(p, r, old, news, true)
}

// meet brings p's consent and what was refused at the address that p gets now
// together: the stronger refusal stays on both, and a yes that the person gave
// at another address does not undo a refusal at this one.
func (u *syncRun) meet(p *person, r *syncRow) error {
	there := u.addressConsent(r.hash)
	switch {
	case there.Source == "" && !p.consent.refuses():
		return nil
	case there.Source == "":
		return u.markAddress(r.hash, p.consent)
	case p.consent.Subscribed && p.consent.Source == Person:
		p.consent.Source = MySQL // all it is worth here
	}
	v, err := u.say(p, r.hash, there, stated, detail(r))
	if err != nil || v == applied {
		return err
	}
	return u.markAddress(r.hash, p.consent)
}

// carriedOr is a consent as it goes to another address: all but a bounce.
func carriedOr(c Consent) Consent {
	if !c.Subscribed && c.Source == Bounce {
		return Consent{}
	}
	return c
}

// settle ends a row: the newest of p's rows gives the fields, all of them
// together the consent. news says that the row's word about consent is new,
// changed that p has to be written in any case.
func (u *syncRun) settle(p *person, r *syncRow, old sourceRow, news, changed bool) error {
	members := u.members(p.id)
	newest := newestOf(members)
	if string(newest.key) == string(r.key) {
		did, err := u.fields(p, r)
		if err != nil {
			return err
		}
		changed = changed || did
	} else if old.person == p.id && (member{r.key, old}).newer(newest) { // r gave them until now
		if err := u.reread(newest.key); err != nil {
			return err
		}
	}
	v, err := u.judge(p, r, members, news)
	if err != nil {
		return err
	}
	if !changed && v != applied {
		u.result.Unchanged++
		return nil
	}
	u.result.Updated++
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// judge lets decide hear what the rows of p say together.
func (u *syncRun) judge(p *person, r *syncRow, members []member, news bool) (verdict, error) {
	yes, consentAt := true, int64(0)
	for _, m := range members {
		yes, consentAt = yes && m.yes, max(consentAt, m.consentAt)
	}
	mine := u.options.Trusted && yes && !p.consent.Subscribed && p.consent.Source == MySQL
	if !news && !mine || !yes && r.yes { // a refusal was said by its own row
		return nothingNew, nil
	}
	c, k := u.said(p, r, yes, consentAt)
	v, err := u.say(p, r.hash, c, k, detail(r))
	if v == refused && yes {
		u.result.KeptOut++
	}
	return v, err
}

// said is the source's word. A refusal is as old as the row's last change (its
// fraction of a second is often not kept), so that it does not undo what the
// person did since; a yes only counts as the person's own where it has a date.
func (u *syncRun) said(p *person, r *syncRow, yes bool, consentAt int64) (Consent, kind) {
	c := Consent{Subscribed: yes, Source: MySQL, At: u.now}
	switch {
	case !yes:
		if at := time.UnixMicro(r.updated).Add(time.Second - time.Millisecond); r.updated > 0 && at.Before(u.now) {
			c.At = at
		}
	case u.options.Trusted && !p.consent.Subscribed && p.consent.Source == MySQL:
		return c, trusted
	case consentAt != 0 && consentAt <= u.now.UnixMilli():
		c.At = fromMillis(consentAt)
		return c, dated
	case u.options.Trusted:
		return c, trusted
	}
	return c, stated
}

// fields sets what the row has.
func (u *syncRun) fields(p *person, r *syncRow) (changed bool, err error) {
	set := func(at *string, to string) {
		if *at != to {
			*at, changed = to, true
		}
	}
	set(&p.email, r.email)
	if !u.options.NoName {
		set(&p.name, r.name)
	}
	if !u.options.NoGender && p.gender != r.gender {
		p.gender, changed = r.gender, true
	}
	if !u.options.NoCreated && p.created != r.created {
		p.created, changed = r.created, true
	}
	if p.external != r.id {
		if err := u.dropExternal(p); err != nil {
			return changed, err
		}
		p.external, changed = r.id, true
	}
	for i, value := range r.values {
		did, err := u.attributeOf(p, i, value)
		if err != nil {
			return changed, err
		}
		changed = changed || did
	}
	return changed, nil
}

// attributeOf sets the i-th attribute of the batch.
func (u *syncRun) attributeOf(p *person, i int, value string) (bool, error) {
	if u.columns[i] == 0 {
		if u.columns[i] = u.s.names.lookup(attributeName, u.options.Attributes[i]); u.columns[i] == 0 {
			if value == "" {
				return false, nil
			}
			var err error
			if u.columns[i], err = u.s.names.need(attributeName, u.options.Attributes[i]); err != nil {
				return false, err
			}
		}
	}
	return u.value(p, u.columns[i], value), nil
}

// dropExternal takes p's external id out of the index of those given by files.
func (u *syncRun) dropExternal(p *person) error {
	b := u.tx.Bucket(bucketExternal)
	if p.external == "" || number(b.Get([]byte(p.external))) != p.id {
		return nil
	}
	return b.Delete([]byte(p.external))
}

func detail(r *syncRow) string { return eml.Cut(DetailRow+r.id, maxDetail) }
