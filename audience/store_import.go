package audience

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"pabal/eml"
)

// rowSize is what a row adds to the file, bytes: 200 measured, with its indexes.
const rowSize = 256

// origins is what the imports bucket keeps of one import.
type origins struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// store puts a batch into one commit.
func (im *importer) store(ctx context.Context, batch []importRow) outcome {
	var o outcome
	var rejected []Reject
	o.err = im.s.grow(ctx, len(batch)*rowSize, func(u *update) error {
		o, rejected = outcome{}, nil
		if err := im.begin(u); err != nil {
			return err
		}
		for i := range batch {
			reason, err := im.put(u, &batch[i], &o)
			if err != nil {
				return fmt.Errorf("line %d: %w", batch[i].line, err)
			}
			if reason != "" {
				rejected = append(rejected, Reject{batch[i].line, batch[i].email, reason})
			}
		}
		return nil
	})
	o.rejected = rejected
	if o.err == nil && im.s.pending.size() >= maxPending {
		o.err = im.s.flush(ctx)
	}
	return o
}

// begin finds or makes the numbers the rows refer to. Names are only made when
// a row needs them, and asked for anew in every commit: one may be rolled back.
func (im *importer) begin(u *update) error {
	im.columns = make([]uint32, len(im.plan.attributes))
	im.tags = im.tags[:0]
	for _, tag := range im.options.Tags {
		id, err := u.s.names.need(tagName, tag)
		if err != nil {
			return err
		}
		im.tags = append(im.tags, id)
	}
	imports := u.tx.Bucket(bucketImports)
	if im.origin != 0 && imports.Get(binary.BigEndian.AppendUint32(nil, im.origin)) != nil {
		return nil
	}
	seq, err := imports.NextSequence()
	if err != nil {
		return err
	}
	v, err := json.Marshal(origins{im.options.Name, u.now.UTC()})
	if err != nil {
		return err
	}
	im.origin = uint32(seq)
	return imports.Put(binary.BigEndian.AppendUint32(nil, im.origin), v)
}

// put stores one row. The reason is why it cannot be taken after all.
func (im *importer) put(u *update, row *importRow, o *outcome) (reason string, err error) {
	p, err := u.find(row.hash, row.email)
	if err != nil {
		return "", err
	}
	isNew := p == nil
	if isNew {
		if u.erased(row.hash) {
			return "the person was erased; to take them in again: pabal suppression remove", nil
		}
		p = &person{email: row.email, origin: im.origin}
	}
	if row.external != "" && row.external != p.external {
		if u.tx.Bucket(bucketExternal).Get([]byte(row.external)) != nil {
			return fmt.Sprintf("the external id %q belongs to another address", row.external), nil
		}
	}
	changed, err := im.fields(u, p, row)
	if err != nil {
		return "", err
	}
	v, err := im.consent(u, p, row, isNew)
	if err != nil {
		return "", err
	}
	if v == refused && row.subscribed {
		o.optedOut++
	}
	if isNew {
		o.created++
		if err = u.create(p, row.hash, true); err == nil && v == refused {
			err = im.refusal(u, p, row)
		}
	} else {
		o.updated++
		if changed || v == applied {
			p.updated = u.now.UnixMilli()
			err = u.put(p)
		}
	}
	if err == nil && row.external != "" {
		err = im.external(u, p, row.external)
	}
	return "", err
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

// consent judges the row. Somebody new gets no history line: the record and
// the import's name tell it; unless the address had refused before.
func (im *importer) consent(u *update, p *person, row *importRow, isNew bool) (verdict, error) {
	c, k := im.said(u, row)
	if !isNew {
		return u.say(p, row.hash, c, k, im.options.Name)
	}
	var v verdict
	p.consent, v = decide(u.addressConsent(row.hash), c, k)
	if v == applied && c.Subscribed {
		return v, u.optouts.Delete(row.hash[:])
	}
	return v, nil
}

// refusal is the history of somebody new whose address had refused before.
func (im *importer) refusal(u *update, p *person, row *importRow) error {
	c, _ := im.said(u, row)
	return u.remember(p, Change{At: fromMillis(millis(c.At)), Subscribed: c.Subscribed, Source: Import, Detail: eml.Cut(im.options.Name, maxDetail)})
}

// fields sets what the row has; an empty cell leaves what is known.
func (im *importer) fields(u *update, p *person, row *importRow) (changed bool, err error) {
	if row.name != "" && row.name != p.name {
		p.name, changed = row.name, true
	}
	if row.gender != 0 && row.gender != p.gender {
		p.gender, changed = row.gender, true
	}
	if row.lang != 0 && row.lang != p.language {
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
