package syncer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pabal/eml"
)

// Config says where the customers are and which column is what.
type Config struct {
	DSN              string            // user:password@tcp(host:3306)/database; see docs/mysql.md
	DSNFile          string            // file with the DSN, read before every sync; not looked at when DSN is set
	CAFile           string            // certificates that the server's must lead to; "" means those of the system
	Table            string            // table or database.table
	Query            string            // a SELECT in place of the table; "" for none
	Where            string            // SQL condition on the table's columns; "" takes every row
	Columns          Columns           //
	Attributes       map[string]string // attribute -> column
	SubscribedYes    []string          // the values that are a yes, in any case
	Zone             *time.Location    // of times without one (DATETIME, text); nil means UTC
	Every            time.Duration     // from one tick to the next; zero means 10 minutes
	At               string            // "03:00": once a day at this time of Zone, instead of Every; "" for none
	TrustResubscribe bool              // MySQL may take back a refusal of its own
	Overlap          time.Duration     // how much later than its updated_at a row may be committed; zero means 5 minutes
	QueryLimit       time.Duration     // a query takes at most; zero means 2 minutes
}

// Columns names the columns of the table. ID, Email and Subscribed are needed;
// "" leaves out another one.
type Columns struct {
	ID, Email, Name, Gender, CreatedAt string
	UpdatedAt                          string // TIMESTAMP, DATETIME or epoch in s or ms; without it every sync is a full pass
	Subscribed                         string
	ConsentAt                          string // when the person last said yes: brings back who left before that
	DeletedAt                          string // a row where it is set is gone
}

const (
	defaultEvery   = 10 * time.Minute
	defaultOverlap = 5 * time.Minute
	defaultLimit   = 2 * time.Minute
	fullEvery      = 24 * time.Hour
	maxIdentifier  = 64 // bytes of a name, as MySQL has it
	maxAttributes  = 100
)

func (c *Config) every() time.Duration      { return orDefault(c.Every, defaultEvery) }
func (c *Config) overlap() time.Duration    { return orDefault(c.Overlap, defaultOverlap) }
func (c *Config) queryLimit() time.Duration { return orDefault(c.QueryLimit, defaultLimit) }

func (c *Config) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}

// Check says what of the configuration cannot be, with the key of [mysql] in
// the text. It looks at neither the DSN nor any file: those are read before
// every sync, and what is wrong with them is in Status.
func (c *Config) Check() error {
	switch {
	case c.Table == "" && c.Query == "":
		return &eml.Problem{What: "mysql.table is empty", Hint: "name the table of the customers, or write a mysql.query"}
	case c.Columns.ID == "" || c.Columns.Email == "" || c.Columns.Subscribed == "":
		return &eml.Problem{What: "mysql.columns needs id, email and subscribed", Hint: "name the columns that hold them; without a column of consent nobody may be mailed"}
	case len(c.SubscribedYes) == 0:
		return &eml.Problem{What: "mysql.subscribed_yes is empty", Hint: `list the values that mean consent: ["true", "1"]`}
	case len(c.Attributes) > maxAttributes:
		return &eml.Problem{What: fmt.Sprintf("mysql.attributes has %d columns, more than %d", len(c.Attributes), maxAttributes), Hint: "keep those you use"}
	case c.Every < 0 || c.Every > 0 && c.Every < time.Second:
		return &eml.Problem{What: fmt.Sprintf("mysql.every is %v", c.Every), Hint: `use a second or more, such as "10m"`}
	}
	if c.At != "" {
		if _, err := time.Parse("15:04", c.At); err != nil {
			return &eml.Problem{What: fmt.Sprintf("mysql.at is %q, not a time of day", c.At), Hint: `write it as "03:00"`}
		}
	}
	for _, name := range c.identifiers() {
		if reason := badIdentifier(name); reason != "" {
			return &eml.Problem{What: fmt.Sprintf("the name %q in mysql %s", eml.Visible(name), reason), Hint: "write it as the table has it, without quotes"}
		}
	}
	return nil
}

// identifiers are all names that stand in SQL.
func (c *Config) identifiers() []string {
	names := strings.Split(c.Table, ".")
	if c.Query != "" {
		names = nil
	}
	k := &c.Columns
	for _, name := range []string{k.ID, k.Email, k.Name, k.Gender, k.CreatedAt, k.UpdatedAt, k.Subscribed, k.ConsentAt, k.DeletedAt} {
		if name != "" {
			names = append(names, name)
		}
	}
	return append(names, slices.Sorted(maps.Values(c.Attributes))...)
}

func badIdentifier(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 4*maxIdentifier:
		return "is too long"
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7F || r == 0xFFFD }):
		return "holds a control character"
	}
	return ""
}

// quote is a name as SQL takes it, whatever is in it.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// source is what stands behind FROM.
func (c *Config) source() string {
	if c.Query != "" {
		return "(" + strings.TrimRight(strings.TrimSpace(c.Query), "; \n") + "\n) AS `source`"
	}
	parts := strings.Split(c.Table, ".")
	for i := range parts {
		parts[i] = quote(parts[i])
	}
	return strings.Join(parts, ".")
}

// what is how people call the source.
func (c *Config) what() string {
	if c.Query != "" {
		return "the mysql.query"
	}
	return "the table " + eml.Visible(c.Table)
}

// plan is a mark of everything that decides what a row becomes: another plan
// needs every row to be read again.
func (c *Config) plan() string {
	b, err := json.Marshal([]any{1, c.Table, c.Query, c.Where, c.Columns, c.Attributes, c.SubscribedYes, c.zone().String(), c.TrustResubscribe})
	if err != nil {
		panic(fmt.Sprintf("strings always have a JSON form: %v", err))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
