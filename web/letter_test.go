package web

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
)

// shelf stands for the campaigns: "good" opens a letter, "over" did once,
// "gone" is of somebody who is erased, "broken" cannot be read.
type shelf struct{ letter campaign.Letter }

func (s shelf) OpenPreview(_ context.Context, token string) (campaign.Letter, error) {
	switch token {
	case "good":
		return s.letter, nil
	case "gone":
		return campaign.Letter{}, campaign.ErrNotFound
	case "broken":
		return campaign.Letter{}, errors.New("disk on fire")
	}
	return campaign.Letter{}, audience.ErrToken
}

func (s shelf) OpenView(ctx context.Context, token string) (campaign.Letter, error) {
	return s.OpenPreview(ctx, token)
}

const evil = `<html><head lang="ko"><title>x</title></head><body onload="alert(1)"><script>alert(2)</script><p>김민지님 <a href="https://shop.example.com/">보기</a></p></body></html>`

func letterServer(letter campaign.Letter) *Server {
	s := testPages(&list{})
	s.letters = shelf{letter}
	return s
}

func sampleLetter() campaign.Letter {
	return campaign.Letter{From: "상점 <shop@example.com>", To: `"<b>민지" <minji@example.com>`, Subject: "(광고) <봄> 신상", HTML: evil, Text: "김민지님\n<script>", Skip: "unsubscribed", Missing: []string{"Coupon"},
		Attachments: []campaign.Attachment{{Name: "쿠폰<1>.pdf"}}}
}

func TestPreviewShowsHeadersAndBothParts(t *testing.T) {
	got := ask(t, letterServer(sampleLetter()), "GET", "/l/good", "", "")
	if got.status != 200 || got.header.Get("Content-Language") != "ko" {
		t.Fatalf("%d %s", got.status, got.header.Get("Content-Language"))
	}
	for _, want := range []string{"상점 &lt;shop@example.com&gt;", "&lt;b&gt;민지", "(광고) &lt;봄&gt; 신상", `src="good/html"`, "김민지님\n&lt;script&gt;", "수신 거부", "Coupon", "쿠폰&lt;1&gt;.pdf", "noindex"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in %s", want, got.body)
		}
	}
	sandbox := regexp.MustCompile(`sandbox="([^"]*)"`).FindStringSubmatch(got.body)
	if sandbox == nil || strings.Contains(sandbox[1], "scripts") || strings.Contains(sandbox[1], "same-origin") {
		t.Errorf("sandbox %q", sandbox)
	}
	if strings.Contains(got.body, "<script") || strings.Contains(got.body, "onload") {
		t.Error("the letter's own HTML is on the page round it")
	}
}

func TestLettersRunNothingAndSayNothing(t *testing.T) {
	s := letterServer(sampleLetter())
	for target, frame := range map[string]string{"/l/good": "frame-ancestors 'none'", "/l/good/html": "frame-ancestors 'self'", "/v/good": "frame-ancestors 'none'"} {
		h := ask(t, s, "GET", target, "", "").header
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || strings.Contains(policy, "allow-scripts") || !strings.Contains(policy, frame) {
			t.Errorf("%s: policy %q", target, policy)
		}
		if target != "/l/good" && !strings.Contains(policy, "sandbox") {
			t.Errorf("%s: a letter without a sandbox: %q", target, policy)
		}
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", target, name, h.Get(name))
			}
		}
	}
}

func TestLetterIsShownAsItIs(t *testing.T) {
	want := strings.Replace(evil, `<head lang="ko">`, `<head lang="ko"><base target="_blank">`, 1)
	for _, target := range []string{"/l/good/html", "/v/good"} {
		if got := ask(t, letterServer(sampleLetter()), "GET", target, "", ""); got.status != 200 || got.body != want || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s %s", target, got.status, got.header.Get("Content-Type"), got.body)
		}
	}
	text := letterServer(campaign.Letter{Text: "<b>글만"})
	if got := ask(t, text, "GET", "/v/good", "", ""); got.body != "<b>글만" || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("text only: %s %s", got.header.Get("Content-Type"), got.body)
	}
	if got := ask(t, text, "GET", "/l/good", "", ""); strings.Contains(got.body, "<iframe") || !strings.Contains(got.body, "&lt;b&gt;글만") {
		t.Errorf("text only: %s", got.body)
	}
}

// A letter without a <head> has links too.
func TestLinksOfEveryLetterOpenElsewhere(t *testing.T) {
	const base = `<base target="_blank">`
	for page, want := range map[string]string{
		"<p>a</p>":                               base + "<p>a</p>",
		"<!DOCTYPE html>\n<html lang=ko><body>a": "<!DOCTYPE html>\n<html lang=ko>" + base + "<body>a",
		"<!doctype html><p>a<html>":              "<!doctype html>" + base + "<p>a<html>",
		"<HTML><HEAD>\n</HEAD><header>a":         "<HTML><HEAD>" + base + "\n</HEAD><header>a",
		"<header>a</header>":                     base + "<header>a</header>",
	} {
		if got := string(outside(page)); got != want {
			t.Errorf("%s: %s, want %s", page, got, want)
		}
	}
}

func TestPreviewSaysInItsLanguageWhyNobodyIsMailed(t *testing.T) {
	for query, want := range map[string]string{"": "수신 거부", "?lang=en": "<dd class=\"bad\">unsubscribed</dd>"} {
		if got := ask(t, letterServer(sampleLetter()), "GET", "/l/good"+query, "", ""); !strings.Contains(got.body, want) || query == "" && strings.Contains(got.body, "unsubscribed") {
			t.Errorf("%q: no %q in %s", query, want, got.body)
		}
	}
}

// Who tries links out learns nothing from the answer.
func TestBadLetterLinksGetOneAnswer(t *testing.T) {
	s := letterServer(sampleLetter())
	for _, kind := range []string{"/l/%s", "/l/%s/html", "/v/%s"} {
		want := ask(t, s, "GET", strings.ReplaceAll(kind, "%s", "bad"), "", "")
		for _, token := range []string{"over", "gone", strings.Repeat("A", 300)} {
			got := ask(t, s, "GET", strings.ReplaceAll(kind, "%s", token), "", "")
			if got.status != 404 || got.status != want.status || got.body != want.body {
				t.Errorf("%s of %s: %d, want what %d has", kind, token, got.status, want.status)
			}
		}
	}
	if got := ask(t, s, "GET", "/v/broken", "", ""); got.status != http.StatusServiceUnavailable || strings.Contains(got.body, "fire") {
		t.Errorf("broken: %d %s", got.status, got.body)
	}
	if got := ask(t, testPages(&list{}), "GET", "/l/good", "", ""); got.status != 404 {
		t.Errorf("without campaigns: %d", got.status)
	}
}

func TestLettersTakeNoPOST(t *testing.T) {
	s := letterServer(sampleLetter())
	for _, target := range []string{"/l/good", "/l/good/html", "/v/good"} {
		if got := ask(t, s, "POST", target, form, "x=y"); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", target, got.status)
		}
	}
}

func TestViewLinkOfATestMailSaysSo(t *testing.T) {
	if got := ask(t, letterServer(sampleLetter()), "GET", "/v/test", "", ""); got.status != 200 || !strings.Contains(got.body, "테스트 메일") {
		t.Errorf("%d %s", got.status, got.body)
	}
}
