package cli

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var (
	mentionedMetric   = regexp.MustCompile(`\bpabal_[a-z0-9_]+\b`)
	mentionedKey      = regexp.MustCompile("`([a-z_]+\\.[a-z0-9_]+)(?: = [^`]*)?`")
	mentionedVariable = regexp.MustCompile(`\bPABAL_[A-Z0-9_]+\b`)
	mentionedCommand  = regexp.MustCompile("(?:^|[`;&|(]) *(?:[$#] )?(?:sudo )?(?:bin/)?(pabal [a-z-][^`;&|#)]*)")
	loneFlag          = regexp.MustCompile("`(--[a-z-]+)")
	fencedLines       = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")
	inlineCode        = regexp.MustCompile("`[^`\n]+`")
)

// everyPage is the text of each page for people, by its path.
func everyPage(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../docs/*.md")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d pages, %v", len(names), err)
	}
	texts := map[string]string{}
	for _, name := range append(names, "../README.md", "../README.ko.md") {
		texts[name] = readPage(t, name)
	}
	return texts
}

// TestEveryMetricThatAPageNamesIsThere, on any page: in queries and in prose.
func TestEveryMetricThatAPageNamesIsThere(t *testing.T) {
	var known []string
	for _, m := range metricList() {
		known = append(known, m.name)
		if m.kind == "histogram" {
			known = append(known, m.name+"_bucket", m.name+"_sum", m.name+"_count")
		}
	}
	stem := func(name string) bool { // "those that begin with pabal_sync"
		return slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, strings.TrimSuffix(name, "_")+"_") })
	}
	for page, text := range everyPage(t) {
		for _, name := range mentionedMetric.FindAllString(text, -1) {
			if !slices.Contains(known, name) && !stem(name) {
				t.Errorf("%s names the metric %s, the code has none", page, name)
			}
		}
	}
}

// TestEverySettingThatAPageNamesIsThere, on any page: in prose, in blocks of
// TOML and as a variable.
func TestEverySettingThatAPageNamesIsThere(t *testing.T) {
	keys, sections := defaults().keys(), map[string]bool{}
	variables := map[string]bool{"PABAL_CONFIG": true, dsnVariable: true, "PABAL_SECTION_KEY": true, "PABAL_IMAGE": true} // the last in the compose file
	for _, key := range keys {
		if section, _, ok := strings.Cut(key, "."); ok {
			sections[section] = true
			sections[key[:strings.LastIndex(key, ".")]] = true
		}
		variables[setting{key: key}.variable()] = true
	}
	for page, text := range everyPage(t) {
		for _, m := range mentionedKey.FindAllStringSubmatch(text, -1) {
			section, end, _ := strings.Cut(m[1], ".")
			if sections[section] && !slices.Contains(keys, m[1]) && !slices.Contains([]string{"db", "md", "go", "html", "json", "bad_logins"}, end) {
				t.Errorf("%s names the setting %s, the code has none", page, m[1])
			}
		}
		for _, name := range mentionedVariable.FindAllString(text, -1) {
			if !variables[strings.TrimSuffix(name, "_FILE")] && !variables[name] {
				t.Errorf("%s names the variable %s, the code has none", page, name)
			}
		}
		for _, block := range fencedLines.FindAllStringSubmatch(text, -1) {
			if block[1] != "toml" {
				continue
			}
			for _, k := range documentedKeys(block[2]) {
				if name := strings.Trim(k.name, "[]"); !slices.Contains(keys, name) && !sections[name] {
					t.Errorf("%s has the setting %s in a block, the code has none", page, k.name)
				}
			}
		}
	}
}

// TestEveryCommandThatAPageNamesIsThere looks for each command and each of its
// flags on any page, in blocks and in prose.
func TestEveryCommandThatAPageNamesIsThere(t *testing.T) {
	named, flags := 0, []string{"--config", "--socket", "--lang", "--json", "--help",
		"--force-confold", "--health-cmd", "--mail-from", "--read-only", "--tmpfs"} // the last five are dpkg's, podman's and curl's
	for _, own := range commandFlags() {
		flags = append(flags, own...)
	}
	for page, text := range everyPage(t) {
		lines := inlineCode.FindAllString(fencedLines.ReplaceAllString(text, ""), -1)
		for _, block := range fencedLines.FindAllStringSubmatch(text, -1) {
			lines = append(lines, typedLines(block[2])...)
		}
		for _, m := range loneFlag.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(flags, m[1]) {
				t.Errorf("%s names the flag %s, no command has it", page, m[1])
			}
		}
		for _, line := range lines {
			for _, m := range mentionedCommand.FindAllStringSubmatch(line, -1) {
				named++
				if wrong := unknownIn(m[1]); wrong != "" {
					t.Errorf("%s: %s: there is no %s", page, m[1], wrong)
				}
			}
		}
	}
	if named < 500 {
		t.Errorf("saw only %d commands: the search is broken", named)
	}
}

// typedLines are the lines of a block that a person types: those behind a prompt, or all.
func typedLines(block string) (lines []string) {
	all := strings.Split(strings.ReplaceAll(block, "\\\n", " "), "\n")
	for _, line := range all {
		if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# pabal") {
			lines = append(lines, line)
		}
	}
	if lines == nil {
		return all
	}
	return lines
}

// unknownIn is the word of a command line that names no command or flag.
func unknownIn(line string) string {
	cmd := (&app{}).root()
	cmd.InitDefaultCompletionCmd()
	words := strings.Fields(line)[1:]
	for len(words) > 0 {
		next := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == words[0] })
		if next < 0 {
			break
		}
		cmd, words = cmd.Commands()[next], words[1:]
	}
	if cmd.DisableFlagParsing {
		return ""
	}
	if len(words) > 0 && cmd.HasSubCommands() && regexp.MustCompile(`^[a-z-]+$`).MatchString(words[0]) && words[0][0] != '-' {
		return words[0]
	}
	for _, word := range words {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if strings.HasPrefix(word, "--") && name != "" && name != "help" && cmd.Flag(name) == nil {
			return word
		}
	}
	return ""
}
