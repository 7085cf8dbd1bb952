package control

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"pabal/audience"
	"pabal/eml"
)

func importQuery(o audience.ImportOptions) url.Values {
	q := url.Values{"name": {o.Name}, "encoding": {o.Encoding}, "sheet": {o.Sheet}, "tag": o.Tags, "skip": o.Skip}
	for _, ours := range slices.Sorted(maps.Keys(o.Map)) {
		q.Add("map", ours+"="+o.Map[ours])
	}
	if o.Report != nil {
		q.Set("report", "1")
	}
	return q
}

// Import sends a CSV or XLSX file. Progress is called now and then, the report
// of rejected rows goes to o.Report when all rows are dealt with.
func (c *Client) Import(ctx context.Context, file io.Reader, o audience.ImportOptions) (audience.ImportResult, error) {
	return c.importing(ctx, "/v0/subscribers/import", importQuery(o), io.NopCloser(file), o)
}

// ImportInbox imports the file of that name in the inbox.
func (c *Client) ImportInbox(ctx context.Context, name string, o audience.ImportOptions) (audience.ImportResult, error) {
	q := importQuery(o)
	q.Set("inbox", name)
	return c.importing(ctx, "/v0/subscribers/import", q, nil, o)
}

// ResumeImport goes on with an import that was left, and waits for it; of one
// that is done it is the result, and the report. audience.ErrNotFound.
func (c *Client) ResumeImport(ctx context.Context, id uint32, o audience.ImportOptions) (audience.ImportResult, error) {
	return c.importing(ctx, importPath(id, "/resume"), importQuery(o), nil, o)
}

// importing reads the answer of an import.
func (c *Client) importing(ctx context.Context, path string, q url.Values, body io.Reader, o audience.ImportOptions) (audience.ImportResult, error) {
	var sofar audience.ImportResult
	for line, err := range list[ImportLine](ctx, c, http.MethodPost, path, q, body) {
		switch {
		case err != nil:
			return sofar, leftImport(sofar, err)
		case line.Result != nil:
			return *line.Result, nil
		case line.Progress != nil:
			if sofar = *line.Progress; o.Progress != nil {
				o.Progress(sofar)
			}
		case line.Report != "" && o.Report != nil:
			if _, err := io.WriteString(o.Report, line.Report); err != nil {
				return sofar, err
			}
		}
	}
	return sofar, leftImport(sofar, broken(io.ErrUnexpectedEOF))
}

// leftImport says how to find an import again whose end was not seen.
func leftImport(sofar audience.ImportResult, err error) error {
	if sofar.Import == 0 {
		return err
	}
	number := strconv.Itoa(int(sofar.Import))
	var problem *eml.Problem
	var code codeError
	if errors.As(err, &problem) && errors.As(err, &code) && !errors.Is(err, context.Canceled) { // it stopped, and the daemon says why
		return &eml.Problem{What: problem.What, Err: err, Hint: problem.Hint + "\nthen go on with: pabal subscriber import --resume " + number}
	}
	return &eml.Problem{What: err.Error(), Err: err, Hint: "the file has been taken over as import " + number +
		": the daemon goes on with it by itself, also after a restart; see it with: pabal subscriber import --resume " + number}
}

// PreviewImport says what a file would be read as; nothing is stored.
func (c *Client) PreviewImport(ctx context.Context, file io.Reader, o audience.ImportOptions) (audience.ImportPreview, error) {
	return c.preview(ctx, importQuery(o), io.NopCloser(file))
}

// PreviewInbox is PreviewImport of the file of that name in the inbox.
func (c *Client) PreviewInbox(ctx context.Context, name string, o audience.ImportOptions) (audience.ImportPreview, error) {
	q := importQuery(o)
	q.Set("inbox", name)
	return c.preview(ctx, q, nil)
}

func (c *Client) preview(ctx context.Context, q url.Values, body io.Reader) (audience.ImportPreview, error) {
	resp, err := c.send(ctx, http.MethodPost, "/v0/imports/preview", q, body)
	return decodeBody[audience.ImportPreview](resp, err)
}

// Imports are the newest imports, newest first.
func (c *Client) Imports(ctx context.Context) iter.Seq2[audience.ImportRun, error] {
	return list[audience.ImportRun](ctx, c, http.MethodGet, "/v0/imports", nil, nil)
}

// ImportRun is one import. audience.ErrNotFound.
func (c *Client) ImportRun(ctx context.Context, id uint32) (audience.ImportRun, error) {
	return get[audience.ImportRun](ctx, c, importPath(id, ""), nil)
}

// ImportReport writes the CSV of an import's rejected rows. audience.ErrNotFound
// also when it is not kept any more.
func (c *Client) ImportReport(ctx context.Context, id uint32, w io.Writer) error {
	return c.download(ctx, importPath(id, "/report"), nil, w)
}

// DiscardImport gives up an import that is not finished. audience.ErrNotFound.
func (c *Client) DiscardImport(ctx context.Context, id uint32) (audience.ImportRun, error) {
	return call[audience.ImportRun](ctx, c, http.MethodDelete, importPath(id, ""), nil, nil)
}

func importPath(id uint32, rest string) string {
	return "/v0/imports/" + strconv.FormatUint(uint64(id), 10) + rest
}

// Inbox is what lies in the inbox, and how to put a file there.
func (c *Client) Inbox(ctx context.Context) (audience.Inbox, error) {
	return get[audience.Inbox](ctx, c, "/v0/inbox", nil)
}

// ExportRequest says what to export.
type ExportRequest struct {
	Segment string
	Format  string // csv or xlsx; "" means csv
	NoBOM   bool   // CSV without a byte order mark
}

// Export writes everyone the segment selects.
func (c *Client) Export(ctx context.Context, w io.Writer, e ExportRequest) error {
	q := url.Values{"segment": {e.Segment}, "format": {e.Format}}
	if e.NoBOM {
		q.Set("bom", "false")
	}
	return c.download(ctx, "/v0/subscribers/export", q, w)
}

// download copies a file that an answer is.
func (c *Client) download(ctx context.Context, path string, q url.Values, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path, q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read, or broken anyway
	in := &reading{in: resp.Body}
	if _, err := io.Copy(w, in); in.err != nil {
		return broken(in.err)
	} else if err != nil {
		return &eml.Problem{What: "the file cannot be written: " + err.Error(), Hint: "make room, or choose another place", Err: err}
	}
	return nil
}

// reading keeps the error of the reading side of a copy.
type reading struct {
	in  io.Reader
	err error
}

func (h *reading) Read(p []byte) (int, error) {
	n, err := h.in.Read(p)
	if err != nil && err != io.EOF {
		h.err = err
	}
	return n, err
}
