package smtpd

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	authLimit    = 30 * time.Second // for a check to have its turn
	authDelay    = time.Second      // before the first refusal is said; it doubles
	maxAuthFails = 3                // of a connection, then it ends
)

// AuthMechanisms implements smtp.AuthSession: none where passwords would be
// read on the way, or where nobody can log in.
func (s *session) AuthMechanisms() []string {
	if s.wire.tls == nil && s.wire.remote {
		return nil
	}
	if !s.server.anyUser() {
		return nil
	}
	return []string{"PLAIN", "LOGIN"}
}

// anyUser reports whether somebody can log in.
func (s *Server) anyUser() bool {
	if s.Users == nil {
		return false
	}
	some, err := s.Users.Any()
	if err != nil {
		s.log().Error("smtp users not read", "err", err)
	}
	return some
}

// Auth begins a login.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch {
	case s.open:
		return nil, s.refuse(503, "5.5.1", "AUTH comes before MAIL; send RSET to begin again")
	case s.wire.tls == nil && s.wire.remote:
		return nil, s.refuse(538, "5.7.11", "a password would be readable on the way; send STARTTLS first")
	case !s.server.anyUser():
		return nil, s.refuse(502, "5.5.1", "nobody can log in here; make a user with pabal smtp-user add")
	case s.server.guard.barred(s.wire.source, ""):
		return nil, s.tooMany()
	}
	switch mechanism {
	case "PLAIN":
		return &plainLogin{session: s}, nil
	case "LOGIN":
		return &loginLogin{session: s}, nil
	}
	return nil, s.refuse(504, "5.5.4", "only AUTH PLAIN and AUTH LOGIN are offered")
}

// plainLogin is RFC 4616: authorisation, user and password between NULs.
type plainLogin struct {
	session *session
	asked   bool
}

func (p *plainLogin) Next(response []byte) ([]byte, bool, error) {
	if response == nil && !p.asked {
		p.asked = true
		return nil, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return nil, false, p.session.refuse(501, "5.5.2", "AUTH PLAIN takes NUL user NUL password, in base64")
	}
	return nil, true, p.session.login(string(parts[1]), string(parts[2]))
}

// loginLogin is the LOGIN of draft-murchison-sasl-login: one question each.
type loginLogin struct {
	session *session
	user    *string
	asked   bool
}

func (l *loginLogin) Next(response []byte) ([]byte, bool, error) {
	switch {
	case l.user == nil && response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case l.user == nil:
		user := string(response)
		l.user = &user
		return []byte("Password:"), false, nil
	}
	return nil, true, l.session.login(*l.user, string(response))
}

// login checks a password. A refusal takes longer each time; the third ends
// the connection, and a source that goes on elsewhere is not heard for a while.
func (s *session) login(user, password string) error {
	if s.server.guard.barred(s.wire.source, user) {
		return s.tooMany()
	}
	ctx, cancel := context.WithTimeout(s.ctx, authLimit)
	defer cancel()
	good, err := s.server.Users.Check(ctx, user, password)
	if err != nil {
		s.log.Error("login not checked", "err", err)
		return s.refuse(454, "4.7.0", "the password could not be checked, try again later")
	}
	if good {
		s.wire.user = user
		return nil
	}
	s.server.counts.logins.Add(1)
	s.server.guard.failed(s.wire.source, user)
	s.wire.authFails++
	s.log.Warn("login refused", "client", s.wire.RemoteAddr().String(), "attempt", s.wire.authFails)
	s.wait(s.server.authDelay << (s.wire.authFails - 1))
	if s.wire.authFails >= maxAuthFails {
		s.wire.last()
		return s.refuse(421, "4.7.0", "too many wrong passwords, closing")
	}
	return s.refuse(535, "5.7.8", "user or password is wrong; see pabal smtp-user list")
}

func (s *session) tooMany() error {
	return s.refuse(454, "4.7.0", "too many wrong passwords from this address, try again later")
}

// wait holds an answer back; a stop ends it.
func (s *session) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// mayMail refuses a client that has not shown that it may send.
func (s *session) mayMail() error {
	switch {
	case !s.wire.mustLogin || s.wire.user != "":
		return nil
	case s.wire.tls == nil:
		return s.refuse(530, "5.7.0", "say STARTTLS and log in with AUTH first")
	}
	return s.refuse(530, "5.7.0", "log in with AUTH first")
}

var _ smtp.AuthSession = (*session)(nil)

// protocol is what our Received field calls the way a mail came, RFC 3848.
func (w *wire) protocol() string {
	if !w.extended {
		return "SMTP"
	}
	var name strings.Builder
	name.WriteString("ESMTP")
	if w.tls != nil {
		name.WriteByte('S')
	}
	if w.user != "" {
		name.WriteByte('A')
	}
	return name.String()
}
