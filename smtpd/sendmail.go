package smtpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"pabal/eml"
)

// Exit codes of sendmail(1), from sysexits.h. cron, PHP and scripts look at them.
const (
	ExitUsage       = 64 // the command line cannot be understood
	ExitData        = 65 // the mail is none
	ExitNoUser      = 67 // a recipient cannot be mailed
	ExitUnavailable = 69 // refused for good
	ExitSoftware    = 70
	ExitTempFail    = 75 // not taken now: submit it again
	ExitNoPerm      = 77 // the sender may not send
)

// ExitError is why sendmail did not do what it was asked, with its exit code.
// Nothing of the mail was kept.
type ExitError struct {
	Code    int
	Problem *eml.Problem
}

func (e *ExitError) Error() string { return e.Problem.Error() }

// Unwrap is the *eml.Problem.
func (e *ExitError) Unwrap() error { return e.Problem }

func exit(code int, what, hint string) error {
	return &ExitError{code, &eml.Problem{What: what, Hint: hint}}
}

const (
	submitDial = 5 * time.Second
	// submitWait is for each reply; longer than the server takes for a commit.
	submitWait = 2 * putLimit
)

// Sendmail is one call of sendmail(1) that hands a mail in.
type Sendmail struct {
	Options Options
	Socket  string   // of the daemon; "" for none
	Folder  string   // the drop folder, for when the daemon does not take the mail; "" for none
	MaxSize int64    // bytes of a text kept in the folder; zero means 10 MB
	MaxTo   int      // recipients of one mail; zero means 1,000
	Host    string   // name of this host
	User    string   // login name of the caller
	Gecos   string   // the caller's full name, "" if not known
	Aliases *Aliases // to look names up before a mail is dropped; nil: none
}

// Receipt says where a mail is after Deliver. One of the two is set.
type Receipt struct {
	Reply   string `json:"reply,omitempty"`   // the daemon's, with the ids of the messages
	Dropped string `json:"dropped,omitempty"` // the name it has in the drop folder
}

// Deliver reads a text and hands it to the daemon or, when that is not there or
// does not take it now, puts it into the drop folder. When it returns nil the
// mail is on disk; an *ExitError says that nothing of it was kept. When an answer
// is lost after the whole text was sent, the daemon may have the mail and the
// folder does: by its name the daemon knows that it is one (once.go). Without a
// folder, or where that fails then too, the daemon may have a mail that an
// *ExitError disowns.
func (m *Sendmail) Deliver(ctx context.Context, stdin io.Reader) (Receipt, error) {
	l, err := m.letter(stdin)
	if err != nil {
		return Receipt{}, err
	}
	reply, err := m.submit(ctx, l)
	if err == nil {
		return Receipt{Reply: reply}, nil
	}
	var refused *smtp.SMTPError
	if errors.As(err, &refused) && forGood(refused) {
		return Receipt{}, refusedExit(refused)
	}
	if m.Folder == "" {
		return Receipt{}, exit(ExitTempFail, "the daemon does not take the mail: "+eml.Visible(err.Error()), "start it with pabal serve, or set smtp.drop; then submit the mail again")
	}
	name, err := m.keep(l)
	return Receipt{Dropped: name}, err
}

// keep puts a letter into the drop folder, after the checks that can be made
// without the daemon.
func (m *Sendmail) keep(l Letter) (string, error) {
	if most := cmp.Or(m.MaxSize, defaultMessageSize); int64(len(l.Text)) > most {
		return "", exit(ExitUnavailable, fmt.Sprintf("the mail is larger than %d bytes", most), "send a link to the file instead")
	}
	if m.Aliases != nil {
		for _, to := range l.To {
			_, err := m.Aliases.Resolve(to)
			if p, ok := errors.AsType[*eml.Problem](err); ok { // a file only the daemon may read is no reason
				return "", exit(ExitNoUser, p.What, p.Hint)
			}
		}
	}
	name, err := Drop(m.Folder, l)
	if err != nil {
		what, hint := problemParts(err)
		return "", exit(ExitTempFail, what, hint)
	}
	return name, nil
}

func problemParts(err error) (what, hint string) {
	if p, ok := errors.AsType[*eml.Problem](err); ok {
		return p.What, p.Hint
	}
	return err.Error(), ""
}

// submit hands a letter to the daemon.
func (m *Sendmail) submit(ctx context.Context, l Letter) (string, error) {
	conn, err := m.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close() // after the last reply nothing can be lost
	return submitLetter(conn, l, submitWait)
}

func (m *Sendmail) dial(ctx context.Context) (net.Conn, error) {
	if m.Socket == "" {
		return nil, errors.New("there is no submit socket")
	}
	d := net.Dialer{Timeout: submitDial}
	return d.DialContext(ctx, "unix", m.Socket)
}

// refusedExit is the exit for a refusal of the server.
func refusedExit(r *smtp.SMTPError) error {
	code := ExitUnavailable
	switch {
	case r.EnhancedCode[0] == 5 && r.EnhancedCode[1] == 1:
		code = ExitNoUser
	case r.EnhancedCode[0] == 5 && r.EnhancedCode[1] == 6:
		code = ExitData
	case r.EnhancedCode == smtp.EnhancedCode{5, 7, 1}:
		code = ExitNoPerm
	}
	return exit(code, "the mail was refused: "+eml.Visible(r.Message), "nothing of it is sent; correct it and submit it again")
}

// letter reads the text and finds sender and recipients.
func (m *Sendmail) letter(stdin io.Reader) (Letter, error) {
	text, err := readText(stdin, m.Options.KeepDots)
	if err != nil {
		return Letter{}, err
	}
	d, err := newDraft(text)
	if err != nil {
		what, hint := problemParts(err)
		return Letter{}, exit(ExitData, what, hint)
	}
	l := Letter{Name: newDropName()}
	if l.From, err = m.sender(); err != nil {
		return l, err
	}
	var words []string
	for _, name := range m.Options.Recipients {
		words = append(words, addressesIn(name)...)
	}
	if m.Options.FromHeader {
		words = append(words, d.recipients()...)
		d.remove("Bcc", "Resent-Bcc")
	}
	if l.To, err = m.recipients(words); err != nil {
		return l, err
	}
	d.complete(m.mailbox(l.From))
	l.Text = d.bytes()
	return l, nil
}

// sender is the envelope's.
func (m *Sendmail) sender() (string, error) {
	if !m.Options.FromSet {
		return m.User + "@" + m.Host, nil
	}
	given := strings.TrimSpace(m.Options.From)
	if given == "" || given == "<>" {
		return "", nil
	}
	found := addressesIn(given)
	if len(found) != 1 || !printable(found[0]) || strings.ContainsAny(found[0], "<> ") {
		return "", exit(ExitData, "-f "+eml.Visible(eml.Cut(given, 100))+" is no address", "for example -f shop@example.com")
	}
	if !strings.Contains(found[0], "@") {
		return found[0] + "@" + m.Host, nil
	}
	return found[0], nil
}

// mailbox is the From header of a text that has none.
func (m *Sendmail) mailbox(sender string) eml.Mailbox {
	return eml.Mailbox{Name: cmp.Or(m.Options.Name, m.Gecos), Address: cmp.Or(sender, m.User+"@"+m.Host)}
}

// recipients are the addresses of words, names of this host qualified.
func (m *Sendmail) recipients(words []string) ([]string, error) {
	var to []string
	known := map[string]bool{}
	for _, word := range words {
		address := word
		if name, domain := cutAddress(word); m.here(domain) {
			if name == "" || !printable(name) || strings.ContainsAny(name, " <>|/\"") {
				return nil, noUser(word, "it is no address")
			}
			address = name + "@localhost"
		} else if parsed, err := eml.ParseAddress(word); err != nil {
			return nil, noUser(word, err.Error())
		} else {
			address = parsed
		}
		if key := eml.Key(address); !known[key] {
			known[key] = true
			to = append(to, address)
		}
	}
	if len(to) == 0 {
		return nil, exit(ExitUsage, "nobody is named who gets the mail", "name recipients on the command line, or in To, Cc or Bcc with -t")
	}
	if most := min(or(m.MaxTo, defaultRecipients), defaultRecipients); len(to) > most {
		return nil, exit(ExitUnavailable, fmt.Sprintf("the mail has %d recipients, at most %d can be taken", len(to), most), "send several mails, or make it a campaign")
	}
	return to, nil
}

// here reports whether a domain only means this host. A host name with dots may
// be a mail domain as well; the daemon knows.
func (m *Sendmail) here(domain string) bool {
	return slices.Contains(localDomains, strings.ToLower(domain)) ||
		!strings.Contains(domain, ".") && strings.EqualFold(domain, m.Host)
}

func noUser(word, why string) error {
	return exit(ExitNoUser, "recipient "+eml.Visible(eml.Cut(word, 100))+" refused: "+eml.Visible(why), "nothing was sent to anybody; correct the address and submit the mail again")
}
