//go:build host

package cli

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Limits of the Web Content Accessibility Guidelines 2.2.
const (
	minTarget   = 44  // CSS pixels of what is pressed (2.5.5)
	minContrast = 4.5 // of text (1.4.3)
)

// accessible fails the test where the page shown cannot be used by everybody:
// too wide for the window, something without a name, too small to press, or too
// pale.
func (b *browser) accessible(width int) {
	b.t.Helper()
	var page struct {
		Size struct {
			Width float64 `json:"width"`
		} `json:"cssContentSize"`
	}
	b.do("Page.getLayoutMetrics", nil, &page)
	if page.Size.Width > float64(width) {
		b.t.Errorf("the page is %v wide in a window of %d", page.Size.Width, width)
	}
	headings := 0
	for _, t := range b.things() {
		switch t.Role.Value {
		case "heading":
			headings++
		case "checkbox", "radio", "button", "link", "group", "RootWebArea", "radiogroup":
			if strings.TrimSpace(t.Name.Value) == "" && t.Role.Value != "radiogroup" {
				b.t.Errorf("a %s has no name", t.Role.Value)
			}
		}
	}
	if headings == 0 {
		b.t.Error("the page has no heading")
	}
	for _, node := range b.all("label, button, a") {
		var box struct {
			Model struct {
				Border []float64 `json:"border"`
			} `json:"model"`
		}
		b.do("DOM.getBoxModel", map[string]any{"nodeId": node}, &box)
		if q := box.Model.Border; q[5]-q[1] < minTarget || q[4]-q[0] < minTarget {
			b.t.Errorf("%s is %v x %v, want %d at least", b.html(node), q[4]-q[0], q[5]-q[1], minTarget)
		}
	}
	for _, node := range b.all("h1, h2, p, legend, label span, button, a") {
		if c := b.contrast(node); c < minContrast {
			b.t.Errorf("%s has a contrast of %.1f, want %v", b.html(node), c, minContrast)
		}
	}
}

// all are the elements a selector finds.
func (b *browser) all(selector string) []int {
	b.t.Helper()
	var root struct {
		Root struct {
			ID int `json:"nodeId"`
		} `json:"root"`
	}
	b.do("DOM.getDocument", nil, &root)
	var found struct {
		IDs []int `json:"nodeIds"`
	}
	b.do("DOM.querySelectorAll", map[string]any{"nodeId": root.Root.ID, "selector": selector}, &found)
	return found.IDs
}

func (b *browser) html(node int) string {
	var out struct {
		HTML string `json:"outerHTML"`
	}
	b.do("DOM.getOuterHTML", map[string]any{"nodeId": node}, &out)
	return out.HTML
}

// contrast is that of an element's text to what is behind it.
func (b *browser) contrast(node int) float64 {
	b.t.Helper()
	var style struct {
		Computed []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"computedStyle"`
	}
	b.do("CSS.getComputedStyleForNode", map[string]any{"nodeId": node}, &style)
	var behind struct {
		Colors []string `json:"backgroundColors"`
	}
	b.do("CSS.getBackgroundColors", map[string]any{"nodeId": node}, &behind)
	worst := math.Inf(1)
	for _, s := range style.Computed {
		if s.Name != "color" {
			continue
		}
		for _, c := range behind.Colors {
			light, dark := luminance(s.Value), luminance(c)
			if light < dark {
				light, dark = dark, light
			}
			worst = min(worst, (light+0.05)/(dark+0.05))
		}
	}
	return worst
}

var colorNumber = regexp.MustCompile(`[0-9.]+`)

// luminance of "rgb(26, 26, 26)", WCAG 2.2 "relative luminance".
func luminance(color string) float64 {
	sum := 0.0
	for i, text := range colorNumber.FindAllString(color, 3) {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return math.NaN()
		}
		if v /= 255; v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += v * []float64{0.2126, 0.7152, 0.0722}[i]
	}
	return sum
}
