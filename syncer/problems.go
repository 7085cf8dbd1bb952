package syncer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"

	"pabal/eml"
)

// The codes of what can be wrong with a sync: Status.Code, stable words for
// whoever says it in another language.
const (
	CodeDSN         = "dsn"         // there is none, or it is not one
	CodeDSNFile     = "dsn_file"    // cannot be read
	CodeDSNOpen     = "dsn_open"    // others may read it
	CodeDSNUnsafe   = "dsn_unsafe"  // an option that is not allowed
	CodeTLS         = "tls"         // the way to the server is not safe
	CodeCertificate = "certificate" // is not trusted
	CodeUnreachable = "unreachable" // nobody answers there
	CodeGone        = "gone"        // the connection was cut
	CodeTimeout     = "timeout"     // no answer in time
	CodeLogin       = "login"       // user or password
	CodeDatabase    = "database"    // is not there
	CodeRight       = "right"       // to read is not given
	CodeTable       = "table"       // is not there
	CodeColumn      = "column"      // is not there
	CodeColumnForm  = "column_form" // cannot be what it is named as
	CodeSQL         = "sql"         // of where or query
	CodeCharset     = "charset"     // of a column or of what is in it
	CodeBusy        = "busy"        // locks, limits of time or connections
	CodeTooLarge    = "too_large"   // an answer
	CodeNoRows      = "no_rows"     // at all
	CodeShrunk      = "shrunk"      // too many rows are gone
	CodeSource      = "source"      // another one, of other people
	CodeServer      = "server"      // anything else it said
	CodeReading     = "reading"     // the customers are being read at this moment
	CodeOld         = "old"         // the last good sync is too long ago
	CodeWrites      = "writes"      // a warning: the account may do more than read
	CodeNoIndex     = "no_index"    // a warning: on updated_at
)

// Codes are all of them.
func Codes() []string {
	return []string{CodeDSN, CodeDSNFile, CodeDSNOpen, CodeDSNUnsafe, CodeTLS, CodeCertificate, CodeUnreachable, CodeGone, CodeTimeout,
		CodeLogin, CodeDatabase, CodeRight, CodeTable, CodeColumn, CodeColumnForm, CodeSQL, CodeCharset, CodeBusy, CodeTooLarge,
		CodeNoRows, CodeShrunk, CodeSource, CodeServer, CodeReading, CodeOld, CodeWrites, CodeNoIndex}
}

// explain is an error as people read it: what happened and what to do.
func (c *Config) explain(err error) error {
	var known *eml.Problem
	var said *mysql.MySQLError
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &said):
		return c.refusal(said)
	case errors.Is(err, errTooMuch):
		return &eml.Problem{Code: CodeTooLarge, What: "an answer of MySQL was larger than pabal takes (32 MB)", Hint: "leave out columns that hold long texts or files", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &eml.Problem{Code: CodeTimeout, What: "MySQL did not answer within " + c.queryLimit().String(), Hint: "look for locks and for a missing index on id and updated_at; the next try follows by itself"}
	}
	return c.unreachable(err)
}

// unreachable is about the way to the server.
func (c *Config) unreachable(err error) error {
	at := "MySQL"
	if d, bad := c.driver(); bad == nil {
		at += " at " + d.Addr
	}
	var op *net.OpError
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &cert):
		return &eml.Problem{Code: CodeCertificate, What: at + " has a certificate that is not trusted: " + eml.Visible(err.Error()), Hint: "name the bundle of its authority as mysql.ca_file, and the server by the name in its certificate", Err: err}
	case errors.Is(err, mysql.ErrNoTLS):
		return &eml.Problem{Code: CodeTLS, What: at + " does not speak TLS", Hint: "turn TLS on there; pabal sends no password in the clear but on loopback", Err: err}
	case errors.As(err, &dns):
		return &eml.Problem{Code: CodeUnreachable, What: at + " is not known to the name service", Hint: "mend the host in the DSN", Err: err}
	case errors.As(err, &op) && op.Op == "dial":
		return &eml.Problem{Code: CodeUnreachable, What: at + " cannot be reached: " + eml.Visible(op.Err.Error()), Hint: "start it, or mend host and port in the DSN, or open the firewall (security group) for this host", Err: err}
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return &eml.Problem{Code: CodeGone, What: at + " went away in the middle of a query", Hint: "nothing to do if it was restarted: the next try goes on where this one was", Err: err}
	}
	return &eml.Problem{Code: CodeServer, What: at + ": " + eml.Visible(err.Error()), Hint: "see docs/mysql.md; the next try follows by itself", Err: err}
}

// refusal is what the server itself said.
func (c *Config) refusal(e *mysql.MySQLError) error {
	text := eml.Visible(e.Message)
	p := func(code, what, hint string) error {
		return &eml.Problem{Code: code, What: what + " (MySQL error " + itoa(int64(e.Number)) + ": " + text + ")", Hint: hint, Err: e}
	}
	switch e.Number {
	case 1045, 1698, 1251, 1524:
		return p(CodeLogin, "MySQL does not let us in", "mend user and password in the DSN; the account must be allowed from this host")
	case 1044, 1049:
		return p(CodeDatabase, "the database of the DSN is not there, or not for this account", "mend the database's name, or GRANT SELECT on it")
	case 1142, 1143:
		return p(CodeRight, "the account may not read "+c.what(), "GRANT SELECT ON the table to it")
	case 1146:
		return p(CodeTable, c.what()+" is not there", "mend mysql.table, or bring the table back; nobody is removed meanwhile")
	case 1054:
		return p(CodeColumn, "a column is missing", "mend mysql.columns, mysql.where or mysql.query; \"\" leaves out a column")
	case 1064, 1149, 1060, 1248:
		return p(CodeSQL, "MySQL does not understand the SQL of mysql.where or mysql.query", "try it by hand: SELECT ... LIMIT 1")
	case 1115, 1253, 1267, 1271, 1273, 1366, 3854, 3988:
		return p(CodeCharset, "the character set or collation of a column does not fit", "convert the table to utf8mb4, or use a mysql.query with CONVERT(column USING utf8mb4)")
	case 1205, 1213:
		return p(CodeBusy, "MySQL waited too long for a lock", "the next try follows by itself")
	case 1969, 3024, 1317:
		return p(CodeBusy, "MySQL ended the query", "give the account more time (max_statement_time), or add an index on updated_at")
	case 1040, 1203, 1226:
		return p(CodeBusy, "MySQL has no connection left for us", "raise max_connections or max_user_connections by two")
	case 3159:
		return p(CodeTLS, "MySQL wants TLS", "add ?tls=true to the DSN")
	}
	return p(CodeServer, "MySQL refused the query", "see docs/mysql.md; the next try follows by itself")
}
