package campaign

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pabal/eml"
	"pabal/spool"
)

func TestTestThatStopsHalfwaySaysWhoGetsIt(t *testing.T) {
	full := fmt.Errorf("queue test mail: %w", spool.ErrFull)
	err := partly([]TestMail{{To: "a@example.com"}, {To: "b@example.com"}}, "c@example.com", full)
	var told *eml.Problem
	if !errors.As(err, &told) || !errors.Is(err, spool.ErrFull) || !strings.Contains(told.What, "c@example.com") || !strings.Contains(told.Hint, "a@example.com, b@example.com") {
		t.Errorf("%v, %+v", err, told)
	}
	if err := partly(nil, "c@example.com", full); err != full {
		t.Errorf("of the first: %v", err)
	}
}
