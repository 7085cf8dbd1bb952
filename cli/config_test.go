package cli

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pabal/audience"
	"pabal/eml"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInitialConfigHasEverySettingWithItsDefault(t *testing.T) {
	path := writeFile(t, "pabal.toml", initialConfig())
	cfg, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := defaults().settings()
	for i, s := range cfg.settings() {
		if got, want := s.field.Interface(), plain[i].field.Interface(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v in the file, %v by default", s.key, got, want)
		}
		if s.key != "topic" && s.key != "route" && lineOf(cfg.from.text, s.key) == 0 {
			t.Errorf("%s is not in the file", s.key)
		}
	}
}

func TestConfigComplaintsNamePlaceAndRemedy(t *testing.T) {
	for _, c := range []struct{ name, text, env, what, hint string }{
		{"unknown key", "[ses]\nregoin = \"x\"\n", "", "pabal.toml:2: there is no setting ses.regoin", "did you mean ses.region?"},
		{"unknown section", "data_dir = \"/d\"\n\n[sess]\nregion = \"x\"\n", "", "pabal.toml:3: there is no setting sess", ""},
		{"wrong type", "[ses]\n\nrate_share = \"fast\"\n", "", "pabal.toml:3: ", "config init"},
		{"broken text", "[ses\nregion = 1\n", "", "pabal.toml:2: ", "config init"},
		{"bad size", "body_memory = \"many\"\n", "", "pabal.toml:1: ", "config init"},
		{"out of range", "[ses]\nrate_share = 2.0\n", "", "pabal.toml:2: ses.rate_share is 2", "at most 1"},
		{"more than SES takes", "body_memory = \"256MB\"\n[smtp]\nmax_message_size = \"40MB\"\n", "", "pabal.toml:3: smtp.max_message_size", "base64"},
		{"bad zone", "[campaign]\ntimezone = \"Asia/Seol\"\n", "", `pabal.toml:2: campaign.timezone "Asia/Seol" is not a time zone`, "Asia/Seoul"},
		{"open relay", "[smtp]\nlisten = [\"0.0.0.0:25\"]\n", "", "pabal.toml:2: smtp.listen", "127.0.0.1"},
		{"mysql attribute", "[mysql]\nattributes = [\"grade\"]\n", "", "pabal.toml:2: mysql.attributes", "grade=grade"},
		{"mysql without consent", "[mysql]\ndsn_file = \"/etc/dsn\"\n[mysql.columns]\nsubscribed = \"\"\n", "", "mysql.columns needs id, email and subscribed", ""},
		{"mysql too old", "[mysql]\nmax_age_at_start = \"0s\"\n", "", "pabal.toml:2: mysql.max_age_at_start", "1h"},
		{"topic without a title", "[[topic]]\nid = \"sale\"\ntitle_en = \"Sale\"\n", "", "topic.title_ko of topic 1 is empty", "title_ko"},
		{"topic twice", "[[topic]]\nid = \"a\"\ntitle_ko = \"x\"\ntitle_en = \"x\"\n[[topic]]\nid = \"a\"\ntitle_ko = \"x\"\ntitle_en = \"x\"\n", "", `topic.id of topic 2 is "a"`, "of its own"},
		{"topic's name", "[[topic]]\nid = \"세일\"\ntitle_ko = \"x\"\ntitle_en = \"x\"\n", "", `pabal.toml:2: topic.id of topic 1 is "세일"`, "lower-case"},
		{"unknown key of a topic", "[[topic]]\nid = \"a\"\ntitle_kr = \"x\"\n", "", "pabal.toml:3: there is no setting topic.title_kr", "did you mean topic.title_ko?"},
		{"topics in the environment", "", `PABAL_TOPIC=[{id="a",title_ko="x",title="y"}]`, "PABAL_TOPIC: ", "config init"},
		{"no queue", "[feedback]\nsqs_queue_url = \"https://sqs\"\n", "", "pabal.toml:2: feedback.sqs_queue_url \"https://sqs\" is not the URL of a queue", "pabal feedback setup"},
		{"poll too often", "[feedback]\nsuppression_poll = \"1s\"\n", "", "pabal.toml:2: feedback.suppression_poll is under 10s", "0s"},
		{"bad mailbox", "[campaign]\nfrom = \"shop\"\n", "", "pabal.toml:2: campaign.from", "shop@example.com"},
		{"environment typo", "", "PABAL_SES_REGOIN=x", "there is no setting PABAL_SES_REGOIN", "did you mean PABAL_SES_REGION?"},
		{"environment value", "", "PABAL_SES_CONCURRENCY=x", "PABAL_SES_CONCURRENCY: ", "config init"},
		{"environment out of range", "", "PABAL_SES_RATE_SHARE=0", "PABAL_SES_RATE_SHARE: ses.rate_share is 0", "above 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(writeFile(t, "pabal.toml", c.text), strings.Fields(c.env))
			var problem *eml.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("got %v, want a problem", err)
			}
			if !strings.Contains(problem.What, c.what) {
				t.Errorf("what: %q does not contain %q", problem.What, c.what)
			}
			if problem.Hint == "" || !strings.Contains(problem.Hint, c.hint) {
				t.Errorf("hint: %q does not contain %q", problem.Hint, c.hint)
			}
		})
	}
}

func TestEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := writeFile(t, "pabal.toml", "[ses]\nregion = \"from-file\"\nendpoint = \"http://127.0.0.1:1\"\n[smtp]\nmax_message_size = \"1MB\"\n")
	cfg, err := load(path, []string{"PABAL_SES_REGION=from-env", "PABAL_SMTP_LISTEN=127.0.0.1:1, 127.0.0.1:2", "PABAL_BODY_MEMORY=128MB",
		"PABAL_CAMPAIGN_TIMEZONE=UTC", "PABAL_MYSQL_TRUST_RESUBSCRIBE=false"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.SES.Region != "from-env" || cfg.SES.Endpoint != "http://127.0.0.1:1" || cfg.SES.RateShare != 0.9 {
		t.Errorf("got %+v", cfg.SES)
	}
	if len(cfg.SMTP.Listen) != 2 || cfg.SMTP.MaxMessageSize != 1<<20 || cfg.BodyMemory != 128<<20 {
		t.Errorf("got %+v, body memory %d", cfg.SMTP, cfg.BodyMemory)
	}
	if !cfg.sesOnLoopback() || cfg.zone() != time.UTC {
		t.Errorf("loopback %v, zone %v", cfg.sesOnLoopback(), cfg.zone())
	}
}

func TestRelativePathsAreOfTheFileOrOfTheEnvironment(t *testing.T) {
	path := writeFile(t, "pabal.toml", "data_dir = \"store\"\n[control]\nsocket = \"run/c.sock\"\n")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := load(path, []string{"PABAL_CONTROL_SOCKET=try/c.sock"})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "store"); cfg.DataDir != want {
		t.Errorf("data_dir is %s, want %s", cfg.DataDir, want)
	}
	if want := filepath.Join(here, "try/c.sock"); cfg.Control.Socket != want {
		t.Errorf("control.socket is %s, want %s", cfg.Control.Socket, want)
	}
	t.Chdir(filepath.Dir(path))
	if cfg, err = load("pabal.toml", nil); err != nil || cfg.Control.Socket != filepath.Join(filepath.Dir(path), "run/c.sock") {
		t.Errorf("the file itself named relatively: %v, %v", cfg, err)
	}
}

func TestFileThatEverybodyMayWriteIsRefused(t *testing.T) {
	path := writeFile(t, "pabal.toml", "")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := load(path, nil); err == nil || !strings.Contains(err.Error(), "can be written by everyone") {
		t.Errorf("got %v", err)
	}
}

func TestNamedFileMustExist(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.toml")
	for _, load := range []func() (*Config, error){
		func() (*Config, error) { return load(missing, nil) },
		func() (*Config, error) { return load("", []string{"PABAL_CONFIG=" + missing}) },
	} {
		if _, err := load(); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want that the file is missing", err)
		}
	}
}

func TestMaskHidesPasswords(t *testing.T) {
	cfg := defaults()
	cfg.SES.Endpoint = "https://user:secret@ses.example.com"
	cfg.mask()
	if strings.Contains(cfg.SES.Endpoint, "secret") {
		t.Errorf("got %s", cfg.SES.Endpoint)
	}
}

func TestUnitsReadWhatTheyWrite(t *testing.T) {
	for text, want := range map[string]Size{"64MB": 64 << 20, "1 gb": 1 << 30, "512KB": 512 << 10, "17": 17, "0": 0} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: got %d, %v, want %d", text, s, err, want)
		}
		written, err := s.MarshalText()
		var again Size
		if err != nil || again.UnmarshalText(written) != nil || again != s {
			t.Errorf("%q was written as %q", text, written)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1.5MB", "10ZB", "99999999999GB"} {
		var s Size
		if s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was read as %d", text, s)
		}
	}
	for text, want := range map[string]string{"10m": "10m", "1h": "1h", "90s": "1m30s", "0s": "0s", "1h30m": "1h30m", "20m": "20m"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, _ := d.MarshalText(); string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(defaultFile)
	f.Add("[ses]\nregoin=1")
	f.Add("a.b.c = [[1]]\n[[x]]\n")
	f.Add("[mysql.columns]\nid = 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg := defaults()
		cfg.from = &origin{path: "f", text: text, env: map[string]string{}}
		if err := cfg.decode(); err == nil {
			_ = cfg.validate()
		}
	})
}

func TestTopicsAreTheSameInFileAndEnvironment(t *testing.T) {
	const file = "[[topic]]\nid = \"sale\"\ntitle_ko = \"세일\"\ntitle_en = \"Sale\"\n\n[[topic]]\nid = \"terms\"\ntitle_ko = \"약관\"\ntitle_en = \"Terms\"\ncommercial = false\ndefault_on = false\n"
	const line = `PABAL_TOPIC=[{id = "sale", title_ko = "세일", title_en = "Sale"}, {id = "terms", title_ko = "약관", title_en = "Terms", commercial = false, default_on = false}]`
	want := []audience.Topic{{ID: "sale", Korean: "세일", English: "Sale", Commercial: true, Default: true}, {ID: "terms", Korean: "약관", English: "Terms"}}
	for name, in := range map[string]struct {
		text string
		env  []string
	}{"file": {file, nil}, "environment": {"", []string{line}}, "environment over file": {"[[topic]]\nid = \"old\"\ntitle_ko = \"x\"\ntitle_en = \"x\"\n", []string{line}}} {
		cfg, err := load(writeFile(t, "pabal.toml", in.text), in.env)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := cfg.topics(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
