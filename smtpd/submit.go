package smtpd

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pabal/eml"
)

const (
	// userConnections of one user may be open at the same time, so that nobody
	// on the host can take all there are.
	userConnections = 50
	maxSocketPath   = 107 // sun_path of unix(7) holds 108 bytes with its NUL
	dialTimeout     = time.Second
)

// peer is the other end of a conversation that does not come by TCP: a user of
// this host. It is the connection's RemoteAddr.
type peer struct {
	uid  uint32
	once string // name of the drop the mail comes from, "" if from the user directly
}

// Network is "local".
func (p peer) Network() string { return "local" }

// String is how the Received field names the user.
func (p peer) String() string {
	if p.once != "" {
		return fmt.Sprintf("uid %d, from the drop folder", p.uid)
	}
	return fmt.Sprintf("uid %d", p.uid)
}

// peerOf is who talks over a connection; ok is false when it comes by TCP.
func peerOf(conn net.Conn) (peer, bool) {
	p, ok := conn.RemoteAddr().(peer)
	return p, ok
}

// BindSubmit opens a Unix socket that every user of this host may submit to:
// mode 0666, in a folder made 0755 where there is none. The kernel says who
// they are (SO_PEERCRED). A socket that is there is removed when nobody answers
// on it. Call it before Run; it returns a *ListenError.
func (s *Server) BindSubmit(socket string) error {
	wrong := func(what, hint string, err error) error {
		return &ListenError{Address: socket, Message: what, Hint: hint, Err: err}
	}
	if len(socket) > maxSocketPath {
		return wrong(fmt.Sprintf("the path has %d bytes, the system takes %d", len(socket), maxSocketPath), "set a shorter smtp.submit_socket", nil)
	}
	if err := openFolder(filepath.Dir(socket)); err != nil {
		return wrong("the folder cannot be made: "+cause(err), "make it for the user pabal runs as, or set another smtp.submit_socket, \"\" for none", err)
	}
	if err := removeStale(socket); err != nil {
		return wrong(cause(err), "stop what listens there, or set another smtp.submit_socket, \"\" for none", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return wrong(cause(err), "see that the folder belongs to the user pabal runs as, or set another smtp.submit_socket, \"\" for none", err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return wrong(cause(err), "see who owns the folder", errors.Join(err, l.Close()))
	}
	s.addListener(&submitListener{UnixListener: l, server: s, open: map[uint32]int{}})
	return nil
}

func (s *Server) addListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, &listener{Listener: l, server: s})
}

func openFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755) // whatever the umask
}

var errAnswers = errors.New("another daemon answers on it")

func removeStale(socket string) error {
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("it is there and is no socket")
	}
	conn, err := net.DialTimeout("unix", socket, dialTimeout)
	if err == nil {
		return errors.Join(errAnswers, conn.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return os.Remove(socket)
}

// submitListener accepts users of this host and knows who they are.
type submitListener struct {
	*net.UnixListener
	server *Server

	mu   sync.Mutex
	open map[uint32]int // connections of a user
}

// Accept returns the next connection of a user who has not too many.
func (l *submitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := userOf(conn)
		if err == nil && l.enter(uid) {
			return &submitted{UnixConn: conn, peer: peer{uid: uid}, leave: sync.OnceFunc(func() { l.leave(uid) })}, nil
		}
		l.server.counts.refused.Add(1)
		l.server.counts.connected.Add(1)
		(&listener{server: l.server}).turnAway(conn, crowded)
	}
}

func userOf(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var who *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { who, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return who.Uid, nil
}

func (l *submitListener) enter(uid uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uid] >= userConnections {
		return false
	}
	l.open[uid]++
	return true
}

func (l *submitListener) leave(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uid]--; l.open[uid] <= 0 {
		delete(l.open, uid)
	}
}

// submitted is a user's connection.
type submitted struct {
	*net.UnixConn
	peer  peer
	leave func()
}

// RemoteAddr is the user.
func (c *submitted) RemoteAddr() net.Addr { return c.peer }

// Close ends it and makes room for another of the same user.
func (c *submitted) Close() error {
	c.leave()
	return c.UnixConn.Close()
}

// userRates counts the mails of each user: so many a minute, as many at once
// after a minute of rest. The zero value is ready.
type userRates struct {
	mu    sync.Mutex
	users map[uint32]*allowance
}

type allowance struct {
	left float64
	at   time.Time
}

// take counts one mail of a user; false says that it is one too many.
func (r *userRates) take(uid uint32, perMinute int, now time.Time) bool {
	if perMinute <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	most := float64(perMinute)
	a := r.users[uid]
	if a == nil {
		r.trim(now)
		a = &allowance{left: most, at: now}
		r.users[uid] = a
	}
	a.left = min(most, a.left+now.Sub(a.at).Minutes()*most)
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// trim forgets users who have been silent for a minute: they have all of their
// allowance again.
func (r *userRates) trim(now time.Time) {
	if r.users == nil {
		r.users = map[uint32]*allowance{}
	}
	for uid, a := range r.users {
		if now.Sub(a.at) > time.Minute {
			delete(r.users, uid)
		}
	}
}

// withinRate refuses a user of this host who sends too much for now. By TCP nobody
// is known.
func (s *session) withinRate() error {
	p, ok := peerOf(s.conn.Conn())
	if !ok || s.server.rates.take(p.uid, s.server.UserRate, s.server.now()) {
		return nil
	}
	return s.refuse(450, "4.7.1", fmt.Sprintf("user %d sends more than %d mails a minute (smtp.submit_rate), try again later", p.uid, s.server.UserRate))
}

// aliased are the addresses a recipient stands for: a name of this host those
// of the aliases file, any other address itself.
func (s *session) aliased(to string) ([]string, error) {
	if s.server.Aliases == nil {
		return []string{to}, nil
	}
	addresses, err := s.server.Aliases.Resolve(to)
	if problem, ok := errors.AsType[*eml.Problem](err); ok {
		return nil, s.refuse(550, "5.1.1", eml.Visible(problem.What+"; "+problem.Hint))
	}
	if err != nil { // the file cannot be read: no reason to lose a mail
		if s.once() == "" { // of drops, the drop folder says it
			s.log.Error("aliases not read", "err", err)
		}
		return nil, s.refuse(451, "4.3.5", eml.Visible(err.Error()+"; try again later"))
	}
	return addresses, nil
}
