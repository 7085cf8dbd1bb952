package audience

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// Edit changes a subscriber's own fields by e-mail, creating one if create is set.
type Edit struct {
	Email      string            `json:"email"`
	Name       *string           `json:"name,omitempty"`
	Gender     *string           `json:"gender,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"` // "" value removes
	AddTags    []string          `json:"add_tags,omitempty"`
	RemoveTags []string          `json:"remove_tags,omitempty"`
	Subscribed *bool             `json:"subscribed,omitempty"`
	Preferences
	Create bool   `json:"create,omitempty"`
	Source Source `json:"source,omitempty"` // "" means operator
	Detail string `json:"detail,omitempty"`

	at int64 // unix ms, when optouts.log says it was chosen; 0: it is not in there
}

// Set applies an edit and returns the subscriber as it then is. A Subscribed
// that a stronger source stands against is kept in the history as not applied,
// the rest of the edit holds; look at the Consent returned. A preference that
// the person chose themselves is not loosened by anybody else: an *eml.Problem,
// and nothing is changed. Somebody created without a Subscribed has not consented. ErrNotFound without Create, an
// *eml.AddressError for what is no address.
func (s *Store) Set(ctx context.Context, e Edit) (Subscriber, error) {
	address, err := eml.ParseAddress(e.Email)
	if err != nil {
		return Subscriber{}, err
	}
	if e.Source == "" {
		e.Source = Operator
	}
	if err := e.check(); err != nil {
		return Subscriber{}, fmt.Errorf("set %s: %w", address, err)
	}
	h := s.hash(address)
	var sub Subscriber
	do := func(u *update) error {
		id, err := u.edit(address, h, &e)
		if err != nil {
			return fmt.Errorf("subscriber %s: %w", eml.Visible(address), err)
		}
		return s.decode(id, u.people.Get(key64(id)), &sub)
	}
	e.Email = address
	err = s.commit(ctx, &e, s.consentOf(h, address), 0, do)
	if err != nil {
		return Subscriber{}, err
	}
	return sub, nil
}

// check refuses what must not be stored.
func (e *Edit) check() error {
	if e.Source.strength() == 0 {
		return fmt.Errorf("unknown source %q", e.Source)
	}
	if e.Name != nil {
		if reason := badText(*e.Name, maxName); reason != "" {
			return fmt.Errorf("name %s", reason)
		}
	}
	if e.Gender != nil {
		if _, ok := genderCode(*e.Gender); !ok {
			return fmt.Errorf("gender %q is not known; use male, female or nothing", *e.Gender)
		}
	}
	for name, value := range e.Attributes {
		if reason := badLabel(name); reason != "" {
			return fmt.Errorf("attribute name %q %s", name, reason)
		}
		if field := fieldOf(name); field != "" {
			return fmt.Errorf("%q is the field %s, not an attribute; set that instead", name, field)
		}
		if reason := badText(value, maxValue); reason != "" {
			return fmt.Errorf("attribute %q %s", name, reason)
		}
	}
	if err := e.Preferences.check(); err != nil {
		return err
	}
	for _, tag := range slices.Concat(e.AddTags, e.RemoveTags) {
		if reason := badLabel(tag); reason != "" {
			return fmt.Errorf("tag %q %s", tag, reason)
		}
	}
	return nil
}

// badText says why a text cannot be kept, "" if it can.
func badText(s string, limit int) string {
	switch {
	case len(s) > limit:
		return fmt.Sprintf("is over %d bytes", limit)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsRune(s, 0):
		return "holds a NUL character"
	}
	return ""
}

// badLabel is badText for names that people type in expressions and lists.
func badLabel(s string) string {
	if s == "" || strings.TrimSpace(s) != s {
		return "is empty or has spaces around it"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7F }) {
		return "holds a control character"
	}
	return badText(s, maxLabel)
}

// consentOf is what holds for an address now, zero for nobody.
func (s *Store) consentOf(h addressHash, address string) Consent {
	var c Consent
	_ = s.db.View(func(tx *bolt.Tx) error { // an error is met again by the write
		id, b := s.find(tx.Bucket(bucketEmail).Cursor(), tx.Bucket(bucketSubscribers), h, address)
		if b == nil {
			return nil
		}
		r, err := parse(id, b)
		if err == nil {
			c = r.consent()
		}
		return err
	})
	return c
}

// edit is Set inside a commit. It returns the subscriber's id.
func (u *update) edit(address string, h addressHash, e *Edit) (uint64, error) {
	p, err := u.find(h, address)
	if err != nil {
		return 0, err
	}
	isNew := p == nil
	if isNew {
		if !e.Create {
			return 0, ErrNotFound
		}
		p = &person{email: address, consent: u.addressConsent(h)}
		if err := u.create(p, h, false); err != nil {
			return 0, err
		}
	}
	return p.id, u.change(p, h, e, isNew)
}

// change applies an edit to somebody, and writes them if that changed anything
// or isNew is set.
func (u *update) change(p *person, h addressHash, e *Edit, isNew bool) error {
	changed, err := u.apply(p, e)
	if err != nil {
		return err
	}
	words, err := u.prefer(p, h, e)
	if err == nil && len(words) > 0 {
		changed = true
		err = u.remember(p, Change{At: u.now, Subscribed: p.consent.Subscribed, Source: e.Source, Detail: eml.Cut(e.Detail, maxDetail), Applied: true, Changed: words})
	}
	if err != nil {
		return err
	}
	if e.Subscribed != nil {
		at := u.now
		if at.Before(p.consent.At) {
			at = p.consent.At
		}
		v, err := u.say(p, h, Consent{Subscribed: *e.Subscribed, Source: e.Source, At: at}, stated, e.Detail)
		if err != nil {
			return err
		}
		changed = changed || v == applied
	}
	if !changed && !isNew {
		return nil
	}
	p.updated = u.now.UnixMilli()
	return u.put(p)
}

// apply sets the fields of an edit and reports whether that changed anything.
func (u *update) apply(p *person, e *Edit) (bool, error) {
	changed := false
	if e.Name != nil {
		name := oneLine(*e.Name)
		changed, p.name = name != p.name, name
	}
	if e.Gender != nil {
		code, _ := genderCode(*e.Gender)
		changed, p.gender = changed || code != p.gender, code
	}
	for name, value := range e.Attributes {
		did, err := u.attribute(p, name, norm.NFC.String(value))
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	for _, tag := range e.AddTags {
		did, err := u.tag(p, tag)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	for _, tag := range e.RemoveTags {
		id := u.s.names.lookup(tagName, tag)
		if i := slices.Index(p.tags, id); id != 0 && i >= 0 {
			p.tags = slices.Delete(p.tags, i, i+1)
			u.s.names.count(tagName, id, -1)
			changed = true
		}
	}
	return changed, nil
}

// attribute sets one by name; "" takes it away.
func (u *update) attribute(p *person, name, value string) (bool, error) {
	id := u.s.names.lookup(attributeName, name)
	if id == 0 {
		if value == "" {
			return false, nil
		}
		var err error
		if id, err = u.s.names.need(attributeName, name); err != nil {
			return false, err
		}
	}
	return u.value(p, id, value), nil
}

// value sets an attribute by number and keeps its count.
func (u *update) value(p *person, id uint32, value string) bool {
	before := len(p.attributes)
	changed := p.set(id, value)
	if n := len(p.attributes) - before; n != 0 {
		u.s.names.count(attributeName, id, int64(n))
	}
	return changed
}

func (u *update) tag(p *person, tag string) (bool, error) {
	id, err := u.s.names.need(tagName, tag)
	if err != nil {
		return false, err
	}
	return u.tagID(p, id)
}

func (u *update) tagID(p *person, id uint32) (bool, error) {
	if slices.Contains(p.tags, id) {
		return false, nil
	}
	if len(p.tags) >= maxTags {
		return false, fmt.Errorf("it has %d tags already; remove some", maxTags)
	}
	p.tags = append(p.tags, id)
	u.s.names.count(tagName, id, 1)
	return true, nil
}

// genderCode maps how people write a gender. It reports false for other texts.
func genderCode(s string) (byte, bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "":
		return 0, true
	case "m", "male", "man", "남", "남자", "남성":
		return 1, true
	case "f", "female", "woman", "여", "여자", "여성":
		return 2, true
	}
	return 0, false
}

// oneLine is a text in NFC with line breaks and runs of space as one space.
func oneLine(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }
