package smtpd

import (
	"strings"

	"pabal/eml"
)

// maxSingle is the length of the longest name single knows.
const maxSingle = len("disposition-notification-options")

// single reports whether a field may stand only once: SES refuses a mail that
// has one of these twice (SES Developer Guide, "Header fields"), and so does
// RFC 5322 3.6 for To and Cc.
func single(name string) bool {
	if len(name) > maxSingle {
		return false
	}
	var lower [maxSingle]byte
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	switch string(lower[:len(name)]) {
	case "accept-language", "acceptlanguage", "archived-at", "auto-submitted", "bounces-to", "cc", "comments",
		"content-alternative", "content-base", "content-class", "content-description", "content-disposition",
		"content-duration", "content-id", "content-language", "content-length", "content-location",
		"content-md5", "content-transfer-encoding", "content-type", "date", "delivered-to",
		"disposition-notification-options", "disposition-notification-to", "dkim-signature",
		"domainkey-signature", "errors-to", "from", "importance", "in-reply-to", "keywords", "list-archive",
		"list-help", "list-id", "list-owner", "list-post", "list-subscribe", "list-unsubscribe",
		"list-unsubscribe-post", "message-context", "message-id", "mime-version", "organization",
		"original-from", "original-message-id", "original-recipient", "original-subject", "precedence",
		"priority", "references", "reply-to", "return-path", "return-receipt-to", "sender", "sensitivity",
		"solicitation", "subject", "thread-index", "thread-topic", "to", "user-agent", "vbr-info":
		return true
	}
	return false
}

// dedupe makes one field of those that may stand only once. Lists are joined;
// of the others the first that says something wins: readers show that one.
func dedupe(header *eml.Header) {
	var seen, twice []string
	for _, f := range header.Fields() {
		switch {
		case !single(f.Name):
		case !holds(seen, f.Name):
			seen = append(seen, f.Name)
		case !holds(twice, f.Name):
			twice = append(twice, f.Name)
		}
	}
	for _, name := range twice {
		header.Replace(joined(header, name))
	}
}

// holds reports whether a name is among some, in any case.
func holds(names []string, name string) bool {
	for _, n := range names {
		if len(n) == len(name) && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// joined is one field for all of a name.
func joined(header *eml.Header, name string) []byte {
	var first []byte
	var values []string
	for _, f := range header.Fields() {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		value := f.Value()
		if first == nil || value != "" && values == nil {
			first = f.Raw
		}
		if value != "" {
			values = append(values, strings.TrimRight(value, ", \t"))
		}
	}
	between := ""
	switch strings.ToLower(name) {
	case "to", "cc", "reply-to", "keywords", "comments":
		between = ", "
	case "references", "in-reply-to":
		between = " "
	}
	if between == "" || len(values) < 2 {
		return first
	}
	return eml.AppendRawHeader(nil, name, strings.Join(values, between))
}
