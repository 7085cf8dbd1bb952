package control

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pabal/audience"
	"pabal/eml"
)

// ImportLine is one line of an import's answer; exactly one field is set. The
// first line comes when the file has been taken over: from then on the import is
// finished whatever becomes of the connection, or of the daemon.
type ImportLine struct {
	Progress *audience.ImportResult `json:"progress,omitempty"`
	Report   string                 `json:"report,omitempty"` // a piece of the CSV of rejected rows
	Result   *audience.ImportResult `json:"result,omitempty"` // the last line
}

const progressInterval = 200 * time.Millisecond

// importOptions reads the query of an import or a preview.
func importOptions(q url.Values) (audience.ImportOptions, error) {
	o := audience.ImportOptions{Name: q.Get("name"), Map: map[string]string{}, Tags: q["tag"], Skip: q["skip"], Encoding: q.Get("encoding"), Sheet: q.Get("sheet")}
	if inbox := q.Get("inbox"); inbox != "" {
		o.Name = inbox
	}
	for _, pair := range q["map"] {
		ours, header, ok := strings.Cut(pair, "=")
		if !ok || ours == "" || header == "" {
			return o, invalid("a column is mapped as field=header, not "+eml.Visible(pair), "for example --map email=이메일,name=이름")
		}
		o.Map[ours] = header
	}
	return o, nil
}

// importSource is the file of a request: its body, or the one it names in the inbox.
func (s *Server) importSource(r *http.Request) (io.ReadCloser, error) {
	if name := r.URL.Query().Get("inbox"); name != "" {
		return s.Inbox.open(name)
	}
	return http.MaxBytesReader(nil, r.Body, MaxImportBytes), nil
}

// importFile answers an upload. One that breaks off changes nothing.
func (s *Server) importFile(l *lines, r *http.Request) error {
	o, err := importOptions(r.URL.Query())
	if err != nil {
		return err
	}
	file, err := s.importSource(r)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	id, err := s.People.BeginImport(r.Context(), file, o)
	if err != nil {
		return err
	}
	return s.runImport(l, r, id)
}

func (s *Server) resumeImport(l *lines, r *http.Request) error {
	id, err := importID(r)
	if err != nil {
		return err
	}
	return s.runImport(l, r, id)
}

// runImport stores the rows and tells how far it is, to whoever still listens.
func (s *Server) runImport(l *lines, r *http.Request, id uint32) error {
	begun, err := s.People.Import(id)
	if err != nil {
		return noSuchImport(err)
	}
	l.live = true
	begun.Result.Rejects = nil
	_ = l.write(ImportLine{Progress: &begun.Result}) // the import goes on although nobody watches
	last := time.Now()
	result, err := s.People.RunImport(r.Context(), id, func(sofar audience.ImportResult) {
		if time.Since(last) > progressInterval {
			last = time.Now()
			sofar.Rejects = nil
			_ = l.write(ImportLine{Progress: &sofar})
		}
	})
	if err != nil {
		return noSuchImport(err)
	}
	if r.URL.Query().Has("report") {
		if err := s.People.WriteImportReport(id, reportWriter{l}); err != nil {
			return err
		}
	}
	return l.write(ImportLine{Result: &result})
}

// reportWriter sends pieces of the report as lines of the answer.
type reportWriter struct{ l *lines }

func (w reportWriter) Write(p []byte) (int, error) {
	for piece := range bytes.SplitAfterSeq(p, []byte("\n")) { // no line of the answer cuts a letter
		if err := w.l.write(ImportLine{Report: string(piece)}); err != nil && len(piece) > 0 {
			return 0, err
		}
	}
	return len(p), nil
}

// previewImport says what a file would be read as.
func (s *Server) previewImport(r *http.Request) (any, error) {
	o, err := importOptions(r.URL.Query())
	if err != nil {
		return nil, err
	}
	file, err := s.importSource(r)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	return s.People.PreviewImport(r.Context(), file, o)
}

func (s *Server) imports(l *lines, _ *http.Request) error {
	list, err := s.People.Imports()
	if err != nil {
		return err
	}
	for _, im := range list {
		if err := l.write(im); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) oneImport(r *http.Request) (any, error) {
	id, err := importID(r)
	if err != nil {
		return nil, err
	}
	im, err := s.People.Import(id)
	return im, noSuchImport(err)
}

func (s *Server) discardImport(r *http.Request) (any, error) {
	id, err := importID(r)
	if err != nil {
		return nil, err
	}
	if err := s.People.DiscardImport(r.Context(), id); err != nil {
		return nil, noSuchImport(err)
	}
	return s.oneImport(r)
}

func (s *Server) importReport(w http.ResponseWriter, r *http.Request) {
	id, err := importID(r)
	if err != nil {
		refuse(w, err)
		return
	}
	out := &lazily{w: w, contentType: "text/csv; charset=utf-8"}
	if err := s.People.WriteImportReport(id, out); err != nil {
		s.breakOff(out, noSuchImport(err))
	}
}

func importID(r *http.Request) (uint32, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil {
		return 0, invalid("an import's id is a number, not "+eml.Visible(r.PathValue("id")), "see the ids with: pabal subscriber imports")
	}
	return uint32(id), nil
}

func noSuchImport(err error) error {
	if !errors.Is(err, audience.ErrNotFound) || hintOf(err) != "" {
		return err
	}
	return &eml.Problem{What: err.Error(), Hint: "see the imports with: pabal subscriber imports", Err: err}
}

// export writes CSV, or XLSX with format=xlsx.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	seg, err := s.segment(r)
	if err != nil {
		refuse(w, err)
		return
	}
	o := audience.ExportOptions{Segment: seg, NoBOM: r.URL.Query().Get("bom") == "false"}
	out := &lazily{w: w, contentType: "text/csv; charset=utf-8"}
	switch format := r.URL.Query().Get("format"); format {
	case "", "csv":
		_, err = s.People.ExportCSV(r.Context(), out, o)
	case "xlsx":
		out.contentType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		_, err = s.People.ExportXLSX(r.Context(), out, o)
	default:
		err = invalid("subscribers are not exported as "+eml.Visible(format), "csv or xlsx")
	}
	if err != nil {
		s.breakOff(out, err)
	}
}

// breakOff ends an answer that cannot be finished: with the error while nothing
// has been written, else so that the client does not take half a file for a
// whole one.
func (s *Server) breakOff(out *lazily, err error) {
	if !out.begun {
		refuse(out.w, err)
		return
	}
	s.Logger.Warn("answer broke off", "err", err)
	panic(http.ErrAbortHandler)
}

// lazily commits to an answer with its first byte.
type lazily struct {
	w           http.ResponseWriter
	contentType string
	begun       bool
}

func (l *lazily) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.contentType)
	}
	return l.w.Write(p)
}
