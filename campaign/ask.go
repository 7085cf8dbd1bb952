package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

// AskMail asks one subscriber whether they want mail (double opt-in): a
// transactional mail from the configured sender, in their language, with a link
// that is good for audience.ConfirmFor and whose page has a button. It returns
// the message id once the mail is in the queue. audience.ErrNotFound, and the
// errors of audience.Store.Ask for somebody who is not to be asked. An
// *eml.Problem says what is missing in the configuration. Anybody may call it
// on behalf of the person: each address is asked once a day.
func (s *Store) AskMail(ctx context.Context, email string) (string, error) {
	base := s.Settings.publicURL()
	switch {
	case s.Settings.From == "":
		return "", &eml.Problem{What: "there is no sender for the mail that asks", Hint: "set campaign.from in the configuration"}
	case base == "":
		return "", &eml.Problem{What: "no public address is set for the link in the mail", Hint: "set web.public_url to the https address under which this host is reached"}
	}
	from, err := eml.ParseMailbox(s.Settings.From)
	if err != nil {
		return "", fmt.Errorf("campaign.from: %w", err)
	}
	sub, token, err := s.people.Ask(ctx, email)
	if err != nil {
		return "", err
	}
	id, err := s.putQuestion(ctx, from, sub, base+"/c/"+token)
	if err != nil { // they were not asked
		return "", errors.Join(err, s.people.Unask(context.WithoutCancel(ctx), sub.Email))
	}
	return id, nil
}

// putQuestion queues the mail that asks.
func (s *Store) putQuestion(ctx context.Context, from eml.Mailbox, sub audience.Subscriber, link string) (string, error) {
	words := askWords(sub.Language)
	q := question{Link: link, Company: s.Settings.Company, Address: s.Settings.Address, Phone: s.Settings.Phone, askText: words}
	html, err := q.html()
	if err != nil {
		return "", fmt.Errorf("write the mail that asks: %w", err)
	}
	mail := eml.Mail{From: from, To: eml.Mailbox{Name: sub.Name, Address: sub.Email}, ReplyTo: s.Settings.ReplyTo,
		Subject: strings.TrimSpace(words.Subject + companyMark(s.Settings.Company)), Text: q.text(), HTML: html, Date: now(),
		MessageID: "confirm-" + strconv.FormatUint(sub.ID, 10) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "@" + eml.Domain(from.Address),
		Headers:   [][2]string{{"Auto-Submitted", "auto-generated"}}} // RFC 3834: no vacation answers
	body, err := mail.AppendTo(nil)
	if err != nil {
		return "", fmt.Errorf("write the mail that asks: %w", err)
	}
	ids, err := s.spool.Put(ctx, spool.Envelope{From: from.Address, FromDomain: eml.Domain(from.Address), To: []string{sub.Email},
		Subject: mail.Subject, MessageID: mail.MessageID}, body)
	if err != nil {
		return "", fmt.Errorf("queue the mail that asks: %w", err)
	}
	return ids[0], nil
}

func companyMark(company string) string {
	if company == "" {
		return ""
	}
	return " - " + company
}

// askText is the mail that asks in one language.
type askText struct {
	Tag, Subject, Lead, Button, Good, Ignore string
}

// askWords is the mail in a language; Korean for who chose none.
func askWords(language string) askText {
	if language == "en" {
		return askText{
			Tag:     "en",
			Subject: "Do you want our mail?",
			Lead:    "We were asked to send news and offers to this address. If you want them, please say so on the page behind this link:",
			Button:  "Yes, I want mail",
			Good:    "The link is good for seven days. You can unsubscribe at any time.",
			Ignore:  "If you did not ask for this, do nothing: without your yes you get no mail.",
		}
	}
	return askText{
		Tag:     "ko",
		Subject: "메일을 받으시겠습니까?",
		Lead:    "이 주소로 광고·소식 메일을 보내 달라는 요청이 있었습니다. 받으시려면 아래 링크의 페이지에서 확인해 주세요.",
		Button:  "네, 메일을 받겠습니다",
		Good:    "링크는 7일 동안 쓸 수 있으며, 언제든 수신을 거부할 수 있습니다.",
		Ignore:  "요청하신 적이 없다면 아무것도 하지 않으셔도 됩니다. 동의하지 않으면 메일을 보내지 않습니다.",
	}
}

// question is what the mail is made of.
type question struct {
	askText
	Link, Company, Address, Phone string
}

// sign is who asks, one line each.
func (q *question) sign() []string {
	var lines []string
	for _, line := range []string{q.Company, q.Address, q.Phone} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (q *question) text() string {
	parts := []string{q.Lead, q.Link, q.Good, q.Ignore}
	if sign := q.sign(); len(sign) > 0 {
		parts = append(parts, "-- \n"+strings.Join(sign, "\n"))
	}
	return strings.Join(parts, "\n\n") + "\n"
}

// html is the HTML part: the link as text too, for who trusts no button.
func (q *question) html() (string, error) {
	page, err := htmltemplate.New("ask").Parse(`<!doctype html>
<html lang="{{.Tag}}"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body style="font-family:sans-serif;line-height:1.6;max-width:36em;margin:0 auto;padding:1em">
<p>{{.Lead}}</p>
<p><a href="{{.Link}}" style="display:inline-block;padding:.7em 1.2em;background:#1a4fa3;color:#fff;text-decoration:none;border-radius:4px">{{.Button}}</a></p>
<p style="word-break:break-all">{{.Link}}</p>
<p>{{.Good}}</p>
<p>{{.Ignore}}</p>
{{with .Lines}}<p style="color:#555">{{range .}}{{.}}<br>{{end}}</p>{{end}}
</body></html>
`)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = page.Execute(&out, struct {
		*question
		Lines []string
	}{q, q.sign()})
	return out.String(), err
}
