package sesclient

import (
	"regexp"
	"slices"

	"pabal/spool"
)

// Got is what came back of a call.
type Got string

// The ways a call can end without success.
const (
	GotError       Got = "error"       // an answer that carries an SES error code
	GotHTTP        Got = "http"        // an HTTP answer without one: a gateway, a proxy, an unreadable success
	GotNothing     Got = "nothing"     // part of the request was written, no answer came
	GotUnsent      Got = "unsent"      // not a byte of the request was written
	GotCredentials Got = "credentials" // no credentials could be had, so no call was made
)

// Answer is one row of the table that says what an ending means. The first row
// that fits counts. Empty fields fit everything.
type Answer struct {
	Got       Got
	Status    []int          // HTTP status; with GotHTTP only
	Codes     []string       // SES error codes, with or without their ending "Exception"
	Pattern   *regexp.Regexp // found in the message
	Recipient bool           // the row is about the recipient's address, not the sender's
	Class     spool.Class
	Scope     spool.Scope // what is held; ScopeFrom and ScopeSet stand for the call's own; "" with classes that hold nothing
	Manual    bool        // the hold waits for a person, whatever SES says later
	Hint      string      // what to do; "" means Hint(Class)
	Example   string      // a message as SES words it
}

// Placeholders in Answer.Scope for what only the call knows.
const (
	ScopeFrom = spool.Scope("from:")              // the From domain of the mail
	ScopeSet  = spool.Scope("configuration_set:") // the configuration set of the call
)

var (
	patternQuota       = regexp.MustCompile(`(?i)daily (message|sending) quota exceeded|24-hour .*quota`)
	patternRate        = regexp.MustCompile(`(?i)maximum send(ing)? rate exceeded`)
	patternSet         = regexp.MustCompile(`(?i)configuration[ -]?set`)
	patternSuspended   = regexp.MustCompile(`(?i)account (is|has been) suspended|sending (is |has been )?suspended for (this|your) account`)
	patternPaused      = regexp.MustCompile(`(?i)account (is|has been) (paused|disabled)|sending (is |has been )?(paused|disabled) for (this|your) account`)
	patternNotVerified = regexp.MustCompile(`(?i)(address|domain|identity) is not verified|identities failed the check`)
)

// Answers is the whole table, for the code and for the manual. Sources: the
// SES v2 API reference and developer guide, and logs people published where
// SES answers differently from its documentation (429 with
// TooManyRequestsException, quota as LimitExceededException).
func Answers() []Answer {
	return slices.Concat(holdAnswers(), messageAnswers(), accessAnswers(), gatewayAnswers(), lostAnswers())
}

// holdAnswers say something about the account or the sender: nothing is wrong
// with the message, so it waits and no try is used up.
func holdAnswers() []Answer {
	return []Answer{
		{Got: GotError, Pattern: patternQuota, Class: spool.Quota, Scope: spool.ScopeAll,
			Example: "Daily message quota exceeded."},
		{Got: GotError, Codes: []string{"LimitExceeded"}, Class: spool.Quota, Scope: spool.ScopeAll,
			Example: "Too many instances of the resource."},
		{Got: GotError, Pattern: patternRate, Class: spool.Rate, Scope: spool.ScopeAll,
			Example: "Maximum sending rate exceeded."},
		{Got: GotError, Codes: []string{"TooManyRequests", "Throttling", "Throttled", "RequestThrottled", "RequestLimitExceeded",
			"BandwidthLimitExceeded", "SlowDown"}, Class: spool.Rate, Scope: spool.ScopeAll,
			Example: "Rate exceeded"},
		{Got: GotError, Codes: []string{"SendingPaused", "ConfigurationSetSendingPaused"}, Pattern: patternSet,
			Class: spool.Configuration, Scope: ScopeSet, Example: "Sending is paused for configuration set <main>."},
		{Got: GotError, Codes: []string{"AccountSuspended"}, Class: spool.Account, Scope: spool.ScopeAll, Manual: true,
			Hint: hintSuspended, Example: "The account's ability to send email has been permanently restricted."},
		{Got: GotError, Pattern: patternSuspended, Class: spool.Account, Scope: spool.ScopeAll, Manual: true,
			Hint: hintSuspended, Example: "Sending suspended for this account."},
		{Got: GotError, Codes: []string{"SendingPaused", "AccountSendingPaused"},
			Class: spool.Account, Scope: spool.ScopeAll, Example: "Email sending is paused for this account."},
		{Got: GotError, Pattern: patternPaused, Class: spool.Account, Scope: spool.ScopeAll,
			Example: "Account is paused."},
		{Got: GotError, Codes: []string{"MailFromDomainNotVerified"}, Class: spool.Identity, Scope: ScopeFrom,
			Example: "The domain of the MAIL FROM address is not verified."},
	}
}

// messageAnswers judge one message, or the configuration set it names.
func messageAnswers() []Answer {
	return []Answer{
		{Got: GotError, Codes: []string{"MessageRejected"}, Pattern: patternNotVerified, Recipient: true, Class: spool.Permanent,
			Hint:    "Verify the recipient in the SES console too, or ask AWS for production access, which ends the sandbox.",
			Example: "Email address is not verified. The following identities failed the check in region AP-NORTHEAST-2: customer@example.net"},
		{Got: GotError, Codes: []string{"MessageRejected"}, Pattern: patternNotVerified, Class: spool.Identity, Scope: ScopeFrom,
			Example: "Email address is not verified. The following identities failed the check in region AP-NORTHEAST-2: shop@example.com"},
		{Got: GotError, Codes: []string{"BadRequest"}, Pattern: patternSet, Class: spool.Configuration, Scope: ScopeSet,
			Example: "Invalid configuration set name."},
		{Got: GotError, Codes: []string{"MessageRejected", "BadRequest", "Validation", "ValidationError", "InvalidParameterValue",
			"InvalidParameterCombination", "MissingParameter", "Serialization", "RequestEntityTooLarge", "ContentTooLarge"},
			Class: spool.Permanent, Example: "Duplicate header 'Subject'."},
		{Got: GotError, Codes: []string{"NotFound", "ConfigurationSetDoesNotExist", "TemplateDoesNotExist"},
			Class: spool.Configuration, Scope: ScopeSet, Example: "Configuration set <main> does not exist."},
	}
}

// accessAnswers are about who we are; a wrong clock looks like a wrong key.
func accessAnswers() []Answer {
	return []Answer{
		{Got: GotCredentials, Class: spool.Credentials, Scope: spool.ScopeAll, Example: "no EC2 IMDS role found"},
		{Got: GotError, Codes: []string{"AccessDenied", "NotAuthorized", "Unauthorized", "OptInRequired", "SubscriptionRequired",
			"UnrecognizedClient", "IncompleteSignature", "ExpiredToken", "InvalidClientTokenId", "MissingAuthenticationToken",
			"InvalidAccessKeyId", "AuthFailure", "Forbidden"}, Class: spool.Credentials, Scope: spool.ScopeAll,
			Example: "User is not authorized to perform ses:SendRawEmail"},
		{Got: GotError, Codes: clockCodes(), Class: spool.Credentials, Scope: spool.ScopeAll,
			Example: "Signature expired: 20261122T000000Z is now earlier than 20261122T010000Z"},
		{Got: GotHTTP, Status: []int{401, 403}, Class: spool.Credentials, Scope: spool.ScopeAll},
	}
}

// clockCodes are the answers to a signature that does not hold: a wrong secret
// or a wrong clock.
func clockCodes() []string {
	return []string{"SignatureDoesNotMatch", "InvalidSignature", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}
}

// gatewayAnswers are HTTP answers, with or without an SES code, that say
// nothing about the message.
func gatewayAnswers() []Answer {
	return []Answer{
		{Got: GotError, Codes: []string{"InternalService", "InternalServiceError", "InternalFailure", "InternalServerError",
			"ServiceUnavailable", "RequestTimeout", "ConcurrentModification", "Conflict", "PriorRequestNotComplete",
			"TransactionInProgress"}, Class: spool.Temporary, Example: "We encountered an internal error, please try again."},
		{Got: GotError, Class: spool.Temporary, Example: "(any other code)"},
		{Got: GotHTTP, Status: []int{429}, Class: spool.Rate, Scope: spool.ScopeAll},
		{Got: GotHTTP, Status: []int{413}, Class: spool.Permanent},
		{Got: GotHTTP, Status: []int{301, 302, 303, 307, 308, 404, 405, 410}, Class: spool.Configuration, Scope: spool.ScopeAll},
		{Got: GotHTTP, Status: []int{200, 201, 202, 204}, Class: spool.Ambiguous},
		{Got: GotHTTP, Status: []int{500, 502, 504, 520, 522, 524}, Class: spool.Ambiguous},
		{Got: GotHTTP, Class: spool.Temporary},
	}
}

// lostAnswers are the endings without any answer.
func lostAnswers() []Answer {
	return []Answer{
		{Got: GotUnsent, Class: spool.Network, Scope: spool.ScopeAll, Example: "dial tcp: connection refused"},
		{Got: GotNothing, Class: spool.Ambiguous, Example: "connection reset by peer"},
	}
}

const hintSuspended = "Read AWS's mail about it and answer it in the Support Center. When AWS has lifted the suspension, release the hold with 'pabal spool release all'."

// Hint says in a sentence or two what a person can do about answers of a class.
func Hint(class spool.Class) string {
	switch class {
	case spool.Temporary:
		return "Nothing: SES refused for the moment and pabal tries again by itself."
	case spool.Permanent:
		return "SES will never take this message as it is. Correct the address or the mail named in the reason and send it anew."
	case spool.Ambiguous:
		return "The answer was lost, so the mail may have gone out. Look for it among the listed unknown ones before sending it again."
	case spool.Rate:
		return "Nothing: pabal has slowed down and speeds up again by itself. If it comes often, lower ses.rate_share or stop other senders on this AWS account."
	case spool.Quota:
		return "Wait: pabal goes on by itself as the 24-hour window frees. To send more a day, ask AWS for a higher sending quota."
	case spool.Account:
		return "Open the SES console (Account dashboard) and AWS's mail about it: sending is paused or suspended and AWS says there why. pabal goes on by itself once GetAccount says that sending is enabled."
	case spool.Identity:
		return "Verify the sender's domain or address in the SES console for this region, or correct the From address."
	case spool.Configuration:
		return "Check ses.configuration_set, ses.region and ses.endpoint: the named set must exist in this region and must not be paused."
	case spool.Credentials:
		return "Check the AWS credentials of the user pabal runs as (environment, ~/.aws or instance role), that they allow ses:SendEmail and ses:SendRawEmail, and that this computer's clock is right."
	case spool.Network:
		return "Nothing was sent. Check the network, DNS, firewall and proxy between this computer and SES; pabal tries again by itself."
	case spool.Outage:
		return "SES refused several messages in a row. pabal asks again from time to time and goes on by itself."
	default:
		return ""
	}
}
