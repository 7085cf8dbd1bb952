package emulator

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// suppression is an entry of the account's suppression list.
type suppression struct {
	reason     string // BOUNCE, COMPLAINT
	at         time.Time
	messageID  string
	feedbackID string
}

// Suppress puts an address on the account's list as a bounce or complaint of a
// mail would; reason is BOUNCE or COMPLAINT, messageID the SES id of that mail.
func (s *Server) Suppress(address, reason, messageID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suppressed[strings.ToLower(address)] = suppression{reason, s.now(), messageID, "feedback-" + messageID}
}

func (s *Server) suppressedOf(to []string) []string {
	if len(s.suppressed) == 0 {
		return nil
	}
	var out []string
	for _, a := range to {
		if _, ok := s.suppressed[strings.ToLower(a)]; ok {
			out = append(out, a)
		}
	}
	return out
}

func (s *Server) putSuppressed(_ *http.Request, body []byte) (any, error) {
	var in struct{ EmailAddress, Reason string }
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	if s.account.sandbox {
		return nil, badRequest("The account is in the sandbox: it cannot change the suppression list.")
	}
	if in.Reason != "BOUNCE" && in.Reason != "COMPLAINT" {
		return nil, badRequest("Invalid reason '%s'.", in.Reason)
	}
	if why := illegal(in.EmailAddress); why != "" {
		return nil, badRequest("Illegal address '%s': %s.", in.EmailAddress, why)
	}
	s.suppressed[strings.ToLower(in.EmailAddress)] = suppression{reason: in.Reason, at: s.now()}
	return nil, nil
}

func (s *Server) suppressedEntry(r *http.Request) (string, suppression, error) {
	name := strings.ToLower(r.PathValue("name"))
	e, ok := s.suppressed[name]
	if !ok {
		return "", e, notFound("Email address %s does not exist on your suppression list.", name)
	}
	return name, e, nil
}

func (s *Server) getSuppressed(r *http.Request, _ []byte) (any, error) {
	name, e, err := s.suppressedEntry(r)
	if err != nil {
		return nil, err
	}
	out := e.output(name)
	if e.messageID != "" {
		out["Attributes"] = map[string]string{"MessageId": e.messageID, "FeedbackId": e.feedbackID}
	}
	return map[string]any{"SuppressedDestination": out}, nil
}

func (e suppression) output(name string) map[string]any {
	return map[string]any{"EmailAddress": name, "Reason": e.reason, "LastUpdateTime": epoch(e.at)}
}

func (s *Server) deleteSuppressed(r *http.Request, _ []byte) (any, error) {
	name, _, err := s.suppressedEntry(r)
	if err != nil {
		return nil, err
	}
	delete(s.suppressed, name)
	return nil, nil
}

func (s *Server) listSuppressed(r *http.Request, _ []byte) (any, error) {
	q := r.URL.Query()
	from, err := queryTime(q.Get("StartDate"))
	if err != nil {
		return nil, err
	}
	to, err := queryTime(q.Get("EndDate"))
	if err != nil {
		return nil, err
	}
	match := maps.Clone(s.suppressed)
	maps.DeleteFunc(match, func(_ string, e suppression) bool {
		return e.at.Before(from) || !to.IsZero() && e.at.After(to) ||
			q.Has("Reason") && !slices.Contains(q["Reason"], e.reason)
	})
	in, err := queryPage(r)
	if err != nil {
		return nil, err
	}
	names, next, err := page(match, in)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, name := range names {
		list = append(list, match[name].output(name))
	}
	return paged("SuppressedDestinationSummaries", list, next), nil
}

func queryTime(v string) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return t, badRequest("'%s' is not a date.", v)
	}
	return t, nil
}

func queryPage(r *http.Request) (pageInput, error) {
	q := r.URL.Query()
	in := pageInput{NextToken: q.Get("NextToken")}
	if v := q.Get("PageSize"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return in, badRequest("'%s' is not a page size.", v)
		}
		in.PageSize = n
	}
	return in, nil
}
