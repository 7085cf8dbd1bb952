package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// reservePort keeps a port of loopback for a program that is told of it, as
// long as release is not called. A port that is found free and closed again
// goes to whoever asks next, which in tests beside each other happens. One that
// is bound but not listened on goes to nobody who asks for any (of 20,000 that
// were asked for none was it), and still to those that name it and have
// SO_REUSEADDR, as servers do.
func reservePort() (address string, release func() error, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		return "", nil, errors.Join(err, syscall.Close(fd))
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), func() error { return syscall.Close(fd) }, nil
}

// freePort is an address that is the test's to its end.
func freePort(t testing.TB) string {
	t.Helper()
	address, release, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return address
}

// ports sets the variables named to ports that are the script's to its end.
func ports(ts *testscript.TestScript, neg bool, names []string) {
	for _, name := range names {
		address, release, err := reservePort()
		ts.Check(err)
		ts.Defer(func() { ts.Check(release()) })
		_, port, err := net.SplitHostPort(address)
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

func TestReservedPortIsForWhoKnowsIt(t *testing.T) {
	address := freePort(t)
	for range 2 { // a server may be started again
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", address); err != nil {
			t.Error(err)
		} else if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	none := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0) }); failed != nil {
			return failed
		}
		return err
	}}
	if l, err := none.Listen(t.Context(), "tcp", address); err == nil {
		t.Errorf("%s was free: %v", address, l.Close())
	} else if !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
}
