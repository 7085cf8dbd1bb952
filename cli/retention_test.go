package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pabal/alarm"
	"pabal/audience"
	"pabal/campaign"
	"pabal/control"
	"pabal/spool"
)

// keeper is the retention of a data folder in a bubble; the clock begins at
// 2000-01-01 09:00 in Seoul.
func keeper(t *testing.T, dir string) *retention {
	t.Helper()
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	campaigns, err := campaign.Open(dir, people, sp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []func() error{campaigns.Close, sp.Close, people.Close} {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
	})
	cfg := defaults()
	cfg.DataDir, cfg.SMTP.Drop = dir, filepath.Join(dir, "drop")
	d := &daemon{cfg: cfg, spool: sp, people: people, campaigns: campaigns, logger: slog.New(slog.DiscardHandler)}
	return d.newRetention()
}

func TestRetentionRunsEveryDayAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := keeper(t, dir)
		go func() { _ = r.run(t.Context()) }()
		synctest.Wait()
		st, err := r.Status(t.Context())
		if want := time.Date(2000, 1, 1, 19, 0, 0, 0, time.UTC); err != nil || !st.Next.Equal(want) || st.Last != nil {
			t.Errorf("next %v, last %v, %v; want next %v", st.Next, st.Last, err, want)
		}
		time.Sleep(49 * time.Hour)
		synctest.Wait()
		if st, err = r.Status(t.Context()); err != nil || st.Last == nil || !st.Last.At.Equal(time.Date(2000, 1, 2, 19, 0, 0, 0, time.UTC)) || st.Last.Error != "" {
			t.Errorf("after two days the last run was %+v, %v", st.Last, err)
		}
		b, err := r.spool.LoadRetention()
		var kept control.RetentionRun
		if err != nil || json.Unmarshal(b, &kept) != nil || !kept.At.Equal(st.Last.At) {
			t.Errorf("kept for the next process: %s, %v", b, err)
		}
	})
}

func TestRetentionOfAHostThatIsOffAtNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keeper(t, t.TempDir())
		now := time.Now()
		r.last = &control.RetentionRun{At: now.Add(-37 * time.Hour)}
		if next := r.first(now); !next.Equal(now.Add(time.Hour)) {
			t.Errorf("missed a night: next %v", next)
		}
		r.last.At = now.Add(-20 * time.Hour)
		if next := r.first(now); !next.Equal(now.Add(19 * time.Hour)) {
			t.Errorf("ran tonight: next %v, want 04:00 in Seoul", next)
		}
	})
}

func TestRetentionSweepsItsOwnFoldersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := keeper(t, dir)
		elsewhere := filepath.Join(t.TempDir(), "precious.csv")
		inbox, bad := filepath.Join(dir, "inbox"), filepath.Join(dir, "drop", "bad")
		wall := time.Now() // of the bubble
		f, err := os.Create(filepath.Join(t.TempDir(), "clock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		made, err := os.Stat(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(made.ModTime().Sub(wall) + 90*24*time.Hour + time.Hour) // a kernel knows no bubble: its files are made now
		old, fresh := time.Now().AddDate(0, 0, -91), time.Now().AddDate(0, 0, -89)
		for name, at := range map[string]time.Time{filepath.Join(inbox, "old.csv"): old, filepath.Join(inbox, "new.csv"): fresh,
			filepath.Join(inbox, "sub", "old.csv"): old, filepath.Join(bad, "old"): old, filepath.Join(dir, "drop", "waits"): old, elsewhere: old} {
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(elsewhere, filepath.Join(inbox, "link.csv")); err != nil {
			t.Fatal(err)
		}
		would, err := r.Run(t.Context(), true)
		if err != nil || would.Files != 2 {
			t.Errorf("would remove %+v, %v; want 2 files", would, err)
		}
		if did, err := r.Run(t.Context(), false); err != nil || did.Files != 2 {
			t.Errorf("removed %+v, %v; want 2 files", did, err)
		}
		for name, there := range map[string]bool{filepath.Join(inbox, "old.csv"): false, filepath.Join(bad, "old"): false, filepath.Join(inbox, "new.csv"): true,
			filepath.Join(inbox, "sub", "old.csv"): true, filepath.Join(dir, "drop", "waits"): true, elsewhere: true, filepath.Join(inbox, "link.csv"): true} {
			if _, err := os.Lstat(name); (err == nil) != there {
				t.Errorf("%s: %v, want it there: %v", name, err, there)
			}
		}
		r.cfg.Import.Inbox = filepath.Dir(elsewhere)
		if did, err := r.Run(t.Context(), false); err != nil || did.Files != 0 {
			t.Errorf("removed %d files of an inbox that is the operator's own: %v", did.Files, err)
		}
	})
}

// What is put there by something that keeps a file's times is new all the same.
func TestRetentionLeavesWhatWasPutThereLately(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	name := filepath.Join(dir, "list.csv")
	old := time.Now().AddDate(-1, 0, 0)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(name, []byte("x"), 0o600), os.Chtimes(name, old, old)); err != nil {
		t.Fatal(err)
	}
	if n, err := sweep(t.Context(), dir, time.Now().AddDate(0, 0, -90), false); err != nil || n != 0 {
		t.Errorf("removed %d files that were copied there today: %v", n, err)
	}
	if n, err := sweep(t.Context(), dir, time.Now().Add(time.Hour), false); err != nil || n != 1 {
		t.Errorf("removed %d files later, %v; want 1", n, err)
	}
}

// Whoever may write to the drop folder puts a link in place of bad.
func TestRetentionSweepsThroughNoLink(t *testing.T) {
	dir := t.TempDir()
	precious, bad := filepath.Join(dir, "precious"), filepath.Join(dir, "bad")
	if err := errors.Join(os.Mkdir(precious, 0o700), os.WriteFile(filepath.Join(precious, "smtp-users"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{precious, "precious", "."} {
		if err := errors.Join(os.RemoveAll(bad), os.Symlink(to, bad)); err != nil {
			t.Fatal(err)
		}
		if n, err := sweep(t.Context(), bad, time.Now().Add(time.Hour), false); err != nil || n != 0 {
			t.Errorf("through a link to %s it removed %d files: %v", to, n, err)
		}
	}
}

func TestRetentionSweepsAFolderOfManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 2*sweepBatch + 1 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dry := range []bool{true, false} {
		if n, err := sweep(t.Context(), dir, time.Now().Add(time.Hour), dry); err != nil || n != 2*sweepBatch+1 {
			t.Errorf("dry %v: %d files, %v; want %d", dry, n, err, 2*sweepBatch+1)
		}
	}
}

// A run that fails is shown, kept for the next process and told of; one that is
// cut short by a stop has not failed.
func TestRetentionThatFailsIsAnAlarm(t *testing.T) {
	dir := t.TempDir()
	r := keeper(t, dir)
	d := &daemon{cfg: r.cfg, spool: r.spool, people: r.people, campaigns: r.campaigns, logger: slog.New(slog.DiscardHandler)}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := os.MkdirAll(filepath.Join(dir, "inbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(stopped, false); err == nil || r.State().Last.Error != "" {
		t.Errorf("cut short: %v, last %+v", err, r.State().Last)
	}
	if err := os.WriteFile(filepath.Join(dir, "drop"), nil, 0o600); err != nil { // where a folder should be
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), false); err == nil || r.State().Last.Error == "" {
		t.Errorf("what failed: %v, last %+v", err, r.State().Last)
	}
	for _, r := range []*retention{r, d.newRetention()} {
		all := alarm.Look(&alarm.Facts{At: time.Now(), Retention: r.failed()}, func(string, string) bool { return false })
		if len(all) != 1 || all[0].Name != alarm.RemovalFails {
			t.Errorf("alarms %+v", all)
		}
	}
}

// With a clock that is far ahead, everything would look old, and be gone.
func TestRetentionWaitsForTheRightClock(t *testing.T) {
	dir := t.TempDir()
	r := keeper(t, dir)
	name := filepath.Join(dir, "inbox", "list.csv")
	old := time.Now().AddDate(-1, 0, 0)
	if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o700), os.WriteFile(name, nil, 0o600), os.Chtimes(name, old, old)); err != nil {
		t.Fatal(err)
	}
	r.skew = func() time.Duration { return -25 * time.Hour }
	if _, err := r.Run(t.Context(), false); err == nil || r.failed() == "" {
		t.Errorf("a day ahead: %v, alarm %q", err, r.failed())
	}
	for _, skew := range []time.Duration{-23 * time.Hour, 48 * time.Hour} { // little, or behind: then too little goes
		r.skew = func() time.Duration { return skew }
		if _, err := r.Run(t.Context(), false); err != nil || r.failed() != "" {
			t.Errorf("SES's clock less ours %s: %v, alarm %q", skew, err, r.failed())
		}
	}
}

// Of a link in a mail that no store knows, no page says that its reader gets no
// more mail; a person in the audience can refuse by any link of theirs.
func TestALinkThatNobodyKnowsIsNotSaidToBeDone(t *testing.T) {
	r := keeper(t, t.TempDir())
	d := &daemon{cfg: r.cfg, spool: r.spool, people: r.people, campaigns: r.campaigns, logger: slog.New(slog.DiscardHandler)}
	yes := true
	sub, err := d.people.Set(t.Context(), audience.Edit{Email: "kim@example.com", Subscribed: &yes, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	pages := d.newWeb()
	for id, want := range map[uint64]int{sub.ID: 200, sub.ID + 7: 503} {
		for _, mail := range []uint64{3, audience.QueueMail + 3} {
			q := httptest.NewRequest(http.MethodPost, "/u/"+d.people.Token(id, mail), strings.NewReader("List-Unsubscribe=One-Click"))
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, q)
			if w.Code != want {
				t.Errorf("subscriber %d, mail %d: %d %s, want %d", id, mail, w.Code, w.Body, want)
			}
		}
	}
	if sub, err = d.people.Get(sub.ID); err != nil || sub.Consent.Subscribed {
		t.Errorf("still subscribed: %+v %v", sub.Consent, err)
	}
}
