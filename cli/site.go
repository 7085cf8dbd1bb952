package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"pabal/eml"
)

const (
	webHeaderTimeout = 5 * time.Second
	webReadTimeout   = 10 * time.Second // an unsubscribe form is small
	webWriteTimeout  = 30 * time.Second
	webIdleTimeout   = 60 * time.Second
	webStopTimeout   = 2 * time.Second
)

// site is an HTTP listener with what it serves.
type site struct {
	listener net.Listener
	handler  http.Handler
	tls      *tls.Config // nil: in the clear
}

func (d *daemon) listen(key, address string, handler http.Handler, secure *tls.Config) (string, error) {
	if address == "" {
		return "", nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", &eml.Problem{What: key + ": " + err.Error(), Hint: "see who has the port with: ss -ltnp; or set another one", Err: err}
	}
	d.sites = append(d.sites, &site{l, handler, secure})
	return l.Addr().String(), nil
}

// run serves a site until ctx ends.
func (s *site) run(ctx context.Context, logger *slog.Logger) error {
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: webHeaderTimeout, ReadTimeout: webReadTimeout,
		WriteTimeout: webWriteTimeout, IdleTimeout: webIdleTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug)}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), webStopTimeout)
		defer cancel()
		stopped <- server.Shutdown(limit)
	}()
	serve := func() error { return server.Serve(s.listener) }
	if s.tls != nil {
		server.TLSConfig = s.tls
		serve = func() error { return server.ServeTLS(s.listener, "", "") }
	}
	if err := serve(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve web: %w", err)
	}
	if err := <-stopped; err != nil {
		return server.Close()
	}
	return nil
}
