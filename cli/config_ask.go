package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"pabal/eml"
)

// asker asks a person for what a first run needs: plain lines, one question at a
// time, in their language. Enter takes what stands in brackets, - is nothing.
type asker struct {
	*initialization
	typist typist
	lang   string
	number int
	width  int // columns of the terminal, 0 if not known
}

func newAsker(i *initialization) *asker {
	in, _ := i.a.stdin.(*os.File) // run has seen that it is a terminal
	return &asker{initialization: i, typist: typist{in: in, out: i.a.stderr}, lang: i.a.language(i.cfg), width: widthOf(i.a.stderr)}
}

// all asks every question that no flag has answered.
func (k *asker) all(ctx context.Context) (err error) {
	defer func() {
		if errors.Is(err, errNoAnswer) {
			err = &eml.Problem{What: k.words("nothing was written"), Hint: k.words("again: pabal config init"), Err: err}
		}
	}()
	k.greet()
	for _, q := range questions() {
		switch {
		case k.given[q.key], q.after != "" && k.value(q.after) == "":
		case q.key == "mysql.dsn_file":
			err = k.mysql(ctx)
		default:
			err = k.setting(ctx, q)
		}
		if err != nil {
			return err
		}
	}
	k.say("")
	write, err := k.yes(ctx, fmt.Sprintf(k.words("Write %s?"), k.path))
	if err == nil && !write {
		err = errNoAnswer
	}
	return err
}

// setting asks for one until the check takes it.
func (k *asker) setting(ctx context.Context, q question) error {
	k.head(q)
	for {
		text, err := k.ask(ctx, k.value(q.key))
		if err != nil {
			return err
		}
		if err = k.answer(q.key, text); err == nil {
			return nil
		}
		k.refuse(err)
	}
}

// mysql asks for the parts of a DSN; the password is not shown.
func (k *asker) mysql(ctx context.Context) error {
	for _, q := range questions() {
		if q.key == "mysql.dsn_file" {
			k.head(q)
		}
	}
	if k.cfg.MySQL.DSNFile != "" {
		if keep, err := k.yes(ctx, fmt.Sprintf(k.words("Keep %s?"), k.cfg.MySQL.DSNFile)); err != nil || keep {
			return err
		}
	}
	host, user, base, table, ca := "", "", "", k.cfg.MySQL.Table, k.cfg.MySQL.CAFile
	for {
		for _, part := range []struct {
			name string
			text *string
		}{{"host:port", &host}, {"PEM file of who signed the server's certificate (for RDS, the bundle of AWS); empty for a public one", &ca}, {"database", &base}, {"user", &user}, {"table", &table}} {
			if part.text == &ca && onThisHost(host) {
				ca = ""
				continue
			}
			k.paragraph("   ", k.words(part.name))
			var err error
			if *part.text, err = k.ask(ctx, *part.text); err != nil {
				return err
			}
			if host == "" {
				return k.answer("mysql.dsn_file", "")
			}
		}
		password, err := k.typist.line(ctx, "   "+k.words("password (not shown)")+" > ", true)
		if err != nil {
			return err
		}
		done, err := k.connect(ctx, dsnOf(host, base, user, password), table, ca)
		if err != nil || done {
			return err
		}
	}
}

// connect takes a DSN, and tries it if wanted; false asks again. A DSN that does
// not connect yet may be kept: its server can be up later.
func (k *asker) connect(ctx context.Context, dsn, table, ca string) (bool, error) {
	before := k.cfg
	next := *k.cfg
	next.mysqlDSN, next.MySQL.DSNFile = dsn, ""
	k.cfg = &next
	err := k.answerFile("mysql.ca_file", ca)
	if err == nil {
		err = k.answer("mysql.table", table)
	}
	if err != nil {
		k.cfg = before
		k.refuse(err)
		return false, nil
	}
	k.dsn = dsn
	try, err := k.yes(ctx, k.words("Connect to it now?"))
	if err != nil || !try {
		return true, err
	}
	err = k.try(ctx)
	if err == nil {
		k.say("   %s", k.words("it answers, and the columns are there"))
		return true, nil
	}
	k.refuse(err)
	again, err := k.yes(ctx, k.words("Type it again? (n keeps it as it is)"))
	if again {
		k.cfg, k.dsn = before, ""
	}
	return !again, err
}

// dsnOf is a data source name of its parts, as the driver reads it: over TLS but
// on this host, since the syncer takes no other.
func dsnOf(host, base, user, password string) string {
	network, params := "tcp", ""
	if strings.HasPrefix(host, "/") {
		network = "unix"
	} else if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "3306")
	}
	if !onThisHost(host) {
		params = "?tls=true"
	}
	return user + ":" + password + "@" + network + "(" + host + ")/" + url.PathEscape(base) + params
}

// onThisHost reports whether a host, host:port or Unix socket is of this host.
func onThisHost(host string) bool {
	return strings.HasPrefix(host, "/") || isLoopback(host) || isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "3306"))
}

// value is a setting as it is typed.
func (k *asker) value(key string) string {
	for _, s := range k.cfg.settings() {
		if s.key == key {
			if list, ok := s.field.Interface().([]string); ok {
				return strings.Join(list, ", ")
			}
			return fmt.Sprint(s.field.Interface())
		}
	}
	return ""
}

func (k *asker) greet() {
	k.paragraph("", fmt.Sprintf(k.words("A configuration for %s."), k.path))
	k.paragraph("", k.words("Enter takes what stands in brackets, - leaves it empty, Ctrl-C ends without writing."))
}

func (k *asker) head(q question) {
	k.number++
	t := q.text[k.lang]
	k.say("")
	k.paragraph("", fmt.Sprintf("%d. %s", k.number, t[0]))
	k.paragraph("   ", t[1])
}

// ask shows what Enter takes; - is nothing.
func (k *asker) ask(ctx context.Context, usual string) (string, error) {
	text, err := k.typist.line(ctx, "   ["+eml.Visible(usual)+"] > ", false)
	if text == "-" {
		return "", err
	}
	return cmp.Or(text, usual), err
}

// yes asks a question whose usual answer is yes.
func (k *asker) yes(ctx context.Context, what string) (bool, error) {
	text, err := k.typist.line(ctx, "   "+what+" [Y/n] > ", false)
	return text == "" || strings.EqualFold(text, "y") || strings.EqualFold(text, "yes") || text == "ㅛ" || text == "예" || text == "네", err
}

func (k *asker) refuse(err error) {
	what, hint := parts(err)
	k.paragraph("   ! ", eml.Visible(what))
	k.paragraph("     ", eml.Visible(hint))
}

// paragraph writes a text behind a margin, broken between words: a terminal
// would tear Korean ones.
func (k *asker) paragraph(margin, text string) {
	for _, line := range wrapped(text, cmp.Or(k.width, defaultWidth)-len(margin)) {
		k.say("%s%s", margin, line)
		margin = strings.Repeat(" ", len(margin))
	}
}

func (k *asker) say(format string, args ...any) { k.typist.say(fmt.Sprintf(format, args...) + "\n") }

// say writes between two questions, when the terminal is as usual.
func (t *typist) say(text string) { fmt.Fprint(t.out, text) }
