package cli

import (
	"fmt"
	"net"
	"strings"
	"time"

	"pabal/campaign"
	"pabal/eml"
)

// PreflightConfig is what preflight's rules of advertising go by.
type PreflightConfig struct {
	AdLabel         string  `toml:"ad_label"`         // the subject of advertising begins with exactly this; "" for nothing
	Night           string  `toml:"night"`            // hours that are noted, of the campaign's zone: 21:00-08:00; "" for none
	ConsentYears    int     `toml:"consent_years"`    // a consent older than that is a warning; 0 for never
	SuppressedShare float64 `toml:"suppressed_share"` // of the audience suppressed, above which it is a warning; 0 for never
}

// DNSConfig is where the DNS is asked about senders' domains.
type DNSConfig struct {
	Resolver string `toml:"resolver"` // host:port; "" is the system's
}

const (
	maxAdLabel      = 40 // bytes
	maxConsentYears = 50
)

func (c *Config) preflightRules() []rule {
	p := c.Preflight
	_, nightErr := nightHours(p.Night)
	return []rule{
		{"preflight.ad_label", len(p.AdLabel) <= maxAdLabel && eml.CheckHeader(p.AdLabel) == nil && p.AdLabel == strings.TrimSpace(p.AdLabel), "is too long, or has space around it or control characters", `for example ad_label = "(광고)"`},
		{"preflight.night", nightErr == nil, fmt.Sprintf("is %q", p.Night), `for example night = "21:00-08:00", or "" for none`},
		{"preflight.consent_years", p.ConsentYears >= 0 && p.ConsentYears <= maxConsentYears, fmt.Sprintf("is %d", p.ConsentYears), "0 (never) to 50"},
		{"preflight.suppressed_share", p.SuppressedShare >= 0 && p.SuppressedShare <= 1, fmt.Sprintf("is %v", p.SuppressedShare), "0 (never) to 1: 0.05 is one in twenty"},
		{"dns.resolver", c.DNS.Resolver == "" || isServer(c.DNS.Resolver), fmt.Sprintf("%q is not address:port", c.DNS.Resolver), `for example resolver = "127.0.0.1:53"`},
	}
}

// isServer takes 1.2.3.4:53 and [::1]:53.
func isServer(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isAddr(host) {
		return false
	}
	_, err = net.LookupPort("udp", port)
	return err == nil
}

// nightHours reads 21:00-08:00; "" is no night.
func nightHours(text string) (night [2]time.Duration, err error) {
	if text == "" {
		return night, nil
	}
	from, to, _ := strings.Cut(text, "-")
	for i, clock := range []string{from, to} {
		at, err := time.Parse("15:04", clock)
		if err != nil {
			return night, err
		}
		night[i] = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	return night, nil
}

// checks are the limits as preflight takes them; the configuration was checked.
func (c *Config) checks() campaign.Checks {
	night, _ := nightHours(c.Preflight.Night)
	return campaign.Checks{AdLabel: c.Preflight.AdLabel, Night: night, ConsentYears: c.Preflight.ConsentYears, SuppressedShare: c.Preflight.SuppressedShare}
}
