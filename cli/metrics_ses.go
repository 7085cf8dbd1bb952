package cli

import (
	"maps"
	"math"
	"slices"
	"time"

	"pabal/sesclient"
	"pabal/spool"
)

// sesMetrics are about the calls to SES and what the account allows.
func sesMetrics() []metric {
	return []metric{
		{"pabal_attempts_total", counter, []string{"lane", "answer"}, "Calls to SES that handed over a message, by answer: accepted, or the class of the error.", readAttempts},
		{"pabal_attempt_errors_total", counter, []string{"code"}, "Of them those that SES did not accept, by its code; none: it answered without one or not at all, other: one that pabal does not know.", func(r *reading, s *samples) {
			for _, code := range slices.Sorted(maps.Keys(r.calls.Codes)) {
				s.count(r.calls.Codes[code], code)
			}
		}},
		{"pabal_attempt_duration_seconds", histogram, []string{"lane"}, "Time of the calls that SES answered.", func(r *reading, s *samples) {
			for _, l := range lanes() {
				s.times(r.calls.Took[l], l.String())
			}
		}},
		{"pabal_calls_open", gauge, nil, "Calls to SES that are open.", func(r *reading, s *samples) { s.count(int64(r.ses.InFlight)) }},
		{"pabal_calls_limit", gauge, nil, "Calls to SES that may be open at once.", func(r *reading, s *samples) { s.count(int64(r.ses.Concurrency)) }},
		{"pabal_ses_rate_limit", gauge, nil, "Messages a second that the account allows, +Inf without a limit; missing until SES has said it.", known(func(st sesclient.Status) float64 { return orInfinite(st.Rate) })},
		{"pabal_ses_rate_aim", gauge, nil, "Messages a second that are aimed at now, +Inf without a limit.", func(r *reading, s *samples) { s.add(orInfinite(r.ses.Aim)) }},
		{"pabal_ses_quota_messages", gauge, nil, "Messages in 24 hours that the account allows, +Inf without a limit; missing until SES has said it.", known(func(st sesclient.Status) float64 { return orInfinite(st.Quota24h) })},
		{"pabal_ses_quota_used_messages", gauge, nil, "Messages of the last 24 hours, by whatever program of the account; missing until SES has said it.", known(func(st sesclient.Status) float64 { return st.Sent24h })},
		{"pabal_ses_quota_left_messages", gauge, nil, "Messages that the quota leaves now, +Inf without a limit; missing until SES has said it.", known(func(st sesclient.Status) float64 { return max(0, orInfinite(st.Quota24h)-st.Sent24h) })},
		{"pabal_ses_sending_enabled", gauge, nil, "1 while SES says that the account may send; missing until it has said it.", known(func(st sesclient.Status) float64 { return one01(st.SendingEnabled) })},
		{"pabal_ses_sandbox", gauge, nil, "1 while the account is in the sandbox; missing until SES has said it.", known(func(st sesclient.Status) float64 { return one01(st.Sandbox) })},
		{"pabal_ses_facts_timestamp_seconds", gauge, nil, "When SES last said what the account allows; missing before the first time.", known(func(st sesclient.Status) float64 { return seconds(st.CheckedAt) })},
		{"pabal_ses_facts_failing", gauge, nil, "1 while SES does not say what the account allows.", func(r *reading, s *samples) { s.is(r.ses.Error != "") }},
		{"pabal_domains_amiss", gauge, nil, "Domains of senders that are not set up right, or that nobody answers about.", func(r *reading, s *samples) { s.count(int64(r.domains)) }},
	}
}

// known reads what is known once SES has said what the account allows.
func known(value func(sesclient.Status) float64) func(*reading, *samples) {
	return func(r *reading, s *samples) {
		if !r.ses.CheckedAt.IsZero() {
			s.add(value(r.ses))
		}
	}
}

// orInfinite is a limit; below zero there is none.
func orInfinite(limit float64) float64 {
	if limit < 0 {
		return math.Inf(1)
	}
	return limit
}

// one01 is a condition as a number.
func one01(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// seconds is an instant as Prometheus has it.
func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }

// answers are the classes that a call can end with; "" is an acceptance.
func answers() []spool.Class {
	return []spool.Class{"", spool.Account, spool.Ambiguous, spool.Configuration, spool.Credentials, spool.Identity, spool.Network, spool.Permanent, spool.Quota, spool.Rate, spool.Temporary}
}

func readAttempts(r *reading, s *samples) {
	for _, l := range lanes() {
		for _, class := range answers() {
			word := string(class)
			if class == "" {
				word = spool.Accepted.String()
			}
			s.count(r.calls.Answers[l][class], l.String(), word)
		}
	}
}
