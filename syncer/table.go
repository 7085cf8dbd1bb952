package syncer

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

// form is how a column holds its values.
type form uint8

const (
	asText   form = iota
	asNumber      // integer
	asBits        // BIT: bytes that are a number
	asBytes       // BINARY and BLOB
	asUTC         // TIMESTAMP: the connection is set to UTC
	asLocal       // DATETIME and DATE: in Config.Zone
	asOther       // DECIMAL, FLOAT, TIME, JSON and the like: text to us
)

// table is the source as the server describes it: which value of a row is what.
type table struct {
	*Config
	list  string // the columns as SQL
	forms []form // by place in the list
	// Places in the list; -1 where there is no such column.
	id, email, name, gender, created, updated, subscribed, consent, deleted, taken int
	names                                                                          []string // attributes
	values                                                                         []int    // their places
	seconds                                                                        int64    // µs of one unit of a numeric updated_at
	yes                                                                            map[string]bool
}

// describe asks the server for the columns.
func (s *server) describe(ctx context.Context, c *Config) (*table, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT * FROM "+c.source()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if len(types) > 4096 {
		return nil, errTooMuch
	}
	there := map[string]form{}
	var all []string
	for _, t := range types {
		there[strings.ToLower(t.Name())] = formOf(t.DatabaseTypeName())
		all = append(all, t.Name())
	}
	t := &table{Config: c, yes: map[string]bool{}, taken: -1}
	for _, word := range c.SubscribedYes {
		t.yes[strings.ToLower(strings.TrimSpace(word))] = true
	}
	if err := t.choose(there, all); err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, s.unit(ctx, t)
}

func formOf(name string) form {
	name = strings.TrimPrefix(name, "UNSIGNED ")
	switch name {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR":
		return asNumber
	case "BIT":
		return asBits
	case "BINARY", "VARBINARY", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB":
		return asBytes
	case "TIMESTAMP":
		return asUTC
	case "DATETIME", "DATE":
		return asLocal
	case "CHAR", "VARCHAR", "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET":
		return asText
	}
	return asOther
}

// choose gives every column a place.
func (t *table) choose(there map[string]form, all []string) error {
	var missing []string
	var columns []string
	place := func(key, column string) int {
		if column == "" {
			return -1
		}
		f, ok := there[strings.ToLower(column)]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s = %q", key, eml.Visible(column)))
			return -1
		}
		columns, t.forms = append(columns, quote(column)), append(t.forms, f)
		return len(columns) - 1
	}
	k := &t.Columns
	t.id, t.email, t.subscribed = place("id", k.ID), place("email", k.Email), place("subscribed", k.Subscribed)
	t.name, t.gender, t.created = place("name", k.Name), place("gender", k.Gender), place("created_at", k.CreatedAt)
	t.updated, t.consent, t.deleted = place("updated_at", k.UpdatedAt), place("consent_at", k.ConsentAt), place("deleted_at", k.DeletedAt)
	for _, name := range slices.Sorted(maps.Keys(t.Attributes)) {
		t.names = append(t.names, name)
		t.values = append(t.values, place(name, t.Attributes[name]))
	}
	if len(missing) > 0 {
		return &eml.Problem{Code: CodeColumn, What: fmt.Sprintf("%s has no column for %s", t.what(), strings.Join(missing, ", ")),
			Hint: fmt.Sprintf("name it in [mysql.columns], or write \"\" to do without; the columns are %s", list(all))}
	}
	if t.Where != "" {
		t.taken = len(columns)
		columns, t.forms = append(columns, "(("+t.Where+"\n) IS TRUE)"), append(t.forms, asNumber)
	}
	t.list = strings.Join(columns, ", ")
	return nil
}

// list is names for people, not too many.
func list(names []string) string {
	const most = 30
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "…")
	}
	return eml.Visible(strings.Join(names, ", "))
}

// check refuses columns that cannot be paged by.
func (t *table) check() error {
	if f := t.forms[t.id]; f != asNumber && f != asText && f != asBytes {
		return &eml.Problem{Code: CodeColumnForm, What: "the column " + eml.Visible(t.Columns.ID) + " cannot be the id: it is no integer, text or binary", Hint: "use the primary key of the table as mysql.columns.id"}
	}
	if t.updated < 0 {
		return nil
	}
	if f := t.forms[t.updated]; f != asNumber && f != asUTC && f != asLocal {
		return &eml.Problem{Code: CodeColumnForm, What: "the column " + eml.Visible(t.Columns.UpdatedAt) + " cannot be updated_at: it is no TIMESTAMP, DATETIME or integer", Hint: `use such a column; or write updated_at = "" to have every sync read the whole table`}
	}
	return nil
}

// unit finds out whether a numeric updated_at is in seconds or milliseconds.
func (s *server) unit(ctx context.Context, t *table) error {
	if t.updated < 0 || t.forms[t.updated] != asNumber {
		return nil
	}
	var newest []byte
	err := s.db.QueryRowContext(ctx, "SELECT MAX("+quote(t.Columns.UpdatedAt)+") FROM "+t.source()).Scan(&newest)
	n, _ := strconv.ParseInt(string(newest), 10, 64) // NULL: no rows, any unit does
	t.seconds = 1e6
	if n >= 1e11 { // the year 5138 in seconds
		t.seconds = 1e3
	}
	return err
}

// selectRows is a query for rows.
func (t *table) selectRows(rest string) string {
	return "SELECT " + t.list + " FROM " + t.source() + " WHERE " + rest
}

// everybody is the end of a query about all rows that are taken.
func (t *table) everybody() string {
	if t.Where == "" {
		return " FROM " + t.source()
	}
	return " FROM " + t.source() + " WHERE (" + t.Where + "\n)"
}

func (t *table) idColumn() string { return quote(t.Columns.ID) }

// chunk is the next rows in key order.
func (t *table) chunk(after []byte, limit int) (string, []any) {
	where, args := t.idColumn()+" IS NOT NULL", []any{}
	if len(after) > 0 {
		where, args = t.idColumn()+" > ?", []any{t.argument(after)}
	}
	if t.Where != "" {
		where += " AND (" + t.Where + "\n)"
	}
	return t.selectRows(where + " ORDER BY " + t.idColumn() + " LIMIT " + strconv.Itoa(limit)), args
}

// changes is the next rows in order of change: first the rest of those with the
// updated_at of at, then those after it. Both are ranges of an index, however
// many rows one statement changed. Written as a tuple comparison it would read
// from the beginning each time (measured: 7k rows/s, and quadratic), and with
// OR from the first row of that updated_at.
func (t *table) changes(from any, at *position, limit int) (string, []any) {
	u, id := quote(t.Columns.UpdatedAt), t.idColumn()
	where, args := u+" >= ?", []any{from}
	switch {
	case at != nil && at.Past:
		where, args = u+" > ?", []any{at.updated(t)}
	case at != nil:
		where, args = u+" = ? AND "+id+" > ?", []any{at.updated(t), t.argument(at.Key)}
	}
	return t.selectRows(where + " AND " + id + " IS NOT NULL ORDER BY " + u + ", " + id + " LIMIT " + strconv.Itoa(limit)), args
}

// some is the rows with given keys.
func (t *table) some(keys [][]byte) (string, []any) {
	in, args := t.in(keys)
	return t.selectRows(in), args
}

// present is the ids, out of those given, that the source has and takes.
func (t *table) present(keys [][]byte) (string, []any) {
	in, args := t.in(keys)
	query := "SELECT " + t.idColumn() + " FROM " + t.source() + " WHERE " + in
	if t.Where != "" {
		query += " AND (" + t.Where + "\n)"
	}
	return query, args
}

func (t *table) in(keys [][]byte) (string, []any) {
	args := make([]any, len(keys))
	for i, key := range keys {
		args[i] = t.argument(key)
	}
	return t.idColumn() + " IN (?" + strings.Repeat(",?", len(keys)-1) + ")", args
}

// The first byte of a key says what the rest is: 'i' an integer, sorted, 's' text,
// 'x' bytes. A column that changed its type has other keys.

// key is an id as the audience keeps it.
func (t *table) key(dst, raw []byte) []byte {
	switch t.forms[t.id] {
	case asNumber:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, 'i', 0), uint64(n)^1<<63)
		}
		if n, err := strconv.ParseUint(string(raw), 10, 64); err == nil {
			return binary.BigEndian.AppendUint64(append(dst, 'i', 1), n)
		}
	case asBytes:
		return append(append(dst, 'x'), raw...)
	}
	return append(append(dst, 's'), raw...)
}

// argument is a key as a query takes it.
func (t *table) argument(key []byte) any {
	switch {
	case len(key) == 10 && key[0] == 'i' && key[1] == 1:
		return binary.BigEndian.Uint64(key[2:])
	case len(key) == 10 && key[0] == 'i':
		return int64(binary.BigEndian.Uint64(key[2:]) ^ 1<<63)
	case len(key) > 0 && key[0] == 'x':
		return key[1:]
	case len(key) == 0:
		return ""
	}
	return string(key[1:])
}

// display is an id for people.
func display(f form, raw []byte) string {
	if f == asBytes && !utf8.Valid(raw) {
		return hex.EncodeToString(raw)
	}
	return string(raw)
}
