//go:build release

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// buildah runs a command of buildah's in the store of the tests.
func buildah(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("buildah", append([]string{"--root", filepath.Join(scratch, "storage"), "--runroot", filepath.Join(scratch, "run")}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// goImage is an image that has Go, of this host's own: no registry is asked. What
// is in it are links into /usr, which the build mounts.
func goImage(t *testing.T) (name string, mounts []string) {
	t.Helper()
	root := t.TempDir()
	for _, link := range []string{"bin", "lib", "lib64", "sbin"} {
		if err := os.Symlink("usr/"+link, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"usr", "tmp", "go", "cache", "modules"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "env", "GOROOT", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	places := strings.Fields(string(out))
	work := buildah(t, "from", "scratch")
	buildah(t, "add", work, root, "/")
	buildah(t, "config", "--env", "PATH=/go/bin:/usr/bin:/bin", "--env", "GOCACHE=/cache", "--env", "GOMODCACHE=/modules", "--env", "GOPROXY=off", "--env", "GOTOOLCHAIN=local", "--env", "HOME=/tmp", work)
	buildah(t, "commit", "-q", work, "localhost/go")
	return "localhost/go", []string{"-v", "/usr:/usr:ro", "-v", places[0] + ":/go:ro", "-v", places[1] + ":/cache", "-v", places[2] + ":/modules:ro"}
}

// TestTheDockerfileMakesTheSame builds with an engine's builder and compares every
// file, its mode and its owner, and how a container runs.
func TestTheDockerfileMakesTheSame(t *testing.T) {
	layout, err := archive()
	if err != nil {
		t.Fatal(err)
	}
	base, mounts := goImage(t)
	args := append([]string{"bud", "-q", "--isolation=chroot", "--format=docker", "--network=host", "--build-arg", "GO_IMAGE=" + base, "--build-arg", "VERSION=1.2.3",
		"-f", "Dockerfile", "-t", "localhost/theirs"}, mounts...)
	buildah(t, append(args, "../..")...)
	podman(t, "load", "-q", "-i", layout)

	ours, theirs := filesOf(t, "localhost/pabal:1.2.3"), filesOf(t, "localhost/theirs")
	if len(ours) < 20 {
		t.Errorf("%d files in our image", len(ours))
	}
	if !maps.Equal(ours, theirs) {
		for path := range maps.Keys(union(ours, theirs)) {
			if ours[path] != theirs[path] {
				t.Errorf("%s: ours %q, the Dockerfile's %q", path, ours[path], theirs[path])
			}
		}
	}
	want, got := configOf(t, "localhost/pabal:1.2.3"), configOf(t, "localhost/theirs")
	for _, label := range []string{"created", "revision"} { // of the commit, which the builder is not told
		delete(want.Labels, "org.opencontainers.image."+label)
		delete(got.Labels, "org.opencontainers.image."+label)
	}
	delete(got.Labels, "io.buildah.version")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// configOf is how a container of an image runs, but for the health check, which
// podman does not keep of OCI images.
func configOf(t *testing.T, image string) settings {
	t.Helper()
	var said []struct{ Config settings }
	if err := json.Unmarshal([]byte(podman(t, "image", "inspect", image)), &said); err != nil || len(said) != 1 {
		t.Fatalf("%d images, %v", len(said), err)
	}
	c := said[0].Config
	c.Healthcheck = healthcheck{}
	return c
}

// filesOf are all files of an image: mode, owner and content by path.
func filesOf(t *testing.T, image string) map[string]string {
	t.Helper()
	root := podman(t, "image", "mount", image)
	defer podman(t, "image", "unmount", image)
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t)
		entry := fmt.Sprintf("%v %d:%d", info.Mode(), owner.Uid, owner.Gid)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			entry += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		all[strings.TrimPrefix(path, root)] = entry
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
