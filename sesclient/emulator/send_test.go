package emulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime"
	"mime/multipart"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

func TestRawSendIsLoggedAsReceivedAndStoredAsSESWould(t *testing.T) {
	s, c := pair(t, Options{Dir: t.TempDir()})
	in := raw(mailText, "b@example.org")
	in.EmailTags = []types.MessageTag{{Name: aws.String("pabal"), Value: aws.String("1-2-3-1")}, {Name: aws.String("lane"), Value: aws.String("bulk")}}
	id := mustSend(t, c, in)

	log := s.Accepted()
	if len(log) != 1 {
		t.Fatalf("log has %d lines, want 1", len(log))
	}
	a := log[0]
	sum := sha256.Sum256([]byte(mailText))
	if a.ID != id || a.BodyHash != hex.EncodeToString(sum[:]) || a.Bytes != len(mailText) || a.XPabalID != "1-2-3-1" ||
		a.Lane != "bulk" || a.Tags["pabal"] != "1-2-3-1" || a.From != "shop@example.com" || !slices.Equal(a.To, []string{"b@example.org"}) {
		t.Fatalf("log line is %+v", a)
	}
	stored, ok := s.Raw(id)
	if !ok {
		t.Fatal("the mail was not kept")
	}
	m, err := mail.ReadMessage(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<" + id + "@email.amazonses.com>", "Return-Path": "<" + id + "@amazonses.com>", "Bcc": "",
		"To": "a@example.net", "From": "=?UTF-8?B?66y07Iug7IKs?= <shop@example.com>",
	} {
		if got := m.Header.Get(name); got != want || len(m.Header[name]) > 1 {
			t.Errorf("%s is %q, want %q", name, m.Header[name], want)
		}
	}
	if d := m.Header.Get("Date"); strings.Contains(d, "2024") || d == "" {
		t.Errorf("Date is %q, want the emulator's", d)
	}
	if body, _ := io.ReadAll(m.Body); string(body) != "hello\r\n" {
		t.Errorf("body is %q", body)
	}
}

func TestFromEmailAddressOverwritesTheFromHeader(t *testing.T) {
	s, c := pair(t, Options{})
	in := raw(mailText, "b@example.org")
	in.FromEmailAddress = aws.String("bounce@example.com")
	stored, _ := s.Raw(mustSend(t, c, in))
	if !bytes.Contains(stored, []byte("\r\nFrom: bounce@example.com\r\n")) || bytes.Contains(stored, []byte("shop@example.com")) {
		t.Fatalf("stored:\n%s", stored)
	}
}

func TestRecipientsComeFromTheHeaderOnlyWithoutDestination(t *testing.T) {
	s, c := pair(t, Options{})
	mustSend(t, c, raw(mailText))
	in := raw(mailText, "고객 <x@example.org>")
	in.Destination.BccAddresses = []string{"y@example.org"}
	mustSend(t, c, in)
	for i, want := range [][]string{{"a@example.net", "secret@example.net"}, {"x@example.org", "y@example.org"}} {
		if got := s.Accepted()[i].To; !slices.Equal(got, want) {
			t.Errorf("envelope %d is %v, want %v", i, got, want)
		}
	}
}

func TestSimpleContentBecomesMIME(t *testing.T) {
	s, c := pair(t, Options{})
	id := mustSend(t, c, &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("shop@example.com"), ReplyToAddresses: []string{"help@example.com"},
		Destination: &types.Destination{ToAddresses: []string{"a@example.net"}, BccAddresses: []string{"b@example.net"}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: &types.Content{Data: aws.String("가을 세일")},
			Body:    &types.Body{Html: &types.Content{Data: aws.String("<p>안녕</p>")}, Text: &types.Content{Data: aws.String("안녕")}},
			Headers: []types.MessageHeader{{Name: aws.String("List-Unsubscribe"), Value: aws.String("<https://example.com/u>")}},
			Attachments: []types.Attachment{{FileName: aws.String("a.png"), RawContent: []byte("png"), ContentId: aws.String("a1"),
				ContentDisposition: types.AttachmentContentDispositionInline, ContentType: aws.String("image/png")}},
		}},
	})
	stored, _ := s.Raw(id)
	m, err := mail.ReadMessage(bytes.NewReader(stored))
	if err != nil {
		t.Fatal(err)
	}
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if subject != "가을 세일" || m.Header.Get("List-Unsubscribe") != "<https://example.com/u>" || m.Header.Get("Bcc") != "" ||
		m.Header.Get("Reply-To") != "help@example.com" {
		t.Errorf("header is %v", m.Header)
	}
	kind, args, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if kind != "multipart/mixed" {
		t.Fatalf("content type is %s", kind)
	}
	parts := multipart.NewReader(m.Body, args["boundary"])
	first, err := parts.NextPart()
	if err != nil || !strings.HasPrefix(first.Header.Get("Content-Type"), "multipart/alternative") {
		t.Fatalf("first part: %v %v", first, err)
	}
	second, err := parts.NextPart()
	if err != nil || second.Header.Get("Content-Id") != "<a1>" || !strings.HasPrefix(second.Header.Get("Content-Disposition"), "inline") {
		t.Fatalf("second part: %v %v", second, err)
	}
}

func TestRefusesWhatSESRefuses(t *testing.T) {
	s, c := pair(t, Options{Rate: -1, Quota: -1, ConfigurationSets: []string{"main"}})
	many := make([]string, 51)
	for i := range many {
		many[i] = "a@example.net"
	}
	with := func(change func(*sesv2.SendEmailInput)) *sesv2.SendEmailInput {
		in := raw(mailText, "a@example.net")
		change(in)
		return in
	}
	head, bad := "From: a@example.com\r\n", "BadRequestException"
	for name, x := range map[string]struct {
		in         *sesv2.SendEmailInput
		code, text string
	}{
		"51 recipients":     {raw(mailText, many...), bad, "exceeds 50"},
		"duplicate header":  {raw("Dkim-Signature: a\r\nDKIM-Signature: b\r\n"+head+"\r\nx", "a@example.net"), bad, "Duplicate header 'DKIM-Signature'."},
		"long line":         {raw(head+"\r\n"+strings.Repeat("x", 999)+"\r\n", "a@example.net"), bad, "Line 3 is longer than 1000"},
		"no body":           {raw("From: a@example.com\r\nTo: b@example.com\r\n", "a@example.net"), bad, "no body"},
		"no header":         {raw("hello there\r\n\r\nx", "a@example.net"), bad, "not a header field"},
		"no From":           {raw("To: a@example.com\r\n\r\nx", "a@example.net"), bad, "'From'"},
		"NUL":               {raw(head+"\r\nx\x00", "a@example.net"), bad, "NUL"},
		"no recipient":      {raw(head + "\r\nx"), bad, "Missing destination"},
		"empty":             {raw("", "a@example.net"), bad, "Content must hold"},
		"no at sign":        {raw(mailText, "a.example.net"), bad, "Missing final '@domain'"},
		"no dot":            {raw(mailText, "a@localhost"), bad, "no dot"},
		"Korean local part": {raw(mailText, "고객@example.net"), bad, "non-ASCII"},
		"Korean domain":     {raw(mailText, "a@한글.kr"), bad, "Domain contains illegal"},
		"space":             {raw(mailText, "a b@example.net"), bad, "whitespace"},
		"dots":              {raw(mailText, "a..b@example.net"), bad, "dots"},
		"bad From":          {raw("From: nobody\r\n\r\nx", "a@example.net"), bad, "Illegal address 'nobody'"},
		"bad tag": {with(func(in *sesv2.SendEmailInput) {
			in.EmailTags = []types.MessageTag{{Name: aws.String("a"), Value: aws.String("한")}}
		}), bad, "Invalid tag"},
		"bad set":       {with(func(in *sesv2.SendEmailInput) { in.ConfigurationSetName = aws.String("a b") }), bad, "Invalid configuration set"},
		"unknown set":   {with(func(in *sesv2.SendEmailInput) { in.ConfigurationSetName = aws.String("other") }), "NotFoundException", "<other> does not exist"},
		"set in header": {raw("X-SES-CONFIGURATION-SET: other\r\n"+mailText, "a@example.net"), "NotFoundException", "<other>"},
		"template": {with(func(in *sesv2.SendEmailInput) {
			in.Content = &types.EmailContent{Template: &types.Template{TemplateName: aws.String("x")}}
		}), bad, "renders no templates"},
		"header with a line": {simple("List-Id", "a\r\nBcc: x"), bad, "Invalid header 'List-Id'"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := send(t, c, x.in)
			wantCode(t, err, x.code, x.text)
		})
	}
	if n := s.Count(); n != 0 {
		t.Errorf("%d mails accepted, want none", n)
	}
	mustSend(t, c, with(func(in *sesv2.SendEmailInput) { in.ConfigurationSetName = aws.String("main") }))
	mustSend(t, c, raw("X-SES-MESSAGE-TAGS: a=b, c=d\r\nX-SES-CONFIGURATION-SET: main\r\n"+mailText, "a@example.net"))
	last := s.Accepted()[1]
	if stored, _ := s.Raw(last.ID); last.Tags["c"] != "d" || bytes.Contains(stored, []byte("X-SES-")) {
		t.Errorf("tags are %v, stored:\n%s", last.Tags, stored)
	}
}

func simple(header, value string) *sesv2.SendEmailInput {
	return &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("shop@example.com"), Destination: &types.Destination{ToAddresses: []string{"a@example.net"}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: &types.Content{Data: aws.String("x")}, Body: &types.Body{Text: &types.Content{Data: aws.String("x")}},
			Headers: []types.MessageHeader{{Name: aws.String(header), Value: aws.String(value)}},
		}},
	}
}

func TestLineOfThousandOctetsPasses(t *testing.T) {
	_, c := pair(t, Options{})
	mustSend(t, c, raw("From: a@example.com\r\n\r\n"+strings.Repeat("x", 998)+"\r\n", "a@example.net"))
}

func TestFortyMegabytesAfterBase64(t *testing.T) {
	s, _ := local(t, Options{Keep: -1, NoHash: true})
	text := []byte("From: a@example.com\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 35<<20/1000))
	for _, x := range []struct {
		bytes, status int
		code          string
	}{
		{30 << 20, 200, ""}, {30<<20 + 1, 400, "BadRequestException"}, {34 << 20, 413, "RequestEntityTooLargeException"},
	} {
		data := base64.StdEncoding.EncodeToString(text[:x.bytes])
		w := httptest.NewRecorder()
		s.ServeHTTP(w, call("", []byte(`{"Destination":{"ToAddresses":["a@b.kr"]},"Content":{"Raw":{"Data":"`+data+`"}}}`)))
		if w.Code != x.status || w.Header().Get("X-Amzn-ErrorType") != x.code {
			t.Errorf("%d bytes: %d %v %s", x.bytes, w.Code, w.Header(), w.Body)
		}
	}
}

func TestSandboxRefusesUnverifiedRecipientsAndSenders(t *testing.T) {
	s, c := pair(t, Options{Sandbox: true, Rate: -1, Verified: []string{"example.com", "Friend@example.net"}})
	text := "From: a@mail.example.com\r\n\r\nx"
	for _, to := range []string{"friend@example.net", "b@sub.example.com", "success@simulator.amazonses.com", "bounce+1@simulator.amazonses.com"} {
		mustSend(t, c, raw(text, to))
	}
	_, err := send(t, c, raw(text, "friend@example.net", "stranger@example.org"))
	wantCode(t, err, "MessageRejected",
		"Email address is not verified. The following identities failed the check in region AP-NORTHEAST-2: stranger@example.org")
	_, err = send(t, c, raw("From: a@example.org\r\n\r\nx", "friend@example.net"))
	wantCode(t, err, "MessageRejected", "AP-NORTHEAST-2: a@example.org")
	in := raw(text, "friend@example.net")
	in.FeedbackForwardingEmailAddress = aws.String("bounce@example.org")
	_, err = send(t, c, in)
	wantCode(t, err, "MessageRejected", "bounce@example.org")
	s.Verify("stranger@example.org", true)
	mustSend(t, c, raw(text, "stranger@example.org"))
}

func TestMessageIDsRiseOrAreRandom(t *testing.T) {
	for _, random := range []bool{false, true} {
		_, c := local(t, Options{Rate: -1, RandomIDs: random, Keep: -1})
		var ids []string
		for range 50 {
			ids = append(ids, mustSend(t, c, raw(mailText, "a@example.net")))
		}
		if !validID(ids[0]) || strings.HasPrefix(ids[0], "0100") == random {
			t.Errorf("random %v: id is %s", random, ids[0])
		}
		if slices.IsSorted(ids) == random {
			t.Errorf("random %v: ids %v", random, ids[:3])
		}
		if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 50 {
			t.Errorf("random %v: an id came twice", random)
		}
	}
}

func TestSuppressedRecipientIsAcceptedAndMarked(t *testing.T) {
	s, c := local(t, Options{})
	s.Suppress("Gone@example.net", "BOUNCE", "0100")
	mustSend(t, c, raw(mailText, "gone@example.net"))
	if got := s.Accepted()[0].Suppressed; !slices.Equal(got, []string{"gone@example.net"}) {
		t.Errorf("suppressed is %v", got)
	}
	out, err := c.GetAccount(context.Background(), &sesv2.GetAccountInput{})
	if err != nil || out.SendQuota.SentLast24Hours != 1 {
		t.Errorf("quota use is %+v, %v, want 1", out, err)
	}
}
