package campaign

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"pabal/eml"
	"pabal/spool"
)

// ChangeCode is what differs between a campaign and its copy.
type ChangeCode string

// The differences that matter: everything else of a copy is as it was.
const (
	ChangedVersion  ChangeCode = "template_version" // of the template: the newest now
	ChangedSubject  ChangeCode = "subject"          // of the template
	ChangedAudience ChangeCode = "audience"         // recipients: mailed then, mailable now
	ChangedSender   ChangeCode = "from"             // the configured sender
)

// Change is one difference.
type Change struct {
	Code ChangeCode `json:"code"`
	Was  string     `json:"was"`
	Is   string     `json:"is"`
}

// Copied is a copy and what has changed since the original.
type Copied struct {
	Campaign
	Changes []Change `json:"changes"`
}

// Copy makes a draft of any campaign, to send it again: template in its newest
// version, segment, values, sender, topic, files, window and brake, but no
// schedule. name "" makes one of the original's. ErrNotFound, and what Create
// returns where something it needs is gone.
func (s *Store) Copy(ctx context.Context, id uint64, name string) (Copied, error) {
	c, err := s.Campaign(id)
	if err != nil {
		return Copied{}, err
	}
	stored, err := s.record(id) // the brake in the ledger may be the configured one
	if err != nil {
		return Copied{}, err
	}
	d := Campaign{Name: name, Template: c.Template, Segment: c.Segment, From: c.From, ReplyTo: c.ReplyTo, Topic: c.Topic,
		Values: c.Values, Attachments: c.Attachments, Window: stored.Window, Brake: stored.Brake}
	if d.Name == "" {
		if d.Name, err = s.nextName(c.Name); err != nil {
			return Copied{}, err
		}
	}
	out := Copied{Changes: []Change{}}
	if out.Campaign, err = s.Create(ctx, d); err != nil {
		if errors.Is(err, ErrNotFound) {
			return out, &eml.Problem{What: "the template " + eml.Visible(c.Template) + " of campaign " + strconv.FormatUint(id, 10) + " is gone", Hint: "see which there are with: pabal template list", Err: err}
		}
		return out, err
	}
	out.Changes, err = s.changes(ctx, c, out.Campaign)
	return out, err
}

// changes is what a copy of c would send otherwise.
func (s *Store) changes(ctx context.Context, c, d Campaign) ([]Change, error) {
	out := []Change{}
	add := func(code ChangeCode, was, is string) {
		if was != is {
			out = append(out, Change{code, was, is})
		}
	}
	newest, err := s.Template(d.Template, 0)
	if err != nil {
		return nil, err
	}
	if c.TemplateVersion > 0 && c.TemplateVersion != newest.Version {
		add(ChangedVersion, strconv.Itoa(c.TemplateVersion), strconv.Itoa(newest.Version))
		if then, err := s.Template(c.Template, c.TemplateVersion); err == nil {
			add(ChangedSubject, then.Subject, newest.Subject)
		}
	}
	if c.From != "" && !c.Sealed.IsZero() {
		add(ChangedSender, c.From, firstOf(d.From, s.Settings.From))
	}
	if c.Audience > 0 && c.State != spool.Freezing {
		count, err := s.count(ctx, d)
		if err != nil {
			return nil, err
		}
		add(ChangedAudience, strconv.FormatInt(c.Audience-c.Skipped, 10), strconv.FormatInt(count.Mailable, 10))
	}
	return out, nil
}

// numbered is a name with the number of a copy behind it.
var numbered = regexp.MustCompile(` \((\d{1,4})\)$`)

const maxCopies = 10_000

// nextName is a campaign's name with the first number that no campaign has.
func (s *Store) nextName(name string) (string, error) {
	all, err := s.Campaigns()
	if err != nil {
		return "", err
	}
	taken := make(map[string]bool, len(all))
	for _, c := range all {
		taken[c.Name] = true
	}
	plain := []rune(numbered.ReplaceAllString(name, ""))
	for n := 2; n < maxCopies; n++ {
		number := fmt.Sprintf(" (%d)", n)
		next := strings.TrimSpace(string(plain[:min(len(plain), maxName-len(number))])) + number
		if !taken[next] {
			return next, nil
		}
	}
	return name, nil
}
