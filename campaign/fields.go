package campaign

import (
	"strings"
	"time"

	"pabal/audience"
)

// fold is how field names are compared: case does not matter.
func fold(name string) string { return strings.ToLower(name) }

// builtin are the merge fields every recipient or campaign has, in the order
// shown to people. They win over attributes and values of the same name.
var builtin = []string{"Email", "Name", "Gender", "CreatedAt", "UnsubscribeURL", "PreferencesURL", "ViewURL", "Company", "Address", "Phone"}

// isBuiltin takes a folded name.
func isBuiltin(key string) bool {
	switch key {
	case "email", "name", "gender", "createdat", "unsubscribeurl", "preferencesurl", "viewurl", "company", "address", "phone":
		return true
	}
	return false
}

// person is the source of one recipient's merge fields.
type person struct {
	sub      *audience.Subscriber
	email    string // the address this letter goes to
	common   *common
	link     string // unsubscribe link
	base     string // of links, for the preference page
	token    string // the last part of links
	viewLink string // the letter in a browser; "" when it is not served
}

// common are the fields all recipients of a campaign share.
type common struct {
	values                  map[string]string // folded
	company, address, phone string
	zone                    *time.Location
}

func newCommon(values map[string]string, s *Settings) *common {
	c := &common{values: make(map[string]string, len(values)), company: s.Company, address: s.Address, phone: s.Phone, zone: s.zone()}
	for name, value := range values {
		c.values[fold(name)] = value
	}
	return c
}

// lookup implements source: the built-in fields, then the subscriber's
// attributes, then the campaign's values. Of attributes whose names differ in
// case only, the one spelled as in the template is taken.
func (p *person) lookup(key, spelled string) (string, bool) {
	if isBuiltin(key) {
		v := p.builtin(key)
		return v, v != ""
	}
	if v := p.sub.Attributes[spelled]; v != "" {
		return v, true
	}
	best := ""
	for name, v := range p.sub.Attributes {
		if v != "" && strings.EqualFold(name, key) && (best == "" || name < best) {
			best = name
		}
	}
	if best != "" {
		return p.sub.Attributes[best], true
	}
	v, ok := p.common.values[key]
	return v, ok
}

func (p *person) builtin(key string) string {
	switch key {
	case "email":
		return p.email
	case "name":
		return p.sub.Name
	case "gender":
		return p.sub.Gender
	case "createdat":
		if p.sub.CreatedAt.IsZero() {
			return ""
		}
		return p.sub.CreatedAt.In(p.common.zone).Format(time.DateOnly)
	case "unsubscribeurl":
		return p.link
	case "preferencesurl":
		return p.base + "/p/" + p.token
	case "viewurl":
		return p.viewLink
	case "company":
		return p.common.company
	case "address":
		return p.common.address
	case "phone":
		return p.common.phone
	}
	return ""
}
