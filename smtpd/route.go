package smtpd

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"pabal/eml"
	"pabal/spool"
)

// Rule is one [[route]] of the configuration. Of each list any one has to match,
// and of the lists all that are set; a rule without any matches every mail. The
// first rule that matches counts, for each recipient by itself.
type Rule struct {
	Name    string   `toml:"name,omitempty" json:"name"`                 // for people; "" is "route N"
	Sender  []string `toml:"sender,omitempty" json:"sender,omitempty"`   // of the envelope: shop@example.com, @example.com, *@*.example.com; <> is the null sender
	From    []string `toml:"from,omitempty" json:"from,omitempty"`       // the address of the From header, as Sender
	To      []string `toml:"to,omitempty" json:"to,omitempty"`           // the recipient, as Sender
	Header  []string `toml:"header,omitempty" json:"header,omitempty"`   // "X-Mailer: PHPMailer*"; "X-Mailer" where it is there at all
	Network []string `toml:"network,omitempty" json:"network,omitempty"` // where the client is, by TCP: 10.1.0.0/16
	UID     []uint32 `toml:"uid,omitempty" json:"uid,omitempty"`         // user of this host, by submit socket and drop folder
	User    []string `toml:"user,omitempty" json:"user,omitempty"`       // who logged in

	Action           string            `toml:"action,omitempty" json:"action,omitempty"` // allow (also ""), deny
	Text             string            `toml:"text,omitempty" json:"text,omitempty"`     // of the refusal; "" says which rule
	Lane             string            `toml:"lane,omitempty" json:"lane,omitempty"`     // transactional (also ""), bulk
	Topic            string            `toml:"topic,omitempty" json:"topic,omitempty"`
	ConfigurationSet string            `toml:"configuration_set,omitempty" json:"configuration_set,omitempty"`
	Tags             map[string]string `toml:"tags,omitempty" json:"tags,omitempty"`
	RewriteFrom      string            `toml:"rewrite_from,omitempty" json:"rewrite_from,omitempty"` // mailbox or address in place of the From header's
	Headers          *bool             `toml:"headers,omitempty" json:"headers,omitempty"`           // X-Pabal-Topic and -Tag of the mail count; nil means true
}

// Limits of rules: every mail is held against all of them.
const (
	maxRules    = 100
	maxPatterns = 200 // in one list
	maxPattern  = 300 // bytes
	maxRuleName = 64
	maxDenyText = 400 // bytes; a reply line has 512 (RFC 5321 4.5.3.1.5)
	maxTags     = 20
	maxTagWord  = 256 // SES v2 API, MessageTag
	maxSetName  = 64  // SES v2 API, CreateConfigurationSet
)

// Words of Rule.Action.
const (
	actionAllow = "allow"
	actionDeny  = "deny"
)

// RuleError is why a rule cannot be used.
type RuleError struct {
	Rule       int    // from 0
	Key        string // of the rule, as in the configuration
	What, Hint string
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("route %d: %s %s (%s)", e.Rule+1, e.Key, e.What, e.Hint)
}

// Routes are rules ready to be asked; nil has none. They are read-only: they may
// be asked at the same time.
type Routes struct {
	NoTopics string // why no mail can be about a topic, "" if it can; set before the first question

	routes []*route
	topics []string
}

// route is a rule ready to be asked.
type route struct {
	Rule
	sender, from, to patterns
	header           []headerPattern
	networks         []netip.Prefix
	users            patterns
	lane             spool.Lane
	rewrite          eml.Mailbox
}

// NewRoutes readies rules; topics are the ids of those that are defined. It
// returns a *RuleError for the first thing that cannot be used.
func NewRoutes(rules []Rule, topics []string) (*Routes, error) {
	if len(rules) > maxRules {
		return nil, &RuleError{maxRules, "name", fmt.Sprintf("is one of %d rules", len(rules)), fmt.Sprintf("at most %d: use patterns", maxRules)}
	}
	all := &Routes{topics: topics}
	names := map[string]bool{}
	for i, rule := range rules {
		rule.Name = cmp.Or(rule.Name, fmt.Sprintf("route %d", i+1))
		r := &route{Rule: rule}
		wrong := r.ready(topics)
		if wrong == nil && names[rule.Name] {
			wrong = &RuleError{Key: "name", What: fmt.Sprintf("is %q, as another one's", rule.Name), Hint: "give every rule a name of its own"}
		}
		if wrong != nil {
			wrong.Rule = i
			return nil, wrong
		}
		names[rule.Name] = true
		all.routes = append(all.routes, r)
	}
	return all, nil
}

// ready reads what a rule says.
func (r *route) ready(topics []string) *RuleError {
	if wrong := r.conditions(); wrong != nil {
		return wrong
	}
	return r.acts(topics)
}

// listed is how many a list names; one that is not there counts as one. An empty
// list would be no condition: the rule would match what it was not meant for.
func listed[T any](list []T) int {
	if list == nil {
		return 1
	}
	return len(list)
}

func badList(key string, n int) *RuleError {
	return &RuleError{Key: key, What: fmt.Sprintf("is a list of %d", n), Hint: fmt.Sprintf("name 1 to %d, or leave the key out", maxPatterns)}
}

func (r *route) conditions() *RuleError {
	var wrong *RuleError
	list := func(key string, texts []string, read func(string) (pattern, string)) (out patterns) {
		if n := listed(texts); wrong == nil && (n == 0 || n > maxPatterns) {
			wrong = badList(key, n)
		}
		for _, text := range texts {
			p, why := read(text)
			if why != "" && wrong == nil {
				wrong = &RuleError{Key: key, What: fmt.Sprintf("has %q, %s", text, why), Hint: `for example ["shop@example.com", "@example.com", "*@*.example.com"]`}
			}
			out = append(out, p)
		}
		return out
	}
	r.sender = list("sender", r.Sender, senderPattern)
	r.from = list("from", r.From, addressPattern)
	r.to = list("to", r.To, addressPattern)
	r.users = list("user", r.User, textPattern)
	if wrong != nil {
		return wrong
	}
	return r.places()
}

// places reads the conditions that are no addresses.
func (r *route) places() *RuleError {
	for key, n := range map[string]int{"header": listed(r.Header), "network": listed(r.Network), "uid": listed(r.UID)} {
		if n == 0 || n > maxPatterns {
			return badList(key, n)
		}
	}
	for _, text := range r.Header {
		p, ok := readHeaderPattern(text)
		if !ok {
			return &RuleError{Key: "header", What: fmt.Sprintf("has %q", text), Hint: `a field's name and what it holds, for example "X-Mailer: PHPMailer*"`}
		}
		r.header = append(r.header, p)
	}
	for _, text := range r.Network {
		n, err := readNetwork(text)
		if err != nil {
			return &RuleError{Key: "network", What: fmt.Sprintf("has %q, which is no network", text), Hint: `for example ["10.1.0.0/16", "192.0.2.7"]`}
		}
		r.networks = append(r.networks, n)
	}
	if len(r.UID) > 0 && (len(r.Network) > 0 || len(r.User) > 0) {
		return &RuleError{Key: "uid", What: "cannot match together with network or user", Hint: "a mail comes by the submit socket or the drop folder, where users are known by uid, or by TCP: make two rules"}
	}
	return nil
}

// readNetwork is a network, or one address.
func readNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return addr.Prefix(addr.BitLen())
	}
	n, err := netip.ParsePrefix(text)
	if err == nil && n.Addr().Is4In6() { // no client is seen with such an address
		err = errors.New("IPv4 in IPv6")
	}
	return n.Masked(), err
}

var ruleName = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,64}$`)

func (r *route) acts(topics []string) *RuleError {
	idle := r.Lane == "" && r.Topic == "" && r.ConfigurationSet == "" && len(r.Tags) == 0 && r.RewriteFrom == "" && r.Headers == nil
	for _, c := range []struct {
		key       string
		good      bool
		what, why string
	}{
		{"name", ruleName.MatchString(r.Name) && len(r.Name) <= maxRuleName, "is too long or has control characters", fmt.Sprintf("at most %d bytes on one line", maxRuleName)},
		{"action", r.Action == "" || r.Action == actionAllow || r.Action == actionDeny, fmt.Sprintf("is %q", r.Action), "allow or deny"},
		{"action", r.Action != actionDeny || idle, "is deny, and the rule says how such mail goes", "take the other keys out: nothing of it goes"},
		{"text", r.Text == "" || r.Action == actionDeny, "is there without action = \"deny\"", "it is what a refusal says"},
		{"text", printable(r.Text) && len(r.Text) <= maxDenyText, "is too long or not ASCII", fmt.Sprintf("an SMTP reply: at most %d printable ASCII characters", maxDenyText)},
		{"lane", r.Lane == "" || r.Lane == spool.Transactional.String() || r.Lane == spool.Bulk.String(), fmt.Sprintf("is %q", r.Lane), "transactional or bulk"},
		{"topic", r.Topic == "" || slices.Contains(topics, r.Topic), fmt.Sprintf("is %q, which is not defined", r.Topic), topicHint(topics)},
		{"configuration_set", r.ConfigurationSet == "" || isTagWord(r.ConfigurationSet, maxSetName), fmt.Sprintf("is %q", r.ConfigurationSet), "letters, digits, - and _, at most 64"},
		{"tags", len(r.Tags) <= maxTags, fmt.Sprintf("are %d", len(r.Tags)), fmt.Sprintf("at most %d", maxTags)},
	} {
		if !c.good {
			return &RuleError{Key: c.key, What: c.what, Hint: c.why}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Tags)) {
		if why := badTag(name, r.Tags[name]); why != "" {
			return &RuleError{Key: "tags", What: fmt.Sprintf("has %q = %q: %s", name, r.Tags[name], why), Hint: `for example tags = { app = "shop" }`}
		}
	}
	if r.Lane == spool.Bulk.String() {
		r.lane = spool.Bulk
	}
	if r.RewriteFrom == "" {
		return nil
	}
	var err error
	if r.rewrite, err = eml.ParseMailbox(r.RewriteFrom); err != nil {
		return &RuleError{Key: "rewrite_from", What: fmt.Sprintf("is %q, which is not an address", r.RewriteFrom), Hint: `for example "파발 상점 <shop@example.com>"`}
	}
	return nil
}

func topicHint(topics []string) string {
	if len(topics) == 0 {
		return "no topic is defined: define it as [[topic]] in the configuration"
	}
	return "the topics are " + strings.Join(topics, ", ")
}

// everything reports whether the rule matches every mail.
func (r *route) everything() bool {
	return len(r.Sender)+len(r.From)+len(r.To)+len(r.Header)+len(r.Network)+len(r.UID)+len(r.User) == 0
}

// Warnings are what is probably not meant, a sentence for each.
func (r *Routes) Warnings() []string {
	var out []string
	for i, one := range r.routes {
		if one.everything() && i+1 < len(r.routes) {
			out = append(out, fmt.Sprintf("route %q has no condition and matches every mail: the %d after it are never asked", one.Name, len(r.routes)-i-1))
			break
		}
		if j := slices.IndexFunc(r.routes[:i], one.sameMails); j >= 0 {
			out = append(out, fmt.Sprintf("route %q is never asked: %q before it matches the same mails", one.Name, r.routes[j].Name))
		}
	}
	return out
}

// sameMails reports whether two rules have the same conditions.
func (r *route) sameMails(o *route) bool {
	return slices.Equal(r.Sender, o.Sender) && slices.Equal(r.From, o.From) && slices.Equal(r.To, o.To) && slices.Equal(r.Header, o.Header) &&
		slices.Equal(r.Network, o.Network) && slices.Equal(r.UID, o.UID) && slices.Equal(r.User, o.User)
}
