//go:build host

package cli

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is Debian's chromium without a window, driven over a pipe by the
// DevTools protocol. It finds things as a screen reader does, by role and name,
// and presses them with the mouse or the keyboard. Scripts are off from the
// start: the pages must work without.
type browser struct {
	t       *testing.T
	in      *os.File
	session string

	mu      sync.Mutex
	last    int
	answers map[int]chan message
	loaded  chan struct{} // a page has been loaded
}

// message is one of the protocol's, in either direction.
type message struct {
	ID        int             `json:"id,omitempty"`
	Session   string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    any             `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	ErrorText *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

const browserPatience = 60 * time.Second

// newBrowser starts chromium with a profile of its own and ends it with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	profile := t.TempDir()
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
		"--force-renderer-accessibility", "--lang=ko", "--accept-lang=ko-KR,ko", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4 there
	cmd.Env = append(os.Environ(), "HOME="+profile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("chromium is needed: %v", err)
	}
	fromUs.Close()
	toUs.Close()
	b := &browser{t: t, in: in, answers: map[int]chan message{}, loaded: make(chan struct{}, 100)}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		b.listen(bufio.NewReaderSize(out, 1<<20))
	}()
	t.Cleanup(func() {
		in.Close() // it ends with that, and all its processes let go of the pipe
		select {
		case <-heard:
		case <-time.After(browserPatience):
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait() // how it ended does not matter
		out.Close()
		<-heard
	})
	b.attach()
	return b
}

// listen hands answers to who waits for them.
func (b *browser) listen(in *bufio.Reader) {
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		if m.Method == "Page.loadEventFired" {
			b.loaded <- struct{}{}
		}
		b.mu.Lock()
		answer := b.answers[m.ID]
		delete(b.answers, m.ID)
		b.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// attach opens a tab.
func (b *browser) attach() {
	b.t.Helper()
	var tab struct {
		Target string `json:"targetId"`
	}
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &tab)
	var s struct {
		Session string `json:"sessionId"`
	}
	b.do("Target.attachToTarget", map[string]any{"targetId": tab.Target, "flatten": true}, &s)
	b.session = s.Session
	b.do("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	for _, domain := range []string{"Page", "DOM", "CSS", "Accessibility"} {
		b.do(domain+".enable", nil, nil)
	}
}

// do calls a method of the protocol and reads its result into out, if any.
func (b *browser) do(method string, params, out any) {
	b.t.Helper()
	answer := make(chan message, 1)
	b.mu.Lock()
	b.last++
	m := message{ID: b.last, Session: b.session, Method: method, Params: params}
	b.answers[m.ID] = answer
	b.mu.Unlock()
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m = <-answer:
	case <-time.After(browserPatience):
		b.t.Fatalf("%s: chromium did not answer", method)
	}
	if m.ErrorText != nil {
		b.t.Fatalf("%s: %s", method, m.ErrorText.Message)
	}
	if out != nil {
		if err := json.Unmarshal(m.Result, out); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	}
}

// window sets the size of the page, in CSS pixels, and the scheme, light or dark.
func (b *browser) window(width, height int, scheme string) {
	b.t.Helper()
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open goes to an address and waits for the page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.loads(func() { b.do("Page.navigate", map[string]any{"url": url}, nil) })
}

// loads does something and waits for the page that it leads to.
func (b *browser) loads(deed func()) {
	b.t.Helper()
	for len(b.loaded) > 0 {
		<-b.loaded
	}
	deed()
	select {
	case <-b.loaded:
	case <-time.After(browserPatience):
		b.t.Fatal("no page was loaded")
	}
}

// thing is a node of the accessibility tree.
type thing struct {
	ID      string `json:"nodeId"`
	Ignored bool   `json:"ignored"`
	Role    struct {
		Value string `json:"value"`
	} `json:"role"`
	Name struct {
		Value string `json:"value"`
	} `json:"name"`
	Properties []struct {
		Name  string `json:"name"`
		Value struct {
			Value any `json:"value"`
		} `json:"value"`
	} `json:"properties"`
	Parent  string `json:"parentId"`
	Element int    `json:"backendDOMNodeId"`
}

func (t *thing) is(property string) bool {
	for _, p := range t.Properties {
		if p.Name == property {
			return fmt.Sprint(p.Value.Value) == "true"
		}
	}
	return false
}

// things are what a screen reader is told of the page, in its order.
func (b *browser) things() []thing {
	b.t.Helper()
	var tree struct {
		Nodes []thing `json:"nodes"`
	}
	b.do("Accessibility.getFullAXTree", nil, &tree)
	return slices.DeleteFunc(tree.Nodes, func(t thing) bool { return t.Ignored })
}

// find is the one thing with a role and a name.
func (b *browser) find(role, name string) thing {
	b.t.Helper()
	var seen []string
	for _, t := range b.things() {
		if t.Role.Value == role && t.Name.Value == name {
			return t
		}
		seen = append(seen, t.Role.Value+" "+t.Name.Value)
	}
	b.t.Fatalf("there is no %s called %q on the page, but %q", role, name, seen)
	return thing{}
}

// click presses a thing with the mouse where it is.
func (b *browser) click(role, name string) {
	b.t.Helper()
	at := map[string]any{"backendNodeId": b.find(role, name).Element}
	b.do("DOM.scrollIntoViewIfNeeded", at, nil)
	var box struct {
		Quads [][]float64 `json:"quads"`
	}
	b.do("DOM.getContentQuads", at, &box)
	if len(box.Quads) == 0 {
		b.t.Fatalf("the %s %q is not to be seen", role, name)
	}
	q := box.Quads[0]
	for _, deed := range []string{"mousePressed", "mouseReleased"} {
		b.do("Input.dispatchMouseEvent", map[string]any{"type": deed, "x": (q[0] + q[4]) / 2, "y": (q[1] + q[5]) / 2, "button": "left", "clickCount": 1}, nil)
	}
}

// key presses a key: Tab, Enter, Space.
func (b *browser) key(name string) {
	b.t.Helper()
	codes := map[string]struct {
		key, text string
		code      int
	}{"Tab": {"Tab", "", 9}, "Enter": {"Enter", "\r", 13}, "Space": {" ", " ", 32}, "ArrowDown": {"ArrowDown", "", 40}}
	k := codes[name]
	for _, deed := range []string{"keyDown", "keyUp"} {
		p := map[string]any{"type": deed, "key": k.key, "code": name, "windowsVirtualKeyCode": k.code}
		if deed == "keyDown" && k.text != "" {
			p["text"] = k.text
		}
		b.do("Input.dispatchKeyEvent", p, nil)
	}
}

// focused is what the keyboard is at.
func (b *browser) focused() thing {
	b.t.Helper()
	for _, t := range b.things() {
		if t.is("focused") && t.Role.Value != "RootWebArea" {
			return t
		}
	}
	return thing{}
}

// picture writes the page as a PNG into the folder named by WEB_PICTURES, if any.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("WEB_PICTURES")
	if dir == "" {
		return
	}
	var shot struct {
		Data string `json:"data"`
	}
	b.do("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// until waits for something that another process does.
func (b *browser) until(what string, holds func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), browserPatience)
	defer cancel()
	if eventually(ctx, holds) != nil {
		b.t.Fatalf("%s: not within %v", what, browserPatience)
	}
}
