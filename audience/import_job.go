package audience

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// The states of an import.
const (
	ImportRunning   = "running"   // its rows are being stored, or will be when the store is opened again
	ImportStopped   = "stopped"   // an error ended the run; a person may go on with it
	ImportDone      = "done"      // every row is accepted, duplicate or rejected
	ImportDiscarded = "discarded" // given up by a person; what was stored stays
)

// ImportRun is one import as people see it.
type ImportRun struct {
	ID     uint32       `json:"id"`
	Name   string       `json:"name"`
	At     time.Time    `json:"at"`
	State  string       `json:"state"`
	Result ImportResult `json:"result"`
	Reason string       `json:"reason,omitempty"` // why it stopped
	Hint   string       `json:"hint,omitempty"`
	Report bool         `json:"report,omitempty"` // there is a report of rejected rows
}

// importRecord is what the imports bucket keeps of one import.
type importRecord struct {
	Name   string            `json:"name"`
	At     time.Time         `json:"at"`
	State  string            `json:"state,omitempty"` // "" in old ones: done
	Map    map[string]string `json:"map,omitempty"`
	Skip   []string          `json:"skip,omitempty"`
	Tags   []string          `json:"tags,omitempty"`
	File   string            `json:"file,omitempty"` // the file of rows, while there is one
	Size   int64             `json:"size,omitempty"`
	Sum    uint32            `json:"sum,omitempty"`
	Mark   int64             `json:"mark,omitempty"` // rows of the file that are dealt with
	Result ImportResult      `json:"result"`
	Reason string            `json:"reason,omitempty"`
	Hint   string            `json:"hint,omitempty"`
}

const (
	importDir     = "imports"
	reportSuffix  = "-rejected.csv"
	reportsKept   = 30 * 24 * time.Hour
	maxImportList = 200 // of Imports
)

func (s *Store) importFolder() string          { return filepath.Join(s.dir, importDir) }
func (s *Store) importFile(name string) string { return filepath.Join(s.importFolder(), name) }
func (s *Store) reportFile(id uint32) string {
	return s.importFile(strconv.Itoa(int(id)) + reportSuffix)
}
func importKey(id uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 0, 12), id) }
func refusedKey(id uint32, number int64) []byte {
	return append(importKey(id), key64(uint64(number))...)
}

func (r *importRecord) unfinished() bool {
	return r.State == ImportRunning || r.State == ImportStopped
}

func (s *Store) makeImportFolder() error {
	if err := os.Mkdir(s.importFolder(), 0o700); err == nil {
		return syncDir(s.dir)
	} else if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the folder of imports: %w", err)
	}
	return nil
}

// createImport gives an import its number.
func (s *Store) createImport(ctx context.Context, record *importRecord) (id uint32, err error) {
	err = s.update(ctx, func(u *update) error {
		b := u.tx.Bucket(bucketImports)
		seq, err := b.NextSequence()
		if err != nil {
			return err
		}
		id, record.At = uint32(seq), u.now.UTC()
		record.Result.Import = id
		return u.putImport(id, record)
	})
	return id, err
}

func (u *update) putImport(id uint32, record *importRecord) error {
	v, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return u.tx.Bucket(bucketImports).Put(importKey(id), v)
}

// importRecord is one import as stored. ErrNotFound.
func (s *Store) importRecord(id uint32) (record importRecord, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		v := tx.Bucket(bucketImports).Get(importKey(id))
		if v == nil {
			return fmt.Errorf("import %d: %w", id, ErrNotFound)
		}
		return record.read(v)
	})
	return record, err
}

func (r *importRecord) read(v []byte) error {
	if err := json.Unmarshal(v, r); err != nil {
		return fmt.Errorf("record of an import: %w", err)
	}
	if r.State == "" {
		r.State = ImportDone
	}
	return nil
}

// refusedRows are the rows of an import that the store did not take: those that
// could be read, but met somebody else. Row number -> code.
func (s *Store) refusedRows(id uint32) (map[int64]string, error) {
	refused := map[int64]string{}
	err := s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketImports).Cursor()
		for k, v := c.Seek(refusedKey(id, 0)); len(k) == 12 && binary.BigEndian.Uint32(k) == id; k, v = c.Next() {
			refused[int64(number(k[4:]))] = string(v)
		}
		return nil
	})
	return refused, err
}

// finishImport notes the end of an import and removes its rows.
func (s *Store) finishImport(ctx context.Context, im *importer) error {
	record := im.record
	record.State, record.File, record.Reason, record.Hint = ImportDone, "", "", ""
	err := s.update(ctx, func(u *update) error { return u.putImport(im.id, &record) })
	if err != nil {
		return err
	}
	file := im.record.File
	im.record = record
	return errors.Join(s.forgetRefused(ctx, im.id), os.Remove(s.importFile(file)))
}

// forgetRefused takes the list of refusedRows away.
func (s *Store) forgetRefused(ctx context.Context, id uint32) error {
	for more := true; more; {
		err := s.update(ctx, func(u *update) error {
			more = false
			c := u.tx.Bucket(bucketImports).Cursor()
			var keys [][]byte
			for k, _ := c.Seek(refusedKey(id, 0)); len(k) == 12 && binary.BigEndian.Uint32(k) == id; k, _ = c.Next() {
				if keys = append(keys, slices.Clone(k)); len(keys) == 1000 {
					more = true
					break
				}
			}
			for _, k := range keys {
				if err := u.tx.Bucket(bucketImports).Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stopImport notes why an import stopped. One that was only interrupted, or
// whose store cannot be written, stays running: it goes on by itself.
func (s *Store) stopImport(ctx context.Context, id uint32, why error) error {
	if ctx.Err() == nil && s.Err() == nil {
		err := s.editImport(ctx, id, func(record *importRecord) {
			var problem *eml.Problem
			record.State, record.Reason, record.Hint = ImportStopped, eml.Cut(why.Error(), maxDetail), ""
			if errors.As(why, &problem) {
				record.Hint = problem.Hint
			}
		})
		why = errors.Join(why, err)
	}
	var problem *eml.Problem
	if errors.As(why, &problem) {
		return why
	}
	return fmt.Errorf("import %d is not finished, what was stored is kept: %w", id, why)
}

// editImport changes the record of an import that is not finished.
func (s *Store) editImport(ctx context.Context, id uint32, edit func(*importRecord)) error {
	return s.update(ctx, func(u *update) error {
		var record importRecord
		v := u.tx.Bucket(bucketImports).Get(importKey(id))
		if v == nil {
			return fmt.Errorf("import %d: %w", id, ErrNotFound)
		}
		if err := record.read(v); err != nil || !record.unfinished() {
			return err
		}
		edit(&record)
		return u.putImport(id, &record)
	})
}

// DiscardImport gives an import up that is not finished: its rows are removed,
// what was stored of them stays. One that is running ends first. ErrNotFound.
func (s *Store) DiscardImport(ctx context.Context, id uint32) error {
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	record, err := s.importRecord(id)
	if err != nil {
		return err
	}
	if !record.unfinished() {
		return &eml.Problem{What: fmt.Sprintf("import %d is %s already", id, record.State), Hint: "see the imports with: pabal subscriber imports"}
	}
	file := record.File
	if err := s.editImport(ctx, id, func(r *importRecord) { r.State, r.File = ImportDiscarded, "" }); err != nil {
		return err
	}
	if err := os.Remove(s.importFile(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.forgetRefused(ctx, id)
}

// ResumeImports runs every import that is running, oldest first: those that the
// end of a process interrupted. One that stopped waits for a person, and for
// RunImport: newer files may have come since. It returns the errors of those
// that stop now, and ctx's.
func (s *Store) ResumeImports(ctx context.Context, progress func(ImportResult)) error {
	list, err := s.runningImports(math.MaxUint32)
	for _, id := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, failed := s.RunImport(ctx, id, progress); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// runningImports are those that began before one, oldest first.
func (s *Store) runningImports(before uint32) (ids []uint32, err error) {
	err = s.eachImport(func(id uint32, record *importRecord) bool {
		if record.State == ImportRunning && id < before {
			ids = append(ids, id)
		}
		return true
	})
	slices.Reverse(ids)
	return ids, err
}

// eachImport walks the imports, newest first, until fn returns false.
func (s *Store) eachImport(fn func(uint32, *importRecord) bool) error {
	return s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketImports).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if len(k) != 4 {
				continue // a row that was refused
			}
			var record importRecord
			if err := record.read(v); err != nil {
				return err
			}
			if !fn(binary.BigEndian.Uint32(k), &record) {
				return nil
			}
		}
		return nil
	})
}

// Imports are the newest imports, at most 200, newest first.
func (s *Store) Imports() ([]ImportRun, error) {
	list := []ImportRun{}
	err := s.eachImport(func(id uint32, record *importRecord) bool {
		list = append(list, s.describe(id, record))
		return len(list) < maxImportList
	})
	return list, err
}

// Import is one import. ErrNotFound.
func (s *Store) Import(id uint32) (ImportRun, error) {
	record, err := s.importRecord(id)
	if err != nil {
		return ImportRun{}, err
	}
	return s.describe(id, &record), nil
}

func (s *Store) describe(id uint32, r *importRecord) ImportRun {
	_, err := os.Stat(s.reportFile(id))
	return ImportRun{ID: id, Name: r.Name, At: r.At, State: r.State, Result: r.Result, Reason: r.Reason, Hint: r.Hint,
		Report: err == nil && r.State == ImportDone}
}

// WriteImportReport writes the report of rejected rows of an import that is
// done: CSV with a BOM and the columns of ReportColumns, only these where no
// row was rejected. It is kept for 30 days: ErrNotFound after that.
func (s *Store) WriteImportReport(id uint32, w io.Writer) error {
	record, err := s.importRecord(id)
	if err != nil {
		return err
	}
	if record.State != ImportDone {
		return &eml.Problem{What: fmt.Sprintf("import %d is %s, its report is not whole yet", id, record.State), Hint: "see the imports with: pabal subscriber imports"}
	}
	f, err := os.Open(s.reportFile(id))
	if errors.Is(err, os.ErrNotExist) && record.Result.Rejected == 0 {
		_, err := io.WriteString(w, "\uFEFF"+strings.Join(ReportColumns(), ",")+"\n")
		return err
	}
	if errors.Is(err, os.ErrNotExist) {
		return &eml.Problem{What: fmt.Sprintf("the report of import %d is not kept any more", id), Hint: "reports are kept for 30 days; import the file again", Err: ErrNotFound}
	}
	if err != nil {
		return fmt.Errorf("read the report of rejected rows: %w", err)
	}
	if _, err := io.Copy(w, f); err != nil {
		return errors.Join(fmt.Errorf("write the report of rejected rows: %w", err), f.Close())
	}
	return f.Close()
}
