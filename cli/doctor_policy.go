package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
)

// sesPolicy is the statement about SES of the template that feedback setup prints.
func sesPolicy() (map[string]any, error) {
	var template struct {
		Resources map[string]struct {
			Properties struct {
				PolicyDocument struct{ Statement []map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(setupTemplate), &template); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	for _, s := range template.Resources["PabalPolicy"].Properties.PolicyDocument.Statement {
		if actions, _ := s["Action"].([]any); len(actions) > 0 && strings.HasPrefix(fmt.Sprint(actions[0]), "ses:") {
			return map[string]any{"Version": "2012-10-17", "Statement": []any{s}}, nil
		}
	}
	return nil, errors.New("the template has no rights on SES")
}

// policyFor are all rights that a configuration needs: on SES, and on the queue
// and the bucket that it names.
func policyFor(cfg *Config) (map[string]any, error) {
	policy, err := sesPolicy()
	if err != nil {
		return nil, err
	}
	all, _ := policy["Statement"].([]any)
	allow := func(name, resource string, actions ...string) {
		all = append(all, map[string]any{"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource})
	}
	if arn := queueARN(cfg.Feedback.SQSQueueURL); arn != "" {
		allow("Feedback", arn, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
	}
	if cfg.Images.Mode == campaign.ImagesS3 {
		allow("Images", "arn:aws:s3:::"+cfg.Images.S3Bucket+"/*", "s3:PutObject", "s3:GetObject")
	}
	policy["Statement"] = all
	return policy, nil
}

// queueARN is a queue's name in policies, "" if it is none of AWS's.
func queueARN(address string) string {
	region, err := sesclient.QueueRegion(address)
	u, broken := url.Parse(address)
	if err != nil || broken != nil || region == "" {
		return ""
	}
	account, name, found := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if !found {
		return ""
	}
	return "arn:aws:sqs:" + region + ":" + account + ":" + name
}

// printPolicy needs no configuration: who asks may have none yet.
func (a *app) printPolicy() error {
	cfg, err := a.config()
	if err != nil {
		what, _ := parts(err)
		fmt.Fprintln(a.stderr, "pabal: the rights on SES alone, since the configuration cannot be used: "+eml.Visible(what))
		cfg = defaults()
	}
	policy, err := policyFor(cfg)
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, policy)
	}
	text, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, string(text))
	return err
}
