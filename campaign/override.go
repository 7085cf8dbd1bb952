package campaign

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pabal/eml"
	"pabal/spool"
)

const (
	minReason    = 5   // characters: somebody reads it later
	maxReason    = 500 // bytes
	maxOverrides = 20
)

// overrideAct is how an override is called among a ledger's acts.
const overrideAct = "override "

// Override is a block that a person lets pass, and why. By and At are filled in
// when the campaign starts.
type Override struct {
	Rule   string    `json:"rule"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"` // who, as the control socket knows them
	At     time.Time `json:"at,omitzero"`
}

// CheckOverrides says what is wrong with overrides: an unknown rule, one that
// cannot be overridden, or no reason. The error is an *eml.Problem. It returns
// them tidied.
func CheckOverrides(all []Override) ([]Override, error) {
	if len(all) > maxOverrides {
		return nil, &eml.Problem{What: fmt.Sprintf("%d blocks are overridden, more than %d", len(all), maxOverrides), Hint: "mend some of them"}
	}
	var tidy []Override
	for _, o := range all {
		o.Rule, o.Reason = strings.TrimSpace(o.Rule), strings.TrimSpace(normalize(o.Reason))
		if err := o.check(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(tidy, func(other Override) bool { return other.Rule == o.Rule }) {
			return nil, &eml.Problem{What: "the rule " + o.Rule + " is overridden twice", Hint: "give one reason for it"}
		}
		tidy = append(tidy, o)
	}
	return tidy, nil
}

func (o *Override) check() error {
	rule := ruleOf(o.Rule)
	switch {
	case rule.ID == "":
		return &eml.Problem{What: "there is no rule " + eml.Visible(o.Rule), Hint: "the rules that block stand in brackets in: pabal campaign preflight ID"}
	case !slices.Contains(rule.Levels, Block):
		return &eml.Problem{What: "the rule " + rule.ID + " never blocks", Hint: "leave it out: only what blocks is overridden"}
	case rule.Final:
		return &eml.Problem{What: "the rule " + rule.ID + " cannot be overridden: no letter could be made or sent, or nobody knows to whom", Hint: "mend what it found"}
	case utf8.RuneCountInString(o.Reason) < minReason:
		return &eml.Problem{What: "the reason for overriding " + rule.ID + " is missing or too short", Hint: fmt.Sprintf("say in %d characters or more why it may go all the same: it is kept with the campaign", minReason)}
	case len(o.Reason) > maxReason:
		return &eml.Problem{What: "the reason for overriding " + rule.ID + " is too long", Hint: fmt.Sprintf("at most %d bytes", maxReason)}
	case eml.CheckHeader(o.Reason) != nil:
		return &eml.Problem{What: "the reason for overriding " + rule.ID + " has control characters", Hint: "write it on one line"}
	}
	return nil
}

// Override lets the blocks pass that a person gave a reason for, and returns
// the overrides that did so: reasons for what does not block are not kept.
func (p *Preflight) Override(all []Override) []Override {
	var used []Override
	p.Blocked = false
	for i := range p.Findings {
		f := &p.Findings[i]
		if f.Level != Block {
			continue
		}
		at := slices.IndexFunc(all, func(o Override) bool { return o.Rule == f.Rule && !f.Final })
		if at < 0 {
			p.Blocked = true
			continue
		}
		f.Reason = all[at].Reason
		if !slices.Contains(used, all[at]) {
			used = append(used, all[at])
		}
	}
	return used
}

// acts are the overrides as the ledger keeps them.
func acts(all []Override) []spool.Act {
	var out []spool.Act
	for _, o := range all {
		out = append(out, spool.Act{At: o.At, By: o.By, What: overrideAct + o.Rule, Reason: o.Reason})
	}
	return out
}
