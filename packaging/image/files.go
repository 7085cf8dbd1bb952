package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	binaryPath = "usr/bin/pabal"
	dataFolder = "/var/lib/pabal"

	// copyrightFile is that of the Debian package, seen from this folder, where
	// the program is run.
	copyrightFile = "../deb/copyright"

	// user is the number that scratch images usually run as: nobody's on a host.
	user = 65532
)

// file is one entry of a layer, a folder if its path ends with a slash.
type file struct {
	path  string // without a leading slash; folders end with one
	mode  int64
	owner int // user and group; 0 is root
	data  []byte
}

func (f file) folder() bool { return strings.HasSuffix(f.path, "/") }

// passwd and group have who runs pabal, so that `id` and HOME are sensible.
const (
	passwd = "root:x:0:0:root:/:/sbin/nologin\npabal:x:65532:65532:pabal:" + dataFolder + ":/sbin/nologin\n"
	group  = "root:x:0:\npabal:x:65532:\n"
)

// baseFiles is everything but the binary, parents before what is in them. Only
// what pabal has to write to belongs to its user: the data, the sockets, and /tmp.
func baseFiles() ([]file, error) {
	roots, err := authorities()
	if err != nil {
		return nil, err
	}
	copyright, err := os.ReadFile(copyrightFile)
	if err != nil {
		return nil, err
	}
	return []file{
		{path: "etc/", mode: 0o755},
		{path: "etc/group", mode: 0o644, data: []byte(group)},
		{path: "etc/pabal/", mode: 0o755},
		{path: "etc/passwd", mode: 0o644, data: []byte(passwd)},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: roots},
		{path: "run/", mode: 0o755},
		{path: "run/pabal/", mode: 0o750, owner: user},
		{path: "run/pabal-submit/", mode: 0o755, owner: user},
		{path: "tmp/", mode: 0o1777},
		{path: "usr/", mode: 0o755},
		{path: "usr/bin/", mode: 0o755},
		{path: "usr/share/", mode: 0o755},
		{path: "usr/share/doc/", mode: 0o755},
		{path: "usr/share/doc/pabal/", mode: 0o755},
		{path: "usr/share/doc/pabal/copyright", mode: 0o644, data: copyright},
		{path: "var/", mode: 0o755},
		{path: "var/lib/", mode: 0o755},
		{path: "var/lib/pabal/", mode: 0o700, owner: user},
	}, nil
}

// authorities are the certificates that sign those of servers, in PEM. One that is
// trusted for old certificates only is left out: a file cannot say so.
func authorities() ([]byte, error) {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if out.Len() == 0 {
		return nil, errors.New("there are no authorities")
	}
	return out.Bytes(), nil
}

// writeTar writes files with one time and without names of owners, so that only
// their content counts.
func writeTar(w io.Writer, when time.Time, files []file) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.data)), ModTime: when, Format: tar.FormatPAX}
		if f.folder() {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
		if _, err := t.Write(f.data); err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
	}
	return t.Close()
}

// rootfs writes the files of the image below a folder, as root: they belong to
// others.
func rootfs(binary, folder string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	files, err := baseFiles()
	if err != nil {
		return err
	}
	for _, f := range append(files, file{path: binaryPath, mode: 0o755, data: program}) {
		if err := place(folder, f); err != nil {
			return err
		}
	}
	return nil
}

func place(folder string, f file) error {
	path := filepath.Join(folder, f.path)
	mode := os.FileMode(f.mode & 0o777)
	if f.mode&0o1000 != 0 {
		mode |= os.ModeSticky
	}
	if f.folder() {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	} else if err := os.WriteFile(path, f.data, 0o644); err != nil {
		return err
	}
	if err := os.Chown(path, f.owner, f.owner); err != nil {
		return err
	}
	return os.Chmod(path, mode) // after chown, and whatever the umask
}
