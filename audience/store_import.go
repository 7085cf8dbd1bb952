package audience

import (
	"context"
	"fmt"
	"slices"

	"pabal/eml"
)

// rowSize is what a row adds to the file, bytes: 200 measured, with its indexes.
const rowSize = 256

// store puts a batch into one commit, with how far the import is then.
func (im *importer) store(ctx context.Context, b *batch) outcome {
	var o outcome
	o.err = im.s.grow(ctx, len(b.rows)*rowSize, func(u *update) error {
		o = outcome{record: im.record}
		if err := im.begin(u); err != nil {
			return err
		}
		for i := range b.rows {
			if err := im.storeRow(u, &b.rows[i], &o); err != nil {
				return fmt.Errorf("line %d: %w", b.rows[i].line, err)
			}
		}
		o.record.State, o.record.Mark = ImportRunning, b.last
		o.record.Result.sum(b, o.added)
		return u.putImport(im.id, &o.record)
	})
	if o.err == nil && im.s.pending.size() >= maxPending {
		o.err = im.s.flush(ctx)
	}
	return o
}

// sum adds what a batch came to.
func (r *ImportResult) sum(b *batch, added []Reject) {
	r.Duplicate += b.duplicate
	r.Rejected += int64(len(b.rejects) + len(added))
	r.Accepted = r.Created + r.Updated + r.Unchanged
	r.Rows = r.Accepted + r.Duplicate + r.Rejected
	if more := maxRejects - len(r.Rejects); more > 0 {
		all := inOrder(b.rejects, added)
		r.Rejects = slices.Concat(r.Rejects, all[:min(more, len(all))])
	}
}

// storeRow stores one row, or notes that it cannot be taken.
func (im *importer) storeRow(u *update, row *importRow, o *outcome) error {
	refused, err := im.put(u, row, &o.record.Result)
	if err != nil || refused.code == "" {
		return err
	}
	o.added = append(o.added, refused.reject(row))
	return u.tx.Bucket(bucketImports).Put(refusedKey(im.id, row.number), []byte(refused.code))
}

// begin finds or makes the numbers the rows refer to. Names are only made when
// a row needs them, and asked for anew in every commit: one may be rolled back.
func (im *importer) begin(u *update) error {
	im.columns = make([]uint32, len(im.plan.attributes))
	im.tags = im.tags[:0]
	for _, tag := range im.record.Tags {
		id, err := u.s.names.need(tagName, tag)
		if err != nil {
			return err
		}
		im.tags = append(im.tags, id)
	}
	return nil
}

// put stores one row. What it returns is why it cannot be taken after all.
func (im *importer) put(u *update, row *importRow, sums *ImportResult) (wrong, error) {
	p, err := u.find(row.hash, row.email)
	if err != nil {
		return wrong{}, err
	}
	isNew := p == nil
	if isNew {
		if u.erased(row.hash) {
			return wrong{code: rowErased}, nil
		}
		p = &person{email: row.email, origin: im.id}
	}
	if no := im.refuses(u, p, row); no.code != "" {
		return no, nil
	}
	changed, err := im.fields(u, p, row)
	if err != nil {
		return wrong{}, err
	}
	v, err := im.consent(u, p, row, isNew)
	if err != nil {
		return wrong{}, err
	}
	if v == refused && row.subscribed {
		sums.OptedOut++
	}
	moved := row.external != "" && row.external != p.external
	switch {
	case isNew:
		sums.Created++
		err = im.create(u, p, row, v)
	case changed || moved || v == applied:
		sums.Updated++
		p.updated = u.now.UnixMilli()
		err = u.put(p)
	default:
		sums.Unchanged++
	}
	if err == nil && moved {
		err = im.external(u, p, row.external)
	}
	return wrong{}, err
}

// create stores somebody new, with what the row says that only the person
// decides once they are there.
func (im *importer) create(u *update, p *person, row *importRow, v verdict) error {
	if err := im.preferences(u, p, row); err != nil {
		return err
	}
	if row.suppressed && u.blocked.Get(row.hash[:]) == nil {
		said := Suppression{Email: row.email, Reason: "operator", At: u.now.UTC(), Detail: eml.Cut(im.record.Name, maxDetail)}
		if err := u.suppress(row.hash, said); err != nil {
			return err
		}
	}
	if err := u.create(p, row.hash, true); err != nil || v != refused {
		return err
	}
	return im.refusal(u, p, row)
}

// refuses says why a row cannot be taken beside what is stored.
func (im *importer) refuses(u *update, p *person, row *importRow) wrong {
	if row.external != "" && row.external != p.external && u.tx.Bucket(bucketExternal).Get([]byte(row.external)) != nil {
		return wrong{code: rowExternalTaken, text: row.external}
	}
	if len(p.tags)+len(row.tags)+len(im.tags) > maxTags || len(row.tags) > 0 {
		if all, fresh := im.tagsAfter(u, p, row); all > maxTags || fresh > maxNames-len(u.s.names.list(tagName)) {
			return wrong{code: rowTags}
		}
	}
	isNew := func(topic string) bool { return u.s.names.lookup(topicName, topic) == 0 }
	if n := len(row.topicsOff) + len(row.topicsOn); n > maxNames-len(u.s.names.list(topicName)) &&
		(slices.ContainsFunc(row.topicsOff, isNew) || slices.ContainsFunc(row.topicsOn, isNew)) {
		return wrong{code: rowTags}
	}
	size := 0
	for _, value := range row.values {
		size += len(value)
	}
	for _, a := range p.attributes {
		size += len(a.value)
	}
	if size > maxRowValues/4 && im.sizeAfter(u, p, row) > maxRowValues-maxRowRest {
		return wrong{code: rowLong}
	}
	return wrong{}
}

// maxRowRest bounds what a record holds beside the attributes, bytes: address,
// name, external id, tags, topics.
const maxRowRest = 4 << 10

// tagsAfter is how many tags the person would have, and how many of them nobody
// had before.
func (im *importer) tagsAfter(u *update, p *person, row *importRow) (all, fresh int) {
	has, unknown := map[uint32]bool{}, map[string]bool{}
	for _, id := range slices.Concat(p.tags, im.tags) {
		has[id] = true
	}
	for _, tag := range row.tags {
		if id := u.s.names.lookup(tagName, tag); id != 0 {
			has[id] = true
		} else {
			unknown[fold(tagName, tag)] = true
		}
	}
	return len(has) + len(unknown), len(unknown)
}

// sizeAfter is how many bytes the person's attributes would take.
func (im *importer) sizeAfter(u *update, p *person, row *importRow) int {
	const around = 6 // number and length of an attribute
	size := 0
	replaced := map[uint32]bool{}
	for i, value := range row.values {
		if value != "" {
			size += len(value) + around
			replaced[u.s.names.lookup(attributeName, im.plan.attributes[i].name)] = true
		}
	}
	for _, a := range p.attributes {
		if !replaced[a.id] {
			size += len(a.value) + around
		}
	}
	return size
}

// said is what the row says about consent.
func (im *importer) said(u *update, row *importRow) (Consent, kind) {
	c := Consent{Subscribed: row.subscribed, Source: Import, At: u.now, Assumed: im.plan.consent < 0}
	if row.subscribed && row.consentAt != 0 && row.consentAt <= u.now.UnixMilli() {
		c.At, c.Assumed = fromMillis(row.consentAt), false
		return c, dated
	}
	return c, stated
}

// exported is the consent as a file of ExportCSV has it: who said it, and when.
// Only a refusal, and what is said of somebody nothing is known of, are taken
// for what they were.
func (im *importer) exported(u *update, row *importRow, c Consent, known bool) Consent {
	if row.source == "" {
		return c
	}
	c.Assumed = row.assumed
	if known && row.subscribed {
		return c
	}
	c.Source = row.source
	if row.sourceAt != 0 && row.sourceAt <= u.now.UnixMilli() {
		c.At = fromMillis(row.sourceAt)
	}
	return c
}

// consent judges the row. Somebody new gets no history line: the record and
// the import's name tell it; unless the address had refused before.
func (im *importer) consent(u *update, p *person, row *importRow, isNew bool) (verdict, error) {
	c, k := im.said(u, row)
	if !isNew {
		return u.say(p, row.hash, im.exported(u, row, c, true), k, im.record.Name)
	}
	before := u.addressConsent(row.hash)
	c = im.exported(u, row, c, before.Source != "")
	var v verdict
	p.consent, v = decide(before, c, k)
	if v == applied && (before.Source != "" || !c.Subscribed) {
		return v, u.markAddress(row.hash, p.consent) // of two refusals, what they come to
	}
	return v, nil
}

// refusal is the history of somebody new whose address had refused before.
func (im *importer) refusal(u *update, p *person, row *importRow) error {
	c, _ := im.said(u, row)
	return u.remember(p, Change{At: fromMillis(millis(c.At)), Subscribed: c.Subscribed, Source: Import, Detail: eml.Cut(im.record.Name, maxDetail)})
}

// fields sets what the row has; an empty cell leaves what is known.
func (im *importer) fields(u *update, p *person, row *importRow) (changed bool, err error) {
	if row.name != "" && row.name != p.name {
		p.name, changed = row.name, true
	}
	if row.gender != 0 && row.gender != p.gender {
		p.gender, changed = row.gender, true
	}
	if row.lang != 0 && row.lang != p.language && (p.language == 0 || !u.choseLanguage(p.id, languageWords()[p.language])) {
		p.language, changed = row.lang, true
	}
	if row.created != 0 && row.created != p.created {
		p.created, changed = row.created, true
	}
	for i, value := range row.values {
		if value == "" {
			continue
		}
		if im.columns[i] == 0 {
			if im.columns[i], err = u.s.names.need(attributeName, im.plan.attributes[i].name); err != nil {
				return changed, err
			}
		}
		changed = u.value(p, im.columns[i], value) || changed
	}
	for _, tag := range row.tags {
		did, err := u.tag(p, tag)
		if err != nil {
			return changed, err
		}
		changed = changed || did
	}
	for _, id := range im.tags {
		did, err := u.tagID(p, id)
		if err != nil {
			return changed, err
		}
		changed = changed || did
	}
	return changed, nil
}

// preferences sets what an export says of topics and frequency. They are the
// person's own: somebody who is there already keeps theirs, and of somebody new
// what is kept with the address stands, should the file want more mail.
func (im *importer) preferences(u *update, p *person, row *importRow) error {
	if row.freq == 0 && len(row.topicsOff) == 0 && len(row.topicsOn) == 0 {
		return nil
	}
	before, err := u.choices(row.hash)
	if err != nil {
		return err
	}
	var said choices
	one := choice{source: Import, at: u.now.UnixMilli()}
	for value, topics := range [][]string{row.topicsOn, row.topicsOff} {
		for _, topic := range topics {
			if one.topic, err = u.s.names.need(topicName, topic); err != nil {
				return err
			}
			one.value = byte(value)
			said = said.set(one)
		}
	}
	if row.freq != 0 {
		one.topic, one.value = 0, row.freq
		said = said.set(one)
	}
	list := before.hear(said)
	if len(before) == 0 { // else create tells of it
		u.hold(p, list)
	}
	return u.keepChoices(row.hash, list)
}

// external moves the external id of a subscriber.
func (im *importer) external(u *update, p *person, id string) error {
	b := u.tx.Bucket(bucketExternal)
	if p.external == id {
		return nil
	}
	if p.external != "" {
		if err := b.Delete([]byte(p.external)); err != nil {
			return err
		}
	}
	p.external = id
	if err := u.put(p); err != nil {
		return err
	}
	return b.Put([]byte(id), key64(p.id))
}
