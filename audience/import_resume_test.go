package audience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/eml"
)

// mixed is a file with everything an import counts: new people, duplicates,
// rows that cannot be read, and ids that others have.
func mixed(n int) string {
	var b strings.Builder
	b.WriteString("email,name,회원번호,동의\n")
	for i := range n {
		switch {
		case i%97 == 5:
			fmt.Fprintf(&b, "broken %d,x,,Y\n", i)
		case i%89 == 7:
			fmt.Fprintf(&b, "P%d@example.com,again,,Y\n", i/2)
		case i%83 == 3:
			fmt.Fprintf(&b, "p%d@example.com,same id,taken,Y\n", i)
		default:
			fmt.Fprintf(&b, "p%d@example.com,고객%d,%d,%s\n", i, i, i, []string{"Y", "N"}[i%2])
		}
	}
	return b.String()
}

// TestImportGoesOnWhereItWasInterrupted: interrupted after every batch, in a
// store opened anew each time, it ends with the same people, the same counts and
// the same report as one that ran through.
func TestImportGoesOnWhereItWasInterrupted(t *testing.T) {
	text := mixed(4*importBatch + 700)
	before := "email,회원번호\nowner@example.com,taken\np10@example.com,x10\n"
	whole := open(t)
	importText(t, whole, before, ImportOptions{Name: "before.csv"})
	var wantReport bytes.Buffer
	want := importText(t, whole, text, ImportOptions{Name: "a.csv", Tags: []string{"t"}, Report: &wantReport})
	if want.Rejected < 100 || want.Duplicate < 100 || want.Unchanged+want.Updated == 0 {
		t.Fatalf("the file is not mixed: %+v", want)
	}

	dir := t.TempDir()
	s := openAt(t, dir)
	importText(t, s, before, ImportOptions{Name: "before.csv"})
	id, err := s.BeginImport(t.Context(), strings.NewReader(text), ImportOptions{Name: "a.csv", Tags: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for ; ; runs++ {
		ctx, stop := context.WithCancel(t.Context())
		_, err := s.RunImport(ctx, id, func(ImportResult) { stop() })
		stop()
		if err == nil {
			break
		}
		if im, infoErr := s.Import(id); !errors.Is(err, context.Canceled) || infoErr != nil || im.State != ImportRunning || runs > 20 {
			t.Fatalf("run %d: %v, %+v %v", runs, err, im, infoErr)
		}
		if err := s.WriteImportReport(id, &bytes.Buffer{}); err == nil {
			t.Fatal("a report was given that is not whole")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, dir)
	}
	if runs < 3 {
		t.Errorf("only %d interruptions", runs)
	}
	im, err := s.Import(id)
	if err != nil || im.State != ImportDone || fmt.Sprintf("%+v", im.Result) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v %v\nwant %+v", im, err, want)
	}
	var report bytes.Buffer
	if err := s.WriteImportReport(id, &report); err != nil || report.String() != wantReport.String() {
		t.Errorf("the report differs, %v: %d and %d bytes", err, report.Len(), wantReport.Len())
	}
	same(t, whole, s)
	sound(t, s)
	if left, err := filepath.Glob(filepath.Join(s.importFolder(), "*")); err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %q %v", left, err)
	}
	if refused, err := s.refusedRows(id); err != nil || len(refused) > 0 {
		t.Errorf("%d refused rows are still listed, %v", len(refused), err)
	}
	if again, err := s.RunImport(t.Context(), id, nil); err != nil || again.Created != want.Created {
		t.Errorf("asked again: %+v %v", again, err)
	}
}

func TestUnfinishedImportsAreFinishedAfterOpening(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	for i := range 3 {
		if _, err := s.BeginImport(t.Context(), strings.NewReader(fmt.Sprintf("email,name\na@example.com,name %d\nb%d@example.com,x\n", i, i)), ImportOptions{Name: "n.csv"}); err != nil {
			t.Fatal(err)
		}
	}
	if id, _ := s.MaxID(); id != 0 {
		t.Error("people were stored before the import ran")
	}
	// What a kill during an upload leaves.
	if err := os.WriteFile(filepath.Join(s.importFolder(), "rows-1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if _, err := os.Stat(filepath.Join(s.importFolder(), "rows-1")); err == nil {
		t.Error("the rest of an upload is still there")
	}
	if err := s.ResumeImports(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	list, err := s.Imports()
	if err != nil || len(list) != 3 || list[0].ID != 3 || list[0].Result.Updated != 1 || list[0].Result.Created != 1 || list[2].State != ImportDone {
		t.Fatalf("got %+v %v", list, err)
	}
	if a := byEmail(t, s, "a@example.com"); a.Name != "name 2" {
		t.Errorf("in the wrong order: %+v", a)
	}
	if left, _ := os.ReadDir(s.importFolder()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	sound(t, s)
}

// TestAnOlderFileNeverHasTheLastWord: an import that was interrupted is finished
// before a newer one begins.
func TestAnOlderFileNeverHasTheLastWord(t *testing.T) {
	s := open(t)
	if _, err := s.BeginImport(t.Context(), strings.NewReader("email,name\na@example.com,old\n"), ImportOptions{Name: "old.csv"}); err != nil {
		t.Fatal(err)
	}
	importText(t, s, "email,name\na@example.com,new\n", ImportOptions{Name: "new.csv"})
	if err := s.ResumeImports(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if a := byEmail(t, s, "a@example.com"); a.Name != "new" {
		t.Errorf("got %+v", a)
	}
	if list, err := s.Imports(); err != nil || list[0].Result.Updated != 1 || list[1].Result.Created != 1 {
		t.Errorf("got %+v %v", list, err)
	}
}

func TestImportWithDamagedOrLostRowsSaysSo(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"lost": os.Remove,
		"flipped": func(path string) error {
			b, err := os.ReadFile(path)
			if err == nil {
				b[len(b)/2] ^= 1
				err = os.WriteFile(path, b, 0o600)
			}
			return err
		},
		"cut": func(path string) error { return os.Truncate(path, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			id, err := s.BeginImport(t.Context(), strings.NewReader("email\na@example.com\nb@example.com\n"), ImportOptions{Name: "n.csv"})
			if err != nil {
				t.Fatal(err)
			}
			record, err := s.importRecord(id)
			if err != nil {
				t.Fatal(err)
			}
			if err := harm(s.importFile(record.File)); err != nil {
				t.Fatal(err)
			}
			_, err = s.RunImport(t.Context(), id, nil)
			var problem *eml.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Hint, "import the file again") {
				t.Errorf("got %v", err)
			}
			im, err := s.Import(id)
			if err != nil || im.State != ImportStopped || im.Reason == "" || im.Hint == "" {
				t.Errorf("got %+v %v", im, err)
			}
			if err := s.DiscardImport(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if im, err := s.Import(id); err != nil || im.State != ImportDiscarded {
				t.Errorf("got %+v %v", im, err)
			}
			if err := s.DiscardImport(t.Context(), id); err == nil {
				t.Error("discarded twice")
			}
			if _, err := s.RunImport(t.Context(), id, nil); err == nil {
				t.Error("a discarded import ran")
			}
			if id, _ := s.MaxID(); id != 0 {
				t.Error("somebody was stored")
			}
		})
	}
}

func TestReportsOfRejectedRowsAreKeptForThirtyDays(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	res := importText(t, s, "email\nbad\n", ImportOptions{})
	if im, err := s.Import(res.Import); err != nil || !im.Report {
		t.Errorf("got %+v %v", im, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if err := s.WriteImportReport(res.Import, &bytes.Buffer{}); err != nil {
		t.Error(err)
	}
	old := time.Now().Add(-reportsKept - time.Hour)
	if err := os.Chtimes(s.reportFile(res.Import), old, old); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	if err := s.WriteImportReport(res.Import, &bytes.Buffer{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Import(99); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestReportIsSafeForSpreadsheetsAndInKorean(t *testing.T) {
	s := open(t)
	var report bytes.Buffer
	importText(t, s, "email,name\n=cmd|calc@x,a\n\"a\x1b[2J@@b\",x\n@a,x\nb@example.com,x,y\n", ImportOptions{Report: &report})
	for _, want := range []string{"\uFEFFline,email,code,reason_ko,reason\n", "\n2,'=cmd|calc@x,", `a\x1b[2J@@b`, "\n4,'@a,address_no_local,주소의 @ 앞이 비어 있습니다,nothing", "\n5,b@example.com,cells,칸이 3개"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("no %q in %q", want, report.String())
		}
	}
	for _, code := range eml.AddressCodes() {
		if addressReasons()[rowAddress+code] == "" {
			t.Errorf("%s has no Korean text", code)
		}
	}
	if got, want := len(addressReasons()), len(eml.AddressCodes()); got != want {
		t.Errorf("%d Korean texts for %d codes", got, want)
	}
	for _, code := range []string{rowNoAddress, rowCells, rowLong, rowNUL, rowName, rowExternalLong, rowExternalTaken, rowDate, rowTags, rowErased} {
		if english, korean := (wrong{code: code}).texts(); english == "" || korean == "" {
			t.Errorf("%s: %q %q", code, english, korean)
		}
	}
}

func TestRowsThatWouldNotFitAreRejectedAlone(t *testing.T) {
	s := open(t)
	tags := func(from, n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint("tag", from+i))
		}
		return strings.Join(list, "|")
	}
	long := strings.Repeat("x", maxValue)
	importText(t, s, "email,tags,a,b\na@example.com,"+tags(0, maxTags)+","+long+","+long[:9000]+"\n", ImportOptions{})
	res := importText(t, s, "email,tags,c,d\nok@example.com,new,x,y\na@example.com,one more,x,y\n", ImportOptions{})
	if res.Rejected != 1 || res.Created != 1 || res.Rejects[0].Code != rowTags {
		t.Errorf("tags: %+v", res)
	}
	res = importText(t, s, "email,c,d\na@example.com,"+long+","+long[:16000]+"\nz@example.com,,\n", ImportOptions{})
	if res.Updated != 1 || res.Created != 1 {
		t.Errorf("it fits: %+v", res)
	}
	res = importText(t, s, "email,e,f\na@example.com,"+long+",x\nok@example.com,1,2\n", ImportOptions{})
	if res.Rejected != 1 || res.Updated != 1 || res.Rejects[0].Code != rowLong {
		t.Errorf("values: %+v", res)
	}
	var many strings.Builder
	many.WriteString("email,tags\n")
	for i := range 12 {
		fmt.Fprintf(&many, "many%d@example.com,%s\n", i, tags(1000*(i+1), maxTags-1))
	}
	res = importText(t, s, many.String(), ImportOptions{})
	if res.Created != 9 || res.Rejected != 3 {
		t.Errorf("more than %d tags: %+v", maxNames, res)
	}
	sound(t, s)
}

// TestOneAddressIsOneAddressEverywhere: a file, the customers' table, an edit,
// a question and the suppression list read a spelling alike, or refuse it alike.
func TestOneAddressIsOneAddressEverywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	parts := []string{"a", "Kim", ".", "+tag", "@", "example.com", "EXAMPLE.com", "한국.kr", "\u1112\u1161\u11ab국.kr", "xn--3e0b707e.kr", " ", "\"", "[127.0.0.1]", "ß.de", "-", "..", "김", "<", ",", "＠", "\u200b", "\t"}
	spellings := []string{"user@EXAMPLE.com", " user@example.com\t", "User@Example.Com", "u@한국.kr", "u@\u1112\u1161\u11ab국.kr", "u@XN--3E0B707E.kr", `"u v"@example.com`, "u@[1.2.3.4]", "김@example.com"}
	for range 60 {
		var b strings.Builder
		for range 1 + rnd.IntN(5) {
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
		spellings = append(spellings, b.String())
	}
	for _, text := range spellings {
		if strings.TrimSpace(text) == "" {
			continue
		}
		want, wantErr := eml.ParseAddress(text)
		s := open(t)
		var file bytes.Buffer
		fmt.Fprintf(&file, "email,x\n\"%s\",1\n", strings.ReplaceAll(text, `"`, `""`))
		res := importText(t, s, file.String(), ImportOptions{Encoding: "utf-8"})
		if (res.Created == 1) != (wantErr == nil) {
			t.Fatalf("seed %d: a file takes %q: %+v, eml says %v", seed, text, res, wantErr)
		}
		batch, err := s.NewSyncBatch(SyncOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if reason := batch.Add(&SyncRow{Key: []byte("1"), ID: "1", Email: text, Subscribed: true}); (reason == "") != (wantErr == nil) {
			t.Fatalf("seed %d: the table takes %q: %q, eml says %v", seed, text, reason, wantErr)
		}
		if _, err := s.Sync(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
		name := "x"
		_, setErr := s.Set(t.Context(), Edit{Email: text, Name: &name, Create: true})
		suppressErr := s.Suppress(t.Context(), Suppression{Email: text, Reason: "operator"})
		sub, askErr := s.ByEmail(text)
		for what, err := range map[string]error{"set": setErr, "suppress": suppressErr, "ask": askErr} {
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("seed %d: %s of %q: %v, eml says %v", seed, what, text, err, wantErr)
			}
		}
		if id, _ := s.MaxID(); wantErr == nil && (id != 1 || sub.Email != want || sub.ID != 1) {
			t.Fatalf("seed %d: %q became %d people, %+v, want %s", seed, text, id, sub, want)
		}
	}
}

func TestHashSetIsASet(t *testing.T) {
	for _, room := range []int64{0, 100_000} {
		set, want := newHashSet(room), map[uint64]bool{}
		rnd := rand.New(rand.NewPCG(uint64(room), 1))
		for range 50_000 {
			v := rnd.Uint64N(20_000) << (rnd.Uint64N(2) * 40)
			if got := set.add(v); got == want[v] {
				t.Fatalf("add %d: %v, it was there: %v", v, got, want[v])
			}
			want[v] = true
		}
	}
}
