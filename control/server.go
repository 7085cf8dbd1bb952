package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pabal/alarm"
	"pabal/audience"
	"pabal/audit"
	"pabal/campaign"
	"pabal/eml"
	"pabal/sesclient"
	"pabal/spool"
	"pabal/syncer"
)

const (
	headerTimeout = 5 * time.Second
	stopTimeout   = 2 * time.Second // for answers that are being written when the daemon stops
	dialTimeout   = time.Second     // to learn whether a socket that is there is alive
	maxSocketPath = 107             // sun_path of unix(7) holds 108 bytes with its NUL
)

// Server is the daemon's end of the socket. Its methods are called by one
// goroutine; requests are served at the same time.
type Server struct {
	Socket    string
	Version   string
	People    *audience.Store
	Campaigns *campaign.Store
	Spool     *spool.Spool
	SES       *sesclient.Client
	Sync      *syncer.Syncer                  // nil: the audience has no source
	Feedback  func() sesclient.FeedbackStatus // nil: none is read
	Zone      *time.Location                  // of dates in segments and of times people read; nil means Asia/Seoul
	Domains   func() []sesclient.DomainAlarm  // of senders, those that are amiss; nil: they are not watched
	Alarms    *alarm.Watch                    // nil: none
	Audit     *audit.Log                      // of changes; nil: none
	Inbox     Inbox                           // where people put files to import; an empty Folder: nowhere
	SMTP      func() any                      // the smtp part of status; nil: none
	Failures  func() (any, error)             // the failures part of status; nil: none
	Alive     func() bool                     // whether the loops that send go round; nil: they do
	Retention Retainer                        // nil: nothing is removed
	Logger    *slog.Logger                    // nil discards

	Backup func(context.Context, io.Writer) error // writes an archive of all stores; nil: none is made

	mirroring sync.Mutex // held while the account's suppression list is pulled or pushed
	bundles   sync.Mutex // held while a template with images is read
	backups   sync.Mutex // held while a backup is made

	started  time.Time
	listener net.Listener
	running  context.Context // ends when the daemon stops; changes outlive their connection but not this
}

func (s *Server) zone() *time.Location {
	if s.Zone != nil {
		return s.Zone
	}
	return time.FixedZone("Asia/Seoul", 9*60*60)
}

// Bind opens the socket: its directory 0750 where it must be made, the socket
// 0660. A socket that is there is removed only when nobody answers on it.
func (s *Server) Bind() error {
	if len(s.Socket) > maxSocketPath {
		return &eml.Problem{What: fmt.Sprintf("the control socket's path has %d bytes, the system takes %d: %s", len(s.Socket), maxSocketPath, s.Socket),
			Hint: "set a shorter [control] socket"}
	}
	if err := makeSocketDir(filepath.Dir(s.Socket)); err != nil {
		return fmt.Errorf("make directory of control socket: %w", err)
	}
	if err := removeStale(s.Socket); err != nil {
		return err
	}
	l, err := net.Listen("unix", s.Socket)
	if err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(s.Socket, 0o660); err != nil {
		return errors.Join(err, l.Close())
	}
	s.listener, s.started = l, time.Now()
	return nil
}

func makeSocketDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return os.Chmod(dir, 0o750) // whatever the umask
}

func removeStale(socket string) error {
	info, err := os.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at control socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return &eml.Problem{What: socket + " is there and is not a socket", Hint: "move it away, or set another [control] socket"}
	}
	conn, err := net.DialTimeout("unix", socket, dialTimeout)
	if err == nil {
		return errors.Join(&eml.Problem{What: "another daemon answers on " + socket, Hint: "stop it first, or set another [control] socket"}, conn.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("ask who owns the control socket: %w", err)
	}
	return os.Remove(socket)
}

// Close closes a socket that was bound and will not be run.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// Run serves until ctx ends; answers being written then have two seconds.
func (s *Server) Run(ctx context.Context) error {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	s.running = ctx
	if err := s.Inbox.make(); err != nil {
		s.Logger.Warn("inbox not made", "err", err)
	}
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
		ConnContext:       withPeer,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := server.Shutdown(limit); err != nil {
			stopped <- server.Close()
			return
		}
		stopped <- nil
	}()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve control socket: %w", err)
	}
	return <-stopped
}

// Peer is who is at the other end of the socket.
type Peer struct {
	UID int // -1: not known
	GID int // -1: not known
	PID int // 0: not known
}

type peerKey struct{}

// withPeer keeps the caller's identity, as the kernel vouches for it.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	peer := Peer{UID: -1, GID: -1}
	if unixConn, ok := conn.(*net.UnixConn); ok {
		if raw, err := unixConn.SyscallConn(); err == nil {
			err = raw.Control(func(fd uintptr) {
				if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
					peer = Peer{UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid)}
				}
			})
			if err != nil {
				peer = Peer{UID: -1, GID: -1}
			}
		}
	}
	return context.WithValue(ctx, peerKey{}, peer)
}

func peerOf(ctx context.Context) Peer {
	peer, ok := ctx.Value(peerKey{}).(Peer)
	if !ok {
		return Peer{UID: -1, GID: -1}
	}
	return peer
}
