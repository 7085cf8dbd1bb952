package smtpd

import (
	"fmt"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pabal/spool"
)

// TestSenderGetsOneReportOfAMail: of all its recipients who failed, soon or
// after the last try; not of those SES took, nor of what is unknown.
func TestSenderGetsOneReportOfAMail(t *testing.T) {
	inDesk(t, Failures{Report: FailuresSender}, func(t *testing.T, d *desk) {
		ids := d.put("app@example.com", order, "bad1@example.net", "kim@example.net", "slow@example.net", "bad2@example.net", "lost@example.net")
		pass(time.Hour)
		reports := d.ses.reports()
		if len(reports) != 1 {
			t.Fatalf("%d reports, want 1", len(reports))
		}
		r := reports[0]
		if r.to != "app@example.com" || r.from != "" || r.report != spool.ReportSender {
			t.Errorf("to %q from %q, %s; want to the sender, from the null sender", r.to, r.from, r.report)
		}
		h, parts := partsOf(t, r.raw)
		for field, want := range map[string]string{"Auto-Submitted": "auto-replied", "To": "app@example.com", "References": "<7@app.example>"} {
			if got := h.Get(field); got != want {
				t.Errorf("%s: %q, want %q", field, got, want)
			}
		}
		if len(parts) != 3 || !strings.Contains(parts[0], "주문 확인") || !strings.Contains(parts[0], "could not be sent") || !strings.Contains(parts[0], ids[0]) {
			t.Fatalf("parts %q", parts)
		}
		for _, want := range []string{"Reporting-MTA: dns; web1\r\n", "Final-Recipient: rfc822; bad1@example.net\r\nAction: failed\r\nStatus: 5.7.1\r\n",
			"Final-Recipient: rfc822; slow@example.net\r\nAction: failed\r\nStatus: 4.3.0\r\n", "bad2@example.net", "X-SES; MessageRejected: Email",
			"Remote-MTA: dns; email.ap-northeast-2.amazonaws.com\r\n", "X-Pabal-Message: " + ids[0] + "\r\n"} {
			if !strings.Contains(parts[1], want) {
				t.Errorf("the status does not say %q:\n%s", want, parts[1])
			}
		}
		for _, not := range []string{"kim@", "lost@"} {
			if strings.Contains(parts[1], not) {
				t.Errorf("the status names %s", not)
			}
		}
		if !strings.HasPrefix(parts[2], "From: shop@example.com\r\n") || strings.Contains(parts[2], "hi") {
			t.Errorf("header %q", parts[2])
		}
		if !strings.Contains(d.log.String(), "nobody could be told of failures") {
			t.Error("the log does not say that nobody hears of what is unknown")
		}
		if strings.Contains(d.log.String(), "report was not sent") {
			t.Errorf("the log says that a report was not sent:\n%s", d.log.String())
		}
	})
}

// TestAMailBehindAFullLookGetsOneReport: also where more waits to be told, after
// a start, than one look takes in.
func TestAMailBehindAFullLookGetsOneReport(t *testing.T) {
	batch := make([]spool.Failure, mostSeen)
	for i := range batch {
		batch[i].Number, batch[i].Mail = uint64(i+1), 1+uint64(i)/6400
	}
	groups := byMail(batch)
	if got := wholeMails(groups, batch); len(got) != 2 || len(got[0]) != 6400 || len(got[1]) != 6400 {
		t.Errorf("%d mails of a full look are told of, want the two that are whole", len(got))
	}
	if got := wholeMails(groups, batch[:len(batch)-1]); len(got) != len(groups) {
		t.Errorf("%d mails of the last look are told of, want %d", len(got), len(groups))
	}
	for i := range batch {
		batch[i].Mail = 7
	}
	if got := wholeMails(byMail(batch), batch); len(got) != 1 {
		t.Errorf("%d mails of a look that one fills are told of, want it", len(got))
	}
}

// TestABurstIsOneReportAMail: ten mails of 1,000 who are all refused, their
// failures mixed, and one whose recipients are refused over minutes.
func TestABurstIsOneReportAMail(t *testing.T) {
	inDesk(t, Failures{Report: FailuresSender}, func(t *testing.T, d *desk) {
		const mails = 10
		for mail := range mails {
			to := make([]string, spool.MaxBatch)
			for i := range to {
				to[i] = fmt.Sprintf("bad%d@m%d.example.net", i, mail)
			}
			d.put(fmt.Sprintf("app%d@example.com", mail), order, to...)
		}
		pass(10 * time.Minute)
		reports := d.ses.reports()
		if len(reports) != mails {
			t.Errorf("%d reports of %d mails", len(reports), mails)
		}
		for _, r := range reports {
			if _, parts := partsOf(t, r.raw); strings.Count(parts[1], "Final-Recipient:") != spool.MaxBatch {
				t.Errorf("the report to %s tells of %d recipients, want all", r.to, strings.Count(parts[1], "Final-Recipient:"))
			}
		}
	})
	inDesk(t, Failures{Report: FailuresSender}, func(t *testing.T, d *desk) {
		var to []string
		for i := range 120 {
			to = append(to, fmt.Sprintf("bad-late%d@example.net", i))
		}
		d.put("app@example.com", order, to...)
		pass(time.Hour)
		if got := d.ses.reports(); len(got) != 1 {
			t.Errorf("%d reports of a mail that was refused over a minute, want 1", len(got))
		}
	})
}

// TestNoReportIsEverAnswered: the null sender, a report, an automatic answer,
// an address of this host alone: nobody is sent a report; the operator is told.
func TestNoReportIsEverAnswered(t *testing.T) {
	aliases := filepath.Join(t.TempDir(), "aliases")
	if err := os.WriteFile(aliases, []byte("root: ops-team@example.com\ncircle: circle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := Failures{Report: FailuresSender, Operator: "ops@example.com", Aliases: &Aliases{Path: aliases, Host: "web1"}}
	inDesk(t, f, func(t *testing.T, d *desk) {
		text := func(field string) string { return field + "\r\n" + order }
		d.put("", order, "bad1@example.net")
		d.put("app@example.com", text("Content-Type: multipart/report; report-type=delivery-status; boundary=x"), "bad2@example.net")
		d.put("app@example.com", text("Content-Type: Multipart/Report; report-type=disposition-notification; boundary=x"), "bad3@example.net")
		d.put("app@example.com", strings.Replace(order, "auto-generated", "Auto-Replied (vacation)", 1), "bad4@example.net")
		for i, from := range []string{"www-data", "circle@localhost", "app@web1", "app@printer.local", "app@db.corp.internal", "app@[127.0.0.1]", "홍@example.com"} {
			d.put(from, order, fmt.Sprintf("bad%d@example.net", 10+i))
		}
		pass(time.Minute / 2)
		if got := d.ses.reports(); len(got) != 0 {
			t.Errorf("report to %s:\n%s", got[0].to, got[0].raw)
		}
		root := d.put("root@localhost", order, "bad99@example.net")
		pass(time.Hour)
		got := d.ses.reports()
		if len(got) != 2 || got[0].to != "ops-team@example.com" || got[1].to != "ops@example.com" {
			t.Fatalf("reports %v, want one to whom root stands for, and the digest", got)
		}
		_, parts := partsOf(t, got[1].raw)
		if !strings.Contains(parts[0], "맡은 메일 11통") || strings.Contains(parts[0], root[0]+" ") {
			t.Errorf("digest:\n%s", parts[0])
		}
	})
}

// TestReportThatFailsIsOnlyLogged: neither a report to a sender nor a digest
// that SES refuses makes another.
func TestReportThatFailsIsOnlyLogged(t *testing.T) {
	inDesk(t, Failures{Report: FailuresSender, Operator: "bad-ops@example.com"}, func(t *testing.T, d *desk) {
		d.put("bad-app@example.com", order, "bad1@example.net")
		d.put("", order, "bad2@example.net")
		pass(100 * time.Hour)
		all := 0
		for m, err := range d.spool.Messages(nil) {
			if err != nil {
				t.Fatal(err)
			}
			if all++; m.Outcome != spool.Failed {
				t.Errorf("%s to %s is %s", m.ID, m.To, m.Outcome)
			}
		}
		if all != 4 {
			t.Errorf("%d messages, want two mails, a report and a digest", all)
		}
		if n := strings.Count(d.log.String(), "report was not sent"); n != 2 {
			t.Errorf("%d lines in the log, want 2:\n%s", n, d.log.String())
		}
	})
}

// TestDigestGoesAtMostOnceInItsTime: a minute after the first failure, then not
// before its time, also over a restart; nothing without a failure.
func TestDigestGoesAtMostOnceInItsTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := Failures{Report: FailuresDigest, Operator: "ops@example.com", Every: 6 * time.Hour}
		d := openDesk(t, dir, f)
		d.run()
		pass(24 * time.Hour)
		if len(d.ses.reports()) != 0 {
			t.Error("a digest of nothing")
		}
		began := time.Now()
		ids := d.put("app@example.com", order, "bad1@example.net", "bad2@example.net", "kim@example.net", "lost@example.net")
		pass(30 * time.Second)
		more := d.put("app@example.com", order, "bad3@example.net")
		pass(29 * time.Second)
		if len(d.ses.reports()) != 0 {
			t.Error("the digest did not wait for more")
		}
		pass(2 * time.Second)
		got := d.ses.reports()
		if len(got) != 1 || got[0].to != "ops@example.com" || got[0].at.Sub(began) > 62*time.Second {
			t.Fatalf("digests %v", got)
		}
		h, parts := partsOf(t, got[0].raw)
		subject, _ := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
		if subject != "[파발 web1] 보내지 못한 메일 4통 / 4 mails not sent" || h.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("subject %q, %q", subject, h.Get("Auto-Submitted"))
		}
		for _, want := range []string{"     3  실패: MessageRejected: Email address is not verified: …\r\n        q", ids[0] + " bad1@example.net", ids[1] + " bad2@example.net", more[0] + " bad3@example.net",
			"     1  unknown: the answer was lost", "그 가운데 1통은 나갔는지 알 수 없습니다", "pabal spool list --dead", "pabal spool retry"} {
			if !strings.Contains(parts[0], want) {
				t.Errorf("the digest does not say %q:\n%s", want, parts[0])
			}
		}
		d.put("app@example.com", order, "bad4@example.net")
		pass(3 * time.Hour)
		d.close()

		d = openDesk(t, dir, f)
		d.run()
		defer d.close()
		pass(2*time.Hour + 50*time.Minute)
		if got := d.ses.reports(); len(got) != 0 {
			t.Errorf("a second digest after %v", time.Since(began))
		}
		pass(15 * time.Minute)
		if got := d.ses.reports(); len(got) != 1 {
			t.Errorf("%d digests after six hours, want one of what failed since", len(got))
		}
		pass(100 * time.Hour)
		if got := d.ses.reports(); len(got) != 1 {
			t.Errorf("%d digests, want no more", len(got))
		}
	})
}

// TestDigestOfVeryMany: more than one commit holds, counted exactly, with the
// commonest reasons and a few examples.
func TestDigestOfVeryMany(t *testing.T) {
	inDesk(t, Failures{Report: FailuresDigest, Operator: "ops@example.com"}, func(t *testing.T, d *desk) {
		for i := range 3 {
			var to []string
			for k := range 800 {
				to = append(to, fmt.Sprintf("bad%d-%d@example.net", i, k))
			}
			d.put("app@example.com", order, to...)
		}
		pass(time.Hour)
		got := d.ses.reports()
		if len(got) != 1 {
			t.Fatalf("%d digests, want 1", len(got))
		}
		_, parts := partsOf(t, got[0].raw)
		if !strings.Contains(parts[0], "메일 2400통") || !strings.Contains(parts[0], ", 외 2395") {
			t.Errorf("digest:\n%s", parts[0])
		}
		if st, err := d.tells.Status(); err != nil || st.Waiting != 0 || st.LastDigest.IsZero() {
			t.Errorf("status %+v, %v", st, err)
		}
	})
}

// TestWhatIsOverIsNotTold: a mail that a person sent again before anybody was
// told is none to tell of; that alone makes no digest.
func TestWhatIsOverIsNotTold(t *testing.T) {
	inDesk(t, Failures{Report: FailuresDigest, Operator: "ops@example.com"}, func(t *testing.T, d *desk) {
		id := d.put("app@example.com", order, "bad@example.net")[0]
		pass(10 * time.Second)
		if st, err := d.tells.Status(); err != nil || st.Waiting != 1 {
			t.Errorf("status %+v, %v", st, err)
		}
		if _, err := d.spool.Edit(t.Context(), id, "kim@example.net"); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if got := d.ses.reports(); len(got) != 0 {
			t.Errorf("digest:\n%s", got[0].raw)
		}
	})
}

// TestCrashBetweenLosesAndDoublesNothing: the process ends at any step between
// the failure and the report; each failure is told once.
func TestCrashBetweenLosesAndDoublesNothing(t *testing.T) {
	const steps = 12
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := Failures{Report: FailuresSender, Operator: "ops@example.com"}
		told, digested := map[string]int{}, 0
		for step := range steps + 1 {
			d := openDesk(t, dir, f)
			wait := 100 * time.Hour
			if step < steps { // the instants: before the report is ripe, when it is, after it
				wait = time.Duration(step) * 3 * time.Second
				d.put("app@example.com", order, fmt.Sprintf("bad%d@example.net", step))
				d.put("", order, fmt.Sprintf("bad-null%d@example.net", step))
			}
			d.run()
			pass(wait)
			d.close()
			for _, r := range d.ses.reports() {
				_, parts := partsOf(t, r.raw)
				if r.report == spool.ReportDigest {
					n := 0
					fmt.Sscanf(parts[0], "web1의 파발이 맡은 메일 %d통", &n)
					digested += n
					continue
				}
				_, after, _ := strings.Cut(parts[1], "Final-Recipient: rfc822; ")
				name, _, _ := strings.Cut(after, "\r\n")
				told[name]++
			}
		}
		for step := range steps {
			if name := fmt.Sprintf("bad%d@example.net", step); told[name] != 1 {
				t.Errorf("%s was told of %d times, want once", name, told[name])
			}
		}
		if len(told) != steps || digested != steps {
			t.Errorf("%d reports, digests of %d; want %d of each", len(told), digested, steps)
		}
	})
}

// TestFailuresOffTellsNobody: also of what an earlier configuration left.
func TestFailuresOffTellsNobody(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := openDesk(t, dir, Failures{Report: FailuresDigest, Operator: "ops@example.com"})
		d.run()
		d.put("app@example.com", order, "bad@example.net")
		pass(10 * time.Second)
		d.close()
		for _, f := range []Failures{{Report: FailuresOff, Operator: "ops@example.com"}, {Report: FailuresDigest}} {
			d = openDesk(t, dir, f)
			d.run()
			d.put("app@example.com", order, "bad@example.net")
			pass(100 * time.Hour)
			st, err := d.tells.Status()
			if err != nil || st.Waiting != 0 || len(d.ses.reports()) != 0 {
				t.Errorf("%+v, %v, %d reports", st, err, len(d.ses.reports()))
			}
			d.close()
		}
	})
}
