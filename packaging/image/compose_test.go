package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// composeFile is of the Compose specification what the example uses; another key
// in it is an error.
type composeFile struct {
	Name     string
	Services map[string]service
	Networks map[string]struct {
		IPAM struct{ Config []map[string]string }
	}
	Volumes map[string]any
	Secrets map[string]map[string]string
}

type service struct {
	Image           string
	Restart         string
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	StopGracePeriod string   `yaml:"stop_grace_period"`
	Tmpfs           []string
	Volumes         []string
	Networks        []string
	Ports           []string
	Environment     map[string]string
	Secrets         []string
	Healthcheck     struct {
		Test        []string
		Interval    string
		Timeout     string
		Retries     int
		StartPeriod string `yaml:"start_period"`
	}
	DependsOn map[string]map[string]string `yaml:"depends_on"`
}

func compose(t *testing.T) composeFile {
	t.Helper()
	f, err := os.Open("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read
	var c composeFile
	in := yaml.NewDecoder(f)
	in.KnownFields(true)
	if err := in.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheComposeExampleIsConfined(t *testing.T) {
	p := compose(t).Services["pabal"]
	if !p.ReadOnly || !slices.Equal(p.CapDrop, []string{"ALL"}) || !slices.Contains(p.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("read_only %v, cap_drop %q, security_opt %q", p.ReadOnly, p.CapDrop, p.SecurityOpt)
	}
	for _, port := range p.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") || strings.HasSuffix(port, ":2525") {
			t.Errorf("%s is published", port)
		}
	}
	if grace, err := time.ParseDuration(p.StopGracePeriod); err != nil || grace < 30*time.Second {
		t.Errorf("it may take %q to stop, %v", p.StopGracePeriod, err)
	}
	want := running().Healthcheck
	if !slices.Equal(p.Healthcheck.Test, want.Test) || p.Healthcheck.Retries != want.Retries {
		t.Errorf("asks %q, the image %q", p.Healthcheck.Test, want.Test)
	}
}

func TestTheComposeExampleNamesWhatItHas(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		for _, secret := range s.Secrets {
			if _, found := c.Secrets[secret]; !found {
				t.Errorf("%s wants the secret %s", name, secret)
			}
		}
		for _, text := range s.Environment {
			if secret, is := strings.CutPrefix(text, "/run/secrets/"); is && !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s reads %s, which it does not get", name, text)
			}
		}
		for _, mount := range s.Volumes {
			if volume, _, _ := strings.Cut(mount, ":"); !slices.Contains(slices.Collect(maps.Keys(c.Volumes)), volume) {
				t.Errorf("%s wants the volume %s", name, volume)
			}
		}
		for other := range s.DependsOn {
			if _, found := c.Services[other]; !found {
				t.Errorf("%s waits for %s", name, other)
			}
		}
		for _, network := range s.Networks {
			if _, found := c.Networks[network]; !found {
				t.Errorf("%s wants the network %s", name, network)
			}
		}
	}
	network := c.Networks["mail"].IPAM.Config[0]
	got := c.Services["pabal"].Environment
	if got["PABAL_SMTP_NETWORKS"] != network["subnet"] || got["PABAL_WEB_PROXIES"] != network["gateway"]+"/32" {
		t.Errorf("%s may submit and %s is the proxy, the network is %v", got["PABAL_SMTP_NETWORKS"], got["PABAL_WEB_PROXIES"], network)
	}
}

// TestPabalTakesTheEnvironmentOfTheComposeExample has the real pabal check it,
// with what the image sets.
func TestPabalTakesTheEnvironmentOfTheComposeExample(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "pabal")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build pabal: %v\n%s", err, out)
	}
	check := exec.Command(program, "config", "check")
	check.Env = append(slices.Clone(running().Env), "XDG_CONFIG_HOME="+dir) // not the configuration of this host
	for name, text := range compose(t).Services["pabal"].Environment {
		if _, is := strings.CutPrefix(text, "/run/secrets/"); is {
			text = filepath.Join(dir, "secret")
			if err := os.WriteFile(text, []byte("shop:x@unix(/run/mysqld/mysqld.sock)/shop\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check.Env = append(check.Env, name+"="+text)
	}
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	check = exec.Command(program, "config", "check")
	check.Env = append(slices.Clone(running().Env), "XDG_CONFIG_HOME="+dir, "PABAL_SMTP_LISTEN=0.0.0.0:2525")
	if out, err := check.CombinedOutput(); err == nil || !strings.Contains(string(out), "whoever reaches it could send mail in your name") {
		t.Errorf("listening for everybody is taken: %v, %s", err, out)
	}
}

// TestSecretsOfTheComposeExampleStayOnTheHost: they are written beside the
// example, in a clone, where git and a builder would take them along.
func TestSecretsOfTheComposeExampleStayOnTheHost(t *testing.T) {
	for name, secret := range compose(t).Secrets {
		path := filepath.Join("packaging/image", secret["file"])
		cmd := exec.Command("git", "check-ignore", "-q", "--no-index", path)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("git would commit %s, the secret %s: %v %s", path, name, err, out)
		}
		ignored, err := os.ReadFile("../../.dockerignore")
		if err != nil || !slices.Contains(strings.Split(string(ignored), "\n"), filepath.Dir(path)) {
			t.Errorf("a builder would copy %s, the secret %s (%v)", path, name, err)
		}
	}
}
