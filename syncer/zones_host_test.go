//go:build host

package syncer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pabal/eml"
)

// TestManyRowsOfOneSecondArePagedThrough: one statement gives more rows than a
// chunk holds the same update_at.
func TestManyRowsOfOneSecondArePagedThrough(t *testing.T) {
	w := newWorld(t)
	w.exec("INSERT INTO User (Email, Name, SubscriptionStatus, update_at) SELECT CONCAT('u', seq, '@example.com'), 'old', 'true', '2020-01-01' FROM seq_1_to_12000")
	w.sync(Order{})
	w.exec("UPDATE User SET Name = 'new'")
	got := w.sync(Order{})
	if got.Full || got.Updated != 12_000 || got.Read != 12_000 {
		t.Errorf("got %+v", got)
	}
	for email, sub := range w.people() {
		if sub.Name != "new" {
			t.Fatalf("%s is missed", email)
		}
	}
}

// TestTheServersZoneDoesNotMatter: it has another zone than ours, and than the
// shop, whose sessions write.
func TestTheServersZoneDoesNotMatter(t *testing.T) {
	w := newWorld(t)
	w.exec("SET GLOBAL time_zone = '-05:00'")
	defer w.exec("SET GLOBAL time_zone = SYSTEM")
	shop, err := sql.Open("mysql", "root@tcp("+shared.addr+")/"+w.name+"?time_zone=%27%2B09:00%27")
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	exec := func(query string) {
		t.Helper()
		if _, err := shop.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	for _, updated := range []string{"TIMESTAMP", "DATETIME", "TIMESTAMP(6)", "DATETIME(6)"} {
		exec("DROP TABLE IF EXISTS z")
		precision := updated[strings.IndexByte(updated+"(", '('):]
		now := "CURRENT_TIMESTAMP" + precision
		exec("CREATE TABLE z (id INT PRIMARY KEY, email VARCHAR(100), name VARCHAR(10), ok INT, since DATETIME, born TIMESTAMP NULL, u " + updated + " DEFAULT " + now + " ON UPDATE " + now + ", KEY (u))")
		exec("INSERT INTO z (id, email, name, ok, since, born, u) VALUES (1, 'a@example.com', 'old', 1, '2026-01-02 03:04:05', '2026-01-02 03:04:05', '2020-01-01')")
		for _, created := range []string{"since", "born"} {
			w.config.Table, w.config.Columns = "z", Columns{ID: "id", Email: "email", Name: "name", CreatedAt: created, UpdatedAt: "u", Subscribed: "ok"}
			w.sync(Order{Full: true})
			if at := w.people()["a@example.com"].CreatedAt; at.Format(time.RFC3339) != "2026-01-01T18:04:05Z" {
				t.Errorf("%s, created at (%s): got %v", updated, created, at)
			}
		}
		w.config.Overlap = time.Second
		exec("UPDATE z SET name = 'new'")
		if got := w.sync(Order{}); got.Full || got.Updated != 1 {
			t.Errorf("%s: a change is missed: %+v", updated, got)
		}
		w.want("+a@example.com new")
	}
}

func TestRowsWithoutAChangeTimeAreSeenByTheFullPass(t *testing.T) {
	w := newWorld(t)
	w.exec("SET sql_mode = ''; ALTER TABLE User MODIFY update_at TIMESTAMP NULL; INSERT INTO User (Email, Name, SubscriptionStatus, update_at) VALUES ('a@example.com', 'old', 'true', NULL), ('b@example.com', 'old', 'true', '2026-01-01'), ('c@example.com', 'old', 'true', '0000-00-00 00:00:00')")
	if got := w.sync(Order{}); got.Undated != 2 {
		t.Errorf("got %+v", got)
	}
	w.exec("UPDATE User SET Name = 'new'")
	if got := w.sync(Order{}); got.Full || got.Updated != 0 {
		t.Errorf("got %+v", got)
	}
	w.sync(Order{Full: true})
	w.want("+a@example.com new", "+b@example.com new", "+c@example.com new")
}

// TestTLSIsCheckedAgainstTheAuthority: the server speaks TLS with a certificate
// of an authority of its own, as RDS does.
func TestTLSIsCheckedAgainstTheAuthority(t *testing.T) {
	dir := t.TempDir()
	ca, server, key := certificates(t, dir, "db.example.com")
	secure, err := startMariaDB(dir, "--ssl-ca="+ca, "--ssl-cert="+server, "--ssl-key="+key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(secure.stop)
	w := newWorldOn(t, secure)
	w.exec("INSERT INTO User (Email, SubscriptionStatus) VALUES ('a@example.com', 'true'); ALTER USER " + w.name + "@'127.0.0.1' REQUIRE SSL")
	failing := func(what string) {
		t.Helper()
		_, err := w.syncer().Sync(context.Background(), Order{})
		var problem *eml.Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.What, what) {
			t.Errorf("got %v, want %q", problemText(err), what)
		}
	}
	failing("does not let us in") // without TLS
	w.config.CAFile = ca
	w.sync(Order{})
	w.want("+a@example.com")
	other := t.TempDir()
	w.config.CAFile, _, _ = certificates(t, other, "db.example.com")
	failing("is not trusted")
	// Of the right authority, for another server.
	w.config.CAFile = ca
	w.config.DSN = strings.Replace(w.config.DSN, "127.0.0.1", "localhost", 1)
	failing("is not trusted")
}

// certificates are an authority, a certificate of it for a name and for
// 127.0.0.1, and its key, as files.
func certificates(t *testing.T, dir, name string) (ca, server, key string) {
	t.Helper()
	write := func(file, kind string, der []byte) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	make := func(c, parent *x509.Certificate, k, signer *ecdsa.PrivateKey) []byte {
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	keys := [2]*ecdsa.PrivateKey{}
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca = write("ca.pem", "CERTIFICATE", make(root, root, keys[0], keys[0]))
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	server = write("server.pem", "CERTIFICATE", make(leaf, root, keys[1], keys[0]))
	der, err := x509.MarshalPKCS8PrivateKey(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	return ca, server, write("key.pem", "PRIVATE KEY", der)
}
