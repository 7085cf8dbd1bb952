package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"pabal/eml"
)

const (
	// fileSuffix ends the name of a variable that names a file with the value, the
	// way container engines hand secrets over.
	fileSuffix   = "_FILE"
	maxValueFile = 64 << 10 // bytes; a list of rules for applications' mail is the longest value
	dsnKey       = "mysql.dsn"
)

// awsVariables may be read from files too. The SDK knows the first form only.
func awsVariables() []string {
	return []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
}

// readEnv takes PABAL_SECTION_KEY, or the file that PABAL_SECTION_KEY_FILE
// names. A name that is no setting is an error, as an unknown key in the file is.
func (c *Config) readEnv(environ []string) error {
	names := map[string]setting{}
	for _, s := range c.settings() {
		names[s.variable()] = s
	}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "PABAL_") || name == "PABAL_CONFIG" {
			continue
		}
		if name == dsnVariable { // a secret: no setting, so that it is never shown
			if c.mysqlDSN = text; text != "" {
				c.from.env[dsnKey] = name
			}
			continue
		}
		if err := c.readVariable(names, environ, name, text); err != nil {
			return err
		}
	}
	if c.mysqlDSN != "" && variable(environ, dsnVariable+fileSuffix) != "" {
		return twice(dsnVariable)
	}
	return c.readAWSFiles(environ)
}

func (c *Config) readVariable(names map[string]setting, environ []string, name, text string) error {
	s, ok := names[name]
	if plain, isFile := strings.CutSuffix(name, fileSuffix); !ok && isFile {
		if s, ok = names[plain]; ok {
			if text == "" { // named nowhere, as compose files do
				return nil
			}
			var err error
			if text, err = valueOf(environ, plain); err != nil {
				return err
			}
		}
	}
	if !ok {
		var all []string
		for known := range names {
			all = append(all, known)
		}
		return &eml.Problem{What: "there is no setting " + eml.Visible(name) + " (in the environment)", Hint: didYouMean(name, all)}
	}
	if err := s.set(text); err != nil {
		return &eml.Problem{What: fmt.Sprintf("%s: %q is no value for %s: %v", name, text, s.key, err), Hint: "see the form with: pabal config init --print", Err: err}
	}
	c.from.env[s.key] = name
	return nil
}

// readAWSFiles takes the keys of AWS that stand in files.
func (c *Config) readAWSFiles(environ []string) error {
	for _, name := range awsVariables() {
		if variable(environ, name+fileSuffix) == "" {
			continue
		}
		text, err := valueOf(environ, name)
		if err != nil {
			return err
		}
		if c.aws == nil {
			c.aws = map[string]string{}
		}
		c.aws[name] = text
	}
	return nil
}

// valueOf reads the file that NAME_FILE names: without the end of its last line.
// NAME beside it is an error, since nobody could say which one counts.
func valueOf(environ []string, name string) (string, error) {
	if slices.ContainsFunc(environ, func(pair string) bool { return strings.HasPrefix(pair, name+"=") }) {
		return "", twice(name)
	}
	path := variable(environ, name+fileSuffix)
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err == nil && info.Size() > maxValueFile {
		err = fmt.Errorf("%s is larger than 64 KB", path)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil && (!utf8.Valid(text) || slices.Contains(text, 0)) {
		err = fmt.Errorf("%s is no text", path)
	}
	if err != nil {
		return "", &eml.Problem{What: name + fileSuffix + ": " + err.Error(),
			Hint: "it names a file with the value of " + name + " that this user may read", Err: err}
	}
	line := strings.TrimSuffix(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

func twice(name string) error {
	return &eml.Problem{What: name + " and " + name + fileSuffix + " are both set", Hint: "keep one of them"}
}

// useAWSFiles hands keys of AWS that stand in files to the SDK, which looks at
// the environment.
func (c *Config) useAWSFiles() error {
	for name, text := range c.aws {
		if err := os.Setenv(name, text); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}
