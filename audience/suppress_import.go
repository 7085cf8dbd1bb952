package audience

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"

	"pabal/eml"
)

const (
	maxListLine = 64 << 10 // bytes of a line of an operator's list
	listBatch   = 1000     // lines a commit
)

// SuppressOptions say how an operator's list is read.
type SuppressOptions struct {
	Detail   string               // for lines that say nothing themselves: the file's name
	Report   io.Writer            // CSV of bad lines: line, email, reason; nil for none
	Progress func(SuppressResult) // after each batch; nil for none
}

// SuppressResult counts lines: Lines = Added + Known + Rejected.
type SuppressResult struct {
	Lines    int64    `json:"lines"`
	Added    int64    `json:"added"`
	Known    int64    `json:"known"` // on the list already, by this or a stronger reason
	Rejected int64    `json:"rejected"`
	Rejects  []Reject `json:"rejects,omitempty"` // the first 20
}

// ImportSuppressions takes an operator's list: an address a line, or CSV with
// the address first and a reason behind it (with a header line, in the columns
// email or EmailAddress, and reason). The reasons bounce and complaint, as SES
// writes them, are taken as such and end the consent too; any other text is the
// detail of the operator's own entry. Memory does not grow with the list. What
// was read is stored in batches, so a list that breaks off is simply imported
// again.
func (s *Store) ImportSuppressions(ctx context.Context, r io.Reader, o SuppressOptions) (SuppressResult, error) {
	im := &listImport{s: s, o: o, columns: [2]int{0, 1}}
	if o.Report != nil {
		im.bad = csv.NewWriter(o.Report)
		_ = im.bad.Write([]string{"line", "email", "reason"}) // kept by the writer for Error
	}
	err := im.read(ctx, r)
	if im.bad != nil {
		im.bad.Flush()
		err = errors.Join(err, im.bad.Error())
	}
	return im.result, err
}

// listImport is one list being read.
type listImport struct {
	s       *Store
	o       SuppressOptions
	columns [2]int // of address and reason
	batch   []Suppression
	result  SuppressResult
	bad     *csv.Writer // nil: nobody asked for the report
}

func (im *listImport) read(ctx context.Context, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4<<10), maxListLine)
	n := 0
	for lines.Scan() {
		n++
		text := lineText(lines.Bytes())
		if n == 1 {
			text = strings.TrimPrefix(text, "\uFEFF")
			if im.header(text) {
				continue
			}
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		im.result.Lines++
		im.line(n, text)
		if len(im.batch) == listBatch {
			if err := im.flush(ctx); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return &ImportError{Line: n + 1, Message: fmt.Sprintf("the line is over %d bytes", maxListLine), Hint: "give a text with an address a line"}
	} else if err != nil {
		return fmt.Errorf("read the list: %w", err)
	}
	return im.flush(ctx)
}

// lineText is a line in UTF-8, or in what a Korean Windows saves: one with
// Hangul in it, such as a reason, must not leave its address off the list.
func lineText(line []byte) string {
	if !utf8.Valid(line) {
		if text, err := korean.EUCKR.NewDecoder().Bytes(line); err == nil { // the whole of CP949
			line = text
		}
	}
	return string(line)
}

// header reports whether the first line names the columns.
func (im *listImport) header(text string) bool {
	cells, err := cellsOf(text)
	if err != nil {
		return false
	}
	columns := [2]int{-1, -1}
	for i, cell := range cells {
		switch strings.ToLower(strings.TrimSpace(cell)) {
		case "email", "e-mail", "emailaddress", "email address", "address", "이메일", "메일":
			columns[0] = i
		case "reason", "detail", "사유", "이유", "까닭", "메모":
			columns[1] = i
		}
	}
	if columns[0] < 0 {
		return false
	}
	im.columns = columns
	return true
}

func cellsOf(text string) ([]string, error) {
	in := csv.NewReader(strings.NewReader(text))
	in.FieldsPerRecord = -1
	return in.Read()
}

func (im *listImport) line(n int, text string) {
	cells, err := cellsOf(text)
	if err != nil {
		im.reject(n, text, wrong{code: rowNotCSV})
		return
	}
	cell := func(i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	address, err := eml.ParseAddress(unsafeguard(cell(im.columns[0])))
	if err != nil {
		why := wrongAddress(err)
		if strings.ContainsRune(text, utf8.RuneError) {
			why = wrong{code: rowNotText}
		}
		im.reject(n, cell(im.columns[0]), why)
		return
	}
	sup := Suppression{Email: address, Reason: "operator", Detail: im.o.Detail}
	switch why := cell(im.columns[1]); strings.ToLower(why) {
	case "bounce", "complaint":
		sup.Reason = strings.ToLower(why)
	case "", "operator":
	default:
		sup.Detail = why
	}
	im.batch = append(im.batch, sup)
}

func (im *listImport) reject(n int, email string, why wrong) {
	reason, korean := why.texts()
	im.result.Rejected++
	email = eml.Cut(email, maxDetail)
	if len(im.result.Rejects) < maxRejects {
		im.result.Rejects = append(im.result.Rejects, Reject{Line: n, Email: email, Reason: reason, Code: why.code, ReasonKo: korean})
	}
	if im.bad != nil {
		_ = im.bad.Write([]string{strconv.Itoa(n), safeCell(email), safeCell(reason)})
	}
}

func (im *listImport) flush(ctx context.Context) error {
	added, err := im.s.suppressMany(ctx, im.batch)
	if err != nil {
		return err
	}
	im.result.Added += added
	im.result.Known += int64(len(im.batch)) - added
	im.batch = im.batch[:0]
	if im.o.Progress != nil {
		im.o.Progress(im.result)
	}
	return nil
}

// suppressMany is Suppress for up to MaxFeedback entries, in one commit or two.
// It returns how many addresses were not on the list, or for a weaker reason.
func (s *Store) suppressMany(ctx context.Context, list []Suppression) (added int64, err error) {
	var own []Suppression
	var fed []Feedback
	now := s.now()
	seen := map[string]bool{} // in this list, with the reason
	for _, sup := range list {
		if key := sup.Reason + " " + eml.Key(sup.Email); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		if had, ok, err := s.Suppressed(sup.Email); err != nil {
			return 0, err
		} else if ok && had.rank() >= sup.rank() {
			continue
		}
		sup.At, sup.Detail = now.UTC(), eml.Cut(sup.Detail, maxDetail)
		switch sup.Reason {
		case "bounce":
			fed = append(fed, Feedback{Kind: FeedHardBounce, Address: sup.Email, At: now, Detail: sup.Detail})
		case "complaint":
			fed = append(fed, Feedback{Kind: FeedComplaint, Address: sup.Email, At: now, Detail: sup.Detail})
		default:
			own = append(own, sup)
		}
	}
	if len(fed) > 0 {
		if _, err := s.Feed(ctx, fed); err != nil {
			return 0, err
		}
	}
	if len(own) == 0 {
		return int64(len(fed)), nil
	}
	if err := s.grow(ctx, len(own)*rowSize, func(*update) error { return nil }); err != nil { // is there room
		return 0, err
	}
	lines := make([]optOutLine, len(own))
	for i, sup := range own {
		lines[i] = listLine(s.hash(sup.Email), sup.Reason, sup.At)
	}
	var fresh int64
	err = s.logged(ctx, lines, func(u *update) error {
		fresh = 0
		for _, sup := range own {
			h := s.hash(sup.Email)
			had, ok, err := u.suppression(h)
			if err != nil {
				return err
			}
			if ok && had.rank() >= sup.rank() {
				continue // twice in the list
			}
			fresh++
			if err := u.enlist(h, sup); err != nil {
				return err
			}
		}
		return nil
	})
	return fresh + int64(len(fed)), err
}

// ListState is what the list says of an address: its entry, whether there is
// one, and when the operator took it off last (zero: never). An
// *eml.AddressError for what is no address.
func (s *Store) ListState(email string) (sup Suppression, listed bool, removed time.Time, err error) {
	if sup, listed, err = s.Suppressed(email); err != nil {
		return sup, false, removed, err
	}
	address, err := eml.ParseAddress(email)
	if err != nil {
		return sup, listed, removed, err
	}
	e, err := s.feedbackOf(s.hash(address))
	if err != nil || e == nil {
		return sup, listed, removed, err
	}
	return sup, listed, fromMillis(e.cleared), nil
}
