package cli

import "pabal/spool"

// feedbackMetrics are about what SES says later.
func feedbackMetrics() []metric {
	return []metric{
		{"pabal_feedback_total", counter, []string{"lane", "kind"}, "Messages of which SES said so for the first time since the start; hard_bounced ones are among the bounced.", readFeedback},
		{"pabal_feedback_events_total", counter, nil, "Events taken since the start, copies and those of other applications included.", func(r *reading, s *samples) { s.count(r.feedback.Events) }},
		{"pabal_feedback_foreign_total", counter, nil, "Of them those of other applications of the account.", func(r *reading, s *samples) { s.count(r.feedback.Foreign) }},
		{"pabal_feedback_dropped_total", counter, nil, "Events that there was no room to keep until their mail is known.", func(r *reading, s *samples) { s.count(r.feedback.Dropped) }},
		{"pabal_feedback_garbage_total", counter, nil, "Messages of the queue that are no events of SES.", func(r *reading, s *samples) { s.count(r.feedback.Garbage) }},
		{"pabal_feedback_orphans", gauge, nil, "Events that are kept because their mail is not known yet.", func(r *reading, s *samples) { s.count(r.feedback.Orphans) }},
		{"pabal_feedback_waiting", gauge, nil, "Events in the queue of SQS, about; missing while that is not known.", func(r *reading, s *samples) {
			if r.feedback.Waiting >= 0 {
				s.count(r.feedback.Waiting)
			}
		}},
		{"pabal_feedback_lag_seconds", gauge, nil, "Time between an event and its being on disk, of the last batch.", func(r *reading, s *samples) { s.add(r.feedback.LagSeconds) }},
		{"pabal_feedback_failing", gauge, nil, "1 while the source of feedback does not answer, or what it says cannot be written.", func(r *reading, s *samples) { s.is(r.feedback.Error != "") }},
	}
}

func readFeedback(r *reading, s *samples) {
	for _, l := range lanes() {
		for k := spool.Delivered; k <= spool.Clicked; k++ {
			s.count(r.totals.Feedback[l][k], l.String(), k.String())
		}
		s.count(r.totals.Feedback[l][spool.HardBounces], l.String(), "hard_bounced")
	}
}
