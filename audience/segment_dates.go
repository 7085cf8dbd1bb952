package audience

import (
	"encoding/binary"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// dateField is a date of a subscriber.
type dateField uint8

const (
	createdDate dateField = iota
	updatedDate
	consentDate
)

func (d dateField) of(sub *Subscriber) time.Time {
	return [...]time.Time{sub.CreatedAt, sub.UpdatedAt, sub.Consent.At}[d]
}

// ofRow is in ms; 0 is none.
func (d dateField) ofRow(r *row) int64 {
	return int64(binary.BigEndian.Uint64(r.fixed[[...]int{8, 24, 16}[d]:]))
}

// The widest range of a date.
const (
	minMillis = math.MinInt64
	maxMillis = math.MaxInt64
)

// span is the range from <= date < to. One that is counted back from now has
// neither until settle.
type span struct {
	from, to int64
	operator string  // of a relative one, "" for one that is fixed
	back     daysAgo // its day
}

func (s *span) holds(ms int64) bool { return ms != 0 && s.from <= ms && ms < s.to }

// settle works a relative span out.
func (s *span) settle(now time.Time, zone *time.Location) {
	if s.operator != "" {
		day := s.back.from(now.In(zone))
		*s = spanOf(s.operator, day.UnixMilli(), day.AddDate(0, 0, 1).UnixMilli())
	}
}

// spanOf is the range of dates for which "date OP [a, b)" is true; != is ==, to
// be negated.
func spanOf(operator string, a, b int64) span {
	switch operator {
	case "<":
		return span{from: minMillis, to: a}
	case "<=":
		return span{from: minMillis, to: b}
	case ">":
		return span{from: b, to: maxMillis}
	case ">=":
		return span{from: a, to: maxMillis}
	}
	return span{from: a, to: b}
}

// daysAgo is a day counted back from now.
type daysAgo struct{ years, months, days int }

// from is the beginning of that day. A month ago of the 31st is the last day
// of a shorter month.
func (d daysAgo) from(now time.Time) time.Time {
	first := time.Date(now.Year()-d.years, now.Month()-time.Month(d.months), 1, 0, 0, 0, 0, now.Location())
	day := min(now.Day(), first.AddDate(0, 1, -1).Day())
	return time.Date(first.Year(), first.Month(), day-d.days, 0, 0, 0, 0, now.Location())
}

var (
	agoEnglish = regexp.MustCompile(`^(\d{1,5}) (day|week|month|year)s? ago$`)
	agoKorean  = regexp.MustCompile(`^(\d{1,5}) ?(일|주|주일|달|개월|년) ?전$`)
)

// parseAgo reads "30 days ago", "today", "yesterday", "30일 전", "오늘", "어제".
func parseAgo(text string) (daysAgo, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	switch text {
	case "today", "오늘":
		return daysAgo{}, true
	case "yesterday", "어제":
		return daysAgo{days: 1}, true
	}
	parts := agoEnglish.FindStringSubmatch(text)
	if parts == nil {
		parts = agoKorean.FindStringSubmatch(text)
	}
	if parts == nil {
		return daysAgo{}, false
	}
	n, _ := strconv.Atoi(parts[1]) // digits
	switch parts[2] {
	case "day", "일":
		return daysAgo{days: n}, n <= maxDays
	case "week", "주", "주일":
		return daysAgo{days: 7 * n}, 7*n <= maxDays
	case "month", "달", "개월":
		return daysAgo{months: n}, 31*n <= maxDays
	}
	return daysAgo{years: n}, 366*n <= maxDays
}

// maxDays bounds what is counted back: a hundred years.
const maxDays = 36_600

// date turns a field OP "date" into a range of milliseconds. A date without a
// time is the whole day.
func (w *rewriter) date(n *ast.BinaryNode, field word) (ast.Node, error) {
	const hint = `write for example "2026-01-31", "2026-01-31 09:00" or "30 days ago"`
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return nil, w.fail(n.Right, hint, "%s has to be compared with a date in quotes", field.name)
	}
	s, not := field.slot, n.Operator == "!="
	if text.Value == "" && (not || n.Operator == "==") { // known at all
		s.span = span{from: minMillis, to: maxMillis}
		return w.dated(n, s, !not), nil
	}
	if back, ok := parseAgo(text.Value); ok {
		s.span = span{operator: n.Operator, back: back}
		return w.dated(n, s, not), nil
	}
	from, dayOnly, ok := parseTime(text.Value, w.zone)
	if !ok {
		return nil, w.fail(text, hint, "%q is not a date", text.Value)
	}
	to := from.Add(time.Millisecond)
	if dayOnly {
		to = from.AddDate(0, 0, 1)
	}
	s.span = spanOf(n.Operator, from.UnixMilli(), to.UnixMilli())
	return w.dated(n, s, not), nil
}

// dated is whether the date is in the slot's span, or the contrary.
func (w *rewriter) dated(at ast.Node, s slot, not bool) ast.Node {
	node := w.use(at, s)
	if !not {
		return node
	}
	negated := &ast.UnaryNode{Operator: "not", Node: node}
	negated.SetLocation(at.Location())
	return negated
}
