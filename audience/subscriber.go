package audience

import (
	"errors"
	"time"

	"pabal/store"
)

// Subscriber is a person in the audience: record, wire form and screen row.
type Subscriber struct {
	ID         uint64            `json:"id"`
	Email      string            `json:"email"`
	Name       string            `json:"name,omitempty"`
	Gender     string            `json:"gender,omitempty"` // male, female or ""
	CreatedAt  time.Time         `json:"created_at,omitzero"`
	ExternalID string            `json:"external_id,omitempty"` // the MySQL id
	Attributes map[string]string `json:"attributes,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Consent    Consent           `json:"consent"`
	TopicsOff  []string          `json:"topics_off,omitempty"`
	TopicsOn   []string          `json:"topics_on,omitempty"` // asked for: matters for topics that are off by default
	Frequency  string            `json:"frequency,omitempty"` // "" all, weekly, monthly
	Language   string            `json:"language,omitempty"`  // ko, en, ""
	UpdatedAt  time.Time         `json:"updated_at,omitzero"`
}

// Suppression is an address never to be mailed again.
type Suppression struct {
	Email  string    `json:"email"`  // "" for somebody erased
	Reason string    `json:"reason"` // bounce, complaint, operator, erased
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"`
	Soft   bool      `json:"soft,omitempty"` // soft bounces in a row; a delivery between them that comes to light takes it off again
}

// Errors that callers tell apart.
var (
	// ErrNotFound means that there is no such subscriber or suppression.
	ErrNotFound = errors.New("not found")
	// ErrToken means that an unsubscribe link was not made by this store.
	ErrToken = errors.New("link is not valid")
	// ErrSuppressed means that an address is on the suppression list.
	ErrSuppressed = errors.New("suppressed")
	// ErrAsked means that somebody need not be asked (again).
	ErrAsked = errors.New("asked already")
	// ErrClosed means that the store was closed.
	ErrClosed = store.ErrClosed
)

// Skip reasons as Check and Walk give them: DESIGN's words, the same as the ledger's.
const (
	skipUnsubscribed = "unsubscribed"
	skipTopicOff     = "topic_off"
	skipSuppressed   = "suppressed"
	skipErased       = "erased"
	skipFrequency    = "frequency"
)

// Limits on what comes from outside.
const (
	maxName      = 400      // bytes of a name or an external id
	maxValue     = 16 << 10 // bytes of an attribute's value
	maxLabel     = 128      // bytes of an attribute's name, a tag or a topic
	maxNames     = 2000     // attributes, tags and topics of one store, each
	maxTags      = 200      // tags of one subscriber
	maxDetail    = 500      // bytes of a history line's detail
	maxRowValues = 64 << 10 // bytes of all values of one subscriber
)
