package sesclient

import (
	"testing"
	"time"

	"pabal/spool"
)

func TestCallsAreCountedByAnswerAndKnownCode(t *testing.T) {
	var c Client
	c.calls.begin()
	c.calls.ended(spool.Bulk, nil, 60*time.Millisecond)
	c.calls.ended(spool.Bulk, &spool.SendError{Class: spool.Rate, Code: "TooManyRequestsException"}, time.Second)
	c.calls.ended(spool.Transactional, &spool.SendError{Class: spool.Temporary, Code: "Somebody's own"}, time.Second)
	c.calls.ended(spool.Transactional, &spool.SendError{Class: spool.Network}, time.Hour)
	got := c.Calls()
	if got.Answers[spool.Bulk][""] != 1 || got.Answers[spool.Bulk][spool.Rate] != 1 || got.Answers[spool.Transactional][spool.Network] != 1 {
		t.Errorf("answers %v", got.Answers)
	}
	if len(got.Codes) != 3 || got.Codes["TooManyRequests"] != 1 || got.Codes[CodeOther] != 1 || got.Codes[CodeNone] != 1 {
		t.Errorf("codes %v", got.Codes)
	}
	if h := got.Took[spool.Transactional]; h.Sum != 1 { // nobody answered the other
		t.Errorf("took %+v", h)
	}
	got.Codes["x"], got.Took[0].Counts[0] = 1, 99
	if again := c.Calls(); len(again.Codes) != 3 || again.Took[0].Counts[0] != 0 {
		t.Error("what was handed out is what is counted")
	}
}
