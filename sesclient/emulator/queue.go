package emulator

import (
	"container/heap"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SQS, as far as a receiver of events needs it: AWS's JSON protocol at POST /,
// on the same listener. A queue's URL is http://HOST/000000000000/NAME. What is
// received is out of sight for its visibility time and comes again after it.

const (
	queueAccount      = "000000000000"
	defaultVisibility = 30 * time.Second
	longestPoll       = 20 * time.Second
	receiveMost       = 10 // messages of one call
	maxInFlight       = 120_000
)

// item is a message of a queue.
type item struct {
	event    event
	set      string
	plain    string // a body given as it is, in place of event
	from     time.Time
	receipt  string
	received int
	denied   bool // its deletion has failed once
}

// sqsQueue is one queue. The server's lock guards it.
type sqsQueue struct {
	name    string
	ready   []item // visible from the time of each, oldest first
	head    int
	flight  map[string]*item
	expires expiries
	change  chan struct{} // closed and replaced when something was put
	receipt uint64
	deletes int
	sent    int
}

// expiry is when a received message is visible again.
type expiry struct {
	at      time.Time
	receipt string
}

type expiries []expiry

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiry)) }
func (e *expiries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// queue is the queue of a name, made when it is not there.
func (s *Server) queue(name string) *sqsQueue {
	q := s.queues[name]
	if q == nil {
		q = &sqsQueue{name: name, flight: map[string]*item{}, change: make(chan struct{})}
		s.queues[name] = q
	}
	return q
}

// QueueURL is the URL of the queue of a configuration set of EventOptions.Sets;
// base is what Listen returned.
func QueueURL(base, set string) string { return base + "/" + queueAccount + "/" + set }

// Enqueue puts a text into a queue as it is, for tests of what is no event.
func (s *Server) Enqueue(queue, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue(queue).put(item{plain: body, from: s.now()})
}

// Queued is how many messages of a queue wait and how many were received and
// not deleted.
func (s *Server) Queued(queue string) (waiting, inFlight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(queue)
	q.expire(s.now())
	return len(q.ready) - q.head, len(q.flight)
}

func (q *sqsQueue) put(i item) {
	q.sent++
	q.ready = append(q.ready, i)
	close(q.change)
	q.change = make(chan struct{})
}

// expire gives back what was received and not deleted in time.
func (q *sqsQueue) expire(now time.Time) {
	for len(q.expires) > 0 && !q.expires[0].at.After(now) {
		e := heap.Pop(&q.expires).(expiry)
		i := q.flight[e.receipt]
		if i == nil || i.from.After(now) {
			continue // deleted, or its time was changed
		}
		delete(q.flight, e.receipt)
		i.from = now
		q.ready = append(q.ready, *i)
	}
}

// take receives up to n messages; next is when to look again.
func (q *sqsQueue) take(now time.Time, n int, visible time.Duration, shuffle bool) (out []*item, next time.Time) {
	q.expire(now)
	for len(out) < n && q.head < len(q.ready) && len(q.flight) < maxInFlight {
		at := q.head
		if shuffle {
			at += rand.IntN(len(q.ready) - q.head)
		}
		if q.ready[at].from.After(now) {
			next = q.ready[at].from
			break
		}
		q.ready[q.head], q.ready[at] = q.ready[at], q.ready[q.head]
		i := q.ready[q.head]
		q.ready[q.head] = item{}
		q.head++
		q.receipt++
		i.receipt, i.received, i.from = strconv.FormatUint(q.receipt, 36), i.received+1, now.Add(visible)
		q.flight[i.receipt] = &i
		heap.Push(&q.expires, expiry{i.from, i.receipt})
		out = append(out, &i)
	}
	if q.head > 1024 && q.head > len(q.ready)/2 {
		q.ready = slices.Delete(q.ready, 0, q.head)
		q.head = 0
	}
	if len(q.expires) > 0 && (next.IsZero() || q.expires[0].at.Before(next)) {
		next = q.expires[0].at
	}
	return out, next
}

// sqsInput is every operation's input.
type sqsInput struct {
	QueueURL            string `json:"QueueUrl"`
	QueueName           string
	MaxNumberOfMessages int
	WaitTimeSeconds     int
	VisibilityTimeout   *int
	ReceiptHandle       string
	MessageBody         string
	Entries             []struct{ Id, ReceiptHandle string }
}

// sqs answers one SQS call.
func (s *Server) sqs(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	s.count(name)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallBody))
	if err != nil {
		s.finish(w, r, bodyError(err))
		return
	}
	a, struck := s.strikeBefore(name, nil)
	if !struck {
		if a = s.runSQS(r, name, body); r.Context().Err() == nil {
			s.strikeAfter(name, nil, &a)
		}
	}
	a.contentType = "application/x-amz-json-1.0"
	s.finish(w, r, a)
}

func (s *Server) runSQS(r *http.Request, name string, body []byte) answer {
	if err := signed(r); err != nil {
		return err.answer()
	}
	var in sqsInput
	if err := json.Unmarshal(body, &in); err != nil {
		return (&apiError{http.StatusBadRequest, "SerializationException", err.Error()}).answer()
	}
	if in.QueueName == "" {
		in.QueueName = in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]
	}
	s.mu.Lock()
	q := s.queues[in.QueueName]
	if name == "CreateQueue" {
		q = s.queue(in.QueueName)
	}
	s.mu.Unlock()
	if q == nil {
		return (&apiError{http.StatusBadRequest, "QueueDoesNotExist", "The specified queue does not exist."}).answer()
	}
	switch name {
	case "ReceiveMessage":
		return s.receiveMessages(r, q, &in)
	case "CreateQueue", "GetQueueUrl":
		return jsonAnswer(map[string]string{"QueueUrl": "http://" + r.Host + "/" + queueAccount + "/" + q.name})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "DeleteMessage":
		delete(q.flight, in.ReceiptHandle)
		return jsonAnswer(nil)
	case "DeleteMessageBatch":
		return s.deleteBatch(q, &in)
	case "ChangeMessageVisibility":
		return s.changeVisibility(q, &in)
	case "SendMessage":
		q.put(item{plain: in.MessageBody, from: s.now()})
		return jsonAnswer(map[string]string{"MessageId": formatUUID(in.MessageBody), "MD5OfMessageBody": md5Hex([]byte(in.MessageBody))})
	case "PurgeQueue":
		q.ready, q.head, q.flight, q.expires = nil, 0, map[string]*item{}, nil
		return jsonAnswer(nil)
	case "GetQueueAttributes":
		q.expire(s.now())
		return jsonAnswer(map[string]any{"Attributes": map[string]string{
			"ApproximateNumberOfMessages": strconv.Itoa(len(q.ready) - q.head), "ApproximateNumberOfMessagesNotVisible": strconv.Itoa(len(q.flight)),
			"QueueArn": "arn:aws:sqs:ap-northeast-2:" + queueAccount + ":" + q.name}})
	}
	return (&apiError{http.StatusBadRequest, "UnknownOperationException", "the emulator does not know " + name}).answer()
}

// receiveMessages waits for messages as long as the call allows.
func (s *Server) receiveMessages(r *http.Request, q *sqsQueue, in *sqsInput) answer {
	n := min(max(in.MaxNumberOfMessages, 1), receiveMost)
	visible := defaultVisibility
	if in.VisibilityTimeout != nil {
		visible = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	if s.o.Events.Visibility > 0 {
		visible = s.o.Events.Visibility
	}
	deadline := time.NewTimer(min(time.Duration(in.WaitTimeSeconds)*time.Second, longestPoll))
	defer deadline.Stop()
	for {
		s.mu.Lock()
		now := s.now()
		items, next := q.take(now, n, visible, s.o.Events.Shuffle)
		change := q.change
		s.mu.Unlock()
		if len(items) > 0 {
			return s.messages(q, items)
		}
		if in.WaitTimeSeconds <= 0 {
			return jsonAnswer(map[string]any{})
		}
		var soon <-chan time.Time
		if !next.IsZero() {
			soon = time.After(max(next.Sub(now), time.Millisecond))
		}
		select {
		case <-change:
		case <-soon:
		case <-deadline.C:
			return jsonAnswer(map[string]any{})
		case <-r.Context().Done():
			return jsonAnswer(map[string]any{})
		case <-s.closed:
			return jsonAnswer(map[string]any{})
		}
	}
}

func (s *Server) messages(q *sqsQueue, items []*item) answer {
	type message struct{ MessageId, ReceiptHandle, MD5OfBody, Body string }
	out := make([]message, len(items))
	for k, i := range items {
		body := []byte(i.plain)
		if i.event.rec != nil {
			body = s.body(i.event, q.name)
		}
		out[k] = message{formatUUID(i.receipt + q.name), i.receipt, md5Hex(body), string(body)}
	}
	return jsonAnswer(map[string]any{"Messages": out})
}

func (s *Server) deleteBatch(q *sqsQueue, in *sqsInput) answer {
	type entry struct{ Id string }
	type failed struct {
		Id, Code, Message string
		SenderFault       bool
	}
	good, bad := []entry{}, []failed{}
	if len(in.Entries) == 0 || len(in.Entries) > receiveMost {
		return badRequest("A batch has 1 to %d entries.", receiveMost).answer()
	}
	for _, e := range in.Entries {
		i := q.flight[e.ReceiptHandle]
		q.deletes++
		if n := s.o.Events.FailDelete; n > 0 && q.deletes%n == 0 && i != nil && !i.denied {
			i.denied = true
			bad = append(bad, failed{e.Id, "InternalError", "We encountered an internal error. Please try again.", false})
			continue
		}
		delete(q.flight, e.ReceiptHandle)
		good = append(good, entry{e.Id})
	}
	return jsonAnswer(map[string]any{"Successful": good, "Failed": bad})
}

func (s *Server) changeVisibility(q *sqsQueue, in *sqsInput) answer {
	i := q.flight[in.ReceiptHandle]
	if i == nil || in.VisibilityTimeout == nil {
		return (&apiError{http.StatusBadRequest, "ReceiptHandleIsInvalid", "The receipt handle is not valid."}).answer()
	}
	i.from = s.now().Add(time.Duration(*in.VisibilityTimeout) * time.Second)
	heap.Push(&q.expires, expiry{i.from, i.receipt})
	return jsonAnswer(nil)
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// formatUUID makes an id of a text.
func formatUUID(text string) string {
	sum := md5.Sum([]byte(text))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}
