package smtpd

import (
	"crypto/tls"
	"fmt"
	"time"
)

// handshakeLimit is for the whole TLS handshake.
const handshakeLimit = 30 * time.Second

// startTLS answers STARTTLS, RFC 3207. Where there is no TLS, go-smtp answers.
func (w *wire) startTLS(line []byte, arg string) ([]byte, error) {
	switch {
	case w.server.TLS == nil:
		return line, nil
	case w.tls != nil:
		return nil, w.say("503 5.5.1 this is TLS already")
	case len(line) > len("STARTTLS\r\n") || arg != "":
		return nil, w.say("501 5.5.4 STARTTLS stands alone")
	case w.user != "":
		return nil, w.say("503 5.5.1 STARTTLS comes before AUTH")
	case len(w.in) > 0: // commands put in by somebody on the way, CVE-2011-0411
		return nil, w.end("421 4.7.0 nothing may follow STARTTLS before its reply")
	}
	w.say("220 2.0.0 go ahead")
	if err := w.flush(); err != nil {
		return nil, err
	}
	if err := w.handshake(); err != nil {
		return nil, err
	}
	w.greeted, w.extended = false, false
	return nil, nil
}

// handshake puts TLS over the socket. If it fails nothing more is said: the
// client would not understand it, and somebody in between might.
func (w *wire) handshake() error {
	conn := tls.Server(w.Conn, w.server.TLS)
	w.Conn.SetDeadline(time.Now().Add(handshakeLimit))
	if _, stopping := w.server.stopping(); stopping { // its wake may have come before our deadline
		w.Conn.SetDeadline(time.Now())
	}
	err := conn.Handshake()
	if err != nil {
		w.server.log().Info("tls handshake failed", "client", w.RemoteAddr().String(), "err", err)
		w.out, w.in, w.linger = nil, nil, false
		w.mute = true
		w.err = fmt.Errorf("tls handshake: %w", err)
		return w.err
	}
	w.tls, w.stream = conn, conn
	return nil
}
