package cli

import (
	"cmp"
	"strings"

	"pabal/spool"
)

// sources of messages, in the order of spool.OfApplication and OfCampaign.
var sources = [...]string{spool.OfApplication: "application", spool.OfCampaign: "campaign"}

// spoolMetrics are about messages and campaigns.
func spoolMetrics() []metric {
	lane, outcome := []string{"lane"}, []string{"lane", "source", "outcome"}
	return []metric{
		{"pabal_messages", gauge, outcome, "Messages by lane, by whose they are, and by outcome, those that retention has removed included.", readMessages},
		{"pabal_outcomes_total", counter, outcome, "Messages that came to a final outcome since the start, whoever or whatever brought them there.", readOutcomes},
		{"pabal_oldest_seconds", gauge, lane, "Age of the oldest message that could be sent and is not, 0 for none.", func(r *reading, s *samples) {
			for _, l := range lanes() {
				s.count(r.spool.LaneOldest[l.String()], l.String())
			}
		}},
		{"pabal_handover_seconds", histogram, lane, "Time from taking an application's mail to its acceptance by SES.", func(r *reading, s *samples) {
			for _, l := range lanes() {
				s.times(r.totals.Handover[l], l.String())
			}
		}},
		{"pabal_holds", gauge, []string{"scope", "class"}, "Holds by kind of scope and by class; campaigns outside their send window are of class window.", readHolds},
		{"pabal_campaigns", gauge, []string{"state"}, "Campaigns by state.", func(r *reading, s *samples) {
			for _, state := range states() {
				s.count(int64(r.campaigns[state]), string(state))
			}
		}},
		{"pabal_campaigns_braked", gauge, nil, "Campaigns that their brake has paused and nobody has resumed or cancelled.", func(r *reading, s *samples) { s.count(int64(r.braked)) }},
	}
}

func lanes() []spool.Lane { return []spool.Lane{spool.Transactional, spool.Bulk} }

func states() []spool.State {
	return []spool.State{spool.Draft, spool.Scheduled, spool.Freezing, spool.Running, spool.Paused, spool.Held, spool.Cancelling, spool.Cancelled, spool.Done}
}

func readMessages(r *reading, s *samples) {
	fast, slow := r.spool.Lanes[spool.Transactional.String()], r.spool.Lanes[spool.Bulk.String()]
	all := byOutcome(r.spool.Applications)
	for o, n := range byOutcome(fast) {
		s.count(n, spool.Transactional.String(), sources[spool.OfApplication], spool.Outcome(o).String())
		all[o] -= n
	}
	for o, n := range byOutcome(slow) {
		s.count(all[o], spool.Bulk.String(), sources[spool.OfApplication], spool.Outcome(o).String())
		s.count(n-all[o], spool.Bulk.String(), sources[spool.OfCampaign], spool.Outcome(o).String())
	}
}

// byOutcome are the counters in the order of the outcomes.
func byOutcome(c spool.Counts) [spool.Unknown + 1]int64 {
	return [...]int64{c.Pending, c.Sending, c.Accepted, c.Failed, c.Skipped, c.Unknown}
}

func readOutcomes(r *reading, s *samples) {
	for _, l := range lanes() {
		for of, source := range sources {
			if l == spool.Transactional && of == spool.OfCampaign {
				continue // there are none
			}
			for o := spool.Accepted; o <= spool.Unknown; o++ {
				s.count(r.totals.Outcomes[l][of][o], l.String(), source, o.String())
			}
		}
	}
}

// holdClasses are the classes of holds.
func holdClasses() []spool.Class {
	return []spool.Class{spool.Account, spool.Configuration, spool.Credentials, spool.Identity, spool.Network, spool.Operator, spool.Outage, spool.Quota, spool.FromBackup, spool.Storage, spool.OutsideWindow}
}

// scopeKinds are the words before the colon of a scope.
func scopeKinds() []string {
	return []string{"all", "lane", "from", "campaign", "configuration_set", "restored"}
}

// readHolds writes every pair, so that a rule need not ask whether it is there.
func readHolds(r *reading, s *samples) {
	type pair struct{ scope, class string }
	held := map[pair]int64{}
	for _, h := range r.spool.Held {
		kind, _, _ := strings.Cut(string(h.Scope), ":")
		held[pair{kind, cmp.Or(string(h.Class), string(spool.Operator))}]++
	}
	for _, scope := range scopeKinds() {
		for _, class := range holdClasses() {
			s.count(held[pair{scope, string(class)}], scope, string(class))
		}
	}
}
