package syncer

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"pabal/eml"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// warnings are things that work, but should not stay: their codes and texts.
func (s *server) warnings(ctx context.Context, t *table) (codes, texts []string) {
	if can := s.writes(ctx); can != "" {
		codes, texts = append(codes, CodeWrites), append(texts, "the account of MySQL may do more than read ("+can+"): give pabal one with SELECT alone")
	}
	if t.updated >= 0 && t.Query == "" && !s.usesIndex(ctx, t) {
		codes, texts = append(codes, CodeNoIndex), append(texts, fmt.Sprintf("%s has no index on %s: every sync reads the whole table; CREATE INDEX pabal_sync ON %s (%s)", t.what(), eml.Visible(t.Columns.UpdatedAt), eml.Visible(t.Table), eml.Visible(t.Columns.UpdatedAt)))
	}
	return codes, texts
}

// writes is what the account may do besides reading, "" for nothing or when it cannot be told.
func (s *server) writes(ctx context.Context) string {
	rows, err := s.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return ""
	}
	defer rows.Close()
	for n := 0; rows.Next() && n < 1000; n++ {
		var grant string
		if rows.Scan(&grant) != nil {
			return ""
		}
		if can := moreThanRead(grant); can != "" {
			return can
		}
	}
	return ""
}

// moreThanRead is the first right of a GRANT statement that is not reading.
func moreThanRead(grant string) string {
	rights, found := strings.CutPrefix(strings.ToUpper(grant), "GRANT ")
	rights, _, isRights := strings.Cut(rights, " ON ")
	if !found || !isRights { // a role
		return ""
	}
	for right := range strings.SplitSeq(rights, ",") {
		right, _, _ = strings.Cut(strings.TrimSpace(right), "(")
		switch strings.TrimSpace(right) {
		case "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "FILE", "SUPER", "ALL PRIVILEGES", "ALL", "TRIGGER", "EXECUTE", "GRANT OPTION":
			return strings.TrimSpace(right)
		}
	}
	return ""
}

// usesIndex reports whether the server has an index to read changes by.
func (s *server) usesIndex(ctx context.Context, t *table) bool {
	parts := strings.Split(t.Table, ".")
	schema := sql.NullString{}
	if len(parts) == 2 {
		schema = sql.NullString{String: parts[0], Valid: true}
	}
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_NAME = ? AND SEQ_IN_INDEX = 1",
		schema, parts[len(parts)-1], t.Columns.UpdatedAt).Scan(&n)
	return err != nil || n > 0
}
