package audience

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// importRow is one row, read and checked.
type importRow struct {
	line           int
	email          string
	hash           addressHash
	name, external string
	gender, lang   byte
	created        int64
	subscribed     bool
	consentAt      int64
	tags           []string
	values         []string // by plan.attributes
}

// row reads cells into out and says why they cannot be taken, "" if they can.
func (p *plan) row(cells []string, out *importRow, zone *time.Location) (reason string) {
	*out = importRow{line: out.line, tags: out.tags[:0], values: out.values[:0], subscribed: p.consent < 0}
	if p.email < len(cells) {
		out.email = strings.TrimSpace(cells[p.email])
	}
	if len(cells) != p.width {
		return fmt.Sprintf("it has %d cells where the header has %d: a comma outside quotes?", len(cells), p.width)
	}
	total := 0
	for _, cell := range cells {
		if total += len(cell); len(cell) > maxValue || total > maxRowValues/2 {
			return fmt.Sprintf("a cell is over %d bytes, or the row over %d", maxValue, maxRowValues/2)
		}
		if strings.IndexByte(cell, 0) >= 0 {
			return "a cell holds a NUL character"
		}
	}
	if out.email == "" {
		return "no e-mail address"
	}
	address, err := eml.ParseAddress(out.email)
	if err != nil {
		if wrong, ok := err.(*eml.AddressError); ok {
			return wrong.Reason
		}
		return err.Error()
	}
	out.email = address
	return p.fields(cells, out, zone)
}

// fields reads everything but the address.
func (p *plan) fields(cells []string, out *importRow, zone *time.Location) (reason string) {
	if p.name >= 0 {
		if out.name = oneLine(unsafeguard(cells[p.name])); len(out.name) > maxName {
			return fmt.Sprintf("the name is over %d bytes", maxName)
		}
	}
	if p.external >= 0 {
		if out.external = unsafeguard(strings.TrimSpace(cells[p.external])); len(out.external) > maxName {
			return fmt.Sprintf("the external id is over %d bytes", maxName)
		}
	}
	if p.gender >= 0 {
		out.gender, _ = genderCode(cells[p.gender]) // what is not known is left empty
	}
	if p.language >= 0 {
		out.lang = byte(max(0, slices.Index(languageWords(), strings.ToLower(strings.TrimSpace(cells[p.language])))))
	}
	var ok bool
	if out.created, ok = dateCell(cells, p.created, zone); !ok {
		return fmt.Sprintf("%q is not a date", eml.Cut(cells[p.created], maxDetail))
	}
	if out.consentAt, ok = dateCell(cells, p.consentAt, zone); !ok {
		return fmt.Sprintf("%q is not a date", eml.Cut(cells[p.consentAt], maxDetail))
	}
	if p.consent >= 0 {
		out.subscribed = isYes(cells[p.consent])
	}
	if p.tags >= 0 {
		for tag := range strings.FieldsFuncSeq(cells[p.tags], func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
			if tag = oneLine(tag); tag != "" {
				out.tags = append(out.tags, tag)
			}
			if len(tag) > maxLabel || len(out.tags) > maxTags {
				return fmt.Sprintf("a tag is over %d bytes, or there are over %d", maxLabel, maxTags)
			}
		}
	}
	for _, c := range p.attributes {
		out.values = append(out.values, unsafeguard(strings.TrimSpace(norm.NFC.String(cells[c.index]))))
	}
	return ""
}

// dateCell reads a date; no column, an empty cell and MySQL's zero date are none.
func dateCell(cells []string, i int, zone *time.Location) (ms int64, ok bool) {
	if i < 0 {
		return 0, true
	}
	cell := strings.TrimSpace(cells[i])
	if cell == "" || cell == "-" || strings.HasPrefix(cell, "0000-00-00") || strings.EqualFold(cell, "null") {
		return 0, true
	}
	t, _, ok := parseTime(cell, zone)
	return millis(t), ok
}

// isYes is the whole list of what counts as consent.
func isYes(cell string) bool {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "true", "1", "y", "yes", "동의":
		return true
	}
	return false
}

// unsafeguard takes off the apostrophe that safeCell put on, so that an export
// can be imported again.
func unsafeguard(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && formula(cell[1]) {
		return cell[1:]
	}
	return cell
}
