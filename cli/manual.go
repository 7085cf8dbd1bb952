package cli

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// operatorsPage is pabal(8); manualText says what its lines mean.
//
//go:embed manual.txt
var operatorsPage string

// manualCommand writes what a package of the operating system holds besides the
// binary: man pages made of the same texts as --help and config init, and
// completions.
func (a *app) manualCommand(root *cobra.Command) *cobra.Command {
	cmd := a.command("manual FOLDER", "Write man pages, completions and the default configuration", "pabal manual usr-share", func(_ context.Context, args []string) error {
		for name, text := range manual(root) {
			path := filepath.Join(args[0], name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
		}
		return writeCompletions(root, filepath.Join(args[0], "completions"))
	})
	cmd.Hidden = true // for who makes packages
	return cmd
}

// manual is every file but the completions, by its name.
func manual(root *cobra.Command) map[string][]byte {
	files := map[string][]byte{
		"man/man1/pabal.1":      rootPage(root),
		"man/man5/pabal.toml.5": configPage(defaultFile),
		"man/man8/pabal.8":      textPage("PABAL", "8", "System Administration", operatorsPage),
		"man/man8/sendmail.8":   sendmailPage("sendmail", "8"),
		"man/man1/mailq.1":      []byte(".so man8/sendmail.8\n"),
		"man/man1/newaliases.1": []byte(".so man8/sendmail.8\n"),
		"pabal.toml":            []byte(defaultFile),
	}
	for _, cmd := range documented(root) {
		page := commandPage(cmd)
		if cmd.DisableFlagParsing { // its options are not cobra's
			page = sendmailPage("pabal-"+cmd.Name(), "1")
		}
		files["man/man1/pabal-"+cmd.Name()+".1"] = page
	}
	return files
}

// documented are the commands right below one that people use.
func documented(cmd *cobra.Command) (all []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

func writeCompletions(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range map[string]func(string) error{
		"pabal.bash": func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"_pabal":     root.GenZshCompletionFile,
		"pabal.fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// page is a man page in the making: man(7).
type page struct{ bytes.Buffer }

func newPage(title, section, book string) *page {
	p := &page{}
	p.line(`.TH %s %s "" %s %s`, strings.ToUpper(title), section, "pabal "+version(), book)
	p.WriteString(".nh\n.ad l\n") // names are not to be cut in two
	return p
}

// line writes a request whose %s are each one argument.
func (p *page) line(request string, args ...string) {
	for _, arg := range args {
		request = strings.Replace(request, "%s", `"`+strings.ReplaceAll(roff(arg), `"`, `\(dq`)+`"`, 1)
	}
	p.WriteString(request + "\n")
}

func (p *page) heading(text string) { p.line(".SH %s", text) }

// text writes a paragraph.
func (p *page) text(text string) {
	p.WriteString(".PP\n" + roff(text) + "\n")
}

// item writes a term and what is said of it.
func (p *page) item(term, text string) {
	p.WriteString(".TP\n" + bold(term) + "\n" + cmp.Or(roff(text), `\&`) + "\n")
}

// verbatim writes lines as they are.
func (p *page) verbatim(text string) {
	p.WriteString(".PP\n.nf\n.RS 4\n" + roff(strings.TrimRight(text, "\n")) + "\n.RE\n.fi\n")
}

var lineStart = regexp.MustCompile(`(?m)^[.']`)

// roff is text that means itself.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`).Replace(text)
	return lineStart.ReplaceAllString(text, `\&$0`)
}

// bold is text in bold; quotation marks would be lost in an argument of .B.
func bold(text string) string { return `\fB` + roff(text) + `\fR` }

func rootPage(root *cobra.Command) []byte {
	p := newPage("pabal", "1", "User Commands")
	p.heading("NAME")
	p.WriteString("pabal \\- " + roff(lower(root.Short)) + "\n")
	p.heading("SYNOPSIS")
	p.WriteString(".B pabal\n[COMMAND] [OPTION]...\n")
	p.heading("DESCRIPTION")
	p.text(root.Long)
	p.text("Every command but serve, demo, ses-emulator, config, version and completion is a conversation with the running daemon over its control socket. " +
		"With --json it writes nothing but data with stable names: one object, or for a list one object a line.")
	p.heading("COMMANDS")
	for _, cmd := range documented(root) {
		p.item("pabal "+cmd.Name(), stopped(cmd.Short)+" See pabal-"+cmd.Name()+"(1).")
	}
	p.options("OPTIONS", root.NonInheritedFlags())
	p.examples(root)
	p.tail("pabal.toml(5), pabal(8)")
	return p.Bytes()
}

// commandPage is the page of a command right below pabal, with all that is below it.
func commandPage(cmd *cobra.Command) []byte {
	p := newPage("pabal-"+cmd.Name(), "1", "User Commands")
	p.heading("NAME")
	p.WriteString("pabal\\-" + roff(cmd.Name()) + " \\- " + roff(lower(cmd.Short)) + "\n")
	p.heading("SYNOPSIS")
	leaves := below(cmd)
	for i, leaf := range leaves {
		if i > 0 {
			p.WriteString(".br\n")
		}
		p.WriteString(bold(leaf.UseLine()) + "\n")
	}
	p.heading("DESCRIPTION")
	p.text(stopped(cmp.Or(cmd.Long, cmd.Short)))
	if len(leaves) == 1 && leaves[0] == cmd {
		p.options("OPTIONS", cmd.NonInheritedFlags())
		p.examples(cmd)
	} else {
		p.heading("COMMANDS")
		for _, leaf := range leaves {
			p.line(".SS %s", leaf.UseLine())
			p.text(stopped(cmp.Or(leaf.Long, leaf.Short)))
			p.flags(leaf.NonInheritedFlags())
			p.verbatim(leaf.Example)
		}
	}
	p.options("OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	p.tail("pabal(1), pabal.toml(5), pabal(8)")
	return p.Bytes()
}

// below are the commands that do something: cmd itself if it has no others under
// it or takes words of its own, and those under it.
func below(cmd *cobra.Command) (doing []*cobra.Command) {
	if !cmd.HasSubCommands() || strings.Contains(cmd.Use, " ") {
		doing = append(doing, cmd)
	}
	for _, sub := range documented(cmd) {
		doing = append(doing, below(sub)...)
	}
	return doing
}

func (p *page) options(title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		p.heading(title)
		p.flags(flags)
	}
}

func (p *page) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		argument, usage := pflag.UnquoteUsage(f)
		if argument != "" {
			argument = " " + argument
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" && f.DefValue != "0s" {
			usage += " (default " + f.DefValue + ")"
		}
		p.item("--"+f.Name+argument, usage)
	})
}

func (p *page) examples(cmd *cobra.Command) {
	if cmd.Example != "" {
		p.heading("EXAMPLES")
		p.verbatim(cmd.Example)
	}
}

func (p *page) tail(see string) {
	p.heading("EXIT STATUS")
	p.text("0 done, 1 failed, 2 the command line cannot be understood. What happened and what to do is on stderr.")
	p.heading("SEE ALSO")
	p.text(see + ", /usr/share/doc/pabal/")
}

func stopped(text string) string { return strings.TrimSuffix(text, ".") + "." }

// lower is a text as it stands behind a name.
func lower(text string) string {
	return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// sendmailPage is what sendmail --help says, by the headings in it.
func sendmailPage(name, section string) []byte {
	p := newPage(name, section, "User Commands")
	what, rest, _ := strings.Cut(sendmailUsage, "\n")
	p.heading("NAME")
	names := name
	if section == "8" {
		names = "sendmail, mailq, newaliases"
	}
	p.WriteString(roff(names) + " \\- " + roff(lower(strings.SplitN(what, ".", 2)[0])) + "\n")
	for block := range strings.SplitSeq(rest, "\n\n") {
		title, lines, _ := strings.Cut(strings.TrimLeft(block, "\n"), ":")
		p.heading(strings.ToUpper(strings.Replace(title, "Usage", "Synopsis", 1)))
		p.verbatim(strings.TrimLeft(lines, "\n"))
	}
	p.heading("SEE ALSO")
	p.text("pabal(1), pabal.toml(5), /usr/share/doc/pabal/")
	return p.Bytes()
}

// textPage makes a page of plain text: a line in capitals is a heading, a line
// "term: text" that is indented by two an item, what is indented by four
// verbatim, and the rest paragraphs.
func textPage(title, section, book, text string) []byte {
	p := newPage(title, section, book)
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		switch {
		case strings.HasPrefix(block, "    "):
			p.verbatim(unindent(block))
		case strings.HasPrefix(block, "  "):
			term, what, _ := strings.Cut(block, ": ")
			p.item(strings.TrimSpace(term), strings.Join(strings.Fields(what), " "))
		case block == strings.ToUpper(block) && !strings.Contains(block, "\n"):
			p.heading(block)
		default:
			p.text(block)
		}
	}
	return p.Bytes()
}

func unindent(block string) string {
	return strings.ReplaceAll(strings.TrimPrefix(block, "    "), "\n    ", "\n")
}

var configLine = regexp.MustCompile(`^([a-z0-9_]+) = (.*?)(?:\s+# (.*))?$`)

// configPage is the default file: what stands behind a key says what it is for.
func configPage(file string) []byte {
	p := newPage("pabal.toml", "5", "File Formats")
	p.heading("NAME")
	p.WriteString("pabal.toml \\- configuration of pabal\n")
	p.heading("SYNOPSIS")
	p.text("/etc/pabal/pabal.toml, or what --config or PABAL_CONFIG names")
	p.heading("DESCRIPTION")
	section, commented := "", ""
	flush := func() {
		if commented != "" {
			p.verbatim(commented)
			commented = ""
		}
	}
	for line := range strings.SplitSeq(file, "\n") {
		if text, ok := strings.CutPrefix(line, "#"); ok {
			commented += strings.TrimPrefix(text, " ") + "\n"
			continue
		}
		flush()
		if m := tableLine.FindStringSubmatch(line); m != nil {
			section = m[1]
			p.heading("[" + section + "]")
			if _, about, ok := strings.Cut(line, "# "); ok {
				p.text(stopped(about))
			}
		} else if m := configLine.FindStringSubmatch(line); m != nil {
			if section == "" && !strings.Contains(p.String(), ".SH \"GENERAL\"") {
				p.heading("GENERAL")
			}
			p.item(m[1]+" = "+m[2], strings.TrimPrefix(stopped(m[3])+" ", ". ")+"In the environment "+variableOf(section, m[1])+".")
		}
	}
	flush()
	p.heading("SEE ALSO")
	p.text("pabal(1), pabal(8), pabal-config(1), /usr/share/doc/pabal/")
	return p.Bytes()
}

// variableOf is the form of a key in the environment.
func variableOf(section, key string) string {
	return setting{key: strings.TrimPrefix(section+"."+key, ".")}.variable()
}
