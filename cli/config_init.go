package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"pabal/eml"
)

const (
	dsnFile       = "mysql-dsn"              // beside the configuration
	systemSecrets = "/etc/pabal/credentials" // systemd hands what is in it to the service
	systemGroup   = "pabal"                  // may read the configuration
)

// initialization is one config init: the answers so far, and what becomes of
// them. Nothing is written before the last answer.
type initialization struct {
	a       *app
	path    string
	secrets string // folder for the DSN; "" is that of path
	force   bool
	cfg     *Config         // the defaults with the answers
	given   map[string]bool // keys that a flag or a person has answered
	kept    map[string]bool // keys that the file there has set
	dsn     string          // typed; "" for none
}

func (a *app) configInit() *cobra.Command {
	var onlyPrint, ask, try bool
	i := &initialization{a: a, given: map[string]bool{}, kept: map[string]bool{}}
	flags := map[string]*string{}
	cmd := a.command("init", "Write a configuration with every setting; on a terminal it asks for what a first run needs",
		"pabal config init\npabal config init --from '파발 상점 <shop@example.com>' --public-url https://mail.example.com --operator ops@example.com",
		func(ctx context.Context, _ []string) error {
			i.cfg = defaults()
			i.cfg.from = &origin{env: map[string]string{}}
			if onlyPrint {
				_, err := fmt.Fprint(a.stdout, initialConfig())
				return err
			}
			i.place()
			if i.force {
				i.keep()
			}
			if err := i.takeFlags(flags); err != nil {
				return err
			}
			return i.run(ctx, ask, try)
		})
	cmd.Long = "Write a configuration with every setting, its default and a comment. On a terminal it asks for what a first\n" +
		"run needs, a question at a time, but for what a flag has answered; elsewhere flags alone count. Nothing is\n" +
		"written before the last answer, and what is written has been checked."
	cmd.Flags().BoolVar(&onlyPrint, "print", false, "write the defaults to stdout, and no file")
	cmd.Flags().BoolVar(&ask, "ask", true, "ask on a terminal; --ask=false leaves defaults where no flag says otherwise")
	cmd.Flags().BoolVar(&i.force, "force", false, "write over a configuration that is there, and keep a copy of it")
	cmd.Flags().BoolVar(&try, "try-mysql", false, "connect to MySQL before anything is written")
	for _, q := range questions() {
		flags[q.key] = cmd.Flags().String(q.flag, "", q.usage)
	}
	return cmd
}

// initialConfig is the default file with the places this user has.
func initialConfig() string {
	d := defaults()
	return strings.NewReplacer(`"/var/lib/pabal"`, fmt.Sprintf("%q", d.DataDir),
		`"/run/pabal/control.sock"`, fmt.Sprintf("%q", d.Control.Socket)).Replace(defaultFile)
}

// place finds out which file to write.
func (i *initialization) place() {
	i.path = i.a.configPath
	if i.path == "" {
		i.path = variable(i.a.environ, "PABAL_CONFIG")
	}
	if i.path == "" {
		i.path = defaultConfigPath()
	}
	if _, err := os.Stat(systemSecrets); i.path == systemConfig && err == nil {
		i.secrets = systemSecrets
	}
}

// keep begins with what the file there says, if it can be used; otherwise a copy
// of it is all that stays.
func (i *initialization) keep() {
	old, err := load(i.path, nil)
	if err != nil {
		return
	}
	now := i.cfg.settings()
	for n, s := range old.settings() {
		if old.from.set(s.key) {
			now[n].field.Set(s.field)
			i.kept[s.key] = true
		}
	}
}

// takeFlags takes the answers of the command line.
func (i *initialization) takeFlags(flags map[string]*string) error {
	for _, q := range questions() {
		text := *flags[q.key]
		if text == "" {
			continue
		}
		answer := i.answer
		if q.key == "mysql.dsn_file" {
			answer = i.answerFile
		}
		if err := answer(q.key, text); err != nil {
			what, hint := parts(err)
			return usage("--"+q.flag+": "+what, hint)
		}
	}
	return nil
}

// answerFile takes one that names a file: what is typed is seen from this
// folder, the setting from the configuration's.
func (i *initialization) answerFile(key, path string) error {
	if path != "" {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		path = absolute
	}
	return i.answer(key, path)
}

// answer takes one setting, if the check of the whole configuration does.
func (i *initialization) answer(key, text string) error {
	next := *i.cfg
	for _, s := range next.settings() {
		if s.key != key {
			continue
		}
		if err := s.set(text); err != nil {
			return &eml.Problem{What: err.Error(), Hint: "see the form with: pabal config init --print", Err: err}
		}
	}
	if err := next.validate(); err != nil {
		if problem, ok := errors.AsType[*eml.Problem](err); ok {
			return &eml.Problem{What: strings.TrimPrefix(problem.What, "configuration: "), Hint: problem.Hint, Err: err}
		}
		return err
	}
	i.cfg, i.given[key] = &next, true
	return nil
}

func (i *initialization) run(ctx context.Context, ask, try bool) error {
	ask = ask && isTerminal(i.a.stdin) && isTerminal(i.a.stderr)
	if err := i.mayWrite(ask); err != nil {
		return err
	}
	if ask {
		if err := newAsker(i).all(ctx); err != nil {
			return err
		}
	} else if try {
		if err := i.try(ctx); err != nil {
			return err
		}
	}
	return i.write()
}

// mayWrite refuses where there is a file that somebody has edited. The one that
// the package brought holds nothing of anybody's.
func (i *initialization) mayWrite(ask bool) error {
	text, err := os.ReadFile(i.path)
	switch pristine := string(text) == defaultFile || string(text) == initialConfig(); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &eml.Problem{What: i.path + " cannot be read: " + err.Error(), Hint: "run this as root, or name another file: --config", Err: err}
	case i.force, pristine && (ask || len(i.given) > 0):
		return nil
	}
	return &eml.Problem{What: i.path + " is there already", Hint: "edit it (every setting: pabal config init --print), or write it anew and keep a copy: --force", Err: fs.ErrExist}
}

// try connects to MySQL as the answers say.
func (i *initialization) try(ctx context.Context) error {
	if !i.cfg.syncs() {
		return usage("--try-mysql without a DSN", "name the file with it: --mysql-dsn-file FILE")
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	source := i.cfg.source()
	_, err := source.Try(ctx)
	return err
}

// initialized is what config init says in JSON.
type initialized struct {
	Config   string   `json:"config"`
	DSNFile  string   `json:"dsn_file,omitempty"` // written; what it holds is a secret
	Copies   []string `json:"copies"`             // of what was there before
	Warnings []string `json:"warnings"`
	Next     []string `json:"next"` // commands
}

// write puts the files in their places: the DSN first, so that no configuration
// names a file that is not there.
func (i *initialization) write() error {
	done := initialized{Config: i.path, Copies: []string{}}
	if err := os.MkdirAll(filepath.Dir(i.path), 0o750); err != nil {
		return err
	}
	if i.dsn != "" {
		done.DSNFile = filepath.Join(i.secrets, dsnFile)
		i.cfg.MySQL.DSNFile, i.given["mysql.dsn_file"] = "", true // systemd hands it over
		if i.secrets == "" {
			done.DSNFile = filepath.Join(filepath.Dir(i.path), dsnFile)
			i.cfg.MySQL.DSNFile = dsnFile
		}
	}
	text, err := i.text()
	if err != nil {
		return err
	}
	if i.dsn != "" {
		if err := i.put(done.DSNFile, i.dsn+"\n", 0o600, &done); err != nil {
			return err
		}
	}
	if err := i.put(i.path, text, 0o640, &done); err != nil {
		if i.dsn != "" && !slices.ContainsFunc(done.Copies, func(c string) bool { return strings.HasPrefix(c, done.DSNFile+".") }) {
			err = errors.Join(err, os.Remove(done.DSNFile)) // nobody would know of it
		}
		return err
	}
	cfg, err := load(i.path, nil)
	if err != nil {
		return fmt.Errorf("load what was written: %w", err)
	}
	done.Warnings = cfg.warnings()
	return i.report(done)
}

// text is the commented file with the answers in their lines.
func (i *initialization) text() (string, error) {
	text := initialConfig()
	for _, s := range i.cfg.settings() {
		if !i.given[s.key] && !i.kept[s.key] {
			continue
		}
		var err error
		if s.key == "topic" || s.key == "route" {
			text, err = withTables(text, s.key, s.field.Interface())
		} else {
			text, err = withSetting(text, s.key, s.field.Interface())
		}
		if err != nil {
			return "", err
		}
	}
	return text, i.check(text)
}

// check is what load would say of a text, before it is a file.
func (i *initialization) check(text string) error {
	cfg := defaults()
	cfg.from = &origin{path: i.path, text: text, env: map[string]string{}}
	if err := cfg.decode(); err != nil {
		return err
	}
	cfg.fillTopics()
	if err := cfg.anchor(); err != nil {
		return err
	}
	return cfg.validate()
}

// withTables is a file with the tables of an array behind it.
func withTables(text, key string, tables any) (string, error) {
	var out bytes.Buffer
	enc := toml.NewEncoder(&out)
	enc.Indent = ""
	if err := enc.Encode(map[string]any{key: tables}); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	return text + "\n" + out.String(), nil
}

var valueLine = regexp.MustCompile(`^([a-z0-9_]+ = )(.*?)(?:\s+(# .*))?$`)

const commentColumn = 32 // of the default file

// withSetting is a file with another value in a key's line.
func withSetting(text, key string, value any) (string, error) {
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(map[string]any{"v": value}); err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	lines, number := strings.Split(text, "\n"), lineOf(text, key)
	m := []string(nil)
	if number > 0 {
		m = valueLine.FindStringSubmatch(lines[number-1])
	}
	if m == nil {
		return "", fmt.Errorf("the default file has no line for %s", key)
	}
	line := m[1] + strings.TrimPrefix(strings.TrimSpace(out.String()), "v = ")
	if m[3] != "" {
		line += strings.Repeat(" ", max(2, commentColumn-cells(line))) + m[3]
	}
	lines[number-1] = line
	return strings.Join(lines, "\n"), nil
}

// put replaces a file at once: whoever reads it sees the old text or the new
// one. What was there is copied first, its owner and mode stay.
func (i *initialization) put(path, text string, mode fs.FileMode, done *initialized) (err error) {
	uid, gid := -1, i.group(mode)
	if old, err := os.ReadFile(path); err == nil {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid, mode = int(st.Uid), int(st.Gid), info.Mode().Perm()&0o640
		}
		if string(old) != defaultFile && string(old) != initialConfig() {
			saved := path + time.Now().Format(".20060102-150405")
			if err := putWhole(saved, string(old), mode, uid, gid); err != nil {
				return fmt.Errorf("keep a copy of %s: %w", path, err)
			}
			done.Copies = append(done.Copies, saved)
		}
	}
	return putWhole(path, text, mode, uid, gid)
}

// group is whom a new file is for: of an installed pabal the service's group may
// read what it has to. -1 is that of whoever runs this.
func (i *initialization) group(mode fs.FileMode) int {
	if i.path != systemConfig || mode&0o040 == 0 || os.Geteuid() != 0 {
		return -1
	}
	g, err := user.LookupGroup(systemGroup)
	if err != nil {
		return -1
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return gid
}

// putWhole writes a file under another name, and gives it its own when it is on
// disk. An id of -1 is left as it is.
func putWhole(path, text string, mode fs.FileMode, uid, gid int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(text)
	if uid != os.Geteuid() && uid >= 0 || gid >= 0 {
		err = errors.Join(err, f.Chown(uid, gid))
	}
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // it is there; whether it outlives a power cut is up to the disk
	}
	return errors.Join(dir.Sync(), dir.Close())
}
