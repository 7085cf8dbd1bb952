package syncer

import (
	"encoding/json"
	"fmt"
	"time"
)

// mark is how far the sync is, stored with the rows it stored.
type mark struct {
	Plan      string    `json:"plan"`                // of the last pass begun: another one needs a full pass
	Source    string    `json:"source,omitempty"`    // where the rows known are from; "" of a version before it was kept
	Watermark int64     `json:"watermark,omitempty"` // everything committed before this instant of the server's clock is here, unix µs
	Ours      int64     `json:"ours,omitempty"`      // our clock at Watermark, unix µs
	LastGood  time.Time `json:"last_good,omitzero"`
	LastFull  time.Time `json:"last_full,omitzero"`
	Last      Result    `json:"last"`
	Run       *run      `json:"run,omitempty"` // a pass that has not ended
}

// run is a pass under way.
type run struct {
	Full     bool      `json:"full,omitempty"`
	Sweeping bool      `json:"sweeping,omitempty"` // all rows are read; those that vanished are looked for
	Again    bool      `json:"again,omitempty"`    // rows that are to leave are only in memory: after a kill it begins anew
	Next     int64     `json:"next"`               // Watermark when it ends
	Ours     int64     `json:"ours"`
	At       *position `json:"at,omitempty"` // the last row stored; nil before the first
	Result   Result    `json:"result"`
}

func readMark(b []byte) mark {
	var m mark
	if json.Unmarshal(b, &m) != nil {
		return mark{} // none, or one of a later version: begin anew, which is always right
	}
	return m
}

func (m mark) bytes() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("a mark always has a JSON form: %v", err))
	}
	return b
}

// wantsFull says why a tick is not enough, "" if it is. now is the server's
// clock and ours, unix µs.
func (m *mark) wantsFull(plan string, hasUpdated bool, overlap time.Duration, now, ours int64) string {
	drift := (now - m.Watermark) - (ours - m.Ours)
	switch {
	case m.Watermark == 0:
		return "first load"
	case m.Plan != plan:
		return "the configuration of the source changed"
	case !hasUpdated:
		return "there is no updated_at"
	case now < m.Watermark-overlap.Microseconds()/2 || drift > overlap.Microseconds()/2 || drift < -overlap.Microseconds()/2:
		return "the clock of the server or ours was set"
	case m.LastFull.IsZero():
		return "the last full sync failed"
	case ours-m.LastFull.UnixMicro() >= fullEvery.Microseconds():
		return "daily"
	}
	return ""
}
