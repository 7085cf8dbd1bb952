package sesclient

import (
	"maps"
	"strings"
	"sync"
	"time"

	"pabal/spool"
)

// Calls is what became of the calls that hand mails to SES, since New.
type Calls struct {
	// Answers counts them by lane and class; that of an acceptance is "".
	Answers [2]map[spool.Class]int64
	// Codes counts those that failed by SES's code, without its ending
	// "Exception". A code that the table of answers does not name is CodeOther,
	// an end without a code is CodeNone.
	Codes map[string]int64
	// Took is how long calls took that SES answered, yes or no, by lane.
	Took [2]spool.Histogram
}

// Words in place of SES's own in Calls.Codes.
const (
	CodeOther = "other"
	CodeNone  = "none"
)

// CallBounds are those of Calls.Took, seconds. A call takes 30 to 150 ms; one
// that takes longer than the last is given up (callLimit).
func CallBounds() []float64 {
	return []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30}
}

// callSums is Calls as they grow; its methods may be called at the same time.
type callSums struct {
	known map[string]bool // codes of the table

	mu  sync.Mutex
	sum Calls
}

func (c *callSums) begin() {
	c.known = map[string]bool{}
	for _, a := range Answers() {
		for _, code := range a.Codes {
			c.known[code] = true
		}
	}
	c.sum.Codes = map[string]int64{}
	for l := range c.sum.Answers {
		c.sum.Answers[l], c.sum.Took[l] = map[spool.Class]int64{}, spool.NewHistogram(CallBounds())
	}
}

// ended counts a call; refused is nil for an acceptance.
func (c *callSums) ended(l spool.Lane, refused *spool.SendError, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var class spool.Class
	if refused != nil {
		class = refused.Class
		c.sum.Codes[c.word(refused.Code)]++
	}
	c.sum.Answers[l&1][class]++
	if refused == nil || refused.Code != "" {
		c.sum.Took[l&1].Observe(took)
	}
}

// word is what a code is counted under: a foreign server could think of any
// number of them.
func (c *callSums) word(code string) string {
	code = strings.TrimSuffix(code, "Exception")
	switch {
	case code == "":
		return CodeNone
	case c.known[code]:
		return code
	}
	return CodeOther
}

// Calls are the sums since New.
func (c *Client) Calls() Calls {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	out := c.calls.sum
	out.Codes = maps.Clone(out.Codes)
	for l := range out.Answers {
		out.Answers[l], out.Took[l] = maps.Clone(out.Answers[l]), out.Took[l].Clone()
	}
	return out
}
