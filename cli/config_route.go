package cli

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"pabal/eml"
	"pabal/smtpd"
)

// Routes is [[route]]: rules for mail of applications (smtpd.Rule says what is
// in one). In the environment PABAL_ROUTE holds all of them as the same list in
// one line: [{name = "news", from = ["@news.example.com"], lane = "bulk"}]
type Routes []smtpd.Rule

// setRoutes reads the list as it stands in the environment.
func (r *Routes) setRoutes(text string) error {
	var in struct {
		Route Routes `toml:"route"`
	}
	meta, err := toml.Decode("route = "+text, &in)
	if err != nil {
		return err
	}
	if left := meta.Undecoded(); len(left) > 0 {
		return fmt.Errorf("there is no setting %s", left[0])
	}
	*r = in.Route
	return nil
}

// ruleKeys are the keys of a [[route]].
func ruleKeys() (keys []string) {
	for f := range reflect.TypeFor[smtpd.Rule]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		keys = append(keys, "route."+name)
	}
	return keys
}

// routes are the rules ready to be asked.
func (c *Config) routes() (*smtpd.Routes, error) {
	var topics []string
	for _, t := range c.Topics {
		topics = append(topics, t.ID)
	}
	r, err := smtpd.NewRoutes(c.Routes, topics)
	if err == nil && !c.refusable() {
		r.NoTopics = "web.public_url is not set, so that nobody could refuse such mail; the operator has to set it"
	}
	return r, err
}

// warnings are what is allowed and probably not meant; never nil.
func (c *Config) warnings() []string { return append(c.routeWarnings(), c.webWarnings()...) }

// routeWarnings are what is probably not meant in [[route]]; never nil.
func (c *Config) routeWarnings() []string {
	r, err := c.routes()
	if err != nil {
		return []string{}
	}
	return append([]string{}, r.Warnings()...)
}

// refusable reports whether mail can have a link to the unsubscribe page.
func (c *Config) refusable() bool { return c.Web.PublicURL != "" || c.sesOnLoopback() }

// checkRoutes says what is wrong with [[route]], and where.
func (c *Config) checkRoutes() error {
	problem := func(rule int, key, what, hint string) error {
		return &eml.Problem{What: fmt.Sprintf("%s: route.%s of rule %d %s", c.from.nth("route", rule, key), key, rule+1, what), Hint: hint}
	}
	_, err := c.routes()
	if wrong, ok := errors.AsType[*smtpd.RuleError](err); ok {
		return problem(wrong.Rule, wrong.Key, wrong.What, wrong.Hint)
	}
	for i, rule := range c.Routes {
		if rule.Topic != "" && !c.refusable() {
			return problem(i, "topic", "needs a page where people refuse such mail", `set public_url = "https://mail.example.com" in [web]`)
		}
	}
	return err
}

// nth is where a key of the nth table of an array got its value, n from 0.
func (o *origin) nth(table string, n int, key string) string {
	if name, ok := o.env[table]; ok {
		return name
	}
	seen, number, first := -1, 0, 0
	for line := range strings.SplitSeq(o.text, "\n") {
		number++
		if m := tableLine.FindStringSubmatch(line); m != nil {
			if name := strings.NewReplacer(`"`, "", " ", "").Replace(m[1]); name == table {
				if seen++; seen == n {
					first = number
				}
			} else if seen == n && name == table+"."+key {
				return o.path + ":" + strconv.Itoa(number)
			}
			continue
		}
		if m := keyLine.FindStringSubmatch(line); m != nil && seen == n && strings.Trim(m[1], `"' `) == key {
			return o.path + ":" + strconv.Itoa(number)
		}
	}
	if first == 0 {
		return "configuration"
	}
	return o.path + ":" + strconv.Itoa(first)
}
