package cli

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"pabal/eml"
)

// maxConfigBytes bounds what is read as a configuration.
const maxConfigBytes = 1 << 20

// origin remembers the file's text, so that a complaint can name its line.
type origin struct {
	path string
	text string
	env  map[string]string // key -> variable that set it
}

// at is where a key got its value: "pabal.toml:12", a variable's name, or the key alone.
func (o *origin) at(key string) string {
	if name, ok := o.env[key]; ok {
		return name
	}
	if line := lineOf(o.text, key); line > 0 {
		return o.path + ":" + strconv.Itoa(line)
	}
	return "configuration"
}

// set reports whether a key stands in the file or the environment.
func (o *origin) set(key string) bool {
	_, ok := o.env[key]
	return ok || lineOf(o.text, key) > 0
}

// load reads the file (path "" means the usual place, which may be missing),
// then the environment, and checks the whole.
func load(path string, environ []string) (*Config, error) {
	cfg, err := parse(path, environ)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.validate()
}

// configPath is the file that is read, and whether somebody named it: then it
// must be there.
func configPath(path string, environ []string) (file string, named bool) {
	if path == "" {
		path = variable(environ, "PABAL_CONFIG")
	}
	if path == "" {
		return defaultConfigPath(), false
	}
	return path, true
}

func parse(path string, environ []string) (*Config, error) {
	cfg := defaults()
	cfg.from = &origin{env: map[string]string{}}
	var named bool
	cfg.from.path, named = configPath(path, environ)
	if err := cfg.readFile(named); err != nil {
		return nil, err
	}
	if err := cfg.readEnv(environ); err != nil {
		return nil, err
	}
	cfg.fillTopics()
	if err := cfg.readCredential(environ); err != nil {
		return nil, err
	}
	return cfg, cfg.anchor()
}

// anchor makes paths absolute: one in the file is relative to the file's
// folder, one of the environment to the working directory.
func (c *Config) anchor() error {
	for key, path := range map[string]*string{"data_dir": &c.DataDir, "control.socket": &c.Control.Socket,
		"mysql.dsn_file": &c.MySQL.DSNFile, "mysql.ca_file": &c.MySQL.CAFile,
		"smtp.tls_certificate": &c.SMTP.TLSCertificate, "smtp.tls_key": &c.SMTP.TLSKey, "web.tls_certificate": &c.Web.TLSCertificate, "web.tls_key": &c.Web.TLSKey, "smtp.users_file": &c.SMTP.UsersFile,
		"smtp.submit_socket": &c.SMTP.SubmitSocket, "smtp.drop": &c.SMTP.Drop, "smtp.aliases": &c.SMTP.Aliases,
		"import.inbox": &c.Import.Inbox, "alert.webhook_secret_file": &c.Alert.WebhookSecretFile} {
		if strings.HasSuffix(key, ".tls_certificate") && *path == selfSigned {
			continue
		}
		if *path == "" || *path == automatic || filepath.IsAbs(*path) {
			continue
		}
		if c.from.env[key] == "" {
			*path = filepath.Join(filepath.Dir(c.from.path), *path)
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("find the place of %s: %w", key, err)
		}
		*path = absolute
	}
	return nil
}

func variable(environ []string, name string) string {
	for _, pair := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

func (c *Config) readFile(mustExist bool) error {
	path := c.from.path
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return nil
	}
	if err != nil {
		return &eml.Problem{What: "the configuration cannot be read: " + err.Error(), Hint: "make one with: pabal config init --config " + path, Err: err}
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0 {
		return &eml.Problem{What: path + " can be written by everyone on this host", Hint: "chmod o-w " + path}
	}
	if info.Size() > maxConfigBytes {
		return &eml.Problem{What: path + " is larger than 1 MB", Hint: "is it the right file?"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return &eml.Problem{What: "the configuration cannot be read: " + err.Error(), Hint: "the file should be 0640 and owned by root and the group of pabal", Err: err}
	}
	c.from.text = string(text)
	return c.decode()
}

func (c *Config) decode() error {
	meta, err := toml.Decode(c.from.text, c)
	if err != nil {
		return &eml.Problem{What: c.from.path + ":" + parseMessage(err), Hint: "compare with: pabal config init --print", Err: err}
	}
	for _, key := range meta.Undecoded() {
		name := strings.Join(key, ".")
		return &eml.Problem{What: fmt.Sprintf("%s:%d: there is no setting %s", c.from.path, lineOf(c.from.text, name), name),
			Hint: didYouMean(name, c.keys())}
	}
	return nil
}

// parserPlace is how the parser begins a complaint about a line.
var parserPlace = regexp.MustCompile(`^toml: line (\d+)(?: \(last key "([^"]*)"\))?: `)

// parseMessage turns `toml: line 3 (last key "ses.region"): …` into
// "3: ses.region: …".
func parseMessage(err error) string {
	text := err.Error()
	m := parserPlace.FindStringSubmatch(text)
	if m == nil {
		return " " + text
	}
	message := text[len(m[0]):]
	if m[2] != "" {
		message = m[2] + ": " + message
	}
	return m[1] + ": " + message
}

// setting is one key with the field that holds it.
type setting struct {
	key   string
	field reflect.Value
}

// settings are all keys in the order of the file.
func (c *Config) settings() []setting { return settingsOf("", reflect.ValueOf(c).Elem()) }

func settingsOf(prefix string, v reflect.Value) []setting {
	var out []setting
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		switch {
		case name == "":
		case v.Field(i).Kind() == reflect.Struct:
			out = append(out, settingsOf(prefix+name+".", v.Field(i))...)
		default:
			out = append(out, setting{prefix + name, v.Field(i)})
		}
	}
	return out
}

func (c *Config) keys() []string {
	var out []string
	for _, s := range c.settings() {
		out = append(out, s.key)
	}
	out = append(out, "topic.id", "topic.title_ko", "topic.title_en", "topic.commercial", "topic.default_on")
	return append(out, ruleKeys()...)
}

func (s setting) variable() string {
	return "PABAL_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

// set reads a value from text, a list at its commas.
func (s setting) set(text string) error {
	switch v := s.field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text))
	case *Topics:
		return v.setTopics(text)
	case *Routes:
		return v.setRoutes(text)
	}
	switch s.field.Kind() {
	case reflect.String:
		s.field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		s.field.SetBool(b)
		return err
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		s.field.SetInt(n)
		return err
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		s.field.SetFloat(f)
		return err
	case reflect.Slice:
		s.field.Set(reflect.ValueOf(splitList(text)))
	}
	return nil
}

func splitList(text string) []string {
	out := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

var (
	tableLine = regexp.MustCompile(`^\s*\[+\s*([^\]]+?)\s*\]+`)
	keyLine   = regexp.MustCompile(`^\s*([A-Za-z0-9_."' -]+?)\s*=`)
)

// lineOf finds where a dotted key stands in a TOML text, from 1; 0 if it does
// not. It looks for the key in its section, for the section itself, and for a
// dotted spelling, and is only used to say where something is.
func lineOf(text, key string) int {
	section, number := "", 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if m := tableLine.FindStringSubmatch(line); m != nil {
			section = strings.NewReplacer(`"`, "", " ", "").Replace(m[1])
			if section == key {
				return number
			}
			continue
		}
		if m := keyLine.FindStringSubmatch(line); m != nil {
			name := strings.NewReplacer(`"`, "", "'", "", " ", "").Replace(m[1])
			if section != "" {
				name = section + "." + name
			}
			if name == key {
				return number
			}
		}
	}
	return 0
}

// didYouMean proposes the nearest known name.
func didYouMean(name string, known []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "see all settings with: pabal config init --print"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		previous := row[0]
		row[0] = i + 1
		for j := range b {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j]+1, previous+1)
		}
	}
	return row[len(b)]
}
