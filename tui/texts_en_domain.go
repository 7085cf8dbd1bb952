package tui

func englishDomain() domainTexts {
	return domainTexts{
		Open: "details, records to publish", Account: "SES account", Production: "in production (may mail anybody)", Reputation: "Reputation",
		Head: "Domains of senders", None: "There is no domain in SES.", AllGood: "All is set up right, at SES and in the DNS.", Good: "pass", Unknown: "not known",
		Below:     "Publish the records below at the DNS provider (Enter, at the end).",
		CheckedAt: "Checked", Found: "published", NotFound: "missing", Wrong: "wrong", NotAsked: "DNS not asked", Form: "DNS host", Seen: "the DNS has",
		Records: func(host, zone string) string {
			if host == "DNS" {
				return "Records for the DNS"
			}
			return "Records for " + host + ", the DNS of " + zone
		},
		Fields:      [3]string{"name", "value", "priority"},
		Enforcement: map[string]string{"HEALTHY": "good", "PROBATION": "under review: bounces and complaints must go down", "SHUTDOWN": "stopped"},
		Parts:       map[string]string{"dkim": "DKIM", "mail_from": "MAIL FROM", "spf": "SPF", "dmarc": "DMARC"},
		States:      [5]string{"pass", "missing", "wrong", "default", "unknown"},
	}
}
