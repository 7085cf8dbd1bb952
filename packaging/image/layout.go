package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// image is one of an architecture with its blobs.
type image struct {
	platform platform
	manifest descriptor
	config   descriptor
	layers   []descriptor
	blobs    []file
}

// newImage makes one of layers, the lowest first.
func newImage(b build, arch string, layers ...[]file) (image, error) {
	made := image{platform: platform{arch, "linux"}}
	c := imageConfig{Created: b.epoch.Format(time.RFC3339), Architecture: arch, OS: "linux", Config: running(), RootFS: diffs{Type: "layers"}}
	c.Config.Labels = labels(b)
	for _, files := range layers {
		packed, diff, err := packLayer(b, files)
		if err != nil {
			return image{}, err
		}
		made.layers = append(made.layers, made.add(typeLayer, packed))
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, diff)
		c.History = append(c.History, history{c.Created, "pabal: " + files[len(files)-1].path})
	}
	var err error
	if made.config, err = made.addJSON(typeConfig, c); err != nil {
		return image{}, err
	}
	made.manifest, err = made.addJSON(typeManifest, manifest{SchemaVersion: 2, MediaType: typeManifest, Config: made.config, Layers: made.layers, Annotations: labels(b)})
	made.manifest.Platform = &made.platform
	return made, err
}

// packLayer returns a compressed layer and the digest of what it holds.
func packLayer(b build, files []file) (packed []byte, diff string, err error) {
	var plain, out bytes.Buffer
	if err := writeTar(&plain, b.epoch, files); err != nil {
		return nil, "", err
	}
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	if _, err := z.Write(plain.Bytes()); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), digest(plain.Bytes()), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (i *image) add(mediaType string, data []byte) descriptor {
	d := descriptor{MediaType: mediaType, Digest: digest(data), Size: int64(len(data))}
	i.blobs = append(i.blobs, file{path: blobPath(d.Digest), mode: 0o644, data: data})
	return d
}

func (i *image) addJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, fmt.Errorf("write %s: %w", mediaType, err)
	}
	return i.add(mediaType, data), nil
}

func blobPath(digest string) string { return "blobs/sha256/" + digest[len("sha256:"):] }

// layoutOf is the OCI image layout of one image, or of an index with several.
func layoutOf(b build, images ...image) ([]file, error) {
	holder := image{}
	var all []descriptor
	for _, i := range images {
		holder.blobs = append(holder.blobs, i.blobs...)
		all = append(all, i.manifest)
	}
	top := all[0]
	if len(all) > 1 {
		var err error
		if top, err = holder.addJSON(typeIndex, index{2, typeIndex, all}); err != nil {
			return nil, err
		}
	}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": b.tag(), "io.containerd.image.name": b.name()}
	slices.SortFunc(holder.blobs, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	holder.blobs = slices.CompactFunc(holder.blobs, func(a, b file) bool { return a.path == b.path }) // layers in common
	entry, err := json.Marshal(index{2, typeIndex, []descriptor{top}})
	if err != nil {
		return nil, err
	}
	files := append([]file{{path: "blobs/", mode: 0o755}, {path: "blobs/sha256/", mode: 0o755}}, holder.blobs...)
	files = append(files, file{path: "index.json", mode: 0o644, data: entry}, file{path: "oci-layout", mode: 0o644, data: []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	if len(images) == 1 {
		old, err := dockerManifest(b, images[0])
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: "manifest.json", mode: 0o644, data: old})
	}
	return files, nil
}

// dockerManifest is what Docker looks for in an archive; of one image only.
func dockerManifest(b build, i image) ([]byte, error) {
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	e := entry{Config: blobPath(i.config.Digest), RepoTags: []string{b.name()}}
	for _, l := range i.layers {
		e.Layers = append(e.Layers, blobPath(l.Digest))
	}
	return json.Marshal([]entry{e})
}
