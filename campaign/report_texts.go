package campaign

import "pabal/spool"

// ReportTexts is every word of a report in one language. Gap stands between a
// number and its unit.
type ReportTexts struct {
	Lang, Gap                                                               string
	Title, Running, Made, NoneYet                                           string
	State, Template, From, Started, Ended, Audience                         string
	Outcomes, Outcome, Count, Share, Total                                  string
	Feedback, FeedbackLead, When, Undated, NoFeedback                       string
	Speed, Lasted, Mean, Peak, PeakNote, Aim, PerSecond, PerMinute, InFive  string
	Name, GoodUntil, OnItsWay                                               string
	Planned, Longer, Shorter, Foreseen                                      string
	Cost, CostNote                                                          string
	Tracking, TrackingBoth, OpensOff, ClicksOff                             string
	Domains, Domain, Sent, Others                                           string
	Failures, Unknowns, Bounces, Skips, Reason                              string
	Acts, By, Pabal, Recipients, Override                                   string
	Twice, TwiceNone, TwiceMaybe, TwiceSure, TwiceList                      string
	Accepting, Minute, Hour, Day, Later, Seconds, Yes, No, Campaigns, Since string

	Outs   map[spool.Outcome]string
	Kinds  map[spool.FeedbackKind]string
	States map[spool.State]string
	Skip   map[string]string
	Deeds  map[string]string
	Whys   map[string]string
}

// ReportTextsIn are those of a language, English for any but Korean.
func ReportTextsIn(lang string) *ReportTexts {
	if lang == "ko" {
		return koreanReport()
	}
	return englishReport()
}

// word is a name of ours in the language, or as it is where nobody translated it.
func word[K ~string](words map[K]string, name K) string {
	if text := words[name]; text != "" {
		return text
	}
	return string(name)
}
