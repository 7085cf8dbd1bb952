package smtpd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"pabal/spool"
)

// refusal is an SMTP reply. Every error a session returns is one: go-smtp turns
// any other into a permanent 554, which would make the client drop the mail.
func refusal(code int, enhanced, text string) *smtp.SMTPError {
	e := &smtp.SMTPError{Code: code, Message: text}
	fmt.Sscanf(enhanced, "%d.%d.%d", &e.EnhancedCode[0], &e.EnhancedCode[1], &e.EnhancedCode[2])
	return e
}

// notNow is the reply to a failure of ours: the client keeps the mail and tries
// again.
func notNow(err error) *smtp.SMTPError {
	switch {
	case errors.Is(err, spool.ErrFull):
		return refusal(452, "4.3.1", "the disk of the mail queue is nearly full, try again later; the operator sees with pabal status what it needs")
	case errors.Is(err, spool.ErrBroken):
		return refusal(451, "4.3.0", "the mail queue cannot be written, see the log of pabal; try again later")
	}
	return refusal(451, "4.3.0", "the message could not be stored, try again later")
}

// queued is the reply to a stored message, with the ids it has in the spool.
func queued(ids []string) *smtp.SMTPError {
	const most = 10 // keeps the line under 512 octets, RFC 5321 4.5.3.1.5
	text := "queued as " + strings.Join(ids[:min(most, len(ids))], " ")
	if more := len(ids) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return refusal(250, "2.0.0", text)
}
