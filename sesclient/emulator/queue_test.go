package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queueClient is the real client of SQS, without retries.
func queueClient(url string) *sqs.Client {
	return sqs.New(sqs.Options{Region: "ap-northeast-2", BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")})
}

func receive(t *testing.T, c *sqs.Client, url string, wait, visible int32) []sqstypes.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait, VisibilityTimeout: visible})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// inSet is a mail with a configuration set.
func inSet(set string, to ...string) *sesv2.SendEmailInput {
	in := raw(mailText, to...)
	in.ConfigurationSetName = &set
	in.EmailTags = []types.MessageTag{{Name: aws.String("pabal"), Value: aws.String("x-1-2-1")}}
	return in
}

// told is what a message of a queue says.
func told(t *testing.T, m sqstypes.Message) (kind string, mail map[string]any, all map[string]any) {
	t.Helper()
	text := aws.ToString(m.Body)
	var outer struct{ Type, Message string }
	if err := json.Unmarshal([]byte(text), &outer); err != nil {
		t.Fatal(err)
	}
	if outer.Type == "Notification" {
		text = outer.Message
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	kind, _ = all["eventType"].(string)
	if kind == "" {
		kind, _ = all["notificationType"].(string)
	}
	mail, _ = all["mail"].(map[string]any)
	return kind, mail, all
}

func TestADestinationGetsTheKindsItAskedFor(t *testing.T) {
	s, url := start(t, Options{Rate: -1})
	c, q := sdk(t, url, nil), queueClient(url)
	ctx := t.Context()
	if _, err := c.CreateConfigurationSet(ctx, &sesv2.CreateConfigurationSetInput{ConfigurationSetName: ptr("main")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateConfigurationSetEventDestination(ctx, &sesv2.CreateConfigurationSetEventDestinationInput{ConfigurationSetName: ptr("main"), EventDestinationName: ptr("d"),
		EventDestination: &types.EventDestinationDefinition{Enabled: true, MatchingEventTypes: []types.EventType{types.EventTypeBounce, types.EventTypeComplaint},
			SnsDestination: &types.SnsDestination{TopicArn: ptr("arn:aws:sns:ap-northeast-2:000000000000:events")}}})
	if err != nil {
		t.Fatal(err)
	}
	id := mustSend(t, c, inSet("main", "bounce+1@simulator.amazonses.com"))
	mustSend(t, c, inSet("main", "success@simulator.amazonses.com"))
	found, err := q.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: ptr("events")})
	if err != nil {
		t.Fatal(err)
	}
	got := receive(t, q, *found.QueueUrl, 0, 30)
	if len(got) != 1 {
		t.Fatalf("%d messages, want one bounce", len(got))
	}
	kind, mail, all := told(t, got[0])
	if kind != "Bounce" || mail["messageId"] != id || mail["tags"].(map[string]any)["pabal"].([]any)[0] != "x-1-2-1" || all["bounce"].(map[string]any)["bounceType"] != "Permanent" {
		t.Errorf("got %v", all)
	}
	if len(s.suppressed) != 0 {
		t.Error("the simulator's address is suppressed")
	}
	if _, err := c.DeleteConfigurationSetEventDestination(ctx, &sesv2.DeleteConfigurationSetEventDestinationInput{ConfigurationSetName: ptr("main"), EventDestinationName: ptr("d")}); err != nil {
		t.Fatal(err)
	}
	mustSend(t, c, inSet("main", "bounce@simulator.amazonses.com"))
	if got := receive(t, q, *found.QueueUrl, 0, 30); len(got) != 0 {
		t.Errorf("%d messages without a destination", len(got))
	}
}

func TestReceivedMessagesComeAgainUnlessDeleted(t *testing.T) {
	s, url := start(t, Options{Rate: -1, Events: EventOptions{Sets: []string{"main"}, FailDelete: 4}})
	q := queueClient(url)
	queue := QueueURL(url, "main")
	for i := range 12 {
		s.Enqueue("main", fmt.Sprint(i))
	}
	first := receive(t, q, queue, 0, 600)
	if second := receive(t, q, queue, 0, 600); len(first) != 10 || len(second) != 2 {
		t.Fatalf("%d and %d messages", len(first), len(second))
	}
	if third := receive(t, q, queue, 0, 600); len(third) != 0 {
		t.Fatalf("%d messages that others have", len(third))
	}
	var entries []sqstypes.DeleteMessageBatchRequestEntry
	for i, m := range first {
		entries = append(entries, sqstypes.DeleteMessageBatchRequestEntry{Id: ptr(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
	}
	out, err := q.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &queue, Entries: entries})
	if err != nil || len(out.Successful) != 8 || len(out.Failed) != 2 || aws.ToString(out.Failed[0].Id) != "3" {
		t.Fatalf("%+v %v", out, err)
	}
	_, err = q.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &queue, ReceiptHandle: first[3].ReceiptHandle, VisibilityTimeout: 0})
	if err != nil {
		t.Fatal(err)
	}
	again := receive(t, q, queue, 1, 600)
	if len(again) != 1 || aws.ToString(again[0].Body) != "3" || *again[0].ReceiptHandle == *first[3].ReceiptHandle {
		t.Errorf("what came again: %+v", again)
	}
	attributes, err := q.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil || attributes.Attributes["ApproximateNumberOfMessagesNotVisible"] != "4" {
		t.Errorf("%+v %v", attributes, err)
	}
}

func TestALongPollIsAnsweredWhenSomethingComes(t *testing.T) {
	s, url := start(t, Options{Rate: -1, Events: EventOptions{Sets: []string{"main"}, Delay: 100 * time.Millisecond}})
	c, q := sdk(t, url, nil), queueClient(url)
	got := make(chan []sqstypes.Message, 1)
	go func() {
		out, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: ptr(QueueURL(url, "main")), WaitTimeSeconds: 20, MaxNumberOfMessages: 10})
		if err != nil {
			t.Error(err)
			close(got)
			return
		}
		got <- out.Messages
	}()
	begun := time.Now()
	id := mustSend(t, c, inSet("main", "a@example.net"))
	messages := <-got
	if took := time.Since(begun); len(messages) == 0 || took < 100*time.Millisecond || took > 15*time.Second {
		t.Errorf("%d messages after %v", len(messages), took)
	}
	if err := s.Report(id, "Open", time.Time{}); err != nil {
		t.Error(err)
	}
	if s.Report("none", "Open", time.Time{}) == nil || s.Report(id, "Teleport", time.Time{}) == nil {
		t.Error("events of no mail, or of no kind, were taken")
	}
}

func TestFatesDecideWhatBecomesOfMails(t *testing.T) {
	s, url := start(t, Options{Rate: -1, Events: EventOptions{Sets: []string{"main"}, Notifications: true, Raw: true}})
	c, q := sdk(t, url, nil), queueClient(url)
	for match, events := range map[string][]string{"dead": {"Bounce"}, "full": {"SoftBounce"}, "angry": {"Delivery", "Complaint"}, "gone": {}, "happy": {"Delivery", "Open", "Click"}} {
		if err := s.SetFate(Fate{match, events}); err != nil {
			t.Fatal(err)
		}
	}
	if s.SetFate(Fate{"x", []string{"Nothing"}}) == nil {
		t.Error("a fate of no kind was taken")
	}
	for to, want := range map[string]string{"dead@example.net": "Bounce", "full@example.net": "Bounce", "angry@example.net": "Delivery Complaint", "gone@example.net": "",
		"happy@example.net": "Delivery", "a@example.net": "Delivery", "complaint@simulator.amazonses.com": "Delivery Complaint", "suppressionlist@simulator.amazonses.com": "Bounce", "dead+2@example.net": "Bounce"} {
		mustSend(t, c, inSet("main", to))
		var kinds []string
		for _, m := range receive(t, q, QueueURL(url, "main"), 0, 600) {
			kind, mail, _ := told(t, m)
			kinds = append(kinds, kind)
			if mail["tags"] != nil || mail["headers"] == nil {
				t.Errorf("a notification with tags or without headers: %v", mail)
			}
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: %q, want %q", to, got, want)
		}
	}
	for address, reason := range map[string]string{"dead@example.net": "BOUNCE", "angry@example.net": "COMPLAINT", "full@example.net": ""} {
		if got := s.suppressed[address].reason; got != reason {
			t.Errorf("%s is suppressed as %q, want %q", address, got, reason)
		}
	}
}

func TestSQSErrorsAreThoseOfTheRealOne(t *testing.T) {
	s, url := start(t, Options{})
	q := queueClient(url)
	_, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: ptr(QueueURL(url, "none"))})
	wantCode(t, err, "QueueDoesNotExist", "does not exist")
	s.SetFault(Fault{Kind: "access_denied", Op: "ReceiveMessage"})
	_, err = q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: ptr(QueueURL(url, "none"))})
	wantCode(t, err, "AccessDeniedException", "")
	if n := s.Calls("ReceiveMessage"); n != 2 {
		t.Errorf("%d calls counted", n)
	}
}
