package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pabal/eml"
)

// Formats of what a webhook is told.
const (
	FormatJSON  = "json"  // an Event
	FormatSlack = "slack" // {"text": …}: Slack, Mattermost, and whatever takes theirs
	FormatJandi = "jandi" // 잔디: {"body", "connectColor", "connectInfo"}
)

const (
	postLimit   = 10 * time.Second
	answerLimit = 4 << 10 // bytes of an answer that are read, so that the connection can be used again
)

// The headers by which a receiver knows that we sent it, and when: the
// signature is HMAC-SHA256 over the timestamp, a dot and the body, in hex.
const (
	HeaderSignature = "X-Pabal-Signature" // v1=…
	HeaderTimestamp = "X-Pabal-Timestamp" // Unix seconds
)

// Webhook is an address that is told of alarms by POST. It may be used at the
// same time.
type Webhook struct {
	URL    string // a secret: whoever has it may post
	Format string // one of the Formats; "" is FormatJSON
	Lang   string // of the text in FormatSlack and FormatJandi: ko or en
	Secret []byte // signs; none: no signature
	Agent  string // User-Agent

	client http.Client
}

// Post tells of one event and returns once it was taken: with a status of 2xx.
// A redirect is none: what is told goes to the configured address alone. The
// errors do not name the address.
func (h *Webhook) Post(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, postLimit)
	defer cancel()
	r, err := h.request(ctx, &e)
	if err != nil {
		return err
	}
	client := h.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("post an alarm: %w", unnamed(err))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, answerLimit))
	err = errors.Join(err, answer.Body.Close())
	switch {
	case answer.StatusCode/100 == 3:
		return fmt.Errorf("post an alarm: it answered %d, a redirect, which is not followed", answer.StatusCode)
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("post an alarm: it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return err
}

// unnamed is an error of a call without the address that was called.
func unnamed(err error) error {
	var call *url.Error
	if errors.As(err, &call) {
		err = call.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer within " + postLimit.String())
	}
	return err
}

func (h *Webhook) request(ctx context.Context, e *Event) (*http.Request, error) {
	body, err := json.Marshal(h.body(e))
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &eml.Problem{What: "the webhook's address is none", Hint: "see alert.webhook_url"}
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", h.Agent)
	if h.Format == FormatJandi {
		r.Header.Set("Accept", "application/vnd.tosslab.jandi-v2+json") // its documentation: "Receiving Incoming Webhooks in JANDI"
	}
	if len(h.Secret) > 0 {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set(HeaderTimestamp, at)
		r.Header.Set(HeaderSignature, Sign(h.Secret, at, body))
	}
	return r, nil
}

// Sign is the signature of a body told at a time (Unix seconds).
func Sign(secret []byte, at string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(at + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// jandi is what 잔디 takes.
type jandi struct {
	Body  string      `json:"body"`
	Color string      `json:"connectColor"`
	Info  []jandiInfo `json:"connectInfo,omitempty"`
}

type jandiInfo struct {
	Title       string `json:"title"`
	Description string `json:"description"`
}

func (h *Webhook) body(e *Event) any {
	switch h.Format {
	case FormatSlack:
		plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;") // its mark-up: what others said must not call a whole channel
		return map[string]string{"text": plain.Replace(e.Text(h.Lang))}
	case FormatJandi:
		_, hint := e.In(h.Lang)
		j := jandi{Body: e.Line(h.Lang), Color: "#2ECC71"}
		if e.Event == Began || e.Event == GoesOn {
			j.Color, j.Info = "#E74C3C", []jandiInfo{{Title: hint, Description: e.Page}}
		}
		return j
	}
	return e
}
