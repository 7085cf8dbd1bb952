package campaign

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// mailing is a campaign's definition ready to send: everything that is the
// same for all its recipients. It is read-only and shared by all senders.
type mailing struct {
	id      uint64
	topic   string
	letter  *letter
	common  *common
	from    eml.Mailbox
	replyTo string
	base    string // public URL without a slash at the end
	storeID string
	coded   *codedLetter // nil: the letter has blocks
	views   bool         // the letter has a link to itself in a browser

	inline []eml.Part // images of the HTML part, coded (eml.Part.Coded)
	attach []eml.Part // files that go along, coded
}

// mailing reads and prepares a definition; it is cheap for one in use.
func (s *Store) mailing(id uint64) (*mailing, error) {
	for _, c := range []*cache[uint64, *mailing]{&s.mailings, &s.heavy} {
		if m, ok := c.get(id); ok {
			return m, nil
		}
	}
	c, err := s.record(id)
	if err != nil {
		return nil, err
	}
	m, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Sealed.IsZero():
	case m.beside() > ownMemory:
		s.heavy.put(id, m)
	default:
		s.mailings.put(id, m)
	}
	return m, nil
}

// prepare makes a definition of a record, sealed or not.
func (s *Store) prepare(c Campaign) (*mailing, error) {
	l, _, err := s.letter(c.Template, c.TemplateVersion)
	if err != nil {
		return nil, err
	}
	m := &mailing{id: c.ID, topic: c.Topic, letter: l, common: newCommon(c.Values, &s.Settings), replyTo: c.ReplyTo, base: s.Settings.publicURL()}
	if s.spool != nil {
		m.storeID = s.spool.StoreID()
	}
	if m.replyTo == "" {
		m.replyTo = s.Settings.ReplyTo
	}
	if from := firstOf(c.From, s.Settings.From); from != "" {
		if m.from, err = eml.ParseMailbox(from); err != nil {
			return nil, fmt.Errorf("sender of campaign %d: %w", c.ID, err)
		}
	}
	m.views = s.Settings.ViewFor > 0 && m.base != "" && l.uses("viewurl")
	if m.attach, err = s.attached(c.Attachments); err != nil {
		return nil, fmt.Errorf("attachments of campaign %d: %w", c.ID, err)
	}
	if m.inline, err = s.inlined(l); err != nil {
		return nil, fmt.Errorf("images of campaign %d: %w", c.ID, err)
	}
	if l.plain() && l.html != nil {
		m.coded = newCodedLetter(l)
	}
	return m, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// person is the source of fields for a letter to one subscriber; token is the
// last part of its links: of those to the unsubscribe and the preference page,
// and of that to the letter itself, which has a token of its own in a letter
// that is sent.
func (m *mailing) person(sub *audience.Subscriber, to, token string) *person {
	p := &person{sub: sub, email: to, common: m.common, link: m.base + "/u/" + token, base: m.base, token: token}
	if m.views {
		p.viewLink = m.base + "/v/" + token
	}
	return p
}

// head is the letter without its parts. tag names the attempt; it becomes the
// Message-ID, which SES replaces, and the MIME boundaries.
func (m *mailing) head(p *person, subject, tag string, date time.Time) eml.Mail {
	domain := eml.Domain(m.from.Address)
	headers := [][2]string{
		{"List-ID", "<" + listLabel(m.topic) + "." + domain + ">"},
		{"Feedback-ID", strconv.FormatUint(m.id, 10) + ":" + listLabel(m.topic) + ":campaign:" + m.storeID},
	}
	if p.link != "" {
		headers = append(headers, refusalFields(p.link)...)
	}
	return eml.Mail{
		Inline:    m.inline,
		Attach:    m.attach,
		From:      m.from,
		To:        eml.Mailbox{Name: p.sub.Name, Address: p.email},
		ReplyTo:   m.replyTo,
		Subject:   subject,
		Date:      date,
		MessageID: tag + "@" + domain,
		Headers:   headers,
	}
}

// refusalFields are the header fields for a link to the unsubscribe page.
// One-click (RFC 8058) is promised on https only; with the emulator on loopback
// the plain link over http stays, so that it can be tried.
func refusalFields(link string) [][2]string {
	fields := [][2]string{{"List-Unsubscribe", "<" + link + ">"}}
	if strings.HasPrefix(link, "https://") {
		fields = append(fields, [2]string{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"})
	}
	return fields
}

// listLabel is a topic as a label of a List-ID (RFC 2919 2): letters, digits
// and hyphens; "news" when nothing is left of it.
func listLabel(topic string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '-', r == '_', r == ' ':
			return '-'
		}
		return -1
	}, topic)
	if label = strings.Trim(label, "-"); label == "" {
		return "news"
	}
	return label
}

// compose appends the finished mail to one person. It returns a *eml.Problem
// when a field has no value, or a value cannot stand in a header.
func (m *mailing) compose(dst []byte, p *person, tag string, date time.Time) ([]byte, error) {
	if m.coded != nil {
		return m.coded.compose(dst, m, p, tag, date)
	}
	c, err := m.letter.fill(p)
	if err != nil {
		return dst, err
	}
	if len(c.missing) > 0 {
		return dst, missingProblem(c.missing)
	}
	mail := m.head(p, c.subject, tag, date)
	mail.Text, mail.HTML = c.text, c.html
	return mail.AppendTo(dst)
}

func missingProblem(names []string) error {
	return &eml.Problem{What: "no value for " + strings.Join(names, ", "),
		Hint: "give the subscriber the value, or the field a default: {{default " + names[0] + ` "…"}}`}
}
