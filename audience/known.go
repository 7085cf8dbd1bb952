package audience

import (
	"time"

	bolt "go.etcd.io/bbolt"

	"pabal/eml"
)

// FeedbackSeen is one event that is kept of an address since something went
// wrong there.
type FeedbackSeen struct {
	Kind string    `json:"kind"` // delivered, soft_bounce, hard_bounce, complaint
	At   time.Time `json:"at"`
}

// Chosen is one thing that was chosen at an address.
type Chosen struct {
	Topic  string    `json:"topic,omitempty"` // its id; "" for how often
	Choice string    `json:"choice"`          // of a topic on or off; of how often all, weekly, monthly
	Source Source    `json:"source"`
	At     time.Time `json:"at"`
}

// Known is what is kept of an address beside its subscriber and suppression.
type Known struct {
	OptOut   *Consent       `json:"opt_out,omitempty"` // the refusal that stays on the address; nil: none
	Chosen   []Chosen       `json:"chosen,omitempty"`  // topics and how often
	Asked    time.Time      `json:"asked,omitzero"`    // when it was last asked by mail
	Feedback []FeedbackSeen `json:"feedback,omitempty"`
}

// Known is what the store keeps of an address for itself. An *eml.AddressError
// for what is no address.
func (s *Store) Known(email string) (k Known, err error) {
	address, err := eml.ParseAddress(email)
	if err != nil {
		return k, err
	}
	h := s.hash(address)
	err = s.db.View(func(tx *bolt.Tx) error {
		if c := addressConsent(tx.Bucket(bucketOptOuts), h); c.Source != "" {
			k.OptOut = &c
		}
		k.Asked = fromMillis(int64(number(tx.Bucket(bucketAsked).Get(h[:]))))
		list, err := readChoices(tx.Bucket(bucketChoices).Get(h[:]))
		if err != nil {
			return err
		}
		k.Chosen = s.chosen(list)
		e, err := readEntry(tx.Bucket(bucketFeedback).Get(h[:]))
		if err != nil || e == nil {
			return err
		}
		words := [...]string{FeedDelivery: "delivered", FeedSoftBounce: "soft_bounce", FeedHardBounce: "hard_bounce", FeedComplaint: "complaint"}
		for _, v := range e.events {
			if int(v.kind) < len(words) {
				k.Feedback = append(k.Feedback, FeedbackSeen{words[v.kind], fromMillis(v.at)})
			}
		}
		return nil
	})
	return k, err
}

// chosen is a list in words.
func (s *Store) chosen(list choices) (out []Chosen) {
	names := s.names.list(topicName)
	for _, one := range list {
		c := Chosen{Source: one.source, At: fromMillis(one.at)}
		if one.topic == 0 {
			c.Choice = shownFrequency(frequencyWords()[one.value])
		} else if int(one.topic) <= len(names) {
			c.Topic, c.Choice = names[one.topic-1], [...]string{"on", "off"}[one.value]
		}
		out = append(out, c)
	}
	return out
}
