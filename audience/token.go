package audience

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// A token is version and key id in one byte (upper and lower four bits), the
// subscriber and the campaign as uvarints, and 16 bytes of HMAC-SHA256 over
// what comes before, in URL-safe base64 without padding: 48 characters at most
// for ids below 2^63. It may be used as often as one likes (mail scanners do)
// and does not run out: mails live long.
const (
	tokenVersion = 1
	tokenMAC     = 16
	maxToken     = 64 // characters looked at
)

// Token signs an unsubscribe link for a subscriber and the campaign it was in.
// URL-safe, no e-mail inside.
func (s *Store) Token(subscriber, campaign uint64) string {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen64+tokenMAC)
	b = append(b, tokenVersion<<4|s.sign&0x0F)
	b = binary.AppendUvarint(b, subscriber)
	b = binary.AppendUvarint(b, campaign)
	return base64.RawURLEncoding.EncodeToString(append(b, mac(s.keys[s.sign], b)...))
}

// Verify opens a token: ErrToken for anything that Token did not make, with the
// same work for a wrong signature as for a right one. Old keys still verify.
func (s *Store) Verify(token string) (subscriber, campaign uint64, err error) {
	if len(token) > maxToken {
		return 0, 0, ErrToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+1+1+tokenMAC || b[0]>>4 != tokenVersion {
		return 0, 0, ErrToken
	}
	key, known := s.keys[b[0]&0x0F]
	if !known {
		key = make([]byte, 32)
	}
	body, sum := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if !hmac.Equal(sum, mac(key, body)) || !known {
		return 0, 0, ErrToken
	}
	subscriber, n := binary.Uvarint(body[1:])
	if n <= 0 {
		return 0, 0, ErrToken
	}
	campaign, m := binary.Uvarint(body[1+n:])
	if m <= 0 || 1+n+m != len(body) {
		return 0, 0, ErrToken
	}
	return subscriber, campaign, nil
}

func mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil)[:tokenMAC]
}
