package control

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pabal/audience"
	"pabal/campaign"
)

var (
	codeRoute = regexp.MustCompile(`"((?:GET|POST|PUT|PATCH|DELETE) /v0/[^"]*)"`)
	pageRoute = regexp.MustCompile("(?m)^\\| `([A-Z]+ /v0/[^`]*)` \\|")
	curlLine  = regexp.MustCompile(`(?m)^\$ curl .*(?:\n> .*)*`)
	curlURL   = regexp.MustCompile(`http://pabal(/v0/[^ '"]*)`)
)

// routesOfCode are the patterns that this package serves.
func routesOfCode(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range codeRoute.FindAllStringSubmatch(string(text), -1) {
			all[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestThePageHasEveryRouteAndNoOther compares docs/api.md and its Korean twin
// with what is served, and wants a curl line for each route.
func TestThePageHasEveryRouteAndNoOther(t *testing.T) {
	routes := routesOfCode(t)
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.Handle(route, http.NotFoundHandler())
	}
	for _, name := range []string{"api.md", "api.ko.md"} {
		text := page(t, name)
		var listed []string
		for _, m := range pageRoute.FindAllStringSubmatch(text, -1) {
			listed = append(listed, m[1])
		}
		shown := map[string]bool{}
		for _, line := range curlLine.FindAllString(text, -1) {
			_, route := mux.Handler(requestOf(t, line))
			shown[route] = true
		}
		for _, route := range routes {
			if n := count(listed, route); n != 1 {
				t.Errorf("docs/%s has %d rows of %s, want 1", name, n, route)
			}
			if !shown[route] {
				t.Errorf("docs/%s has no curl line for %s", name, route)
			}
		}
		for _, route := range listed {
			if !slices.Contains(routes, route) {
				t.Errorf("docs/%s has %s, which is not served", name, route)
			}
		}
	}
}

func count(all []string, want string) (n int) {
	for _, s := range all {
		if s == want {
			n++
		}
	}
	return n
}

// requestOf is the request that a curl line makes.
func requestOf(t *testing.T, line string) *http.Request {
	t.Helper()
	url := curlURL.FindStringSubmatch(line)
	if url == nil {
		t.Fatalf("no address in %s", line)
	}
	method := http.MethodGet
	if _, rest, found := strings.Cut(line, " -X "); found {
		method, _, _ = strings.Cut(rest, " ")
	} else if (strings.Contains(line, " -d ") || strings.Contains(line, " --data-binary ")) && !strings.Contains(line, " -G ") {
		method = http.MethodPost
	}
	return httptest.NewRequest(method, url[1], nil)
}

// TestThePageHasEveryErrorCode compares the table of codes with those that
// cross the socket.
func TestThePageHasEveryErrorCode(t *testing.T) {
	want := []string{"internal 500"}
	for _, k := range kinds() {
		want = append(want, fmt.Sprintf("%s %d", k.code, k.status))
	}
	slices.Sort(want)
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\|")
	for _, name := range []string{"api.md", "api.ko.md"} {
		var got []string
		for _, m := range row.FindAllStringSubmatch(page(t, name), -1) {
			got = append(got, m[1]+" "+m[2])
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("docs/%s has the codes %v, the socket %v", name, got, want)
		}
	}
}

// TestThePagesLimitsAreTheCodes looks for each limit in the second column of
// the table, in its order.
func TestThePagesLimitsAreTheCodes(t *testing.T) {
	want := []int64{MaxRequestBytes, MaxTemplateBytes, MaxImportBytes, campaign.MaxBundle, campaign.MaxAttached, MaxLineBytes, audience.MaxSearch, maxPush}
	row := regexp.MustCompile(`(?m)^\| [^|]* \| (\d+(?:,\d{3})*(?: [KMG]B)?)[^|]*\|$`)
	for name, heading := range map[string]string{"api.md": "\n## Limits\n", "api.ko.md": "\n## 한도\n"} {
		_, section, _ := strings.Cut(page(t, name), heading)
		section, _, _ = strings.Cut(section, "\n## ")
		rows := row.FindAllStringSubmatch(section, -1)
		if len(rows) <= len(want) {
			t.Fatalf("docs/%s: %d limits, want more than %d", name, len(rows), len(want))
		}
		for i, n := range want {
			if rows[i][1] != said(n) {
				t.Errorf("docs/%s: %s, the code has %s", name, rows[i][0], said(n))
			}
		}
	}
}

// said is a number as the page writes it.
func said(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
