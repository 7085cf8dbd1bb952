package audience

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// A packed record, version 1. The fixed part of 36 bytes:
//
//	0     version
//	1     flags: 1 subscribed, 2 assumed, 4 suppressed (the address's entry in
//	      the suppression list, kept here too so that Check reads one record)
//	2     gender: 0 none, 1 male, 2 female
//	3     source of the consent: 1 person .. 7 smtp, 0 nobody said anything
//	4     frequency: 0 all, 1 weekly, 2 monthly
//	5     language: 0 none, 1 ko, 2 en
//	6-7   zero
//	8     created, 16 consent, 24 updated: int64 unix ms, 0 none
//	32    number of the import that created it, u32, 0 none
//
// The tail is e-mail, name, external id, tags, topics off, attributes, topics
// on, each with its length in bytes as a uvarint before it; what is missing at the end
// is empty, what is more is of a later version and kept out of sight. Tags and
// topics are uvarint name ids, attributes (uvarint name id, uvarint length,
// value) in rising order of id.
const (
	recordVersion = 1
	fixedSize     = 36
)

const (
	flagSubscribed = 1 << iota
	flagAssumed
	flagSuppressed
)

// words are the texts behind the one-byte fields.
func genderWords() []string    { return []string{"", "male", "female"} }
func frequencyWords() []string { return []string{"", "weekly", "monthly"} }
func languageWords() []string  { return []string{"", "ko", "en"} }
func sourceWords() []Source {
	return []Source{"", Person, Complaint, Bounce, Operator, MySQL, Import, SMTP}
}

// person is a subscriber as stored: names as ids, times as ms.
type person struct {
	id                     uint64
	email, name, external  string
	gender, freq, language byte
	created, updated       int64
	consent                Consent
	suppressed             bool
	origin                 uint32
	tags, topics           []uint32
	attributes             []attribute
	on                     []uint32 // topics they asked for, which others get only then
}

type attribute struct {
	id    uint32
	value string
}

// pack appends the record of p.
func (p *person) pack(dst []byte) []byte {
	var flags byte
	if p.consent.Subscribed {
		flags |= flagSubscribed
	}
	if p.consent.Assumed {
		flags |= flagAssumed
	}
	if p.suppressed {
		flags |= flagSuppressed
	}
	dst = append(dst, recordVersion, flags, p.gender, sourceCode(p.consent.Source), p.freq, p.language, 0, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.created))
	dst = binary.BigEndian.AppendUint64(dst, uint64(millis(p.consent.At)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.updated))
	dst = binary.BigEndian.AppendUint32(dst, p.origin)
	dst = appendText(dst, p.email)
	dst = appendText(dst, p.name)
	dst = appendText(dst, p.external)
	dst = appendIDs(dst, p.tags)
	dst = appendIDs(dst, p.topics)
	dst = appendAttributes(dst, p.attributes)
	if len(p.on) > 0 {
		dst = appendIDs(dst, p.on)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendIDs(dst []byte, ids []uint32) []byte {
	size := 0
	for _, id := range ids {
		size += uvarintLen(uint64(id))
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	return dst
}

func appendAttributes(dst []byte, attributes []attribute) []byte {
	size := 0
	for _, a := range attributes {
		size += uvarintLen(uint64(a.id)) + uvarintLen(uint64(len(a.value))) + len(a.value)
	}
	dst = binary.AppendUvarint(dst, uint64(size))
	for _, a := range attributes {
		dst = appendText(binary.AppendUvarint(dst, uint64(a.id)), a.value)
	}
	return dst
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

func sourceCode(s Source) byte { return byte(max(0, slices.Index(sourceWords(), s))) }

// millis is a time as stored; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis is a stored time in UTC; 0 is the zero time.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// row is a record still packed: slices of it, valid as long as its transaction.
type row struct {
	id                             uint64
	fixed                          []byte
	email, name, external          []byte
	tagIDs, topicIDs, attributeIDs []byte
	onIDs                          []byte
}

// parse looks at a record without copying. It checks what reading the parts relies on.
func parse(id uint64, b []byte) (row, error) {
	if len(b) < fixedSize || b[0] != recordVersion {
		return row{}, fmt.Errorf("record of subscriber %d is not of version %d", id, recordVersion)
	}
	r := row{id: id, fixed: b[:fixedSize]}
	if r.fixed[2] > 2 || r.fixed[3] > 7 || r.fixed[4] > 2 || r.fixed[5] > 2 {
		return row{}, fmt.Errorf("record of subscriber %d has an unknown code", id)
	}
	rest, ok := b[fixedSize:], true
	for _, part := range [...]*[]byte{&r.email, &r.name, &r.external, &r.tagIDs, &r.topicIDs, &r.attributeIDs, &r.onIDs} {
		if *part, rest, ok = cut(rest); !ok {
			return row{}, fmt.Errorf("record of subscriber %d is cut short", id)
		}
	}
	return r, nil
}

// cut takes one length-prefixed part; an empty b is an empty part.
func cut(b []byte) (part, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, true
	}
	if n := int(b[0]); n < 0x80 { // nearly always
		if n >= len(b) {
			return nil, nil, false
		}
		return b[1 : 1+n], b[1+n:], true
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}

func (r *row) subscribed() bool { return r.fixed[1]&flagSubscribed != 0 }
func (r *row) suppressed() bool { return r.fixed[1]&flagSuppressed != 0 }
func (r *row) created() int64   { return int64(binary.BigEndian.Uint64(r.fixed[8:])) }

func (r *row) consent() Consent {
	return Consent{
		Subscribed: r.subscribed(),
		Assumed:    r.fixed[1]&flagAssumed != 0,
		Source:     sourceWords()[r.fixed[3]],
		At:         fromMillis(int64(binary.BigEndian.Uint64(r.fixed[16:]))),
	}
}

// hasID reports whether a list of ids holds id. A broken list holds nothing more.
func hasID(list []byte, id uint32) bool {
	for len(list) > 0 {
		v, n := binary.Uvarint(list)
		if n <= 0 {
			return false
		}
		if v == uint64(id) {
			return true
		}
		list = list[n:]
	}
	return false
}

// value is an attribute's value, nil if it has none.
func (r *row) value(id uint32) []byte {
	if id == 0 {
		return nil
	}
	for rest := r.attributeIDs; len(rest) > 0; {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil
		}
		part, after, ok := cut(rest[n:])
		if !ok || v == uint64(id) {
			return part
		}
		rest = after
	}
	return nil
}

// skip is the reason not to mail about a topic, "" if there is none. How often
// they want mail is not looked at.
func (r *row) skip(t subject) string {
	switch {
	case r.suppressed(): // it says more: a bounce and a complaint end the consent too
		return skipSuppressed
	case !r.subscribed():
		return skipUnsubscribed
	case !r.wants(t):
		return skipTopicOff
	}
	return ""
}

// wants reports whether they get mail about a topic.
func (r *row) wants(t subject) bool {
	return (t.id == 0 || !hasID(r.topicIDs, t.id)) && (!t.asked || hasID(r.onIDs, t.id))
}

// unpack copies a record into a person.
func unpack(id uint64, b []byte) (*person, error) {
	r, err := parse(id, b)
	if err != nil {
		return nil, err
	}
	p := &person{
		id: id, email: string(r.email), name: string(r.name), external: string(r.external),
		gender: r.fixed[2], freq: r.fixed[4], language: r.fixed[5],
		created: r.created(), updated: int64(binary.BigEndian.Uint64(r.fixed[24:])),
		consent: r.consent(), suppressed: r.suppressed(), origin: binary.BigEndian.Uint32(r.fixed[32:]),
	}
	if p.tags, err = unpackIDs(id, r.tagIDs); err != nil {
		return nil, err
	}
	if p.topics, err = unpackIDs(id, r.topicIDs); err != nil {
		return nil, err
	}
	if p.attributes, err = unpackAttributes(id, r.attributeIDs); err != nil {
		return nil, err
	}
	p.on, err = unpackIDs(id, r.onIDs)
	return p, err
}

func unpackIDs(id uint64, b []byte) ([]uint32, error) {
	var ids []uint32
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v == 0 || v > maxNameID {
			return nil, fmt.Errorf("record of subscriber %d has a broken list", id)
		}
		ids, b = append(ids, uint32(v)), b[n:]
	}
	return ids, nil
}

func unpackAttributes(id uint64, b []byte) ([]attribute, error) {
	var list []attribute
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v == 0 || v > maxNameID || n == len(b) {
			return nil, fmt.Errorf("record of subscriber %d has broken attributes", id)
		}
		value, rest, ok := cut(b[n:])
		if !ok || len(list) > 0 && uint64(list[len(list)-1].id) >= v {
			return nil, fmt.Errorf("record of subscriber %d has broken attributes", id)
		}
		list, b = append(list, attribute{uint32(v), string(value)}), rest
	}
	return list, nil
}

// set gives an attribute a value; "" takes it away. It reports whether anything changed.
func (p *person) set(id uint32, value string) bool {
	i, found := slices.BinarySearchFunc(p.attributes, id, func(a attribute, id uint32) int { return int(a.id) - int(id) })
	switch {
	case found && p.attributes[i].value == value, !found && value == "":
		return false
	case value == "":
		p.attributes = slices.Delete(p.attributes, i, i+1)
	case found:
		p.attributes[i].value = value
	default:
		p.attributes = slices.Insert(p.attributes, i, attribute{id, value})
	}
	return true
}
