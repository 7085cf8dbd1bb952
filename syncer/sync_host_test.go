//go:build host

package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

func TestTheOwnersTable(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO User (Email, Name, Gender, CreateTime, SubscriptionStatus, update_at) VALUES
		('a@example.com', '김민수', '남', 1700000000, 'true', '2026-01-01 00:00:00'),
		('B@Example.com', '이영희', 'F', 1700000000123, 'TRUE', '2026-01-01 00:00:00'),
		('c@example.com', NULL, NULL, NULL, NULL, '2026-01-01 00:00:00'),
		('d@example.com', 'no', 'x', 12, 'false', '2026-01-01 00:00:00'),
		('e@example.com', 'maybe', '', 0, 'maybe', '2026-01-01 00:00:00'),
		('not an address', 'x', '', 0, 'true', '2026-01-01 00:00:00'),
		(NULL, 'x', '', 0, 'true', '2026-01-01 00:00:00'),
		('two@example.com', 'old', '', 0, 'true', '2026-01-01 00:00:00'),
		('TWO@example.com', 'new', '', 0, 'true', '2026-01-02 00:00:00'),
		('three@example.com', 'new', '', 0, 'true', '2026-01-02 00:00:00'),
		('three@example.com', 'old', '', 0, 'false', '2026-01-01 00:00:00')`)
	got := w.sync(Order{})
	w.want("+a@example.com 김민수", "+b@example.com 이영희", "-c@example.com", "-d@example.com no", "-e@example.com maybe", "+two@example.com new", "-three@example.com new")
	if !got.Full || got.Created != 7 || got.Invalid != 2 || got.Unclear != 2 || got.Refused != 2 || got.BadDates != 1 || len(got.Rejects) != 2 {
		t.Errorf("got %+v", got)
	}
	people := w.people()
	if a := people["a@example.com"]; a.Gender != "male" || a.CreatedAt.Unix() != 1700000000 || a.ExternalID != "1" {
		t.Errorf("got %+v", a)
	}
	if b := people["b@example.com"]; b.Gender != "female" || b.CreatedAt.UnixMilli() != 1700000000123 || b.Email != "B@example.com" {
		t.Errorf("got %+v", b)
	}
	w.exec(`UPDATE User SET Email = 'f@example.com' WHERE id = 1; DELETE FROM User WHERE id = 2; UPDATE User SET SubscriptionStatus = 'true'; UPDATE User SET Name = 'changed' WHERE id = 8`)
	if got = w.sync(Order{}); got.Full {
		t.Errorf("a second full pass: %+v", got)
	}
	w.want("+f@example.com 김민수", "+b@example.com 이영희", "-c@example.com", "-d@example.com no", "-e@example.com maybe", "+two@example.com changed", "-three@example.com old")
	w.sync(Order{Full: true})
	w.want("+f@example.com 김민수", "-c@example.com", "-d@example.com no", "-e@example.com maybe", "+two@example.com changed", "-three@example.com old")
	if got = w.sync(Order{}); got.Created+got.Updated+got.Removed != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
}

// A try connects and looks; nothing is read into the store.
func TestTryLooksAndReadsNothing(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true')")
	if warnings, err := w.config.Try(t.Context()); err != nil || len(warnings) > 1 || len(w.people()) != 0 {
		t.Errorf("got %q, %v", warnings, err)
	}
	var problem *eml.Problem
	bad := w.config
	bad.Columns.Email = "absent"
	if _, err := bad.Try(t.Context()); !errors.As(err, &problem) || problem.Hint == "" {
		t.Errorf("no such column: %v", err)
	}
	bad = w.config
	bad.DSN = strings.Replace(bad.DSN, "p@ss:word", "wrong", 1)
	if _, err := bad.Try(t.Context()); !errors.As(err, &problem) || problem.Hint == "" {
		t.Errorf("wrong password: %v", err)
	}
}

func TestAKilledFirstLoadGoesOn(t *testing.T) {
	w := newWorld(t)
	const rows = 20_000
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), seq, 'true' FROM seq_1_to_20000")
	p := w.throughProxy()
	p.cutAfter.Store(600_000)
	_, err := w.syncer().Sync(context.Background(), Order{})
	if err == nil || !strings.Contains(err.Error(), "went away in the middle of a query") {
		t.Fatalf("got %v", err)
	}
	w.close()
	w.open()
	before := len(w.people())
	if before == 0 || before >= rows {
		t.Fatalf("%d subscribers when it was cut", before)
	}
	p.cutAfter.Store(0)
	w.exec("UPDATE User SET Name = 'changed' WHERE id = 1; INSERT INTO User (Email, SubscriptionStatus) VALUES ('late@example.com', 'true')")
	s := w.syncer()
	full, err := s.Sync(context.Background(), Order{})
	if err != nil {
		t.Fatal(err)
	}
	w.sound()
	people := w.people()
	if len(people) != rows+1 || people["u1@example.com"].Name != "changed" || full.Created != rows+1 {
		t.Errorf("%d subscribers, %+v", len(people), full)
	}
	if st := s.Status(); st.State != "idle" || st.Error != "" || st.LastGood.IsZero() || st.LastFull.IsZero() {
		t.Errorf("got %+v", st)
	}
}

func TestChangesOfOneSecondAndLateCommitsAreSeen(t *testing.T) {
	w := newWorld(t)
	w.config.Overlap = 30 * time.Second
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) VALUES ('a@example.com', '0', 'true'), ('b@example.com', '0', 'true')")
	w.sync(Order{})
	late, err := w.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Exec("UPDATE User SET Name = 'late' WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // many in one second, each seen by the next sync
		name := fmt.Sprint(i + 1)
		w.exec("UPDATE User SET Name = ? WHERE id = 1", name)
		if got := w.sync(Order{}); got.Full {
			t.Fatal("it was a full pass")
		}
		if sub := w.people()["a@example.com"]; sub.Name != name {
			t.Fatalf("change %d is missed: %q", i, sub.Name)
		}
	}
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	w.sync(Order{})
	w.want("+a@example.com 30", "+b@example.com late")
}

func TestAClockSetBackLeadsToAFullPass(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) VALUES ('a@example.com', '0', 'true')")
	w.sync(Order{})
	w.exec("UPDATE User SET Name = 'old', update_at = '2020-01-01 00:00:00'")
	s := w.syncer()
	s.Now = func() time.Time { return time.Now().Add(time.Hour) } // as if the server's clock had gone back against ours
	if got, err := s.Sync(context.Background(), Order{}); err != nil || !got.Full {
		t.Fatalf("got %+v, %v", got, err)
	}
	w.want("+a@example.com old")
}

func TestFormsOfIdsAndTimes(t *testing.T) {
	local := time.Now().In(time.FixedZone("KST", 9*3600))
	for _, c := range []struct{ name, id, one, two, updated, now string }{
		{"uuid", "CHAR(36)", "'0a1b-x'", "'9Z'", "DATETIME", "'" + local.Format(time.DateTime) + "'"},
		{"binary", "BINARY(4)", "x'00ff00ff'", "x'ff00ff00'", "DATETIME(6)", "'" + local.Format("2006-01-02 15:04:05.000000") + "'"},
		{"signed", "INT", "-5", "7", "BIGINT", fmt.Sprint(local.Unix())},
		{"huge", "BIGINT UNSIGNED", "5", "18446744073709551615", "BIGINT", fmt.Sprint(local.UnixMilli())},
		{"text", "VARCHAR(50)", "'it''s \\\\'", "'둘'", "TIMESTAMP(3)", "CURRENT_TIMESTAMP(3)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.config.Table, w.config.Columns = "odd`name", Columns{ID: "the id", Email: "mail", Name: "name", UpdatedAt: "u", Subscribed: "ok", CreatedAt: "since"}
			w.exec("CREATE TABLE `odd``name` (`the id` " + c.id + " PRIMARY KEY, mail VARCHAR(100), name VARCHAR(20), u " + c.updated + ", ok BIT(1), since VARCHAR(40))")
			insert := "INSERT INTO `odd``name` VALUES (%s, '%s@example.com', '%s', " + c.now + ", b'1', '2026-01-02T03:04:05+09:00')"
			w.exec(fmt.Sprintf(insert, c.one, "a", "one") + ";" + fmt.Sprintf(insert, c.two, "b", "two"))
			w.sync(Order{})
			w.want("+a@example.com one", "+b@example.com two")
			if since := w.people()["a@example.com"].CreatedAt; since.Format(time.RFC3339) != "2026-01-01T18:04:05Z" {
				t.Errorf("created at %v", since)
			}
			w.exec("UPDATE `odd``name` SET name = 'new', u = " + c.now + " WHERE mail LIKE 'a%'")
			if got := w.sync(Order{}); got.Full {
				t.Error("it was a full pass")
			}
			w.want("+a@example.com new", "+b@example.com two")
			w.exec("DELETE FROM `odd``name` WHERE mail LIKE 'a%'")
			w.sync(Order{Full: true})
			w.want("+b@example.com two")
		})
	}
}

func TestWhereQueryAttributesAndDeletedAt(t *testing.T) {
	w := newWorld(t)
	w.exec(`ALTER TABLE User ADD grade VARCHAR(10), ADD points INT, ADD deleted_at DATETIME NULL;
		INSERT INTO User (Email, SubscriptionStatus, grade, points) VALUES ('a@example.com', 'true', 'gold', 5), ('b@example.com', 'true', 'gold', 6), ('c@example.com', 'true', 'tin', 7)`)
	w.config.Where, w.config.Columns.DeletedAt = "grade = 'gold' -- not all", "deleted_at"
	w.config.Attributes = map[string]string{"등급": "grade", "points": "points"}
	w.sync(Order{})
	w.want("+a@example.com", "+b@example.com")
	if got := w.people()["a@example.com"].Attributes; got["등급"] != "gold" || got["points"] != "5" {
		t.Errorf("got %v", got)
	}
	w.exec("UPDATE User SET deleted_at = NOW() WHERE id = 1; UPDATE User SET grade = 'tin' WHERE id = 2; UPDATE User SET grade = 'gold' WHERE id = 3")
	if got := w.sync(Order{}); got.Full { // a tick sees who leaves the condition
		t.Error("it was a full pass")
	}
	w.want("+c@example.com")
	w.config.Query = "SELECT id, UPPER(Email) AS email, 'x' AS name, '' AS gender, CreateTime, update_at, 1 AS SubscriptionStatus FROM User;"
	w.config.Where, w.config.Columns.DeletedAt, w.config.Attributes = "", "", nil
	if got := w.sync(Order{}); !got.Full {
		t.Error("another source needs a full pass")
	}
	w.want("+a@example.com x", "+b@example.com x", "+c@example.com x")
	w.exec("UPDATE User SET Email = 'd@example.com' WHERE id = 3")
	w.sync(Order{})
	w.want("+a@example.com x", "+b@example.com x", "+d@example.com x")
}

func TestWithoutUpdatedAtEverySyncIsFull(t *testing.T) {
	w := newWorld(t)
	w.config.Columns.UpdatedAt = ""
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true'), ('b@example.com', 'true')")
	w.sync(Order{})
	w.exec("DELETE FROM User WHERE id = 2; UPDATE User SET Name = 'x'")
	w.sync(Order{})
	w.want("+a@example.com x")
}

func TestEachFaultIsOneClearProblemAndEndsByItself(t *testing.T) {
	type fault struct {
		name, code, what, hint string
		spoil                  func(w *world)
		mend                   func(w *world)
	}
	nothing := func(*world) {}
	var kept Config
	for _, f := range []fault{
		{"wrong password", CodeLogin, "does not let us in", "user and password", func(w *world) { w.config.DSN = strings.Replace(w.config.DSN, "p@ss:word", "other", 1) }, nothing},
		{"wrong port", CodeUnreachable, "cannot be reached", "host and port", func(w *world) { w.config.DSN = strings.Replace(w.config.DSN, shared.addr, "127.0.0.1:1", 1) }, nothing},
		{"wrong database", CodeDatabase, "database of the DSN", "name", func(w *world) { w.config.DSN += "x" }, nothing},
		{"missing column", CodeColumn, `no column for name = "nick"`, "the columns are id, Email", func(w *world) { w.config.Columns.Name = "nick" }, nothing},
		{"dropped table", CodeTable, "is not there", "bring the table back", func(w *world) { w.exec("RENAME TABLE User TO Away") }, func(w *world) { w.exec("RENAME TABLE Away TO User") }},
		{"no right", CodeRight, "may not read", "GRANT SELECT", func(w *world) {
			w.exec("REVOKE SELECT ON " + w.name + ".* FROM " + w.name + "@'127.0.0.1'; CREATE TABLE Other (id INT); GRANT SELECT ON Other TO " + w.name + "@'127.0.0.1'")
		},
			func(w *world) { w.exec("GRANT SELECT ON " + w.name + ".* TO " + w.name + "@'127.0.0.1'") }},
		{"no rows", CodeNoRows, "has no rows", "nobody was removed", func(w *world) { w.exec("CREATE TABLE Keep AS SELECT * FROM User; DELETE FROM User") }, func(w *world) { w.exec("INSERT INTO User SELECT * FROM Keep") }},
		{"many rows gone", CodeShrunk, "too many to be believed", "--shrink", func(w *world) { w.exec("CREATE TABLE Keep AS SELECT * FROM User; DELETE FROM User WHERE id > 1") }, func(w *world) { w.exec("INSERT IGNORE INTO User SELECT * FROM Keep") }},
		{"server gone", CodeGone, "went away in the middle of a query", "goes on", func(w *world) { w.throughProxy().cutAfter.Store(20_000) }, nothing},
		{"bad where", CodeSQL, "does not understand the SQL", "by hand", func(w *world) { w.config.Where = "1 = = 1" }, nothing},
		{"text as time", CodeColumnForm, "cannot be updated_at", `updated_at = ""`, func(w *world) { w.config.Columns.UpdatedAt = "Name" }, nothing},
		{"charset", CodeCharset, "another character set", "CONVERT", func(w *world) {
			w.exec("CREATE TABLE Keep AS SELECT id, Name FROM User; UPDATE User SET Name = CONVERT(CAST(CONVERT('김민수' USING utf8mb4) AS BINARY) USING latin1)")
		}, func(w *world) { w.exec("UPDATE User JOIN Keep USING (id) SET User.Name = Keep.Name") }},
		{"collation", CodeCharset, "character set or collation", "utf8mb4", func(w *world) { w.config.Where = "Name COLLATE latin1_swedish_ci = 'x'" }, nothing},
		{"slow server", CodeTimeout, "did not answer within", "locks", func(w *world) {
			w.config.QueryLimit = 100 * time.Millisecond
			w.config.Query, w.config.Table = "SELECT User.* FROM User WHERE SLEEP(1) = 0", ""
		}, nothing},
		{"large rows", CodeTooLarge, "larger than pabal takes", "leave out", func(w *world) {
			w.config.Query, w.config.Attributes = "SELECT User.*, REPEAT('x', 15000000) AS a, REPEAT('x', 15000000) AS b, REPEAT('x', 15000000) AS c FROM User WHERE id = 1", map[string]string{"a": "a", "b": "b", "c": "c"}
		}, nothing},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := newWorld(t)
			w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), '홍길동', 'true' FROM seq_1_to_300")
			w.sync(Order{})
			kept = w.config
			f.spoil(w)
			s := w.syncer()
			_, err := s.Sync(context.Background(), Order{Full: true})
			var problem *eml.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.What, f.what) || !strings.Contains(problem.Hint, f.hint) {
				t.Fatalf("got %v, want %q with the hint %q", problemText(err), f.what, f.hint)
			}
			if st := s.Status(); st.State != "failing" || st.Error != problem.What || st.Hint != problem.Hint || st.Code != f.code || st.Failures != 1 || st.LastGood.IsZero() {
				t.Errorf("status %+v", st)
			}
			if _, err := s.Sync(context.Background(), Order{}); err == nil || s.Status().State != "failing" || s.Status().Errors != 2 {
				t.Errorf("a tick makes it look well: %v, %+v", err, s.Status())
			}
			if got := len(w.people()); got != 300 {
				t.Errorf("%d subscribers left", got)
			}
			f.mend(w)
			w.config = kept
			w.sync(Order{Full: true})
			if got := w.people(); len(got) != 300 || got["u7@example.com"].Name != "홍길동" || !got["u7@example.com"].Consent.Subscribed {
				t.Errorf("%d subscribers after it was mended: %+v", len(got), got["u7@example.com"])
			}
		})
	}
}

func problemText(err error) string {
	var p *eml.Problem
	if errors.As(err, &p) {
		return p.What + " / " + p.Hint
	}
	return fmt.Sprint(err)
}

func TestAnEmptiedTableIsSeenByATick(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, SubscriptionStatus, update_at) VALUES ('a@example.com', 'true', '2020-01-01')")
	w.sync(Order{})
	w.sync(Order{}) // no changes are no fault
	w.exec("TRUNCATE TABLE User")
	s := w.syncer()
	if _, err := s.Sync(context.Background(), Order{}); !errors.Is(err, ErrShrunk) {
		t.Errorf("got %v", err)
	}
	w.want("+a@example.com")
}

func TestARowThatVanishesDuringTheFirstLoadIsSeenByTheDailyPass(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true'), ('b@example.com', 'true')")
	s := w.syncer()
	if _, err := s.Sync(context.Background(), Order{}); err != nil {
		t.Fatal(err)
	}
	w.exec("DELETE FROM User WHERE id = 2")
	s.Now = func() time.Time { return time.Now().Add(fullEvery) } // only ours: it takes the clocks for set, and is full as well
	if got, err := s.Sync(context.Background(), Order{}); err != nil || !got.Full || got.Removed != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	w.want("+a@example.com")
}

func TestShrinkIsTakenWhenItIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, SubscriptionStatus) SELECT CONCAT('u', seq, '@example.com'), 'true' FROM seq_1_to_300")
	w.sync(Order{})
	w.exec("DELETE FROM User WHERE id > 1")
	w.sync(Order{Full: true, Shrink: true})
	w.want("+u1@example.com")
}

func TestWarningsOfRightsAndIndexes(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email) VALUES ('a@example.com')")
	s := w.syncer()
	if _, err := s.Sync(context.Background(), Order{}); err != nil || len(s.Status().Warnings) > 0 {
		t.Fatalf("%v, %q", err, s.Status().Warnings)
	}
	w.exec("DROP INDEX update_at ON User; GRANT UPDATE ON " + w.name + ".* TO " + w.name + "@'127.0.0.1'")
	if _, err := s.Sync(context.Background(), Order{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Status().Warnings, "\n"); !strings.Contains(got, "UPDATE") || !strings.Contains(got, "no index on update_at") || !slices.Equal(s.Status().WarnOf, []string{CodeWrites, CodeNoIndex}) {
		t.Errorf("got %q", got)
	}
}

func TestTheTimerSyncsAndTriesAgain(t *testing.T) {
	w := newWorld(t)
	w.config.Every = time.Second
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true')")
	s := w.syncer()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, func() bool { return len(w.people()) == 1 })
	w.exec("UPDATE User SET Name = 'by the timer'")
	eventually(t, func() bool { return w.people()["a@example.com"].Name == "by the timer" })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, good func() bool) {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !good() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not come to it in 30 s")
		}
	}
}

func TestAnOptOutIsNeverUndoneByASync(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus) VALUES ('a@example.com', '0', 'true')")
	w.sync(Order{})
	if err := w.store.Unsubscribe(context.Background(), w.people()["a@example.com"].ID, audience.Person, "link"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{"UPDATE User SET Name = '1'", "UPDATE User SET SubscriptionStatus = 'false'", "UPDATE User SET SubscriptionStatus = 'true'", "UPDATE User SET id = 5"} {
		w.exec(change)
		w.sync(Order{})
		w.sync(Order{Full: true})
		if sub := w.people()["a@example.com"]; sub.Consent.Subscribed {
			t.Fatalf("subscribed again by %q", change)
		}
	}
}
