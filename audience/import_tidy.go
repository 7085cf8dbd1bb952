package audience

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// RemoveReports removes the reports of rejected rows that are 30 days old, and
// says how many there were; dry only counts them. Those of imports that are not
// finished stay.
func (s *Store) RemoveReports(dry bool) (n int64, err error) {
	entries, err := os.ReadDir(s.importFolder())
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	needed := map[string]bool{}
	err = s.eachImport(func(id uint32, record *importRecord) bool {
		needed[filepath.Base(s.reportFile(id))] = record.unfinished()
		return true
	})
	for _, e := range entries {
		info, infoErr := e.Info()
		if err != nil || infoErr != nil || needed[e.Name()] || !strings.HasSuffix(e.Name(), reportSuffix) || s.now().Sub(info.ModTime()) < reportsKept {
			continue
		}
		if n++; !dry {
			err = os.Remove(s.importFile(e.Name()))
		}
	}
	return n, err
}

// tidyImports removes what a kill left behind, and old reports.
func (s *Store) tidyImports() error {
	entries, err := os.ReadDir(s.importFolder())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	err = s.eachImport(func(id uint32, record *importRecord) bool {
		if record.unfinished() {
			needed[record.File] = true
			needed[filepath.Base(s.reportFile(id))] = true
		}
		return true
	})
	for _, e := range entries {
		info, infoErr := e.Info()
		isNew := infoErr == nil && strings.HasSuffix(e.Name(), reportSuffix) && s.now().Sub(info.ModTime()) < reportsKept
		if err == nil && !needed[e.Name()] && !isNew {
			err = os.Remove(s.importFile(e.Name()))
		}
	}
	return err
}
