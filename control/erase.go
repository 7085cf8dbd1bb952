package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

const (
	// eraseWait is how long an erasure waits for calls to SES that are open.
	eraseWait = 20 * time.Second
	// erasePoll is the pause between two looks at them.
	erasePoll = 200 * time.Millisecond
)

// Erased is what became of an erasure.
type Erased struct {
	audience.Erasure
	spool.Blanked
}

// erase takes a person out of all stores. What the ledgers have open, and the
// look through all of their rows, is waited for a while; FinishErasures does the rest.
func (s *Server) erase(r *http.Request) (any, error) {
	who, err := read[struct {
		Email string `json:"email"` // or the subscriber's id
	}](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	email, err := s.whose(who.Email)
	if err != nil {
		return nil, err
	}
	e, err := s.People.Erase(r.Context(), email, userName(r.Context()))
	if err != nil {
		return nil, err
	}
	out, err := s.blank(r.Context(), e, eraseWait)
	if err != nil || out.Busy > 0 {
		return out, err
	}
	soon, stop := context.WithTimeout(r.Context(), eraseWait)
	defer stop()
	done, err := s.blankLedgers(soon, []audience.Erasure{e})
	out.Rows += done.Rows
	out.Busy += done.Busy
	switch {
	case err == nil && done.Busy == 0:
		out.Email, out.Hash, out.Done = "", "", true
	case soon.Err() != nil && r.Context().Err() == nil: // large ledgers: FinishErasures goes on at the mark
		err = nil
	}
	return out, err
}

// whose is the address of a subscriber named by address or id.
func (s *Server) whose(name string) (string, error) {
	id, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return name, nil
	}
	sub, err := s.People.Get(id)
	if errors.Is(err, audience.ErrNotFound) {
		return "", &eml.Problem{What: fmt.Sprintf("there is no subscriber %d", id), Hint: "name them by their address", Err: err}
	}
	return sub.Email, err
}

// blank blanks the rows under a person's number and the mails of the queue. Its
// Busy is 0 when no call is open for longer than wait.
func (s *Server) blank(ctx context.Context, e audience.Erasure, wait time.Duration) (Erased, error) {
	out := Erased{Erasure: e}
	of := s.People.IsOf([]audience.Erasure{e})
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		done, err := s.Spool.Blank(ctx, e.Subscriber, of)
		if err != nil {
			return out, err
		}
		out.Rows += done.Rows
		out.Messages += done.Messages
		out.Dropped += done.Dropped
		if out.Busy = done.Busy; out.Busy == 0 {
			return out, nil
		}
		next := time.NewTimer(erasePoll)
		select {
		case <-next.C:
		case <-limit.C:
			next.Stop()
			return out, nil
		case <-ctx.Done():
			next.Stop()
			return out, ctx.Err()
		}
	}
}

// errBusy ends a look through the ledgers before a row that is being sent.
var errBusy = errors.New("a mail is being sent to them")

// markEvery is how many looks of WalkRows (10,000 rows) pass between two marks.
const markEvery = 100

// blankLedgers looks through all ledgers for rows of people who were erased
// under numbers they had before: their row was deleted and inserted again, or
// another has the address now. It goes on at the mark that is the least of the
// erasures', notes how far it is, and ends them. Busy rows end it before: call again.
func (s *Server) blankLedgers(ctx context.Context, list []audience.Erasure) (all spool.Blanked, err error) {
	of := s.People.IsOf(list)
	looks := 0
	err = s.Spool.WalkRows(ctx, leastMark(list), of, func(found []spool.Message, at spool.RowMark) error {
		done, err := s.blankFound(ctx, found, of)
		all.Rows += done.Rows
		all.Dropped += done.Dropped
		if all.Busy += done.Busy; err != nil || all.Busy > 0 {
			return errors.Join(err, errBusy)
		}
		if looks++; looks%markEvery != 0 {
			return nil
		}
		return s.People.EraseMark(ctx, list, at.Campaign, at.Subscriber)
	})
	if all.Busy > 0 && errors.Is(err, errBusy) {
		return all, nil
	}
	for i := range list {
		if err == nil {
			err = s.People.EraseDone(ctx, list[i].ID)
		}
	}
	return all, err
}

// leastMark is where a look through the ledgers for several erasures begins.
func leastMark(list []audience.Erasure) (mark spool.RowMark) {
	for i, e := range list {
		if i == 0 || e.Campaign < mark.Campaign || e.Campaign == mark.Campaign && e.Row < mark.Subscriber {
			mark = spool.RowMark{Campaign: e.Campaign, Subscriber: e.Row}
		}
	}
	return mark
}

// blankFound blanks rows that have an erased address: all of a number that is
// nobody's any more, of others, who have another address now, only these rows.
func (s *Server) blankFound(ctx context.Context, found []spool.Message, of func(string) bool) (all spool.Blanked, err error) {
	for _, m := range found {
		if _, err := s.People.Get(m.Subscriber); err == nil {
			continue
		} else if !errors.Is(err, audience.ErrNotFound) {
			return all, err
		}
		done, err := s.Spool.Blank(ctx, m.Subscriber, nil)
		all.Rows += done.Rows
		all.Dropped += done.Dropped
		if all.Busy += done.Busy; err != nil || all.Busy > 0 {
			return all, err
		}
	}
	done, err := s.Spool.BlankRows(ctx, found, of)
	all.Rows += done.Rows
	all.Busy += done.Busy
	return all, err
}

// FinishErasures goes on with the erasures that a crash, an open call or large
// ledgers kept from being finished. The daemon calls it when it starts and now and then.
func (s *Server) FinishErasures(ctx context.Context) error {
	list, err := s.People.Erasing()
	if err != nil || len(list) == 0 {
		return err
	}
	var ready []audience.Erasure
	for _, e := range list {
		done, err := s.blank(ctx, e, 0)
		if err != nil {
			return fmt.Errorf("finish erasure %d: %w", e.ID, err)
		}
		if done.Busy == 0 {
			ready = append(ready, e)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	done, err := s.blankLedgers(ctx, ready)
	if err != nil {
		return fmt.Errorf("finish erasures: %w", err)
	}
	if done.Busy == 0 {
		s.Logger.Info("erasures finished", "erasures", len(ready), "rows", done.Rows)
	}
	return nil
}
