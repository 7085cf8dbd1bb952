package sesclient

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pabal/spool"
)

const (
	mailTagged  = `"mail":{"timestamp":"2026-11-02T00:00:00.000Z","source":"shop@example.com","sendingAccountId":"123456789012","messageId":"0100-a","destination":["minji@example.net"],"headersTruncated":false,"headers":[{"name":"From","value":"shop@example.com"}],"commonHeaders":{"from":["shop@example.com"],"subject":"x"},"tags":{"ses:configuration-set":["main"],"pabal":["abcdefgh-3-7-1"]}}`
	mailForeign = `"mail":{"timestamp":"2026-11-02T00:00:00.000Z","messageId":"0100-a","destination":["minji@example.net"],"tags":{"ses:configuration-set":["main"],"app":["billing"]}}`
	mailHeaders = `"mail":{"timestamp":"2026-11-02T00:00:00.000Z","messageId":"0100-a","destination":["minji@example.net"],"headersTruncated":false,"headers":[{"name":"Subject","value":"x"},{"name":"X-Pabal-Id","value":"abcdefgh-3-7-1"}]}`
	mailOthers  = `"mail":{"timestamp":"2026-11-02T00:00:00.000Z","messageId":"0100-a","destination":["minji@example.net"],"headersTruncated":false,"headers":[{"name":"Subject","value":"x"}]}`
	mailBare    = `"mail":{"timestamp":"2026-11-02T00:00:00.000Z","messageId":"0100-a","source":"shop@example.com","destination":["minji@example.net"]}`
)

// shapes are all that SES may send, and what it means.
func shapes() map[string]struct {
	body string
	want Event
} {
	at := func(s int) time.Time { return time.Date(2026, 11, 2, 0, 0, s, 0, time.UTC) }
	to := []string{"minji@example.net"}
	heard := func(kind spool.FeedbackKind, news string) spool.Feedback {
		return spool.Feedback{Kind: kind, SESID: "0100-a", Tag: "abcdefgh-3-7-1", News: news}
	}
	return map[string]struct {
		body string
		want Event
	}{
		"send":     {`{"eventType":"Send",` + mailTagged + `,"send":{}}`, Event{Feedback: heard(spool.Sent, ""), At: at(0), To: to, ID: "sent 0100-a"}},
		"delivery": {`{"eventType":"Delivery",` + mailTagged + `,"delivery":{"timestamp":"2026-11-02T00:00:01.000Z","processingTimeMillis":500,"recipients":["minji@example.net"],"smtpResponse":"250 OK","reportingMTA":"a.example"}}`, Event{Feedback: heard(spool.Delivered, ""), At: at(1), To: to, ID: "delivered 0100-a"}},
		"delay":    {`{"eventType":"DeliveryDelay",` + mailTagged + `,"deliveryDelay":{"timestamp":"2026-11-02T00:00:02.000Z","delayType":"MailboxFull","expirationTime":"2026-11-02T12:00:00.000Z","delayedRecipients":[{"emailAddress":"minji@example.net","status":"4.2.2","diagnosticCode":"smtp; 452"}]}}`, Event{Feedback: heard(spool.Delayed, ""), At: at(2), To: to, ID: "delayed 0100-a"}},
		"hard bounce": {`{"eventType":"Bounce",` + mailTagged + `,"bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"minji@example.net","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 <minji@example.net> unknown\r\nuser"}],"timestamp":"2026-11-02T00:00:03.000Z","feedbackId":"f1","reportingMTA":"dsn; a"}}`,
			Event{Feedback: hard(heard(spool.Bounced, "bounced Permanent/General 5.1.1: smtp; 550 5.1.1 unknown user")), At: at(3), To: to, ID: "f1"}},
		"soft bounce": {`{"eventType":"Bounce",` + mailTagged + `,"bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":"minji@example.net"}],"timestamp":"2026-11-02T00:00:03.000Z","feedbackId":"f2"}}`,
			Event{Feedback: heard(spool.Bounced, "bounced Transient/MailboxFull"), At: at(3), To: to, Soft: true, ID: "f2"}},
		"bounce of the letter": {`{"eventType":"Bounce",` + mailTagged + `,"bounce":{"bounceType":"Transient","bounceSubType":"MessageTooLarge","bouncedRecipients":[],"timestamp":"2026-11-02T00:00:03.000Z","feedbackId":"f3"}}`,
			Event{Feedback: heard(spool.Bounced, "bounced Transient/MessageTooLarge"), At: at(3), To: to, ID: "f3"}},
		"complaint": {`{"eventType":"Complaint",` + mailTagged + `,"complaint":{"complainedRecipients":[{"emailAddress":"minji@example.net"}],"timestamp":"2026-11-02T00:00:04.000Z","feedbackId":"f4","complaintSubType":null,"complaintFeedbackType":"abuse","userAgent":"x","arrivalDate":"2026-11-02T00:00:04.000Z"}}`,
			Event{Feedback: heard(spool.Complained, "complained: abuse"), At: at(4), To: to, ID: "f4"}},
		"no spam": {`{"eventType":"Complaint",` + mailTagged + `,"complaint":{"complainedRecipients":[{"emailAddress":"minji@example.net"}],"timestamp":"2026-11-02T00:00:04.000Z","feedbackId":"f5","complaintFeedbackType":"not-spam"}}`,
			Event{Feedback: heard(spool.Sent, ""), At: at(4), To: to, ID: "sent 0100-a"}},
		"reject":    {`{"eventType":"Reject",` + mailTagged + `,"reject":{"reason":"Bad content"}}`, Event{Feedback: heard(spool.Rejected, "rejected: Bad content"), At: at(0), To: to, ID: "rejected 0100-a"}},
		"rendering": {`{"eventType":"Rendering Failure",` + mailTagged + `,"failure":{"templateName":"t","errorMessage":"Attribute 'x' is not present"}}`, Event{Feedback: heard(spool.Rejected, "rejected rendering: Attribute 'x' is not present"), At: at(0), To: to, ID: "rejected 0100-a"}},
		"open": {`{"eventType":"Open",` + mailTagged + `,"open":{"ipAddress":"192.0.2.1","timestamp":"2026-11-02T00:00:10.000Z","userAgent":"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"}}`,
			Event{Feedback: heard(spool.Opened, ""), At: at(10), To: to, ID: "opened 0100-a"}},
		"open by a scanner at once": {`{"eventType":"Open",` + mailTagged + `,"open":{"timestamp":"2026-11-02T00:00:02.000Z","userAgent":"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"}}`,
			Event{Feedback: heard(spool.MachineOpened, ""), At: at(2), To: to, ID: "machine_opened 0100-a"}},
		"open by Apple's proxy": {`{"eventType":"Open",` + mailTagged + `,"open":{"timestamp":"2026-11-02T00:00:10.000Z","userAgent":"Mozilla/5.0"}}`,
			Event{Feedback: heard(spool.MachineOpened, ""), At: at(10), To: to, ID: "machine_opened 0100-a"}},
		"open that SES marks": {`{"eventType":"Open",` + mailTagged + `,"open":{"timestamp":"2026-11-02T00:00:10.000Z","userAgent":"Mozilla/5.0 (iPhone)","isMachineGenerated":true}}`,
			Event{Feedback: heard(spool.MachineOpened, ""), At: at(10), To: to, ID: "machine_opened 0100-a"}},
		"click": {`{"eventType":"Click",` + mailTagged + `,"click":{"ipAddress":"192.0.2.1","timestamp":"2026-11-02T00:00:10.000Z","userAgent":"Mozilla/5.0 (iPhone)","link":"https://shop.example.com/","linkTags":{"a":["b"]}}}`,
			Event{Feedback: heard(spool.Clicked, ""), At: at(10), To: to, ID: "clicked 0100-a"}},
		"notification with headers": {`{"notificationType":"Delivery",` + mailHeaders + `,"delivery":{"timestamp":"2026-11-02T00:00:01.000Z","recipients":["minji@example.net"]}}`,
			Event{Feedback: heard(spool.Delivered, ""), At: at(1), To: to, ID: "delivered 0100-a"}},
		"notification without headers": {`{"notificationType":"Delivery",` + mailBare + `,"delivery":{"timestamp":"2026-11-02T00:00:01.000Z","recipients":["minji@example.net"]}}`,
			Event{Feedback: spool.Feedback{Kind: spool.Delivered, SESID: "0100-a"}, At: at(1), To: to, ID: "delivered 0100-a"}},
		"another application's notification": {`{"notificationType":"Delivery",` + mailOthers + `,"delivery":{"timestamp":"2026-11-02T00:00:01.000Z","recipients":["minji@example.net"]}}`,
			Event{Feedback: spool.Feedback{Kind: spool.Delivered, SESID: "0100-a"}, At: at(1), To: to, ID: "delivered 0100-a", Foreign: true}},
		"another application's event": {`{"eventType":"Send",` + mailForeign + `,"send":{}}`,
			Event{Feedback: spool.Feedback{Kind: spool.Sent, SESID: "0100-a"}, At: at(0), To: to, ID: "sent 0100-a", Foreign: true}},
		"EventBridge":       {`{"version":"0","source":"aws.ses","detail-type":"Email Delivered","detail":{"eventType":"Delivery",` + mailTagged + `,"delivery":{"timestamp":"2026-11-02T00:00:01.000Z"}}}`, Event{Feedback: heard(spool.Delivered, ""), At: at(1), To: to, ID: "delivered 0100-a"}},
		"EventBridge, else": {`{"source":"aws.ses","detail-type":"Sending Status Disabled","detail":{"x":1}}`, Event{Other: true}},
		"subscription":      {`{"eventType":"Subscription",` + mailTagged + `,"subscription":{"contactList":"a"}}`, Event{Other: true}},
		"a kind to come":    {`{"eventType":"Teleport",` + mailTagged + `}`, Event{Other: true}},
		"its part missing":  {`{"eventType":"Bounce",` + mailTagged + `}`, Event{Other: true}},
		"SNS asks":          {`{"Type":"SubscriptionConfirmation","Token":"x","SubscribeURL":"https://sns.invalid/"}`, Event{Other: true}},
		"SES tries a topic": {`{"Type":"Notification","Message":"Successfully validated SNS topic for Amazon SES event publishing."}`, Event{Other: true}},
	}
}

func inEnvelope(t testing.TB, body string) string {
	b, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "x", "TopicArn": "arn:aws:sns:x:1:t", "Message": body,
		"Timestamp": "2026-11-02T00:00:01.000Z", "SignatureVersion": "1", "Signature": "x", "SigningCertURL": "https://x", "UnsubscribeURL": "https://x"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryShapeOfEventIsRead(t *testing.T) {
	for name, c := range shapes() {
		bodies := []string{c.body}
		if strings.Contains(c.body, "Type\":\"") && !strings.HasPrefix(c.body, `{"Type"`) && !strings.Contains(c.body, "aws.ses") {
			bodies = append(bodies, inEnvelope(t, c.body))
		}
		for _, body := range bodies {
			got, err := ParseEvent([]byte(body))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %+v, %v; want %+v\n%s", name, got, err, c.want, body)
			}
		}
	}
}

func garbage() []string {
	return []string{"", "null", "[]", "17", `"text"`, "{", `{"eventType":"Send"}`, `{"mail":{}}`, `{"mail":{"messageId":"x"}}`, `{"mail":[]}`, `{"a":1}`,
		`{"Type":"Notification"`, `{"eventType":7,` + mailTagged + `}`, "\xff\xfe{}", strings.Repeat("[", 100_000), `{"eventType":"Send","mail":{"messageId":"x","headers":{"a":1}}}`}
}

func TestWhatIsNoEventIsSaidWithoutItsText(t *testing.T) {
	for _, body := range garbage() {
		e, err := ParseEvent([]byte(body))
		if !errors.Is(err, errNotEvent) || err.Error() != errNotEvent.Error() {
			t.Errorf("%.60q: %+v, %v", body, e, err)
		}
	}
	if _, err := ParseEvent([]byte(strings.Repeat(" ", maxEvent) + `{"eventType":"Send",` + mailTagged + `}`)); err == nil {
		t.Error("more than the limit was read")
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, c := range shapes() {
		f.Add([]byte(c.body))
		f.Add([]byte(inEnvelope(f, c.body)))
	}
	for _, body := range garbage() {
		f.Add([]byte(body[:min(len(body), 1000)]))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := ParseEvent(body)
		if err != nil {
			return
		}
		if !e.Other && (e.SESID == "" || e.ID == "") {
			t.Errorf("an event without an id: %+v", e)
		}
		if len(e.News) > maxNews || strings.ContainsAny(e.News, "@\n\r\x1b") {
			t.Errorf("news %q", e.News)
		}
		if !e.At.IsZero() && (e.At.Year() < 2000 || e.At.Year() > 3000) {
			t.Errorf("at %v", e.At)
		}
	})
}

func BenchmarkParseEvent(b *testing.B) {
	body := []byte(inEnvelope(b, shapes()["hard bounce"].body))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestQueueURLSaysWhereAndForWhichRegion(t *testing.T) {
	for url, want := range map[string][2]string{
		"https://sqs.ap-northeast-2.amazonaws.com/123456789012/pabal":                  {"https://sqs.ap-northeast-2.amazonaws.com", "ap-northeast-2"},
		"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/pabal":                   {"https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"https://ap-northeast-2.queue.amazonaws.com/123456789012/pabal":                {"https://ap-northeast-2.queue.amazonaws.com", "ap-northeast-2"},
		"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/pabal":      {"http://sqs.us-east-1.localhost.localstack.cloud:4566", "us-east-1"},
		"http://127.0.0.1:4579/000000000000/main":                                      {"http://127.0.0.1:4579", ""},
		"https://vpce-0123-abcd.sqs.ap-northeast-2.vpce.amazonaws.com/123456789012/pq": {"https://vpce-0123-abcd.sqs.ap-northeast-2.vpce.amazonaws.com", "ap-northeast-2"},
	} {
		endpoint, region, err := queuePlace(url)
		if err != nil || [2]string{endpoint, region} != want {
			t.Errorf("%s: %q %q %v, want %q", url, endpoint, region, err, want)
		}
	}
	for _, url := range []string{"", "pabal-events", "sqs.ap-northeast-2.amazonaws.com/1/x", "https://sqs.ap-northeast-2.amazonaws.com", "arn:aws:sqs:ap-northeast-2:1:x", "ftp://x/y"} {
		if _, _, err := queuePlace(url); err == nil {
			t.Errorf("%q was taken for the URL of a queue", url)
		}
	}
}

func hard(f spool.Feedback) spool.Feedback {
	f.Hard = true
	return f
}
