package audience

import "time"

// reportVersion is the token of a link to a campaign's report: the version and
// the key id, the campaign, the end of its time (unix s), and the signature, as
// in token_view.go.
const reportVersion = 5

// ReportToken signs the link under which a campaign's report is shown, good
// until a time (to the second).
func (s *Store) ReportToken(campaign uint64, until time.Time) string {
	return s.sealNumbers(reportVersion, campaign, uint64(until.Unix()))
}

// VerifyReport opens what ReportToken made; ErrToken for anything else, and
// once its time is over.
func (s *Store) VerifyReport(token string) (campaign uint64, err error) {
	n, err := s.openNumbers(reportVersion, token, 2)
	if err != nil || uint64(s.now().Unix()) >= n[1] {
		return 0, ErrToken
	}
	return n[0], nil
}
