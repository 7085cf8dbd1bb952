package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pabal/eml"
)

func TestEverySettingCanBeReadFromAFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, err := load("", []string{
		"PABAL_SES_REGION_FILE=" + file("region", "us-east-1\n"),
		"PABAL_SES_CONCURRENCY_FILE=" + file("concurrency", "7\r\n"),
		"PABAL_SMTP_LISTEN_FILE=" + file("listen", "127.0.0.1:2500, [::1]:2500"),
		"PABAL_CAMPAIGN_COMPANY_FILE=" + file("company", "파발 상점\n"),
		"PABAL_CONFIG=" + file("pabal.toml", "[ses]\nregion = \"eu-west-1\"\n"),
		"AWS_SECRET_ACCESS_KEY_FILE=" + file("secret", "wJalr/K7\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SES.Region != "us-east-1" || cfg.SES.Concurrency != 7 || len(cfg.SMTP.Listen) != 2 || cfg.Campaign.Company != "파발 상점" {
		t.Errorf("got %q, %d, %q, %q", cfg.SES.Region, cfg.SES.Concurrency, cfg.SMTP.Listen, cfg.Campaign.Company)
	}
	if got := cfg.from.at("ses.region"); got != "PABAL_SES_REGION_FILE" {
		t.Errorf("ses.region is said to be from %s", got)
	}
	if cfg.aws["AWS_SECRET_ACCESS_KEY"] != "wJalr/K7" || len(cfg.aws) != 1 {
		t.Errorf("keys of AWS: %q", cfg.aws)
	}
}

// TestNoSettingIsMistakenForTheFileOfAnother guards the rule that NAME_FILE
// names a file for NAME: mysql.dsn_file is a setting of that name.
func TestNoSettingIsMistakenForTheFileOfAnother(t *testing.T) {
	names := map[string]bool{}
	for _, s := range defaults().settings() {
		names[s.variable()] = true
	}
	for name := range names {
		if plain, isFile := strings.CutSuffix(name, fileSuffix); isFile && names[plain] {
			t.Errorf("%s is a setting and the file of %s", name, plain)
		}
	}
}

func TestFilesOfTheEnvironmentThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "value")
	big, binary, pipe := filepath.Join(dir, "big"), filepath.Join(dir, "binary"), filepath.Join(dir, "pipe")
	for name, text := range map[string]string{path: "v", big: strings.Repeat("x", maxValueFile+1), binary: "a\x00b"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, env, what, hint string }{
		{"both", "PABAL_SES_REGION=x PABAL_SES_REGION_FILE=" + path, "PABAL_SES_REGION and PABAL_SES_REGION_FILE are both set", "one of them"},
		{"both, in the other order", "PABAL_SES_REGION_FILE=" + path + " PABAL_SES_REGION=", "both set", "one of them"},
		{"both keys", "AWS_ACCESS_KEY_ID=x AWS_ACCESS_KEY_ID_FILE=" + path, "AWS_ACCESS_KEY_ID and AWS_ACCESS_KEY_ID_FILE are both set", "one of them"},
		{"both DSNs", "PABAL_MYSQL_DSN=u:p@/db PABAL_MYSQL_DSN_FILE=" + path, "PABAL_MYSQL_DSN and PABAL_MYSQL_DSN_FILE are both set", "one of them"},
		{"missing", "PABAL_SES_REGION_FILE=" + path + "x", "PABAL_SES_REGION_FILE: stat", "value of PABAL_SES_REGION"},
		{"missing key", "AWS_SESSION_TOKEN_FILE=" + path + "x", "AWS_SESSION_TOKEN_FILE: stat", "value of AWS_SESSION_TOKEN"},
		{"folder", "PABAL_SES_REGION_FILE=" + dir, "is no file", "may read"},
		{"pipe", "PABAL_SES_REGION_FILE=" + pipe, "is no file", "may read"},
		{"large", "PABAL_SES_REGION_FILE=" + big, "larger than 64 KB", "may read"},
		{"binary", "PABAL_SES_REGION_FILE=" + binary, "is no text", "may read"},
		{"no setting", "PABAL_SES_REGOIN_FILE=" + path, "there is no setting PABAL_SES_REGOIN_FILE", "did you mean PABAL_SES_REGION?"},
		{"value out of range", "PABAL_SES_CONCURRENCY_FILE=" + path, "PABAL_SES_CONCURRENCY_FILE: ", "config init"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load("", strings.Fields(c.env))
			var problem *eml.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.What, c.what) || !strings.Contains(problem.Hint, c.hint) {
				t.Errorf("got %v, want %q with %q", err, c.what, c.hint)
			}
		})
	}
}

func TestKeysInFilesReachTheSDK(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "") // puts back what was there
	cfg, err := load("", []string{"AWS_ACCESS_KEY_ID_FILE=" + writeFile(t, "id", "AKIAEXAMPLE\n")})
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.useAWSFiles(); err != nil || os.Getenv("AWS_ACCESS_KEY_ID") != "AKIAEXAMPLE" {
		t.Errorf("the SDK sees %q, %v", os.Getenv("AWS_ACCESS_KEY_ID"), err)
	}
}
