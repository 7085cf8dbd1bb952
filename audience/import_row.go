package audience

import (
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// importRow is one row, read and checked.
type importRow struct {
	line           int
	number         int64 // of the file's rows, from 1
	email          string
	hash           addressHash
	name, external string
	gender, lang   byte
	created        int64
	subscribed     bool
	consentAt      int64
	tags           []string

	// Of a file of ExportCSV.
	source              Source // of the consent; "" in other files
	sourceAt            int64
	assumed, suppressed bool
	freq                byte
	topicsOff, topicsOn []string

	values []string // by plan.attributes
}

// row reads cells into out and says why they cannot be taken.
func (p *plan) row(cells []string, out *importRow, zone *time.Location) wrong {
	*out = importRow{line: out.line, number: out.number, tags: out.tags[:0], values: out.values[:0], topicsOff: out.topicsOff[:0], topicsOn: out.topicsOn[:0], subscribed: p.consent < 0}
	if p.email < len(cells) {
		out.email = unsafeguard(strings.TrimSpace(cells[p.email]))
	}
	if len(cells) != p.width {
		return wrong{code: rowCells, have: len(cells), want: p.width}
	}
	total := 0
	for _, cell := range cells {
		if total += len(cell); len(cell) > maxValue || total > maxRowValues/2 {
			return wrong{code: rowLong}
		}
		if strings.IndexByte(cell, 0) >= 0 {
			return wrong{code: rowNUL}
		}
	}
	if out.email == "" {
		return wrong{code: rowNoAddress}
	}
	address, err := eml.ParseAddress(out.email)
	if err != nil {
		return wrongAddress(err)
	}
	out.email = address
	return p.fields(cells, out, zone)
}

func wrongAddress(err error) wrong {
	var bad *eml.AddressError
	if errors.As(err, &bad) {
		return wrong{code: rowAddress + bad.Code, text: bad.Reason}
	}
	return wrong{code: rowAddress, text: err.Error()}
}

// fields reads everything but the address.
func (p *plan) fields(cells []string, out *importRow, zone *time.Location) wrong {
	if p.name >= 0 {
		if out.name = oneLine(unsafeguard(cells[p.name])); len(out.name) > maxName {
			return wrong{code: rowName}
		}
	}
	if p.external >= 0 {
		if out.external = strings.TrimSpace(norm.NFC.String(unsafeguard(cells[p.external]))); len(out.external) > maxName {
			return wrong{code: rowExternalLong}
		}
	}
	if p.gender >= 0 {
		out.gender, _ = genderCode(cells[p.gender]) // what is not known is left empty
	}
	if p.language >= 0 {
		out.lang = wordCode(languageWords(), cells[p.language])
	}
	var ok bool
	if out.created, ok = dateCell(cells, p.created, zone); !ok {
		return wrong{code: rowDate, text: cells[p.created]}
	}
	if out.consentAt, ok = dateCell(cells, p.consentAt, zone); !ok {
		return wrong{code: rowDate, text: cells[p.consentAt]}
	}
	if p.consent >= 0 {
		out.subscribed = isYes(cells[p.consent])
	}
	if out.tags, ok = p.labels(cells, p.tags, out.tags); !ok {
		return wrong{code: rowTags}
	}
	for _, c := range p.attributes {
		out.values = append(out.values, strings.TrimSpace(norm.NFC.String(unsafeguard(cells[c.index]))))
	}
	return p.exported(cells, out, zone)
}

// exported reads the columns that only ExportCSV writes.
func (p *plan) exported(cells []string, out *importRow, zone *time.Location) wrong {
	var ok bool
	if p.frequency >= 0 {
		out.freq = wordCode(frequencyWords(), cells[p.frequency])
	}
	if out.topicsOff, ok = p.labels(cells, p.topicsOff, out.topicsOff); !ok {
		return wrong{code: rowTags}
	}
	if out.topicsOn, ok = p.labels(cells, p.topicsOn, out.topicsOn); !ok {
		return wrong{code: rowTags}
	}
	if p.consentSource < 0 {
		return wrong{}
	}
	if source := Source(strings.TrimSpace(cells[p.consentSource])); source.strength() > 0 {
		out.source = source
	}
	if out.sourceAt, ok = dateCell(cells, p.consentTime, zone); !ok {
		return wrong{code: rowDate, text: cells[p.consentTime]}
	}
	out.assumed = p.consentAssumed >= 0 && isYes(cells[p.consentAssumed])
	out.suppressed = p.suppressed >= 0 && isYes(cells[p.suppressed])
	return wrong{}
}

// labels reads a list of tags or topics, of a file of ExportCSV as it was written.
func (p *plan) labels(cells []string, i int, list []string) (labels []string, ok bool) {
	if i < 0 || cells[i] == "" {
		return list, true
	}
	cell, clean := unsafeguard(cells[i]), oneLine
	split := strings.FieldsFuncSeq(cell, func(r rune) bool { return r == '|' || r == ',' || r == ';' })
	if p.consentSource >= 0 {
		split, clean = splitLabels(cell), strings.TrimSpace
	}
	for label := range split {
		if label = clean(label); label == "" {
			continue
		}
		if badLabel(label) != "" || len(list) == maxTags {
			return list, false
		}
		list = append(list, label)
	}
	return list, true
}

// wordCode is the place of a word in a list that begins with "", 0 for others.
func wordCode(words []string, cell string) byte {
	return byte(max(0, slices.Index(words, strings.ToLower(strings.TrimSpace(cell)))))
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
	if strings.HasPrefix(cell, "'") && guarded(cell[1:]) {
		return cell[1:]
	}
	return cell
}
