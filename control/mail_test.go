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
