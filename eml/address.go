// Package eml is the leaf that knows mail itself: e-mail addresses (one parser
// for SMTP, CSV, MySQL and the screens), header fields with folding and
// RFC 2047 words, transfer codings, MIME messages, and the one sanitiser that
// foreign text passes before it reaches a terminal.
//
// It does no I/O, keeps no state and knows nothing of SES; every function may
// be called at the same time. Text is UTF-8 in NFC; where a limit comes from a
// standard or from SES, the comment names it.
package eml

// ParseAddress reads one bare e-mail address as it stands in a CSV cell, an
// SMTP path or a form field and returns its canonical spelling: NFC, white
// space around it removed, the local part as written, the domain in lower-case
// A-labels (RFC 5891). It returns an *AddressError for anything SES cannot
// send to: quoted local parts, address literals, non-ASCII local parts, over
// 64 octets before or 254 in all (RFC 5321 4.5.3.1), no dot in the domain,
// control characters, display names, lists.
func ParseAddress(s string) (string, error) { panic("seam") }

// AddressError says what is wrong with an address. Input is as given.
type AddressError struct{ Input, Reason string }

func (e *AddressError) Error() string { panic("seam") }

// Key is what all spellings of one mailbox share: the address in lower case.
// Its argument is what ParseAddress returned.
func Key(address string) string { panic("seam") }

// Domain is the part after the @, "" if there is none.
func Domain(address string) string { panic("seam") }

// Mailbox is a display name and an address: "무신사 <shop@example.com>".
type Mailbox struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// ParseMailbox reads `Name <addr>`, `"Name" <addr>` or a bare address. RFC 2047
// words in the name are decoded. It returns an *AddressError.
func ParseMailbox(s string) (Mailbox, error) { panic("seam") }

// String is how people write it, not encoded: 무신사 <shop@example.com>.
func (m Mailbox) String() string { panic("seam") }

// Header is the mailbox as a header field's value: the name quoted or in
// RFC 2047 words where it must be.
func (m Mailbox) Header() string { panic("seam") }
