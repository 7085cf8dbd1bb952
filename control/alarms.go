package control

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"time"

	"pabal/alarm"
	"pabal/audit"
)

// alarms is GET /v0/alarms: what is wrong, the worst first.
func (s *Server) alarms(*http.Request) (any, error) { return s.alarmsNow(), nil }

func (s *Server) alarmsNow() []alarm.Alarm {
	if s.Alarms == nil {
		return []alarm.Alarm{}
	}
	return s.Alarms.Alarms()
}

// testAlarm is POST /v0/alarms/test.
func (s *Server) testAlarm(r *http.Request) (any, error) {
	if s.Alarms == nil {
		return nil, invalid("this daemon tells nobody of alarms", "set webhook_url or mail_to in [alert]")
	}
	return s.Alarms.Test(r.Context(), userName(r.Context()))
}

// auditLog is GET /v0/audit: who changed what, the oldest first; ?since= is a
// time (RFC 3339). A line that cannot be read is left out and told to the log.
func (s *Server) auditLog(l *lines, r *http.Request) error {
	var since time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return invalid("since is a time like 2026-11-23T09:00:00+09:00", "write it so")
		}
	}
	if s.Audit == nil {
		return nil
	}
	for e, err := range s.Audit.Read(since) {
		var damaged *audit.DamagedError
		if errors.As(err, &damaged) {
			s.Logger.Warn("line of the audit log cannot be read", "file", damaged.File, "line", damaged.Line)
			continue
		}
		if err == nil {
			err = l.write(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Alarms are the conditions that a person should know of, the worst first.
func (c *Client) Alarms(ctx context.Context) ([]alarm.Alarm, error) {
	return get[[]alarm.Alarm](ctx, c, "/v0/alarms", nil)
}

// TestAlarm tells every place of an alarm that is none. alarm.ErrNowhere when
// there is no place.
func (c *Client) TestAlarm(ctx context.Context) ([]alarm.Trial, error) {
	return call[[]alarm.Trial](ctx, c, http.MethodPost, "/v0/alarms/test", nil, nil)
}

// Audit is who changed what since a time, the oldest first; all with zero.
func (c *Client) Audit(ctx context.Context, since time.Time) iter.Seq2[audit.Entry, error] {
	q := url.Values{}
	if !since.IsZero() {
		q.Set("since", since.Format(time.RFC3339Nano))
	}
	return list[audit.Entry](ctx, c, http.MethodGet, "/v0/audit", q, nil)
}
