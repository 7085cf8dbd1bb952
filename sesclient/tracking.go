package sesclient

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

const (
	trackedFor   = time.Minute     // an answer counts so long, a refusal too
	trackedLimit = 5 * time.Second // for the call: somebody waits for a report
)

// tracked keeps the last answer about the last configuration set.
type tracked struct {
	mu            sync.Mutex
	set           string
	at            time.Time
	opens, clicks bool
	err           error
}

// Tracks reports whether a configuration set reports opens and clicks to
// anybody: without such an event destination SES neither counts nor tells them.
// An answer is kept for a minute. Errors are *spool.SendError.
func (c *Client) Tracks(ctx context.Context, configurationSet string) (opens, clicks bool, err error) {
	t := &c.tracked
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == configurationSet && time.Since(t.at) < trackedFor {
		return t.opens, t.clicks, t.err
	}
	ctx, cancel := context.WithTimeout(ctx, trackedLimit)
	defer cancel()
	out, err := c.api.GetConfigurationSetEventDestinations(ctx, &sesv2.GetConfigurationSetEventDestinationsInput{ConfigurationSetName: aws.String(configurationSet)})
	if err != nil && context.Cause(ctx) == context.Canceled {
		return false, false, Classify(err) // who asked has gone: that is no answer
	}
	t.set, t.at, t.opens, t.clicks, t.err = configurationSet, time.Now(), false, false, nil
	if err != nil {
		t.err = Classify(err)
		return false, false, t.err
	}
	for _, d := range out.EventDestinations {
		t.opens = t.opens || d.Enabled && slices.Contains(d.MatchingEventTypes, types.EventTypeOpen)
		t.clicks = t.clicks || d.Enabled && slices.Contains(d.MatchingEventTypes, types.EventTypeClick)
	}
	return t.opens, t.clicks, nil
}
