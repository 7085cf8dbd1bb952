package smtpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"pabal/eml"
)

const (
	maxAliasBytes = 1 << 20
	maxAliasDepth = 20   // of aliases that stand for aliases
	maxAliasFound = 1000 // addresses one name may stand for: as many as a mail may have
)

// Aliases are the names of this host (root, www-data) and the addresses they
// stand for, from a file in the format of aliases(5):
//
//	root: ops@example.com
//	postmaster: root, "Kim Minji" <minji@example.com>
//
// Programs (|cmd), files (/path) and lists in files (:include:) are refused:
// nothing is ever run or written for a mail. The file is read again when it
// changes. Its methods may be called at the same time.
type Aliases struct {
	Path   string // a file that is not there is an empty one
	Host   string // name of this host: root@Host is looked up too, if the file has root
	Domain string // of names that no alias stands for: kim is kim@Domain; "": they are refused
	mu     sync.Mutex
	seen   stamp
	list   aliasList
}

// aliasList is the content of a file. A name whose entry cannot be used is in
// faults; the others can be.
type aliasList struct {
	members map[string][]string
	faults  map[string]string // name, or "line N" -> what is wrong
}

// stamp tells one state of a file from another.
type stamp struct {
	size int64
	time time.Time
}

// localDomains are those that only mean this host.
var localDomains = []string{"", "localhost", "localhost.localdomain"}

// Resolve is the addresses a recipient stands for. A name of this host (root,
// root@localhost) is looked up; one that stands for nothing has the Domain or
// is a *eml.Problem, as is one that comes back to itself. Any other error says
// that the file cannot be read. Any other address stands for itself.
func (a *Aliases) Resolve(recipient string) ([]string, error) {
	name, domain := cutAddress(recipient)
	local := slices.Contains(localDomains, strings.ToLower(domain))
	if !local && !strings.EqualFold(domain, a.Host) {
		return []string{recipient}, nil
	}
	list, err := a.load()
	if err != nil {
		return nil, fmt.Errorf("read the aliases of this host: %w", err)
	}
	if !list.has(name) && !local && strings.Contains(domain, ".") {
		return []string{recipient}, nil // somebody at a domain that the host has its name from
	}
	w := walk{aliases: a, list: list}
	if err := w.name(name, nil); err != nil {
		return nil, err
	}
	return w.found, nil
}

func (l aliasList) has(name string) bool {
	key := strings.ToLower(name)
	return l.members[key] != nil || l.faults[key] != ""
}

// cutAddress parts an address at its last @.
func cutAddress(address string) (name, domain string) {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return address[:at], address[at+1:]
	}
	return address, ""
}

// walk follows aliases that stand for aliases.
type walk struct {
	aliases *Aliases
	list    aliasList
	found   []string
	done    map[string]bool
}

func (w *walk) name(name string, above []string) error {
	key := strings.ToLower(name)
	if slices.Contains(above, key) || len(above) >= maxAliasDepth {
		return &eml.Problem{What: fmt.Sprintf("the alias %s stands for itself: %s", above[0], strings.Join(append(above, key), " -> ")), Hint: "break the circle in " + w.aliases.Path}
	}
	if fault := w.list.faults[key]; fault != "" {
		return &eml.Problem{What: "the alias " + key + " cannot be used: " + fault, Hint: "correct it in " + w.aliases.Path}
	}
	members, ok := w.list.members[key]
	if !ok && w.aliases.Domain != "" {
		return w.member(name+"@"+w.aliases.Domain, append(above, key))
	}
	if !ok {
		return &eml.Problem{What: name + " is a name on this host and has no mailbox", Hint: "say who gets its mail in " + w.aliases.Path + ", for example " + name + ": you@example.com"}
	}
	if w.done[key] {
		return nil // through another name already
	}
	if w.done == nil {
		w.done = map[string]bool{}
	}
	above = append(above, key)
	for _, m := range members {
		if err := w.member(m, above); err != nil {
			return err
		}
	}
	w.done[key] = true
	return nil
}

func (w *walk) member(m string, above []string) error {
	name, domain := cutAddress(m)
	if slices.Contains(localDomains, strings.ToLower(domain)) {
		return w.name(name, above)
	}
	if len(w.found) >= maxAliasFound {
		return &eml.Problem{What: fmt.Sprintf("the alias %s stands for more than %d addresses", above[0], maxAliasFound), Hint: "use a campaign for so many"}
	}
	if !slices.Contains(w.found, m) {
		w.found = append(w.found, m)
	}
	return nil
}

// Check reads the file and follows every name: what newaliases says. It
// returns how many names there are and what is wrong with them.
func (a *Aliases) Check() (int, error) {
	list, err := a.load()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(list.faults)) {
		errs = append(errs, fmt.Errorf("%s: %s", name, list.faults[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(list.members)) {
		if _, err := a.Resolve(name); err != nil {
			errs = append(errs, err)
		}
	}
	return len(list.members), errors.Join(errs...)
}

// load is the file's content, from memory if the file has not changed.
func (a *Aliases) load() (aliasList, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Path == "" {
		return aliasList{}, nil
	}
	info, err := os.Stat(a.Path)
	if errors.Is(err, fs.ErrNotExist) {
		a.seen, a.list = stamp{}, aliasList{}
		return a.list, nil
	}
	if err != nil {
		return aliasList{}, err
	}
	now := stamp{info.Size(), info.ModTime()}
	if a.seen == now {
		return a.list, nil
	}
	text, err := readAliases(a.Path, info)
	if err != nil {
		return aliasList{}, err
	}
	a.seen, a.list = now, parseAliases(text)
	return a.list, nil
}

func readAliases(path string, info fs.FileInfo) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxAliasBytes+1))
	if err == nil && len(text) > maxAliasBytes {
		err = errors.New("it is larger than 1 MB")
	}
	return text, err
}

// parseAliases reads the format of aliases(5). Names come out in lower case,
// addresses canonical.
func parseAliases(text []byte) aliasList {
	list := aliasList{map[string][]string{}, map[string]string{}}
	number, from, entry := 0, 0, ""
	for raw := range strings.SplitSeq(string(text)+"\n-", "\n") { // the - ends the last entry
		number++
		line := strings.TrimRight(raw, " \t\r")
		switch {
		case line == "" || strings.HasPrefix(strings.TrimSpace(line), "#"):
			continue
		case line[0] == ' ' || line[0] == '\t':
			if entry == "" {
				list.faults[fmt.Sprintf("line %d", number)] = "it continues nothing"
				continue
			}
			entry += " " + strings.TrimSpace(line)
			continue
		}
		if entry != "" {
			list.add(from, entry)
		}
		from, entry = number, line
	}
	return list
}

// add takes one entry, which begins on a line.
func (l *aliasList) add(line int, entry string) {
	name, value, ok := strings.Cut(entry, ":")
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `"`))
	if !ok || name == "" || strings.ContainsAny(name, "@ \t,<>|/") || !printable(name) {
		l.faults[fmt.Sprintf("line %d", line)] = "it is not NAME: ADDRESS: " + eml.Visible(eml.Cut(entry, 60))
		return
	}
	if l.has(name) {
		l.faults[name] = fmt.Sprintf("line %d names it a second time", line)
		delete(l.members, name)
		return
	}
	var members []string
	for _, part := range addressesIn(value) {
		member, err := aliasMember(part)
		if err != nil {
			l.faults[name] = fmt.Sprintf("line %d: %v", line, err)
			return
		}
		members = append(members, member)
	}
	if len(members) == 0 {
		l.faults[name] = fmt.Sprintf("line %d: it stands for nobody", line)
		return
	}
	l.members[name] = members
}

func aliasMember(part string) (string, error) {
	if bare := strings.TrimLeft(part, `" `); bare != "" && strings.ContainsAny(bare[:1], "|/:") {
		return "", fmt.Errorf("%s: only names and addresses are taken, no programs, files or lists", eml.Visible(eml.Cut(part, 60)))
	}
	part = strings.TrimPrefix(part, `\`) // of a name that must not be looked up again: here it is all the same
	name, domain := cutAddress(part)
	if slices.Contains(localDomains, strings.ToLower(domain)) {
		if name == "" || strings.ContainsAny(name, " \t<>|/") || !printable(name) {
			return "", fmt.Errorf("%s is no name", eml.Visible(eml.Cut(part, 60)))
		}
		return part, nil
	}
	return eml.ParseAddress(part)
}
