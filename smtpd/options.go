package smtpd

import (
	"fmt"
	"strings"

	"pabal/eml"
)

// Mode is what a call of sendmail asks for.
type Mode string

// The modes of sendmail(1).
const (
	ModeDeliver Mode = "bm" // the text on stdin to the recipients
	ModeSMTP    Mode = "bs" // SMTP on stdin and stdout
	ModeQueue   Mode = "bp" // show the queue: mailq
	ModeAliases Mode = "bi" // look at the aliases: newaliases
	ModeFlush   Mode = "q"  // send what waits: it is sent by itself
	ModeHelp    Mode = "help"
)

// Options is a command line of sendmail(1).
type Options struct {
	Mode       Mode
	From       string // -f, -r: envelope sender; "" with FromSet is the null sender
	FromSet    bool
	Name       string // -F: full name for a From header that is missing
	FromHeader bool   // -t: recipients stand in the header
	KeepDots   bool   // -i, -oi: a line with a dot alone does not end the text
	Recipients []string
	JSON       bool   // --json
	Config     string // --config
}

// arity says how an option takes its argument.
type arity uint8

const (
	noArgument  arity = iota + 1
	hasArgument       // attached or the next word
	mayAttach         // attached or none
)

// arities is the table of the option letters that sendmail, Postfix, Exim and
// their kin know. A wrong arity eats a recipient.
func arities(letter byte) arity {
	switch letter {
	case 'i', 't', 'n', 'm', 'U', 'v', 'G', 'c', 's', 'T', 'x', 'I':
		return noArgument
	case 'A', 'B', 'b', 'C', 'D', 'e', 'F', 'f', 'h', 'L', 'M', 'N', 'O', 'o', 'p', 'Q', 'R', 'r', 'V', 'X':
		return hasArgument
	case 'd', 'q':
		return mayAttach
	}
	return 0
}

// ParseOptions reads the words behind the program's name. name is that name:
// mailq and newaliases begin in their modes. It returns a *eml.Problem for what
// it does not know.
func ParseOptions(name string, words []string) (Options, error) {
	p := optionReader{words: words, Options: Options{Mode: ModeDeliver}}
	switch name {
	case "mailq":
		p.Mode = ModeQueue
	case "newaliases":
		p.Mode = ModeAliases
	}
	for len(p.words) > 0 {
		word := p.next()
		var err error
		switch {
		case word == "--":
			p.Recipients = append(p.Recipients, p.words...)
			p.words = nil
		case strings.HasPrefix(word, "--"):
			err = p.long(word)
		case len(word) > 1 && word[0] == '-':
			err = p.cluster(word[1:])
		default:
			p.Recipients = append(p.Recipients, word)
		}
		if err != nil {
			return p.Options, err
		}
	}
	return p.Options, nil
}

// optionReader walks the words.
type optionReader struct {
	Options
	words []string
}

func (p *optionReader) next() string {
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// long takes pabal's own options; those of sendmail have one letter.
func (p *optionReader) long(word string) error {
	name, value, attached := strings.Cut(word, "=")
	switch {
	case name == "--help" && !attached:
		p.Mode = ModeHelp
	case name == "--json" && !attached:
		p.JSON = true
	case name == "--config" && attached:
		p.Config = value
	case name == "--config" && len(p.words) > 0:
		p.Config = p.next()
	default:
		return unknownOption(word)
	}
	return nil
}

// cluster takes the letters of one word, -ti or -fuser@example.com.
func (p *optionReader) cluster(letters string) error {
	for letters != "" {
		letter := letters[0]
		letters = letters[1:]
		value := ""
		switch arities(letter) {
		case noArgument:
		case mayAttach:
			value, letters = letters, ""
		case hasArgument:
			value, letters = letters, ""
			if value == "" && len(p.words) == 0 {
				return &eml.Problem{What: fmt.Sprintf("the option -%c needs an argument", letter), Hint: "see: pabal sendmail --help"}
			}
			if value == "" {
				value = p.next()
			}
		default:
			return unknownOption("-" + string(letter))
		}
		if err := p.apply(letter, value); err != nil {
			return err
		}
	}
	return nil
}

func unknownOption(word string) error {
	return &eml.Problem{What: "sendmail has no option " + eml.Visible(eml.Cut(word, 60)), Hint: "see: pabal sendmail --help; a recipient that begins with - goes after --"}
}

// apply does what an option says; most say nothing to us.
func (p *optionReader) apply(letter byte, value string) error {
	switch letter {
	case 't':
		p.FromHeader = true
	case 'i':
		p.KeepDots = true
	case 'o':
		p.KeepDots = p.KeepDots || value == "i"
	case 'f', 'r':
		p.From, p.FromSet = value, true
	case 'F':
		p.Name = value
	case 'q':
		if p.Mode == ModeDeliver {
			p.Mode = ModeFlush
		}
	case 'I':
		p.Mode = ModeAliases
	case 'b':
		return p.become(value)
	}
	return nil
}

func (p *optionReader) become(mode string) error {
	switch mode {
	case "m":
		p.Mode = ModeDeliver
	case "s":
		p.Mode = ModeSMTP
	case "p":
		p.Mode = ModeQueue
	case "i":
		p.Mode = ModeAliases
	case "h", "H": // the states of hosts, of which there are none
		p.Mode = ModeFlush
	case "d", "D":
		return &eml.Problem{What: "sendmail -bd: pabal is a daemon of its own", Hint: "start it with: pabal serve"}
	case "v":
		return &eml.Problem{What: "sendmail -bv: addresses are not verified", Hint: "send a mail and follow it with: pabal trace ADDRESS"}
	default:
		return &eml.Problem{What: "sendmail has no mode -b" + eml.Visible(eml.Cut(mode, 20)), Hint: "see: pabal sendmail --help"}
	}
	return nil
}
