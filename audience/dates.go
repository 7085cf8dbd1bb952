package audience

import (
	"strconv"
	"strings"
	"time"
)

// parseTime reads the ways dates are written in Korean spreadsheets and in
// segments: 2026-01-02, 2026.1.2, 2026/01/02, 2026년 1월 2일, 20260102, each
// with an optional 15:04[:05[.000]] or 오후 3:04, a zone as in RFC 3339, and
// epoch seconds (10 digits) or milliseconds (13). A time without a zone is in
// zone. dayOnly says that no time of day was given. Years are 1900 to 2200.
func parseTime(s string, zone *time.Location) (t time.Time, dayOnly, ok bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && s[0] != '+' {
		return parseDigits(s, n, zone)
	}
	d := dateText{rest: s}
	year, month, day, ok := d.day()
	if !ok {
		return t, false, false
	}
	if d.rest == "" {
		t, ok = makeTime(year, month, day, clock{}, zone)
		return t, true, ok
	}
	c, ok := d.clock()
	if !ok {
		return t, false, false
	}
	if zone, ok = d.zone(zone); !ok {
		return t, false, false
	}
	t, ok = makeTime(year, month, day, c, zone)
	return t, false, ok
}

// parseDigits reads 20260102, 202601021504, 20260102150405 and epochs.
func parseDigits(s string, n int64, zone *time.Location) (t time.Time, dayOnly, ok bool) {
	part := func(from, to int) int { v, _ := strconv.Atoi(s[from:to]); return v }
	switch len(s) {
	case 8:
		t, ok = makeTime(part(0, 4), part(4, 6), part(6, 8), clock{}, zone)
		return t, true, ok
	case 14:
		t, ok = makeTime(part(0, 4), part(4, 6), part(6, 8), clock{part(8, 10), part(10, 12), part(12, 14), 0}, zone)
		return t, false, ok
	case 12: // a minute, not a moment of 1976 in milliseconds
		if t, ok = makeTime(part(0, 4), part(4, 6), part(6, 8), clock{part(8, 10), part(10, 12), 0, 0}, zone); ok {
			return t, false, true
		}
		return time.UnixMilli(n), false, true
	case 9, 10:
		return time.Unix(n, 0), false, true
	case 13:
		return time.UnixMilli(n), false, true
	}
	return t, false, false
}

type clock struct{ hour, minute, second, nano int }

// makeTime refuses what time.Date would carry over, such as 2026-02-30.
func makeTime(year, month, day int, c clock, zone *time.Location) (time.Time, bool) {
	if year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || c.hour > 23 || c.minute > 59 || c.second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, c.hour, c.minute, c.second, c.nano, zone)
	return t, day <= 28 || t.Day() == day
}

// dateText is what of a text is not read yet.
type dateText struct{ rest string }

func (d *dateText) spaces() { d.rest = strings.TrimLeft(d.rest, " \u00a0") }

// number takes between low and high digits.
func (d *dateText) number(low, high int) (int, bool) {
	n, v := 0, 0
	for n < len(d.rest) && n < high && d.rest[n] >= '0' && d.rest[n] <= '9' {
		v = v*10 + int(d.rest[n]-'0')
		n++
	}
	d.rest = d.rest[n:]
	return v, n >= low
}

// take takes one of the texts, and spaces round it.
func (d *dateText) take(texts ...string) bool {
	d.spaces()
	for _, text := range texts {
		if len(d.rest) >= len(text) && strings.EqualFold(d.rest[:len(text)], text) {
			d.rest = d.rest[len(text):]
			d.spaces()
			return true
		}
	}
	return false
}

func (d *dateText) day() (year, month, day int, ok bool) {
	year, ok = d.number(4, 4)
	if !ok || !d.take("-", ".", "/", "년") {
		return 0, 0, 0, false
	}
	if month, ok = d.number(1, 2); !ok || !d.take("-", ".", "/", "월") {
		return 0, 0, 0, false
	}
	if day, ok = d.number(1, 2); !ok {
		return 0, 0, 0, false
	}
	d.take(".", "일")
	d.spaces()
	return year, month, day, true
}

func (d *dateText) clock() (c clock, ok bool) {
	d.take("T")
	before := d.half()
	if c.hour, ok = d.number(1, 2); !ok || !d.take(":") {
		return c, false
	}
	if c.minute, ok = d.number(2, 2); !ok {
		return c, false
	}
	if strings.HasPrefix(d.rest, ":") {
		d.rest = d.rest[1:]
		if c.second, ok = d.number(2, 2); !ok {
			return c, false
		}
	}
	if strings.HasPrefix(d.rest, ".") {
		d.rest = d.rest[1:]
		if c.nano, ok = d.fraction(); !ok {
			return c, false
		}
	}
	after := d.half()
	return c.in(before + after)
}

// half takes 오전 (AM) or 오후 (PM): "a", "p" or "".
func (d *dateText) half() string {
	switch {
	case d.take("오전", "AM"):
		return "a"
	case d.take("오후", "PM"):
		return "p"
	}
	return ""
}

// in turns an hour of 1 to 12 into one of the day.
func (c clock) in(half string) (clock, bool) {
	switch {
	case half == "":
		return c, true
	case len(half) > 1 || c.hour < 1 || c.hour > 12:
		return c, false
	}
	c.hour %= 12
	if half == "p" {
		c.hour += 12
	}
	return c, true
}

// fraction takes 1 to 9 digits as nanoseconds.
func (d *dateText) fraction() (int, bool) {
	size := len(d.rest)
	v, ok := d.number(1, 9)
	for range 9 - (size - len(d.rest)) {
		v *= 10
	}
	return v, ok
}

// zone takes Z, +09:00 or +0900, and has to be the end.
func (d *dateText) zone(zone *time.Location) (*time.Location, bool) {
	switch {
	case d.rest == "":
		return zone, true
	case d.take("Z", "UTC"):
		return time.UTC, d.rest == ""
	}
	sign := 1
	if d.rest[0] == '-' {
		sign = -1
	} else if d.rest[0] != '+' {
		return nil, false
	}
	d.rest = d.rest[1:]
	hours, ok := d.number(2, 2)
	if !ok {
		return nil, false
	}
	d.rest = strings.TrimPrefix(d.rest, ":")
	minutes, ok := d.number(2, 2)
	if !ok || hours > 14 || minutes > 59 || d.rest != "" {
		return nil, false
	}
	return time.FixedZone("", sign*(hours*60+minutes)*60), true
}
