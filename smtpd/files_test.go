package smtpd

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"pabal/eml"
)

// inspect looks for forbidden files in a whole message.
func inspect(t testing.TB, raw string) error {
	t.Helper()
	header, body, err := eml.Split([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return (&files{}).allowed(headerOfPart(&header), body, 0)
}

// multi is a multipart with the parts.
func multi(parts ...string) string {
	return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n"
}

func TestForbiddenFilesAreFoundHoweverTheyAreNamed(t *testing.T) {
	file := func(fields string) string { return multi("\r\ntext", fields+"\r\n\r\nAAAA") }
	inner := "Subject: inner\r\n" + file("Content-Disposition: attachment; filename=a.exe")
	for name, raw := range map[string]string{
		"plain":                  file(`Content-Disposition: attachment; filename="a.exe"`),
		"the only part":          "Content-Type: application/octet-stream; name=a.exe\r\n\r\nx",
		"name of the type":       file(`Content-Type: application/x; name=A.EXE`),
		"unquoted, with a blank": file(`Content-Disposition: attachment; filename=my program.exe`),
		"never closed":           file(`Content-Disposition: attachment; filename="a.exe`),
		"RFC 2231":               file(`Content-Disposition: attachment; filename*=utf-8'ko'%EC%84%A4%EC%B9%98%2Eexe`),
		"in pieces":              file(`Content-Disposition: attachment; filename*0="a."; filename*1="ex"; filename*2=e`),
		"in coded pieces":        file(`Content-Disposition: attachment; filename*0*=utf-8''%61; filename*1*=%2e%65; filename*2=xe`),
		"pieces not in order":    file(`Content-Disposition: attachment; filename*1=xe; filename*0=a.e`),
		"RFC 2047":               file(`Content-Disposition: attachment; filename="=?utf-8?B?7ISk7LmYLmV4ZQ==?="`),
		"RFC 2047 in words":      file("Content-Type: application/x;\r\n name=\"=?utf-8?Q?a.e?=\r\n =?utf-8?Q?xe?=\""),
		"raw CP949":              file("Content-Disposition: attachment; filename=\"\xbc\xb3\xc4\xa1.exe\""),
		"two names":              file(`Content-Disposition: attachment; filename=a.pdf; filename=a.exe`),
		"dots behind":            file(`Content-Disposition: attachment; filename="a.exe. "`),
		"folded":                 file("Content-Disposition: attachment;\r\n\tfilename=a\r\n .exe; filename=a.exe"),
		"odd case":               file("CONTENT-disposition: ATTACHMENT; FileName=a.exe"),
		"behind a broken line":   file("no field at all\r\nContent-Disposition: attachment; filename=a.exe"),
		"nested":                 multi(multi("\r\nx", file("Content-Disposition: inline; filename=a.vbs"))),
		"in a message":           multi("Content-Type: message/rfc822\r\n\r\n" + inner),
		"in a message in base64": multi("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: Base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(inner))),
		"the whole is a message": "Content-Type: message/rfc822\r\n\r\n" + inner,
		"boundary unquoted":      "Content-Type: multipart/mixed; boundary==_a:b (comment)\r\n\r\n--=_a:b\r\nContent-Type: a/b; name=a.js\r\n\r\nx\r\n--=_a:b--\r\n",
		"boundary in pieces":     "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\nContent-Type: a/b; name=a.js\r\n\r\nx\r\n--ab--\r\n",
		"no end":                 "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b; name=a.lnk\r\n\r\nx",
	} {
		err := inspect(t, "From: a@b.c\r\n"+raw)
		var refused *smtp.SMTPError
		if !errors.As(err, &refused) || refused.Code != 552 || !strings.Contains(refused.Message, "SES refuses .") {
			t.Errorf("%s: %v, want 552", name, err)
		}
	}
}

func TestOtherFilesGo(t *testing.T) {
	for name, raw := range map[string]string{
		"none":             "\r\nsetup.exe\r\n",
		"pdf":              multi("\r\nsee a.exe", "Content-Disposition: attachment; filename=a.pdf\r\n\r\nx"),
		"zip of one":       multi("Content-Disposition: attachment; filename=a.exe.zip\r\n\r\nx"),
		"in the text":      multi("\r\nContent-Disposition: attachment; filename=a.exe\r\n"),
		"in the preamble":  "Content-Type: multipart/mixed; boundary=b\r\n\r\nContent-Type: a/b; name=a.exe\r\n--b\r\n\r\nx\r\n--b--\r\nContent-Type: a/b; name=a.exe\r\n",
		"another value":    multi("Content-Disposition: attachment; comment=a.exe\r\n\r\nx"),
		"no boundary":      "Content-Type: multipart/mixed\r\n\r\n--b\r\nContent-Type: a/b; name=a.exe\r\n\r\n",
		"a type like that": multi("Content-Type: application/x-msdownload\r\n\r\nx"),
	} {
		if err := inspect(t, "From: a@b.c\r\n"+raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForbiddenFileIsRefusedAtOnceAndSaysWhatToDo(t *testing.T) {
	q := &memory{}
	got := deliver(t, start(t, testServer(q)), "From: a@shop.example\r\n"+multi("\r\nx", "Content-Disposition: attachment; filename=\"설치\x1b.exe\"\r\n\r\nx"), "kim@example.com")
	if !strings.HasPrefix(got, "552 5.7.0 the attachment ") || !strings.Contains(got, "SES refuses .exe files; send a link to it, or put it into a .zip archive") || strings.Contains(got, "\x1b") {
		t.Errorf("reply %q", got)
	}
	if len(q.all()) != 0 {
		t.Error("it was stored")
	}
}

func TestHostilePartsEnd(t *testing.T) {
	deep := ""
	for i := range maxDepth + 2 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=x%d-\r\n\r\n--x%d-\r\n", i, i)
	}
	many := "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\nx\r\n", maxParts+1)
	for name, raw := range map[string]string{"depth": deep, "parts": many} {
		var refused *smtp.SMTPError
		if err := inspect(t, "From: a@b.c\r\n"+raw); !errors.As(err, &refused) || refused.Code != 554 {
			t.Errorf("%s: %v, want 554", name, err)
		}
	}
}

// A mail within max_message_size may be too large for SES once it is coded.
func TestMailsThatGrowPastSESsLimitAreRefused(t *testing.T) {
	q := &memory{}
	s := testServer(q)
	s.MaxMessageSize = 40 << 20
	address := start(t, s)
	text := "From: a@shop.example\r\n\r\n" + strings.Repeat("안녕하세요 고객님, 오늘도 좋은 하루\r\n", 24<<20/48)
	if got := deliver(t, address, text, "kim@example.com"); !strings.HasPrefix(got, "552 5.3.4 the message has more than the 31456256 bytes SES takes once its 8-bit text") {
		t.Errorf("a mail of %d bytes in 8 bits: %q", len(text), got)
	}
	c := dial(t, address)
	c.play("< 220")
	c.send("EHLO c\r\n")
	if got, want := c.reply(), fmt.Sprintf("250-SIZE %d\r\n", maxMail); !strings.Contains(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename*0*=utf-8''%61; filename*1=.exe\r\n\r\n--b--"))
	f.Add([]byte("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYQ0KDQp4"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, body := cutHeader(raw)
		(&files{}).allowed(h, body, 0) // must end, without a panic
	})
}
