package emulator

import (
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	memoryMails = 10_000    // kept without Dir when Keep is zero
	memoryBytes = 256 << 20 // kept without Dir, whatever Keep is
)

// mails keeps what was accepted: as files in dir, or the newest in memory.
// Dir entries are written without holding the lock but for the index row.
type mails struct {
	dir    string
	limit  int // mails; -1 none, 0 all (dir only)
	mu     sync.Mutex
	index  *os.File
	closed bool
	kept   []kept // oldest first: kept[head:]; in dir only when there is a limit
	head   int
	bytes  int
	byID   map[string]kept
}

type kept struct {
	id, row string
	raw     []byte // nil when in dir
}

const indexHead = `<!DOCTYPE html>
<meta charset="utf-8"><title>pabal ses-emulator</title>
<style>body{font-family:sans-serif}td,th{padding:.2em 1em .2em 0;text-align:left}</style>
<h1>Accepted mails</h1>
<table><tr><th>Time</th><th>To</th><th>From</th><th>Subject</th><th>Bytes</th></tr>
`

func (m *mails) open(dir string, keep int) error {
	m.dir, m.limit, m.byID = dir, keep, map[string]kept{}
	if dir == "" {
		if keep == 0 {
			m.limit = memoryMails
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for mails: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "index.html"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the list of mails: %w", err)
	}
	if at, err := f.Seek(0, io.SeekEnd); err == nil && at == 0 {
		_, err = f.WriteString(indexHead)
		if err != nil {
			f.Close()
			return fmt.Errorf("write the list of mails: %w", err)
		}
	}
	m.index = f
	return nil
}

func (m *mails) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.index == nil {
		return nil
	}
	return m.index.Close()
}

// keep stores one accepted mail as SES would hand it on.
func (m *mails) keep(d *delivery, r *record) error {
	if m.limit < 0 {
		return nil
	}
	k := kept{id: r.id, raw: d.msg.stored(r.id, d.rewrite, r.at), row: indexRow(d, r)}
	if m.dir == "" {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.remember(k)
		return nil
	}
	if err := m.write(k); err != nil {
		return err
	}
	k.raw = nil
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	if m.limit > 0 {
		m.remember(kept{id: k.id})
	}
	_, err := m.index.WriteString(k.row)
	return err
}

// write makes a mail's file, which appears whole: the log has the mail already,
// and somebody may be looking for it.
func (m *mails) write(k kept) error {
	half := m.file(k.id) + ".new"
	if err := os.WriteFile(half, k.raw, 0o600); err != nil {
		return err
	}
	return os.Rename(half, m.file(k.id))
}

// remember adds a mail and forgets the oldest over the limit.
func (m *mails) remember(k kept) {
	m.kept = append(m.kept, k)
	m.bytes += len(k.raw)
	if m.dir == "" {
		m.byID[k.id] = k
	}
	for len(m.kept)-m.head > m.limit || m.bytes > memoryBytes && len(m.kept)-m.head > 1 {
		old := m.kept[m.head]
		m.kept[m.head] = kept{}
		m.head++
		m.bytes -= len(old.raw)
		delete(m.byID, old.id)
		if m.dir != "" {
			os.Remove(m.file(old.id)) // gone already is as good
		}
	}
	if m.head > 1024 && m.head > len(m.kept)/2 {
		m.kept = m.kept[:copy(m.kept, m.kept[m.head:])]
		m.head = 0
	}
}

func (m *mails) file(id string) string { return filepath.Join(m.dir, id+".eml") }

func (m *mails) get(id string) ([]byte, bool) {
	if !validID(id) {
		return nil, false
	}
	if m.dir != "" {
		raw, err := os.ReadFile(m.file(id))
		return raw, err == nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.byID[id]
	return k.raw, ok
}

func indexRow(d *delivery, r *record) string {
	words := mime.WordDecoder{}
	subject := d.msg.get("subject")
	if text, err := words.DecodeHeader(subject); err == nil {
		subject = text
	}
	cell := html.EscapeString
	return fmt.Sprintf("<tr><td>%s<td>%s<td>%s<td><a href=\"%s.eml\">%s</a><td>%d</tr>\n",
		r.at.UTC().Format("2006-01-02 15:04:05.000"), cell(strings.Join(r.to, ", ")), cell(r.from), r.id,
		cell(strings.ToValidUTF8(subject, "\uFFFD")+" "), r.bytes)
}

// Raw is an accepted mail as SES would hand it on; false when it is not kept
// (any more). A mail just logged may not be there until its call is answered.
// Do not change the bytes.
func (s *Server) Raw(id string) ([]byte, bool) { return s.mails.get(id) }

// showIndex is GET /: the list of mails, the newest first when in memory.
func (s *Server) showIndex(w http.ResponseWriter, r *http.Request) {
	m := &s.mails
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if m.dir != "" {
		m.copyIndex(w)
		return
	}
	m.mu.Lock()
	list := append([]kept(nil), m.kept[m.head:]...)
	m.mu.Unlock()
	io.WriteString(w, indexHead)
	for i := len(list) - 1; i >= 0; i-- {
		io.WriteString(w, list[i].row)
	}
}

// copyIndex writes the file; http.ServeFile would redirect from its name.
func (m *mails) copyIndex(w io.Writer) {
	f, err := os.Open(filepath.Join(m.dir, "index.html"))
	if err != nil {
		io.WriteString(w, indexHead) // somebody cleared the folder: an empty list is the truth
		return
	}
	defer f.Close()
	io.Copy(w, f)
}

// showMail is GET /mail/ID and GET /ID.eml: the source of a mail.
func (s *Server) showMail(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == "" {
		id = strings.TrimSuffix(r.PathValue("file"), ".eml")
	}
	raw, ok := s.mails.get(id)
	if !ok {
		http.Error(w, "no such mail", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(raw)
}
