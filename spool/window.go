package spool

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"pabal/eml"
)

// windowLook is how often a closed window is looked at although it opens later:
// the clock may be set meanwhile.
const windowLook = time.Minute

// Window is when a campaign may send: between two times of day, on some days of
// the week, by the clocks of a zone. Outside it nothing is leased, no try is
// used up and retries wait; it goes on by itself. ParseWindow makes one.
type Window struct {
	Hours string `json:"hours"`          // 09:00-20:00; past midnight where the second is not later
	Days  string `json:"days,omitempty"` // mon-fri or sat,sun: the day on which it opens; "" is every day
	Zone  string `json:"zone"`           // IANA name
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts

// ParseWindow reads hours ("09-20", "09:30-18:00"), days ("mon-fri", "sat,sun",
// "" for every day) and the name of a zone. The error is an *eml.Problem.
func ParseWindow(hours, days, zone string) (Window, error) {
	h, err := readWindow(Window{Hours: hours, Days: days, Zone: zone})
	if err != nil {
		return Window{}, err
	}
	return Window{Hours: clockText(h.from) + "-" + clockText(h.to), Days: h.dayText(), Zone: h.zone.String()}, nil
}

func (w Window) String() string {
	if w.Days == "" {
		return w.Hours + " " + w.Zone
	}
	return w.Days + " " + w.Hours + " " + w.Zone
}

// Span is the window around an instant, or the next one when it is closed then:
// it is open from opens to before closes. An error says that the window cannot
// be read, which ParseWindow would have refused.
func (w Window) Span(at time.Time) (opens, closes time.Time, err error) {
	h, err := readWindow(w)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	opens, closes = h.span(at)
	return opens, closes, nil
}

// hours is a Window taken apart.
type hours struct {
	from, to int // minutes after midnight
	days     [7]bool
	zone     *time.Location
}

func readWindow(w Window) (*hours, error) {
	h := &hours{}
	from, to, ok := strings.Cut(w.Hours, "-")
	var okFrom, okTo bool
	h.from, okFrom = readClock(from)
	h.to, okTo = readClock(to)
	if !ok || !okFrom || !okTo || h.from == h.to || h.from == 24*60 {
		return nil, &eml.Problem{What: "the hours " + eml.Visible(strconv.Quote(w.Hours)) + " are not understood", Hint: "write 09-20 or 09:30-18:00"}
	}
	if !h.readDays(w.Days) {
		return nil, &eml.Problem{What: "the days " + eml.Visible(strconv.Quote(w.Days)) + " are not understood", Hint: "write mon-fri, or sat,sun; the days are " + strings.Join(dayNames, ", ")}
	}
	var err error
	if h.zone, err = LoadZone(w.Zone); err != nil {
		return nil, err
	}
	return h, nil
}

// LoadZone is a zone by its IANA name. The error is an *eml.Problem.
func LoadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, &eml.Problem{What: "there is no time zone " + eml.Visible(strconv.Quote(name)), Hint: "write its name as in Asia/Seoul or America/New_York"}
	}
	return zone, nil
}

// readClock reads 9, 09, 09:30 and 24.
func readClock(text string) (minutes int, ok bool) {
	hour, minute, both := strings.Cut(strings.TrimSpace(text), ":")
	h, err := strconv.ParseUint(hour, 10, 8)
	m := uint64(0)
	if both && err == nil {
		m, err = strconv.ParseUint(minute, 10, 8)
	}
	if err != nil || len(hour) > 2 || both && len(minute) != 2 || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return int(60*h + m), true
}

func clockText(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// readDays reads mon-fri, sat,sun and a mixture; "" is every day.
func (h *hours) readDays(text string) bool {
	if text = strings.ToLower(strings.TrimSpace(text)); text == "" {
		text = "sun-sat"
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, through := strings.Cut(strings.TrimSpace(part), "-")
		if !through {
			last = first
		}
		from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if from < 0 || to < 0 {
			return false
		}
		for day := from; ; day = (day + 1) % 7 {
			if h.days[day] = true; day == to {
				break
			}
		}
	}
	return true
}

// dayText is the days as they are kept: in the order of a week that begins on
// Monday; "" is every day.
func (h *hours) dayText() string {
	var parts []string
	for i := 1; i <= 7; i++ {
		first := i
		for i <= 7 && h.days[i%7] {
			i++
		}
		switch last := i - 1; {
		case last == first:
			parts = append(parts, dayNames[first%7])
		case last == first+1:
			parts = append(parts, dayNames[first%7], dayNames[last%7])
		case last > first:
			parts = append(parts, dayNames[first%7]+"-"+dayNames[last%7])
		}
	}
	if text := strings.Join(parts, ","); text != "mon-sun" {
		return text
	}
	return ""
}

// span is the first opening that ends after an instant. A day on which the
// clocks leave nothing of it is passed over.
func (h *hours) span(at time.Time) (opens, closes time.Time) {
	today := at.In(h.zone)
	for day := -1; ; day++ { // within nine days: one of the week is among days
		date := time.Date(today.Year(), today.Month(), today.Day()+day, 0, 0, 0, 0, time.UTC)
		end := date
		if h.to <= h.from {
			end = date.AddDate(0, 0, 1)
		}
		if !h.days[date.Weekday()] {
			continue
		}
		opens, _ = Instant(date.Add(time.Duration(h.from)*time.Minute), h.zone)
		closes, _ = Instant(end.Add(time.Duration(h.to)*time.Minute), h.zone)
		if closes.After(opens) && closes.After(at) {
			return opens, closes
		}
	}
}

// windows keeps what was read of the windows in use: a zone is read from a file.
type windows struct {
	mu sync.Mutex
	m  map[Window]*hours
}

const maxWindows = 100 // kept; then they are read anew

// span is Window.Span with the reading kept. A window that cannot be read is
// closed until somebody sets another.
func (t *windows) span(w Window, at time.Time) (opens, closes time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.m[w]
	if h == nil {
		if h, err = readWindow(w); err != nil {
			return at.Add(windowLook), at.Add(windowLook), err
		}
		if t.m == nil || len(t.m) >= maxWindows {
			t.m = map[Window]*hours{}
		}
		t.m[w] = h
	}
	opens, closes = h.span(at)
	return opens, closes, nil
}

// closed reports whether a campaign is outside its send window, and when that
// is to be looked at again.
func (s *Spool) closed(l *Ledger, at time.Time) (again time.Time, closed bool) {
	if l.Window == nil {
		return time.Time{}, false
	}
	opens, _, _ := s.windows.span(*l.Window, at) // one that cannot be read opens later
	if !opens.After(at) {
		return time.Time{}, false
	}
	return earlier(opens, at.Add(windowLook)), true
}

// windowHold is the hold that a closed window is shown as, nil while it is open.
// Nothing stores it: the clock decides.
func (s *Spool) windowHold(l *Ledger, at time.Time) *Hold {
	if _, closed := s.closed(l, at); !closed {
		return nil
	}
	h := &Hold{Scope: CampaignScope(l.Campaign), Class: OutsideWindow, Reason: "outside its send window, " + l.Window.String(), Hint: hintWindow}
	opens, _, err := s.windows.span(*l.Window, at)
	if err != nil {
		h.Reason, h.Hint = "its send window cannot be read: "+err.Error(), hintNoWindow
		return h
	}
	h.Until = opens.UTC()
	h.Since = l.FrozenAt
	return h
}

const (
	hintWindow   = "Nothing to do: it goes on by itself when the window opens."
	hintNoWindow = "Give it another: pabal campaign edit ID --window 09-20"
)

// sendable is since when a campaign could send: its start, or when its window
// opened. ok is false while it is closed.
func (s *Spool) sendable(l *Ledger, at time.Time) (since time.Time, ok bool) {
	if l.Window == nil {
		return l.Started, true
	}
	opens, _, _ := s.windows.span(*l.Window, at)
	if opens.After(at) {
		return time.Time{}, false
	}
	if opens.After(l.Started) {
		return opens, true
	}
	return l.Started, true
}

// closedWindows are the holds of running campaigns that wait for their window.
func (s *Spool) closedWindows(at time.Time) []Hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Hold
	for _, l := range s.ledgers {
		if l.State != Running || l.Pending == 0 {
			continue
		}
		if h := s.windowHold(l, at); h != nil {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b Hold) int { return strings.Compare(string(a.Scope), string(b.Scope)) })
	return out
}

// SetWindow gives a campaign another send window, nil for none, at once.
// ErrNotFound; ErrState for one that is over.
func (s *Spool) SetWindow(ctx context.Context, campaign uint64, w *Window) error {
	return s.adjust(ctx, campaign, "window", func(l *Ledger) { l.Window = w })
}

// adjust changes how a campaign that is not over is sent.
func (s *Spool) adjust(ctx context.Context, campaign uint64, what string, change func(*Ledger)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.ledger.do(512, func(*bbolt.Tx) error {
		l, err := s.ledgerSums().header(campaign)
		if err != nil {
			return err
		}
		if l.State.Final() || l.State == Cancelling {
			return fmt.Errorf("campaign %d is %s: %w", campaign, l.State, ErrState)
		}
		change(l)
		l.act(Act{At: time.Now().UTC(), By: Caller(ctx), What: what})
		return nil
	})
	if err == nil {
		s.byHand(ctx, what, slog.Uint64("campaign", campaign))
		s.kick(Bulk)
	}
	return err
}
