package spool

import "time"

// Clock says what a wall clock does at a date and time.
type Clock string

// The days on which clocks are changed have a time that never is and one that
// is twice.
const (
	ClockOnce  Clock = ""      // it shows the time once
	ClockGap   Clock = "gap"   // it never does: the clocks go forward over it
	ClockTwice Clock = "twice" // it does so twice: the clocks go back over it
)

// clockReach is further than any zone is from UTC.
const clockReach = 26 * time.Hour

// Instant is when a wall clock in zone shows the date and time that wall shows
// in its own: at the first of two, and where there is none at the instant the
// clocks go forward, when it shows more for the first time.
func Instant(wall time.Time, zone *time.Location) (time.Time, Clock) {
	utc := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, time.UTC)
	_, before := utc.Add(-clockReach).In(zone).Zone()
	_, after := utc.Add(clockReach).In(zone).Zone()
	early, late := utc.Add(-offset(before)), utc.Add(-offset(after))
	earlyShows, lateShows := shows(early, utc, zone), shows(late, utc, zone)
	switch {
	case earlyShows && lateShows && early.Equal(late):
		return early.In(zone), ClockOnce
	case earlyShows && lateShows && early.Before(late):
		return early.In(zone), ClockTwice
	case earlyShows && lateShows:
		return late.In(zone), ClockTwice
	case earlyShows:
		return early.In(zone), ClockOnce
	case lateShows:
		return late.In(zone), ClockOnce
	}
	jump, _ := early.In(zone).ZoneBounds() // by the old offset it is past the change
	return jump, ClockGap
}

func offset(seconds int) time.Duration { return time.Duration(seconds) * time.Second }

// shows reports whether a clock in zone shows at an instant what utc shows.
func shows(at, utc time.Time, zone *time.Location) bool {
	_, seconds := at.In(zone).Zone()
	return at.Add(offset(seconds)).Equal(utc)
}
