package spool

// Packed records. A row of a ledger and a mail of the queue begin alike:
//
//	version u8, outcome u8, flags u16, attempts u8, tries u8, changed i64 (ms)
//
// the upper four bits of flags being the upper four of attempts,
//
// then a tail of length-prefixed strings, each left out with all after it when
// they are empty (a missing tail is zero):
//
//	row:  SES id, address, reason, next try (ms), news, further SES ids
//	mail: SES id, address, reason, next try, received, body, size, from,
//	      from domain, subject, message id, news, further SES ids, report,
//	      routing (JSON)
//
// News is what SES said of a bounce, complaint or rejection. A pending row is
// 14 bytes, a sent one about 80.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	recordVersion = 1
	recordFixed   = 14
	// maxAttempts are told apart. A message that tests a hold every ten minutes
	// makes so many in 28 days; 255 were two.
	maxAttempts = 1<<12 - 1
)

// flags of a record.
const (
	flagMaybeTwice = 1 << iota
	flagAmbiguous
	flagDelivered
	flagBounced
	flagComplained
	flagDelayed
	flagRejected
	flagOpened
	flagMachineOpened
	flagClicked
	flagErased
	flagHardBounced
)

var errRecord = errors.New("record cannot be read")

func (m *Message) flags() uint16 {
	var f uint16
	for i, on := range [...]bool{m.MaybeTwice, m.ambiguous, m.Delivered, m.Bounced, m.Complained,
		m.Delayed, m.Rejected, m.Opened, m.MachineOpened, m.Clicked, m.Erased, m.HardBounced} {
		if on {
			f |= 1 << i
		}
	}
	return f
}

func (m *Message) setFlags(f uint16) {
	m.MaybeTwice, m.ambiguous = f&flagMaybeTwice != 0, f&flagAmbiguous != 0
	m.Delivered, m.Bounced, m.Complained = f&flagDelivered != 0, f&flagBounced != 0, f&flagComplained != 0
	m.Delayed, m.Rejected = f&flagDelayed != 0, f&flagRejected != 0
	m.Opened, m.MachineOpened, m.Clicked = f&flagOpened != 0, f&flagMachineOpened != 0, f&flagClicked != 0
	m.Erased, m.HardBounced = f&flagErased != 0, f&flagHardBounced != 0
}

func appendFixed(b []byte, m *Message) []byte {
	b = append(b, recordVersion, byte(m.Outcome))
	attempts := min(m.Attempts, maxAttempts)
	b = binary.BigEndian.AppendUint16(b, m.flags()|uint16(attempts>>8)<<12)
	b = append(b, byte(attempts), byte(min(m.Tries, math.MaxUint8)))
	return binary.BigEndian.AppendUint64(b, millis(m.At))
}

func readFixed(b []byte, m *Message) error {
	if len(b) < recordFixed || b[0] != recordVersion || b[1] > byte(Unknown) {
		return fmt.Errorf("%w: %d bytes, begins with %x", errRecord, len(b), b[:min(len(b), 2)])
	}
	m.Outcome = Outcome(b[1])
	m.setFlags(binary.BigEndian.Uint16(b[2:]))
	m.Attempts, m.Tries = int(b[2]>>4)<<8|int(b[4]), int(b[5])
	m.At = fromMillis(binary.BigEndian.Uint64(b[6:]))
	return nil
}

// tail is the part of a record after the fixed one, as strings and numbers in
// a fixed order, cut after the last that is not empty.
type tail struct {
	b    []byte
	keep int // bytes up to the last value that is not zero
}

func (t *tail) text(s string) {
	t.b = binary.AppendUvarint(t.b, uint64(len(s)))
	t.b = append(t.b, s...)
	t.kept(s != "")
}

func (t *tail) number(n uint64) {
	t.b = binary.AppendUvarint(t.b, n)
	t.kept(n != 0)
}

func (t *tail) kept(is bool) {
	if is {
		t.keep = len(t.b)
	}
}

// tailReader reads what tail wrote; past the end all values are zero.
type tailReader struct {
	b   []byte
	err error
}

func (t *tailReader) number() uint64 {
	if len(t.b) == 0 || t.err != nil {
		return 0
	}
	n, size := binary.Uvarint(t.b)
	if size <= 0 {
		t.err = fmt.Errorf("%w: bad number", errRecord)
		return 0
	}
	t.b = t.b[size:]
	return n
}

func (t *tailReader) text() string {
	n := t.number()
	if n > uint64(len(t.b)) {
		t.err = fmt.Errorf("%w: text of %d bytes, %d are there", errRecord, n, len(t.b))
		return ""
	}
	s := string(t.b[:n])
	t.b = t.b[n:]
	return s
}

// appendRow appends a ledger row.
func appendRow(b []byte, m *Message) []byte {
	b = appendFixed(b, m)
	t := tail{b: b, keep: len(b)}
	t.common(m)
	t.feedback(m)
	return t.b[:t.keep]
}

func (t *tail) common(m *Message) {
	t.text(packSESID(m.SESID))
	t.text(m.To)
	t.text(m.Reason)
	t.number(millis(m.NextTry))
}

func (t *tailReader) common(m *Message) {
	m.SESID = unpackSESID(t.text())
	m.To = t.text()
	m.Reason = t.text()
	m.NextTry = fromMillis(t.number())
}

func (t *tail) feedback(m *Message) {
	t.text(m.News)
	t.text(packSESIDs(m.Also))
}

func (t *tailReader) feedback(m *Message) {
	m.News = t.text()
	var err error
	if m.Also, err = unpackSESIDs(t.text()); err != nil && t.err == nil {
		t.err = err
	}
}

// readRow reads a ledger row into m, whose ids the key gave.
func readRow(b []byte, campaign, subscriber uint64) (Message, error) {
	m := Message{ID: rowID(campaign, subscriber), Lane: Bulk, Campaign: campaign, Subscriber: subscriber}
	if err := readFixed(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w", m.ID, err)
	}
	t := tailReader{b: b[recordFixed:]}
	t.common(&m)
	t.feedback(&m)
	if t.err != nil {
		return m, fmt.Errorf("%s: %w", m.ID, t.err)
	}
	return m, nil
}

// appendMail appends a queue record.
func appendMail(b []byte, m *Message) []byte {
	b = appendFixed(b, m)
	t := tail{b: b, keep: len(b)}
	t.common(m)
	t.number(millis(m.Received))
	t.number(m.body)
	t.number(uint64(m.Size))
	for _, s := range [...]string{m.From, m.FromDomain, m.Subject, m.MessageID} {
		t.text(s)
	}
	t.feedback(m)
	t.text(m.Report)
	t.text(m.routing().text())
	return t.b[:t.keep]
}

// readMail reads a queue record.
func readMail(b []byte, seq uint64) (Message, error) {
	m := Message{ID: queueID(seq), Lane: Transactional, seq: seq}
	if err := readFixed(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w", m.ID, err)
	}
	t := tailReader{b: b[recordFixed:]}
	t.common(&m)
	m.Received = fromMillis(t.number())
	m.body = t.number()
	m.Size = int(min(t.number(), math.MaxInt32))
	m.From, m.FromDomain, m.Subject, m.MessageID = t.text(), t.text(), t.text(), t.text()
	t.feedback(&m)
	m.Report = t.text()
	if routing := t.text(); t.err == nil {
		t.err = m.readRouting(routing)
	}
	if t.err != nil {
		return m, fmt.Errorf("%s: %w", m.ID, t.err)
	}
	return m, nil
}
