package audience

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// choice is the word that stands about one thing that people choose.
type choice struct {
	topic  uint32 // number of its name; 0: how often they want mail
	value  byte   // of a topic 1 off, 0 on; of how often the code of frequencyWords. The higher, the less mail
	source Source
	at     int64 // unix ms
}

// choices are what was chosen at an address, at most one of each thing. Several
// of them meet in two ways:
//
//   - At one address, in whatever order they come to light (hear): the later
//     word wins, but that nobody undoes the refusal of a stronger source, and a
//     file or the table, which do not know when it was said, undo none.
//   - From one address to another (carry): any refusal wins, whenever it was
//     said; a wish for mail at the one address is none at the other.
//
// Stored: version byte 1, then for each its topic as uvarint, value byte, source
// byte, time u64 in ms: some 11 bytes.
type choices []choice

const choicesVersion = 1

func readChoices(b []byte) (choices, error) {
	if b == nil {
		return nil, nil
	}
	if len(b) == 0 || b[0] != choicesVersion {
		return nil, fmt.Errorf("choices of an address are not of version %d", choicesVersion)
	}
	var list choices
	for b = b[1:]; len(b) > 0; {
		topic, n := binary.Uvarint(b)
		if n <= 0 || topic > maxNameID || len(b) < n+10 || !(choice{topic: uint32(topic), value: b[n]}).known() || int(b[n+1]) >= len(sourceWords()) || b[n+1] == 0 || list.at(uint32(topic)) >= 0 {
			return nil, fmt.Errorf("choices of an address are broken")
		}
		list = append(list, choice{uint32(topic), b[n], sourceWords()[b[n+1]], int64(number(b[n+2 : n+10]))})
		b = b[n+10:]
	}
	return list, nil
}

func (c choices) pack() []byte {
	b := make([]byte, 1, 1+len(c)*12)
	b[0] = choicesVersion
	for _, one := range c {
		b = append(binary.AppendUvarint(b, uint64(one.topic)), one.value, sourceCode(one.source))
		b = binary.BigEndian.AppendUint64(b, uint64(one.at))
	}
	return b
}

// known reports whether there is such a value.
func (c choice) known() bool {
	return c.topic == 0 && int(c.value) < len(frequencyWords()) || c.topic != 0 && c.value <= 1
}

// at is the place of what was chosen about a topic, -1 for nothing.
func (c choices) at(topic uint32) int {
	return slices.IndexFunc(c, func(one choice) bool { return one.topic == topic })
}

// of is what was chosen about a topic; without a source nothing was.
func (c choices) of(topic uint32) choice {
	if i := c.at(topic); i >= 0 {
		return c[i]
	}
	return choice{topic: topic}
}

// set is the list with one of them as it is now; what changes goes to the end.
// The list itself stays as it was.
func (c choices) set(one choice) choices {
	list, i := slices.Clone(c), c.at(one.topic)
	if i >= 0 && c[i].value == one.value {
		list[i] = one
		return list
	}
	if i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	return append(list, one)
}

// hear is the list after words that were said at the same address, any time.
func (c choices) hear(said choices) choices {
	for _, next := range said {
		c = c.set(c.of(next.topic).hear(next))
	}
	return c
}

// hear is what stands after another word about the same at the same address.
func (c choice) hear(next choice) choice {
	a, b := c.source.strength(), next.source.strength()
	switch {
	case c.source == "":
		return next
	case c.value == next.value:
		return c.again(next)
	case next.value > c.value:
		if next.at < c.at && a >= b {
			return c
		}
		return next
	case b < a, b < Operator.strength(), next.at < c.at:
		return c
	}
	return next
}

// again is a word said twice: the stronger source's. Of two refusals the later
// time counts, so that a wish for mail from between them undoes neither; but not
// of a limit that the person may have made stricter in between.
func (c choice) again(next choice) choice {
	one, other := c, next
	if b, a := next.source.strength(), c.source.strength(); b > a || b == a && next.at > c.at {
		one, other = next, c
	}
	if one.strictest() {
		one.at = max(one.at, other.at)
	}
	return one
}

// strictest reports whether there is no stricter word about the same.
func (c choice) strictest() bool {
	return c.topic != 0 && c.value == 1 || c.topic == 0 && int(c.value) == len(frequencyWords())-1
}

// carry is the list with the refusals that came from another address at a time.
func (c choices) carry(from choices, at int64) choices {
	for _, next := range from.refusals() {
		now := c.of(next.topic)
		switch {
		case next.value > now.value:
			next.at = at // learned here now: no older word said here undoes it
			c = c.set(next)
		case next.value == now.value:
			c = c.set(now.again(next))
		}
	}
	return c
}

// refusals are those that keep mail away.
func (c choices) refusals() choices {
	return slices.DeleteFunc(slices.Clone(c), func(one choice) bool { return one.value == 0 })
}

// parts are the list as a record has it.
func (c choices) parts() (off, on []uint32, frequency byte) {
	for _, one := range c {
		switch {
		case one.topic == 0:
			frequency = one.value
		case one.value > 0:
			off = append(off, one.topic)
		default:
			on = append(on, one.topic)
		}
	}
	return off, on, frequency
}
