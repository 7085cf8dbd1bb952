package smtpd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestOnlyLoopbackIsServed(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:25", "mail.example.com:25", "127.0.0.1", "",
		"[::ffff:0.0.0.0]:0", "[::ffff:192.0.2.1]:25", "[0:0:0:0:0:0:0:0]:0", "[fe80::1%lo]:0", "0:0", "2130706433:0", "127.1:0", "*:0"} {
		s := newServer(&memory{})
		s.Listen = []string{"127.0.0.1:0", address}
		got, err := s.Bind()
		var refused *ListenError
		if !errors.As(err, &refused) || refused.Message == "" || refused.Hint == "" || got != nil {
			t.Errorf("Bind %q: %v, %v, want a ListenError with a hint", address, got, err)
			continue
		}
		if conn, err := net.Dial("tcp", s.listeners[0].Addr().String()); err == nil {
			conn.Close()
			t.Errorf("Bind %q left the first listener open", address)
		}
	}
}

// TestAdoptedListenersKeepTheRules has listeners that somebody else opened.
func TestAdoptedListenersKeepTheRules(t *testing.T) {
	listen := func(address string) net.Listener {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // again, where it was served
		return l
	}
	s := newServer(&memory{})
	var refused *ListenError
	if err := s.Adopt(listen("0.0.0.0:0"), false); !errors.As(err, &refused) || !strings.Contains(refused.Message, "anybody who reaches it") {
		t.Errorf("beyond this host: %v", err)
	}
	if err := s.Adopt(listen("127.0.0.1:0"), true); !errors.As(err, &refused) || !strings.Contains(refused.Message, "no certificate") {
		t.Errorf("TLS without a certificate: %v", err)
	}
	l := listen("127.0.0.1:0")
	if err := s.Adopt(l, false); err != nil {
		t.Fatal(err)
	}
	start(t, s)
	dial(t, l.Addr().String()).play("< 220")
}

func TestPortInUseIsSaid(t *testing.T) {
	first := newServer(&memory{})
	address := start(t, first)
	second := newServer(&memory{})
	second.Listen = []string{address}
	_, err := second.Bind()
	var used *ListenError
	if !errors.As(err, &used) || !strings.Contains(used.Hint, "another mail server") {
		t.Errorf("got %v, want a hint at the other server", err)
	}
}

func TestConnectionsPastTheCapGet421(t *testing.T) {
	s := newServer(&memory{})
	s.MaxConnections = 2
	address := start(t, s)
	first, second := dial(t, address), dial(t, address)
	first.play("< 220")
	second.play("< 220")
	dial(t, address).play("< 421 4.7.0\n< END")
	if st := s.Stats(); st.Connections != 2 || st.Refused != 1 {
		t.Errorf("stats %+v, want 2 connections and 1 refused", st)
	}
	first.play("> QUIT\n< 221\n< END")
	// The place is free a moment after the client saw the end.
	for deadline := time.Now().Add(10 * time.Second); ; {
		c := dial(t, address)
		if strings.HasPrefix(c.reply(), "220") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a client that left was not given to another")
		}
	}
}

// running starts a server the test stops itself.
func running(t *testing.T, s *Server) (address string, stop context.CancelFunc, ended chan error) {
	t.Helper()
	s.Listen = []string{"127.0.0.1:0"}
	addresses, err := s.Bind()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return addresses[0], cancel, ended
}

// clearAndTLS runs a test in the clear and over TLS; open starts a server and
// connects to it.
func clearAndTLS(t *testing.T, test func(t *testing.T, open func(*Server) *talker)) {
	t.Run("clear", func(t *testing.T) {
		test(t, func(s *Server) *talker { return dial(t, start(t, s)) })
	})
	t.Run("tls", func(t *testing.T) {
		test(t, func(s *Server) *talker {
			_, implicit := startTLS(t, s)
			c := dial(t, implicit)
			c.secure()
			return c
		})
	})
}

// stopInClearAndTLS is clearAndTLS for a server that the test stops.
func stopInClearAndTLS(t *testing.T, test func(t *testing.T, open func(*Server) (*talker, context.CancelFunc, chan error))) {
	t.Run("clear", func(t *testing.T) {
		test(t, func(s *Server) (*talker, context.CancelFunc, chan error) {
			address, stop, ended := running(t, s)
			return dial(t, address), stop, ended
		})
	})
	t.Run("tls", func(t *testing.T) {
		test(t, func(s *Server) (*talker, context.CancelFunc, chan error) {
			s.TLS, s.TLSListen = certificate(t).Config(), []string{"127.0.0.1:0"}
			_, stop, ended := running(t, s)
			c := dial(t, s.listeners[1].Addr().String())
			c.secure()
			return c, stop, ended
		})
	})
}

const toText = "< 220\n> EHLO c\n< 250\n> MAIL FROM:<a@b.c>\n< 250\n> RCPT TO:<kim@example.com>\n< 250\n> DATA\n< 354"

func TestStopSays421ToIdleClients(t *testing.T) {
	address, stop, ended := running(t, newServer(&memory{}))
	idle, greeted := dial(t, address), dial(t, address)
	idle.play("< 220")
	greeted.play("< 220\n> EHLO c\n< 250")
	stop()
	idle.play("< 421 4.3.2\n< END")
	greeted.play("< 421 4.3.2\n< END")
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("still listening after Run")
	}
}

func TestStopLetsATextOnItsWayArrive(t *testing.T) {
	stopInClearAndTLS(t, func(t *testing.T, open func(*Server) (*talker, context.CancelFunc, chan error)) {
		q := &memory{}
		s := newServer(q)
		c, stop, ended := open(s)
		c.play(toText)
		c.send(plain[:40])
		stop()
		c.send(plain[40:] + ".\r\n")
		c.play("< 250\n< 421 4.3.2\n< END")
		if err := <-ended; err != nil || len(q.all()) != 1 {
			t.Errorf("Run: %v; %d messages, want 1", err, len(q.all()))
		}
	})
}

func TestStopCutsATextThatDoesNotEnd(t *testing.T) {
	stopInClearAndTLS(t, func(t *testing.T, open func(*Server) (*talker, context.CancelFunc, chan error)) {
		q := &memory{}
		s := newServer(q)
		s.grace = 50 * time.Millisecond
		c, stop, ended := open(s)
		c.play(toText)
		c.send(plain)
		stop()
		if err := <-ended; err != nil || len(q.all()) != 0 {
			t.Errorf("Run: %v; %d messages, want none", err, len(q.all()))
		}
	})
}

func TestStopWaitsForACommit(t *testing.T) {
	stopInClearAndTLS(t, func(t *testing.T, open func(*Server) (*talker, context.CancelFunc, chan error)) {
		q := &memory{hold: make(chan struct{}), arrived: make(chan struct{}, 1)}
		s := newServer(q)
		s.grace = 10 * time.Millisecond
		c, stop, ended := open(s)
		c.play(toText)
		c.send(plain + ".\r\n")
		<-q.arrived
		stop()
		select {
		case <-ended:
			t.Fatal("Run returned with a message between Put and its commit")
		case <-time.After(100 * time.Millisecond):
		}
		close(q.hold)
		if err := <-ended; err != nil || len(q.all()) != 1 {
			t.Errorf("Run: %v; %d messages, want 1", err, len(q.all()))
		}
	})
}

func TestIdleClientGets421(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		s := newServer(&memory{})
		s.idle = 30 * time.Millisecond
		open(s).play("< 220\n< 421 4.4.2\n< END")
	})
}

func TestHalfALineIsNotRunWhenItsTimeIsOver(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		s := newServer(&memory{})
		s.idle = 30 * time.Millisecond
		c := open(s)
		c.play("< 220")
		c.send("EHLO c\r\nNOOP")
		c.play("< 250\n< 421 4.4.2\n< END")
	})
}

func TestTextWithoutEndGets421AndIsLogged(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		q := &memory{}
		s := newServer(q)
		s.idle = 30 * time.Millisecond
		c := open(s)
		c.play(toText)
		c.send("From: a@shop.example\n\nLF only\n.\n")
		c.play("< 421 4.4.2 no end of data")
		if len(q.all()) != 0 {
			t.Error("half a message was stored")
		}
	})
}

func TestSlowButLiveClientIsServed(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		q := &memory{}
		s := newServer(q)
		s.idle = 300 * time.Millisecond
		c := open(s)
		c.play(toText)
		tick := time.NewTicker(20 * time.Millisecond) // 1 s in all, more than any one deadline
		defer tick.Stop()
		text := plain + ".\r\n"
		for i := 0; i < len(text); i += 4 {
			<-tick.C
			c.send(text[i:min(i+4, len(text))])
		}
		c.play("< 250")
	})
}

func TestLargeTextMayTakeLonger(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		q := &memory{}
		s := newServer(q)
		s.text = 50 * time.Millisecond
		c := open(s)
		c.play(toText)
		c.send(plain + strings.Repeat("x", 3*textPace) + "\r\n")
		<-time.After(200 * time.Millisecond) // three seconds more were earned
		c.send("end\r\n.\r\n")
		c.play("< 250")
	})
}

func TestSlowestClientIsCutInTheEnd(t *testing.T) {
	clearAndTLS(t, func(t *testing.T, open func(*Server) *talker) {
		s := newServer(&memory{})
		s.text = 100 * time.Millisecond
		c := open(s)
		c.play(toText)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
					io.WriteString(c.conn, "x")
				}
			}
		}()
		c.play("< 421 4.4.2 no end of data")
	})
}

func TestClientThatLeavesInsideATextStoresNothing(t *testing.T) {
	stopInClearAndTLS(t, func(t *testing.T, open func(*Server) (*talker, context.CancelFunc, chan error)) {
		q := &memory{}
		s := newServer(q)
		c, stop, ended := open(s)
		c.play(toText)
		c.send(plain)
		c.conn.Close()
		stop()
		if err := <-ended; err != nil || len(q.all()) != 0 {
			t.Errorf("Run: %v; %d messages, want none", err, len(q.all()))
		}
	})
}
