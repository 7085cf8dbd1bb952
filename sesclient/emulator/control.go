package emulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// The control calls, for a test or a person on the same machine:
//
//	POST /_emulator/fault    a Fault; delay as nanoseconds or "50ms"
//	POST /_emulator/clear    ends all faults
//	POST /_emulator/account  an Account
//	POST /_emulator/verify   {"identity": "example.com", "verified": true}
//	POST /_emulator/suppress {"address": "a@b.kr", "reason": "BOUNCE", "message_id": "…"}
//	POST /_emulator/fate     a Fate: what becomes of later mails to some addresses
//	POST /_emulator/event    {"message_id": "…", "event": "Open"}: a further event of a mail
//	GET  /_emulator/log      the log, one Accepted a line
//	GET  /_emulator/state    a State
func (s *Server) controlRoutes() {
	s.mux.HandleFunc("POST /_emulator/fault", control(s.controlFault))
	s.mux.HandleFunc("POST /_emulator/clear", control(func(struct{}) error { s.ClearFaults(); return nil }))
	s.mux.HandleFunc("POST /_emulator/account", control(func(a Account) error { s.SetAccount(a); return nil }))
	s.mux.HandleFunc("POST /_emulator/verify", control(s.controlVerify))
	s.mux.HandleFunc("POST /_emulator/suppress", control(s.controlSuppress))
	s.mux.HandleFunc("POST /_emulator/fate", control(s.SetFate))
	s.mux.HandleFunc("POST /_emulator/event", control(s.controlEvent))
	s.mux.HandleFunc("GET /_emulator/log", s.showLog)
	s.mux.HandleFunc("GET /_emulator/state", s.showState)
}

// control reads a JSON body, does the deed and answers {} or {"error"}.
func control[In any](do func(In) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var in In
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
		if r.Header.Get("Origin") != "" {
			err = fmt.Errorf("control calls are not for web pages")
		}
		if err == nil {
			err = unmarshal(body, &in)
		}
		if err == nil {
			err = do(in)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
			return
		}
		io.WriteString(w, "{}\n")
	}
}

type faultInput struct {
	Fault
	Delay any `json:"delay"`
}

func (s *Server) controlFault(in faultInput) error {
	f := in.Fault
	switch d := in.Delay.(type) {
	case float64:
		f.Delay = time.Duration(d)
	case string:
		var err error
		if f.Delay, err = time.ParseDuration(d); err != nil {
			return err
		}
	}
	if err := f.Check(); err != nil {
		return err
	}
	s.SetFault(f)
	return nil
}

func (s *Server) controlVerify(in struct {
	Identity string `json:"identity"`
	Verified *bool  `json:"verified"`
}) error {
	if in.Identity == "" {
		return fmt.Errorf("identity is missing")
	}
	s.Verify(in.Identity, in.Verified == nil || *in.Verified)
	return nil
}

func (s *Server) controlSuppress(in struct {
	Address   string `json:"address"`
	Reason    string `json:"reason"`
	MessageID string `json:"message_id"`
}) error {
	if in.Address == "" || in.Reason != "BOUNCE" && in.Reason != "COMPLAINT" {
		return fmt.Errorf("address, or reason BOUNCE or COMPLAINT, is missing")
	}
	s.Suppress(in.Address, in.Reason, in.MessageID)
	return nil
}

func (s *Server) controlEvent(in struct {
	MessageID string `json:"message_id"`
	Event     string `json:"event"`
}) error {
	return s.Report(in.MessageID, in.Event, time.Time{})
}

func (s *Server) showLog(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	b := bufio.NewWriter(w)
	defer b.Flush()
	enc := json.NewEncoder(b)
	for a := range s.Log() {
		if enc.Encode(a) != nil {
			return // the reader went
		}
	}
}

// State is the emulator in numbers.
type State struct {
	Accepted     int            `json:"accepted"`   // calls
	Recipients   int            `json:"recipients"` // of them
	Throttled    int            `json:"throttled"`
	MaxPerSecond int            `json:"max_per_second"`
	Rate         float64        `json:"rate"`
	Quota        float64        `json:"quota"`
	Sent         int            `json:"sent"` // counted against the quota now
	Sandbox      bool           `json:"sandbox"`
	Paused       bool           `json:"paused"`
	Suspended    bool           `json:"suspended"`
	Calls        map[string]int `json:"calls"`
	Faults       []Fault        `json:"faults"`
}

// State is the emulator as it stands.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, l := &s.account, &s.ledger
	st := State{
		Accepted: l.calls, Recipients: l.recipients, Throttled: l.throttled, MaxPerSecond: l.peak,
		Rate: a.rate, Quota: a.quota.max, Sent: a.quota.sent(s.now()),
		Sandbox: a.sandbox, Paused: a.paused, Suspended: a.suspended,
		Calls: maps.Clone(s.calls), Faults: []Fault{},
	}
	for _, f := range s.faults {
		st.Faults = append(st.Faults, f.Fault)
	}
	return st
}

func (s *Server) showState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(s.State())
}
