package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pabal/audience"
	"pabal/sesclient"
	"pabal/sesclient/emulator"
	"pabal/spool"
)

// calledActions are the permissions of the calls to SES that package sesclient makes.
func calledActions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../sesclient/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no code to read: %v", err)
	}
	actions := map[string]bool{"ses:SendRawEmail": true} // what SendEmail needs for a finished mail
	call := regexp.MustCompile(`\bapi\.\w+\(ctx, &sesv2\.(\w+)Input\b|\bapi\.(SendEmail)\(|in := &sesv2\.(\w+)Input\{`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(code), -1) {
			actions["ses:"+m[1]+m[2]+m[3]] = true
		}
	}
	return slices.Sorted(maps.Keys(actions))
}

// The template holds what the code calls and listens for, and no more rights.
func TestSetupTemplateGivesWhatTheCodeNeeds(t *testing.T) {
	var template struct {
		Parameters map[string]any
		Resources  map[string]struct {
			Type       string
			Properties map[string]any
		}
		Outputs map[string]any
	}
	if err := json.Unmarshal([]byte(setupTemplate), &template); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, r := range template.Resources {
		types[r.Type]++
	}
	want := map[string]int{"AWS::SES::ConfigurationSet": 1, "AWS::SES::ConfigurationSetEventDestination": 1, "AWS::SNS::Topic": 1, "AWS::SNS::TopicPolicy": 1,
		"AWS::SNS::Subscription": 1, "AWS::SQS::Queue": 2, "AWS::SQS::QueuePolicy": 1, "AWS::IAM::ManagedPolicy": 1}
	for kind, n := range want {
		if types[kind] != n {
			t.Errorf("%d of %s, want %d", types[kind], kind, n)
		}
	}
	part := func(resource string, path ...any) any {
		var v any = map[string]any(template.Resources[resource].Properties)
		for _, p := range path {
			switch key := p.(type) {
			case string:
				m, _ := v.(map[string]any)
				v = m[key]
			case int:
				l, _ := v.([]any)
				if key >= len(l) {
					return nil
				}
				v = l[key]
			}
		}
		return v
	}
	texts := func(v any) (out []string) {
		for _, one := range v.([]any) {
			out = append(out, one.(string))
		}
		return out
	}
	kinds := texts(part("EventDestination", "EventDestination", "MatchingEventTypes", "Fn::If", 2))
	for _, kind := range []string{"send", "delivery", "deliveryDelay", "bounce", "complaint", "reject", "renderingFailure"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no event %s", kind)
		}
	}
	if slices.Contains(kinds, "open") {
		t.Error("opens are tracked without being asked for")
	}
	if part("QueuePolicy", "PolicyDocument", "Statement", 0, "Condition", "ArnEquals", "aws:SourceArn", "Ref") != "Topic" {
		t.Error("anybody's topic may put messages into the queue")
	}
	if part("TopicPolicy", "PolicyDocument", "Statement", 0, "Condition", "StringEquals", "AWS:SourceArn") == nil {
		t.Error("anybody's configuration set may publish to the topic")
	}
	if part("Queue", "RedrivePolicy", "deadLetterTargetArn") == nil || part("Queue", "SqsManagedSseEnabled") != true {
		t.Error("no queue for dead letters, or no encryption")
	}
	sqs := texts(part("PabalPolicy", "PolicyDocument", "Statement", 0, "Action"))
	if !slices.Equal(sqs, []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}) {
		t.Errorf("rights on the queue: %v", sqs)
	}
	ses := texts(part("PabalPolicy", "PolicyDocument", "Statement", 1, "Action"))
	if want := calledActions(t); !slices.Equal(slices.Sorted(slices.Values(ses)), want) {
		t.Errorf("rights on SES: %v, the code calls %v", ses, want)
	}
	for _, output := range []string{"QueueUrl", "ConfigurationSet", "Policy"} {
		if template.Outputs[output] == nil {
			t.Errorf("no output %s, which the steps name", output)
		}
		for _, lang := range []string{"ko", "en"} {
			if !strings.Contains(strings.Join(setupSteps(lang), "\n"), output) {
				t.Errorf("the steps (%s) do not name the output %s", lang, output)
			}
		}
	}
	if strings.Contains(setupTemplate, `"sqs:*"`) || strings.Contains(setupTemplate, `"ses:*"`) {
		t.Error("all rights are given")
	}
}

// Suppression comes first, then the ledger; when the first cannot be written
// the second is not, and the whole may be repeated.
func TestBadNewsSuppressesBeforeItIsCounted(t *testing.T) {
	dir := t.TempDir()
	people, err := audience.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	ids, err := sp.Put(t.Context(), spool.Envelope{FromDomain: "example.com", To: []string{"dead@example.net"}}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	tag, at := sp.StoreID()+"-0-1-1", time.Now().Add(-time.Minute)
	about := func(kind spool.FeedbackKind, id string) spool.Feedback {
		return spool.Feedback{Kind: kind, SESID: id, Tag: tag, News: kind.String()}
	}
	events := []sesclient.Event{
		{Feedback: hardBounce(about(spool.Bounced, "0100-a")), To: []string{"Dead@Example.net"}, At: at, ID: "b1"},
		{Feedback: about(spool.Bounced, "0100-a"), To: []string{"large@example.net"}, At: at, ID: "b2"}, // of the letter
		{Feedback: about(spool.Complained, "0100-a"), To: []string{"angry@example.net", "no address"}, At: at, ID: "c1"},
		{Feedback: hardBounce(spool.Feedback{Kind: spool.Bounced}), To: []string{"listed@example.net"}, At: at, ID: "l1"}, // of the list
	}
	for i := range 5 {
		events = append(events, sesclient.Event{Feedback: about(spool.Bounced, "0100-a"), Soft: true, To: []string{"full@example.net"}, At: at.Add(time.Duration(i) * time.Second), ID: fmt.Sprint("s", i%4)})
	}
	take := taker{people, sp}
	for range 2 {
		if _, err := take.TakeEvents(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	for address, want := range map[string]bool{"dead@example.net": true, "angry@example.net": true, "listed@example.net": true, "large@example.net": false, "full@example.net": false} {
		if _, found, err := people.Suppressed(address); found != want || err != nil {
			t.Errorf("%s suppressed: %t, %v; want %t", address, found, err, want)
		}
	}
	if m, err := sp.Message(ids[0]); err != nil || m.Outcome != spool.Accepted || !m.Bounced || !m.Complained || m.SESID != "0100-a" {
		t.Errorf("%+v %v", m, err)
	}
	if err := people.Close(); err != nil {
		t.Fatal(err)
	}
	late := []sesclient.Event{{Feedback: about(spool.Rejected, "0100-a"), To: []string{"dead@example.net"}, At: at},
		{Feedback: hardBounce(about(spool.Bounced, "0100-a")), To: []string{"another@example.net"}, At: at, ID: "b9"}}
	if _, err := take.TakeEvents(t.Context(), late); err == nil {
		t.Error("taken without the suppression list")
	}
	if m, _ := sp.Message(ids[0]); m.Rejected {
		t.Error("counted before it was suppressed")
	}
}

// shortLetters gives every message the same short mail.
type shortLetters struct{ next spool.Sender }

func (l shortLetters) Send(ctx context.Context, m *spool.Message) (string, error) {
	m.Data = []byte("From: shop@example.com\r\nTo: " + m.To + "\r\nSubject: hello\r\n\r\nhello\r\n")
	return l.next.Send(ctx, m)
}

type numbered struct{}

func (numbered) Address(id uint64) (string, time.Time, error) {
	return fmt.Sprintf("s%d@example.net", id), time.Time{}, nil
}

// BenchmarkFeedback takes the events of a campaign, two a mail (sent and
// delivered), from the emulator's queue over HTTP into both stores. The
// emulator works on the same processors; -cpu 1 gives one to both.
func BenchmarkFeedback(b *testing.B) {
	const mails = 20_000
	server, err := emulator.New(emulator.Options{Rate: -1, Quota: -1, Keep: -1, NoHash: true, Events: emulator.EventOptions{Sets: []string{"main"}}})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	url, _, err := server.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ses, err := sesclient.New(b.Context(), sesclient.Options{Region: "ap-northeast-2", Endpoint: url, ConfigurationSet: "main", Concurrency: 32,
		Credentials: sesclient.Credentials{AccessKey: "a", SecretKey: "s"}})
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	people, err := audience.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer people.Close()
	sp, err := spool.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer sp.Close()
	sp.Sender, sp.Pace, sp.Addresses = shortLetters{ses}, ses.Pace, numbered{}
	for b.Loop() {
		b.StopTimer()
		accepted(b, ses, sp, mails)
		reader, err := ses.NewFeedback(sesclient.FeedbackOptions{QueueURL: emulator.QueueURL(url, "main")}, taker{people, sp})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		b.StartTimer()
		go func() { ended <- reader.Run(ctx) }()
		tick := time.NewTicker(time.Millisecond)
		for waiting, flying := server.Queued("main"); waiting+flying > 0; waiting, flying = server.Queued("main") {
			<-tick.C
		}
		b.StopTimer()
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(2*mails*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(2*mails*b.N), "µs/event")
	all, err := sp.Ledgers()
	if err != nil {
		b.Fatal(err)
	}
	for _, l := range all {
		if l.Delivered != mails {
			b.Errorf("campaign %d: %d delivered of %d", l.Campaign, l.Delivered, mails)
		}
	}
}

// accepted drains one more campaign.
func accepted(b *testing.B, ses *sesclient.Client, sp *spool.Spool, mails int) {
	all, err := sp.Ledgers()
	if err != nil {
		b.Fatal(err)
	}
	id := uint64(len(all) + 1)
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = ses.Run(ctx) })
	running.Go(func() { _ = sp.Run(ctx) })
	if err := sp.Begin(ctx, spool.Ledger{Campaign: id, FromDomain: "example.com", Expect: -1}); err != nil {
		b.Fatal(err)
	}
	for first := 1; first <= mails; first += spool.MaxBatch {
		var rows []spool.Row
		for i := first; i < first+spool.MaxBatch && i <= mails; i++ {
			rows = append(rows, spool.Row{Subscriber: uint64(i)})
		}
		last := rows[len(rows)-1].Subscriber
		if err := sp.PutBatch(ctx, id, rows, spool.Mark{Subscriber: last, Done: int(last) == mails}); err != nil {
			b.Fatal(err)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	for l, err := sp.Ledger(id); l.State != spool.Done; l, err = sp.Ledger(id) {
		if err != nil {
			b.Fatal(err)
		}
		<-tick.C
	}
	stop()
	running.Wait()
}

func hardBounce(f spool.Feedback) spool.Feedback {
	f.Hard = true
	return f
}
