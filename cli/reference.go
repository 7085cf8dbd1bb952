package cli

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"pabal/smtpd"
)

// The configuration reference, docs/configuration.md and its Korean twin, is
// made of pabal.toml (keys in their order, defaults, English), settings.txt
// (what a key may be, Korean) and the types of Config.

//go:generate go run .. reference ../docs

// settingsFile is every key in Korean; its head says how it is written.
//
//go:embed settings.txt
var settingsFile string

// referenceFiles are the pages by their language.
var referenceFiles = map[string]string{"en": "configuration.md", "ko": "configuration.ko.md"}

// referenceCommand writes the configuration reference.
func (a *app) referenceCommand() *cobra.Command {
	cmd := a.command("reference FOLDER", "Write the configuration reference in both languages", "pabal reference docs", func(_ context.Context, args []string) error {
		for lang, name := range referenceFiles {
			text, err := reference(lang)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(args[0], name), text, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Hidden = true // for who changes pabal
	return cmd
}

// documentedKey is one key as pabal.toml and settings.txt have it; a section is
// one whose name stands in brackets.
type documentedKey struct {
	name    string // dotted
	example string // its default as TOML; of a table that may come several times, one it can have
	english string
	allowed string // "" says what the type says
	korean  string
}

func (k documentedKey) section() bool { return strings.HasPrefix(k.name, "[") }

// koreanLine is a line of settings.txt.
var koreanLine = regexp.MustCompile(`^(\S+)(?: \[([^\]]*)\])? (.+)$`)

// koreanSettings reads settings.txt.
func koreanSettings(file string) (map[string]documentedKey, error) {
	all := map[string]documentedKey{}
	for line := range strings.SplitSeq(file, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := koreanLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("settings.txt: %q is not a key, [what it may be] and a text", line)
		}
		if _, twice := all[m[1]]; twice {
			return nil, fmt.Errorf("settings.txt: %s stands there twice", m[1])
		}
		all[m[1]] = documentedKey{name: m[1], allowed: m[2], korean: m[3]}
	}
	return all, nil
}

// documentedKeys are the sections and keys of pabal.toml in its order. What is
// commented out there counts below a [[table]].
func documentedKeys(file string) []documentedKey {
	var all []documentedKey
	section, table := "", false
	for line := range strings.SplitSeq(file, "\n") {
		bare := strings.TrimPrefix(line, "# ")
		table = strings.HasPrefix(line, "# [[") || table && line != bare
		if table {
			line = bare
		}
		if m := tableLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(line, "#") {
			_, about, _ := strings.Cut(line, "# ")
			section = m[1] + "."
			all = append(all, documentedKey{name: "[" + m[1] + "]", english: about})
		} else if m := configLine.FindStringSubmatch(line); m != nil {
			all = append(all, documentedKey{name: section + m[1], example: m[2], english: m[3]})
		}
	}
	return all
}

// reference is the page in one language.
func reference(lang string) ([]byte, error) {
	korean, err := koreanSettings(settingsFile)
	if err != nil {
		return nil, err
	}
	types := settingTypes()
	var out bytes.Buffer
	out.WriteString(referenceHead[lang])
	for _, k := range documentedKeys(defaultFile) {
		k.allowed, k.korean = korean[k.name].allowed, korean[k.name].korean
		about := fullStop(linked(k.english, ""))
		if lang == "ko" {
			about = stopped(linked(k.korean, ".ko"))
		}
		if k.section() {
			name := k.name
			if name == "[topic]" || name == "[route]" {
				name = "[" + name + "]"
			}
			fmt.Fprintf(&out, "\n## %s\n\n", name)
			if about != "." {
				fmt.Fprintf(&out, "%s\n\n", about)
			}
			continue
		}
		fmt.Fprintf(&out, "- `%s`: %s\\\n  %s\n", k.line(), strings.Join(k.facts(lang, types[k.name]), "; "), about)
	}
	return out.Bytes(), nil
}

// line is the key as it stands in the file.
func (k documentedKey) line() string {
	return k.name[strings.LastIndex(k.name, ".")+1:] + " = " + k.example
}

// facts are type, what it may be, and the variable.
func (k documentedKey) facts(lang string, kind reflect.Type) []string {
	facts := []string{kindName(kind, lang)}
	if k.allowed != "" && k.allowed != "true|false" {
		facts = append(facts, "`"+strings.ReplaceAll(k.allowed, "|", "`, `")+"`")
		if !strings.Contains(k.allowed, "|") {
			facts[1] = cmp.Or(allowedNames[lang][k.allowed], strings.ReplaceAll(k.allowed, "..", " … "))
		}
	}
	if top, _, _ := strings.Cut(k.name, "."); top != "topic" && top != "route" {
		facts = append(facts, "`"+setting{key: k.name}.variable()+"`")
	}
	return facts
}

// docsPage is how texts name a page of docs.
var docsPage = regexp.MustCompile(`(?:\bsee )?\bdocs/([a-z-]+)\.md`)

// markdown has a text mean itself.
var markdown = strings.NewReplacer("<", `\<`, "*", `\*`)

// linked makes links of names of pages; twin is what a page's name in this
// language ends in.
func linked(text, twin string) string {
	return docsPage.ReplaceAllStringFunc(markdown.Replace(text), func(found string) string {
		name := docsPage.FindStringSubmatch(found)[1] + twin
		return "[" + name + ".md](" + name + ".md)"
	})
}

// plainWord is a text that begins with a word, not with a name.
var plainWord = regexp.MustCompile(`^[a-z]+[ ,]`)

// fullStop is a text as a sentence. A first word that is a name stays as it is.
func fullStop(text string) string {
	if plainWord.MatchString(text) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return stopped(text)
}

// settingTypes are the types of all keys, those of [[topic]] and [[route]] too.
func settingTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, s := range defaults().settings() {
		types[s.key] = s.field.Type()
	}
	for table, kind := range map[string]reflect.Type{"topic": reflect.TypeFor[TopicConfig](), "route": reflect.TypeFor[smtpd.Rule]()} {
		for f := range kind.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			types[table+"."+name] = f.Type
		}
	}
	return types
}

// kindName is a type in words.
func kindName(kind reflect.Type, lang string) string {
	names := kindNames[lang]
	if kind == nil {
		return ""
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case kind == reflect.TypeFor[Size]():
		return names["size"]
	case kind == reflect.TypeFor[Duration]():
		return names["span"]
	case reflect.PointerTo(kind).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return names["string"]
	}
	return names[kind.Kind().String()]
}
