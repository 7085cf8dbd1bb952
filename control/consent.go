package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
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

// erase takes a person out of all stores. What the ledgers have open is waited
// for a while; FinishErasures does the rest.
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
	return s.finish(r.Context(), e, eraseWait)
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

// finish blanks the ledgers and the queue and ends the erasure, if no call is
// open for longer than wait.
func (s *Server) finish(ctx context.Context, e audience.Erasure, wait time.Duration) (Erased, error) {
	out := Erased{Erasure: e}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		done, err := s.Spool.Blank(ctx, e.Subscriber, e.Email)
		if err != nil {
			return out, err
		}
		out.Rows += done.Rows
		out.Messages += done.Messages
		out.Dropped += done.Dropped
		if out.Busy = done.Busy; out.Busy == 0 {
			break
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
	if err := s.People.EraseDone(ctx, e.ID); err != nil {
		return out, err
	}
	out.Email, out.Done = "", true
	return out, nil
}

// FinishErasures goes on with the erasures that a crash or an open call kept
// from being finished. The daemon calls it when it starts and now and then.
func (s *Server) FinishErasures(ctx context.Context) error {
	list, err := s.People.Erasing()
	if err != nil {
		return err
	}
	for _, e := range list {
		done, err := s.finish(ctx, e, 0)
		if err != nil {
			return fmt.Errorf("finish erasure %d: %w", e.ID, err)
		}
		if done.Done {
			s.Logger.Info("erasure finished", "erasure", e.ID, "rows", done.Rows, "messages", done.Messages)
		}
	}
	return nil
}

// confirm asks somebody by mail whether they want mail.
func (s *Server) confirm(r *http.Request) (any, error) {
	who, err := read[Asked](r, MaxRequestBytes)
	if err != nil {
		return nil, err
	}
	id, err := s.Campaigns.AskMail(r.Context(), who.Email)
	if err != nil {
		return nil, noSuchPerson(who.Email, err)
	}
	return Asked{Email: who.Email, Message: id}, nil
}

// Asked is a mail that asks whether somebody wants mail.
type Asked struct {
	Email   string `json:"email"`
	Message string `json:"message,omitempty"` // its id in the queue
}

// optOuts is the feed back to the shop.
func (s *Server) optOuts(l *lines, r *http.Request) error {
	text := r.URL.Query().Get("since")
	since, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		since, err = time.ParseInLocation(time.DateOnly, text, s.zone())
	}
	if err != nil {
		return invalid(eml.Visible(text)+" is no point in time", "for example 2026-11-20 or 2026-11-20T09:00:00+09:00; to go on, recorded_at of the last line")
	}
	return writeAll(l, s.People.OptedOut(r.Context(), since))
}

// exportPerson writes everything kept about somebody as one JSON document.
func (s *Server) exportPerson(w http.ResponseWriter, r *http.Request) {
	email, err := eml.ParseAddress(r.URL.Query().Get("email"))
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := s.writePerson(r.Context(), w, email); err != nil {
		s.Logger.Warn("export of a person broke off", "err", err)
		panic(http.ErrAbortHandler) // the client must not take half of it for all
	}
}

// document writes a JSON object piece by piece.
type document struct {
	w   io.Writer
	err error
	sep string
}

func (d *document) raw(text string) {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, text)
	}
}

func (d *document) value(v any) {
	b, err := json.Marshal(v)
	if d.err = errors.Join(d.err, err); d.err == nil {
		_, d.err = d.w.Write(b)
	}
}

// field writes one member.
func (d *document) field(name string, v any) {
	d.raw(d.sep + "\n" + strconv.Quote(name) + ": ")
	d.sep = ","
	d.value(v)
}

// documentList writes a member that is a list, as it is walked.
func documentList[T any](d *document, name string, all iter.Seq2[T, error]) {
	d.raw(d.sep + "\n" + strconv.Quote(name) + ": [")
	d.sep = ","
	sep := "\n"
	for v, err := range all {
		if d.err = errors.Join(d.err, err); d.err != nil {
			return
		}
		d.raw(sep)
		d.value(v)
		sep = ",\n"
	}
	d.raw("]")
}

func (s *Server) writePerson(ctx context.Context, w io.Writer, email string) error {
	d := &document{w: w}
	d.raw("{")
	d.field("email", email)
	d.field("exported_at", time.Now().UTC().Truncate(time.Second))
	sub, err := s.People.ByEmail(email)
	if err == nil {
		d.field("subscriber", sub)
		history, err := s.People.History(sub.ID)
		if err != nil {
			return err
		}
		d.field("history", history)
	} else if !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	if sup, ok, err := s.People.Suppressed(email); err != nil {
		return err
	} else if ok {
		d.field("suppression", sup)
	}
	known, err := s.People.Known(email)
	if err != nil {
		return err
	}
	d.field("address", known)
	documentList(d, "campaigns", s.received(ctx, sub.ID))
	documentList(d, "messages", s.mailsOf(ctx, email))
	d.raw("\n}\n")
	return d.err
}

// Received is a campaign's mail to one person.
type Received struct {
	Name string `json:"name"` // of the campaign
	spool.Message
}

// received are the rows of a subscriber in all campaigns.
func (s *Server) received(ctx context.Context, id uint64) iter.Seq2[Received, error] {
	return func(yield func(Received, error) bool) {
		ledgers, err := s.Spool.Ledgers()
		if err != nil {
			yield(Received{}, err)
			return
		}
		for _, l := range ledgers {
			m, err := s.Spool.Recipient(l.Campaign, id)
			if errors.Is(err, spool.ErrNotFound) {
				continue
			}
			name := ""
			if c, found := s.Campaigns.Campaign(l.Campaign); found == nil {
				name = c.Name
			}
			if !yield(Received{name, m}, errors.Join(err, ctx.Err())) || err != nil {
				return
			}
		}
	}
}

// mailsOf are the mails of the queue to or by an address.
func (s *Server) mailsOf(ctx context.Context, email string) iter.Seq2[spool.Message, error] {
	key := eml.Key(email)
	return func(yield func(spool.Message, error) bool) {
		for m, err := range s.Spool.Messages(nil) {
			err = errors.Join(err, ctx.Err())
			if err == nil && eml.Key(m.To) != key && eml.Key(m.From) != key {
				continue
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Erase takes a person out of all stores, named by address or id.
func (c *Client) Erase(ctx context.Context, who string) (Erased, error) {
	return call[Erased](ctx, c, http.MethodPost, "/v0/subscriber/erase", nil, map[string]string{"email": who})
}

// Ask asks somebody by mail whether they want mail. audience.ErrNotFound.
func (c *Client) Ask(ctx context.Context, email string) (Asked, error) {
	return call[Asked](ctx, c, http.MethodPost, "/v0/subscriber/confirm", nil, Asked{Email: email})
}

// OptOuts walks those who opted out, as audience.Store.OptedOut does; since is
// a time in RFC 3339, or a date in the campaigns' zone.
func (c *Client) OptOuts(ctx context.Context, since string) iter.Seq2[audience.OptOut, error] {
	return list[audience.OptOut](ctx, c, http.MethodGet, "/v0/optouts", url.Values{"since": {since}}, nil)
}

// ExportPerson writes everything kept about somebody as one JSON document.
func (c *Client) ExportPerson(ctx context.Context, w io.Writer, email string) error {
	resp, err := c.send(ctx, http.MethodGet, "/v0/subscriber/export", url.Values{"email": {email}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read, or broken anyway
	if _, err := io.Copy(w, resp.Body); err != nil {
		return broken(err)
	}
	return nil
}
