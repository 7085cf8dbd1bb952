package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// PreviewFor is how long the link of a preview is good.
const PreviewFor = 15 * time.Minute

// Link is an address under which something is shown for a while.
type Link struct {
	URL   string    `json:"url"`
	Until time.Time `json:"until"`
	Email string    `json:"email"` // whose letter it shows
}

// PreviewLink is a signed address on the web listener that shows the letter as
// one of the audience would get it, with dead unsubscribe links, for
// PreviewFor. ErrNotFound; a *eml.Problem when no public address is set.
func (s *Store) PreviewLink(ctx context.Context, id uint64, whom Whom) (Link, error) {
	letter, err := s.PreviewAs(ctx, id, whom)
	if err != nil {
		return Link{}, err
	}
	base := s.Settings.publicURL()
	if base == "" {
		return Link{}, &eml.Problem{What: "no public address is set under which the link could be opened", Hint: "set web.public_url in the configuration"}
	}
	until := now().Add(PreviewFor).Truncate(time.Second)
	return Link{URL: base + "/l/" + s.people.PreviewToken(letter.Subscriber, id, until), Until: until, Email: letter.Email}, nil
}

// OpenPreview is the letter behind a preview link, as things stand now.
// audience.ErrToken for a link that is wrong or over; ErrNotFound when the
// campaign or the subscriber is gone.
func (s *Store) OpenPreview(ctx context.Context, token string) (Letter, error) {
	subscriber, id, err := s.people.VerifyPreview(token)
	if err != nil {
		return Letter{}, err
	}
	c, err := s.record(id)
	if err != nil {
		return Letter{}, err
	}
	sub, err := s.people.Get(subscriber)
	if errors.Is(err, audience.ErrNotFound) {
		err = fmt.Errorf("subscriber %d: %w", subscriber, ErrNotFound)
	}
	if err != nil {
		return Letter{}, err
	}
	return s.show(ctx, c, sub)
}

// OpenView is the letter behind the ViewURL of a mail: made anew of the version
// that was sent and of what is known of the person today, with their own
// links. It is shown to whom it was handed to SES for, for Settings.ViewFor
// after that, and not once they were erased: ErrNotFound. audience.ErrToken for
// a wrong link.
func (s *Store) OpenView(ctx context.Context, token string) (Letter, error) {
	subscriber, id, err := s.people.VerifyView(token)
	if err != nil {
		return Letter{}, err
	}
	row, err := s.sent(id, subscriber)
	if err != nil {
		return Letter{}, err
	}
	sub, err := s.people.Get(subscriber)
	if errors.Is(err, audience.ErrNotFound) {
		return Letter{}, fmt.Errorf("subscriber %d: %w", subscriber, ErrNotFound)
	}
	if err != nil {
		return Letter{}, err
	}
	def, err := s.mailing(id)
	if err != nil {
		return Letter{}, err
	}
	return def.open(ctx, s.bulkPerson(def, &sub, row.To))
}

// sent is the ledger's row of somebody whose letter may have reached them and
// is not too old to be shown. ErrNotFound.
func (s *Store) sent(id, subscriber uint64) (spool.Message, error) {
	none := fmt.Errorf("letter of campaign %d to %d: %w", id, subscriber, ErrNotFound)
	row, err := s.spool.Recipient(id, subscriber)
	switch {
	case errors.Is(err, spool.ErrNotFound):
		return row, none
	case err != nil:
		return row, err
	case row.Erased || row.To == "" || s.Settings.ViewFor <= 0 || now().Sub(row.At) > s.Settings.ViewFor:
		return row, none
	}
	switch row.Outcome {
	case spool.Accepted, spool.Unknown, spool.Sending:
		return row, nil
	}
	return row, none
}

// bulkPerson is the source of fields for the letter that a subscriber of the
// campaign really gets, with their own links.
func (s *Store) bulkPerson(def *mailing, sub *audience.Subscriber, to string) *person {
	p := def.person(sub, to, s.people.Token(sub.ID, def.id))
	if def.views {
		p.viewLink = def.base + "/v/" + s.people.ViewToken(sub.ID, def.id)
	}
	return p
}

// open is a letter for the eye: its parts, not the finished mail.
func (m *mailing) open(ctx context.Context, p *person) (Letter, error) {
	if err := ctx.Err(); err != nil {
		return Letter{}, err
	}
	got, err := m.letter.fill(p)
	if err != nil {
		return Letter{}, err
	}
	return Letter{From: m.from.String(), To: eml.Mailbox{Name: p.sub.Name, Address: p.email}.String(), Subject: got.subject,
		HTML: got.html, Text: got.text, Missing: got.missing, Subscriber: p.sub.ID, Email: p.sub.Email, inline: m.inline}, nil
}

// maxPage is how many bytes a page with its images may have: the mail has each
// once, a page as often as it is named.
const maxPage = 16 << 20

// Page is the HTML part as a browser shows it: images that the mail carries
// itself stand in it as data: addresses, as long as they fit into maxPage. ""
// for a letter of text only.
func (l *Letter) Page() string {
	page := l.HTML
	for _, p := range l.inline {
		address := "cid:" + p.ContentID
		fit := max(maxPage-len(page), 0) / (len(p.Coded) + 1)
		if n := min(strings.Count(page, address), fit); n > 0 {
			data := strings.ReplaceAll(string(p.Coded), "\r\n", "")
			page = strings.Replace(page, address, "data:"+p.ContentType+";base64,"+data, n)
		}
	}
	return page
}
