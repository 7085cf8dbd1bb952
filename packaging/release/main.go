// Command sbom writes what a release of pabal is made of: a software bill of
// materials in CycloneDX 1.6 JSON, read from the binaries themselves, so that it
// names what was linked and not what go.mod would allow.
//
//	sbom VERSION BINARY... [MODULE@VERSION...]
//
// Binaries of several architectures become one list. A MODULE@VERSION is one whose
// data the container image holds. The same binaries give the same bytes: the time
// is SOURCE_DATE_EPOCH and the serial number is made of the content.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: sbom VERSION BINARY... [MODULE@VERSION...]")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Getenv("SOURCE_DATE_EPOCH"), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(out io.Writer, epoch, version string, sources []string) error {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH is no number of seconds: %w", err)
	}
	var parts []component
	for _, source := range sources {
		found, err := partsOf(source)
		if err != nil {
			return err
		}
		parts = append(parts, found...)
	}
	text, err := json.MarshalIndent(newBill(version, time.Unix(seconds, 0).UTC(), parts), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// The parts of CycloneDX 1.6 that are used; https://cyclonedx.org/docs/1.6/json/.
type (
	bill struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		Licenses   []choice   `json:"licenses,omitempty"`
		PURL       string     `json:"purl"`
		Properties []property `json:"properties,omitempty"`
	}
	choice struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// partsOf are the modules in a binary, the standard library with them; or the one
// that MODULE@VERSION names.
func partsOf(source string) ([]component, error) {
	if path, version, found := strings.Cut(source, "@"); found && !strings.HasPrefix(source, "/") && !strings.HasPrefix(source, ".") {
		return []component{newPart("library", path, version, property{"pabal:used", "data of the container image"})}, nil
	}
	info, err := buildinfo.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("read what %s was made of: %w", source, err)
	}
	parts := []component{newPart("library", "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		part := newPart("library", module.Path, module.Version)
		if module.Sum != "" {
			part.Properties = []property{{"go:sum", module.Sum}}
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func newPart(kind, path, version string, more ...property) component {
	purl := "pkg:golang/" + strings.ToLower(path) + "@" + url.QueryEscape(version) // lower case by the purl specification
	return component{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl, Properties: more}
}

func newBill(version string, when time.Time, parts []component) bill {
	slices.SortFunc(parts, func(a, b component) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	parts = slices.CompactFunc(parts, func(a, b component) bool { return a.Ref == b.Ref })
	whole := newPart("application", "pabal", version)
	license := choice{}
	license.License.ID = "MIT"
	whole.Licenses = []choice{license}
	uses := dependency{Ref: whole.Ref}
	all := []dependency{}
	serial := sha256.New()
	fmt.Fprintln(serial, whole.Ref, when.Unix())
	for _, part := range parts {
		fmt.Fprintln(serial, part)
		uses.DependsOn = append(uses.DependsOn, part.Ref)
		all = append(all, dependency{Ref: part.Ref})
	}
	return bill{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6",
		SerialNumber: uuidOf(serial.Sum(nil)), Version: 1, Metadata: metadata{when.Format(time.RFC3339), whole},
		Components: parts, Dependencies: append([]dependency{uses}, all...)}
}

// uuidOf is a UUID of version 8 (RFC 9562): of a hash of our own.
func uuidOf(sum []byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
