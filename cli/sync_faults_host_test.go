//go:build host

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/campaign"
	"pabal/control"
	"pabal/sesclient/emulator"
	"pabal/syncer"
)

// sick is a daemon whose table of customers has a fault.
type sick struct {
	t      *testing.T
	m      *mariaDB
	h      *host
	p      *process
	c      *control.Client
	dsn    string // file
	mails  int
	people int64
}

const sickPeople = 300

// TestAFaultOfTheTableIsOneClearErrorAndStopsNothingElse: for every fault the
// status says what happened and what to do, mail of applications is taken and
// sent, no campaign starts, and all is well again when it is mended.
func TestAFaultOfTheTableIsOneClearErrorAndStopsNothingElse(t *testing.T) {
	m := startMariaDB(t)
	m.shop()
	m.exec("CREATE USER pabal@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO pabal@'127.0.0.1'")
	m.exec("INSERT INTO shop.User (Email, Name, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), '홍길동', 'true' FROM shop.seq_1_to_300")
	dsn := filepath.Join(t.TempDir(), "dsn")
	s := &sick{t: t, m: m, dsn: dsn}
	s.write("pabal:secret@tcp(" + m.addr + ")/shop")
	s.h = newHost(t, emulator.Options{Rate: -1, Quota: -1}, append(shopEnv(), "PABAL_MYSQL_DSN_FILE="+dsn)...)
	s.p, s.c = s.h.serve(), s.h.client()
	if _, err := s.c.PutTemplate(t.Context(), campaign.Template{Name: "hello", Subject: "hello", HTML: `<p>{{Name}}</p><a href="{{UnsubscribeURL}}">수신거부</a>`}); err != nil {
		t.Fatal(err)
	}
	s.well()
	good := "pabal:secret@tcp(" + m.addr + ")/shop"
	for _, f := range []struct {
		name, what, hint string
		spoil, mend      func()
	}{
		{"wrong password", "does not let us in", "user and password",
			func() { s.write(strings.Replace(good, "secret", "other", 1)) }, func() { s.write(good) }},
		{"no DSN", "is not one", "user:password@tcp", func() { s.write("mysql://shop") }, func() { s.write(good) }},
		{"DSN open to others", "open to others", "chmod 600", func() { s.mode(0o644) }, func() { s.mode(0o600) }},
		{"missing column", `no column for name = "name"`, "the columns are", func() { m.exec("ALTER TABLE shop.User CHANGE Name FullName VARCHAR(100)") },
			func() { m.exec("ALTER TABLE shop.User CHANGE FullName Name VARCHAR(100)") }},
		{"dropped table", "is not there", "bring the table back", func() {
			m.exec("CREATE TABLE shop.Copy LIKE shop.User; INSERT INTO shop.Copy SELECT * FROM shop.User; DROP TABLE shop.User")
		},
			func() { m.exec("RENAME TABLE shop.Copy TO shop.User") }},
		{"no rows", "has no rows", "nobody was removed", func() { m.exec("RENAME TABLE shop.User TO shop.Away; CREATE TABLE shop.User LIKE shop.Away") },
			func() { m.exec("DROP TABLE shop.User; RENAME TABLE shop.Away TO shop.User") }},
		{"character set", "another character set", "CONVERT",
			func() {
				m.exec("UPDATE shop.User SET Name = CONVERT(CAST(CONVERT('김민수' USING utf8mb4) AS BINARY) USING latin1)")
			},
			func() { m.exec("UPDATE shop.User SET Name = '홍길동'") }},
		{"server away", "cannot be reached", "start it", m.kill, m.start},
	} {
		t.Run(f.name, func(t *testing.T) {
			s.t = t
			f.spoil()
			_, err := s.c.Sync(t.Context(), syncer.Order{Full: true})
			s.ill(err, f.what, f.hint)
			f.mend()
			s.well()
		})
	}
	t.Run("server gone in the middle of a query", func(t *testing.T) {
		s.t = t
		s.goneInTheMiddle()
	})
	s.t = t
	s.h.stop(s.p)
	if text := s.h.log(); strings.Contains(text, "secret") {
		t.Errorf("the log has the password:\n%s", text)
	}
}

func (s *sick) write(dsn string) {
	s.t.Helper()
	if err := os.WriteFile(s.dsn, []byte(dsn), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sick) mode(mode os.FileMode) {
	s.t.Helper()
	if err := os.Chmod(s.dsn, mode); err != nil {
		s.t.Fatal(err)
	}
}

// goneInTheMiddle kills the server while a query of the sync waits for a lock.
func (s *sick) goneInTheMiddle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	lock, err := s.m.db.Conn(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(ctx, "LOCK TABLES shop.User WRITE"); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.c.Sync(ctx, syncer.Order{Full: true})
		ended <- err
	}()
	err = eventually(ctx, func() bool {
		var n int
		err := s.m.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'pabal' AND STATE LIKE 'Waiting for table%'").Scan(&n)
		return err == nil && n > 0
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if st, err := s.c.SyncStatus(ctx); err != nil || st.State != "reading" || st.Phase == "" {
		s.t.Errorf("while it waits: %+v, %v", st, err)
	}
	s.m.kill()
	s.ill(<-ended, "went away in the middle of a query", "goes on where this one was")
	s.m.start()
	s.well()
}

// ill looks at the daemon after a sync that failed.
func (s *sick) ill(err error, what, hint string) {
	s.t.Helper()
	if err == nil || !strings.Contains(err.Error(), what) {
		s.t.Errorf("the sync said %v, want %q", err, what)
	}
	st, err := s.c.SyncStatus(s.t.Context())
	if err != nil || st.State != "failing" || !strings.Contains(st.Error, what) || !strings.Contains(st.Hint, hint) || st.Failures == 0 || st.LastGood.IsZero() {
		s.t.Errorf("status: %+v, %v, want %q with the hint %q", st, err, what, hint)
	}
	if strings.Contains(st.Error+st.Hint, "\n") || strings.Contains(st.Error, "secret") {
		s.t.Errorf("it is more than one clear error: %q", st.Error)
	}
	s.mail()
	if err := s.start(); !errors.Is(err, campaign.ErrBlocked) {
		s.t.Errorf("a campaign started on old customers: %v", err)
	}
}

// well looks at the daemon after a sync that went well.
func (s *sick) well() {
	s.t.Helper()
	got, err := s.c.Sync(s.t.Context(), syncer.Order{Full: true})
	if err != nil || got.Removed > 0 || got.Read != sickPeople {
		s.t.Fatalf("got %+v, %v", got, err)
	}
	if st, err := s.c.SyncStatus(s.t.Context()); err != nil || st.State != "idle" || st.Error != "" || st.Failures != 0 || st.Phase != "" {
		s.t.Errorf("status: %+v, %v", st, err)
	}
	s.mail()
}

// mail submits a mail of an application and waits until it is at SES.
func (s *sick) mail() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	submit(s.t, s.p.where.SMTP[0], 1)
	s.mails++
	if err := s.h.ses.WaitAccepted(ctx, s.mails); err != nil {
		s.t.Fatalf("the mail was not sent: %v", err)
	}
}

// start tries to start a campaign.
func (s *sick) start() error {
	s.t.Helper()
	made, err := s.c.CreateCampaign(s.t.Context(), campaign.Campaign{Template: "hello"})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.c.Start(s.t.Context(), made.ID, -1)
	return err
}
