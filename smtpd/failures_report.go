package smtpd

import (
	"fmt"
	"strings"

	"pabal/eml"
	"pabal/spool"
)

// compose makes the report on a mail's failures.
func (f *Failures) compose(group []spool.Failure, to string, header eml.Header) eml.Report {
	first := &group[0].Message
	r := eml.Report{MTA: f.host(), Arrived: first.Received.In(f.zone()), Returned: header,
		Mail: f.mail(to, "메일을 보내지 못했습니다 / Mail could not be sent", f.reportText(group), "auto-replied")}
	if first.Received.IsZero() {
		r.Arrived = first.Received
	}
	if first.MessageID != "" {
		if id := "<" + first.MessageID + ">"; eml.CheckHeader(id) == nil && printable(id) && !strings.Contains(id, " ") && len(id) < 900 {
			r.Headers = append(r.Headers, [2]string{"References", id})
		}
	}
	for i := range group {
		m := &group[i].Message
		d := eml.Delivery{Recipient: m.To, Action: "failed", Status: statusCode(&group[i]), Said: m.Reason, Dialect: "X-SES", OurMessage: m.ID}
		if m.Attempts > 0 {
			d.MTA, d.Last = f.SES, m.At.In(f.zone())
		}
		r.Deliveries = append(r.Deliveries, d)
	}
	return r
}

// statusCode is a failure's code (RFC 3463). None of them says that an address
// is wrong: SES tells that later, by a bounce, and programs that read reports
// strike such addresses out.
func statusCode(f *spool.Failure) string {
	code, _, _ := strings.Cut(f.Message.Reason, ":")
	switch {
	case f.GivenUp:
		return "4.3.0" // SES had trouble, however often it was tried
	case code == "RequestEntityTooLarge" || code == "ContentTooLarge":
		return "5.3.4"
	case strings.HasPrefix(code, "MessageRejected"):
		return "5.7.1"
	case strings.HasPrefix(code, "BadRequest") || strings.HasPrefix(code, "Validation") || strings.HasPrefix(code, "InvalidParameter"):
		return "5.6.0"
	}
	return "5.0.0"
}

// reportText is a report for the person who sent the mail, in Korean and English.
func (f *Failures) reportText(group []spool.Failure) string {
	m := &group[0].Message
	subject := eml.Visible(m.Subject)
	at := m.Received.In(f.zone()).Format("2006-01-02 15:04 MST")
	var list strings.Builder
	for i := range group {
		fmt.Fprintf(&list, "  %s\n    %s (%s)\n", eml.Visible(group[i].Message.To), eml.Visible(group[i].Message.Reason), group[i].Message.ID)
	}
	return fmt.Sprintf(`%[1]s의 파발(메일 서버)에서 알립니다.

아래 받는 사람에게 메일을 보내지 못했습니다. 자동으로 다시 보내지지는 않습니다.

  제목  %[2]s
  맡긴 때  %[3]s

%[4]s
까닭을 고쳐 다시 보내거나, 운영자에게 괄호 안의 번호를 알려 주세요.

----

This is pabal, the mail server on %[1]s.

Your mail could not be sent to the recipients above; it is not tried again by
itself.

  Subject    %[2]s
  Submitted  %[3]s

Mend the reason and send it again, or tell the operator the number in
parentheses.
`, f.host(), subject, at, list.String())
}
