package campaign

import "fmt"

// judgeBrake says when nobody would notice that a list is bad.
func (in *inspection) judgeBrake() {
	s := &in.store.Settings
	b := in.store.brakeOf(in.c)
	if s.BadNews || s.Events || b.Off() {
		return
	}
	in.found(RuleBrakeBlind, Note, "bounces", fmt.Sprintf("%.3g", b.BouncePercent), "complaints", fmt.Sprintf("%.3g", b.ComplaintPercent))
}
