//go:build host

package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pabal/sesclient/emulator"
)

const (
	replayMails   = 20
	longestString = 1 << 20 // of what strace prints: more than bbolt writes at once
)

// tortureReplay traces what the daemon writes to its queue, and then builds the
// states in which a crash could have left the file: everything before the last
// sync, and of what came after it any sectors at all. Each has to open, with
// every mail in it that had been acknowledged by then.
func tortureReplay(t *testing.T, row *row, runs int) {
	r := newRig(t, row, emulator.Options{}, "")
	r.start()
	r.holdAll()
	r.stop(r.p)
	queue := filepath.Join(r.data(), "queue.db")
	base, err := os.ReadFile(queue)
	if err != nil {
		t.Fatal(err)
	}
	events := r.traced(queue)
	full := &fullStore{r.data(), r.books.mails}
	random := newRandom(t)
	for n := range runs {
		piece := []int{512, 4096}[n%2]
		image, acknowledged := crashState(base, events, random, piece)
		t.Run(fmt.Sprintf("%d octets", piece), func(t *testing.T) {
			full.opens(t, row, image, acknowledged)
		})
	}
	row.note = fmt.Sprintf("%d writes, %d syncs, %d replies traced", len(events)-tallyOf(events, isSync)-tallyOf(events, isReply),
		tallyOf(events, isSync), tallyOf(events, isReply))
}

// event is one call in a trace: a write or a new length of the file, a sync
// that ended, or a reply to a client.
type event struct {
	at     int64
	data   []byte // of a write
	length int64  // of the file; -1: not a new length
	synced int    // of a sync: how many events were before it began
	reply  string // the id in a 250
}

func isSync(e event) bool  { return e.synced >= 0 }
func isReply(e event) bool { return e.reply != "" }

func tallyOf(events []event, is func(event) bool) (n int) {
	for _, e := range events {
		if is(e) {
			n++
		}
	}
	return n
}

// traced submits under strace and returns what happened, in order.
func (r *rig) traced(queue string) []event {
	r.t.Helper()
	trace := filepath.Join(r.dir, "trace")
	r.start("strace", "-D", "-f", "-y", "-q", "-xx", "-s", strconv.Itoa(longestString), "-e", "signal=kill", "-o", trace,
		"-e", "trace=pwrite64,ftruncate,fdatasync,fsync,write")
	c, err := dialSMTP(r.p.where.SMTP[0])
	if err != nil {
		r.t.Fatal(err)
	}
	for range replayMails {
		if s, err := c.submit(r.books, mailSize()); err != nil || s.code != 250 {
			r.t.Fatalf("submit: %d %s, %v", s.code, s.reply, err)
		}
	}
	r.p.kill()
	hits(r.t, trace, r.p, true)
	events, err := readTrace(trace, queue)
	if err != nil {
		r.t.Fatal(err)
	}
	if tallyOf(events, isReply) != replayMails || tallyOf(events, isSync) < replayMails {
		r.t.Fatalf("the trace shows %d replies and %d syncs", tallyOf(events, isReply), tallyOf(events, isSync))
	}
	return events
}

// tracedCall is a line of strace -f -y -xx: the process, the call, the file and
// the arguments after it.
var (
	tracedCall = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<((?:[^>\\]|\\x[0-9a-f]{2})*)>(.*)`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
	written    = regexp.MustCompile(`^, "((?:\\x[0-9a-f]{2})*)", \d+(?:, (\d+))?`)
	newLength  = regexp.MustCompile(`^, (\d+)`)
	queuedAs   = regexp.MustCompile(`^250 2\.0\.0 queued as (q\d+)\r\n`)
)

func readTrace(path, queue string) ([]event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []event
	began := map[string]int{} // by process: syncs of the queue that are under way
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8*longestString)
	for lines.Scan() {
		line := lines.Text()
		if m := resumed.FindStringSubmatch(line); m != nil {
			if n, ok := began[m[1]]; ok && strings.HasSuffix(m[2], "sync") {
				events = append(events, event{length: -1, synced: n})
				delete(began, m[1])
			}
			continue
		}
		m := tracedCall.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		mine := unhex(m[3]) == queue
		switch {
		case mine && strings.HasSuffix(m[2], "sync") && strings.HasSuffix(line, "<unfinished ...>"):
			began[m[1]] = len(events)
		case mine && strings.HasSuffix(m[2], "sync"):
			events = append(events, event{length: -1, synced: len(events)})
		case mine || m[2] == "write":
			e, ok, err := readCall(m[2], m[4], mine)
			if err != nil {
				return nil, fmt.Errorf("%.200s: %w", line, err)
			}
			if ok {
				events = append(events, e)
			}
		}
	}
	return events, lines.Err()
}

// readCall reads a call that changes the file, or a reply.
func readCall(call, args string, mine bool) (e event, ok bool, err error) {
	e = event{length: -1, synced: -1}
	if m := newLength.FindStringSubmatch(args); call == "ftruncate" && m != nil {
		e.length, err = strconv.ParseInt(m[1], 10, 64)
		return e, true, err
	}
	m := written.FindStringSubmatch(args)
	if m == nil {
		return e, false, fmt.Errorf("call %s was not understood", call)
	}
	data := []byte(unhex(m[1]))
	if !mine {
		if reply := queuedAs.FindSubmatch(data); reply != nil {
			e.reply = string(reply[1])
		}
		return e, e.reply != "", nil
	}
	e.data = data
	e.at, err = strconv.ParseInt(m[2], 10, 64)
	return e, true, err
}

// unhex reads \x41\x42.
func unhex(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	if err != nil {
		return s // a name that strace did not encode
	}
	return string(b)
}

// crashState is the file as a crash after some event may have left it, and what
// had been acknowledged by then.
func crashState(base []byte, events []event, random *rand.Rand, piece int) (image []byte, acknowledged []string) {
	end, synced := 1+random.IntN(len(events)), 0
	for _, e := range events[:end] {
		if e.reply != "" {
			acknowledged = append(acknowledged, e.reply)
		}
		synced = max(synced, e.synced)
	}
	image = bytes.Clone(base)
	for i, e := range events[:end] {
		certain := i < synced
		if e.length >= 0 && (certain || random.IntN(2) == 0) {
			image = resized(image, int(e.length))
		}
		for k := 0; k < len(e.data); k += piece {
			if !certain && random.IntN(2) == 0 {
				continue
			}
			part := e.data[k:min(k+piece, len(e.data))]
			at := int(e.at) + k
			image = resized(image, max(len(image), at+len(part)))
			copy(image[at:], part)
		}
	}
	return image, acknowledged
}

func resized(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

// opens starts on a state and looks for what was acknowledged.
func (f *fullStore) opens(t *testing.T, row *row, image []byte, acknowledged []string) {
	r := f.copyTo(t, row)
	if err := os.WriteFile(filepath.Join(r.data(), "queue.db"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	row.runs++
	r.start()
	ctx, c := context.WithoutCancel(t.Context()), r.client()
	found := map[string]bool{}
	for m, err := range c.Messages(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		found[m.ID] = true
	}
	for _, id := range acknowledged {
		if !found[id] {
			row.lost++
			t.Errorf("%s was acknowledged and is not in %v", id, slices.Sorted(maps.Keys(found)))
		}
	}
	a := newAudit(nil, nil)
	if err := a.sums(ctx, c); err != nil || len(a.faults) > 0 {
		t.Errorf("%v %v", a.faults, err)
	}
	r.p.kill()
}
