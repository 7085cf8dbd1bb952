package tui

import (
	"time"

	"pabal/audience"
	"pabal/campaign"
	"pabal/spool"
)

// texts are all words of the screens in one language. Sentences take their
// numbers and names through functions and are worded so that no Korean
// particle follows a name.
type texts struct {
	deskTexts

	Product, Connected, Lost, NoAnswer, AddressHow           string
	LostSince                                                func(at string) string
	TooSmall                                                 func(w, h, minW, minH int) string
	Tabs, ShortTabs                                          [8]string // short: where the others do not fit
	Steps                                                    [6]string
	Help, Back, Quit, Close, NextTab, PrevTab, Moves         string
	HelpKeys                                                 func(screen string) string
	HelpWords, Unavailable                                   string
	HelpText                                                 []string
	Loading, Working, NothingHere, All, Everyone, Everything string
	Filter, Apply, ClearFilter, Search, Open, Reload, Scroll string
	Next, NextField, Fields, Look                            string
	Rows, FirstRows                                          func(n string) string
	RowsRemoved                                              func(n, of, before string) string
	Duration                                                 func(d time.Duration) string
	States                                                   map[spool.State]string
	Outcomes                                                 [6]string
	Lanes                                                    [2]string
	Reasons                                                  map[string]string
	Events                                                   map[string]string
	Classes                                                  map[spool.Class]holdText
	Levels                                                   map[campaign.Level]string
	Problems                                                 map[string]string // by eml.Problem's Code; {1} is its first Arg, {own} the text itself
	Sources                                                  map[audience.Source]string
	Genders                                                  map[string]string
	Details                                                  map[string]string // what pabal writes as detail of consent and suppression
	RowID, SoftBounces                                       func(s string) string

	// home
	NobodyHas                                                 func(names string) string
	OnHold                                                    string
	NewCampaign, Release, NoHolds, ReleaseAsk, Released       string
	ReleaseWarn                                               func(n string) string
	Sending, Spool, RateNow, PerSecond, Quota                 string
	Unlimited                                                 func(used string) string
	Aim                                                       func(aim, most string) string
	SendingOff, Sandbox, Oldest, TooOld, LastEvents, NoEvents string
	Holds                                                     func(n int) string
	FromDomain                                                string
	AimOnly                                                   func(aim string) string
	Since, Until, InStep                                      func(at string) string
	NeverInStep                                               string

	// campaigns, one campaign, its ledger
	Name, State, Progress, NotStarted, NoCampaigns, Campaign string
	Ledger, Pause, Resume, Cancel, Done                      string
	PauseAsk, ResumeAsk, CancelAsk, ResendAsk                func(n string) string
	Resend, ResendOff, ResendTwice                           string
	MadeOf                                                   func(template string, version int, segment string) string
	RunsSince, RunsTill                                      func(a, b string) string
	Ran                                                      func(from, to, took string) string
	SkippedBy                                                string
	NextOutcome, PrevOutcome, Email, Outcome, Tries, At      string
	Reason, MaybeTwice, Delivered, Bounced, Complained       string
	Rejected, Delayed, Opened, Clicked, MachineOpened        string
	SentTwice                                                string

	// wizard
	ChooseTemplate, NoTemplates, Version, Made, Subject                string
	Purpose, MergeFields                                               string
	ChooseAudience, Segment, Counting, BadExpression                   string
	NobodySelected, Examples, ExamplesAre, EmptyIsAll                  string
	Selected, Mailable, Such                                           string
	ChooseContent, From, Topic, NameHint, FromHint, TopicHint, NoTopic string
	ReplyTo, ReplyToHint, KeptDraft                                    string
	ValueHint, AttributeHint, NewlineHint                              string
	ChoosePreview, To, Missing, NobodyFound, NobodyElse                string
	NextPerson, PrevPerson, TestSend, SendOne, TypeAddress             string
	TestSent, TestExplain, TestMany                                    func(s string) string
	ChooseCheck, Checking, CheckAgain, BlockedOff, NoFindings          string
	CheckedOver                                                        func(mailable, selected, bytes string) string
	ChooseStart, Recipients, Takes, Ends, FiveMinutes                  string
	FiveYes, PlanAgain, Start                                          string
	TakesAt                                                            func(duration, rate string) string
	StartAsk, Started, TypeNumber, TypeWord                            func(n string) string
	PressYes, WrongNumber, WrongWord                                   string

	// subscribers
	Gender, Consent, Tags, ConsentYes, ConsentNo, ConsentNone string
	NobodyYet                                                 string
	Ago, Searching, People                                    func(s string) string

	Pick     pickTexts
	Build    buildTexts
	Import   importTexts
	Person   personTexts
	Suppress suppressTexts
	Sync     syncTexts
	Heard    heardTexts
	Mail     mailTexts
	Dash     dashTexts
	Plain    plainTexts
	Domain   domainTexts
}

// pickTexts are those of lists to choose from.
type pickTexts struct{ Choose, Mark, Move, Narrow, TypeIt string }

// buildTexts are those of the segment builder.
type buildTexts struct {
	Add, Edit, Remove, NoRow, Join, OneRow, AsText, AsRows, NoRows string
	Where, And, Or, Expression                                     string
	WhichField, DateHint                                           string
	How, What, Meant                                               func(s string) string
	Dates                                                          []string // as conditions take them
	Fields                                                         map[string]string
	Kinds                                                          map[audience.Kind]string
	Comparisons                                                    map[audience.Comparison]string
}

// importTexts are those of the import.
type importTexts struct {
	Key, Title                                                            string
	Steps                                                                 [3]string
	ChooseFile, NoFiles, Size, Modified, HowTo, HowPC, HowAfter, File     string
	Column, Encoding, Sheet, Tag, WhichEncoding, WhichTag, NoTag, FindOut string
	Encodings                                                             map[string]string
	WhatIs, Attribute, Line, FirstRows, StopWarn                          func(s string) string
	NoEmail, MendFirst, LeftOut, NoEncoding                               string
	Unreadable, ReadingFile, NoRows, NoConsent, StaysOut                  string
	InFile, TakenAs, First                                                string
	Counts, Will                                                          func(rows, duplicate, rejected string) string
	Stop, IsOver, Running, Stopped, GoesOn                                string
	Rows, Created, Updated, Unchanged, Duplicate, Rejected, OptedOut      string
	RejectsHead                                                           func(shown, all string) string
}

// personTexts are those of one subscriber's screens.
type personTexts struct {
	Title, Created, External, Now, Assumed, NotApplied            string
	Preferences, On, Off, Frequency, Language                     string
	Frequencies, Languages                                        map[string]string
	Received, NoMails, History                                    string
	Edit, Unsubscribe, UnsubscribeWarn, Unsubscribed, IsOut, IsIn string
	Confirm, ConfirmWarn, Confirmed, Erase, EraseWarn, Erased     string
	Save, Change, Unchanged, ChooseHint, NoTopics                 string
}

// suppressTexts are those of the suppression list.
type suppressTexts struct {
	None, NotFound, Detail, Soft             string
	Add, AddHead, AddWarn, Added, DetailHint string
	Import, ImportWarn, NewOnes, Known       string
	Remove, RemoveWarn, RemoveStays, Removed string
}

// syncTexts are those of the customers' table.
type syncTexts struct {
	Now, Full, NoTable, NoTableHint, Table, LastGood, LastFull, Next, Never  string
	Idle, Reading, Failing                                                   string
	Ended                                                                    func(read, created, updated, removed string) string
	InARow                                                                   func(n string) string
	Result, Changes, All                                                     string
	Read, Created, Updated, Removed, Yes, Refused, KeptOut, Unclear, Invalid string
	Failed                                                                   string
}

// holdText is why mail of some scope waits, and what to do.
type holdText struct{ What, How string }

// ruleText is a preflight rule: what was found, why it matters, how to mend it.
type ruleText struct{ What, Why, How string }

// textsOf is the language's words; English for any other than ko.
func textsOf(lang string) *texts {
	if lang == "ko" {
		return korean()
	}
	return english()
}

// heardTexts are those of feedback: what SES says of mails it took.
type heardTexts struct {
	Label, None, NoneHint, BadNews, Waiting, NoTracking, Next string
	Last                                                      func(at string) string
}

// mailTexts are those of single mails: the spool, one of them, a trace, holds.
type mailTexts struct {
	Title, Trace, What, QueryHint, TypeQuery, Another, NoTrace, Of, NoSubject, NoAddress string
	Find, NoMails, Holds, Hold, HoldWhat, HoldAll, HoldBulk, HoldApps, HoldWarn, Held    string
	WhyHint, NothingHeld, ByItself, ByHand                                               string
	Retry, RetryWarn, Retried, RetryAll, Discard, DiscardWarn, Discarded                 string
	OfCampaign, Gone, FailedHint, UnknownHint, PendingHint                               string
	Kind, Answer, NotTried, Heard, Received, Changed, NextTry, Size, Number              string
	Route, Set, Tags                                                                     string
	Edit, EditKey, EditWarn, EditUnknown, Edited, OtherAddress, DeadLetters              string
	DiscardAll, NothingToDiscard, Done                                                   string
	Acts                                                                                 map[string]string // by spool.Act.What
	RetryAllAsk, DiscardAllAsk, SentAs, InPlaceOf, GivenUp                               func(s string) string
	GivenUpFor                                                                           func(id, why string) string
	TriesOf                                                                              func(calls, used string) string
}

// dashTexts are those of the first screen.
type dashTexts struct {
	OpenCampaign, NothingRuns, Sandbox, SandboxHint, HeldHint string
	Curve                                                     func(least, most string) string
	HeldCampaign                                              func(name, why string) string
	LastMinutes, More, Left, OpenIt                           func(s string) string
}

// plainTexts are those of the plain mode.
type plainTexts struct {
	Intro           []string
	Key, Text, Keys string
	Unknown         func(s string) string
}

// domainTexts are those of the domains of senders.
type domainTexts struct {
	Open, Account, Production, Reputation, Head, None, AllGood, Good, Unknown string
	CheckedAt, Found, NotFound, Wrong, NotAsked, Below, Form, Seen            string
	Records                                                                   func(host, zone string) string
	Fields                                                                    [3]string         // name, value, priority, for a DNS host that is none of those known
	Enforcement                                                               map[string]string // by SES's word
	Parts                                                                     map[string]string // the checks
	States                                                                    [5]string         // by partState
}
