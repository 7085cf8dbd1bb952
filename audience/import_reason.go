package audience

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"

	"pabal/eml"
)

// Reject is a row that was not taken. Line is the line of a CSV file it begins
// on, from 1, also where cells hold line breaks; of XLSX, the number of the row.
type Reject struct {
	Line     int    `json:"line"`
	Email    string `json:"email"` // as it stands in the file, at most maxDetail bytes
	Reason   string `json:"reason"`
	Code     string `json:"code"` // the reason as a stable word
	ReasonKo string `json:"reason_ko"`
}

// ReportColumns is the header of the report of rejected rows.
func ReportColumns() []string { return []string{"line", "email", "code", "reason_ko", "reason"} }

// The codes of rows that are not taken. An address has those of
// eml.AddressCodes with "address_" before them.
const (
	rowNoAddress     = "no_address"
	rowCells         = "cells"
	rowLong          = "too_long"
	rowNUL           = "nul"
	rowName          = "name_too_long"
	rowExternalLong  = "external_id_too_long"
	rowExternalTaken = "external_id_taken"
	rowDate          = "not_a_date"
	rowTags          = "tags"
	rowErased        = "erased"
	rowNotText       = "not_text"
	rowNotCSV        = "not_csv"
	rowAddress       = "address_"
)

// wrong is why a row is not taken: a code, and what of the row the text needs.
// The zero value is a row that is.
type wrong struct {
	code string
	text string // of the row, or the reason of an address
	have int
	want int
}

// reject makes the line of the report.
func (w wrong) reject(row *importRow) Reject {
	reason, korean := w.texts()
	email := row.email
	if w.code == rowErased {
		email = "" // nothing keeps it
	}
	return Reject{Line: row.line, Email: eml.Cut(email, maxDetail), Reason: reason, Code: w.code, ReasonKo: korean}
}

// texts is the reason in English and in Korean.
func (w wrong) texts() (english, korean string) {
	text := eml.Cut(w.text, maxDetail)
	switch w.code {
	case rowNoAddress:
		return "no e-mail address", "이메일 주소가 비어 있습니다"
	case rowCells:
		return fmt.Sprintf("it has %d cells where the header has %d: a comma outside quotes?", w.have, w.want),
			fmt.Sprintf("칸이 %d개인데 제목 줄은 %d개입니다. 따옴표 밖에 쉼표가 있는지 보세요", w.have, w.want)
	case rowLong:
		return fmt.Sprintf("a cell is over %d bytes, or the row over %d", maxValue, maxRowValues/2),
			fmt.Sprintf("한 칸이 %d바이트를 넘거나 한 줄이 %d바이트를 넘습니다", maxValue, maxRowValues/2)
	case rowNUL:
		return "a cell holds a NUL character", "칸에 NUL 문자가 있습니다"
	case rowName:
		return fmt.Sprintf("the name is over %d bytes", maxName), fmt.Sprintf("이름이 %d바이트를 넘습니다", maxName)
	case rowExternalLong:
		return fmt.Sprintf("the external id is over %d bytes", maxName), fmt.Sprintf("회원번호가 %d바이트를 넘습니다", maxName)
	case rowExternalTaken:
		return fmt.Sprintf("the external id %q belongs to another address", text), fmt.Sprintf("회원번호 %q: 다른 주소가 이미 쓰고 있습니다", text)
	case rowDate:
		return fmt.Sprintf("%q is not a date", text), fmt.Sprintf("%q: 날짜로 읽을 수 없습니다. 2026-01-02처럼 써 주세요", text)
	case rowErased:
		return "the person was erased; to take them in again: pabal suppression remove", "지워 달라고 한 사람입니다. 다시 받으려면 먼저: pabal suppression remove"
	case rowNotText:
		return "it is neither UTF-8 nor CP949", "UTF-8도 CP949도 아니어서 읽을 수 없습니다"
	case rowNotCSV:
		return "it is no CSV", "따옴표가 맞지 않아 칸을 나눌 수 없습니다"
	case rowTags:
		return fmt.Sprintf("a tag is over %d bytes or holds a control character, or there are over %d", maxLabel, maxTags),
			fmt.Sprintf("태그가 %d바이트를 넘거나 제어 문자가 있거나, 태그가 %d개를 넘습니다", maxLabel, maxTags)
	}
	return text, addressReasons()[w.code]
}

// AddressInKorean is what is wrong with an address, by its code as errors of the
// daemon have it: "address_" and an eml.AddressError's Code; "" for another.
func AddressInKorean(code string) string { return addressReasons()[code] }

// addressReasons are the Korean texts of eml's codes.
func addressReasons() map[string]string {
	return map[string]string{
		rowAddress + "empty":            "이메일 주소가 비어 있습니다",
		rowAddress + "too_long":         "이메일 주소가 너무 깁니다 (254바이트까지)",
		rowAddress + "not_utf8":         "이메일 주소의 글자가 깨져 있습니다",
		rowAddress + "full_width_at":    "주소에 @ 대신 전각 ＠가 있습니다",
		rowAddress + "brackets":         "주소만 있어야 하는 칸에 꺾쇠괄호나 이름이 있습니다",
		rowAddress + "several":          "쉼표나 세미콜론이 있습니다. 주소는 한 칸에 하나만 쓰세요",
		rowAddress + "quotes":           "따옴표가 있는 주소로는 SES가 보낼 수 없습니다",
		rowAddress + "control":          "주소에 제어 문자가 있습니다",
		rowAddress + "space":            "주소 안에 빈칸이 있습니다",
		rowAddress + "invisible":        "주소에 보이지 않는 문자가 있습니다",
		rowAddress + "no_at":            "주소에 @가 없습니다",
		rowAddress + "two_ats":          "주소에 @가 둘 이상입니다",
		rowAddress + "no_local":         "주소의 @ 앞이 비어 있습니다",
		rowAddress + "long_local":       "주소의 @ 앞이 64바이트를 넘습니다",
		rowAddress + "local_dots":       "주소의 @ 앞에서 점이 처음이나 끝에 있거나 이어져 있습니다",
		rowAddress + "local_not_ascii":  "주소의 @ 앞에 한글 등이 있습니다. SES는 영문·숫자만 받습니다",
		rowAddress + "local_character":  "주소의 @ 앞에 쓸 수 없는 문자가 있습니다",
		rowAddress + "literal":          "도메인 자리에 대괄호로 쓴 IP 주소가 있습니다",
		rowAddress + "idn":              "도메인이 올바른 다국어 이름이 아닙니다",
		rowAddress + "no_domain":        "주소의 @ 뒤가 비어 있습니다",
		rowAddress + "domain_dots":      "도메인에서 점이 처음에 있거나 이어져 있습니다",
		rowAddress + "domain_end":       "도메인이 점으로 끝납니다",
		rowAddress + "domain_hyphen":    "도메인의 한 부분이 하이픈으로 시작하거나 끝납니다",
		rowAddress + "domain_character": "도메인에 쓸 수 없는 문자가 있습니다",
		rowAddress + "long_label":       "도메인의 한 부분이 63바이트를 넘습니다",
		rowAddress + "no_dot":           "도메인에 점이 없습니다",
		rowAddress + "number":           "도메인이 IP 주소처럼 숫자로 끝납니다",
	}
}

// report is the CSV of rejected rows, made with the first of them. Spreadsheet
// programs read it: it has a BOM and formula-safe, visible cells. What goes
// wrong is told by close.
type report struct {
	path string
	f    *os.File
	buf  *bufio.Writer
	out  *csv.Writer
	err  error
}

func (r *report) add(rejects ...Reject) {
	if len(rejects) > 0 && r.f == nil && r.err == nil {
		r.create()
	}
	for _, reject := range rejects {
		if r.err == nil {
			r.err = r.out.Write([]string{strconv.Itoa(reject.Line), safeCell(eml.Visible(reject.Email)), reject.Code,
				safeCell(eml.Visible(reject.ReasonKo)), safeCell(eml.Visible(reject.Reason))})
		}
	}
}

func (r *report) create() {
	if r.f, r.err = os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); r.err != nil {
		return
	}
	r.buf = bufio.NewWriterSize(r.f, 64<<10)
	r.out = csv.NewWriter(r.buf)
	_, r.err = r.buf.WriteString("\uFEFF")
	r.err = errors.Join(r.err, r.out.Write(ReportColumns()))
}

// close syncs what was written.
func (r *report) close() error {
	if r.f != nil {
		r.out.Flush()
		r.err = errors.Join(r.err, r.out.Error(), r.buf.Flush(), r.f.Sync(), r.f.Close())
		r.f = nil
	}
	if r.err != nil {
		return fmt.Errorf("write the report of rejected rows: %w", r.err)
	}
	return nil
}
