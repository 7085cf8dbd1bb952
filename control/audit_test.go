package control

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pabal/audit"
	"pabal/spool"
)

// audited is a rig with an audit log, and a way to its lines.
func auditedRig(t *testing.T) (*rig, func(n int) []audit.Entry) {
	t.Helper()
	var log *audit.Log
	r := newRig(t, func(s *Server) {
		log = audit.In(filepath.Dir(filepath.Dir(s.Socket)))
		s.Audit = log
	})
	return r, func(n int) (all []audit.Entry) { // the end of an act is written after its answer
		limit, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			all = nil
			for e, err := range log.Read(r.server.started.Add(-time.Second)) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, e)
			}
			if len(all) >= n {
				return all
			}
			select {
			case <-tick.C:
			case <-limit:
				return all
			}
		}
	}
}

// changing are the patterns that change something, as the routes register them.
func (s *Server) changing() []string {
	var all []string
	for pattern := range s.changes() {
		all = append(all, pattern)
	}
	for pattern := range s.changingStreams() {
		all = append(all, pattern)
	}
	slices.Sort(all)
	return all
}

// carriers are the routes that carry many people's data out.
func carriers() []string {
	return []string{"GET /v0/subscribers/export", "GET /v0/subscriber/export", "GET /v0/backup"}
}

// TestEveryChangingRouteLeavesALine walks all of them over a real socket: each
// leaves two lines with the act's name and who asked, also when it is refused.
func TestEveryChangingRouteLeavesALine(t *testing.T) {
	r, lines := auditedRig(t)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.server.Socket)
	}}}
	defer client.CloseIdleConnections()
	names := actNames()
	before := 0
	for _, pattern := range append(r.server.changing(), carriers()...) {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{id}", "77", "{name}", "welcome").Replace(path)
		req, err := http.NewRequestWithContext(t.Context(), method, "http://pabal"+path+"?email=kim%40example.com", strings.NewReader(`{"nonsense":"lee@example.com"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		resp.Body.Close()
		all := lines(before + 2)
		if len(all) != before+2 {
			t.Fatalf("%s left %d lines, want 2", pattern, len(all)-before)
		}
		asked, end := all[before], all[before+1]
		if names[pattern] == "" || asked.Act != names[pattern] || end.Act != asked.Act || asked.ID != end.ID || asked.State != audit.Asked || end.State == audit.Asked {
			t.Errorf("%s (act %q) left %+v and %+v", pattern, names[pattern], asked, end)
		}
		if asked.UID != os.Getuid() || asked.GID != os.Getgid() || asked.PID != os.Getpid() || asked.User == "" || asked.Via != "socket" {
			t.Errorf("%s: who asked is not known: %+v", pattern, asked)
		}
		if resp.StatusCode >= 400 && (end.State != audit.Failed || end.Error == "") && method != http.MethodGet {
			t.Errorf("%s: answered %d, left %+v", pattern, resp.StatusCode, end)
		}
		if text, _ := json.Marshal(all[before:]); strings.Contains(string(text), "kim@") || strings.Contains(string(text), "lee@") {
			t.Errorf("%s: an address stands in the log: %s", pattern, text)
		}
		before += 2
	}
}

// TestNoRouteChangesInSecret: what is not a GET is a changing route, or on this
// list of those that only answer, and every name in the table is of a route.
func TestNoRouteChangesInSecret(t *testing.T) {
	r, _ := auditedRig(t)
	answering := []string{"POST /v0/imports/preview", "POST /v0/segment/expression", "POST /v0/templates/{name}/render"}
	known := r.server.changing()
	var reading []string
	for pattern := range r.server.answers() {
		reading = append(reading, pattern)
	}
	for pattern := range r.server.streams() {
		reading = append(reading, pattern)
	}
	for _, pattern := range reading {
		if !strings.HasPrefix(pattern, "GET ") && !slices.Contains(answering, pattern) {
			t.Errorf("%s is no GET and leaves no line", pattern)
		}
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(source), "\n") { // what is registered outside the tables
		if strings.Contains(line, `mux.Handle`) && strings.Contains(line, `("`) && !strings.Contains(line, `("GET `) && !strings.Contains(line, `("/"`) {
			t.Errorf("a route stands outside the tables: %s", line)
		}
	}
	for pattern := range actNames() {
		if !slices.Contains(known, pattern) && !slices.Contains(carriers(), pattern) {
			t.Errorf("%s has a name and is no changing route", pattern)
		}
	}
}

func TestLineSaysWhatWasAskedAndWhatItWas(t *testing.T) {
	r, lines := auditedRig(t)
	if _, err := r.Hold(t.Context(), spool.LaneScope(spool.Bulk), "kim@example.com asked"); err != nil {
		t.Fatal(err)
	}
	all := lines(2)
	if len(all) != 2 || all[0].Detail["scope"] != "lane:bulk" || all[0].Detail["reason"] != "k***@example.com asked" || all[1].State != audit.Done {
		t.Errorf("left %+v", all)
	}
}

// TestFullDiskStopsNoAct: what cannot be written is in the journal, the act is done.
func TestFullDiskStopsNoAct(t *testing.T) {
	r, _ := auditedRig(t)
	folder := filepath.Dir(filepath.Dir(r.server.Socket))
	if err := os.Mkdir(filepath.Join(folder, audit.FileName), 0o700); err != nil { // nobody writes into that
		t.Fatal(err)
	}
	if _, err := r.Hold(t.Context(), spool.ScopeAll, "why"); err != nil {
		t.Errorf("the act was refused: %v", err)
	}
	if len(r.server.Spool.Holds()) != 1 || r.server.Audit.Trouble() == "" || !strings.Contains(r.log.String(), "act not in the audit log") {
		t.Errorf("holds %v, trouble %q, log %s", r.server.Spool.Holds(), r.server.Audit.Trouble(), r.log.String())
	}
}
