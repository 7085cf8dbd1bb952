package sesclient

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

// send takes and reports until the quota refuses; it returns how many went.
func send(t *testing.T, p *Pace, lane spool.Lane, most int) (sent int, refusal error) {
	t.Helper()
	for sent < most {
		n, err := p.Take(t.Context(), lane, most-sent)
		if err != nil {
			return sent, err
		}
		for range n {
			p.Report(lane, nil)
		}
		sent += n
	}
	return sent, nil
}

func TestBulkLeavesTheReserveToTransactionalMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 1000, max24: 1000, sent24: 100, enabled: true})
		sent, err := send(t, p, spool.Bulk, 2000)
		refusal := wantRefusal(t, err, spool.Quota, "lane:bulk")
		if sent != 850 {
			t.Errorf("bulk sent %d, want 850 (95 %% of 1000 less the 100 already sent)", sent)
		}
		if !strings.Contains(refusal.Text, "50 kept for transactional") {
			t.Errorf("text %q", refusal.Text)
		}
		sent, err = send(t, p, spool.Transactional, 100)
		wantRefusal(t, err, spool.Quota, "lane:transactional")
		if sent != 50 {
			t.Errorf("transactional sent %d, want the 50 kept", sent)
		}
	})
}

// The owner's scenario: a first campaign of 200 in the sandbox, which allows
// 200 a day, must not stop ten short.
func TestSandboxKeepsNoReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 1, max24: 200, sandbox: true, enabled: true})
		if sent, _ := send(t, p, spool.Bulk, 300); sent != 200 {
			t.Errorf("bulk sent %d, want all 200", sent)
		}
		if share := p.status().BulkShare; share != 1 {
			t.Errorf("bulk share %v, want 1", share)
		}
	})
}

func TestQuotaResumesAsTheWindowFrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{TransactionalQuotaReserve: 0.5}, facts{rate: 1, max24: 200, enabled: true})
		first := time.Now()
		if sent, _ := send(t, p, spool.Bulk, 500); sent != 100 {
			t.Fatalf("sent %d, want 100", sent)
		}
		at, ok := p.QuotaFrees(spool.Bulk)
		if want := first.Truncate(time.Minute).Add(24*time.Hour + time.Minute); !ok || !at.Equal(want) {
			t.Errorf("frees at %s (%t), want %s: a day after the first minute", at, ok, want)
		}
		if at, ok := p.QuotaFrees(spool.Transactional); !ok || !at.Equal(time.Now()) {
			t.Errorf("transactional frees at %s (%t), want now", at, ok)
		}
		time.Sleep(time.Until(at))
		p.setFacts(facts{rate: 1, max24: 200, sent24: 60, enabled: true}, p.factsMark(), time.Now())
		if sent, _ := send(t, p, spool.Bulk, 500); sent != 40 {
			t.Errorf("sent %d after 40 left the window, want 40", sent)
		}
	})
}

func TestOthersOnTheAccountAreRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 100, max24: 1000, enabled: true})
		if sent, err := send(t, p, spool.Bulk, 10); sent != 10 || err != nil {
			t.Fatal(sent, err)
		}
		asked := time.Now()
		p.setFacts(facts{rate: 100, max24: 1000, sent24: 1000, enabled: true}, p.factsMark(), asked)
		_, err := p.Take(t.Context(), spool.Bulk, 1)
		refusal := wantRefusal(t, err, spool.Quota, "lane:bulk")
		if !strings.Contains(refusal.Text, "at the latest") {
			t.Errorf("text %q claims to know when others' mail frees", refusal.Text)
		}
		if at, ok := p.QuotaFrees(spool.Bulk); !ok || !at.Equal(asked.Add(24*time.Hour)) {
			t.Errorf("frees at %s (%t), want %s", at, ok, asked.Add(24*time.Hour))
		}
	})
}

// Calls open while GetAccount is asked are counted once, not twice.
func TestOpenCallsAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 1, max24: 200, sent24: 190, enabled: true})
		if n, err := p.Take(t.Context(), spool.Transactional, 1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		mark := p.factsMark() // GetAccount begins; SES has taken the mail, we have not heard yet
		p.setFacts(facts{rate: 1, max24: 200, sent24: 191, enabled: true}, mark, time.Now())
		p.Report(spool.Transactional, nil)
		if sent, _ := send(t, p, spool.Transactional, 100); sent != 9 {
			t.Errorf("%d more went, want 9", sent)
		}
	})
}

func TestQuotaRefusalStopsBothLanesForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 100, max24: 1000, enabled: true})
		refusal := &spool.SendError{Class: spool.Quota, Scope: spool.ScopeAll}
		var waits []time.Duration
		for range 9 {
			for range 3 {
				p.Report(spool.Bulk, refusal) // a crowd of refusals counts once
			}
			_, err := p.Take(t.Context(), spool.Transactional, 1)
			wantRefusal(t, err, spool.Quota, "lane:transactional")
			at, ok := p.QuotaFrees(spool.Bulk)
			if !ok {
				t.Fatal("not known when it goes on")
			}
			waits = append(waits, time.Until(at))
			time.Sleep(time.Until(at))
			if _, err := p.Take(t.Context(), spool.Bulk, 1); err != nil {
				t.Fatalf("not tried again: %v", err)
			}
		}
		if waits[0] != 10*time.Second || waits[1] != 20*time.Second || waits[8] != 10*time.Minute {
			t.Errorf("waits %v, want 10s doubling to 10m", waits)
		}
		p.Report(spool.Bulk, nil)
		p.Report(spool.Bulk, refusal)
		if at, _ := p.QuotaFrees(spool.Bulk); time.Until(at) != 10*time.Second {
			t.Errorf("after an acceptance the wait is %s, want 10s", time.Until(at))
		}
	})
}

func TestLostAnswersCountForTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := knowing(Options{}, facts{rate: 100, max24: 10, enabled: true})
		for range 10 {
			if _, err := p.Take(t.Context(), spool.Transactional, 1); err != nil {
				t.Fatal(err)
			}
			p.Report(spool.Transactional, &spool.SendError{Class: spool.Ambiguous})
		}
		_, err := p.Take(t.Context(), spool.Transactional, 1)
		wantRefusal(t, err, spool.Quota, "lane:transactional")
	})
}

func TestSnapshotSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := facts{rate: 50, max24: 1000, sent24: 0, enabled: true}
		p := knowing(Options{}, full)
		if sent, _ := send(t, p, spool.Transactional, 1000); sent != 1000 {
			t.Fatal(sent)
		}
		before, _ := p.QuotaFrees(spool.Transactional)
		q := newPace(Options{})
		if err := q.Restore(p.Snapshot()); err != nil {
			t.Fatal(err)
		}
		full.sent24 = 1000
		q.setFacts(full, q.factsMark(), time.Now())
		_, err := q.Take(t.Context(), spool.Transactional, 1)
		refusal := wantRefusal(t, err, spool.Quota, "lane:transactional")
		if !strings.Contains(refusal.Text, "at about") {
			t.Errorf("text %q: after a restart it no longer knows that all mail is ours", refusal.Text)
		}
		if after, ok := q.QuotaFrees(spool.Transactional); !ok || !after.Equal(before) {
			t.Errorf("frees at %s after the restart, %s before", after, before)
		}
		time.Sleep(25 * time.Hour)
		if got := string(p.Snapshot()); strings.Contains(got, "at") {
			t.Errorf("minutes out of the window are kept: %s", got)
		}
	})
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	for _, data := range []string{"{", `{"v":2}`, `[]`, `{"v":1,"minutes":[{"at":"x"}]}`} {
		if err := newPace(Options{}).Restore([]byte(data)); err == nil {
			t.Errorf("%s was taken", data)
		}
	}
	if err := newPace(Options{}).Restore(nil); err != nil {
		t.Errorf("nothing at all: %v", err)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"v":1,"minutes":[{"at":1,"n":1}]}`))
	f.Add([]byte(`{"v":1,"minutes":null}`))
	f.Add([]byte(`{"v":9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newPace(Options{})
		if p.Restore(data) != nil {
			return
		}
		once := p.Snapshot()
		if err := p.Restore(once); err != nil {
			t.Fatalf("our own snapshot %s: %v", once, err)
		}
		if again := p.Snapshot(); !bytes.Equal(once, again) {
			t.Fatalf("%s became %s", once, again)
		}
	})
}
