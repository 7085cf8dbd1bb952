package syncer

import (
	"context"
	"strconv"
	"strings"
	"time"

	"pabal/eml"
)

// position is where a pass stands: a row's key, and its updated_at in a tick.
type position struct {
	Key []byte `json:"key,omitempty"`
	Raw string `json:"raw,omitempty"` // updated_at as the server wrote it
	// Past says that every row of that updated_at is read.
	Past bool `json:"past,omitempty"`
}

// updated is updated_at as a query takes it.
func (p *position) updated(t *table) any {
	if t.forms[t.updated] == asNumber {
		n, _ := strconv.ParseInt(p.Raw, 10, 64)
		return n
	}
	return p.Raw
}

// timeLayout is how the server writes a time; a fraction may follow or not.
const timeLayout = "2006-01-02 15:04:05.999999"

// micros is an updated_at as unix µs, 0 if it is not known.
func (t *table) micros(raw []byte) int64 {
	text := string(raw)
	switch f := t.forms[t.updated]; {
	case text == "" || strings.HasPrefix(text, "0000-00-00"):
		return 0
	case f == asNumber:
		n, _ := strconv.ParseInt(text, 10, 64)
		return n * t.seconds
	case len(text) == len("2006-01-02"):
		text += " 00:00:00"
		fallthrough
	default:
		at, err := time.ParseInLocation(timeLayout, text, t.wallZone())
		if err != nil {
			return 0
		}
		return at.UnixMicro()
	}
}

// wallZone is the zone that updated_at is written in.
func (t *table) wallZone() *time.Location {
	if t.updated >= 0 && t.forms[t.updated] == asLocal {
		return t.zone()
	}
	return time.UTC
}

// from is the lowest updated_at that a row changed between two instants (unix
// µs) can have, as a query takes it. Where clocks are set back for winter the
// hour that comes twice counts from its first time.
func (t *table) from(since, now int64) any {
	if t.forms[t.updated] == asNumber {
		return since / t.seconds
	}
	zone := t.wallZone()
	start := time.UnixMicro(since).In(zone)
	_, before := start.Zone()
	_, after := time.UnixMicro(now).In(zone).Zone()
	if after < before {
		start = start.Add(time.Duration(after-before) * time.Second)
	}
	if t.forms[t.updated] == asLocal {
		start = start.Truncate(time.Second) // DATETIME(0) rounds or cuts
	}
	return start.Format("2006-01-02 15:04:05.000000")
}

// now is the server's clock, unix µs.
func (s *server) now(ctx context.Context) (int64, error) {
	var text string
	if err := s.db.QueryRowContext(ctx, "SELECT UTC_TIMESTAMP(6)").Scan(&text); err != nil {
		return 0, err
	}
	at, err := time.Parse(timeLayout, text)
	if err != nil {
		return 0, &eml.Problem{Code: CodeServer, What: "the clock of MySQL cannot be read: " + eml.Visible(text), Hint: "is it MySQL or MariaDB?", Err: err}
	}
	return at.UnixMicro(), nil
}
