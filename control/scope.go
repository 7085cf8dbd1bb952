package control

import (
	"strconv"
	"strings"

	"pabal/eml"
	"pabal/spool"
)

// checkScope refuses a hold that would hold nothing.
func checkScope(scope spool.Scope) error {
	kind, name, _ := strings.Cut(string(scope), ":")
	good := false
	switch kind {
	case "all":
		good = name == ""
	case "lane":
		good = name == spool.Bulk.String() || name == spool.Transactional.String()
	case "from":
		good = strings.Contains(name, ".") && name == strings.ToLower(name) && !strings.ContainsAny(name, "@ \t")
	case "campaign":
		_, err := strconv.ParseUint(name, 10, 64)
		good = err == nil
	case "configuration_set":
		good = name != ""
	}
	if good {
		return nil
	}
	return invalid("there is no scope "+eml.Visible(string(scope)), "one of all, lane:bulk, lane:transactional, from:DOMAIN, campaign:ID, configuration_set:NAME")
}
