package smtpd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pabal/eml"
	"pabal/spool"
)

const (
	digestReasons  = 10   // told of one by one
	digestExamples = 5    // mails named of each
	keptReasons    = 1000 // counted apart
	maxToldReason  = 300  // bytes
)

// digest stores one when it is time, and returns when that is; zero when there
// is nothing to tell.
func (f *Failures) digest(ctx context.Context) (due time.Time, err error) {
	if f.Operator == "" {
		return time.Time{}, nil
	}
	first, err := f.spool.DigestFailures(0, 1)
	if err != nil || len(first) == 0 {
		return time.Time{}, err
	}
	if due, err = f.digestDue(first[0].Message.At); err != nil || due.After(time.Now()) {
		return due, err
	}
	told, err := f.gathered(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if told.count == 0 {
		return time.Time{}, f.spool.ForgetDigest(told.through)
	}
	m := f.mail(f.Operator, told.subject(f.host()), told.text(f), "auto-generated")
	raw, err := m.AppendTo(nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("make a digest: %w", err)
	}
	id, err := f.spool.TellDigest(ctx, told.through, f.envelope(&m, []string{f.Operator}), raw)
	if err == nil {
		f.log().Info("operator told of failures", "message", id, "count", told.count)
	}
	return time.Time{}, err
}

// digestDue is when the next digest goes, the first of its failures being of a
// time. A time to come is one from before the clock was set back.
func (f *Failures) digestDue(first time.Time) (time.Time, error) {
	now := time.Now()
	last, err := f.spool.LastDigest()
	due := first.Add(gather)
	if first.After(now) {
		due = now
	}
	if next := last.Add(f.every()); !last.After(now) && next.After(due) {
		due = next
	}
	return due, err
}

// gathering is what a digest tells.
type gathering struct {
	through         uint64 // the last entry
	count, unknown  int
	earliest, until time.Time
	by              map[string]*gatheredReason
	other           int // of reasons that are not counted apart
}

type gatheredReason struct {
	reason   string
	unknown  bool
	count    int
	examples []string
}

// gathered reads all that is to be told.
func (f *Failures) gathered(ctx context.Context) (*gathering, error) {
	g := &gathering{by: map[string]*gatheredReason{}}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, err := f.spool.DigestFailures(g.through, spool.MaxBatch)
		if err != nil || len(batch) == 0 {
			return g, err
		}
		for i := range batch {
			g.add(&batch[i])
		}
	}
}

func (g *gathering) add(one *spool.Failure) {
	g.through = one.Number
	if one.Over {
		return
	}
	m := &one.Message
	unknown := m.Outcome == spool.Unknown
	g.count++
	if unknown {
		g.unknown++
	}
	if g.earliest.IsZero() || m.At.Before(g.earliest) {
		g.earliest = m.At
	}
	if m.At.After(g.until) {
		g.until = m.At
	}
	plain := spool.PlainReason(m.Reason)
	key := m.Outcome.String() + " " + plain
	r := g.by[key]
	if r == nil && len(g.by) == keptReasons {
		g.other++
		return
	}
	if r == nil {
		r = &gatheredReason{reason: eml.Visible(strings.ToValidUTF8(eml.Cut(plain, maxToldReason), "")), unknown: unknown}
		g.by[key] = r
	}
	r.count++
	if len(r.examples) < digestExamples {
		r.examples = append(r.examples, strings.TrimSpace(m.ID+" "+eml.Visible(m.To)))
	}
}

func (g *gathering) subject(host string) string {
	return fmt.Sprintf("[파발 %s] 보내지 못한 메일 %d통 / %s not sent", host, g.count, g.mails())
}

func (g *gathering) mails() string {
	if g.count == 1 {
		return "1 mail"
	}
	return fmt.Sprintf("%d mails", g.count)
}

// text is the digest in Korean and English.
func (g *gathering) text(f *Failures) string {
	var b strings.Builder
	at := func(t time.Time) string { return t.In(f.zone()).Format("2006-01-02 15:04 MST") }
	fmt.Fprintf(&b, "%s의 파발이 맡은 메일 %d통을 보내지 못했습니다 (%s ~ %s).\n", f.host(), g.count, at(g.earliest), at(g.until))
	if g.unknown > 0 {
		fmt.Fprintf(&b, "그 가운데 %d통은 나갔는지 알 수 없습니다. 다시 보내면 두 번 갈 수 있습니다.\n", g.unknown)
	}
	b.WriteString("내용은 지워지지 않고 대기열에 남아 있습니다.\n\n")
	g.reasons(&b, func(r *gatheredReason) string {
		if r.unknown {
			return "결과 불명"
		}
		return "실패"
	}, "그 밖의 까닭", "외")
	b.WriteString(`
모두 보기          pabal spool list --dead   (화면: 7)
한 통 자세히       pabal spool show 번호
다시 보내기        pabal spool retry 번호    (모두: pabal spool retry --dead)
받는 사람 고치기   pabal spool edit 번호 --to 주소
버리기             pabal spool discard 번호

`)
	fmt.Fprintf(&b, "----\n\nOf what pabal on %s was given, %s could not be sent (%s to %s).\n", f.host(), g.mails(), at(g.earliest), at(g.until))
	if g.unknown > 0 {
		fmt.Fprintf(&b, "Of these, %d may have gone: the answer was lost. Sent again, they may go twice.\n", g.unknown)
	}
	b.WriteString("Nothing is deleted; all of it stays in the spool.\n\n")
	g.reasons(&b, func(r *gatheredReason) string {
		if r.unknown {
			return "unknown"
		}
		return "failed"
	}, "other reasons", "more:")
	b.WriteString(`
See all            pabal spool list --dead   (screen: 7)
One in full        pabal spool show ID
Send again         pabal spool retry ID      (all: pabal spool retry --dead)
Another address    pabal spool edit ID --to ADDRESS
Give up            pabal spool discard ID
`)
	fmt.Fprintf(&b, "\n(failures.report = %q, failures.every = %s)\n", f.Report, f.every())
	return b.String()
}

// reasons are the commonest, with examples.
func (g *gathering) reasons(b *strings.Builder, outcome func(*gatheredReason) string, others, more string) {
	all := make([]*gatheredReason, 0, len(g.by))
	for _, r := range g.by {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *gatheredReason) int {
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.reason, b.reason), strings.Compare(outcome(a), outcome(b)))
	})
	rest := g.other
	for i, r := range all {
		if i >= digestReasons {
			rest += r.count
			continue
		}
		fmt.Fprintf(b, "%6d  %s: %s\n        %s", r.count, outcome(r), r.reason, strings.Join(r.examples, ", "))
		if left := r.count - len(r.examples); left > 0 {
			fmt.Fprintf(b, ", %s %d", more, left)
		}
		b.WriteString("\n")
	}
	if rest > 0 {
		fmt.Fprintf(b, "%6d  %s\n", rest, others)
	}
}
