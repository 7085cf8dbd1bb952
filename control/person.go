package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/spool"
)

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
	documentList(d, "campaigns", s.received(ctx, sub.ID, email))
	documentList(d, "messages", s.mailsOf(ctx, email))
	d.raw("\n}\n")
	return d.err
}

// Received is a campaign's mail to one person.
type Received struct {
	Name string `json:"name"` // of the campaign
	spool.Message
}

// received are a person's rows in all campaigns: those of their number, and
// those that went to the address under a number before, with the other rows of
// a number that is nobody's any more.
func (s *Server) received(ctx context.Context, id uint64, email string) iter.Seq2[Received, error] {
	return func(yield func(Received, error) bool) {
		ids, other, err := s.earlier(ctx, id, email)
		if err != nil {
			yield(Received{}, err)
			return
		}
		ledgers, err := s.Spool.Ledgers()
		if err != nil {
			yield(Received{}, err)
			return
		}
		for _, l := range ledgers {
			name := ""
			if c, found := s.Campaigns.Campaign(l.Campaign); found == nil {
				name = c.Name
			}
			rows := other[l.Campaign]
			for _, id := range ids {
				if m, err := s.Spool.Recipient(l.Campaign, id); err == nil {
					rows = append(rows, m)
				} else if !errors.Is(err, spool.ErrNotFound) {
					yield(Received{}, err)
					return
				}
			}
			for _, m := range rows {
				if !yield(Received{name, m}, ctx.Err()) || ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// earlier looks through all ledgers for an address: the person's own number and
// those that had it and are nobody's any more, and, by campaign, the rows of
// people who have another address now.
func (s *Server) earlier(ctx context.Context, id uint64, email string) (ids []uint64, other map[uint64][]spool.Message, err error) {
	if id != 0 {
		ids = append(ids, id)
	}
	other = map[uint64][]spool.Message{}
	of := func(to string) bool { return strings.EqualFold(to, email) }
	err = s.Spool.WalkRows(ctx, spool.RowMark{}, of, func(found []spool.Message, _ spool.RowMark) error {
		for _, m := range found {
			if slices.Contains(ids, m.Subscriber) {
				continue
			}
			switch _, err := s.People.Get(m.Subscriber); {
			case errors.Is(err, audience.ErrNotFound):
				ids = append(ids, m.Subscriber)
			case err != nil:
				return err
			default:
				other[m.Campaign] = append(other[m.Campaign], m)
			}
		}
		return nil
	})
	return ids, other, err
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
