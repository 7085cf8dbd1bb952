package audience

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// choices is what was chosen at an address.
func (u *update) choices(h addressHash) (choices, error) {
	list, err := readChoices(u.tx.Bucket(bucketChoices).Get(h[:]))
	if names := len(u.s.names.list(topicName)); err == nil && slices.ContainsFunc(list, func(one choice) bool { return int(one.topic) > names }) {
		return nil, fmt.Errorf("choices of an address: a topic has no name")
	}
	return list, err
}

// keepChoices writes what was chosen at an address.
func (u *update) keepChoices(h addressHash, list choices) error {
	b := u.tx.Bucket(bucketChoices)
	if len(list) == 0 {
		return b.Delete(h[:])
	}
	return b.Put(h[:], list.pack())
}

// keepRefusals leaves of what was chosen at an address what keeps mail away.
func (u *update) keepRefusals(h addressHash) error {
	list, err := u.choices(h)
	if err != nil || len(list) == 0 {
		return err
	}
	return u.keepChoices(h, list.refusals())
}

// hold makes the record of somebody say what was chosen at their address. p is
// not written.
func (u *update) hold(p *person, list choices) {
	for _, id := range slices.Concat(p.topics, p.on) {
		u.s.names.count(topicName, id, -1)
	}
	p.topics, p.on, p.freq = list.parts()
	for _, id := range slices.Concat(p.topics, p.on) {
		u.s.names.count(topicName, id, 1)
	}
}

// take is hold for what the person did not choose just now, but at another time
// or address: the history tells of it. It reports whether the record changed.
func (u *update) take(p *person, list choices, at time.Time, detail string) (bool, error) {
	words, by := u.newWords(p, list)
	u.hold(p, list)
	if len(words) == 0 {
		return false, nil
	}
	p.updated = u.now.UnixMilli()
	return true, u.remember(p, Change{At: at, Subscribed: p.consent.Subscribed, Source: by, Detail: eml.Cut(detail, maxDetail), Applied: true, Changed: words})
}

// chosenHere gives somebody new what was chosen at their address.
func (u *update) chosenHere(p *person, h addressHash) error {
	list, err := u.choices(h)
	if err != nil || len(list) == 0 {
		return err
	}
	_, err = u.take(p, list, u.now, DetailKept)
	return err
}

// newWords are those of the list that the record of somebody does not say, as
// the history has them, and the strongest source of them.
func (u *update) newWords(p *person, list choices) (words []string, by Source) {
	for _, one := range list {
		var word string
		switch name := ""; {
		case one.topic == 0 && one.value != p.freq:
			word = wordFrequency + shownFrequency(frequencyWords()[one.value])
		case one.topic == 0:
		default:
			name = u.s.names.list(topicName)[one.topic-1]
			if one.value > 0 && !slices.Contains(p.topics, one.topic) {
				word = wordTopic + name + wordOff
			} else if one.value == 0 && !slices.Contains(p.on, one.topic) {
				word = wordTopic + name + wordOn
			}
		}
		if word == "" {
			continue
		}
		words = append(words, word)
		if one.source.strength() > by.strength() {
			by = one.source
		}
	}
	return words, by
}

// The words of Change.Changed.
const (
	wordTopic     = "topic "
	wordOff       = " off"
	wordOn        = " on"
	wordFrequency = "frequency "
)

// chooseAgain is a line of optouts.log about choices: what the store does not
// know holds for the address, and for p, who has it (nil: nobody).
func (u *update) chooseAgain(p *person, h addressHash, line optOutLine) error {
	before, err := u.choices(h)
	if err != nil {
		return err
	}
	list := before.hear(u.chosenIn(line))
	if slices.Equal(list, before) {
		return nil
	}
	if err := u.keepChoices(h, list); err != nil || p == nil {
		return err
	}
	if changed, err := u.take(p, list, line.At, line.Detail); err != nil || !changed {
		return err
	}
	return u.put(p)
}

// chosenIn are the choices of a line. A topic that cannot be named is left out: the
// line is not ours then, and no reason not to open the store.
func (u *update) chosenIn(line optOutLine) (list choices) {
	one := choice{source: line.By, at: line.At.UnixMilli()}
	for topic, wanted := range line.Topics {
		if badLabel(topic) != "" {
			continue
		}
		id, err := u.s.names.need(topicName, topic)
		if err != nil {
			continue
		}
		one.topic, one.value = id, 1
		if wanted {
			one.value = 0
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b choice) int { return int(a.topic) - int(b.topic) })
	if line.Frequency != nil {
		if code := slices.Index(frequencyWords(), *line.Frequency); code >= 0 {
			one.topic, one.value = 0, byte(code)
			list = append(list, one)
		}
	}
	return list
}

// addChoices gives every address the choices of who has it: migration 4. Who
// chose, and when, the history tells; where it does not, a file did.
func addChoices(tx *bolt.Tx) error {
	to, err := tx.CreateBucketIfNotExists(bucketChoices)
	if err != nil {
		return fmt.Errorf("make the bucket %s: %w", bucketChoices, err)
	}
	var s Store // its salt and names only
	if err := s.loadMeta(tx); err != nil {
		return err
	}
	type entry struct {
		h    addressHash
		list choices
	}
	var all []entry
	err = tx.Bucket(bucketSubscribers).ForEach(func(k, v []byte) error {
		r, err := parse(number(k), v)
		if err != nil || r.fixed[4] == 0 && len(r.topicIDs) == 0 && len(r.onIDs) == 0 {
			return err
		}
		list, err := s.chosenBefore(tx, &r)
		all = append(all, entry{s.hash(string(r.email)), list})
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare(a.h[:], b.h[:]) })
	for _, e := range all {
		if err := to.Put(e.h[:], e.list.pack()); err != nil {
			return err
		}
	}
	return nil
}

// chosenBefore are the choices of a record from before they were kept by address.
func (s *Store) chosenBefore(tx *bolt.Tx, r *row) (list choices, err error) {
	off, err1 := unpackIDs(r.id, r.topicIDs)
	on, err2 := unpackIDs(r.id, r.onIDs)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	names := s.names.list(topicName)
	add := func(topic uint32, value byte, about, word string) {
		one := choice{topic: topic, value: value, source: Import, at: int64(number(r.fixed[24:32]))}
		if c := lastChosen(tx, r.id, about); c != nil && slices.Contains(c.Changed, word) && c.Source.strength() > 0 {
			one.source, one.at = c.Source, millis(c.At)
		}
		list = list.set(one)
	}
	for value, ids := range [][]uint32{on, off} { // off last: should a record say both
		for _, id := range ids {
			if int(id) > len(names) {
				return nil, fmt.Errorf("record of subscriber %d: name %d is missing", r.id, id)
			}
			about := wordTopic + names[id-1] + " "
			add(id, byte(value), about, wordTopic+names[id-1]+[]string{wordOn, wordOff}[value])
		}
	}
	if code := r.fixed[4]; code != 0 {
		add(0, code, wordFrequency, wordFrequency+shownFrequency(frequencyWords()[code]))
	}
	return list, nil
}

// lastChosen is the newest line of the history with a word that begins with about, nil for none.
func lastChosen(tx *bolt.Tx, id uint64, about string) *Change {
	var last *Change
	prefix := key64(id)
	c := tx.Bucket(bucketHistory).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		var change Change
		if json.Unmarshal(v, &change) != nil { // Check tells of it
			continue
		}
		if slices.ContainsFunc(change.Changed, func(w string) bool { return strings.HasPrefix(w, about) }) {
			last = &change
		}
	}
	return last
}

// choices checks what is kept of addresses.
func (c *check) choices() error {
	blocked, names := c.tx.Bucket(bucketSuppressed), uint32(len(c.s.names.list(topicName)))
	return c.each(bucketChoices, func(k, v []byte) {
		list, err := readChoices(v)
		if err != nil || len(k) != len(addressHash{}) || len(list) == 0 {
			c.fault("choices %x: %v", k, err)
			return
		}
		if slices.ContainsFunc(list, func(one choice) bool { return one.topic > names }) {
			c.fault("choices %x: a topic has no name", k)
		}
		if isErased(blocked.Get(k)) && len(list.refusals()) != len(list) {
			c.fault("choices %x: of somebody erased more than refusals is kept", k)
		}
	})
}

// chose checks that a record says what was chosen at its address.
func (c *check) chose(p *person, h addressHash) {
	list, err := readChoices(c.tx.Bucket(bucketChoices).Get(h[:]))
	if err != nil { // told by choices
		return
	}
	off, on, freq := list.parts()
	same := func(a, b []uint32) bool {
		return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
	}
	if freq != p.freq || !same(off, p.topics) || !same(on, p.on) {
		c.fault("subscriber %d: the record and the choices of the address differ", p.id)
	}
}
