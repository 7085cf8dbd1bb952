package audience

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// fieldWords are the headers known for each field, without case, spaces and
// punctuation. consent_at is only ever mapped by hand: it can bring people back.
func fieldWords() map[string][]string {
	return map[string][]string{
		"email":  {"email", "mail", "emailaddress", "mailaddress", "이메일", "이메일주소", "메일", "메일주소", "전자우편", "전자메일"},
		"name":   {"name", "fullname", "customername", "이름", "성명", "성함", "고객명", "회원명", "고객이름"},
		"gender": {"gender", "sex", "성별"},
		"created_at": {"createdat", "created", "createtime", "createdate", "joined", "joinedat", "joindate", "regdate",
			"signupdate", "가입일", "가입일자", "가입일시", "가입날짜", "등록일", "등록일시", "생성일"},
		"external_id": {"externalid", "customerid", "memberid", "회원번호", "고객번호"},
		"subscribed": {"subscribed", "subscription", "subscriptionstatus", "optin", "optedin", "consent", "수신동의", "동의", "수신동의여부",
			"마케팅동의", "마케팅수신동의", "이메일수신동의", "메일수신동의", "광고수신동의", "광고성정보수신동의", "수신여부", "구독"},
		"language":   {"language", "lang", "언어"},
		"tags":       {"tags", "tag", "태그"},
		"consent_at": {},
	}
}

// fieldOf is the field a header stands for, "" for an attribute.
func fieldOf(header string) string {
	word := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-.()\t\n", r) {
			return -1
		}
		return r
	}, strings.ToLower(norm.NFC.String(header)))
	for field, words := range fieldWords() {
		if slices.Contains(words, word) {
			return field
		}
	}
	return ""
}

// plan says which column is what. A column is -1 where the file has none.
type plan struct {
	width                                            int
	email, name, gender, created, external, language int
	consent, consentAt, tags                         int
	attributes                                       []column
	used                                             map[string]string
}

type column struct {
	index int
	name  string
}

func (p *plan) field(name string) *int {
	switch name {
	case "email":
		return &p.email
	case "name":
		return &p.name
	case "gender":
		return &p.gender
	case "created_at":
		return &p.created
	case "external_id":
		return &p.external
	case "language":
		return &p.language
	case "subscribed":
		return &p.consent
	case "consent_at":
		return &p.consentAt
	case "tags":
		return &p.tags
	}
	return nil
}

// readPlan reads the whole copy once: the header becomes the plan, and anything
// that stops a CSV reader is found before a row is stored.
func readPlan(ctx context.Context, c *copiedText, o ImportOptions) (*plan, error) {
	if err := c.proveEncoding(); err != nil {
		return nil, err
	}
	in := c.csv()
	header, err := in.Read()
	if err == io.EOF {
		return nil, &ImportError{Line: 1, Message: "the file has no header line", Hint: "put the names of the columns into the first line"}
	}
	if err != nil {
		return nil, c.explain(err, 1)
	}
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
		c.comma = ';'
		if strings.Contains(header[0], "\t") {
			c.comma = '\t'
		}
		in = c.csv()
		if header, err = in.Read(); err != nil {
			return nil, c.explain(err, 1)
		}
	}
	p, err := newPlan(slices.Clone(header), o.Map)
	if err != nil {
		return nil, err
	}
	for _, tag := range o.Tags {
		if reason := badLabel(tag); reason != "" {
			return nil, &ImportError{Message: fmt.Sprintf("the tag %q %s", tag, reason), Hint: "use a short word"}
		}
	}
	for line, n := 2, 0; ; n++ {
		if _, err := in.Read(); err == io.EOF {
			return p, nil
		} else if err != nil {
			return nil, c.explain(err, line)
		}
		last, _ := in.FieldPos(0)
		line = last + 1
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// proveEncoding looks for what is no text in the encoding: such a file would be
// stored as question marks.
func (c *copiedText) proveEncoding() error {
	if c.encoding == utf8Text && c.validUTF8 { // a U+FFFD is the file's own
		return nil
	}
	in, line, column := c.text(), 1, 1
	buf, kept := make([]byte, 64<<10), 0
	for {
		n, err := in.Read(buf[kept:])
		b := buf[:kept+n]
		if i := bytes.Index(b, []byte("\uFFFD")); i >= 0 {
			line, column = advance(b[:i], line, column)
			return &ImportError{line, column, "the text is not in " + c.encoding, "save the file as UTF-8, or name its encoding"}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		kept = cutRune(b)
		line, column = advance(b[:len(b)-kept], line, column)
		copy(buf, b[len(b)-kept:])
	}
}

// cutRune is how many bytes at the end of b are the beginning of a character.
func cutRune(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return i
		}
	}
	return 0
}

func advance(b []byte, line, column int) (int, int) {
	for _, r := range string(b) {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

func newPlan(header []string, mapped map[string]string) (*plan, error) {
	if len(header) > maxColumns {
		return nil, &ImportError{Line: 1, Message: fmt.Sprintf("the file has %d columns, more than %d", len(header), maxColumns), Hint: "keep the columns you need"}
	}
	p := &plan{width: len(header), used: map[string]string{}}
	for _, name := range slices.Collect(maps.Keys(fieldWords())) {
		*p.field(name) = -1
	}
	for i := range header {
		header[i] = oneLine(header[i])
	}
	taken, err := p.byHand(header, mapped)
	if err != nil {
		return nil, err
	}
	if err := p.byHeader(header, taken); err != nil {
		return nil, err
	}
	if p.email < 0 {
		return nil, &ImportError{Line: 1, Message: fmt.Sprintf("no column holds e-mail addresses; there are %s", quotedList(header)), Hint: "name it: --map email=COLUMN"}
	}
	return p, nil
}

// byHand takes the columns mapped by the caller.
func (p *plan) byHand(header []string, mapped map[string]string) (map[int]bool, error) {
	taken := map[int]bool{}
	for _, ours := range slices.Sorted(maps.Keys(mapped)) {
		i := slices.Index(header, oneLine(mapped[ours]))
		if i < 0 {
			return nil, &ImportError{Line: 1, Message: fmt.Sprintf("there is no column %q for %s", mapped[ours], ours), Hint: "the columns are " + quotedList(header)}
		}
		if taken[i] {
			return nil, &ImportError{Line: 1, Message: fmt.Sprintf("the column %q is mapped twice", header[i]), Hint: "map each column once"}
		}
		taken[i] = true
		if at := p.field(ours); at != nil {
			*at = i
			p.used[ours] = header[i]
		} else if err := p.attribute(i, ours, header[i]); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// byHeader takes the columns whose header is known, and the rest as attributes.
func (p *plan) byHeader(header []string, taken map[int]bool) error {
	for i, name := range header {
		if taken[i] || name == "" {
			continue
		}
		field := fieldOf(name)
		if at := p.field(field); at != nil && *at < 0 {
			*at = i
			p.used[field] = name
			continue
		}
		if field != "" && p.used[field] != "" {
			return &ImportError{Line: 1, Message: fmt.Sprintf("the columns %q and %q are both %s", p.used[field], name, field), Hint: fmt.Sprintf("say which one: --map %s=COLUMN, and give the other another header", field)}
		}
		if err := p.attribute(i, name, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) attribute(i int, name, header string) error {
	if reason := badLabel(name); reason != "" {
		return &ImportError{Line: 1, Message: fmt.Sprintf("the column name %q %s", name, reason), Hint: "give it a short name"}
	}
	for _, c := range p.attributes {
		if fold(attributeName, c.name) == fold(attributeName, name) {
			return &ImportError{Line: 1, Message: fmt.Sprintf("two columns are called %q", name), Hint: "give one of them another header"}
		}
	}
	p.attributes = append(p.attributes, column{i, name})
	p.used[name] = header
	return nil
}

func quotedList(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == 12 {
			b.WriteString(" …")
			break
		}
		fmt.Fprintf(&b, "%s%q", map[bool]string{true: " ", false: ""}[i > 0], eml.Visible(name))
	}
	return b.String()
}

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
		if out.external = strings.TrimSpace(cells[p.external]); len(out.external) > maxName {
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
		return fmt.Sprintf("%q is not a date", clip(cells[p.created]))
	}
	if out.consentAt, ok = dateCell(cells, p.consentAt, zone); !ok {
		return fmt.Sprintf("%q is not a date", clip(cells[p.consentAt]))
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
