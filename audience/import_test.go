package audience

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/korean"
)

const korean3 = "이메일,이름,성별,가입일,포인트,수신동의\r\n" +
	"kim@example.com,김민준,남,2026-01-02,\"1,200\",동의\r\n" +
	"lee@Example.COM,\"이\r\n서연\",여,2026.3.4,,아니오\r\n" +
	"bad address,박,M,,,동의\r\n" +
	"KIM@example.com,다른 사람,남,,,동의\r\n" +
	"choi@example.com,최지우,F,2026-01-02 오후 3:04,50,Y\r\n"

func TestImportReadsEveryEncodingAlike(t *testing.T) {
	cp949, err := korean.EUCKR.NewEncoder().String(korean3)
	if err != nil {
		t.Fatal(err)
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune("\uFEFF" + korean3)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	for _, c := range []struct{ name, text, option, want string }{
		{"utf-8", korean3, "", "utf-8"},
		{"bom", "\uFEFF" + korean3, "", "utf-8"},
		{"cp949", cp949, "", "cp949"},
		{"cp949 by name", cp949, "EUC-KR", "cp949"},
		{"utf-16", string(wide), "", "utf-16"},
		{"unix lines", strings.ReplaceAll(korean3, "\r\n", "\n"), "", "utf-8"},
		{"old mac lines", strings.ReplaceAll(korean3, "\r\n", "\r"), "", "utf-8"},
		{"semicolons", strings.NewReplacer("1,200", "1,200", ",", ";").Replace(korean3), "", "utf-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			var report bytes.Buffer
			res := importText(t, s, c.text, ImportOptions{Name: "a.csv", Encoding: c.option, Tags: []string{"vip2026"}, Report: &report})
			if res.Encoding != c.want || res.Rows != 5 || res.Created != 3 || res.Duplicate != 1 || res.Rejected != 1 || res.ConsentAssumed {
				t.Fatalf("got %+v", res)
			}
			if r := res.Rejects[0]; r.Line != 5 || r.Email != "bad address" {
				t.Errorf("reject: %+v, want line 5 (a cell has a line break)", r)
			}
			if !strings.HasPrefix(report.String(), "\uFEFFline,email,code,reason_ko,reason\n5,bad address,address_space,") {
				t.Errorf("report: %q", report.String())
			}
			kim, lee, choi := byEmail(t, s, "kim@example.com"), byEmail(t, s, "lee@example.com"), byEmail(t, s, "choi@example.com")
			if kim.Name != "김민준" || kim.Gender != "male" || kim.Attributes["포인트"] != "1,200" || !kim.Consent.Subscribed || kim.Consent.Assumed ||
				!kim.CreatedAt.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, s.zone())) || kim.Tags[0] != "vip2026" {
				t.Errorf("kim: %+v", kim)
			}
			if lee.Name != "이 서연" || lee.Gender != "female" || lee.Consent.Subscribed || lee.Consent.Source != Import || len(lee.Attributes) != 0 {
				t.Errorf("lee: %+v", lee)
			}
			if !choi.CreatedAt.Equal(time.Date(2026, 1, 2, 15, 4, 0, 0, s.zone())) {
				t.Errorf("choi: %v", choi.CreatedAt)
			}
			if h, err := s.History(kim.ID); err != nil || len(h) != 1 || h[0].Detail != "a.csv" || h[0].Source != Import || !h[0].Applied {
				t.Errorf("history: %+v %v", h, err)
			}
			sound(t, s)
		})
	}
}

func TestImportOfABrokenFileChangesNothing(t *testing.T) {
	long := strings.Repeat("someone@example.com,x\n", 12000)
	for _, c := range []struct {
		name, text   string
		o            ImportOptions
		line, column int
		want         string
	}{
		{"empty", "", ImportOptions{}, 0, 0, "empty"},
		{"no e-mail column", "이름,성별\n김,남\n", ImportOptions{}, 1, 0, "no column holds e-mail"},
		{"spreadsheet", "PK\x03\x04....", ImportOptions{}, 0, 0, "no whole ZIP archive"},
		{"binary", "email\x00\x01\x02", ImportOptions{}, 1, 0, "not a text file"},
		{"quote after cell", "email,name\na@example.com,김\nb@example.com,\"이\"x\n", ImportOptions{}, 3, 17, "after the quote"},
		{"quote in cell", "email,name\na@example.com,김\n한b@example.com,이\"y\n", ImportOptions{}, 3, 17, "middle of a cell"},
		{"quote never closes", "email,name\n" + long + "c@example.com,\"x\nd@example.com,y\n", ImportOptions{}, 0, 0, "never closes"},
		{"row without end", "email,name\nc@example.com,\"" + strings.Repeat("long ", 500000), ImportOptions{}, 2, 1, "over 1 MB"},
		{"late bad quote", "email,name\n" + long + "c@example.com,x\"\n", ImportOptions{}, 12002, 16, "middle of a cell"},
		{"unknown map", "a,b\nx@example.com,y\n", ImportOptions{Map: map[string]string{"email": "메일"}}, 1, 0, "no column"},
		{"mapped twice", "a,b\nx@example.com,y\n", ImportOptions{Map: map[string]string{"email": "a", "name": "a"}}, 1, 0, "mapped twice"},
		{"same header", "email,x,X\na@example.com,1,2\n", ImportOptions{}, 1, 0, "two columns"},
		{"two e-mails", "email,메일\na@example.com,b@example.com\n", ImportOptions{}, 1, 0, "are both email"},
		{"neither encoding", "email,name\na@example.com,\xff\xff\n", ImportOptions{}, 2, 15, "not in cp949"},
		{"not as named", "email,name\na@example.com,\xb1\xe8\n", ImportOptions{Encoding: "utf-8"}, 2, 15, "not in utf-8"},
		{"encoding", "email\n", ImportOptions{Encoding: "latin-9"}, 0, 0, "not known"},
		{"columns", "email" + strings.Repeat(",x", 300) + "\n", ImportOptions{}, 1, 0, "columns"},
		{"tag", "email\na@example.com\n", ImportOptions{Tags: []string{""}}, 0, 0, "tag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			_, err := s.ImportCSV(context.Background(), strings.NewReader(c.text), c.o)
			var wrong *ImportError
			if !errors.As(err, &wrong) || !strings.Contains(wrong.Message, c.want) || wrong.Hint == "" {
				t.Fatalf("got %#v, want %q", err, c.want)
			}
			if c.line > 0 && (wrong.Line != c.line || wrong.Column != c.column) {
				t.Errorf("at %d:%d, want %d:%d (%s)", wrong.Line, wrong.Column, c.line, c.column, wrong.Message)
			}
			if id, err := s.MaxID(); id != 0 || err != nil {
				t.Errorf("%d rows were stored", id)
			}
			if names, _ := s.Attributes(); len(names) > 0 {
				t.Errorf("attributes were stored: %q", names)
			}
		})
	}
}

func TestImportRejectsRowsWithTheirReason(t *testing.T) {
	s := open(t)
	res := importText(t, s, "email,joined,customer id,memo\n"+
		"a@example.com,2026-02-30,1,x\n"+ // no such day
		"b@example.com,2026-01-01,2\n"+ // short
		"c@example.com,2026-01-01,3,x,y\n"+ // long
		",2026-01-01,4,x\n"+
		"d@example.com,0000-00-00,5,ok\n"+
		"e@example.com,,5,taken\n"+ // external id of d
		"f@example.com,,6,"+strings.Repeat("x", maxValue+1)+"\n"+
		",,,\n"+
		"g@example.com,,7,a\x00b\n", ImportOptions{Map: map[string]string{"external_id": "customer id"}})
	if res.Rows != 8 || res.Created != 1 || res.Rejected != 7 || len(res.Rejects) != 7 {
		t.Fatalf("got %+v", res)
	}
	lines := map[int]string{2: "not a date", 3: "3 cells", 4: "5 cells", 5: "no e-mail", 7: "belongs to another", 8: "over", 10: "NUL"}
	for _, r := range res.Rejects {
		if want, ok := lines[r.Line]; !ok || !strings.Contains(r.Reason, want) {
			t.Errorf("%+v, want %q", r, want)
		}
	}
	if d := byEmail(t, s, "d@example.com"); d.ExternalID != "5" || !d.CreatedAt.IsZero() {
		t.Errorf("d: %+v", d)
	}
	sound(t, s)
}

func TestImportAgainUpdatesAndKeepsWhatItDoesNotSay(t *testing.T) {
	s := open(t)
	importText(t, s, "email,이름,city,point\na@example.com,가,서울,1\nb@example.com,나,부산,2\n", ImportOptions{})
	res := importText(t, s, "email,name,City\nA@example.com,,대구\nc@example.com,다,\n", ImportOptions{Tags: []string{"second"}})
	if res.Created != 1 || res.Updated != 1 || !res.ConsentAssumed {
		t.Fatalf("got %+v", res)
	}
	a := byEmail(t, s, "a@example.com")
	if a.Name != "가" || a.Attributes["city"] != "대구" || a.Attributes["point"] != "1" || len(a.Tags) != 1 || !a.Consent.Assumed {
		t.Errorf("got %+v", a)
	}
	sound(t, s)
}

func TestImportNeverResubscribes(t *testing.T) {
	s, ctx := open(t), context.Background()
	importText(t, s, "email\nperson@example.com\noperator@example.com\nbounce@example.com\n", ImportOptions{Name: "first.csv"})
	importText(t, s, "email,수신동의\nfile@example.com,거부\nempty@example.com,\n", ImportOptions{})
	for _, source := range []Source{Person, Operator, Bounce} {
		if err := s.Unsubscribe(ctx, byEmail(t, s, string(source)+"@example.com").ID, source, "campaign 3"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Suppress(ctx, Suppression{Email: "gone@example.com", Reason: "complaint"}); err != nil {
		t.Fatal(err)
	}
	all := "person@example.com,1\noperator@example.com,1\nbounce@example.com,1\nfile@example.com,1\nempty@example.com,1\nGone@example.com,1\n"
	for range 2 {
		res := importText(t, s, "email,동의\n"+all, ImportOptions{Name: "again.csv"})
		if res.OptedOut != 6 {
			t.Errorf("opted out: %+v", res)
		}
	}
	count, err := s.Count(ctx, nil, "")
	if err != nil || count.Mailable != 0 || count.Selected != 6 || count.Skipped["unsubscribed"] != 5 || count.Skipped["suppressed"] != 1 {
		t.Errorf("count: %+v %v", count, err)
	}
	h, err := s.History(byEmail(t, s, "person@example.com").ID)
	if err != nil || len(h) != 3 || h[0].Detail != "first.csv" || h[1].Source != Person || !h[1].Applied || h[2].Source != Import || h[2].Applied || !h[2].Subscribed {
		t.Errorf("history: %+v %v", h, err)
	}
	gone := byEmail(t, s, "gone@example.com")
	if h, err := s.History(gone.ID); err != nil || len(h) != 2 || h[0].Source != Complaint || h[1].Applied {
		t.Errorf("history of an address that had refused: %+v %v", h, err)
	}
	sound(t, s)
}

func TestOnlyADatedConsentBringsBack(t *testing.T) {
	s, ctx := open(t), context.Background()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	importText(t, s, "email\na@example.com\nb@example.com\n", ImportOptions{})
	for _, email := range []string{"a@example.com", "b@example.com"} {
		if err := s.Unsubscribe(ctx, byEmail(t, s, email).ID, Person, ""); err != nil {
			t.Fatal(err)
		}
	}
	now = now.AddDate(0, 1, 0)
	res := importText(t, s, "email,동의,동의일\na@example.com,1,2026-05-20\nb@example.com,1,2026-04-20\n", ImportOptions{Map: map[string]string{"consent_at": "동의일"}})
	if res.OptedOut != 1 || !byEmail(t, s, "a@example.com").Consent.Subscribed || byEmail(t, s, "b@example.com").Consent.Subscribed {
		t.Errorf("got %+v", res)
	}
	sound(t, s)
}

func TestImportStopsWithItsContextAndKeepsItsSums(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	var text strings.Builder
	text.WriteString("email\n")
	for i := range 4 * importBatch {
		fmt.Fprintf(&text, "p%d@example.com\n", i)
	}
	res, err := s.ImportCSV(ctx, strings.NewReader(text.String()), ImportOptions{Progress: func(ImportResult) { cancel() }})
	if !errors.Is(err, context.Canceled) || res.Accepted < importBatch || res.Accepted >= 4*importBatch {
		t.Fatalf("got %+v %v", res, err)
	}
	count, err := s.Count(context.Background(), nil, "")
	if err != nil || count.Selected < res.Accepted {
		t.Errorf("stored %+v, counted %+v: %v", count, res, err)
	}
	sound(t, s)
	if again := importText(t, s, text.String(), ImportOptions{}); again.Unchanged != 4*importBatch || again.Accepted != 4*importBatch {
		t.Errorf("again: %+v after %+v", again, count)
	}
	sound(t, s)
}

func TestOpenFinishesAnIndexThatAKillLeft(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	importText(t, s, "email\nfirst@example.com\n", ImportOptions{})
	for i := range 50 { // as an import does before its flush
		address := fmt.Sprintf("p%d@example.com", i)
		err := s.update(context.Background(), func(u *update) error {
			return u.create(&person{email: address}, s.hash(address), true)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // Close does not flush, as a kill would not
		t.Fatal(err)
	}
	s = openAt(t, dir)
	for i := range 50 {
		byEmail(t, s, fmt.Sprintf("p%d@example.com", i))
	}
	sound(t, s)
}

type brokenReader struct{ r io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF {
		err = errors.New("cable pulled")
	}
	return n, err
}

func TestImportOfAStreamThatBreaksChangesNothing(t *testing.T) {
	s := open(t)
	_, err := s.ImportCSV(context.Background(), brokenReader{strings.NewReader("email\na@example.com\n")}, ImportOptions{})
	if id, _ := s.MaxID(); err == nil || !strings.Contains(err.Error(), "cable pulled") || id != 0 {
		t.Fatalf("got %v, %d rows", err, id)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(korean3))
	f.Add([]byte("email;name\na@example.com;\"x\ny\"\n"))
	f.Add([]byte("\xff\xfee\x00m\x00a\x00i\x00l\x00"))
	f.Add([]byte("이메일\n\xb1\xe8@example.com"))
	s, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		res, err := s.ImportCSV(context.Background(), bytes.NewReader(b), ImportOptions{})
		var wrong *ImportError
		if err != nil && !errors.As(err, &wrong) {
			t.Fatalf("%q: %v is not an ImportError", b, err)
		}
		if res.Rows != res.Accepted+res.Duplicate+res.Rejected {
			t.Fatalf("%q: %+v", b, res)
		}
	})
}

func TestLineEndsAreTheSameHoweverTheFileIsCut(t *testing.T) {
	for text, want := range map[string]string{"a\r\nb\rc\n\r\n\rd\r": "a\nb\nc\n\n\nd\n", "\r\r\n": "\n\n", "": "", "x": "x"} {
		for name, in := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := io.ReadAll(&lineReader{in: in})
			if string(got) != want || err != nil {
				t.Errorf("%q %s: got %q %v, want %q", text, name, got, err, want)
			}
		}
	}
}

func TestUTF8IsToldHoweverTheFileIsCut(t *testing.T) {
	for text, want := range map[string]bool{"가나다a": true, "a\xb0": false, "가\xea\xb0": false, "\xea\xb0\x80": true, "": true, "\xffab": false, "😀": true} {
		for cut := range len(text) + 1 {
			var check utf8Check
			check.add([]byte(text[:cut]))
			check.add([]byte(text[cut:]))
			if check.ok() != want {
				t.Errorf("%q cut at %d: got %v", text, cut, check.ok())
			}
		}
		var check utf8Check
		for i := range len(text) {
			check.add([]byte{text[i]})
		}
		if check.ok() != want {
			t.Errorf("%q byte by byte: got %v", text, check.ok())
		}
	}
}

// TestSkippedColumnLeavesNothingBehind also when a restart finishes the import:
// a column that was skipped is nowhere in the store.
func TestSkippedColumnLeavesNothingBehind(t *testing.T) {
	const text = "email,이름,주민번호,mail,동의\na@example.com,가,900101-1,b@example.com,N\n"
	dir := t.TempDir()
	s := openAt(t, dir)
	o := ImportOptions{Name: "a.csv", Skip: []string{"주민번호", "mail"}}
	preview, err := s.PreviewImport(t.Context(), strings.NewReader(text), ImportOptions{Skip: []string{"주민번호"}})
	if err != nil || preview.Problem == "" || preview.Columns[2].As != "" || preview.Columns[2].Field != "" {
		t.Fatalf("two columns of addresses: %+v, %v", preview, err)
	}
	preview, err = s.PreviewImport(t.Context(), strings.NewReader(text), o)
	if err != nil || preview.Problem != "" || preview.Columns[3].Field != "" || !preview.Consent {
		t.Fatalf("one of them skipped: %+v, %v", preview, err)
	}
	id, err := s.BeginImport(t.Context(), strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	res, err := s.RunImport(t.Context(), id, nil)
	p := byEmail(t, s, "a@example.com")
	if err != nil || res.Created != 1 || len(p.Attributes) > 0 || p.Name != "가" || p.Consent.Subscribed {
		t.Errorf("got %+v, %+v, %v", res, p, err)
	}
	for _, bad := range []ImportOptions{{Skip: []string{"없음"}}, {Skip: []string{"이름"}, Map: map[string]string{"name": "이름"}}, {Skip: []string{"email", "mail"}}} {
		var wrong *ImportError
		if _, err := s.BeginImport(t.Context(), strings.NewReader(text), bad); !errors.As(err, &wrong) || wrong.Hint == "" {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}
