package audience

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// The tokens of letters shown in a browser are 3 (for the recipient) or 4 (for
// a preview) and the key id in one byte, the subscriber and the campaign as
// uvarints, in a preview's the end of its time (unix s), and 16 bytes of
// HMAC-SHA256 over what comes before, in URL-safe base64. The first byte is
// signed too: a link that shows a letter cannot be made into one that
// unsubscribes.
const (
	viewVersion    = 3
	previewVersion = 4
)

// ViewToken signs the link under which a recipient sees a campaign's letter in
// a browser. It does not run out by itself.
func (s *Store) ViewToken(subscriber, campaign uint64) string {
	return s.sealNumbers(viewVersion, subscriber, campaign)
}

// VerifyView opens what ViewToken made; ErrToken for anything else.
func (s *Store) VerifyView(token string) (subscriber, campaign uint64, err error) {
	n, err := s.openNumbers(viewVersion, token, 2)
	if err != nil {
		return 0, 0, err
	}
	return n[0], n[1], nil
}

// PreviewToken signs the link under which a colleague sees a campaign's letter
// as a subscriber would get it, good until a time (to the second).
func (s *Store) PreviewToken(subscriber, campaign uint64, until time.Time) string {
	return s.sealNumbers(previewVersion, subscriber, campaign, uint64(until.Unix()))
}

// VerifyPreview opens what PreviewToken made; ErrToken for anything else, and
// once its time is over.
func (s *Store) VerifyPreview(token string) (subscriber, campaign uint64, err error) {
	n, err := s.openNumbers(previewVersion, token, 3)
	if err != nil || uint64(s.now().Unix()) >= n[2] {
		return 0, 0, ErrToken
	}
	return n[0], n[1], nil
}

func (s *Store) sealNumbers(version byte, numbers ...uint64) string {
	b := make([]byte, 0, maxToken)
	b = append(b, version<<4|s.sign&0x0F)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, mac(s.keys[s.sign], b)...))
}

// openNumbers does the same work for a wrong signature as for a right one.
func (s *Store) openNumbers(version byte, token string, count int) ([]uint64, error) {
	if len(token) > maxToken {
		return nil, ErrToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+count+tokenMAC || b[0]>>4 != version {
		return nil, ErrToken
	}
	key, known := s.keys[b[0]&0x0F]
	if !known {
		key = make([]byte, 32)
	}
	body, sum := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if !hmac.Equal(sum, mac(key, body)) || !known {
		return nil, ErrToken
	}
	numbers, rest := make([]uint64, count), body[1:]
	for i := range numbers {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return nil, ErrToken
		}
		numbers[i], rest = n, rest[size:]
	}
	if len(rest) > 0 {
		return nil, ErrToken
	}
	return numbers, nil
}
