//go:build host

package audience

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// pythonBook writes a workbook with a library that is not ours.
const pythonBook = `
import sys, datetime, openpyxl
book = openpyxl.Workbook()
first = book.active
first.title = "표지"
first["A1"] = "안내"
first.sheet_state = "hidden"
sheet = book.create_sheet("고객 명단")
sheet.append(["이메일", "이름", "가입일", "휴대폰", "회원번호", "포인트", "수신동의", "메모", "마지막 방문", "할인"])
rows = [
  ["kim@example.com", "김민준", datetime.date(2026, 1, 2), 1012345678, 20260100012345, 1234567, True, "a & b <c>\n둘째 줄", datetime.datetime(2026, 3, 4, 15, 6, 7), 0.15],
  ["lee@example.com", "\u110b\u1175\u1109\u1165\u110b\u1167\u11ab", datetime.date(1960, 12, 31), 1098765432, 7, 0, False, "=SUM(1)", datetime.datetime(2026, 3, 4), 0.5],
  [None] * 10,
  ["choi@example.com", "최지우", None, None, None, 12.5, "동의", None, None, None],
]
for row in rows:
    sheet.append(row)
for r in range(2, 6):
    sheet.cell(r, 4).number_format = "000-0000-0000"
    sheet.cell(r, 6).number_format = "#,##0.##"
    sheet.cell(r, 10).number_format = "0%"
    sheet.cell(r, 3).number_format = 'yyyy"년" m"월" d"일"'
sheet["H3"].data_type = "s"
book.save(sys.argv[1])
`

// pythonRead prints every cell of a workbook as JSON.
const pythonRead = `
import sys, json, openpyxl
sheet = openpyxl.load_workbook(sys.argv[1], read_only=False).active
print(json.dumps([[cell.value for cell in row] for row in sheet.iter_rows()], ensure_ascii=False))
`

func python(t *testing.T, program string, words ...string) []byte {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"-c", program}, words...)...)
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Debian's python3 (is python3-openpyxl there? testdata/apt-install): %v\n%s", err, stderr.String())
	}
	return out
}

func TestWorkbookOfAnotherProgramIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.xlsx")
	python(t, pythonBook, path)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, lines, err := rowsOf(t, file, "")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"이메일", "이름", "가입일", "휴대폰", "회원번호", "포인트", "수신동의", "메모", "마지막 방문", "할인"},
		{"kim@example.com", "김민준", "2026-01-02", "010-1234-5678", "20260100012345", "1,234,567", "TRUE", "a & b <c>\n둘째 줄", "2026-03-04 15:06:07", "15%"},
		{"lee@example.com", "\u110b\u1175\u1109\u1165\u110b\u1167\u11ab", "1960-12-31", "010-9876-5432", "7", "0", "FALSE", "=SUM(1)", "2026-03-04 00:00:00", "50%"},
		{"choi@example.com", "최지우", "", "", "", "12.5", "동의", "", "", ""},
	}
	if len(rows) != len(want) || !slices.Equal(lines, []int{1, 2, 3, 5}) {
		t.Fatalf("got %q on %v", rows, lines)
	}
	for i := range want {
		if !slices.Equal(rows[i], want[i]) {
			t.Errorf("row %d: got  %q\nwant %q", i, rows[i], want[i])
		}
	}
	s := open(t)
	res := importText(t, s, string(file), ImportOptions{Name: "other.xlsx"})
	lee := byEmail(t, s, "lee@example.com")
	if res.Created != 3 || res.Sheet != "고객 명단" || lee.Name != "이서연" || lee.Consent.Subscribed || !lee.CreatedAt.Equal(time.Date(1960, 12, 31, 0, 0, 0, 0, s.zone())) {
		t.Errorf("got %+v, %+v", res, lee)
	}
}

func TestWorkbookIsReadByAnotherProgram(t *testing.T) {
	s := open(t)
	importText(t, s, "email,name,q\na@example.com,\"김 <&> \"\"민지\"\"\",=1+1\nb@example.com,_x0041_,\"둘\n째\"\n", ImportOptions{})
	var out bytes.Buffer
	if _, err := s.ExportXLSX(t.Context(), &out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ours.xlsx")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	if err := json.Unmarshal(python(t, pythonRead, path), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0][1] != "email" || rows[1][2] != `김 <&> "민지"` || rows[2][1] != "b@example.com" {
		t.Fatalf("got %q", rows)
	}
	q := slices.Index(rows[0], any("q"))
	if rows[1][q] != "'=1+1" || rows[2][q] != "둘\n째" {
		t.Errorf("got %q", rows)
	}
}
