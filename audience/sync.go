package audience

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// SyncRow is one row of the customers' table, as the source has it now.
type SyncRow struct {
	Key        []byte    // its id, so that bytes.Compare orders as the source does; at most MaxSyncKey bytes
	ID         string    // its id for people: Subscriber.ExternalID
	Gone       bool      // it is not there any more; nothing else is looked at
	Email      string    // in any spelling
	Name       string    // "" takes the name away
	Gender     string    // as people write it; what is not known is none
	CreatedAt  time.Time // zero: none
	UpdatedAt  int64     // when the row was changed, unix µs: the newest of several with one address gives the fields; 0 not known
	Subscribed bool      // the source says yes
	ConsentAt  time.Time // when the person said yes, if the source knows; zero: it does not
	Values     []string  // by SyncOptions.Attributes; "" takes a value away
}

// MaxSyncKey bounds SyncRow.Key, bytes.
const MaxSyncKey = maxName

// SyncOptions say what the rows of a batch hold.
type SyncOptions struct {
	Attributes []string // names of the attributes in SyncRow.Values
	NoName     bool     // the source has no name: leave what is known
	NoGender   bool
	NoCreated  bool
	Trusted    bool // MySQL may take back its own refusal (trust_resubscribe)
	Apart      bool // a row that Add gives a reason for is left out: the caller says what becomes of it
	Load       bool // a long run over all rows: the e-mail index follows in sorted runs
}

// SyncResult counts what a batch did: a row is Created, Updated, Unchanged or
// Removed.
type SyncResult struct {
	Created   int64 `json:"created"`   // new subscribers
	Updated   int64 `json:"updated"`   // subscribers changed
	Unchanged int64 `json:"unchanged"` // nothing new
	Removed   int64 `json:"removed"`   // rows that left the audience
	KeptOut   int64 `json:"kept_out"`  // rows that say yes, newly, of somebody who opted out: kept out
	Erased    int64 `json:"erased"`    // rows of somebody who was erased: left alone; one that was known counts as Removed too
}

// Add sums two results.
func (r *SyncResult) Add(o SyncResult) {
	r.Created += o.Created
	r.Updated += o.Updated
	r.Unchanged += o.Unchanged
	r.Removed += o.Removed
	r.KeptOut += o.KeptOut
	r.Erased += o.Erased
}

// SyncBatch is rows read and checked, to be stored by Store.Sync. It is used
// by one goroutine at a time and may be used again after Reset.
type SyncBatch struct {
	s       *Store
	options SyncOptions
	rows    []syncRow
	size    int
}

// syncRow is a SyncRow as it will be stored.
type syncRow struct {
	key         []byte
	id          string
	gone        bool
	email, name string
	hash        addressHash
	gender      byte
	created     int64 // unix ms
	updated     int64 // unix µs
	yes         bool
	consentAt   int64 // unix ms
	values      []string
}

// NewSyncBatch begins a batch. The error is of an attribute that cannot have
// that name.
func (s *Store) NewSyncBatch(o SyncOptions) (*SyncBatch, error) {
	for _, name := range o.Attributes {
		if reason := badLabel(name); reason != "" {
			return nil, &eml.Problem{What: fmt.Sprintf("the attribute name %q %s", name, reason), Hint: "give it a short name"}
		}
		if field := fieldOf(name); field != "" {
			return nil, &eml.Problem{What: fmt.Sprintf("%q is the field %s, not an attribute", name, field), Hint: "give the attribute another name"}
		}
	}
	return &SyncBatch{s: s, options: o}, nil
}

// Len is how many rows are in the batch, Size about how many bytes of text.
func (b *SyncBatch) Len() int { return len(b.rows) }

// Size is about how many bytes the batch holds.
func (b *SyncBatch) Size() int { return b.size }

// Reset empties the batch.
func (b *SyncBatch) Reset() {
	clear(b.rows)
	b.rows, b.size = b.rows[:0], 0
}

// Add takes a row. A reason means that it cannot be somebody to write to: it
// goes into the batch as a row that is gone, so that nobody is written to at an
// address the source does not have any more (but with SyncOptions.Apart).
func (b *SyncBatch) Add(r *SyncRow) (reason string) {
	row := syncRow{key: r.Key, id: r.ID, gone: r.Gone}
	if !r.Gone {
		if reason = b.fill(&row, r); reason != "" && b.options.Apart {
			return reason
		}
		if reason != "" {
			row = syncRow{key: r.Key, id: r.ID, gone: true}
		}
	}
	if len(r.Key) == 0 || len(r.Key) > MaxSyncKey || len(r.ID) > maxName {
		return fmt.Sprintf("its id is empty or over %d bytes", MaxSyncKey)
	}
	b.rows = append(b.rows, row)
	b.size += len(row.key) + len(row.id) + len(row.email) + len(row.name) + rowSize
	return reason
}

// fill reads the fields of a row that is there.
func (b *SyncBatch) fill(row *syncRow, r *SyncRow) (reason string) {
	if strings.TrimSpace(r.Email) == "" {
		return "no e-mail address"
	}
	address, err := eml.ParseAddress(r.Email)
	if err != nil {
		var wrong *eml.AddressError
		if errors.As(err, &wrong) {
			return wrong.Reason
		}
		return err.Error()
	}
	row.email, row.hash = address, b.s.hash(address)
	if reason := badText(r.Name, maxName); reason != "" {
		return "the name " + reason
	}
	row.name = oneLine(r.Name)
	row.gender, _ = genderCode(r.Gender)
	row.created, row.updated, row.yes = millis(r.CreatedAt), r.UpdatedAt, r.Subscribed
	if r.Subscribed {
		row.consentAt = millis(r.ConsentAt)
	}
	if len(r.Values) != len(b.options.Attributes) {
		return "it has another number of values than columns"
	}
	total := 0
	for i, value := range r.Values {
		if reason := badText(value, maxValue); reason != "" {
			return fmt.Sprintf("the value of %q %s", b.options.Attributes[i], reason)
		}
		total += len(value)
	}
	if total > maxRowValues/2 {
		return fmt.Sprintf("its values are over %d bytes", maxRowValues/2)
	}
	b.size += total
	for _, value := range r.Values {
		row.values = append(row.values, strings.TrimSpace(norm.NFC.String(value)))
	}
	return ""
}

// errIndexFirst ends a job that would move somebody who is not in the e-mail
// index yet; the index is written and the job done again.
var errIndexFirst = errors.New("the e-mail index is behind")

// Sync stores a batch in one commit, and with it the mark that mark makes of
// what the batch did, which SyncMark returns (nil leaves it as it is). mark may be called more
// than once and must only compute. Several rows with one address are one subscriber:
// the newest by (UpdatedAt, Key) gives the fields, any refusal wins, also one
// that was there before (see decide). A row whose address changed takes its
// person along, refusal included. Who has no row any more is removed if a row
// made them, and stays unsubscribed should they come again.
func (s *Store) Sync(ctx context.Context, b *SyncBatch, mark func(SyncResult) []byte) (SyncResult, error) {
	var result SyncResult
	later := b.options.Load
	for {
		err := s.grow(ctx, b.size, func(u *update) error {
			var err error
			result, err = u.sync(b, mark, later)
			return err
		})
		if errors.Is(err, errIndexFirst) {
			later = false
			if err = s.flush(ctx); err == nil {
				continue
			}
		}
		if err == nil && (s.pending.size() >= maxPending || !b.options.Load && s.pending.size() > 0) {
			err = s.flush(ctx)
		}
		return result, err
	}
}

// ParseTime reads a time as people and tables write it: dates with - . / or 년
// 월 일, with or without a time of day and a zone, epoch seconds (9 or 10
// digits) and milliseconds (12 or 13). What has no zone is in zone.
func ParseTime(s string, zone *time.Location) (time.Time, bool) {
	t, _, ok := parseTime(s, zoneOr(zone))
	return t, ok
}
