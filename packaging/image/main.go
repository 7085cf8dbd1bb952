// Command image makes the container image of pabal: an OCI image for each
// architecture and one archive with all of them, without a container engine.
//
//	image archives FOLDER ARCHITECTURE=BINARY...
//	image rootfs BINARY FOLDER
//	image dockerfile
//
// archives writes pabal_VERSION_oci.tar, an OCI image layout whose index holds
// every architecture, and pabal_VERSION_ARCHITECTURE_image.tar for one each, which
// `docker load` of any version takes too. rootfs writes the same files below a
// folder, for the Dockerfile, which dockerfile prints.
//
// The same binaries give the same bytes: times are SOURCE_DATE_EPOCH, files stand
// in order, nothing of this host gets in. IMAGE_VERSION and IMAGE_REVISION stand in
// the labels.
//
// The image holds the static binary, which brings its time zones; the authorities
// that sign servers' certificates; a user without a name on any host (65532); and
// the folders that pabal writes to. The authorities are those of the Go module
// golang.org/x/crypto/x509roots/fallback, Mozilla's list: pinned and checked by
// go.sum, so that the image does not depend on how old the ca-certificates package
// of the host that builds it is.
//
// It is a module of its own, so that its modules are none of pabal's.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const usage = `usage: image archives FOLDER ARCHITECTURE=BINARY...
       image rootfs BINARY FOLDER
       image dockerfile
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "archives":
		b, err := buildOf(os.Getenv)
		if err != nil {
			return err
		}
		return archives(b, args[1], args[2:])
	case len(args) == 3 && args[0] == "rootfs":
		return rootfs(args[1], args[2])
	case len(args) == 1 && args[0] == "dockerfile":
		_, err := os.Stdout.WriteString(dockerfile())
		return err
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}

// build is which pabal is packed and when it is said to have been made.
type build struct {
	version  string // as pabal version says it
	revision string // the commit; "" leaves the label out
	epoch    time.Time
}

func buildOf(getenv func(string) string) (build, error) {
	seconds, err := strconv.ParseInt(getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return build{}, fmt.Errorf("SOURCE_DATE_EPOCH is no number of seconds: %w", err)
	}
	return build{cmp.Or(getenv("IMAGE_VERSION"), "unknown"), getenv("IMAGE_REVISION"), time.Unix(seconds, 0).UTC()}, nil
}

// tag is the version as engines take it: they know no "+".
func (b build) tag() string { return strings.ReplaceAll(b.version, "+", "-") }

// name is what a loaded image is called.
func (b build) name() string { return "localhost/pabal:" + b.tag() }

// archives writes the archive with all architectures and one of each.
func archives(b build, folder string, binaries []string) error {
	base, err := baseFiles()
	if err != nil {
		return err
	}
	var all []image
	for _, pair := range binaries {
		arch, path, found := strings.Cut(pair, "=")
		if !found || arch == "" {
			return fmt.Errorf("%q is not ARCHITECTURE=BINARY", pair)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		made, err := newImage(b, arch, base, []file{{path: binaryPath, mode: 0o755, data: program}})
		if err != nil {
			return fmt.Errorf("make the image of %s: %w", arch, err)
		}
		all = append(all, made)
	}
	for _, one := range all {
		if err := writeLayout(b, folder, one.platform.Architecture+"_image", one); err != nil {
			return err
		}
	}
	return writeLayout(b, folder, "oci", all...)
}

func writeLayout(b build, folder, suffix string, images ...image) error {
	files, err := layoutOf(b, images...)
	if err != nil {
		return err
	}
	return write(folder, "pabal_"+b.version+"_"+suffix+".tar", files)
}

// write makes a file whole or not at all.
func write(folder, name string, files []file) (err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, name)
	f, err := os.CreateTemp(folder, ".image")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = writeTar(f, time.Unix(0, 0), files)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
