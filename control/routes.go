package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"pabal/eml"
	"pabal/spool"
)

// answer makes one value; stream writes lines.
type (
	answer func(r *http.Request) (any, error)
	stream func(w *lines, r *http.Request) error
)

// routes is the whole surface of the socket.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, fn := range s.answers() {
		mux.Handle(pattern, value(fn))
	}
	for pattern, fn := range s.changes() {
		mux.Handle(pattern, s.change(value(fn)))
	}
	for pattern, fn := range s.streams() {
		mux.Handle(pattern, ndjson(fn))
	}
	for pattern, fn := range s.changingStreams() {
		mux.Handle(pattern, s.change(ndjson(fn)))
	}
	mux.HandleFunc("GET /v0/imports/{id}/report", s.importReport)
	mux.Handle("GET /v0/subscribers/export", s.audited(http.HandlerFunc(s.export)))
	mux.Handle("GET /v0/subscriber/export", s.audited(http.HandlerFunc(s.exportPerson)))
	mux.HandleFunc("GET /v0/messages/{id}/body", s.body)
	mux.Handle("GET /v0/backup", s.audited(http.HandlerFunc(s.backup)))
	mux.Handle("/", value(func(r *http.Request) (any, error) {
		return nil, invalid("there is no "+r.Method+" "+r.URL.Path+" on this daemon", "the daemon's version is "+s.Version+"; is the command's the same? pabal version")
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(VersionHeader, s.Version)
		w.Header().Set(ZoneHeader, s.zone().String())
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) answers() map[string]answer {
	return map[string]answer{
		"GET /v0/health":                      s.health,
		"GET /v0/status":                      s.status,
		"GET /v0/status/spool":                s.spoolStatus,
		"GET /v0/status/ses":                  s.sesStatus,
		"GET /v0/status/sync":                 s.syncStatus,
		"GET /v0/status/feedback":             s.feedbackStatus,
		"GET /v0/alarms":                      s.alarms,
		"GET /v0/events":                      s.events,
		"GET /v0/check":                       s.check,
		"GET /v0/retention":                   s.retention,
		"GET /v0/restore":                     s.restored,
		"GET /v0/subscriber":                  s.person,
		"GET /v0/subscriber/preferences":      s.preferences,
		"GET /v0/topics":                      s.topics,
		"GET /v0/inbox":                       s.inbox,
		"GET /v0/imports/{id}":                s.oneImport,
		"POST /v0/imports/preview":            s.previewImport,
		"GET /v0/segment/count":               s.count,
		"GET /v0/segment/explain":             s.explain,
		"GET /v0/segment/values":              s.values,
		"GET /v0/segment/rows":                s.rows,
		"POST /v0/segment/expression":         s.expression,
		"GET /v0/templates/{name}":            s.template,
		"POST /v0/templates/{name}/render":    s.render,
		"GET /v0/campaigns/{id}":              s.campaign,
		"GET /v0/campaigns/{id}/preflight":    s.preflight,
		"GET /v0/campaigns/{id}/plan":         s.plan,
		"GET /v0/campaigns/{id}/preview":      s.preview,
		"GET /v0/campaigns/{id}/preview/link": s.previewLink,
		"GET /v0/campaigns/{id}/report":       s.report,
		"GET /v0/campaigns/{id}/report/link":  s.reportLink,
		"GET /v0/messages/{id}":               s.message,
	}
}

func (s *Server) changes() map[string]answer {
	return map[string]answer{
		"POST /v0/subscriber":                 s.setSubscriber,
		"POST /v0/subscriber/erase":           s.erase,
		"POST /v0/subscriber/confirm":         s.confirm,
		"POST /v0/subscriber/preferences":     s.setPreferences,
		"POST /v0/sync":                       s.syncNow,
		"POST /v0/retention/run":              s.runRetention,
		"DELETE /v0/imports/{id}":             s.discardImport,
		"POST /v0/suppressions":               s.suppress,
		"DELETE /v0/suppressions":             s.unsuppress,
		"POST /v0/templates":                  s.putTemplate,
		"POST /v0/templates/{name}/bundle":    s.putBundle,
		"POST /v0/templates/{name}/pull":      s.pullTemplate,
		"DELETE /v0/templates/{name}":         s.removeTemplate,
		"POST /v0/files":                      s.putFile,
		"POST /v0/campaigns":                  s.createCampaign,
		"PUT /v0/campaigns/{id}":              s.editCampaign,
		"POST /v0/campaigns/{id}/test":        s.testCampaign,
		"POST /v0/campaigns/{id}/start":       s.startCampaign,
		"POST /v0/campaigns/{id}/schedule":    s.scheduleCampaign,
		"POST /v0/campaigns/{id}/plan":        s.planSchedule,
		"DELETE /v0/campaigns/{id}/schedule":  s.onCampaign(s.Campaigns.Unschedule),
		"POST /v0/campaigns/{id}/copy":        s.copyCampaign,
		"PUT /v0/campaigns/{id}/window":       s.setWindow,
		"PUT /v0/campaigns/{id}/brake":        s.setBrake,
		"POST /v0/campaigns/{id}/pause":       s.onCampaign(s.Campaigns.Pause),
		"POST /v0/campaigns/{id}/resume":      s.onCampaign(s.Campaigns.Resume),
		"POST /v0/campaigns/{id}/cancel":      s.onCampaign(s.Campaigns.Cancel),
		"POST /v0/campaigns/{id}/resend":      s.resend,
		"POST /v0/messages/{id}/retry":        s.onMessage(s.Spool.Retry),
		"POST /v0/messages/{id}/discard":      s.onMessage(s.Spool.Discard),
		"POST /v0/messages/{id}/edit":         s.edit,
		"POST /v0/holds":                      s.hold,
		"POST /v0/restore/listen":             s.listen,
		"POST /v0/restore/release":            s.goLive,
		"POST /v0/domains":                    s.setUpDomain,
		"POST /v0/identities":                 s.verifyAddress,
		"DELETE /v0/holds":                    s.release,
		"POST /v0/campaigns/{id}/report/mail": s.mailReport,
		"POST /v0/alarms/test":                s.testAlarm,
	}
}

// changingStreams change something and tell how far they are.
func (s *Server) changingStreams() map[string]stream {
	return map[string]stream{
		"POST /v0/subscribers/import":  s.importFile,
		"POST /v0/imports/{id}/resume": s.resumeImport,
		"POST /v0/suppressions/import": s.importSuppressions,
		"POST /v0/suppressions/pull":   s.pull,
		"POST /v0/suppressions/push":   s.push,
	}
}

func (s *Server) streams() map[string]stream {
	return map[string]stream{
		"GET /v0/subscribers":                    s.subscribers,
		"GET /v0/imports":                        s.imports,
		"GET /v0/subscribers/search":             s.search,
		"GET /v0/segment/count/watch":            s.watchCount,
		"GET /v0/campaigns/{id}/preflight/watch": s.watchPreflight,
		"GET /v0/segment/fields":                 s.fields,
		"GET /v0/suppressions":                   s.suppressions,
		"GET /v0/optouts":                        s.optOuts,
		"GET /v0/templates":                      s.templates,
		"GET /v0/templates/{name}/versions":      s.versions,
		"GET /v0/campaigns":                      s.campaigns,
		"GET /v0/campaigns/{id}/recipients":      s.recipients,
		"GET /v0/campaigns/{id}/watch":           s.watch,
		"GET /v0/campaigns/{id}/dryrun":          s.dryRun,
		"GET /v0/messages":                       s.messages,
		"GET /v0/holds":                          s.holds,
		"GET /v0/audit":                          s.auditLog,
		"GET /v0/domains":                        s.domains,
		"GET /v0/identities":                     s.identities,
		"GET /v0/trace":                          s.trace,
		"GET /v0/reports":                        s.reports,
	}
}

func value(fn answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := fn(r)
		if err != nil {
			failed(r.Context(), err)
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the peer has gone: nobody to tell
	})
}

func refuse(w http.ResponseWriter, err error) {
	f, status := failure(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(f)
}

// change logs who did what and detaches the work from the connection.
func (s *Server) change(next http.Handler) http.Handler {
	next = s.audited(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(spool.WithCaller(context.WithoutCancel(r.Context()), userName(r.Context())))
		defer cancel()
		defer context.AfterFunc(s.running, cancel)()
		peer, start := peerOf(ctx), time.Now()
		next.ServeHTTP(w, r.WithContext(ctx))
		s.Logger.Info("change asked for", "uid", peer.UID, "pid", peer.PID, "method", r.Method, "path", r.URL.Path,
			"took", time.Since(start))
	})
}

// lines writes one JSON object a line. The first write commits the status.
type lines struct {
	w       http.ResponseWriter
	enc     *json.Encoder
	started bool
	live    bool // flush each line
}

func (l *lines) write(v any) error {
	if !l.started {
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.started = true
	}
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	if l.live {
		return http.NewResponseController(l.w).Flush()
	}
	return nil
}

func ndjson(fn stream) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := &lines{w: w, enc: json.NewEncoder(w)}
		err := fn(l, r)
		if err != nil {
			failed(r.Context(), err)
		}
		switch {
		case err != nil && !l.started:
			refuse(w, err)
		case err != nil:
			f, _ := failure(err)
			_ = l.write(f)
		case !l.started:
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusOK)
		}
	})
}

// writeAll sends a list as it is walked.
func writeAll[T any](l *lines, all iter.Seq2[T, error]) error {
	for v, err := range all {
		if err != nil {
			return err
		}
		if err := l.write(v); err != nil {
			return fmt.Errorf("write answer: %w", err)
		}
	}
	return nil
}

// read decodes a JSON request. An unknown field is an error: it would be a
// wish of a newer command that this daemon silently ignores.
func read[T any](r *http.Request, limit int64) (T, error) {
	var v T
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, limit))
	dec.DisallowUnknownFields()
	err := dec.Decode(&v)
	if err == nil {
		_, err = dec.Token()
		if errors.Is(err, io.EOF) {
			return v, nil
		}
		err = cmp.Or(err, errors.New("more than one object"))
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return v, &eml.Problem{What: fmt.Sprintf("the request has more than %d bytes", limit), Hint: "send less", Err: errTooLarge}
	}
	return v, invalid("the request is not understood: "+err.Error(), "is the command's version the daemon's? pabal version")
}

func campaignID(r *http.Request) (uint64, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, invalid("a campaign's id is a number, not "+eml.Visible(r.PathValue("id")), "see the ids with: pabal campaign list")
	}
	return id, nil
}

func number(r *http.Request, name string) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalid(name+" must be a number, not "+eml.Visible(text), "write digits only")
	}
	return n, nil
}
