//go:build host

package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/sesclient/emulator"
)

// order is the mail that every client sends. The scripts of testdata/clients
// read it from order.json.
type order struct {
	From     string `json:"from"`
	FromName string `json:"from_name"`
	To       string `json:"to"`
	ToName   string `json:"to_name"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
	File     string `json:"file"`
	Password string `json:"password"`
}

// koreanOrder has what breaks on the way: a subject that takes two encoded
// words, lines that are or begin with a dot, a file name with a blank.
var koreanOrder = order{
	From: "app@example.com", FromName: "파발 상점",
	To: "minji@example.net", ToName: "김민지",
	Subject:  "주문 4711이 접수되었습니다: 영수증과 배송 안내를 첨부하오니 확인하여 주시기 바랍니다",
	Text:     "안녕하세요, 김민지님.\n.점으로 시작하는 줄\n.\n\n고맙습니다.\n",
	HTML:     "<p>안녕하세요, <b>김민지</b>님</p>",
	File:     "영수증 11월.pdf",
	Password: "correct-horse",
}

// clientPatience is for one client to hand one mail in.
const clientPatience = 30 * time.Second

// shown is a mail as read.py sees it.
type shown struct {
	Subject string      `json:"subject"`
	From    [][2]string `json:"from"`
	To      [][2]string `json:"to"`
	Text    string      `json:"text"`
	HTML    string      `json:"html"`
	Files   [][2]string `json:"files"` // name and SHA-256
	Defects []string    `json:"defects"`
	Clean   bool        `json:"clean"` // ASCII only
}

// clientRig is a folder with the mail in it, a daemon, and the settings that
// docs/smtp.md tells an operator to make.
type clientRig struct {
	*host
	t       *testing.T
	p       *process
	mails   string // the folder that clients run in
	want    shown
	address *strings.Replacer // of the documentation, to the daemon's
	env     []string
	after   int // mails that SES has
}

func newClientRig(t *testing.T, settings ...string) *clientRig {
	t.Helper()
	h := newHost(t, emulator.Options{Rate: 100, Keep: 100}, settings...)
	r := &clientRig{host: h, t: t, mails: t.TempDir()}
	o := koreanOrder
	data := bytes.Repeat([]byte("\x00\r\n\xff.\r\n영수증"), 1000)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	r.write("order.json", string(text))
	r.write(o.File, string(data))
	r.write("page.html", o.HTML)
	r.want = shown{Subject: o.Subject, From: [][2]string{{o.FromName, o.From}}, To: [][2]string{{o.ToName, o.To}},
		Text: strings.TrimRight(o.Text, "\n"), HTML: o.HTML, Defects: []string{}, Clean: true,
		Files: [][2]string{{o.File, fmt.Sprintf("%x", sha256.Sum256(data))}}}
	r.env = append(slices.Clone(h.env), "NODE_PATH=/usr/share/nodejs", "USER=app", "LOGNAME=app")
	r.tool("python3", script("write.py"))
	r.p = h.serve()
	host, port, err := net.SplitHostPort(r.p.where.SMTP[0])
	if err != nil {
		t.Fatal(err)
	}
	pairs := []string{"127.0.0.1", host, "mail.example.com", host, "2525", port, "PASSWORD", o.Password}
	if len(r.p.where.SMTP) > 1 {
		_, implicit, _ := net.SplitHostPort(r.p.where.SMTP[1])
		pairs = append(pairs, "4650", implicit)
	}
	r.address = strings.NewReplacer(pairs...)
	return r
}

// script is the path of a client's script.
func script(name string) string {
	path, err := filepath.Abs("../testdata/clients/" + name)
	if err != nil {
		panic(err) // the working directory is gone
	}
	return path
}

func (r *clientRig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.mails, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// tool runs a program in the folder of the mail.
func (r *clientRig) tool(words ...string) {
	r.t.Helper()
	if out, err := r.command(r.t.Context(), "", words...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", words[0], err, out)
	}
}

// command is a program with a file as its stdin, where pabal is
// /usr/sbin/sendmail.
func (r *clientRig) command(ctx context.Context, stdin string, words ...string) *exec.Cmd {
	r.t.Helper()
	sendmail, err := exec.LookPath("sendmail")
	if err != nil {
		r.t.Fatal(err)
	}
	const asSendmail = `mount --bind "$0" /usr/sbin/sendmail && exec "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-c", asSendmail, sendmail}, words...)...)
	cmd.Dir, cmd.Env = r.mails, r.env
	if stdin != "" {
		text, err := os.ReadFile(filepath.Join(r.mails, stdin))
		if err != nil {
			r.t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(text)
	}
	return cmd
}

// client is one way a program hands in the mail.
type client struct {
	name  string
	stdin string // a file
	words []string
}

// uses runs a client.
func (r *clientRig) uses(t *testing.T, c client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	out, err := r.command(ctx, c.stdin, c.words...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w\n%s", c.words, err, out)
	}
	return nil
}

// delivers runs clients, which hand in the mail once each, and has a parser that
// is not ours read what SES got.
func (r *clientRig) delivers(clients ...client) {
	for _, c := range clients {
		r.t.Run(c.name, func(t *testing.T) {
			if err := r.uses(t, c); err != nil {
				t.Fatal(err)
			}
			r.arrived(t, 1)
		})
	}
}

// arrived waits for more mails at SES and compares them.
func (r *clientRig) arrived(t *testing.T, more int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	if err := r.ses.WaitAccepted(ctx, r.after+more); err != nil {
		t.Fatalf("%d mails of %d came: %v\n%s", r.ses.Count()-r.after, more, err, r.log())
	}
	all := r.ses.Accepted()[r.after:]
	if r.after += len(all); len(all) != more {
		t.Fatalf("SES has %d mails more, want %d", len(all), more)
	}
	for _, one := range all {
		r.reads(t, one)
	}
}

// reads compares what a mail program shows of a mail at SES.
func (r *clientRig) reads(t *testing.T, one emulator.Accepted) {
	t.Helper()
	if !slices.Equal(one.To, []string{koreanOrder.To}) {
		t.Errorf("sent to %v", one.To)
	}
	raw := rawAtSES(t, r.ses, one.ID)
	if got := seen(t, raw); !reflect.DeepEqual(got, r.want) {
		t.Errorf("SES got\n%+v\nwant\n%+v\nof\n%s", got, r.want, raw[:min(len(raw), 3000)])
	}
}

// seen is what read.py sees in a mail.
func seen(t *testing.T, raw []byte) (got shown) {
	t.Helper()
	reader := exec.CommandContext(t.Context(), "python3", script("read.py"))
	reader.Stdin = bytes.NewReader(raw)
	out, err := reader.Output()
	if err != nil {
		t.Fatalf("read.py: %v\n%s", err, raw)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// clientRow is one line of the tables of docs/smtp.md.
var clientRow = regexp.MustCompile("(?m)^\\| ([^|`]+) \\| (`[^|]+`) \\|$")

// setting is what a table of the documentation says about a client, with the
// daemon's address: the first table for this host, the second for elsewhere.
func (r *clientRig) setting(table int, client string) string {
	r.t.Helper()
	text, err := os.ReadFile("../docs/smtp.md")
	if err != nil {
		r.t.Fatal(err)
	}
	tables := strings.Split(string(text), "| program | what to set |")
	if len(tables) != 3 {
		r.t.Fatalf("docs/smtp.md has %d tables of clients, want 2", len(tables)-1)
	}
	for _, m := range clientRow.FindAllStringSubmatch(tables[table], -1) {
		if m[1] == client {
			lines := strings.ReplaceAll(strings.Trim(m[2], "`"), "` `", "\n")
			return r.address.Replace(lines) + "\n"
		}
	}
	r.t.Fatalf("docs/smtp.md says nothing about %q in table %d", client, table)
	return ""
}

// words are a setting that is a command line.
func (r *clientRig) words(table int, client string, more ...string) []string {
	r.t.Helper()
	return append(strings.Fields(r.setting(table, client)), more...)
}

const (
	thisHost  = 1
	elsewhere = 2
)
