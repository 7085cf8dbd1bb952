package eml

import (
	"regexp"
	"strings"
)

// secretMark stands where a secret was. No @ follows what it ends with, for Mask.
const secretMark = "[hidden]"

var (
	// user:password@tcp(host:3306)/database; a password may hold anything, so all
	// from the first colon's word on goes that stands before the last @net(.
	dsnSecret = regexp.MustCompile(`[^\s"'(]+:.*@([a-z0-9]+\()`)
	// What follows the host of an address: webhooks, links in letters and signed
	// addresses are secrets as a whole. So are user and password before it.
	urlSecret = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)(?:[^\s"'/@]*@)?([^\s"'/?#@]+)(/?)[^\s"'<>]*`)
	// Ids of access keys: IAM User Guide, "Understanding unique ID prefixes".
	accessKeyID = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{12,124}\b`)
	// name=secret and Authorization: secret, as headers, queries and files have them.
	namedSecret = regexp.MustCompile(`(?i)((?:secret|passw(?:or)?d|token|signature|api_?key|access_?key)[a-z_-]*["']?\s*[=:]\s*["']?)([^\s"'&,;]+)`)
	headSecret  = regexp.MustCompile(`(?i)(authorization["']?\s*[=:]\s*)([^\r\n]+)`)
	// Secret access keys are 40 characters of base64.
	longWord = regexp.MustCompile(`[A-Za-z0-9/+=]+`)
)

// HideSecrets is a text without what looks like a secret: password and user of
// a DSN, whatever follows the host of an address (https://…), keys of AWS, and
// what is named password, token, secret, signature or authorization. It errs on
// the side of hiding, and is for logs: Mask hides addresses of people.
func HideSecrets(text string) string {
	if strings.IndexByte(text, '@') >= 0 {
		text = dsnSecret.ReplaceAllString(text, secretMark+"@$1")
	}
	if strings.Contains(text, "://") {
		text = urlSecret.ReplaceAllStringFunc(text, hideURL)
	}
	if strings.ContainsAny(text, ":=") {
		text = headSecret.ReplaceAllString(text, "${1}"+secretMark)
		text = namedSecret.ReplaceAllStringFunc(text, hideNamed)
	}
	if len(text) < 16 {
		return text
	}
	text = accessKeyID.ReplaceAllString(text, "${1}"+secretMark)
	return longWord.ReplaceAllStringFunc(text, hideKey)
}

func hideURL(url string) string {
	m := urlSecret.FindStringSubmatch(url)
	if m[1]+m[2]+m[3] == url {
		return url // nothing but a host
	}
	return m[1] + m[2] + "/" + secretMark
}

// hideNamed leaves what MySQL says: (using password: YES).
func hideNamed(pair string) string {
	m := namedSecret.FindStringSubmatch(pair)
	if answer := strings.TrimRight(m[2], ")"); answer == "YES" || answer == "NO" {
		return pair
	}
	return m[1] + secretMark
}

// hideKey hides a word that may be a secret access key: 40 long, of capitals,
// small letters and digits, which no hash in hex is.
func hideKey(word string) string {
	if len(word) != 40 || !strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") ||
		!strings.ContainsAny(word, "abcdefghijklmnopqrstuvwxyz") || !strings.ContainsAny(word, "0123456789/+") {
		return word
	}
	return secretMark
}
