package smtpd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"sync/atomic"
	"time"

	"pabal/eml"
)

const (
	selfSignedFor = 10 * 365 * 24 * time.Hour
	selfSignedGap = 30 * 24 * time.Hour // one that ends sooner is made anew
)

// Certificate is what a server shows clients over TLS, this one or another of
// the daemon. It may be reloaded while it is in use; Reload and Changed are not
// to be called at the same time.
type Certificate struct {
	section           string // of the configuration, for messages
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	read              [2]stamp // of the files, when they were last read
}

// LoadCertificate reads a certificate with its chain, and its key, as PEM files.
// Section is that of the configuration whose tls_certificate and tls_key they are.
func LoadCertificate(section, certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{section: section, certFile: certFile, keyFile: keyFile}
	return c, c.Reload()
}

// SelfSigned is the certificate in a file of ours, made now if it is not there
// or ends within 30 days. It proves nothing, but keeps listeners out.
func SelfSigned(section, file, hostname string) (*Certificate, error) {
	c := &Certificate{section: section, certFile: file, keyFile: file}
	err := c.Reload()
	if err == nil && time.Until(c.Ends()) > selfSignedGap {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text, err := selfSign(hostname)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(file, text); err != nil {
		return nil, &eml.Problem{What: "the self-signed certificate cannot be kept: " + err.Error(), Hint: "see that the folder can be written", Err: err}
	}
	return c, c.Reload()
}

// Reload reads the files again. On an error the certificate stays as it is.
func (c *Certificate) Reload() error {
	c.read = c.stamps() // before they are read: what is written meanwhile is another change
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &eml.Problem{What: "the certificate of [" + c.section + "] cannot be used: " + err.Error(),
			Hint: c.section + ".tls_certificate is a PEM file with the certificate and its chain, " + c.section + ".tls_key one with its key; both must be readable for pabal", Err: err}
	}
	c.current.Store(&pair)
	return nil
}

// Changed reports whether one of the files is another than when Reload last read
// it, whatever that led to.
func (c *Certificate) Changed() bool { return c.stamps() != c.read }

// stamps are those of both files now; of one that cannot be seen it is zero.
func (c *Certificate) stamps() (now [2]stamp) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			now[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return now
}

// Leaf is the certificate itself, without its chain.
func (c *Certificate) Leaf() *x509.Certificate { return c.current.Load().Leaf }

// Ends is when the certificate is no longer valid.
func (c *Certificate) Ends() time.Time { return c.Leaf().NotAfter }

// Config is the TLS of a server with this certificate: 1.2 and later.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// selfSign is a new key and a certificate for it, as one PEM text.
func selfSign(hostname string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: eml.Cut(hostname, 64)},
		DNSNames:     []string{hostname, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.Add(selfSignedFor),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}
