package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

// TestTheDataMapHasEveryBucketAndNoOther compares the tables of docs/data.md and
// its Korean twin with the stores as they are made.
func TestTheDataMapHasEveryBucketAndNoOther(t *testing.T) {
	dir := t.TempDir()
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	campaigns, err := campaign.Open(dir, people, sp)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(campaigns.Close(), sp.Close(), people.Close()); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, name := range storeFiles() {
		want[name] = bucketsOf(t, filepath.Join(dir, name))
	}
	for _, page := range []string{"data.md", "data.ko.md"} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		got := mapped(string(text))
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if !slices.Equal(got[name], want[name]) {
				t.Errorf("docs/%s, %s: it has the buckets %q, the store %q", page, name, got[name], want[name])
			}
		}
		if !strings.Contains(string(text), "optouts.log") {
			t.Errorf("docs/%s does not name optouts.log", page)
		}
	}
}

func bucketsOf(t *testing.T, path string) (names []string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			names = append(names, string(name))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

var (
	storeHeading = regexp.MustCompile(`^## (\w+\.db)`)
	bucketRow    = regexp.MustCompile("^\\| `(\\w+)` \\|")
)

// mapped are the buckets of each store's table of a page.
func mapped(text string) map[string][]string {
	tables, store := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "## ") {
			store = ""
			if m := storeHeading.FindStringSubmatch(line); m != nil {
				store = m[1]
			}
		} else if m := bucketRow.FindStringSubmatch(line); m != nil && store != "" {
			tables[store] = append(tables[store], m[1])
		}
	}
	for _, names := range tables {
		slices.Sort(names)
	}
	return tables
}

// TestTheDataMapSaysHowLong compares the page's table of days with the defaults.
func TestTheDataMapSaysHowLong(t *testing.T) {
	r := defaults().Retention
	for _, page := range []string{"data.md", "data.ko.md"} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		for key, days := range map[string]int{"history_days": r.HistoryDays, "texts_days": r.TextsDays, "files_days": r.FilesDays, "refused_days": r.RefusedDays} {
			if row := fmt.Sprintf("| `%s` | %d |", key, days); !strings.Contains(string(text), row) {
				t.Errorf("docs/%s has no %q", page, row)
			}
		}
	}
}
