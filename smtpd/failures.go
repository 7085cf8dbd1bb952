package smtpd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// Who is told of mail that SES never took.
const (
	FailuresDigest = "digest" // the operator, of many at once
	FailuresSender = "sender" // each envelope sender, by a report (RFC 3464); whom that cannot reach, the operator
	FailuresOff    = "off"    // nobody
)

const (
	defaultDigestEvery = time.Hour
	// gather is how long a digest waits for more after the first failure, and
	// collect a report after the last one for the other recipients of its mail, whose
	// tries end within 11 s of their turn; longest after the first.
	gather  = time.Minute
	collect = 15 * time.Second
	longest = 10 * time.Minute
	pause   = time.Second // between two looks at what failed, however fast it comes
	// failuresAgain is how long to wait after an error of the store.
	failuresAgain = time.Minute
	mostSeen      = 16 * spool.MaxBatch // failures that one look takes in, about 10 MB
	atOnce        = 64                  // entries within which those of mails sent at the same time are mixed
	maxSenders    = 10                  // addresses an alias may stand for to be sent a report
	headRead      = 128 << 10
)

// Failures tells people of applications' mail that ended without SES having
// taken it. Each is told once: who is told, and what, is committed with the end
// of what was to be told (spool). No report is made for the null sender, for a
// mail that is a report itself, or to an address that only means this host; it
// bears "Auto-Submitted: auto-replied", and one that fails is only logged.
// What SES says later, a bounce, is SES's to tell. Set the exported fields
// before Run.
type Failures struct {
	Report   string        // FailuresDigest, FailuresSender or FailuresOff
	Operator string        // address that digests go to; "" is nobody
	Every    time.Duration // at most one digest in that time; zero means an hour
	From     eml.Mailbox   // of what is sent; SES must be able to send for it
	Hostname string        // that reports; "" means localhost
	SES      string        // host name of SES in reports; "" leaves it out
	Aliases  *Aliases      // names of this host; nil: there are none
	Zone     *time.Location
	Logger   *slog.Logger // nil means none

	spool *spool.Spool
}

// FailuresStatus is the `failures` part of status --json.
type FailuresStatus struct {
	Report     string    `json:"report"`   // as in the configuration
	Operator   bool      `json:"operator"` // digests have somewhere to go
	Waiting    int       `json:"waiting"`  // nobody was told of yet, at most 2,000 counted
	LastDigest time.Time `json:"last_digest,omitzero"`
}

// NewFailures makes it for a spool, whose TellFailures must be as Tells says.
func NewFailures(sp *spool.Spool) *Failures { return &Failures{spool: sp} }

// Tells reports whether anybody is told of anything.
func (f *Failures) Tells() bool {
	return f.Report == FailuresSender || f.Report == FailuresDigest && f.Operator != ""
}

// Status is how it stands. It may be called at any time.
func (f *Failures) Status() (FailuresStatus, error) {
	st := FailuresStatus{Report: f.Report, Operator: f.Operator != ""}
	fresh, err := f.spool.Failures(0, spool.MaxBatch)
	if err != nil {
		return st, err
	}
	digest, err := f.spool.DigestFailures(0, spool.MaxBatch)
	if err != nil {
		return st, err
	}
	for _, one := range slices.Concat(fresh, digest) {
		if !one.Over {
			st.Waiting++
		}
	}
	st.LastDigest, err = f.spool.LastDigest()
	return st, err
}

// Run tells of failures until ctx ends, and returns nil then.
func (f *Failures) Run(ctx context.Context) error {
	if !f.Tells() {
		if err := f.spool.TellNobodyAtAll(); err != nil { // of what an earlier configuration left
			f.log().Error("failures that nobody is told of were not dropped", "err", err)
		}
		return nil
	}
	for {
		again, err := f.round(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			f.log().Error("nobody was told of failures", "err", err)
			again = time.Now().Add(failuresAgain)
		}
		if !f.wait(ctx, again) {
			return nil
		}
	}
}

// wait waits for a failure, or until a time that is not zero. It returns false
// when ctx ended.
func (f *Failures) wait(ctx context.Context, until time.Time) bool {
	var alarm <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-f.spool.Owed():
		return f.rest(ctx)
	case <-alarm:
	}
	return true
}

// rest lets a storm of failures pass in few looks. It returns false when ctx ended.
func (f *Failures) rest(ctx context.Context) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// round tells what is to be told now, and returns when there is more; zero for
// when something fails.
func (f *Failures) round(ctx context.Context) (again time.Time, err error) {
	again, err = f.sort(ctx)
	if err != nil {
		return again, err
	}
	due, err := f.digest(ctx)
	return sooner(again, due), err
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// tell tells the sender of one mail's failures and returns those that cannot be
// told so.
func (f *Failures) tell(ctx context.Context, group []spool.Failure) (left []spool.Failure, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var failed []spool.Failure
	for _, one := range group {
		if f.Report == FailuresSender && one.Message.Outcome == spool.Failed {
			failed = append(failed, one)
		} else { // nobody can say that what is unknown has failed
			left = append(left, one)
		}
	}
	if len(failed) == 0 {
		return left, nil
	}
	told, err := f.report(ctx, failed)
	if !told {
		left = append(left, failed...)
	}
	return left, err
}

// leave lets the operator be told of what is left, and nobody of what is over.
func (f *Failures) leave(over, left []spool.Failure) error {
	settle := f.spool.LeaveToDigest
	if f.Operator == "" {
		settle = f.spool.TellNobody
	}
	if f.Operator == "" && len(left) > 0 {
		f.log().Warn("nobody could be told of failures", "message", left[0].Message.ID, "count", len(left), "hint", "set failures.operator")
	}
	return errors.Join(inBatches(over, f.spool.TellNobody), inBatches(left, settle))
}

func inBatches(all []spool.Failure, settle func([]spool.Failure) error) error {
	for batch := range slices.Chunk(all, spool.MaxBatch) {
		if err := settle(batch); err != nil {
			return err
		}
	}
	return nil
}

// report stores a report to the sender of the mail that the failures are of;
// told is false when there must be none.
func (f *Failures) report(ctx context.Context, group []spool.Failure) (told bool, err error) {
	to := f.sender(group[0].Message.From)
	if to == nil {
		return false, nil
	}
	head, err := f.spool.Head(group[0].Message.ID, headRead)
	if err != nil {
		f.log().Warn("header of a failed mail cannot be read", "message", group[0].Message.ID, "err", err)
	}
	header := topHeader(head)
	if isReport(&header) {
		return false, nil
	}
	r := f.compose(group, to[0], header)
	raw, err := r.AppendTo(nil)
	if err != nil {
		f.log().Error("report cannot be made", "message", group[0].Message.ID, "err", err)
		return false, nil
	}
	numbers := make([]uint64, len(group))
	for i := range group {
		numbers[i] = group[i].Number
	}
	id, err := f.spool.TellSender(ctx, numbers, f.envelope(&r.Mail, to), raw)
	if err == nil {
		f.log().Debug("sender told of a failure", "message", group[0].Message.ID, "new_message", id, "rcpt", to, "count", len(group))
	}
	return err == nil, err
}

// envelope is that of a mail of ours: from the null sender, so that nothing is
// ever told of it.
func (f *Failures) envelope(m *eml.Mail, to []string) spool.Envelope {
	return spool.Envelope{FromDomain: eml.Domain(m.From.Address), To: to, Subject: m.Subject, MessageID: m.MessageID}
}

// hostDomains end names that mean something on this network only (RFC 6761,
// 6762, 8375, and ICANN's .internal): SES would take a mail to them and bounce it.
var hostDomains = []string{"localhost", "localdomain", "local", "internal", "invalid", "home.arpa"}

// sender is where a report to an envelope sender goes, nil if it cannot.
func (f *Failures) sender(from string) []string {
	if from == "" {
		return nil
	}
	found := []string{from}
	if f.Aliases != nil {
		var err error
		if found, err = f.Aliases.Resolve(from); err != nil {
			return nil
		}
	}
	if len(found) > maxSenders {
		return nil
	}
	var to []string
	for _, one := range found {
		address, err := eml.ParseAddress(one)
		if err != nil || hostOnly(eml.Domain(address)) {
			return nil
		}
		to = append(to, address)
	}
	return to
}

// hostOnly reports whether mail to a domain goes no further than this network.
func hostOnly(domain string) bool {
	return !strings.Contains(domain, ".") || slices.ContainsFunc(hostDomains, func(end string) bool { return strings.HasSuffix(domain, "."+end) })
}

// topHeader is the header at the beginning of a stored text; of one that is cut
// short or cannot be read, what there is.
func topHeader(head []byte) eml.Header {
	if end := strings.Index(string(head), "\r\n\r\n"); end >= 0 {
		head = head[:end+len("\r\n\r\n")]
	} else if last := strings.LastIndex(string(head), "\r\n"); last >= 0 {
		head = head[:last+len("\r\n")]
	}
	header, _, err := eml.Split(head)
	if err != nil {
		return eml.Header{}
	}
	return header
}

// isReport reports whether a mail is an automatic answer, to which there must
// be none (RFC 3834 2, RFC 5321 6.1). What a program sends of its own accord
// (auto-generated: cron) is none.
func isReport(header *eml.Header) bool {
	kind := strings.ToLower(header.Get("Content-Type"))
	auto := strings.ToLower(strings.TrimSpace(header.Get("Auto-Submitted")))
	return strings.HasPrefix(kind, "multipart/report") || strings.HasPrefix(kind, "message/delivery-status") || strings.HasPrefix(auto, "auto-replied")
}

func (f *Failures) every() time.Duration { return cmp.Or(f.Every, defaultDigestEvery) }

func (f *Failures) host() string { return cmp.Or(f.Hostname, "localhost") }

func (f *Failures) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// mail is what every mail of ours has; auto is its kind by RFC 3834.
func (f *Failures) mail(to, subject, text, auto string) eml.Mail {
	return eml.Mail{From: f.From, To: eml.Mailbox{Address: to}, Subject: subject, Text: text, Date: time.Now().In(f.zone()),
		MessageID: fmt.Sprintf("%s@%s", strings.ToLower(rand.Text()[:16]), f.host()),
		Headers:   [][2]string{{"Auto-Submitted", auto}, {"X-Auto-Response-Suppress", "All"}}}
}

func (f *Failures) log() *slog.Logger {
	if f.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return f.Logger.With("part", "failures")
}
