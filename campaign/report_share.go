package campaign

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// ReportFor is how long the link of a report is good.
const ReportFor = PreviewFor

// ReportLink is a signed address on the web listener that shows the report, as
// it is when it is opened, for ReportFor. Errors are those of Report; a
// *eml.Problem when no public address is set.
func (s *Store) ReportLink(ctx context.Context, id uint64) (Link, error) {
	if _, err := s.Report(ctx, id); err != nil {
		return Link{}, err
	}
	base := s.Settings.publicURL()
	if base == "" {
		return Link{}, &eml.Problem{What: "no public address is set under which the link could be opened", Hint: "set web.public_url in the configuration, or write a file with --html"}
	}
	until := now().Add(ReportFor).Truncate(time.Second)
	return Link{URL: base + "/r/" + s.people.ReportToken(id, until), Until: until}, nil
}

// OpenReport is the page behind a link, in a language. audience.ErrToken for a
// link that is wrong or over; else as Report.
func (s *Store) OpenReport(ctx context.Context, token, lang string) ([]byte, error) {
	id, err := s.people.VerifyReport(token)
	if err != nil {
		return nil, err
	}
	r, err := s.Report(ctx, id)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = r.WriteHTML(&page, lang, s.Settings.zone())
	return page.Bytes(), err
}

// MailReport sends the report to an address, from the configured sender or the
// campaign's, through the spool's transactional lane: the outcomes as text, the
// whole as a page attached. It returns the message's id. Errors are those of
// Report; a *eml.Problem when there is no sender or the address gets no mail.
func (s *Store) MailReport(ctx context.Context, id uint64, to, lang string) (string, error) {
	addresses, err := s.testAddresses([]string{to})
	if err != nil {
		return "", err
	}
	r, err := s.Report(ctx, id)
	if err != nil {
		return "", err
	}
	from, err := eml.ParseMailbox(firstOf(s.Settings.From, r.Campaign.From))
	if err != nil {
		return "", &eml.Problem{What: "there is no sender for the report", Hint: "set campaign.from in the configuration", Err: err}
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page, lang, s.Settings.zone()); err != nil {
		return "", err
	}
	name := "report-" + strconv.FormatUint(id, 10)
	mail := eml.Mail{From: from, To: eml.Mailbox{Address: addresses[0]}, Subject: ReportTextsIn(lang).Title + ": " + eml.Visible(r.Campaign.Name),
		Text: r.letter(lang, s.Settings.zone()), Date: now(), MessageID: name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "@" + eml.Domain(from.Address),
		Headers: [][2]string{{"Auto-Submitted", "auto-generated"}}, // RFC 3834: nobody's holiday note answers it
		Attach:  []eml.Part{{Name: name + ".html", ContentType: "text/html; charset=utf-8", Data: page.Bytes()}}}
	body, err := mail.AppendTo(nil)
	if err != nil {
		return "", err
	}
	ids, err := s.spool.Put(ctx, spool.Envelope{From: from.Address, FromDomain: eml.Domain(from.Address), To: addresses, Subject: mail.Subject, MessageID: mail.MessageID}, body)
	if err != nil {
		return "", fmt.Errorf("queue report: %w", err)
	}
	s.log().Info("report queued", "campaign", id)
	return ids[0], nil
}

// letter is the text of the mail: the tables without the charts.
func (r *Report) letter(lang string, zone *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", eml.Visible(r.Campaign.Name))
	if !r.Final {
		fmt.Fprintf(&b, "%s %s\n\n", ReportTextsIn(lang).Running, r.Made.In(zone).Format("2006-01-02 15:04:05 MST"))
	}
	for _, p := range r.Head(lang, zone) {
		fmt.Fprintf(&b, "%s: %s\n", p[0], eml.Visible(p[1]))
	}
	for _, s := range r.Sections(lang, zone) {
		if s.ID == SectionDomains {
			continue // too wide for text
		}
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for _, row := range append([][]string{s.Head}, s.Rows...) {
			if len(row) > 0 {
				fmt.Fprintf(&b, "  %s\n", eml.Visible(strings.Join(row, "  ")))
			}
		}
		if s.Note != "" {
			fmt.Fprintf(&b, "  %s\n", s.Note)
		}
	}
	return b.String()
}
