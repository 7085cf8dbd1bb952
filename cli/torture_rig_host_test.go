//go:build host

package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

const (
	rigPeople      = 600
	rigRate        = 1500 // of the emulated account: a campaign lasts some kills
	rigConcurrency = 16
	rigLatency     = 2 * time.Millisecond // so that calls are open when the process dies
	rigDrained     = 60 * time.Second
	rigAccepting   = 5 * time.Second // I7: from start to the greeting of SMTP
	// optOutSlack is what may lie between the last look at the consent (50 ms
	// before the gate at most) and SES's clock, on a loaded machine.
	optOutSlack = 400 * time.Millisecond
	pollEvery   = 10 * time.Millisecond
)

// rig is one store under torture: a daemon that is started and broken again and
// again, the loads on it, and the books that say what must have become of them.
type rig struct {
	*host
	t       *testing.T
	row     *row
	books   *books
	p       *process
	links   chan link
	pace    time.Duration // between mails of a session; zero: none
	crashes int           // each may leave as many calls in doubt as were open

	proved map[string]bool // mails whose body at SES was compared
}

// newRig makes a store in a folder (a new one when data is "") and an SES.
func newRig(t *testing.T, row *row, o emulator.Options, data string) *rig {
	t.Helper()
	env := []string{fmt.Sprintf("PABAL_SES_CONCURRENCY=%d", rigConcurrency), "PABAL_SES_RATE_SHARE=1"}
	if data != "" {
		env = append(env, "PABAL_DATA_DIR="+data)
	}
	if o.Rate == 0 {
		o.Rate, o.Quota, o.Latency = rigRate, -1, rigLatency
	}
	o.Keep = 50_000
	return &rig{host: newHost(t, o, env...), t: t, row: row, books: newBooks(), proved: map[string]bool{}}
}

// start starts the daemon and measures how long it takes to greet a client.
func (r *rig) start(wrapper ...string) {
	r.t.Helper()
	if err := r.tryStart(wrapper...); err != nil {
		r.t.Fatalf("the daemon did not come up: %v\n%s", err, r.log())
	}
}

func (r *rig) tryStart(wrapper ...string) error {
	r.t.Helper()
	begun := time.Now()
	p, err := r.host.start(wrapper...)
	r.p = p
	if err != nil {
		return err
	}
	c, err := dialSMTP(p.where.SMTP[0])
	if err != nil {
		return fmt.Errorf("no greeting: %w", err)
	}
	took := time.Since(begun)
	r.row.worst = max(r.row.worst, took)
	if took > rigAccepting && len(wrapper) == 0 {
		r.t.Errorf("accepting after %v, want %v (I7)", took, rigAccepting)
	}
	return c.conn.Close()
}

// warmUp gives the store its people, mails each once and keeps the links.
func (r *rig) warmUp() {
	r.t.Helper()
	c := r.client()
	waitDone(r.t.Context(), r.t, c, startCampaign(r.t, c, rigPeople))
	r.links = make(chan link, rigPeople)
	for one := range r.ses.Log() {
		raw, _ := r.ses.Raw(one.ID)
		l, err := linkOf(one.To[0], raw)
		if err != nil {
			r.t.Fatal(err)
		}
		r.links <- l
	}
	close(r.links)
}

// load submits mail, keeps a campaign going and lets people opt out, until
// stop is called or the daemon dies.
func (r *rig) load() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var all sync.WaitGroup
	for range smtpSessions {
		all.Go(func() { submitUntil(ctx, r.p.where.SMTP[0], r.books, r.pace) })
	}
	if r.links != nil {
		all.Go(func() { optOutUntil(ctx, r.p.where.Web, r.books, r.links) })
		all.Go(func() { r.keepCampaign(ctx) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// keepCampaign starts a campaign where none is under way. A kill may strike at
// any step of it.
func (r *rig) keepCampaign(ctx context.Context) {
	c := r.client()
	all, err := c.Campaigns(ctx)
	if err != nil {
		return
	}
	for _, one := range all {
		if one.State == spool.Draft {
			_, _ = c.Start(ctx, one.ID, -1) // the daemon may die on it
			return
		}
		if one.State != spool.Done {
			return
		}
	}
	made, err := c.CreateCampaign(ctx, campaign.Campaign{Name: "torture", Template: "hello"})
	if err == nil {
		_, _ = c.Start(ctx, made.ID, -1) // as above
	}
}

// crashed counts a fault that left the calls then open in doubt.
func (r *rig) crashed() {
	r.crashes++
	r.row.runs++
}

// drained waits until nothing waits, sends or freezes any more.
func (r *rig) drained() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), rigDrained)
	defer cancel()
	c := r.client()
	err := eventually(ctx, func() bool {
		all, err := c.Campaigns(ctx)
		busy := func(one campaign.Campaign) bool { return one.State != spool.Done && one.State != spool.Draft }
		if err != nil || slices.ContainsFunc(all, busy) {
			return false
		}
		st, err := c.SpoolStatus(ctx)
		return err == nil && st.Pending+st.Sending == 0
	})
	if err != nil {
		st, _ := c.SpoolStatus(r.t.Context()) // for the message only
		r.t.Fatalf("not drained after %v: %+v\n%s", rigDrained, st, r.log())
	}
}

// eventually polls until a condition holds.
func eventually(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lookOver proves, while the daemon works on, that nothing acknowledged is
// lost and that the sums hold.
func (r *rig) lookOver() {
	r.t.Helper()
	r.report(r.audit(false))
}

// prove waits until all is settled and proves every invariant.
func (r *rig) prove() {
	r.t.Helper()
	r.drained()
	a := r.audit(true)
	r.row.twice += a.twice
	if most := r.crashes * rigConcurrency; a.listed > most || a.twice > most {
		a.fault("%d copies, %d listed as in doubt: at most %d calls were open at %d crashes (I3)", a.twice, a.listed, most, r.crashes)
	}
	r.report(a)
}

func (r *rig) report(a *bookkeeping) {
	r.t.Helper()
	r.row.lost += a.lost
	for i, fault := range a.faults {
		if i == 20 {
			r.t.Errorf("and %d more", len(a.faults)-i)
			break
		}
		r.t.Error(fault)
	}
	if len(a.faults) > 0 {
		r.t.FailNow()
	}
}

// audit compares the books. Settled means that nothing is on its way.
func (r *rig) audit(settled bool) *bookkeeping {
	r.t.Helper()
	ctx, c := r.t.Context(), r.client()
	before := r.ses.Accepted()
	messages := map[string]spool.Message{} // the list shows one that ends meanwhile twice
	for m, err := range c.Messages(ctx, "") {
		if err != nil {
			r.t.Fatal(err)
		}
		messages[m.ID] = m
	}
	campaigns, err := c.Campaigns(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	a := newAudit(before, r.ses.Accepted())
	byAddress := map[string]int{}
	for id, m := range messages {
		key, err := strconv.ParseUint(strings.TrimPrefix(id, "q"), 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		byAddress[m.To]++
		a.message(&m, sentKey{0, key})
	}
	r.acknowledged(a, byAddress)
	if settled {
		for _, one := range campaigns {
			if one.State == spool.Draft {
				continue // the kill came before its start
			}
			if err := a.campaign(ctx, c, one); err != nil {
				r.t.Fatal(err)
			}
		}
		r.bodies(a, before)
		r.refusals(a, before)
		if a.open > 0 {
			a.fault("%d recipients still wait after all was settled", a.open)
		}
	}
	if err := a.sums(ctx, c); err != nil {
		r.t.Fatal(err)
	}
	return a
}

// acknowledged proves I1 and I2: a mail with a 250 is in the store once, and
// what no 250 was given for is there at most as often as it was submitted.
func (r *rig) acknowledged(a *bookkeeping, stored map[string]int) {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	for to, s := range r.books.mails {
		n := stored[to]
		switch {
		case s.code == 250 && n == 0:
			a.lost++
			a.fault("%s was acknowledged (%s) and is nowhere (I1)", to, s.reply)
		case n > 1:
			a.fault("%s was submitted once and is stored %d times (I2)", to, n)
		case s.code >= 400 && n > 0 && s.code != 451:
			a.fault("%s was refused (%d %s) and is stored (I2)", to, s.code, s.reply)
		}
	}
	for _, to := range slices.Sorted(maps.Keys(stored)) {
		if r.books.mails[to] == nil {
			a.fault("a mail to %s is stored that nobody submitted", to)
		}
	}
}

// bodies proves I4: a body at SES is the body submitted.
func (r *rig) bodies(a *bookkeeping, log []emulator.Accepted) {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	for _, one := range log {
		s := r.books.mails[one.To[0]]
		if s == nil || r.proved[one.ID] {
			continue
		}
		raw, kept := r.ses.Raw(one.ID)
		if !kept || sha256.Sum256(bodyOf(raw)) != s.hash || !strings.Contains(string(raw[:len(raw)-len(bodyOf(raw))]), "\r\nX-Torture: "+s.to+"\r\n") {
			a.fault("the mail to %s (%d bytes) is not what was submitted (kept %v) (I4)", s.to, s.size, kept)
			continue
		}
		r.proved[one.ID] = true
	}
}

// refusals proves I5: nobody is mailed by a campaign after their opt-out.
func (r *rig) refusals(a *bookkeeping, log []emulator.Accepted) {
	r.books.mu.Lock()
	defer r.books.mu.Unlock()
	for _, one := range log {
		if at, out := r.books.optOuts[one.To[0]]; out && one.At.Sub(at) > optOutSlack {
			a.fault("%s opted out %v before a mail to them was accepted (I5)", one.To[0], one.At.Sub(at))
		}
	}
}

// fill queues mails of a size that the drain leaves alone.
func (r *rig) fill(n, size int) {
	r.t.Helper()
	if _, err := r.client().Hold(r.t.Context(), spool.ScopeAll, "torture"); err != nil {
		r.t.Fatal(err)
	}
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.conn.Close()
	for range n {
		if s, err := c.submit(r.books, size); err != nil || s.code != 250 {
			r.t.Fatalf("submit: %d %s, %v", s.code, s.reply, err)
		}
	}
}

// release lets the drain go on.
func (r *rig) release() {
	r.t.Helper()
	if err := r.client().Release(r.t.Context(), spool.ScopeAll); err != nil {
		r.t.Fatal(err)
	}
}

// queueUp fills the queue of a store that no daemon has open.
func (r *rig) queueUp(n, size int) {
	r.t.Helper()
	s, err := spool.Open(r.data())
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < n; i += spool.MaxBatch {
		env := spool.Envelope{From: "erp@example.com", FromDomain: "example.com"}
		for k := range spool.MaxBatch {
			env.To = append(env.To, fmt.Sprintf("queued%06d@example.net", i+k))
		}
		if _, err := s.Put(r.t.Context(), env, letter(env.To[0], size)); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// data is the data folder.
func (r *rig) data() string {
	for _, pair := range slices.Backward(r.env) {
		if path, ok := strings.CutPrefix(pair, "PABAL_DATA_DIR="); ok {
			return path
		}
	}
	return ""
}
