package smtpd

import (
	"slices"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// list is the value of an address field (RFC 5322 3.4), cut so that an entry
// can be changed and the others keep every byte.
type list struct {
	entries []entry
	tail    string // behind the last entry
	odd     bool   // semicolons stood where commas belong, as Outlook writes them, or one is missing behind a group
}

// entry is one mailbox of a list, or the name of a group.
type entry struct {
	lead    string // what separates it from the one before, blanks included
	text    string // as written
	name    string // the display name as written, quotes included
	address string // between < and >, or what stands there without them; comments left out
	comment string // behind a bare address, where old programs put the name: root@web1 (Cron)
	group   bool
}

// parseList cuts a value. What is no mailbox comes out as an entry too: its
// address is none.
func parseList(value string) list {
	c := listCutter{value: value}
	for c.at < len(value) {
		c.step()
	}
	c.entry(len(value))
	if c.group || c.closed {
		c.list.tail = ";"
	}
	c.list.odd = c.list.odd || c.group
	return c.list
}

// listCutter walks a value.
type listCutter struct {
	value  string
	at     int
	start  int  // of what separates the entry under way from the last
	angle  bool // between < and >
	group  bool // between a group's colon and its semicolon
	closed bool // a group, since start
	text   bool // something but separators, since start
	atSign bool // behind start, where a colon was: no group's name
	open   unclosed
	list   list
}

// unclosed counts the quotes and parentheses that were never closed. Each is
// looked for up to the end of the value, so that after maxUnclosed of them the
// rest count as open without a look: a megabyte of them would take minutes.
type unclosed int

const maxUnclosed = 10

// end is where end says that what begins at i ends.
func (u *unclosed) end(s string, i int, end func(string, int) int) int {
	if *u >= maxUnclosed {
		return i + 1
	}
	at := end(s, i)
	if at == i+1 {
		*u++
	}
	return at
}

func (c *listCutter) step() {
	ch := c.value[c.at]
	c.text = c.text || strings.IndexByte(" \t,;", ch) < 0
	switch {
	case ch == '"':
		c.at = c.open.end(c.value, c.at, quotedEnd)
		return
	case ch == '(' && !c.angle:
		c.at = c.open.end(c.value, c.at, commentEnd)
		return
	case ch == '<':
		c.angle = true
	case ch == '>':
		c.angle = false
	case ch == ':' && !c.angle && !c.group && !c.atSign:
		c.groupName()
	case ch == ',' && !c.angle:
		c.entry(c.at)
	case ch == ';' && !c.angle:
		c.entry(c.at)
		c.list.odd = c.list.odd || !c.group
		c.closed = c.closed || c.group
		c.group = false
	}
	c.at++
}

// groupName takes what stands before a colon as the name of a group.
func (c *listCutter) groupName() {
	lead, text := c.cut(c.at)
	c.atSign = strings.Contains(text, "@")
	if text == "" || c.atSign {
		return
	}
	c.list.entries = append(c.list.entries, entry{lead: lead, text: text + ":", name: text, group: true})
	c.start, c.group, c.closed, c.text = c.at+1, true, false, false
}

// entry ends the entry under way, if there is one.
func (c *listCutter) entry(end int) {
	c.angle = false
	if !c.text { // looked at once, at the next that is text
		return
	}
	lead, text := c.cut(end)
	e := entry{lead: lead, text: text}
	e.name, e.address, e.comment = cutMailbox(text)
	c.list.entries = append(c.list.entries, e)
	c.start, c.closed, c.text, c.atSign = end, false, false, false
}

// cut parts the separators from what follows them up to end, blanks behind
// left out. They come out with commas for semicolons that close no group.
func (c *listCutter) cut(end int) (lead, text string) {
	all := c.value[c.start:end]
	text = strings.TrimLeft(all, " \t,;")
	lead = all[:len(all)-len(text)]
	if closing, rest, ok := strings.Cut(lead, ";"); ok {
		sign := ","
		if c.closed {
			sign = ";"
		}
		lead = closing + sign + strings.ReplaceAll(rest, ";", ",")
	}
	return lead, strings.TrimRight(text, " \t")
}

// cutMailbox parts `Name <address>` and `address (Name)`.
func cutMailbox(text string) (name, address, comment string) {
	var bare strings.Builder
	var open unclosed
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end := open.end(text, i, quotedEnd)
			bare.WriteString(text[i:end])
			i = end
		case '(':
			end := open.end(text, i, commentEnd)
			if comment == "" {
				comment = strings.TrimSpace(strings.Trim(text[i:end], "()"))
			}
			i = end
		case '<':
			address, _, _ = strings.Cut(text[i+1:], ">")
			if route, after, ok := strings.Cut(address, ":"); ok && strings.HasPrefix(route, "@") { // RFC 5322 4.4
				address = after
			}
			return strings.TrimSpace(text[:i]), strings.TrimSpace(address), ""
		default:
			bare.WriteByte(text[i])
			i++
		}
	}
	return "", strings.TrimSpace(bare.String()), comment
}

// quotedEnd is behind the quoted string that begins at i, or behind its quote
// if it never ends.
func quotedEnd(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return i + 1
}

// commentEnd is behind the comment that begins at i, or behind its parenthesis
// if it never ends.
func commentEnd(s string, i int) int {
	depth := 0
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return i + 1
}

// String puts the list together again. A group that was never closed is.
func (l *list) String() string {
	var b strings.Builder
	for i, e := range l.entries {
		if i == 0 {
			e.lead = ""
		}
		b.WriteString(e.lead)
		b.WriteString(e.text)
	}
	b.WriteString(l.tail)
	return b.String()
}

// keep leaves out the entries for which ok is false, but no group's name, and
// reports whether it left any out.
func (l *list) keep(ok func(*entry) bool) (dropped bool) {
	kept := l.entries[:0]
	var gap *entry // the first left out since the last kept
	for _, e := range l.entries {
		if gap != nil && !strings.Contains(e.lead, ";") {
			e.lead = gap.lead
		}
		if e.group || ok(&e) {
			kept, gap = append(kept, e), nil
			continue
		}
		gap, dropped = &e, true
	}
	if gap != nil && strings.Contains(gap.lead, ";") {
		l.tail = ";"
	}
	l.entries = kept
	return dropped
}

// empty reports whether nobody is named.
func (l *list) empty() bool { return len(l.entries) == 0 }

// named is the mailbox of an address with the display name of e.
func (e entry) named(address string) string {
	name := e.name
	if name == "" && e.comment != "" {
		name = e.comment
	}
	if name == "" {
		return address
	}
	return phrase(name) + " <" + address + ">"
}

// localName is the name before the @ of an address that means nothing outside
// of this host: root, root@localhost, root@web1.
func localName(address string) (name string, ok bool) {
	name, domain := cutAddress(address)
	if strings.Contains(domain, ".") && !slices.Contains(localDomains, strings.ToLower(domain)) {
		return "", false
	}
	_, err := eml.ParseAddress(name + "@localhost.localdomain")
	return name, err == nil && !knownWord.MatchString(name)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
