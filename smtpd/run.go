package smtpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"
)

// Run serves until ctx ends; idle sessions then get 421, a text on its way has
// a grace of 5 s. It returns when every session has ended, an error when a
// listener fails before that. Bind comes first.
func (s *Server) Run(ctx context.Context) error {
	gs := s.protocol(ctx)
	accepting, until := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		accepting.Go(func() error {
			err := gs.Serve(l)
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		})
	}
	if s.drop != nil {
		accepting.Go(func() error { s.drop.run(until); return nil })
	}
	s.log().Info("smtp server started", "listen", s.Stats().Listen)
	<-until.Done() // ctx, or a listener failed
	err := errors.Join(s.closeListeners(), accepting.Wait())
	s.stop(gs)
	s.log().Info("smtp server stopped", "accepted", s.counts.accepted.Load(), "refused", s.counts.refused.Load())
	return err
}

// protocol is go-smtp, with everything switched off that the wire does itself:
// line length, deadlines and the size of the text.
func (s *Server) protocol(ctx context.Context) *smtp.Server {
	gs := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return newSession(ctx, s, c), nil
	}))
	gs.Domain = s.hostname()
	gs.MaxLineLength = 0
	gs.MaxMessageBytes = s.maxMessageSize()
	gs.MaxRecipients = min(or(s.MaxRecipients, defaultRecipients), defaultRecipients)
	gs.AllowInsecureAuth = true // whether it is allowed the session knows
	gs.ErrorLog = protocolLog{s.log()}
	return gs
}

// stop ends the sessions. go-smtp's Shutdown waits for idle clients without
// end, so each wire is woken: one between commands says 421, one inside a text
// goes on until the grace is over.
func (s *Server) stop(gs *smtp.Server) {
	s.stopAt.Store(time.Now().Add(s.grace).UnixNano())
	s.eachWire(func(w *wire) { w.Conn.SetReadDeadline(time.Now()) })
	ended := make(chan error, 1)
	go func() { ended <- gs.Shutdown(context.Background()) }()
	grace := time.NewTimer(s.grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		s.eachWire(func(w *wire) { w.Conn.Close() })
		<-ended // what is in Put ends within putLimit
	}
}

func (s *Server) eachWire(do func(*wire)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.wires {
		do(w)
	}
}

// stopping is when texts on their way are cut; ok is false while running.
func (s *Server) stopping() (at time.Time, ok bool) {
	ns := s.stopAt.Load()
	return time.Unix(0, ns), ns != 0
}

// protocolLog takes go-smtp's messages about broken connections and panics.
type protocolLog struct{ log *slog.Logger }

func (l protocolLog) Printf(format string, v ...any) {
	l.log.Warn("smtp session ended badly", "err", fmt.Sprintf(format, v...))
}

func (l protocolLog) Println(v ...any) {
	l.log.Warn("smtp session ended badly", "err", fmt.Sprint(v...))
}
