package audience

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// numberFormat is how a number is shown. nil and the zero value are General:
// all its digits, never an exponent.
type numberFormat struct {
	date, clock bool // dates and times are shown as ISO, whatever the format says
	sections    []section
}

// section is a part of a format code such as 000-0000-0000;-0.
type section struct {
	tokens   []token
	limit    *limit // [<=9999999]
	decimals int    // places after the point, and how many of them are shown always
	fixed    int
	group    bool // commas
	percent  int
}

type limit struct {
	op    string
	value float64
}

// token is a literal, or a place for a digit ('0', '#', '?') or the point.
type token struct {
	place   byte // 0 for a literal
	literal string
}

// maxPlain bounds numbers that are shown by their digits; past it they have an
// exponent, as nobody's id has.
const maxPlain = 1e21

// newNumberFormat reads a format by its number and code (ECMA-376, 18.8.30).
// Codes it does not know show all digits.
func newNumberFormat(id int, code string) *numberFormat {
	if code == "" {
		code = builtinFormat(id)
	}
	f := &numberFormat{}
	if f.date, f.clock = dateParts(code); f.date || f.clock {
		return f
	}
	for _, text := range splitSections(code) {
		s, ok := parseSection(text)
		if !ok {
			return &numberFormat{}
		}
		f.sections = append(f.sections, s)
	}
	return f
}

// builtinFormat is the code of a format that has only a number: 14 to 22, 45 to
// 47 and, in East Asian Excel, 27 to 36 and 50 to 58 are dates and times.
func builtinFormat(id int) string {
	switch {
	case id == 1:
		return "0"
	case id == 2:
		return "0.00"
	case id == 3, id == 37, id == 38:
		return "#,##0"
	case id == 4, id == 39, id == 40:
		return "#,##0.00"
	case id == 9:
		return "0%"
	case id == 10:
		return "0.00%"
	case id == 22:
		return "yyyy-mm-dd hh:mm"
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 34, id == 35, id == 36, id >= 50 && id <= 58:
		return "yyyy-mm-dd"
	case id >= 18 && id <= 21, id >= 32 && id <= 33, id >= 45 && id <= 47:
		return "hh:mm:ss"
	}
	return ""
}

// dateParts reports whether a code shows a date, a time of day. m alone is a month.
func dateParts(code string) (date, clock bool) {
	if code == "" || strings.EqualFold(code, "General") {
		return false, false
	}
	month := false
	for _, t := range plainLetters(code) {
		switch t {
		case 'y', 'd':
			date = true
		case 'h', 's':
			clock = true
		case 'm':
			month = true
		}
	}
	return date || month && !clock, clock
}

// plainLetters are the letters of a code in lower case, without quoted texts,
// escaped characters and brackets other than those of elapsed time.
func plainLetters(code string) string {
	var b strings.Builder
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			if end := strings.IndexByte(code[i+1:], '"'); end >= 0 {
				i += end + 1
			} else {
				i = len(code)
			}
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return b.String()
			}
			if inner := strings.ToLower(code[i+1 : i+end]); inner != "" && strings.Trim(inner, "hms") == "" {
				b.WriteString(inner)
			}
			i += end
		case ';':
			return b.String() // the first section tells
		default:
			b.WriteByte(c | 0x20)
		}
	}
	return b.String()
}

func splitSections(code string) []string {
	var list []string
	start := 0
	for i := 0; i < len(code); i++ {
		switch code[i] {
		case '"':
			if end := strings.IndexByte(code[i+1:], '"'); end >= 0 {
				i += end + 1
			}
		case '\\', '_', '*':
			i++
		case ';':
			list, start = append(list, code[start:i]), i+1
		}
	}
	return append(list, code[start:])
}

// parseSection reads one section of digits; it is not ok for all others.
func parseSection(code string) (s section, ok bool) {
	point, after := false, false // a point has been seen; a place has
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '0', '#', '?':
			s.tokens = append(s.tokens, token{place: c})
			after = true
			if point {
				if s.decimals++; c == '0' {
					s.fixed = s.decimals
				}
			}
		case '.':
			if point {
				return s, false
			}
			point = true
			s.tokens = append(s.tokens, token{place: '.'})
		case ',':
			if !after || i+1 == len(code) || strings.IndexByte("0#?", code[i+1]) < 0 {
				return s, false // thousands as a unit
			}
			s.group = true
		case '%':
			s.percent++
			s.literal("%")
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return s, false
			}
			s.literal(code[i+1 : i+1+end])
			i += end + 1
		case '\\':
			if i++; i == len(code) {
				return s, false
			}
			_, n := utf8.DecodeRuneInString(code[i:])
			s.literal(code[i : i+n])
			i += n - 1
		case '_', '*':
			i++ // room and filling
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 || !s.bracket(code[i+1:i+end]) {
				return s, false
			}
			i += end
		default:
			if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '@' || c == '/' {
				return s, false // exponents, fractions, texts, General
			}
			_, n := utf8.DecodeRuneInString(code[i:])
			s.literal(code[i : i+n])
			i += n - 1
		}
	}
	return s, len(s.tokens) > 0
}

func (s *section) literal(text string) { s.tokens = append(s.tokens, token{literal: text}) }

// bracket reads [<=99], [$₩-412] and colours.
func (s *section) bracket(text string) bool {
	if symbol, ok := strings.CutPrefix(text, "$"); ok {
		symbol, _, _ = strings.Cut(symbol, "-")
		s.literal(symbol)
		return true
	}
	for _, op := range []string{"<=", ">=", "<>", "<", ">", "="} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			s.limit = &limit{op, v}
			return err == nil
		}
	}
	return true
}

func (l *limit) holds(v float64) bool {
	switch l.op {
	case "<=":
		return v <= l.value
	case ">=":
		return v >= l.value
	case "<>":
		return v != l.value
	case "<":
		return v < l.value
	case ">":
		return v > l.value
	}
	return v == l.value
}

// text is a cell's number as a person sees it.
func (f *numberFormat) text(raw string, is1904 bool) string {
	raw = strings.TrimSpace(raw)
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return raw
	}
	if f != nil && (f.date || f.clock) {
		if text, ok := f.dateText(v, is1904); ok {
			return text
		}
		return general(raw, v)
	}
	if f == nil || len(f.sections) == 0 || math.Abs(v) >= 1e15 {
		return general(raw, v)
	}
	s, signed := f.choose(v)
	return s.text(v, signed)
}

// general shows all digits: an id of twenty as it is written, 0.1+0.2 as 0.3.
func general(raw string, v float64) string {
	if digits := strings.TrimPrefix(raw, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		return raw
	}
	if math.Abs(v) >= maxPlain {
		return raw
	}
	if v, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64); err == nil {
		return strconv.FormatFloat(v+0, 'f', -1, 64)
	}
	return raw
}

// choose is the section for a number, and whether it needs a sign.
func (f *numberFormat) choose(v float64) (s section, signed bool) {
	for _, s := range f.sections {
		if s.limit != nil && s.limit.holds(v) {
			return s, v < 0
		}
	}
	i := slices.IndexFunc(f.sections, func(s section) bool { return s.limit == nil })
	switch {
	case i < 0:
		return f.sections[len(f.sections)-1], v < 0
	case f.sections[0].limit != nil:
		return f.sections[i], v < 0
	case v < 0 && len(f.sections) > 1:
		return f.sections[1], false
	case v == 0 && len(f.sections) > 2:
		return f.sections[2], false
	}
	return f.sections[0], v < 0
}

// text fills the places.
func (s *section) text(v float64, signed bool) string {
	v = math.Abs(v)
	for range s.percent {
		v *= 100
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(v, 'f', s.decimals, 64), ".")
	for len(fraction) > s.fixed && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	if whole == "0" {
		whole = ""
	}
	places := 0
	for _, t := range s.tokens {
		if t.place == '.' {
			break
		}
		if t.place != 0 {
			places++
		}
	}
	var b strings.Builder
	if signed && strings.Trim(whole+fraction, "0") != "" {
		b.WriteByte('-')
	}
	left, point := places, false // places that are to come
	begun := false
	for _, t := range s.tokens {
		switch {
		case t.place == 0:
			b.WriteString(t.literal)
		case t.place == '.':
			if point = true; fraction != "" {
				b.WriteByte('.')
				b.WriteString(fraction)
			}
		case !point:
			if left == places && len(whole) > places { // digits without a place stand before the first
				for i := range len(whole) - places {
					s.digit(&b, whole[i], len(whole)-i-1)
				}
				whole, begun = whole[len(whole)-places:], true
			}
			left--
			switch have := len(whole) > left; {
			case have:
				s.digit(&b, whole[len(whole)-left-1], left)
				begun = true
			case t.place == '0' || begun:
				s.digit(&b, '0', left)
				begun = true
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// digit writes a digit that has so many after it before the point.
func (s *section) digit(b *strings.Builder, d byte, after int) {
	b.WriteByte(d)
	if s.group && after > 0 && after%3 == 0 {
		b.WriteByte(',')
	}
}

const maxSerial = 2958466 // the day after 9999-12-31

// dateText is a day count as ISO. Day 60 of 1900 never was, Excel counts it.
func (f *numberFormat) dateText(v float64, is1904 bool) (string, bool) {
	if v < 0 || v >= maxSerial {
		return "", false
	}
	days, part := math.Modf(v)
	seconds := math.Round(part * 24 * 60 * 60)
	base := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case is1904:
		base = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 60:
		base = base.AddDate(0, 0, 1)
	}
	t := base.AddDate(0, 0, int(days)).Add(time.Duration(seconds) * time.Second)
	switch {
	case f.clock && !f.date && days == 0:
		return t.Format(time.TimeOnly), true
	case !f.clock:
		return t.Format(time.DateOnly), true
	}
	return t.Format(exportDate), true
}
