package sesclient

// The account's suppression list as an operator mirrors it: read whole, and
// changed one address a call. SES allows one call a second.

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// AccountEntry is an address on the suppression list of the SES account.
type AccountEntry struct {
	Email     string    `json:"email"`
	Complaint bool      `json:"complaint"` // else it is there for a bounce
	At        time.Time `json:"at"`        // SES's time of its last change
	Event     string    `json:"-"`         // its name as feedback: the same as the poll gives it
}

// AccountList is the account's suppression list. It is used by one goroutine at
// a time: its calls keep a second between them.
type AccountList struct {
	client *Client
	turn   apiTurn
}

// AccountList gives access to the list.
func (c *Client) AccountList() *AccountList { return &AccountList{client: c} }

// All walks the list, a call for each thousand entries. Errors are *eml.Problem.
func (l *AccountList) All(ctx context.Context) iter.Seq2[AccountEntry, error] {
	return func(yield func(AccountEntry, error) bool) {
		in := &sesv2.ListSuppressedDestinationsInput{PageSize: aws.Int32(listPage)}
		for {
			var out *sesv2.ListSuppressedDestinationsOutput
			err := l.call(ctx, "SES's suppression list cannot be read", func(ctx context.Context) (err error) {
				out, err = l.client.api.ListSuppressedDestinations(ctx, in)
				return err
			})
			if err != nil {
				yield(AccountEntry{}, err)
				return
			}
			for _, s := range out.SuppressedDestinationSummaries {
				e := entryEvent(s)
				if !yield(AccountEntry{Email: aws.ToString(s.EmailAddress), Complaint: s.Reason == types.SuppressionListReasonComplaint, At: e.At, Event: e.ID}, nil) {
					return
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				return
			}
		}
	}
}

// Put adds an address, or changes its reason. Not possible in the sandbox.
func (l *AccountList) Put(ctx context.Context, email string, complaint bool) error {
	reason := types.SuppressionListReasonBounce
	if complaint {
		reason = types.SuppressionListReasonComplaint
	}
	return l.call(ctx, "SES's suppression list cannot be changed", func(ctx context.Context) error {
		_, err := l.client.api.PutSuppressedDestination(ctx, &sesv2.PutSuppressedDestinationInput{EmailAddress: &email, Reason: reason})
		return err
	})
}

// Delete takes an address off; one that is not on it is no error.
func (l *AccountList) Delete(ctx context.Context, email string) error {
	return l.call(ctx, "SES's suppression list cannot be changed", func(ctx context.Context) error {
		_, err := l.client.api.DeleteSuppressedDestination(ctx, &sesv2.DeleteSuppressedDestinationInput{EmailAddress: &email})
		if _, gone := errors.AsType[*types.NotFoundException](err); gone {
			return nil
		}
		return err
	})
}

// call waits for its turn. A refusal for the rate is asked again, for a minute
// at most.
func (l *AccountList) call(ctx context.Context, what string, do func(context.Context) error) error {
	var b backoff
	for tries := 0; ; tries++ {
		if err := l.turn.wait(ctx); err != nil {
			return err
		}
		err := l.client.call(ctx, apiLimit, do)
		if err == nil {
			return nil
		}
		if _, busy := errors.AsType[*types.TooManyRequestsException](err); !busy || tries == 5 || !b.wait(ctx) {
			return sourceProblem(what, err)
		}
	}
}
