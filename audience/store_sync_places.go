package audience

import (
	"errors"
	"slices"

	"pabal/eml"
)

// places knows which rows of a batch are still to come, so that somebody whose
// address changes in it makes room for who gets that address now.
type places struct {
	rows []syncRow
	at   int            // the row that is being stored
	last map[string]int // key -> place of its last row, made when it is first needed
}

// coming is the row with a key after the one being stored, nil if there is none.
func (p *places) coming(key []byte) *syncRow {
	if p.last == nil {
		p.last = make(map[string]int, len(p.rows))
		for i := range p.rows {
			p.last[string(p.rows[i].key)] = i
		}
	}
	if i, ok := p.last[string(key)]; ok && i > p.at {
		return &p.rows[i]
	}
	return nil
}

// holder is who has r's address, nil for nobody. Somebody whose only row comes
// later in the batch with another address does not have it any more: people who
// change places stay themselves, with their tags, preferences and mails. What
// they refused stays on the address.
func (u *syncRun) holder(r *syncRow) (*person, error) {
	p, err := u.find(r.hash, r.email)
	if err != nil || p == nil {
		return nil, err
	}
	rows := u.members(p.id)
	if len(rows) != 1 {
		return p, nil
	}
	next := u.places.coming(rows[0].key)
	if next == nil || next.gone || eml.Key(next.email) == eml.Key(p.email) || u.erasures && u.erased(next.hash) {
		return p, nil
	}
	list, err := u.choices(r.hash)
	if err != nil {
		return nil, err
	}
	u.moving[p.id] = list
	return nil, errors.Join(u.unindex(p.id, r.hash), u.keepRefusal(r.hash, p.consent), u.keepChoices(r.hash, list.refusals()))
}

// refusals are what goes with a person to another address.
type refusals struct {
	consent Consent // without a source: none
	choices choices
}

// chosenBy is what somebody chose, and whether they lost their address in this
// batch to another, whose choices are there now.
func (u *syncRun) chosenBy(p *person) (list choices, lost bool, err error) {
	if list, lost = u.moving[p.id]; lost {
		return list, true, nil
	}
	list, err = u.choices(u.s.hash(p.email))
	return list, false, err
}

// refused lets p hear what was refused under another address.
func (u *syncRun) refused(p *person, r *syncRow, said refusals) (changed bool, err error) {
	if said.consent.Source != "" {
		v, err := u.say(p, r.hash, said.consent, stated, detail(r))
		if err != nil {
			return false, err
		}
		changed = v == applied
	}
	did, err := u.bring(p, r, said.choices)
	return changed || did, err
}

// bring gives p, who has the address of a row now, what was refused at another.
func (u *syncRun) bring(p *person, r *syncRow, refused choices) (changed bool, err error) {
	if len(refused) == 0 {
		return false, nil
	}
	before, err := u.choices(r.hash)
	if err != nil {
		return false, err
	}
	list := before.carry(refused, u.now.UnixMilli())
	if slices.Equal(list, before) {
		return false, nil
	}
	if err := u.keepChoices(r.hash, list); err != nil {
		return false, err
	}
	return u.take(p, list, u.now, detail(r))
}

// rehome takes what p chose along to the address of a row: what was refused
// there holds too, and what p refused stays refused at the old address.
func (u *syncRun) rehome(p *person, r *syncRow) error {
	list, lost, err := u.chosenBy(p)
	if err != nil {
		return err
	}
	delete(u.moving, p.id)
	if !lost {
		if err := u.keepRefusals(u.s.hash(p.email)); err != nil {
			return err
		}
	}
	there, err := u.choices(r.hash)
	if err != nil || len(there) == 0 && len(list) == 0 {
		return err
	}
	list = list.carry(there, u.now.UnixMilli())
	if err := u.keepChoices(r.hash, list); err != nil {
		return err
	}
	_, err = u.take(p, list, u.now, detail(r))
	return err
}
