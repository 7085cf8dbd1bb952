package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"pabal/control"
	"pabal/eml"
	"pabal/sesclient"
)

// The results of a check.
const (
	checkPass = "pass"
	checkWarn = "warn" // mail goes, but look at it
	checkFail = "fail"
	checkSkip = "skip" // not looked at, and why
)

// checkTime ends one check that nobody answers.
const checkTime = 20 * time.Second

// examined is one line of doctor.
type examined struct {
	Check  string `json:"check"` // a stable name
	Result string `json:"result"`
	What   string `json:"what"`
	How    string `json:"how"` // to mend it
}

// examination is one run of doctor: it changes nothing, but that a file is
// written into the data folder and removed again.
type examination struct {
	a      *app
	cfg    *Config
	lang   string
	daemon *control.Status // nil: none answers
	ses    *sesclient.Client
	fails  int
	all    int
	err    error // of writing
}

func (a *app) doctorCommand() *cobra.Command {
	var policy, live, yes bool
	cmd := a.command("doctor", "Check everything at once: this host, the configuration, AWS, the domain, MySQL; exit 1 if something fails",
		"pabal doctor\npabal doctor --live\npabal doctor --policy > policy.json", func(ctx context.Context, _ []string) error {
			if policy {
				return a.printPolicy()
			}
			if path, _ := configPath(a.configPath, a.environ); path == systemConfig {
				a.borrowCredentials(serviceCredentials)
			}
			cfg, err := a.config()
			e := &examination{a: a, cfg: cfg}
			if err != nil {
				what, how := parts(err)
				e.say("config", checkFail, what, how)
				return e.verdict()
			}
			if live && !yes {
				if err := a.consent(); err != nil {
					return err
				}
			}
			e.lang = a.language(cfg)
			e.examine(ctx)
			if live && ctx.Err() == nil {
				e.live(ctx)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return e.verdict()
		})
	cmd.Flags().BoolVar(&policy, "policy", false, "print the rights pabal needs in AWS, as an IAM policy, and do nothing else")
	cmd.Flags().BoolVar(&live, "live", false, "mail SES's simulator too, through the daemon, and wait for what it says: three mails that count to the bill")
	cmd.Flags().BoolVar(&yes, "yes", false, "with --live: do not ask")
	return cmd
}

// examine runs the checks in an order in which the first that fails is the one
// to mend first.
func (e *examination) examine(ctx context.Context) {
	for _, check := range []func(context.Context){e.checkConfig, e.checkFolder, e.checkDisk, e.checkSync, e.checkKernel, e.checkClock, e.checkDaemon, e.checkPorts, e.checkCertificates, e.checkService,
		e.checkAWS, e.checkAccount, e.checkSender, e.checkFeedback, e.checkMySQL, e.checkPublicURL} {
		if ctx.Err() != nil {
			return
		}
		short, cancel := context.WithTimeout(ctx, checkTime)
		check(short)
		cancel()
	}
}

// say writes one line; foreign text in it is made visible.
func (e *examination) say(check, result, what, how string) {
	x := examined{check, result, eml.Visible(what), eml.Visible(how)}
	e.all++
	if result == checkFail {
		e.fails++
	}
	e.err = errors.Join(e.err, one(e.a, x, func(r *report) {
		r.line("[%s] %s: %s", x.Result, x.Check, x.What)
		if x.How != "" {
			r.line("       -> %s", x.How)
		}
	}))
}

// refused says what an error says.
func (e *examination) refused(check string, err error) {
	what, how := parts(sesHint(err))
	e.say(check, checkFail, what, how)
}

func (e *examination) verdict() error {
	switch {
	case e.err != nil:
		return e.err
	case e.fails == 1:
		return &eml.Problem{What: fmt.Sprintf("1 of %d checks failed", e.all), Hint: "mend it, then again: pabal doctor"}
	case e.fails > 1:
		return &eml.Problem{What: fmt.Sprintf("%d of %d checks failed", e.fails, e.all), Hint: "mend what fails from the top, then again: pabal doctor"}
	}
	return nil
}

// checkConfig looks at who may change the file: what stands in it is run as pabal.
func (e *examination) checkConfig(context.Context) {
	path := e.cfg.from.path
	info, err := os.Stat(path)
	switch {
	case err != nil:
		e.say("config", checkWarn, "there is no file "+path+": defaults and the environment are in force", "write one: pabal config init")
	case info.Mode().Perm()&0o022 != 0:
		e.say("config", checkFail, fmt.Sprintf("%s may be changed by others (mode %04o)", path, info.Mode().Perm()), "chmod 640 "+path)
	default:
		e.say("config", checkPass, path+" is good", "")
	}
	for _, warning := range e.cfg.warnings() {
		e.say("config", checkWarn, warning, "see pabal config show")
	}
}
