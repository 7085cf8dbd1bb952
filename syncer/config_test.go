package syncer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"pabal/eml"
)

func good() Config {
	return Config{DSN: "u:p@tcp(127.0.0.1:3306)/shop", Table: "users", SubscribedYes: []string{"true"},
		Columns: Columns{ID: "id", Email: "email", Subscribed: "ok"}}
}

func TestCheckRefusesWhatIsUnsafeOrCannotBe(t *testing.T) {
	if c := good(); c.Check() != nil {
		t.Fatal(c.Check())
	}
	for _, c := range []struct {
		want  string
		spoil func(*Config)
	}{
		{"no DSN", func(c *Config) { c.DSN = "" }},
		{"is not one", func(c *Config) { c.DSN = "secret" }},
		{"allowAllFiles", func(c *Config) { c.DSN += "?allowAllFiles=true" }},
		{"multiStatements", func(c *Config) { c.DSN += "?multiStatements=true" }},
		{"time_zone", func(c *Config) { c.DSN += "?time_zone=%27SYSTEM%27" }},
		{"compress", func(c *Config) { c.DSN += "?compress=true" }},
		{"names no database", func(c *Config) { c.DSN = "u:p@tcp(127.0.0.1:3306)/" }},
		{"checked TLS", func(c *Config) { c.DSN = "u:p@tcp(db.example.com:3306)/shop" }},
		{"checked TLS", func(c *Config) { c.DSN = "u:p@tcp(10.0.0.5:3306)/shop?tls=skip-verify" }},
		{"checked TLS", func(c *Config) { c.DSN = "u:p@tcp(10.0.0.5:3306)/shop?tls=preferred" }},
		{"checked TLS", func(c *Config) { c.DSN = "u:p@tcp(10.0.0.5:3306)/shop?tls=true&allowFallbackToPlaintext=true" }},
		{"no certificate", func(c *Config) { c.CAFile = "/nowhere.pem" }},
		{"mysql.table", func(c *Config) { c.Table = "" }},
		{"needs id", func(c *Config) { c.Columns.Subscribed = "" }},
		{"subscribed_yes", func(c *Config) { c.SubscribedYes = nil }},
		{"time of day", func(c *Config) { c.At = "25:00" }},
		{"mysql.every", func(c *Config) { c.Every = time.Millisecond }},
		{"control character", func(c *Config) { c.Columns.Name = "a\x00b" }},
		{"is empty", func(c *Config) { c.Table = "shop..users" }},
	} {
		config := good()
		c.spoil(&config)
		err := config.Check()
		if err == nil {
			_, err = config.driver()
		}
		var p *eml.Problem
		if !errors.As(err, &p) || !strings.Contains(p.What, c.want) || p.Hint == "" || strings.Contains(p.What, "secret") {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	for _, dsn := range []string{"u:p@tcp(db.example.com:3306)/shop?tls=true", "u:p@unix(/run/mysqld.sock)/shop", "u:p@tcp([::1]:3306)/shop", "u:p@tcp(localhost:3306)/shop"} {
		config := good()
		config.DSN = dsn
		if _, err := config.driver(); err != nil {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestTheConnectionIsPinnedToUTCAndUTF8(t *testing.T) {
	c := good()
	d, err := c.driver()
	if err != nil {
		t.Fatal(err)
	}
	if dsn := d.FormatDSN(); d.Params["time_zone"] != "'+00:00'" || !strings.Contains(dsn, "charset=utf8mb4") || d.ParseTime || !d.InterpolateParams || d.ReadTimeout == 0 || d.Timeout == 0 {
		t.Errorf("got %s", dsn)
	}
}

func TestReadDSNWantsAFileOfItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(path, []byte(" u:p@/db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadDSN(path); err != nil || got != "u:p@/db" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDSN(path); err == nil || !strings.Contains(err.Error(), "open to others") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadDSN(path + "x"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestNamesAreQuoted(t *testing.T) {
	c := good()
	c.Table = "shop.us`ers; DROP TABLE x"
	if got := c.source(); got != "`shop`.`us``ers; DROP TABLE x`" {
		t.Errorf("got %s", got)
	}
}

func TestAnotherSourceHasAnotherPlan(t *testing.T) {
	a, b := good(), good()
	b.DSN = "u:other@tcp(127.0.0.1:3307)/shop"
	if a.plan() != b.plan() {
		t.Error("another password is no other source")
	}
	b.Where = "x"
	if a.plan() == b.plan() {
		t.Error("a condition changes what is read")
	}
}

func TestProblemsHaveTwoParts(t *testing.T) {
	c := good()
	for _, n := range []uint16{1045, 1049, 1142, 1146, 1054, 1064, 1267, 1205, 3024, 1040, 3159, 9999} {
		var p *eml.Problem
		if err := c.explain(&mysql.MySQLError{Number: n, Message: "a\x1b[31m"}); !errors.As(err, &p) || p.Hint == "" || strings.Contains(p.What, "\x1b") {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestMoreThanRead(t *testing.T) {
	for grant, want := range map[string]string{
		"GRANT SELECT ON `shop`.* TO `u`@`%`":                              "",
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*1'":        "",
		"GRANT SELECT, INSERT (`a`), UPDATE ON `shop`.`x` TO `u`@`%`":      "INSERT",
		"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT ...": "ALL PRIVILEGES",
		"GRANT `role`@`%` TO `u`@`%`":                                      "",
	} {
		if got := moreThanRead(grant); got != want {
			t.Errorf("%s: got %q, want %q", grant, got, want)
		}
	}
}

func TestSecretsOfContainerEnginesMayBeReadByEveryoneInside(t *testing.T) {
	for _, c := range []struct {
		path string
		mode os.FileMode
		want bool
	}{
		{"/run/secrets/mysql-dsn", 0o444, false},
		{"/run/secrets/mysql-dsn", 0o666, true},
		{"/run/secrets/../dsn", 0o444, true},
		{"/etc/pabal/dsn", 0o440, true},
		{"/etc/pabal/dsn", 0o600, false},
	} {
		if got := openToOthers(c.path, c.mode); got != c.want {
			t.Errorf("%s with %04o: open to others %v, want %v", c.path, c.mode, got, c.want)
		}
	}
}
