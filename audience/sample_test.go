package audience

import (
	"context"
	"os"
	"strings"
	"testing"
)

func sample(t *testing.T, s *Store, name string) ImportResult {
	t.Helper()
	f, err := os.Open("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	res, err := s.ImportCSV(context.Background(), f, ImportOptions{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestTheSampleCustomersAreTwoHundredWhoConsent(t *testing.T) {
	s := open(t)
	res := sample(t, s, "customers.csv")
	if res.Created != 200 || res.Rows != 200 || res.ConsentAssumed || res.Columns["created_at"] != "가입일" {
		t.Fatalf("got %+v", res)
	}
	for sub, err := range s.List(context.Background(), 0, "", nil) {
		domain := sub.Email[strings.IndexByte(sub.Email, '@')+1:]
		ours := strings.HasSuffix(domain, "example.com") || strings.HasSuffix(domain, "example.net") || strings.HasSuffix(domain, "example.org")
		if err != nil || sub.Name == "" || sub.Gender == "" || sub.CreatedAt.IsZero() || !sub.Consent.Subscribed || len(sub.Attributes) != 3 || !ours {
			t.Fatalf("%+v %v", sub, err)
		}
	}
	if again := sample(t, s, "customers.csv"); again.Unchanged != 200 {
		t.Errorf("again: %+v", again)
	}
	sound(t, s)
}

func TestTheSampleOfASpreadsheetProgramIsRead(t *testing.T) {
	s := open(t)
	res := sample(t, s, "customers-cp949.csv")
	if res.Created != 20 || res.Encoding != "cp949" {
		t.Fatalf("got %+v", res)
	}
	names, err := s.Attributes()
	if err != nil || strings.Join(names, " ") != "생일쿠폰 선호브랜드 포인트" {
		t.Errorf("attributes: %q %v", names, err)
	}
	count, err := s.Count(context.Background(), nil, "")
	if err != nil || count.Mailable != 15 || count.Skipped["unsubscribed"] != 5 {
		t.Errorf("count: %+v %v", count, err)
	}
}

func TestTheBadSampleIsReportedLineByLine(t *testing.T) {
	s := open(t)
	res := sample(t, s, "customers-bad.csv")
	if res.Rows != 12 || res.Created != 3 || res.Duplicate != 1 || res.Rejected != 8 {
		t.Fatalf("got %+v", res)
	}
	var lines []int
	for _, r := range res.Rejects {
		lines = append(lines, r.Line)
	}
	want := []int{3, 4, 5, 6, 7, 8, 12, 14}
	for i := range want {
		if i >= len(lines) || lines[i] != want[i] {
			t.Fatalf("rejected lines %v, want %v", lines, want)
		}
	}
	if sub := byEmail(t, s, "good3@example.com"); sub.Consent.Subscribed || sub.Name != "=HYPERLINK(1)" {
		t.Errorf("got %+v", sub)
	}
}
