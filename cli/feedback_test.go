package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

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
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range ses {
		if !strings.Contains(string(readme), "`"+action+"`") {
			t.Errorf("%s is in the template and not in the README", action)
		}
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
