package cli

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	scriptPatience  = 30 * time.Second
	scriptPollEvery = 50 * time.Millisecond
)

// hanging lets what the tests start hear SIGHUP although nohup started them.
type hanging struct{ *testing.M }

func (h hanging) Run() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	return h.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(hanging{m}, map[string]func(){
		"pabal":      func() { os.Exit(profiled()) },
		"sendmail":   func() { os.Exit(profiled()) },
		"mailq":      func() { os.Exit(profiled()) },
		"newaliases": func() { os.Exit(profiled()) },
	})
}

// profiling names the variable with the file name that a pabal started by a
// test writes its CPU profile to, with its pid behind.
const profiling = "TEST_PROFILE"

func profiled() int {
	if name := os.Getenv(profiling); name != "" {
		f, err := os.Create(fmt.Sprintf("%s.%d", name, os.Getpid()))
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			panic(err) // somebody asked for a profile that cannot be had
		}
		defer pprof.StopCPUProfile()
	}
	return Main(os.Args, os.Stdin, os.Stdout, os.Stderr)
}

// TestScripts runs every user story of testdata with the real binary.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) < 4 {
		t.Fatalf("found the stories %v, %v", files, err)
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: setUpScript,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"until": until, "ports": ports, "subst": subst, "wall": wall, "weekday": weekday},
	})
}

// setUpScript gives a script a store, a socket and ports of its own.
func setUpScript(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("LANG", "en_US.UTF-8")
	env.Setenv("TZ", "Asia/Seoul")
	env.Setenv("PABAL_DATA_DIR", env.WorkDir+"/data")
	env.Setenv("PABAL_CONTROL_SOCKET", env.WorkDir+"/run/c.sock")
	env.Setenv("PABAL_WEB_METRICS_LISTEN", "")
	env.Setenv("AWS_ACCESS_KEY_ID", "test")
	env.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return nil
}

// until runs a command again and again until it succeeds; with a pattern in
// front (until -match TEXT CMD…) until its output contains the text.
func until(ts *testscript.TestScript, neg bool, args []string) {
	want := ""
	if len(args) > 2 && args[0] == "-match" {
		want, args = args[1], args[2:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until [-match TEXT] COMMAND…")
	}
	deadline := time.After(scriptPatience)
	tick := time.NewTicker(scriptPollEvery)
	defer tick.Stop()
	for {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = ts.Getenv("WORK")
		for _, name := range []string{"HOME", "PATH", "LANG", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED",
			"PABAL_DATA_DIR", "PABAL_CONTROL_SOCKET", "PABAL_SES_ENDPOINT", "PABAL_SES_CONFIGURATION_SET", "PABAL_FEEDBACK_SQS_QUEUE_URL"} {
			cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
		}
		if at := ts.Getenv("PABAL_WEB_METRICS_LISTEN"); at != "" { // healthcheck --ready asks there
			cmd.Env = append(cmd.Env, "PABAL_WEB_METRICS_LISTEN="+at)
		}
		out, err := cmd.CombinedOutput()
		if err == nil && strings.Contains(string(out), want) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("gave up after %v: %v\n%s", scriptPatience, err, out)
		}
	}
}

// subst replaces $NAME in a file by the script's variables.
func subst(ts *testscript.TestScript, neg bool, files []string) {
	for _, file := range files {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// wall sets a variable to what a clock in Seoul shows so long from now: wall AT 720h.
func wall(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], fromNow(ts, args).Format("2006-01-02T15:04:05"))
}

// weekday sets a variable to the day it is in Seoul so long from now, as in mon.
func weekday(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], strings.ToLower(fromNow(ts, args).Format("Mon")))
}

func fromNow(ts *testscript.TestScript, args []string) time.Time {
	if len(args) != 2 {
		ts.Fatalf("usage: wall|weekday NAME DURATION")
	}
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	return time.Now().Add(d).In(time.FixedZone("KST", 9*60*60))
}
