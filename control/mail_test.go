package control

import (
	"io"
	"testing"

	"pabal/spool"
)

func TestTextThatIsNotKeptIsNoMissingMessage(t *testing.T) {
	r := newRig(t)
	ids, err := r.server.Spool.Put(t.Context(), spool.Envelope{FromDomain: "example.com", To: []string{"a@example.com"},
		Skip: map[string]string{"a@example.com": spool.SkipSuppressed}}, []byte("Subject: x\r\n\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Body(t.Context(), ids[0], io.Discard)
	wantProblem(t, err, "the text of "+ids[0]+" is not kept any more: it is skipped", "pabal spool show "+ids[0], spool.ErrNotFound)
	err = r.Body(t.Context(), "q99", io.Discard)
	wantProblem(t, err, "there is no message q99", "pabal spool list", spool.ErrNotFound)
}

// TestDeadLettersAreListedAndSentElsewhere: what failed and is kept is the
// list; another address is checked before anything changes.
func TestDeadLettersAreListedAndSentElsewhere(t *testing.T) {
	r := newRig(t)
	ids, err := r.server.Spool.Put(t.Context(), spool.Envelope{FromDomain: "example.com", To: []string{"typo@example.com", "gone@example.com"},
		Skip: map[string]string{"gone@example.com": spool.SkipSuppressed}}, []byte("Subject: x\r\n\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for m, err := range r.Messages(t.Context(), DeadLetters) {
		t.Errorf("%s is %s and no dead letter, %v", m.ID, m.Outcome, err)
	}
	if _, err := r.Suppress(t.Context(), "blocked@example.com", ""); err != nil {
		t.Fatal(err)
	}
	_, err = r.Edit(t.Context(), ids[0], "Blocked@example.com")
	wantProblem(t, err, "Blocked@example.com is suppressed", "pabal suppression remove", nil)
	if _, err = r.Edit(t.Context(), ids[0], "no address"); err == nil {
		t.Error("a mail was sent to no address")
	}
	_, err = r.Edit(t.Context(), ids[1], "minji@example.com")
	wantProblem(t, err, "it is skipped", "pabal spool show "+ids[1], spool.ErrState)
	_, err = r.Edit(t.Context(), "q99", "minji@example.com")
	wantProblem(t, err, "there is no message q99", "pabal spool list", spool.ErrNotFound)
	m, err := r.Edit(t.Context(), ids[0], "minji@example.com")
	if err != nil || m.To != "minji@example.com" || m.Outcome != spool.Pending || len(m.Acts) != 1 || m.Acts[0].By == "" {
		t.Errorf("%+v, %v", m, err)
	}
}
