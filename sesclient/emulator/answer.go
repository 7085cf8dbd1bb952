package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// apiError is an error as SES answers it: the code in X-Amzn-ErrorType, the
// text as {"message"}.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func (e *apiError) answer() answer {
	body, _ := json.Marshal(map[string]string{"message": e.message}) // a map of strings always marshals
	return answer{status: e.status, code: e.code, contentType: "application/json", body: body}
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "BadRequestException", fmt.Sprintf(format, args...)}
}

func rejected(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "MessageRejected", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *apiError {
	return &apiError{http.StatusNotFound, "NotFoundException", fmt.Sprintf(format, args...)}
}

func alreadyExists(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "AlreadyExistsException", fmt.Sprintf(format, args...)}
}

func tooManyRequests(message string) *apiError {
	return &apiError{http.StatusTooManyRequests, "TooManyRequestsException", message}
}

// bodyError is the answer to a body that could not be read.
func bodyError(err error) answer {
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return (&apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
			"Request is more than " + strconv.FormatInt(tooLong.Limit, 10) + " bytes long."}).answer()
	}
	return answer{drop: dropClose} // the client went in the middle
}

// Ways to end a call without an answer.
const (
	dropNone  = iota
	dropReset // RST
	dropClose // FIN
	dropHang  // nothing until the client goes
)

// answer is what a call gets back: a response, or none.
type answer struct {
	status      int
	code        string // X-Amzn-ErrorType; "" leaves it out
	contentType string
	body        []byte
	delay       time.Duration // before it is written
	drop        int
}

func jsonAnswer(v any) answer {
	if v == nil {
		v = struct{}{}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return (&apiError{http.StatusInternalServerError, "InternalServiceErrorException", err.Error()}).answer()
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: body}
}

// finish waits as long as the answer says, then writes it or drops the call.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, a answer) {
	if !s.wait(r.Context(), a.delay) {
		a.drop = dropClose
	}
	if a.drop == dropHang {
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
	}
	if a.drop != dropNone {
		drop(w, a.drop)
		return
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", fmt.Sprintf("e5e5e5e5-0000-4000-8000-%012x", s.answers.Add(1)))
	if a.code != "" {
		h.Set("X-Amzn-Errortype", a.code)
	}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	w.Write(a.body) // nobody left to tell
}

// drop ends the connection with no answer.
func drop(w http.ResponseWriter, how int) {
	if t, ok := w.(*tripWriter); ok {
		t.drop = how
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to cut a call short
	}
	if how == dropReset {
		reset(conn)
		return
	}
	conn.Close()
}

// reset closes a connection so that the other side gets an RST.
func reset(conn net.Conn) {
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS: no close_notify either
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	raw.Close()
}
