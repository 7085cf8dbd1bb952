package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pabal/audit"
	"pabal/eml"
	"pabal/spool"
)

const (
	auditBody  = 4 << 10 // bytes: a larger request is not looked into
	auditWord  = 120     // bytes of one value
	auditError = 500     // bytes
	leftOut    = "…"     // a value that is there and does not stand in the log
)

// actNames are the changing routes by the commands that use them, as they stand
// in the audit log. Every changing route is among them; so are those that carry
// many people's data out.
func actNames() map[string]string {
	return map[string]string{
		"POST /v0/subscriber":                 "subscriber set",
		"POST /v0/subscriber/erase":           "subscriber erase",
		"POST /v0/subscriber/confirm":         "subscriber confirm",
		"POST /v0/subscriber/preferences":     "subscriber preferences",
		"POST /v0/subscribers/import":         "subscriber import",
		"GET /v0/subscribers/export":          "subscriber export",
		"GET /v0/subscriber/export":           "subscriber export one",
		"POST /v0/imports/{id}/resume":        "import resume",
		"DELETE /v0/imports/{id}":             "import discard",
		"POST /v0/sync":                       "sync",
		"POST /v0/suppressions":               "suppression add",
		"DELETE /v0/suppressions":             "suppression remove",
		"POST /v0/suppressions/import":        "suppression import",
		"POST /v0/suppressions/pull":          "suppression pull",
		"POST /v0/suppressions/push":          "suppression push",
		"POST /v0/templates":                  "template put",
		"POST /v0/templates/{name}/bundle":    "template bundle",
		"POST /v0/templates/{name}/pull":      "template pull",
		"DELETE /v0/templates/{name}":         "template remove",
		"POST /v0/files":                      "file put",
		"POST /v0/campaigns":                  "campaign create",
		"PUT /v0/campaigns/{id}":              "campaign edit",
		"POST /v0/campaigns/{id}/test":        "campaign test",
		"POST /v0/campaigns/{id}/start":       "campaign start",
		"POST /v0/campaigns/{id}/schedule":    "campaign schedule",
		"POST /v0/campaigns/{id}/plan":        "campaign plan",
		"DELETE /v0/campaigns/{id}/schedule":  "campaign unschedule",
		"POST /v0/campaigns/{id}/copy":        "campaign copy",
		"PUT /v0/campaigns/{id}/window":       "campaign window",
		"PUT /v0/campaigns/{id}/brake":        "campaign brake",
		"POST /v0/campaigns/{id}/pause":       "campaign pause",
		"POST /v0/campaigns/{id}/resume":      "campaign resume",
		"POST /v0/campaigns/{id}/cancel":      "campaign cancel",
		"POST /v0/campaigns/{id}/resend":      "campaign resend",
		"POST /v0/campaigns/{id}/report/mail": "campaign report mail",
		"POST /v0/messages/{id}/retry":        "spool retry",
		"POST /v0/messages/{id}/discard":      "spool discard",
		"POST /v0/messages/{id}/edit":         "spool edit",
		"POST /v0/holds":                      "spool hold",
		"DELETE /v0/holds":                    "spool release",
		"POST /v0/domains":                    "domain setup",
		"POST /v0/identities":                 "domain verify-address",
		"POST /v0/alarms/test":                "alarm test",
		"POST /v0/restore/listen":             "restore listen",
		"POST /v0/restore/release":            "restore release",
		"POST /v0/retention/run":              "retention run",
		"GET /v0/backup":                      "backup",
	}
}

// act is one that is under way, with what became of it so far.
type act struct {
	audit.Entry
	began time.Time
	err   error
}

type actKey struct{}

// failed notes that the act of a request did not go well. Requests that change
// nothing have none.
func failed(ctx context.Context, err error) {
	if a, ok := ctx.Value(actKey{}).(*act); ok && a.err == nil {
		a.err = err
	}
}

// audited has an act leave its lines in the audit log: one on disk before it
// begins, one when it is over. It goes on though the log cannot be written.
func (s *Server) audited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := s.newAct(r)
		a.State, a.Before = audit.Asked, s.campaignFacts(r)
		s.append(a)
		defer func() { // also when the handler breaks the connection off
			p := recover()
			if p != nil {
				a.err = errors.Join(a.err, errors.New("it broke off"))
			}
			s.over(a, r)
			if p != nil {
				panic(p)
			}
		}()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actKey{}, a)))
	})
}

// over writes the line of an act's end.
func (s *Server) over(a *act, r *http.Request) {
	a.Time, a.State, a.Detail, a.Before, a.After, a.Took = time.Time{}, audit.Done, nil, nil, s.campaignFacts(r), seconds(time.Since(a.began))
	if a.err != nil {
		a.State, a.Error = audit.Failed, eml.Cut(eml.Mask(eml.Visible(a.err.Error())), auditError)
	}
	s.append(a)
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func (s *Server) append(a *act) {
	if err := s.Audit.Append(a.Entry); err != nil {
		s.Logger.Error("act not in the audit log", "err", err, "act", a.Act, "state", a.State, "on", a.On, "uid", a.UID, "pid", a.PID)
	}
}

// newAct is who asks for what, on what.
func (s *Server) newAct(r *http.Request) *act {
	peer := peerOf(r.Context())
	name := actNames()[r.Pattern]
	if name == "" { // a route that nobody gave a name
		name = r.Pattern
	}
	a := &act{began: time.Now(), Entry: audit.Entry{ID: audit.NewID(), Act: name, UID: peer.UID, GID: peer.GID, PID: peer.PID, User: userName(r.Context()), Via: "socket"}}
	a.On = eml.Cut(eml.Mask(eml.Visible(r.PathValue("id")+r.PathValue("name"))), auditWord)
	a.Detail = map[string]any{}
	for key, values := range r.URL.Query() {
		a.Detail[eml.Visible(key)] = auditValue(strings.Join(values, ", "))
	}
	for key, v := range auditFields(r) {
		a.Detail[eml.Visible(key)] = v
	}
	return a
}

// auditFields are the fields of a small JSON request; its body is left for the
// handler. What is long or has parts is named and left out, and of people so is
// all but how they are told apart and what they agreed to.
func auditFields(r *http.Request) map[string]any {
	if r.ContentLength <= 0 || r.ContentLength > auditBody {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, auditBody))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	fields := map[string]any{}
	if err != nil || json.Unmarshal(body, &fields) != nil {
		return nil
	}
	for _, key := range slices.Collect(maps.Keys(fields)) {
		if key == "name" && strings.HasPrefix(r.URL.Path, "/v0/subscriber") {
			fields[key] = leftOut
			continue
		}
		fields[key] = auditValue(fields[key])
	}
	return fields
}

// auditValue is a value as it may stand in the log.
func auditValue(v any) any {
	switch v := v.(type) {
	case nil, bool, float64:
		return v
	case string:
		if len(v) <= auditWord {
			return eml.Mask(eml.Visible(v))
		}
	case []any:
		return fmt.Sprintf("%d of them", len(v))
	}
	return leftOut
}

// campaignFacts is how the campaign of a request stands, nil for none.
func (s *Server) campaignFacts(r *http.Request) map[string]any {
	if !strings.HasPrefix(r.URL.Path, "/v0/campaigns/") || s.Audit == nil {
		return nil
	}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil
	}
	c, err := s.Campaigns.Campaign(id)
	if err != nil {
		return nil
	}
	facts := map[string]any{"state": c.State, "template": c.Template, "version": c.TemplateVersion}
	if c.State != spool.Draft {
		facts["audience"] = c.Audience
	}
	if c.Window != nil {
		facts["window"] = c.Window
	}
	if c.Brake != nil {
		facts["brake"] = c.Brake
	}
	if c.Schedule != nil {
		facts["due"] = c.Schedule.Due
	}
	return facts
}
