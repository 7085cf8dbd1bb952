package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
	"pabal/spool"
)

// What systemd sets in the environment of a service: sd_notify(3),
// sd_watchdog_enabled(3), sd_listen_fds(3), systemd.exec(5) CREDENTIALS.
const (
	notifySocket       = "NOTIFY_SOCKET"
	credentialsFolder  = "CREDENTIALS_DIRECTORY"
	firstInherited     = 3  // SD_LISTEN_FDS_START
	maxInherited       = 32 // sockets
	dsnCredential      = "pabal_mysql-dsn"
	awsCredential      = "pabal_aws"
	awsCredentialsFile = "AWS_SHARED_CREDENTIALS_FILE"
	maxCredential      = 4 << 10                          // bytes of a DSN
	serviceCredentials = "/run/credentials/pabal.service" // while the installed service runs; root may read it
)

const (
	reportEvery = 10 * time.Second // the status that systemctl shows
	// watchdogShare of the watchdog's patience lies between two signs of life, so
	// that one that comes late, or a look at the drain in an unlucky instant, is
	// not the end.
	watchdogShare = 4
)

// manager is the service manager that started the daemon. A nil one is none,
// and takes everything.
type manager struct {
	socket   string        // "": it wants to hear nothing
	sockets  []*os.File    // it opened for us
	patience time.Duration // without a sign of life; 0: no watchdog
	logger   *slog.Logger
	said     string // the last status
}

// newManager is the one of the environment, nil if there is none.
func newManager(environ []string, logger *slog.Logger) (*manager, error) {
	sockets, err := inherited(environ)
	path := variable(environ, notifySocket)
	if err != nil || path == "" && len(sockets) == 0 {
		return nil, err
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:] // the abstract namespace
	}
	m := &manager{socket: path, sockets: sockets, logger: logger}
	if meant(environ, "WATCHDOG_PID") {
		if us, err := strconv.ParseUint(variable(environ, "WATCHDOG_USEC"), 10, 42); err == nil {
			m.patience = time.Duration(us) * time.Microsecond
		}
	}
	return m, nil
}

// supervised reports whether a service manager watches over the daemon.
func (m *manager) supervised() bool { return m != nil && m.socket != "" }

// meant reports whether a variable that names a process leaves this one in: a
// child inherits the variables of its parent.
func meant(environ []string, name string) bool {
	pid := variable(environ, name)
	return pid == "" || pid == strconv.Itoa(os.Getpid())
}

// tell sends one message of sd_notify(3).
func (m *manager) tell(state string) {
	if !m.supervised() {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // a datagram has left or has not
	}
	if err != nil {
		m.logger.Warn("service manager not told", "text", state, "err", err)
	}
}

// drain is what the manager is told about.
type drain interface {
	Alive() bool
	Status() (spool.Status, error)
}

// report tells the manager how the drain is, until ctx ends: a status for
// people, and a sign of life as long as the loops that send go round. When they
// hang, the manager kills the process and starts another.
func (m *manager) report(ctx context.Context, d drain) {
	if !m.supervised() {
		return
	}
	every := reportEvery
	if m.patience > 0 {
		every = min(every, m.patience/watchdogShare)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	d.Alive() // wakes the loops for the first look
	for {
		m.sayStatus(d)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if m.patience == 0 {
			continue
		}
		if d.Alive() {
			m.tell("WATCHDOG=1")
			continue
		}
		m.logger.Warn("drain did not go round", "within", every)
	}
}

// sayStatus tells the status where it is another than before.
func (m *manager) sayStatus(d drain) {
	s, err := d.Status()
	text := statusLine(s)
	if err != nil {
		text = err.Error()
	}
	if text = eml.Cut(eml.Visible(text), maxStatusLine); text != m.said {
		m.tell("STATUS=" + text)
		m.said = text
	}
}

const maxStatusLine = 300 // bytes; systemctl status shows it in one line

// statusLine is the queue in a line.
func statusLine(s spool.Status) string {
	text := fmt.Sprintf("queue %s, sending %d, %.0f a second", commas(s.Pending), s.Sending, s.PerSecond)
	if s.OldestSeconds > 0 {
		text += ", oldest waits " + span(float64(s.OldestSeconds))
	}
	for _, h := range s.Held {
		text += "; held " + eml.Visible(string(h.Scope)) + ": " + h.Reason
	}
	return text
}

// inherited are the sockets that systemd opened for this process, by the names
// of their units' FileDescriptorName. They are closed in children.
func inherited(environ []string) ([]*os.File, error) {
	if variable(environ, "LISTEN_PID") == "" || !meant(environ, "LISTEN_PID") {
		return nil, nil
	}
	n, err := strconv.Atoi(variable(environ, "LISTEN_FDS"))
	if err != nil || n < 0 || n > maxInherited {
		return nil, &eml.Problem{What: "LISTEN_FDS is no number of sockets", Hint: fmt.Sprintf("at most %d socket units may belong to the service", maxInherited), Err: err}
	}
	names := strings.Split(variable(environ, "LISTEN_FDNAMES"), ":")
	var files []*os.File
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		unix.CloseOnExec(firstInherited + i)
		files = append(files, os.NewFile(uintptr(firstInherited+i), name))
	}
	return files, nil
}

// bindInherited has the SMTP server listen on what systemd opened, which may be
// a port below 1024 without any right to one.
func (d *daemon) bindInherited() (addresses []string, err error) {
	if d.manager == nil {
		return nil, nil
	}
	for _, f := range d.manager.sockets {
		l, err := net.FileListener(f)
		if _, tcp := l.(*net.TCPListener); err == nil && !tcp {
			err = errors.Join(errors.New("it is not TCP"), l.Close())
		}
		if err := errors.Join(err, f.Close()); err != nil { // the listener has its own
			return nil, &eml.Problem{What: "the socket " + eml.Visible(f.Name()) + " that systemd opened is none to listen on: " + err.Error(),
				Hint: "write ListenStream=127.0.0.1:25 in its unit", Err: err}
		}
		switch f.Name() {
		case "smtp", "submission":
			err = d.smtp.Adopt(l, false)
		case "submissions":
			err = d.smtp.Adopt(l, true)
		default:
			err = &eml.Problem{What: "nobody knows what the socket " + eml.Visible(f.Name()) + " is for", Hint: "write FileDescriptorName=smtp, submission or submissions in its unit"}
		}
		if err != nil {
			return nil, errors.Join(listenProblem("socket unit "+eml.Visible(f.Name()), err), l.Close())
		}
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// readCredential takes the DSN that systemd hands over (LoadCredential), where
// neither a file nor the environment has one.
func (c *Config) readCredential(environ []string) error {
	folder := variable(environ, credentialsFolder)
	if folder == "" || c.syncs() {
		return nil
	}
	path := filepath.Join(folder, dsnCredential)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &eml.Problem{What: "the credential with the DSN cannot be read: " + err.Error(), Hint: "see LoadCredential= of the unit", Err: err}
	case len(text) > maxCredential:
		return &eml.Problem{What: path + " is larger than 4 KB", Hint: "one line: user:password@tcp(host:3306)/database"}
	}
	c.mysqlDSN, c.from.env[dsnKey] = strings.TrimSpace(string(text)), path
	return nil
}

// useAWSCredential has the AWS SDK read the keys that systemd hands over, in the
// form of ~/.aws/credentials. What the environment names wins.
func (a *app) useAWSCredential() {
	folder := variable(a.environ, credentialsFolder)
	if folder == "" || variable(a.environ, awsCredentialsFile) != "" {
		return
	}
	path := filepath.Join(folder, awsCredential)
	if _, err := os.Stat(path); err == nil {
		_ = os.Setenv(awsCredentialsFile, path) // both are fit for the environment
	}
}

// borrowCredentials has a command that looks at what the installed service uses
// see the secrets that systemd handed to it, where this user may.
func (a *app) borrowCredentials(folder string) {
	if _, err := os.ReadDir(folder); err == nil && variable(a.environ, credentialsFolder) == "" {
		a.environ = append(slices.Clone(a.environ), credentialsFolder+"="+folder)
	}
	a.useAWSCredential()
}
