package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pabal/audience"
)

func csvOf(n int) string {
	var out strings.Builder
	out.WriteString("email,name,gender\n")
	for i := range n {
		fmt.Fprintf(&out, "user%06d@example.net,고객%d,%s\n", i, i, []string{"여", "남"}[i%2])
	}
	return out.String()
}

func TestImportShowsProgressAndReportsRejectedRows(t *testing.T) {
	r := newRig(t)
	var report bytes.Buffer
	text := csvOf(5000) + "not-an-address,누구,\nuser000001@example.net,again,\n"
	result, err := r.Import(t.Context(), strings.NewReader(text), audience.ImportOptions{Name: "x.csv", Tags: []string{"vip"}, Report: &report,
		Progress: func(audience.ImportResult) {}})
	if err != nil || result.Rows != 5002 || result.Accepted != 5000 || result.Rejected != 1 || result.Duplicate != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	if !strings.Contains(report.String(), "not-an-address") {
		t.Errorf("report: %q", report.String())
	}
	n, err := r.Count(t.Context(), `gender == "female" and tag("vip")`, "")
	if err != nil || n.Selected != 2500 {
		t.Errorf("got %+v, %v", n, err)
	}
	some, err := r.Subscribers(t.Context(), "user0000", "", 7)
	if err != nil || len(some) != 7 || some[0].Email != "user000000@example.net" {
		t.Errorf("got %d, %v", len(some), err)
	}
	var out bytes.Buffer
	if err := r.Export(t.Context(), &out, ExportRequest{Segment: `gender == "female"`}); err != nil || strings.Count(out.String(), "\n") != 2501 {
		t.Errorf("exported %d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

func TestImportReadsMappedColumns(t *testing.T) {
	r := newRig(t)
	result, err := r.Import(t.Context(), strings.NewReader("메일주소,호칭\na@example.com,김\n"),
		audience.ImportOptions{Name: "x.csv", Map: map[string]string{"email": "메일주소", "name": "호칭"}})
	if err != nil || result.Accepted != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	p, err := r.Subscriber(t.Context(), "A@example.com")
	if err != nil || p.Name != "김" || len(p.History) == 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// brokenUpload is an upload that breaks off in the middle.
type brokenUpload struct{ rest io.Reader }

func (b *brokenUpload) Read(p []byte) (int, error) {
	n, err := b.rest.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("the cable was pulled")
	}
	return n, err
}

func TestUploadThatBreaksOffChangesNothing(t *testing.T) {
	r := newRig(t)
	if _, err := r.Import(t.Context(), &brokenUpload{strings.NewReader(csvOf(3000))}, audience.ImportOptions{Name: "x.csv"}); err == nil {
		t.Error("a broken upload was taken for a good one")
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(r.log.String(), "/v0/subscribers/import"); {
		if time.Now().After(deadline) {
			t.Fatal("the handler does not end")
		}
		runtime.Gosched()
	}
	count, err := r.server.People.Count(t.Context(), nil, "")
	if err != nil || count.Selected != 0 {
		t.Errorf("%d people were imported, %v", count.Selected, err)
	}
	left, err := os.ReadDir(filepath.Join(filepath.Dir(r.server.Inbox.Folder), "imports"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v was left behind, %v", left, err)
	}
}

func TestFileThatIsNoCSVIsRefusedWithAHint(t *testing.T) {
	r := newRig(t)
	_, err := r.Import(t.Context(), strings.NewReader("name,phone\na,b\n"), audience.ImportOptions{Name: "x.csv"})
	wantProblem(t, err, "", "", nil)
}

func TestSetAndSuppressCarryTheOperatorsName(t *testing.T) {
	r := newRig(t)
	name, no := "김민지", false
	_, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "minji@example.com", Name: &name})
	wantProblem(t, err, "no subscriber has the address minji@example.com", "", audience.ErrNotFound)
	if _, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "minji@example.com", Name: &name, Create: true}); err != nil {
		t.Fatal(err)
	}
	// A caller may not pass as a stronger source than an operator.
	if _, err := r.SetSubscriber(t.Context(), audience.Edit{Email: "minji@example.com", Subscribed: &no, Source: audience.Person}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Suppress(t.Context(), "Minji@EXAMPLE.com", ""); err != nil {
		t.Fatal(err)
	}
	p, err := r.Subscriber(t.Context(), "minji@example.com")
	if err != nil || p.Consent.Subscribed || p.Consent.Source != audience.Operator || p.Suppression == nil || p.Suppression.Detail == "" {
		t.Errorf("got %+v, %v", p, err)
	}
	all, err := collect(r.Suppressions(t.Context()))
	if err != nil || len(all) != 1 {
		t.Errorf("got %v, %v", all, err)
	}
	if err := r.Unsuppress(t.Context(), "minji@example.com"); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r.Unsuppress(t.Context(), "minji@example.com"), "is not suppressed", "pabal suppression list", audience.ErrNotFound)
}
