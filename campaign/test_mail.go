package campaign

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

const (
	testMark  = "[테스트] " // before the subject of a test mail
	testToken = "test"   // the links of one lead to a page that says so
	maxTests  = 10       // addresses of one test
)

// TestMail is one test on its way.
type TestMail struct {
	To      string `json:"to"`
	Message string `json:"message"` // its id, for trace
}

// Test is Tests to one address; it returns the message's id.
func (s *Store) Test(ctx context.Context, id uint64, as, to string) (string, error) {
	sent, err := s.Tests(ctx, id, as, []string{to})
	if err != nil {
		return "", err
	}
	return sent[0].Message, nil
}

// Tests sends the letter as `as` would get it to each address through the
// spool's transactional lane, so that it counts for pace and quota: subject
// marked [테스트], unsubscribe links that lead to a page saying that it is a
// test, outside the ledger. as "" means the first of the audience. A *eml.Problem
// says what keeps the letter from being made, or which address is suppressed:
// then none is queued. When the disk fills up between two, it says which are.
// ErrNotFound.
func (s *Store) Tests(ctx context.Context, id uint64, as string, to []string) ([]TestMail, error) {
	c, err := s.record(id)
	if err != nil {
		return nil, err
	}
	if to, err = s.testAddresses(to); err != nil {
		return nil, err
	}
	sub, err := s.someone(ctx, c, Whom{Email: as})
	if err != nil {
		return nil, err
	}
	def, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	if err := s.publish(ctx, def.letter); err != nil {
		return nil, err
	}
	if def.from.Address == "" {
		return nil, &eml.Problem{What: "the campaign has no sender", Hint: "give the campaign one, or set campaign.from in the configuration"}
	}
	p := def.person(&sub, sub.Email, testToken)
	var sent []TestMail
	for i, address := range to {
		tag := "test-" + strconv.FormatUint(id, 10) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(i)
		message, err := s.queueTest(ctx, def, p, address, tag)
		if err != nil {
			return nil, partly(sent, address, err)
		}
		sent = append(sent, TestMail{To: address, Message: message})
	}
	s.log().Info("test mails queued", "campaign", id, "messages", len(sent))
	return sent, nil
}

// queueTest makes one test mail and puts it into the spool.
func (s *Store) queueTest(ctx context.Context, def *mailing, p *person, to, tag string) (string, error) {
	mail, body, err := def.testMail(p, to, tag)
	if err != nil {
		return "", err
	}
	ids, err := s.spool.Put(ctx, spool.Envelope{From: def.from.Address, FromDomain: eml.Domain(def.from.Address), To: []string{to},
		Subject: mail.Subject, MessageID: mail.MessageID}, body)
	if err != nil {
		return "", fmt.Errorf("queue test mail: %w", err)
	}
	return ids[0], nil
}

// partly adds to what stopped a test who gets theirs all the same.
func partly(sent []TestMail, next string, err error) error {
	if len(sent) == 0 {
		return err
	}
	to := make([]string, len(sent))
	for i := range sent {
		to[i] = sent[i].To
	}
	return &eml.Problem{What: fmt.Sprintf("the test to %s was not queued: %v", next, err),
		Hint: "on their way are those to " + strings.Join(to, ", ") + "; test again with the others only", Err: err}
}

// testAddresses are the addresses of a test, each once, none of them suppressed.
func (s *Store) testAddresses(to []string) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	for _, text := range to {
		address, err := eml.ParseAddress(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if seen[eml.Key(address)] {
			continue
		}
		seen[eml.Key(address)] = true
		sup, suppressed, err := s.people.Suppressed(address)
		if err != nil {
			return nil, fmt.Errorf("look whether %s is suppressed: %w", address, err)
		}
		if suppressed {
			return nil, &eml.Problem{What: fmt.Sprintf("%s is suppressed (%s) and gets no mail, not even a test", address, sup.Reason),
				Hint: "test with another address, or see: pabal suppression list"}
		}
		all = append(all, address)
	}
	if len(all) == 0 || len(all) > maxTests {
		return nil, &eml.Problem{What: fmt.Sprintf("a test goes to 1 to %d addresses, not %d", maxTests, len(all)), Hint: "name the colleagues who look at it"}
	}
	return all, nil
}

// testMail is the finished test of one person's letter.
func (m *mailing) testMail(p *person, to, tag string) (eml.Mail, []byte, error) {
	got, err := m.letter.fill(p)
	if err != nil {
		return eml.Mail{}, nil, err
	}
	if len(got.missing) > 0 {
		return eml.Mail{}, nil, missingProblem(got.missing)
	}
	mail := m.head(p, testMark+got.subject, tag, now())
	mail.To = eml.Mailbox{Address: to}
	mail.Text, mail.HTML = got.text, got.html
	body, err := mail.AppendTo(nil)
	if err == nil && len(body) > maxMail {
		err = &eml.Problem{What: fmt.Sprintf("the mail has %d KB, more than %d", len(body)>>10, maxMail>>10), Hint: "make the template or its files smaller"}
	}
	return mail, body, err
}
