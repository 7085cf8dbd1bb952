package control

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"pabal/audience"
	"pabal/eml"
	"pabal/sesclient"
)

// maxPush is how many addresses one push puts on the account's list at most:
// half a day at one a second. The next one does the rest.
const maxPush = 50_000

// SuppressLine is one line of the answer to an import of an operator's list;
// exactly one field is set.
type SuppressLine struct {
	Progress *audience.SuppressResult `json:"progress,omitempty"`
	Report   string                   `json:"report,omitempty"` // a piece of the CSV of bad lines
	Result   *audience.SuppressResult `json:"result,omitempty"` // the last line
}

// Mirrored counts what pull or push did, or would do, with the list of the SES
// account.
type Mirrored struct {
	Account int64 `json:"account"` // entries on the account's list
	Known   int64 `json:"known"`   // on both lists
	Added   int64 `json:"added"`   // pull: taken over; push: put on the account's list
	Removed int64 `json:"removed"` // push: taken off the account's list, since the operator took them off ours
	Kept    int64 `json:"kept"`    // left as they are: pull: taken off ours by the operator later; push: on the account's list only, pull first
	Ours    int64 `json:"ours"`    // push: on our list only, and not SES's business: by the operator, for soft bounces, erased
	Invalid int64 `json:"invalid"` // no addresses that we could mail
	ToDo    int64 `json:"to_do"`   // push: changes it will make, one a second
	DryRun  bool  `json:"dry_run,omitempty"`
}

// MirrorLine is one line of the answer to pull and push; exactly one field is set.
type MirrorLine struct {
	Progress *Mirrored `json:"progress,omitempty"`
	Result   *Mirrored `json:"result,omitempty"` // the last line
}

// importSuppressions takes an operator's list, uploaded or from the inbox.
func (s *Server) importSuppressions(l *lines, r *http.Request) error {
	source, err := s.importSource(r)
	if err != nil {
		return err
	}
	defer source.Close() // only read
	file, err := upload(source)
	if err != nil {
		return err
	}
	defer file.Close() // unlinked already
	l.live = true
	detail := userName(r.Context())
	if name := r.URL.Query().Get("name"); name != "" {
		detail += ": " + name
	}
	o := audience.SuppressOptions{Detail: detail}
	if r.URL.Query().Has("report") {
		o.Report = pieces(func(text string) { _ = l.write(SuppressLine{Report: text}) }) // it goes on although nobody watches
	}
	last := time.Now()
	o.Progress = func(sofar audience.SuppressResult) {
		if time.Since(last) > progressInterval {
			last, sofar.Rejects = time.Now(), nil
			_ = l.write(SuppressLine{Progress: &sofar})
		}
	}
	result, err := s.People.ImportSuppressions(r.Context(), file, o)
	if err != nil {
		return err
	}
	return l.write(SuppressLine{Result: &result})
}

// upload keeps the request's body in a file without a name, so that an upload
// that breaks off changes nothing.
func upload(body io.Reader) (*os.File, error) {
	file, err := os.CreateTemp("", "pabal-upload-*")
	if err != nil {
		return nil, fmt.Errorf("keep the uploaded file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := io.Copy(file, http.MaxBytesReader(nil, io.NopCloser(body), MaxImportBytes)); err != nil {
		return nil, errors.Join(fmt.Errorf("receive the file: %w", err), file.Close())
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// pieces is a writer of text as a function.
type pieces func(string)

func (p pieces) Write(b []byte) (int, error) {
	p(string(b))
	return len(b), nil
}

// pull takes over what is on the account's list.
func (s *Server) pull(l *lines, r *http.Request) error {
	return s.mirror(l, r, func(ctx context.Context, m *Mirrored, tell func()) error {
		var batch []audience.Feedback
		for e, err := range s.SES.AccountList().All(ctx) {
			if err != nil {
				return err
			}
			m.Account++
			fed, err := s.pulled(e, m)
			if err != nil {
				return err
			}
			if fed == nil {
				continue
			}
			if batch = append(batch, *fed); len(batch) == audience.MaxFeedback {
				if err := s.feed(ctx, batch, m); err != nil {
					return err
				}
				batch = batch[:0]
			}
			tell()
		}
		return s.feed(ctx, batch, m)
	})
}

// pulled judges one entry: the feedback to take, nil for none.
func (s *Server) pulled(e sesclient.AccountEntry, m *Mirrored) (*audience.Feedback, error) {
	had, listed, removed, err := s.People.ListState(e.Email)
	var wrong *eml.AddressError
	switch {
	case errors.As(err, &wrong):
		m.Invalid++
		return nil, nil
	case err != nil:
		return nil, err
	case listed && had.Email == "" && had.Reason != "erased": // of optouts.log: now it gets its address
	case listed && (had.Reason == "complaint" || had.Reason == "erased" || had.Reason == "bounce" && !had.Soft && !e.Complaint):
		m.Known++
		return nil, nil
	case !listed && !removed.IsZero() && !e.At.After(removed):
		m.Kept++
		return nil, nil
	}
	m.Added++
	fed := &audience.Feedback{Event: e.Event, Kind: audience.FeedHardBounce, Address: e.Email, At: e.At, Detail: audience.DetailSESList}
	if e.Complaint {
		fed.Kind = audience.FeedComplaint
	}
	return fed, nil
}

func (s *Server) feed(ctx context.Context, batch []audience.Feedback, m *Mirrored) error {
	if len(batch) == 0 || m.DryRun {
		return nil
	}
	_, err := s.People.Feed(ctx, batch)
	return err
}

// push brings the account's list in line with ours: what bounced or complained
// is put on it, what the operator took off ours since is taken off it.
func (s *Server) push(l *lines, r *http.Request) error {
	return s.mirror(l, r, func(ctx context.Context, m *Mirrored, tell func()) error {
		account := s.SES.AccountList()
		there := map[uint64]struct{}{} // hashes: the list may be long
		seed := maphash.MakeSeed()
		var off []string
		for e, err := range account.All(ctx) {
			if err != nil {
				return err
			}
			m.Account++
			there[maphash.String(seed, eml.Key(e.Email))] = struct{}{}
			gone, err := s.compare(e, m)
			if err != nil {
				return err
			}
			if gone {
				off = append(off, e.Email)
			}
			tell()
		}
		return s.bring(ctx, account, m, off, func(email string) bool {
			_, ok := there[maphash.String(seed, eml.Key(email))]
			return ok
		}, tell)
	})
}

// compare judges an entry of the account's list: gone is one to take off.
func (s *Server) compare(e sesclient.AccountEntry, m *Mirrored) (gone bool, err error) {
	_, listed, removed, err := s.People.ListState(e.Email)
	var wrong *eml.AddressError
	switch {
	case errors.As(err, &wrong):
		m.Invalid++
		return false, nil
	case err != nil:
		return false, err
	case listed:
		m.Known++
	case !removed.IsZero() && !e.At.After(removed):
		return true, nil
	default:
		m.Kept++
	}
	return false, nil
}

// bring makes the changes, one call a second.
func (s *Server) bring(ctx context.Context, account *sesclient.AccountList, m *Mirrored, off []string, there func(string) bool, tell func()) error {
	var on []audience.Suppression
	for sup, err := range s.People.Suppressions() {
		switch {
		case err != nil:
			return err
		case sup.Email == "", sup.Soft, sup.Reason != "bounce" && sup.Reason != "complaint":
			m.Ours++
		case !there(sup.Email) && len(on) < maxPush:
			on = append(on, audience.Suppression{Email: sup.Email, Reason: sup.Reason})
		}
	}
	m.ToDo = int64(len(on) + len(off))
	for _, email := range off {
		if !m.DryRun {
			if err := account.Delete(ctx, email); err != nil {
				return err
			}
		}
		m.Removed++
		tell()
	}
	for _, sup := range on {
		if !m.DryRun {
			if err := account.Put(ctx, sup.Email, sup.Reason == "complaint"); err != nil {
				return err
			}
		}
		m.Added++
		tell()
	}
	return nil
}

// mirror runs pull or push, one at a time, and tells how far it is.
func (s *Server) mirror(l *lines, r *http.Request, work func(ctx context.Context, m *Mirrored, tell func()) error) error {
	dry, err := strconv.ParseBool(r.URL.Query().Get("dry_run"))
	if err != nil {
		return invalid("dry_run must be true or false", "is the command's version the daemon's? pabal version")
	}
	l.live = true
	m := Mirrored{DryRun: dry}
	last := time.Now()
	if !s.mirroring.TryLock() {
		return invalid("the list of the SES account is being pulled or pushed already", "wait until that is done; it goes on without its terminal too")
	}
	err = work(r.Context(), &m, func() {
		if time.Since(last) > progressInterval {
			last = time.Now()
			sofar := m
			_ = l.write(MirrorLine{Progress: &sofar}) // it goes on although nobody watches
		}
	})
	s.mirroring.Unlock() // before the answer: whoever has it may ask for the next
	if err != nil {
		return err
	}
	return l.write(MirrorLine{Result: &m})
}

// ImportSuppressions sends an operator's list. name is the file's; the report
// of bad lines goes to report, nil for none; progress may be nil.
func (c *Client) ImportSuppressions(ctx context.Context, file io.Reader, name string, report io.Writer, progress func(audience.SuppressResult)) (audience.SuppressResult, error) {
	q := url.Values{"name": {name}}
	if report != nil {
		q.Set("report", "1")
	}
	return c.suppressing(ctx, q, io.NopCloser(file), report, progress)
}

// SuppressInbox is ImportSuppressions of the file of that name in the inbox.
func (c *Client) SuppressInbox(ctx context.Context, name string) (audience.SuppressResult, error) {
	return c.suppressing(ctx, url.Values{"name": {name}, "inbox": {name}}, nil, nil, nil)
}

// suppressing reads the answer of an import.
func (c *Client) suppressing(ctx context.Context, q url.Values, body io.Reader, report io.Writer, progress func(audience.SuppressResult)) (audience.SuppressResult, error) {
	for line, err := range list[SuppressLine](ctx, c, http.MethodPost, "/v0/suppressions/import", q, body) {
		switch {
		case err != nil:
			return audience.SuppressResult{}, err
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		case line.Report != "" && report != nil:
			if _, err := io.WriteString(report, line.Report); err != nil {
				return audience.SuppressResult{}, err
			}
		}
	}
	return audience.SuppressResult{}, broken(io.ErrUnexpectedEOF)
}

// PullSuppressions takes over what is on the SES account's list; PushSuppressions
// brings that in line with ours. A dry run only counts. progress may be nil.
func (c *Client) PullSuppressions(ctx context.Context, dryRun bool, progress func(Mirrored)) (Mirrored, error) {
	return mirrored(list[MirrorLine](ctx, c, http.MethodPost, "/v0/suppressions/pull", dry(dryRun), nil), progress)
}

// PushSuppressions is described with PullSuppressions.
func (c *Client) PushSuppressions(ctx context.Context, dryRun bool, progress func(Mirrored)) (Mirrored, error) {
	return mirrored(list[MirrorLine](ctx, c, http.MethodPost, "/v0/suppressions/push", dry(dryRun), nil), progress)
}

func dry(run bool) url.Values { return url.Values{"dry_run": {strconv.FormatBool(run)}} }

func mirrored(all iter.Seq2[MirrorLine, error], progress func(Mirrored)) (Mirrored, error) {
	for line, err := range all {
		switch {
		case err != nil:
			return Mirrored{}, err
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		}
	}
	return Mirrored{}, broken(io.ErrUnexpectedEOF)
}
