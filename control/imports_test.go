package control

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pabal/audience"
)

// put lays a file into the inbox that was written a while ago.
func (r *rig) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.server.Inbox.Folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.age(t, name, time.Minute)
}

func (r *rig) age(t *testing.T, name string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(filepath.Join(r.server.Inbox.Folder, name), at, at); err != nil {
		t.Fatal(err)
	}
}

func TestInboxShowsPlainFilesAndHowToPutOneThere(t *testing.T) {
	r := newRig(t)
	empty, err := r.Inbox(t.Context())
	if err != nil || len(empty.Files) != 0 || empty.SCP != "scp FILE shop@example.com:"+r.server.Inbox.Folder+"/" {
		t.Fatalf("got %+v, %v", empty, err)
	}
	folder := r.server.Inbox.Folder
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte("email\nsecret@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.put(t, "고객.csv", csvOf(3))
	r.put(t, "old.csv", csvOf(1))
	r.age(t, "old.csv", time.Hour)
	r.put(t, ".hidden.csv", csvOf(1))
	err = errors.Join(os.Symlink(outside, filepath.Join(folder, "link.csv")), os.Mkdir(filepath.Join(folder, "sub"), 0o700),
		syscall.Mkfifo(filepath.Join(folder, "pipe.csv"), 0o600), os.WriteFile(filepath.Join(folder, "sub", "x.csv"), []byte("email\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	list, err := r.Inbox(t.Context())
	if err != nil || len(list.Files) != 2 || list.Files[0].Name != "고객.csv" || list.Files[1].Name != "old.csv" || list.Files[0].Size != int64(len(csvOf(3))) {
		t.Errorf("got %+v, %v", list, err)
	}
	for _, name := range []string{"link.csv", "sub", "pipe.csv", ".hidden.csv", "../" + filepath.Base(folder) + "/old.csv", "sub/x.csv", outside, "nothere.csv", "..", "a\x00b"} {
		if _, err := r.ImportInbox(t.Context(), name, audience.ImportOptions{}); err == nil {
			t.Errorf("%q was imported", name)
		} else {
			wantProblem(t, err, "", "pabal subscriber inbox", nil)
		}
		if _, err := r.PreviewInbox(t.Context(), name, audience.ImportOptions{}); err == nil {
			t.Errorf("%q was shown", name)
		}
	}
	preview, err := r.PreviewInbox(t.Context(), "고객.csv", audience.ImportOptions{})
	if err != nil || preview.Rows != 3 || preview.Name != "고객.csv" {
		t.Errorf("got %+v, %v", preview, err)
	}
	result, err := r.ImportInbox(t.Context(), "고객.csv", audience.ImportOptions{Tags: []string{"vip"}})
	if err != nil || result.Created != 3 {
		t.Errorf("got %+v, %v", result, err)
	}
	runs, err := collect(r.Imports(t.Context()))
	if err != nil || len(runs) != 1 || runs[0].Name != "고객.csv" || runs[0].State != audience.ImportDone {
		t.Errorf("got %+v, %v", runs, err)
	}
}

func TestFileThatIsStillBeingCopiedIsNotImported(t *testing.T) {
	r := newRig(t)
	if _, err := r.Inbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.put(t, "new.csv", csvOf(2))
	r.age(t, "new.csv", 0)
	_, err := r.ImportInbox(t.Context(), "new.csv", audience.ImportOptions{})
	wantProblem(t, err, "still being written", "wait", nil)
	r.put(t, "grows.csv", csvOf(2))
	file, err := r.server.Inbox.open("grows.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	more, err := os.OpenFile(filepath.Join(r.server.Inbox.Folder, "grows.csv"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := more.WriteString("late@example.com,x,\n"); err != nil {
		t.Fatal(err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.server.People.BeginImport(context.Background(), file, audience.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "still being written") {
		t.Errorf("got %v", err)
	}
}

func TestNoInboxIsSaid(t *testing.T) {
	r := newRig(t, func(s *Server) { s.Inbox.Folder = "" })
	_, err := r.Inbox(t.Context())
	wantProblem(t, err, "no inbox", "[import] inbox", nil)
	_, err = r.ImportInbox(t.Context(), "a.csv", audience.ImportOptions{})
	wantProblem(t, err, "no inbox", "[import] inbox", nil)
}

func TestPreviewAndMappingThroughTheSocket(t *testing.T) {
	r := newRig(t)
	text := "고객,호칭\na@example.com,김\nbad,이\n"
	preview, err := r.PreviewImport(t.Context(), strings.NewReader(text), audience.ImportOptions{Name: "a.csv"})
	if err != nil || preview.Problem == "" || len(preview.Columns) != 2 {
		t.Errorf("got %+v, %v", preview, err)
	}
	preview, err = r.PreviewImport(t.Context(), strings.NewReader(text), audience.ImportOptions{Name: "a.csv", Map: map[string]string{"email": "고객", "name": "호칭"}})
	if err != nil || preview.Problem != "" || preview.Rows != 2 || preview.Rejected != 1 || preview.Rejects[0].Code != "address_no_at" {
		t.Errorf("got %+v, %v", preview, err)
	}
	if count, err := r.Count(t.Context(), "", ""); err != nil || count.Selected != 0 {
		t.Errorf("got %+v, %v", count, err)
	}
}

func TestImportThatWasLeftIsFoundAndFinished(t *testing.T) {
	r := newRig(t)
	id, err := r.server.People.BeginImport(t.Context(), strings.NewReader(csvOf(20)+"bad,x,\n"), audience.ImportOptions{Name: "left.csv"})
	if err != nil {
		t.Fatal(err)
	}
	run, err := r.ImportRun(t.Context(), id)
	if err != nil || run.State != audience.ImportRunning || run.Result.Total != 21 || run.Result.Rows != 0 {
		t.Errorf("got %+v, %v", run, err)
	}
	wantProblem(t, r.ImportReport(t.Context(), id, &bytes.Buffer{}), "not whole yet", "pabal subscriber imports", nil)
	var report bytes.Buffer
	result, err := r.ResumeImport(t.Context(), id, audience.ImportOptions{Report: &report})
	if err != nil || result.Created != 20 || result.Rejected != 1 || !strings.Contains(report.String(), "address_no_at") {
		t.Errorf("got %+v, %v, %q", result, err, report.String())
	}
	var again bytes.Buffer
	if err := r.ImportReport(t.Context(), id, &again); err != nil || again.String() != report.String() {
		t.Errorf("got %q, %v", again.String(), err)
	}
	_, err = r.DiscardImport(t.Context(), id)
	wantProblem(t, err, "is done already", "pabal subscriber imports", nil)
	_, err = r.ResumeImport(t.Context(), 77, audience.ImportOptions{})
	wantProblem(t, err, "import 77", "pabal subscriber imports", audience.ErrNotFound)
	other, err := r.server.People.BeginImport(t.Context(), strings.NewReader(csvOf(2)), audience.ImportOptions{Name: "b.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if run, err = r.DiscardImport(t.Context(), other); err != nil || run.State != audience.ImportDiscarded {
		t.Errorf("got %+v, %v", run, err)
	}
	_, err = r.ResumeImport(t.Context(), other, audience.ImportOptions{})
	wantProblem(t, err, "discarded", "import the file again", audience.ErrNotFound)
}

func TestExportFormats(t *testing.T) {
	r := newRig(t)
	if _, err := r.Import(t.Context(), strings.NewReader(csvOf(5)), audience.ImportOptions{Name: "x.csv"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		e    ExportRequest
		head string
	}{{ExportRequest{}, "\uFEFFid,"}, {ExportRequest{NoBOM: true}, "id,"}, {ExportRequest{Format: "xlsx"}, "PK\x03\x04"}} {
		var out bytes.Buffer
		if err := r.Export(t.Context(), &out, c.e); err != nil || !strings.HasPrefix(out.String(), c.head) {
			t.Errorf("%+v: %q, %v", c.e, out.String()[:min(20, out.Len())], err)
		}
	}
	wantProblem(t, r.Export(t.Context(), &bytes.Buffer{}, ExportRequest{Format: "pdf"}), "not exported as pdf", "csv or xlsx", nil)
}

func TestListInTheInboxIsSuppressed(t *testing.T) {
	r := newRig(t)
	if _, err := r.Inbox(t.Context()); err != nil { // makes it
		t.Fatal(err)
	}
	r.put(t, "차단.csv", "email,reason\r\nold@example.com,전화로 요청\r\nno address\r\n")
	res, err := r.SuppressInbox(t.Context(), "차단.csv")
	if err != nil || res.Added != 1 || res.Rejected != 1 {
		t.Errorf("a list from the inbox: %+v, %v", res, err)
	}
	sup, ok, err := r.server.People.Suppressed("old@example.com")
	if err != nil || !ok || sup.Reason != "operator" {
		t.Errorf("on the list afterwards: %+v, %v, %v", sup, ok, err)
	}
	if _, err := r.SuppressInbox(t.Context(), "../queue.db"); err == nil {
		t.Error("a file outside of the inbox was taken")
	}
}
