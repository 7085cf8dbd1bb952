package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
)

const (
	healthTimeout = 5 * time.Second
	// betweenLooks keeps two looks at the drain so far apart that a commit, also
	// on a slow disk, lies between them.
	betweenLooks   = 5 * time.Second
	maxReadyAnswer = 4 << 10 // bytes of what /readyz says
)

// pulse lets several ask whether the drain goes round, which spool.Alive answers
// to one alone: who asks soon after another gets the other's answer.
type pulse struct {
	drain

	mu    sync.Mutex
	last  time.Time
	alive bool
}

// Alive reports whether the loops that send went round between the last two
// looks. It may be called at the same time.
func (p *pulse) Alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.last.IsZero() || now.Sub(p.last) >= betweenLooks {
		p.alive, p.last = p.drain.Alive(), now
	}
	return p.alive
}

// healthReport is what healthcheck says in JSON.
type healthReport struct {
	control.Health
	Ready  *bool  `json:"ready,omitempty"`  // nil: not asked
	Answer string `json:"answer,omitempty"` // of /readyz
}

func (a *app) healthcheckCommand() *cobra.Command {
	var ready bool
	timeout := healthTimeout
	cmd := a.command("healthcheck", "Ask whether the daemon lives, for container engines and monitoring",
		"pabal healthcheck\npabal healthcheck --ready --json", func(ctx context.Context, _ []string) error {
			if timeout <= 0 {
				return usage("--timeout is "+timeout.String(), "for example: pabal healthcheck --timeout 5s")
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return a.healthcheck(ctx, ready)
		})
	cmd.Long = "Ask the daemon whether it lives: it answers on its control socket, and the loops that send go round.\n" +
		"It exits with 0 or 1. A hold is no reason to restart a daemon and is no failure here; with --ready\n" +
		"it is asked too what /readyz says."
	cmd.Flags().BoolVar(&ready, "ready", false, "ask /readyz too: whether it can do its work")
	cmd.Flags().DurationVar(&timeout, "timeout", healthTimeout, "wait so long for the answers")
	return cmd
}

func (a *app) healthcheck(ctx context.Context, ready bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	a.daemon = c // whose time zone is shown
	var said healthReport
	if said.Health, err = c.Health(ctx); err != nil {
		return lateAnswer(err, "the daemon", "see what its log says; if it hangs for good, restart it")
	}
	if !said.Alive {
		return &eml.Problem{What: fmt.Sprintf("the loops that send do not go round (process %d)", said.PID),
			Hint: "see what its log says; a disk that hangs does this. If it lasts, restart the daemon"}
	}
	if ready {
		if err := a.askReady(ctx, &said); err != nil {
			return err
		}
	}
	return one(a, said, func(r *report) {
		r.line("alive: %s, process %d, up since %s", eml.Visible(said.Version), said.PID, r.when(said.Started))
		if said.Answer != "" {
			r.line("ready: %s", eml.Visible(said.Answer))
		}
	})
}

// askReady asks /readyz where monitoring does.
func (a *app) askReady(ctx context.Context, said *healthReport) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	address, client := readyAddress(cfg), readyClient()
	if address == "" {
		return &eml.Problem{What: "neither web.metrics_listen nor web.listen is set: nobody answers /readyz", Hint: `set metrics_listen = "127.0.0.1:9252" in [web]`}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return lateAnswer(err, address+"/readyz", "is web.metrics_listen the same that the daemon was started with?")
	}
	defer resp.Body.Close() // read as far as needed
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReadyAnswer))
	if err != nil {
		return lateAnswer(err, address+"/readyz", "try again")
	}
	said.Answer = strings.TrimSpace(string(text))
	if resp.StatusCode != http.StatusOK {
		return &eml.Problem{What: "the daemon lives and is not ready: " + said.Answer, Hint: "see what is held, and why, with: pabal status"}
	}
	good := true
	said.Ready = &good
	return nil
}

// readyClient takes any certificate: it asks this host, under an address that no
// certificate has.
func readyClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// readyAddress is the URL at which this host reaches /readyz, "" if nowhere.
func readyAddress(c *Config) string {
	scheme := "http://"
	for i, address := range []string{c.Web.MetricsListen, c.Web.Listen} {
		if i == 1 && c.Web.TLSCertificate != "" {
			scheme = "https://"
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		switch host {
		case "", "0.0.0.0":
			host = "127.0.0.1"
		case "::":
			host = "::1"
		}
		return scheme + net.JoinHostPort(host, port)
	}
	return ""
}

// lateAnswer names whom nobody heard of in time.
func lateAnswer(err error, who, hint string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &eml.Problem{What: who + " did not answer in time", Hint: hint, Err: err}
	}
	if _, ok := errors.AsType[*eml.Problem](err); ok {
		return err
	}
	return &eml.Problem{What: who + ": " + err.Error(), Hint: hint, Err: err}
}
