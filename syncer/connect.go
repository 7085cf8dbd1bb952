package syncer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"pabal/eml"
)

const (
	dialTime    = 10 * time.Second
	maxResponse = 32 << 20 // bytes of one answer of the server
	maxDSN      = 4 << 10  // bytes

	// engineSecrets is where container engines put secrets, readable for everyone
	// in the container (podman and Docker: mode 0444), where nobody else is.
	engineSecrets = "/run/secrets/"
)

// ReadDSN reads a file that holds a DSN and nothing else. Nobody but its owner
// may read it, unless it is a secret that a container engine hands over.
func ReadDSN(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", &eml.Problem{Code: CodeDSNFile, What: fmt.Sprintf("mysql.dsn_file cannot be read: %v", err), Hint: "write user:password@tcp(host:3306)/database into it, mode 0600, owned by the user pabal runs as", Err: err}
	}
	if openToOthers(path, info.Mode()) || !info.Mode().IsRegular() || info.Size() > maxDSN {
		return "", &eml.Problem{Code: CodeDSNOpen, What: fmt.Sprintf("%s holds a password and is open to others (mode %04o), or is not a short file", path, info.Mode().Perm()), Hint: "chmod 600 " + path}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", &eml.Problem{Code: CodeDSNFile, What: fmt.Sprintf("mysql.dsn_file cannot be read: %v", err), Hint: "make it readable for the user pabal runs as", Err: err}
	}
	return strings.TrimSpace(string(b)), nil
}

// openToOthers reports whether somebody besides the owner has a way to the file.
func openToOthers(path string, mode fs.FileMode) bool {
	others := fs.FileMode(0o077)
	if strings.HasPrefix(filepath.Clean(path), engineSecrets) {
		others = 0o022
	}
	return mode.Perm()&others != 0
}

func (c *Config) dsn() (string, error) {
	if c.DSN != "" || c.DSNFile == "" {
		return c.DSN, nil
	}
	return ReadDSN(c.DSNFile)
}

// driver is the driver's configuration of a DSN, with what must not be refused
// and what must be set.
func (c *Config) driver() (*mysql.Config, error) {
	const form = "write it as user:password@tcp(host:3306)/database?tls=true"
	dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	if dsn == "" {
		return nil, &eml.Problem{Code: CodeDSN, What: "there is no DSN for MySQL", Hint: "put user:password@tcp(host:3306)/database into a file of mode 0600 and name it as mysql.dsn_file, or set PABAL_MYSQL_DSN"}
	}
	d, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, &eml.Problem{Code: CodeDSN, What: "the DSN of MySQL is not one: " + eml.Visible(strings.ReplaceAll(err.Error(), dsn, "…")), Hint: form}
	}
	for _, bad := range []struct {
		is   bool
		name string
	}{{d.AllowAllFiles, "allowAllFiles"}, {d.MultiStatements, "multiStatements"}, {d.AllowOldPasswords, "allowOldPasswords"},
		{strings.Contains(dsn, "compress="), "compress"}, {d.Params["time_zone"] != "", "time_zone"}} {
		if bad.is {
			return nil, &eml.Problem{Code: CodeDSNUnsafe, What: "the DSN of MySQL sets " + bad.name + ", which pabal does not allow", Hint: "take it out of the DSN"}
		}
	}
	if d.DBName == "" && c.Query == "" && !strings.Contains(c.Table, ".") {
		return nil, &eml.Problem{Code: CodeDSN, What: "the DSN of MySQL names no database", Hint: form}
	}
	if err := c.secure(d); err != nil {
		return nil, err
	}
	d.Params = withZone(d.Params)
	d.ParseTime, d.InterpolateParams, d.Loc = false, true, time.UTC
	d.Timeout, d.ReadTimeout, d.WriteTimeout = dialTime, c.queryLimit(), dialTime
	d.Logger = &mysql.NopLogger{}
	return d, d.Apply(mysql.Charset("utf8mb4", ""))
}

func withZone(params map[string]string) map[string]string {
	out := map[string]string{"time_zone": "'+00:00'"}
	for k, v := range params {
		out[k] = v
	}
	return out
}

// secure wants TLS that proves who the server is, but on loopback.
func (c *Config) secure(d *mysql.Config) error {
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return &eml.Problem{Code: CodeCertificate, What: fmt.Sprintf("mysql.ca_file %s holds no certificate (%v)", c.CAFile, err), Hint: "put the PEM file of the server's authority there; for RDS the bundle of your region"}
		}
		host, _, _ := net.SplitHostPort(d.Addr)
		d.TLS = &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}
		return nil
	}
	if isLocal(d) {
		return nil
	}
	if d.TLSConfig != "true" || d.AllowFallbackToPlaintext {
		return &eml.Problem{Code: CodeTLS, What: "MySQL at " + d.Addr + " is not on this host and the DSN does not ask for checked TLS", Hint: "add ?tls=true to the DSN; where the server's certificate is of your own authority or of RDS, name its bundle as mysql.ca_file"}
	}
	return nil
}

func isLocal(d *mysql.Config) bool {
	if d.Net == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(d.Addr)
	if err != nil {
		host = d.Addr
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// server is the connection to the source, and what went over it.
type server struct {
	db      *sql.DB
	tooMuch *atomic.Bool // the last answer was over maxResponse
}

// connect prepares connections; none is made yet.
func (c *Config) connect() (*server, error) {
	d, err := c.driver()
	if err != nil {
		return nil, err
	}
	s := &server{tooMuch: &atomic.Bool{}}
	d.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: dialTime, KeepAlive: 30 * time.Second}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &cappedConn{Conn: conn, tooMuch: s.tooMuch}, nil
	}
	connector, err := mysql.NewConnector(d)
	if err != nil {
		return nil, &eml.Problem{Code: CodeDSN, What: "the DSN of MySQL cannot be used: " + eml.Visible(err.Error()), Hint: "see docs/mysql.md", Err: err}
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(2)
	s.db.SetConnMaxIdleTime(time.Minute)
	return s, nil
}

var errTooMuch = errors.New("the answer of the server is too large")

// cappedConn ends an answer that is over maxResponse, or whose first packet
// promises 65,536 columns or more: the driver would make room for them at once.
type cappedConn struct {
	net.Conn
	tooMuch *atomic.Bool
	read    int
	head    [5]byte // of the answer: length, sequence, first byte
}

func (c *cappedConn) Write(b []byte) (int, error) {
	c.read = 0
	return c.Conn.Write(b)
}

func (c *cappedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.read < len(c.head) {
		copy(c.head[c.read:], b[:n])
	}
	if c.read += n; c.read > maxResponse || c.read >= len(c.head) && endless(c.head) {
		c.tooMuch.Store(true)
		return 0, errTooMuch
	}
	return n, err
}

// endless reports whether a packet begins a result with a column count of over two bytes.
func endless(head [5]byte) bool {
	length := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	return head[3] == 1 && (head[4] == 0xFD && length <= 5 || head[4] == 0xFE && length >= 9 && length <= 10)
}

// Try connects, looks at the columns, and reads nothing: what works but should
// not stay is told as warnings. Errors are *eml.Problem.
func (c *Config) Try(ctx context.Context) (warnings []string, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	server, err := c.connect()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.db.Close()) }()
	table, err := server.describe(ctx, c)
	if err != nil {
		p := pass{server: server}
		return nil, c.explain(p.why(ctx, err))
	}
	_, warnings = server.warnings(ctx, table)
	return warnings, nil
}
