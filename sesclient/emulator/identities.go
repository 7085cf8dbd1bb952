package emulator

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// identity is a sender: a domain or an address.
type identity struct {
	name       string // in lower case
	verified   bool
	created    time.Time
	set        string
	mailFrom   string
	onMXFail   string
	mailFromOK bool
	gaveUp     bool // SES no longer looks for the keys
	mailGaveUp bool // nor for the MAIL FROM domain's records
}

func newIdentity(name string, at time.Time) *identity {
	return &identity{name: strings.ToLower(name), created: at}
}

func (id *identity) domain() bool { return !strings.Contains(id.name, "@") }

func (id *identity) kind() string {
	if id.domain() {
		return "DOMAIN"
	}
	return "EMAIL_ADDRESS"
}

func status(ok, gaveUp bool) string {
	switch {
	case ok:
		return "SUCCESS"
	case gaveUp:
		return "FAILED"
	}
	return "PENDING"
}

// verified reports whether an address may send: it, its domain or a domain
// above it is verified. Where no identity covers it, only the account of the
// zero Options says yes.
func (s *Server) verified(address string) bool {
	name := strings.ToLower(address)
	known := false
	if id, ok := s.identities[name]; ok {
		if id.verified {
			return true
		}
		known = true
	}
	_, domain, _ := strings.Cut(name, "@")
	for ; strings.Contains(domain, "."); _, domain, _ = strings.Cut(domain, ".") {
		if id, ok := s.identities[domain]; ok {
			if id.verified {
				return true
			}
			known = true
		}
	}
	return !known && s.account.anyFrom
}

// Verify makes an identity verified, creating it if need be, or pending again.
// Its MAIL FROM domain follows.
func (s *Server) Verify(name string, verified bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.identities[strings.ToLower(name)]
	if !ok {
		id = newIdentity(name, s.now())
		s.identities[id.name] = id
	}
	id.verified, id.mailFromOK = verified, verified
}

// GiveUp is SES after 72 hours without the records of an identity: what is not
// verified has failed and is looked at no more, until it is set up again.
func (s *Server) GiveUp(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.identities[strings.ToLower(name)]; ok {
		id.gaveUp, id.mailGaveUp = true, true
	}
}

type dkimOutput struct {
	SigningEnabled             bool
	Status                     string
	Tokens                     []string
	SigningHostedZone          string
	SigningAttributesOrigin    string
	CurrentSigningKeyLength    string
	NextSigningKeyLength       string
	LastKeyGenerationTimestamp float64
}

// dkim has three tokens of 32 characters, the same for a name in every run.
func (id *identity) dkim(region string) *dkimOutput {
	if !id.domain() {
		return &dkimOutput{Status: "NOT_STARTED", Tokens: []string{}}
	}
	out := &dkimOutput{
		SigningEnabled: true, Status: status(id.verified, id.gaveUp),
		SigningHostedZone:       "dkim." + region + ".amazonses.com",
		SigningAttributesOrigin: "AWS_SES",
		CurrentSigningKeyLength: "RSA_2048_BIT", NextSigningKeyLength: "RSA_2048_BIT",
		LastKeyGenerationTimestamp: epoch(id.created),
	}
	for _, n := range []string{"1", "2", "3"} {
		sum := sha256.Sum256([]byte(n + id.name))
		out.Tokens = append(out.Tokens, strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20])))
	}
	return out
}

func (s *Server) createIdentity(r *http.Request, body []byte) (any, error) {
	var in struct{ EmailIdentity, ConfigurationSetName string }
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	id := newIdentity(in.EmailIdentity, s.now())
	why := illegalDomain(id.name)
	if !id.domain() {
		why = illegal(id.name)
	}
	if why != "" {
		return nil, badRequest("Invalid email identity '%s': %s.", in.EmailIdentity, why)
	}
	if _, ok := s.identities[id.name]; ok {
		return nil, alreadyExists("Email identity %s already exists.", in.EmailIdentity)
	}
	id.set = in.ConfigurationSetName
	s.identities[id.name] = id
	return map[string]any{
		"IdentityType": id.kind(), "VerifiedForSendingStatus": false, "DkimAttributes": id.dkim(region(r)),
	}, nil
}

// lookup finds the identity of a path. In an account where every From is
// verified, every name that was not created is a verified identity.
func (s *Server) lookup(r *http.Request) (*identity, error) {
	name := r.PathValue("name")
	if id, ok := s.identities[strings.ToLower(name)]; ok {
		return id, nil
	}
	if s.account.anyFrom {
		id := newIdentity(name, s.ledger.start)
		id.verified = true
		return id, nil
	}
	return nil, notFound("Email identity <%s> does not exist.", name)
}

func (s *Server) getIdentity(r *http.Request, _ []byte) (any, error) {
	s.lookAtDNS(region(r))
	id, err := s.lookup(r)
	if err != nil {
		return nil, err
	}
	out := map[string]any{
		"IdentityType": id.kind(), "VerifiedForSendingStatus": id.verified, "VerificationStatus": status(id.verified, id.gaveUp),
		"FeedbackForwardingStatus": true, "DkimAttributes": id.dkim(region(r)),
		"Policies": map[string]string{}, "Tags": []any{},
		"VerificationInfo":   map[string]any{"LastCheckedTimestamp": epoch(s.now())},
		"MailFromAttributes": id.mailFromOutput(),
	}
	if id.set != "" {
		out["ConfigurationSetName"] = id.set
	}
	return out, nil
}

func (id *identity) mailFromOutput() map[string]string {
	out := map[string]string{"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
	if id.onMXFail != "" {
		out["BehaviorOnMxFailure"] = id.onMXFail
	}
	if id.mailFrom != "" {
		out["MailFromDomain"] = id.mailFrom
		out["MailFromDomainStatus"] = status(id.mailFromOK, id.mailGaveUp)
	}
	return out
}

func (s *Server) deleteIdentity(r *http.Request, _ []byte) (any, error) {
	name := strings.ToLower(r.PathValue("name"))
	if _, ok := s.identities[name]; !ok {
		return nil, notFound("Email identity <%s> does not exist.", name)
	}
	delete(s.identities, name)
	return nil, nil
}

func (s *Server) putMailFrom(r *http.Request, body []byte) (any, error) {
	var in struct{ MailFromDomain, BehaviorOnMxFailure string }
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	id, err := s.lookup(r)
	if err != nil {
		return nil, err
	}
	_, base, found := strings.Cut(id.name, "@")
	if !found {
		base = id.name
	}
	switch in.BehaviorOnMxFailure {
	case "", "USE_DEFAULT_VALUE", "REJECT_MESSAGE":
	default:
		return nil, badRequest("1 validation error detected: Value '%s' at 'behaviorOnMxFailure' failed to satisfy constraint: Member must satisfy enum value set: [REJECT_MESSAGE, USE_DEFAULT_VALUE]",
			in.BehaviorOnMxFailure)
	}
	in.MailFromDomain = strings.ToLower(in.MailFromDomain)
	if in.MailFromDomain != "" && !strings.HasSuffix(in.MailFromDomain, "."+base) {
		return nil, badRequest("Provided MAIL-FROM domain <%s> is not subdomain of the domain of the identity <%s>.",
			in.MailFromDomain, id.name)
	}
	id.mailFrom, id.onMXFail, id.mailFromOK, id.mailGaveUp = in.MailFromDomain, in.BehaviorOnMxFailure, false, false
	s.identities[id.name] = id
	return nil, nil
}

func (s *Server) listIdentities(r *http.Request, body []byte) (any, error) {
	s.lookAtDNS(region(r))
	var in pageInput
	if err := unmarshal(body, &in); err != nil {
		return nil, err
	}
	names, next, err := page(s.identities, in)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, name := range names {
		id := s.identities[name]
		list = append(list, map[string]any{
			"IdentityName": id.name, "IdentityType": id.kind(),
			"SendingEnabled": id.verified, "VerificationStatus": status(id.verified, id.gaveUp),
		})
	}
	return paged("EmailIdentities", list, next), nil
}

type pageInput struct {
	NextToken string
	PageSize  int
}

// page is the next part of a map's keys, in order, and the token after it.
func page[V any](all map[string]V, in pageInput) (names []string, next string, err error) {
	if in.PageSize < 0 || in.PageSize > maxPage {
		return nil, "", badRequest("PageSize must be between 1 and %d.", maxPage)
	}
	if in.PageSize == 0 {
		in.PageSize = defaultPage
	}
	after, err := base64.RawURLEncoding.DecodeString(in.NextToken)
	if err != nil {
		return nil, "", &apiError{http.StatusBadRequest, "InvalidNextTokenException", "The next token is not one of ours."}
	}
	names = slices.Sorted(maps.Keys(all))
	if at, found := slices.BinarySearch(names, string(after)); found {
		names = names[at+1:]
	} else {
		names = names[at:]
	}
	if len(names) > in.PageSize {
		names = names[:in.PageSize]
		next = base64.RawURLEncoding.EncodeToString([]byte(names[len(names)-1]))
	}
	return names, next, nil
}

func paged(name string, list any, next string) map[string]any {
	out := map[string]any{name: list}
	if next != "" {
		out["NextToken"] = next
	}
	return out
}

// epoch is a time as the wire has it: seconds since 1970.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
