package campaign

import (
	"errors"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/spool"
)

func TestApplicationsMailAboutATopicAsksConsentAndHasALink(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 2)
	h.store.Settings.PublicURL = "https://mail.example.com/"
	if err := h.people.Unsubscribe(t.Context(), 2, audience.Person, "t"); err != nil {
		t.Fatal(err)
	}
	sender := h.store.Sender(h.gate, h.ses)
	mail := func(to string) error {
		_, err := sender.Send(t.Context(), &spool.Message{ID: "q1", To: to, Topic: "sale", Tag: "s-0-1-1", Data: []byte("body")})
		return err
	}
	for _, to := range []string{"p1@example.com", "new@example.com"} {
		if err := mail(to); err != nil {
			t.Fatal(to, err)
		}
	}
	for _, m := range h.ses.mails {
		head := string(m.Head)
		if !strings.HasPrefix(head, "List-Unsubscribe: <https://mail.example.com/u/") || !strings.HasSuffix(head, "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") || string(m.Data) != "body" {
			t.Errorf("%s gets %q", m.To, head)
		}
	}
	var skip *spool.SkipError
	if err := mail("p2@example.com"); !errors.As(err, &skip) || skip.Reason != spool.SkipUnsubscribed {
		t.Errorf("who refused: %v", err)
	}
	// Of a store that cannot be read everything has to wait; of this nothing else.
	var refused *spool.SendError
	if err := mail("nobody"); !errors.As(err, &refused) || refused.Class != spool.Permanent || refused.Scope != "" || !refused.NoCall {
		t.Errorf("no address: %+v", err)
	}
	if len(h.ses.mails) != 2 {
		t.Errorf("SES has %d mails", len(h.ses.mails))
	}
}

// The public address was taken out of the configuration while the mail waited.
func TestMailAboutATopicDoesNotGoWithoutALink(t *testing.T) {
	h := open(t, t.TempDir())
	h.enrol(t, 1)
	h.store.Settings.PublicURL, h.store.Settings.LoopbackSES = "", false
	_, err := h.store.Sender(h.gate, h.ses).Send(t.Context(), &spool.Message{ID: "q7", To: "p1@example.com", Topic: "sale", Data: []byte("body")})
	var refused *spool.SendError
	if !errors.As(err, &refused) || refused.Class != spool.Permanent || !refused.NoCall || !strings.Contains(refused.Text, "pabal spool retry q7") || len(h.ses.mails) != 0 {
		t.Errorf("%v, %d mails", err, len(h.ses.mails))
	}
}
