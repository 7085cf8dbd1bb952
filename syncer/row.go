package syncer

import (
	"database/sql"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"pabal/audience"
)

// Reject is a row that cannot be somebody to write to.
type Reject struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// maxRejects is how many rejects a result lists.
const maxRejects = 20

// Result is what a sync read and did.
type Result struct {
	audience.SyncResult
	Full       bool          `json:"full"` // a full pass, not only a tick
	Read       int64         `json:"read"` // rows, with those of the overlap that were known
	Subscribed int64         `json:"subscribed"`
	Refused    int64         `json:"refused"`   // rows that say no: 0, false, n, no and the like
	Unclear    int64         `json:"unclear"`   // rows with NULL or a value that is no known yes or no: not subscribed
	Invalid    int64         `json:"invalid"`   // rows without a usable address or value: nobody to write to
	BadDates   int64         `json:"bad_dates"` // created_at or consent_at that are no time: left empty
	Undated    int64         `json:"undated"`   // rows without updated_at, or with 0000-00-00: their changes are seen by the daily pass only
	Rejects    []Reject      `json:"rejects,omitempty"`
	Took       time.Duration `json:"took_ns"`
}

func (r *Result) add(o Result) {
	r.SyncResult.Add(o.SyncResult)
	r.Read += o.Read
	r.Subscribed += o.Subscribed
	r.Refused += o.Refused
	r.Unclear += o.Unclear
	r.Invalid += o.Invalid
	r.BadDates += o.BadDates
	r.Undated += o.Undated
	r.Rejects = append(r.Rejects, o.Rejects[:min(len(o.Rejects), maxRejects-len(r.Rejects))]...)
}

// reader turns rows of the server into rows of the audience.
type reader struct {
	*table
	raw     []sql.RawBytes
	into    []any
	row     audience.SyncRow
	batch   *audience.SyncBatch
	leaving map[string]bool // of the pass
	result  Result
	texts   texts
	last    position // of the row read last
	gone    [][]byte // keys of rows that leave: marked, not taken, or nobody to write to
}

func (t *table) reader(batch *audience.SyncBatch) *reader {
	r := &reader{table: t, batch: batch, raw: make([]sql.RawBytes, len(t.forms)), into: make([]any, len(t.forms))}
	for i := range r.raw {
		r.into[i] = &r.raw[i]
	}
	r.row.Values = make([]string, len(t.values))
	return r
}

// take reads the row that rows stands on.
func (r *reader) take(rows *sql.Rows) error {
	if err := rows.Scan(r.into...); err != nil {
		return err
	}
	r.result.Read++
	r.fill()
	if r.row.Gone {
		r.gone = append(r.gone, r.row.Key)
		return nil
	}
	reason := r.batch.Add(&r.row)
	delete(r.leaving, string(r.row.Key)) // it is back
	if reason != "" {
		r.gone = append(r.gone, r.row.Key)
		r.result.Invalid++
		if len(r.result.Rejects) < maxRejects {
			r.result.Rejects = append(r.result.Rejects, Reject{r.row.ID, reason})
		}
	}
	return nil
}

// fill reads the values into r.row.
func (r *reader) fill() {
	row := &r.row
	*row = audience.SyncRow{Values: row.Values}
	row.Key, row.ID = r.key(nil, r.raw[r.id]), display(r.forms[r.id], r.raw[r.id])
	r.last.Key = row.Key
	if r.updated >= 0 {
		r.last.Raw = string(r.raw[r.updated])
		if row.UpdatedAt = r.micros(r.raw[r.updated]); row.UpdatedAt == 0 {
			r.result.Undated++
		}
	}
	if row.Gone = r.isGone(); row.Gone {
		return
	}
	row.Email, row.Name, row.Gender = r.text(r.email), r.text(r.name), r.text(r.gender)
	if r.name >= 0 {
		r.texts.see(r.raw[r.name])
	}
	row.Subscribed = r.consents()
	row.CreatedAt, row.ConsentAt = r.time(r.created), r.time(r.consent)
	for i, at := range r.values {
		row.Values[i] = r.text(at)
	}
}

// isGone reports whether the row was deleted softly or is not taken by where.
func (r *reader) isGone() bool {
	if r.taken >= 0 && string(r.raw[r.taken]) != "1" {
		return true
	}
	if r.deleted < 0 {
		return false
	}
	v := strings.TrimSpace(r.text(r.deleted))
	return v != "" && v != "0" && !strings.HasPrefix(v, "0000-00-00")
}

// text is a value as text, "" for NULL and for a column there is not.
func (r *reader) text(at int) string {
	if at < 0 || r.raw[at] == nil {
		return ""
	}
	if r.forms[at] == asBits {
		var n uint64
		for _, b := range r.raw[at] {
			n = n<<8 | uint64(b)
		}
		return strconv.FormatUint(n, 10)
	}
	return string(r.raw[at])
}

// consents reports whether the row says yes, and counts what it says.
func (r *reader) consents() bool {
	word := strings.ToLower(strings.TrimSpace(r.text(r.subscribed)))
	switch {
	case r.yes[word]:
		r.result.Subscribed++
		return true
	case r.raw[r.subscribed] == nil || !isNo(word):
		r.result.Unclear++
	default:
		r.result.Refused++
	}
	return false
}

func isNo(word string) bool {
	switch word {
	case "0", "false", "n", "no", "f", "off", "거부", "미동의", "수신거부", "비동의":
		return true
	}
	return false
}

// time is a time of any form; what cannot be read is counted and zero.
func (r *reader) time(at int) time.Time {
	text := strings.TrimSpace(r.text(at))
	if text == "" || text == "0" || strings.HasPrefix(text, "0000-00-00") {
		return time.Time{}
	}
	zone := r.zone()
	if r.forms[at] == asUTC {
		zone = time.UTC
	}
	if whole, fraction, found := strings.Cut(text, "."); found && len(whole) >= 9 && isDigits(whole) && isDigits(fraction) {
		text = whole // a DECIMAL of seconds
	}
	t, ok := audience.ParseTime(text, zone)
	if !ok {
		r.result.BadDates++
	}
	return t
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// texts looks for text that was written in another character set than the
// column declares.
type texts struct{ foreign, broken int }

// enough is how many texts have to be broken before it is the table's fault.
const enough = 3

func (x *texts) see(b []byte) {
	ascii := true
	for _, c := range b {
		ascii = ascii && c < 0x80
	}
	if ascii {
		return
	}
	x.foreign++
	if !utf8.Valid(b) || mojibake(string(b)) {
		x.broken++
	}
}

func (x *texts) wrong() bool { return x.broken >= enough && 2*x.broken > x.foreign }

// mojibake reports whether a text is UTF-8 or Korean EUC-KR bytes that were
// read as Western European ones: ê¹€ is 김.
func mojibake(s string) bool {
	b, err := charmap.Windows1252.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return false
	}
	high := 0
	for _, c := range b {
		if c >= 0x80 {
			high++
		}
	}
	return high > 0 && utf8.Valid(b) || high >= 4 && hangul(b)
}

// hangul reports whether bytes read as EUC-KR are syllables.
func hangul(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			continue
		}
		if b[i] < 0xB0 || b[i] > 0xC8 || i+1 >= len(b) || b[i+1] < 0xA1 {
			return false
		}
		i++
	}
	return true
}
