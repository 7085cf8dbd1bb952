package audience

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"pabal/eml"
)

// fieldWords are the headers known for each field, without case, spaces and
// punctuation. Those without a word have their reason: consent_at is only ever
// mapped by hand, it can bring people back.
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
		// Only ever of a file of ExportCSV.
		"consent_source": {}, "consent_time": {}, "consent_assumed": {}, "suppressed": {}, "topics_off": {}, "topics_on": {}, "frequency": {},
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
	consentSource, consentTime, consentAssumed       int // these only of ExportCSV
	suppressed, topicsOff, topicsOn, frequency       int
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
	case "consent_source":
		return &p.consentSource
	case "consent_time":
		return &p.consentTime
	case "consent_assumed":
		return &p.consentAssumed
	case "suppressed":
		return &p.suppressed
	case "topics_off":
		return &p.topicsOff
	case "topics_on":
		return &p.topicsOn
	case "frequency":
		return &p.frequency
	}
	return nil
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
			return &ImportError{Code: FileEncoding, Args: []string{c.encoding}, Line: line, Column: column, Message: "the text is not in " + c.encoding, Hint: "save the file as UTF-8, or name its encoding"}
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

// newPlan says which column is what: mapped are those the caller says (our
// field to header), skip those nothing is taken of.
func newPlan(header []string, mapped map[string]string, skip []string) (*plan, error) {
	if len(header) > maxColumns {
		return nil, &ImportError{Code: ColumnsTooMany, Args: []string{strconv.Itoa(len(header))}, Line: 1, Message: fmt.Sprintf("the file has %d columns, more than %d", len(header), maxColumns), Hint: "keep the columns you need"}
	}
	p := &plan{width: len(header), used: map[string]string{}}
	for _, name := range slices.Collect(maps.Keys(fieldWords())) {
		*p.field(name) = -1
	}
	for i := range header {
		header[i] = unsafeguard(oneLine(header[i]))
	}
	taken, err := leftOut(header, skip)
	if err == nil {
		err = p.byHand(header, mapped, taken)
	}
	if err != nil {
		return nil, err
	}
	if err := p.byHeader(header, taken); err != nil {
		return nil, err
	}
	if p.email < 0 {
		return nil, &ImportError{Code: ColumnNoEmail, Line: 1, Message: fmt.Sprintf("no column holds e-mail addresses; there are %s", quotedList(header)), Hint: "name it: --map email=COLUMN"}
	}
	return p, nil
}

// leftOut are the columns the caller wants nothing of.
func leftOut(header, skip []string) (map[int]bool, error) {
	out := map[int]bool{}
	for _, name := range skip {
		if !slices.Contains(header, oneLine(name)) {
			return nil, &ImportError{Code: ColumnNotThere, Args: []string{name}, Line: 1, Message: fmt.Sprintf("there is no column %q to skip", name), Hint: "the columns are " + quotedList(header)}
		}
		for i := range header {
			if header[i] == oneLine(name) {
				out[i] = true
			}
		}
	}
	return out, nil
}

// byHand takes the columns mapped by the caller.
func (p *plan) byHand(header []string, mapped map[string]string, taken map[int]bool) error {
	for _, ours := range slices.Sorted(maps.Keys(mapped)) {
		i := slices.Index(header, oneLine(mapped[ours]))
		if i < 0 {
			return &ImportError{Code: ColumnNotThere, Args: []string{mapped[ours]}, Line: 1, Message: fmt.Sprintf("there is no column %q for %s", mapped[ours], ours), Hint: "the columns are " + quotedList(header)}
		}
		if taken[i] {
			return &ImportError{Code: ColumnDoubled, Args: []string{header[i]}, Line: 1, Message: fmt.Sprintf("the column %q is mapped twice, or skipped too", header[i]), Hint: "map or skip each column once"}
		}
		taken[i] = true
		if onlyExported(ours) {
			return &ImportError{Code: ColumnExportsOf, Message: fmt.Sprintf("%s cannot be mapped", ours), Hint: "it is read from files that pabal subscriber export wrote, as they are"}
		}
		if at := p.field(ours); at != nil {
			*at = i
			p.used[ours] = header[i]
		} else if err := p.attribute(i, ours, header[i]); err != nil {
			return err
		}
	}
	return nil
}

// onlyExported reports whether a field is only taken from a file of ExportCSV.
func onlyExported(field string) bool {
	words, known := fieldWords()[field]
	return known && len(words) == 0 && field != "consent_at"
}

// byHeader takes the columns whose header is known, and the rest as attributes.
func (p *plan) byHeader(header []string, taken map[int]bool) error {
	ours := map[string]bool{} // columns of ExportCSV that are not passed yet
	if slices.Contains(header, "consent_source") && slices.Contains(header, "consent_time") {
		for _, name := range exportColumns() {
			ours[name] = true
		}
	}
	for i, name := range header {
		if taken[i] || name == "" {
			continue
		}
		field := fieldOf(name)
		if ours[name] {
			ours[name] = false // the next one of the name is an attribute
			if onlyExported(name) {
				field = name
			} else if field == "" {
				continue // id and updated_at are each store's own
			}
		}
		if at := p.field(field); at != nil && *at < 0 {
			*at = i
			p.used[field] = name
			continue
		}
		if field != "" && p.used[field] != "" {
			return &ImportError{Code: ColumnTwice, Args: []string{p.used[field], name}, Line: 1, Message: fmt.Sprintf("the columns %q and %q are both %s", p.used[field], name, field), Hint: fmt.Sprintf("say which one: --map %s=COLUMN, and leave the other out: --skip COLUMN", field)}
		}
		if err := p.attribute(i, name, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) attribute(i int, name, header string) error {
	if reason := badLabel(name); reason != "" {
		return &ImportError{Code: ColumnBadName, Args: []string{name}, Line: 1, Message: fmt.Sprintf("the column name %q %s", name, reason), Hint: "give it a short name, or leave it out: --skip COLUMN"}
	}
	for _, c := range p.attributes {
		if fold(attributeName, c.name) == fold(attributeName, name) {
			return &ImportError{Code: ColumnSameName, Args: []string{name}, Line: 1, Message: fmt.Sprintf("two columns are called %q", name), Hint: "give one of them another header, or leave them out: --skip COLUMN"}
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
