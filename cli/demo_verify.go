package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"

	"pabal/sesclient/emulator"
)

// arrived is one mail as the standard library reads it: not with the code that
// wrote it, which would share its faults.
type arrived struct {
	subject string
	text    string
	html    string
	link    string // unsubscribe link in the HTML
}

var (
	unsubscribeLink = regexp.MustCompile(`https?://[^"'<>\s]+/u/[A-Za-z0-9_.~-]+`)
	// nobody is a greeting without a name.
	nobody = regexp.MustCompile(`(?m)^\s*님`)
)

// leftover reports what a merge that went wrong leaves behind.
func (a *arrived) leftover() bool {
	for _, text := range []string{a.subject, a.text, a.html} {
		for _, trace := range []string{"{{", "<no value>", "&lt;no value&gt;", "<nil>", "&lt;nil&gt;", "%!s(", ">님"} {
			if strings.Contains(text, trace) {
				return true
			}
		}
	}
	return nobody.MatchString(a.subject + "\n" + a.text)
}

func readMail(raw []byte) (arrived, error) {
	var a arrived
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return a, fmt.Errorf("read a mail of the log: %w", err)
	}
	if a.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return a, err
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return a, err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return a, errors.New("a campaign's mail is not multipart")
	}
	if err := a.readParts(multipart.NewReader(m.Body, params["boundary"])); err != nil {
		return a, err
	}
	if a.text == "" || a.html == "" {
		return a, errors.New("a campaign's mail lacks its text or its HTML")
	}
	a.link = html.UnescapeString(unsubscribeLink.FindString(a.html))
	return a, nil
}

func (a *arrived) readParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			return err
		}
		if strings.HasPrefix(kind, "multipart/") {
			if err := a.readParts(multipart.NewReader(part, params["boundary"])); err != nil {
				return err
			}
			continue
		}
		content, err := io.ReadAll(decoded(part, part.Header.Get("Content-Transfer-Encoding")))
		if err != nil {
			return err
		}
		switch kind {
		case "text/html":
			a.html = string(content)
		case "text/plain":
			a.text = string(content)
		}
	}
}

func decoded(r io.Reader, encoding string) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	}
	return r
}

// verify reads every mail of the first campaign in SES's log and compares it
// with the customers, names by address, and the ledger.
func (d *demo) verify(ctx context.Context, id uint64, names map[string]string, log []emulator.Accepted) error {
	wrongName, leftover := 0, 0
	people, links := map[string]string{}, map[string]bool{} // address -> SES id
	for _, accepted := range log {
		raw, found := d.ses.Raw(accepted.ID)
		if !found || len(accepted.To) != 1 {
			return fmt.Errorf("the log of SES has no mail for %s", accepted.ID)
		}
		m, err := readMail(raw)
		if err != nil {
			return fmt.Errorf("mail %s: %w", accepted.ID, err)
		}
		people[accepted.To[0]] = accepted.ID
		links[m.link] = m.link != ""
		if !greets(m, names[accepted.To[0]]) {
			wrongName++
		}
		if m.leftover() {
			leftover++
		}
	}
	n, checks := len(names), d.texts.checks
	d.check(checks.allAccepted, len(log) == n && len(people) == n, "%d of %d", len(people), n)
	d.check(checks.ownName, wrongName == 0, "%d of %d", len(log)-wrongName, n)
	d.check(checks.ownLink, len(links) == n && !links[""], "%d of %d", len(links), n)
	d.check(checks.nothingLeft, leftover == 0, "%d of %d", len(log)-leftover, n)
	return d.verifyLedger(ctx, id, people)
}

// greets reports whether subject and body carry the customer's own name.
func greets(m arrived, name string) bool {
	if name == "" {
		name = "고객"
	}
	return strings.Contains(m.subject, name) && strings.Contains(m.text, name) &&
		(strings.Contains(m.html, name) || strings.Contains(html.UnescapeString(m.html), name))
}

func (d *demo) verifyLedger(ctx context.Context, id uint64, people map[string]string) error {
	now, err := d.c.Campaign(ctx, id)
	if err != nil {
		return err
	}
	sum := now.Pending + now.Sending + now.Accepted + now.Failed + now.Skipped + now.Unknown
	d.check(d.texts.checks.sums, sum == now.Audience && now.Accepted == int64(len(people)), "%d = %d", sum, now.Audience)
	agree := 0
	for m, err := range d.c.Recipients(ctx, id, "accepted") {
		if err != nil {
			return err
		}
		if people[m.To] == m.SESID && m.SESID != "" {
			agree++
		}
	}
	d.check(d.texts.checks.logAgrees, agree == len(people), "%d of %d", agree, len(people))
	return nil
}
