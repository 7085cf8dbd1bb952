// Command deb makes a Debian package of an nfpm file in the working directory,
// whose sources stand below it. The same sources give the same bytes: times in
// the package are SOURCE_DATE_EPOCH.
//
//	deb FILE.yaml OUTPUT-FOLDER
//
// DEB_VERSION and DEB_ARCH stand in the files; DEB_COMPRESSION takes the place
// of theirs, for tests, which have no time for xz.
//
// It is a module of its own, so that nfpm's modules are none of pabal's.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: deb FILE.yaml OUTPUT-FOLDER")
		os.Exit(2)
	}
	path, err := pack(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintf(os.Stderr, "deb: make a package of %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// pack writes the package and returns its name. A package that could not be
// made leaves no file.
func pack(file, folder string) (path string, err error) {
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH is no number of seconds: %w", err)
	}
	config, err := nfpm.ParseFile(file)
	if err != nil {
		return "", err
	}
	info := &config.Info
	info.MTime = time.Unix(epoch, 0).UTC()
	info.Deb.Compression = cmp.Or(os.Getenv("DEB_COMPRESSION"), info.Deb.Compression)
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return "", err
	}
	packager, err := nfpm.Get("deb")
	if err != nil {
		return "", err
	}
	for _, c := range info.Contents {
		c.FileInfo.MTime = info.MTime
	}
	path = filepath.Join(folder, packager.ConventionalFileName(info))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := errors.Join(packager.Package(info, f), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}
