package audience

import (
	"errors"

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
	return nil, errors.Join(u.unindex(p.id, r.hash), u.keepRefusal(r.hash, p.consent))
}
