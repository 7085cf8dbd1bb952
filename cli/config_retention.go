package cli

import (
	"fmt"
	"time"

	"pabal/spool"
)

// RetentionConfig is how long what is settled is kept. What is removed, and what
// never is, is in docs/data.md.
type RetentionConfig struct {
	HistoryDays int    `toml:"history_days"` // what became of mail: of each mail of applications, of each recipient of a campaign that is over; 0: for ever
	TextsDays   int    `toml:"texts_days"`   // the text of applications' mail that failed for good; 0: as long as its history
	FilesDays   int    `toml:"files_days"`   // files left in data_dir/inbox, and mails set aside in the drop folder; 0: for ever
	RefusedDays int    `toml:"refused_days"` // people who refused all mail and are not in the customers' table; 0: for ever
	At          string `toml:"at"`           // every day at this time of campaign.timezone
}

const (
	// minHistoryDays is longer than a month, which is how far back it has to be
	// known who was mailed: some people want one mail a month at most.
	minHistoryDays = 35
	maxRetention   = 36500
)

func (c *Config) retentionRules() []rule {
	r := c.Retention
	days := func(n int) bool { return n >= 0 && n <= maxRetention }
	_, err := time.Parse("15:04", r.At)
	return []rule{
		{"retention.history_days", r.HistoryDays == 0 || r.HistoryDays >= minHistoryDays && days(r.HistoryDays), fmt.Sprintf("is %d", r.HistoryDays),
			fmt.Sprintf("0 keeps it for ever; else at least %d days, so that who wants a mail a month at most gets no more", minHistoryDays)},
		{"retention.texts_days", days(r.TextsDays), fmt.Sprintf("is %d", r.TextsDays), "0 keeps them as long as the history; else a number of days"},
		{"retention.files_days", days(r.FilesDays), fmt.Sprintf("is %d", r.FilesDays), "0 keeps them for ever; else a number of days"},
		{"retention.refused_days", days(r.RefusedDays), fmt.Sprintf("is %d", r.RefusedDays), "0 keeps them for ever; else a number of days; that they refused is kept in any case"},
		{"retention.at", err == nil, fmt.Sprintf("%q is not a time of day", r.At), `for example at = "04:00"`},
	}
}

// before is the end of what is kept, as of now.
func (r RetentionConfig) before(now time.Time) (t spool.Retention) {
	if r.HistoryDays > 0 {
		t.History = now.AddDate(0, 0, -r.HistoryDays)
	}
	if r.TextsDays > 0 {
		t.Texts = now.AddDate(0, 0, -r.TextsDays)
	}
	return t
}
