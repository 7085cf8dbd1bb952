package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Routing is what a rule, or the application itself, asked of a mail to one
// recipient when it was taken in. The zero value asks nothing. It is kept with
// the message, so that a mail goes as it was taken in, whatever the rules say by
// then. It is not changed once it is given to Put, and messages share it.
type Routing struct {
	Route            string            `json:"route,omitempty"`             // name of the rule, for people; "" when none matched
	Lane             Lane              `json:"lane,omitempty"`              //
	Topic            string            `json:"topic,omitempty"`             // consent is asked at the instant of sending; "" for mail that needs none
	ConfigurationSet string            `json:"configuration_set,omitempty"` // in place of the configured one; "" is that
	Tags             map[string]string `json:"tags,omitempty"`              // SES message tags
}

// maxRouting bounds what is kept of one, bytes: 20 tags of SES's longest are half.
const maxRouting = 24 << 10

// IsZero reports whether nothing is asked.
func (r *Routing) IsZero() bool {
	return r.Route == "" && r.Lane == Transactional && r.Topic == "" && r.ConfigurationSet == "" && len(r.Tags) == 0
}

// check refuses what could not be kept or found again.
func (r *Routing) check() error {
	if r.Lane > Bulk {
		return fmt.Errorf("put a mail into lane %d: there are two", r.Lane)
	}
	if b := []byte(r.ConfigurationSet); len(b) > maxDomain || bytes.IndexFunc(b, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
		return fmt.Errorf("put a mail with the configuration set %.40q: at most %d printable ASCII characters can be taken", b, maxDomain)
	}
	if n := len(r.text()); n > maxRouting {
		return fmt.Errorf("put a mail with %d bytes of routing: at most %d can be taken", n, maxRouting)
	}
	return nil
}

// text is it as JSON, as records keep it; "" for nothing.
func (r *Routing) text() string {
	if r.IsZero() {
		return ""
	}
	b, err := json.Marshal(r)
	if err != nil { // strings and a lane
		panic("spool: routing is no JSON: " + err.Error())
	}
	return string(b)
}

// routing is what the message was taken in with.
func (m *Message) routing() *Routing {
	return &Routing{Route: m.Route, Lane: m.Lane, Topic: m.Topic, ConfigurationSet: m.ConfigurationSet, Tags: m.Tags}
}

// take makes it the message's.
func (m *Message) take(r Routing) {
	m.Route, m.Lane, m.Topic, m.ConfigurationSet, m.Tags = r.Route, r.Lane, r.Topic, r.ConfigurationSet, r.Tags
}

// readRouting reads what text wrote.
func (m *Message) readRouting(text string) error {
	if text == "" {
		return nil
	}
	var r Routing
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("%w: routing: %w", errRecord, err)
	}
	m.take(r)
	return nil
}

// A key of the queue's due index begins with a group: mail that the same holds
// stop. It is the From domain; behind it, where a rule gave one, 0x01 and the
// configuration set; and before all that 0xFF in the bulk lane, so that each
// lane's groups lie together. Neither byte is in a domain.
const (
	groupBulk = 0xFF
	groupSet  = 0x01
)

// group is the beginning of the message's key in due.
func (m *Message) group() []byte {
	b := make([]byte, 0, len(m.FromDomain)+len(m.ConfigurationSet)+24)
	if m.Lane == Bulk {
		b = append(b, groupBulk)
	}
	b = append(b, m.FromDomain...)
	if m.ConfigurationSet != "" {
		b = append(append(b, groupSet), m.ConfigurationSet...)
	}
	return append(b, 0)
}

// cutGroup takes a group apart, without the zero at its end.
func cutGroup(group []byte) (l Lane, domain, set string) {
	if len(group) > 0 && group[0] == groupBulk {
		l, group = Bulk, group[1:]
	}
	before, after, _ := bytes.Cut(group, []byte{groupSet})
	return l, string(before), string(after)
}

// firstOf is where a lane's groups begin in the queue's due index.
func firstGroup(l Lane) []byte {
	if l == Bulk {
		return []byte{groupBulk}
	}
	return nil
}

// addLanes counts apart what a rule put into the bulk lane: migration 4 of the
// queue, whose counters had it among the transactional lane's.
func addLanes(tx *bbolt.Tx) error {
	all, err := readCounts(tx, Transactional)
	if err != nil {
		return nil // who opens the file tells of it
	}
	var bulk Counts
	for _, name := range [][]byte{bOpen, bDone} {
		err := tx.Bucket(name).ForEach(func(k, v []byte) error {
			if len(k) != 8 || !bytes.Contains(v, []byte(bulkInRecord)) {
				return nil
			}
			if m, err := readMail(v, number(k, 0)); err == nil && m.Lane == Bulk { // else Check tells of it
				bulk.enter(&m)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	all.add(bulk, -1)
	return errors.Join(putCounts(tx, Transactional, all), putCounts(tx, Bulk, bulk))
}

// bulkInRecord is in every record of mail in the bulk lane: a million others are
// not taken apart.
const bulkInRecord = `"lane":"bulk"`

// Part is one text of a mail with those who get it; PutParts stores several.
type Part struct {
	Envelope
	Body []byte
}

// bulk reports whether one of the messages goes into the bulk lane.
func (p Part) bulk() bool {
	for _, r := range p.Routing {
		if r.Lane == Bulk {
			return true
		}
	}
	return false
}
