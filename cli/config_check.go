package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a bare container has no zones of its own

	"pabal/campaign"
	"pabal/eml"
)

// Limits of what the configuration may ask for.
const (
	maxMessageSize = 30 << 20 // SES takes 40 MB a message, counted in base64
	maxRecipients  = 1000     // one commit of the spool
	maxConcurrency = 1000
	maxPrice       = 100 // US dollars for 1,000 mails: more is a slip of the pen
	maxViewDays    = 3650
)

// rule is one thing that must hold; hint says what to write instead.
type rule struct {
	key  string
	good bool
	what string
	hint string
}

func (c *Config) validate() error {
	for _, rules := range [][]rule{c.generalRules(), c.listenRules(), c.submitRules(), c.fromRules(), c.failureRules(), c.alertRules(), c.logRules(), c.sesRules(), c.campaignRules(), c.brakeRules(), c.mysqlRules(), c.topicRules(), c.feedbackRules(), c.preflightRules(), c.imageRules(), c.retentionRules()} {
		for _, r := range rules {
			if !r.good {
				return &eml.Problem{What: c.from.at(r.key) + ": " + r.key + " " + r.what, Hint: r.hint}
			}
		}
	}
	if err := c.checkSource(); err != nil {
		return err
	}
	return c.checkRoutes()
}

func (c *Config) generalRules() []rule {
	return []rule{
		{"data_dir", c.DataDir != "", "is empty", `for example data_dir = "/var/lib/pabal"`},
		{"language", slices.Contains([]string{"auto", "ko", "en"}, c.Language), fmt.Sprintf("is %q", c.Language), "one of auto, ko, en"},
		{"body_memory", c.BodyMemory >= 3*c.SMTP.MaxMessageSize, "must hold three mails of max_message_size", `for example body_memory = "64MB"`},
		{"control.socket", c.Control.Socket != "", "is empty", `for example socket = "/run/pabal/control.sock"`},
		{"import.scp", c.Import.SCP == "" || isSCPTarget(c.Import.SCP), fmt.Sprintf("%q is not user@host", c.Import.SCP), `for example scp = "marketer@mail.example.com"`},
		{"smtp.max_message_size", c.SMTP.MaxMessageSize >= 1<<10 && c.SMTP.MaxMessageSize <= maxMessageSize, "must be between 1KB and 30MB", "SES takes 40MB counted in base64, which 30MB become"},
		{"smtp.max_recipients", c.SMTP.MaxRecipients >= 1 && c.SMTP.MaxRecipients <= maxRecipients, "must be between 1 and 1000", "an application with more recipients sends more mails"},
	}
}

func (c *Config) listenRules() []rule {
	rules := []rule{
		{"web.listen", c.Web.Listen == "" || isListen(c.Web.Listen), fmt.Sprintf("%q is not host:port", c.Web.Listen), `for example listen = "127.0.0.1:8080"`},
		{"web.metrics_listen", c.Web.MetricsListen == "" || isListen(c.Web.MetricsListen), fmt.Sprintf("%q is not host:port", c.Web.MetricsListen), `for example metrics_listen = "127.0.0.1:9252"`},
		{"web.view_days", c.Web.ViewDays >= 0 && c.Web.ViewDays <= maxViewDays, "must be between 0 and 3650", "for example view_days = 90, or 0 to offer no letters in a browser"},
		{"web.public_url", c.Web.PublicURL == "" || isBaseURL(c.Web.PublicURL), fmt.Sprintf("%q is not the address of a site", c.Web.PublicURL), `for example public_url = "https://mail.example.com"`},
	}
	rules = append(rules, keyRules("web", c.Web.TLSCertificate, c.Web.TLSKey)...)
	rules = append(rules, networkRules("web.proxies", c.Web.Proxies)...)
	return append(rules, c.smtpRules()...)
}

func (c *Config) sesRules() []rule {
	modes := []string{"leave", "resend"}
	return []rule{
		{"ses.region", c.SES.Region != "", "is empty", `for example region = "ap-northeast-2"`},
		{"ses.endpoint", c.SES.Endpoint == "" || isBaseURL(c.SES.Endpoint), fmt.Sprintf("%q is not a URL", c.SES.Endpoint), `"" for AWS, or for example "http://127.0.0.1:9090"`},
		{"ses.rate_share", c.SES.RateShare > 0 && c.SES.RateShare <= 1, fmt.Sprintf("is %v", c.SES.RateShare), "above 0, at most 1"},
		{"ses.concurrency", c.SES.Concurrency >= 0 && c.SES.Concurrency <= maxConcurrency, fmt.Sprintf("is %d", c.SES.Concurrency), "0 (as needed) to 1000"},
		{"lanes.transactional_rate_share", isShare(c.Lanes.TransactionalRateShare), fmt.Sprintf("is %v", c.Lanes.TransactionalRateShare), "from 0 to 0.9"},
		{"lanes.transactional_quota_reserve", isShare(c.Lanes.TransactionalQuotaReserve), fmt.Sprintf("is %v", c.Lanes.TransactionalQuotaReserve), "from 0 to 0.9"},
		{"lanes.bulk_unknown", slices.Contains(modes, c.Lanes.BulkUnknown), fmt.Sprintf("is %q", c.Lanes.BulkUnknown), "leave or resend"},
		{"lanes.transactional_unknown", slices.Contains(modes, c.Lanes.TransactionalUnknown), fmt.Sprintf("is %q", c.Lanes.TransactionalUnknown), "leave or resend"},
	}
}

func (c *Config) campaignRules() []rule {
	_, zoneErr := time.LoadLocation(c.Campaign.Timezone)
	rules := []rule{{"campaign.timezone", zoneErr == nil && c.Campaign.Timezone != "", fmt.Sprintf("%q is not a time zone", c.Campaign.Timezone), `for example timezone = "Asia/Seoul"`}}
	for _, s := range [][2]string{{"campaign.from", c.Campaign.From}, {"campaign.reply_to", c.Campaign.ReplyTo}} {
		if s[1] == "" {
			continue
		}
		_, err := eml.ParseMailbox(s[1])
		rules = append(rules, rule{s[0], err == nil, fmt.Sprintf("%q is not an address", s[1]), `for example "파발 상점 <shop@example.com>"`})
	}
	for _, s := range [][2]string{{"campaign.company", c.Campaign.Company}, {"campaign.address", c.Campaign.Address}, {"campaign.phone", c.Campaign.Phone}} {
		rules = append(rules, rule{s[0], eml.CheckHeader(s[1]) == nil, "has control characters", "write it on one line"})
	}
	return rules
}

func (c *Config) brakeRules() []rule {
	rules := []rule{{"campaign.price_per_1000", c.Campaign.PricePer1000 >= 0 && c.Campaign.PricePer1000 <= maxPrice, fmt.Sprintf("is %v", c.Campaign.PricePer1000), "US dollars for 1,000 mails, for example 0.10; 0 takes the price of the account's plan"}}
	percent := func(p float64) bool { return p >= 0 && p <= 100 }
	for key, p := range map[string]float64{"brake.bounce_percent": c.Brake.BouncePercent, "brake.complaint_percent": c.Brake.ComplaintPercent} {
		rules = append(rules, rule{key, percent(p), fmt.Sprintf("is %v", p), "from 0 (off) to 100"})
	}
	what, hint := "", ""
	if problem, ok := errors.AsType[*eml.Problem](campaign.CheckBrake(c.brake())); ok {
		what, hint = problem.What, problem.Hint
	}
	return append(rules, rule{"brake.first", what == "", "does not fit: " + what, hint})
}

// isSCPTarget is user@host, or a host alone: one word that a shell leaves as it is.
func isSCPTarget(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._-[]:") == "" && s[0] != '-' && strings.Count(s, "@") <= 1
}

// isShare is [0, 0.9]: bulk always keeps a tenth.
func isShare(share float64) bool { return share >= 0 && share <= 0.9 }

func isListen(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil && (host == "" || host == "localhost" || isAddr(host))
}

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isBaseURL takes http://host[:port][/path] and https.
func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

// sesOnLoopback reports whether mail goes to a server on this host: the emulator.
func (c *Config) sesOnLoopback() bool {
	u, err := url.Parse(c.SES.Endpoint)
	return err == nil && u.Host != "" && isLoopback(net.JoinHostPort(u.Hostname(), "0"))
}
